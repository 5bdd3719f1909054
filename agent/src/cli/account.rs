//! What the commands on the account have in common: from the configuration to a plan, and a plan on the
//! terminal.
//!
//! It changes nothing in the account.

use std::time::Duration;

use anyhow::bail;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::ProfileFileRegionProvider;
use serde_json::Value;
use tokio::time::timeout;

use super::from::Files;
use super::output;
use crate::aws::account::AwsAccount;
use crate::aws::probe;
use crate::config::Config;
use crate::config::identity::{Identity, Origin, environment_region};
use crate::provision::desired::{Desired, desired};
use crate::provision::parts::{Missing, Parts, settle};
use crate::provision::plan::{self, Knowledge, Plan, View, text};
use crate::provision::{Account, Actual, CLOUDFRONT_REGION, Refusal, Settings, Wanted, rights};
use crate::telemetry::chain;
use crate::{aws, imds};

/// A laptop has no metadata service, and whoever sits at it waits.
const METADATA: Duration = Duration::from_secs(2);

/// Who asks, and so how much may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A person or a pipeline: whatever may be ours is looked at.
    ByHand,
    /// The daemon of a host, whose own group is the one that is meant. What it has no use for is not asked.
    AtStart,
}

/// The account, not yet looked at.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) account: AwsAccount,
    pub(super) settings: Settings,
    pub(super) region: String,
    /// For the heading.
    origin: Origin,
}

/// Finds region and credentials, without which nothing can be asked.
pub(super) async fn open(config: &Config, asked: Asked) -> anyhow::Result<Opened> {
    let mut settings = config.provision.settings.clone();
    let identity = identity(config, asked).await;
    let sdk = aws::sdk_config(&identity.region).await;
    if let Err(error) = probe::credentials(&sdk).await {
        let said = chain(&error).replace("the credential provider was not enabled: ", "");
        bail!(
            "there are no credentials for AWS: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or on \
             EC2 give the instance a role ({said})"
        );
    }
    if settings.auto_scaling_group == Wanted::Find && identity.is_instance() {
        let group = match imds::auto_scaling_group(aws::http_client()).await {
            Ok(Some(group)) => Some(group),
            // Whether there is none or it is not told: EC2 knows, and where it does not say, metrics may.
            _ => aws::tags::auto_scaling_group(&sdk, &identity.instance_id).await.unwrap_or_default(),
        };
        settings.auto_scaling_group = group.map_or(Wanted::Find, Wanted::Named);
    }
    let account = AwsAccount::new(&sdk, &settings);
    Ok(Opened { account, settings, region: identity.region, origin: identity.region_from })
}

/// The metadata service is asked by hosts for who they are, and by hand where nothing else says the region.
pub(super) async fn identity(config: &Config, asked: Asked) -> Identity {
    let environment = environment_region(|name| std::env::var(name).ok());
    let profile = match (&config.region, &environment) {
        (None, None) => ProfileFileRegionProvider::new().region().await,
        _ => None,
    };
    let known = config.region.is_some() || environment.is_some() || profile.is_some();
    let metadata = if asked == Asked::AtStart || !known {
        timeout(METADATA, imds::identity(aws::http_client())).await.ok().and_then(Result::ok)
    } else {
        None
    };
    let host_name = gethostname::gethostname().to_string_lossy().into_owned();
    let mut identity = Identity::resolve(config, environment, metadata, host_name);
    if let Some(region) = profile
        && identity.region_from != Origin::Metadata
    {
        identity.region = region.to_string();
        identity.region_from = Origin::Profile;
    }
    identity
}

impl Opened {
    /// `account 123456789012, eu-west-1 (from AWS_REGION), prefix starttech`
    pub(super) fn heading(&self, looked: &Looked) -> String {
        format!("account {}, {} ({}), prefix {}", looked.account_id, self.region, self.origin, looked.prefix)
    }
}

/// Opens the account and looks at it, for a person or a pipeline: at everything, or at what files define.
pub(super) async fn by_hand(config: &Config, files: Option<Files>) -> anyhow::Result<(Opened, Looked)> {
    let opened = Box::pin(open(config, Asked::ByHand)).await?;
    let looked = match files {
        Some(files) => Box::pin(files.look(&opened)).await?,
        None => Box::pin(look(&opened.account, &opened.settings, &opened.region, Asked::ByHand)).await?,
    };
    Ok((opened, looked))
}

/// What is there and what shall be.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) account_id: String,
    pub(super) parts: Parts,
    pub(super) desired: Desired,
    pub(super) actual: Actual,
    pub(super) missing: Vec<Missing>,
    /// What could not be asked about the platform's parts.
    pub(super) refusals: Vec<Refusal>,
    /// Where was looked.
    pub(super) regions: Vec<String>,
    /// Whose marks are ours.
    pub(super) prefix: String,
}

/// Looks at the account.
pub(super) async fn look(
    account: &impl Account,
    settings: &Settings,
    region: &str,
    asked: Asked,
) -> anyhow::Result<Looked> {
    let found = account.find().await;
    let mut regions = vec![region.to_owned()];
    let distribution = match &settings.distribution {
        Wanted::Named(_) => true,
        Wanted::Find => !found.distributions.is_empty(),
        Wanted::Nothing => false,
    };
    // By hand, what was there for a distribution of yesterday is found, too.
    if region != CLOUDFRONT_REGION && (distribution || asked == Asked::ByHand) {
        regions.push(CLOUDFRONT_REGION.to_owned());
    }
    let actual = account.read(&regions).await;
    let unreachable = |refusal: &Refusal| matches!(refusal, Refusal::Unreachable(_));
    if actual.held.is_empty()
        && !actual.unread.is_empty()
        && actual.unread.iter().all(|unread| unreachable(&unread.refusal))
        && let Some(first) = actual.unread.first()
    {
        bail!("{}", first.refusal);
    }
    // After the rest, for ARNs that were read tell it as well.
    let account_id = match account.account_id().await {
        Ok(id) => id,
        Err(refusal) => bail!(
            "the account's number, which is in every ARN, is not known: {refusal}; STS says it to anybody with \
             credentials, in a private subnet by the VPC interface endpoint com.amazonaws.{region}.sts"
        ),
    };
    let (parts, missing) = settle(settings, &found, region, &account_id);
    let desired = desired(settings, &parts);
    Ok(Looked {
        account_id,
        parts,
        desired,
        actual,
        missing,
        refusals: found.refusals,
        regions,
        prefix: settings.prefix.clone(),
    })
}

impl Looked {
    /// What to do.
    pub(super) fn plan(&self) -> Plan {
        let knowledge = if self.missing.is_empty() && self.refusals.is_empty() {
            Knowledge::Whole
        } else {
            Knowledge::Partial
        };
        let plan = plan::plan(&self.desired, &self.actual, &self.prefix, knowledge);
        Plan { missing: self.missing.clone(), ..plan }
    }

    /// Everything that was refused in looking, as far as it matters for this plan.
    pub(super) fn refused(&self, plan: &Plan) -> Vec<Refusal> {
        plan.unread.iter().map(|unread| &unread.refusal).chain(&self.refusals).cloned().collect()
    }

    /// The plan as text, with the policy that would let the rest be looked at.
    pub(super) fn shown(&self, plan: &Plan, region: &str, coloured: bool) -> String {
        let view = View { home: region, refusals: &self.refusals, coloured };
        let shown = text(plan, view);
        match policy(&self.refused(plan)) {
            Some(policy) => format!("{shown}\n\n{policy}"),
            None => shown,
        }
    }
}

/// Prints the plan below its heading.
pub(super) fn show(opened: &Opened, looked: &Looked, plan: &Plan) {
    output::result(&output::bold(&opened.heading(looked)));
    output::result(&format!("\n{}", looked.shown(plan, &opened.region, output::coloured())));
}

/// What to add to the role so that nothing of this is refused.
pub(super) fn policy(refused: &[Refusal]) -> Option<String> {
    let statement = rights::statement(refused);
    let any = statement.get("Statement").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
    let text = serde_json::to_string_pretty(&statement).ok().filter(|_| any)?;
    Some(format!(
        "To allow it, add this to the role (/usr/share/starttech-agent/iam/provisioner.json allows all there is):\n{text}"
    ))
}

/// Asks for `yes` at the terminal. Without one, `--yes` says it.
pub(super) fn confirmed(question: &str) -> std::io::Result<bool> {
    output::question(question);
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
