//! Whether AWS knows us, and in what order it is asked: what needs an answer waits for it, all else runs beside it.

use aws_config::SdkConfig;
use tokio::sync::oneshot;

use super::log_groups::{self, Feeds};
use super::sections::{Section, Sections};
use super::{Finding, Verdict, declared, endpoints, metadata, rights};
use crate::aws::account::AwsAccount;
use crate::aws::ask::Asker;
use crate::aws::probe::{self, Welcome};
use crate::config::Config;
use crate::config::identity::{Identity, Origin, environment_region};
use crate::control::Status;
use crate::provision::Wanted;
use crate::telemetry::chain;
use crate::{aws, imds, telemetry};

/// Who this host is and what AWS says to it: sections of their own, each told as soon as it is known. `feeds` comes
/// from Docker, `status` from the daemon; `in_group` hears whether the host is in an Auto Scaling group.
pub(super) async fn look<'a>(
    config: &Config,
    sections: &Sections<'_>,
    feeds: impl Future<Output = Option<Feeds>>,
    status: impl Future<Output = Option<&'a Status>>,
    in_group: oneshot::Sender<bool>,
) {
    let (told, without_token) = tokio::join!(imds::identity(aws::http_client()), metadata::without_token());
    let environment = environment_region(|name| std::env::var(name).ok());
    let host_name = gethostname::gethostname().to_string_lossy().into_owned();
    let identity = Identity::resolve(config, environment.clone(), told.as_ref().ok().cloned(), host_name);
    let needed = Identity::needs_metadata(config, environment.as_deref());
    let mut found = metadata::findings(&told, without_token, needed);
    found.extend([host(&identity), region(&identity)]);
    sections.tell(Section::Metadata, found);

    let sdk = aws::sdk_config(&identity.region).await;
    let known = async {
        let credentials = credentials(&sdk).await;
        let known = credentials.verdict == Verdict::Good;
        sections.tell(Section::Credentials, vec![credentials]);
        known
    };
    let reached = async {
        let (found, reached) = endpoints::findings(config, &identity.region).await;
        sections.tell(Section::Endpoints, found);
        reached
    };
    let (known, reached) = tokio::join!(known, reached);
    let asker = Asker::new(&sdk);
    // What AWS says of a signature from another time would accuse the key.
    let welcome = if known && reached.logs && reached.in_time {
        Some(probe::signed(&sdk, &config.logs.selection.group).await)
    } else {
        None
    };
    // Of worthless credentials one line is enough.
    let asks = matches!(welcome, Some(Welcome::Allowed | Welcome::Denied(_)));
    let of_logs = async {
        let mut found: Vec<Finding> = welcome.map(self::welcome).into_iter().collect();
        if !asks {
            found.extend((found.is_empty() || !refused(&found)).then(not_asked));
            sections.tell(Section::Rights, found);
            return sections.tell(Section::LogGroups, Vec::new());
        }
        let groups = rights::groups(&asker, config).await;
        found.extend(rights::findings(&asker, config, &groups, status.await).await);
        sections.tell(Section::Rights, found);
        let feeds = feeds.await;
        sections.tell(Section::LogGroups, log_groups::findings(&groups, feeds.as_ref(), telemetry::now_ms()));
    };
    let of_account = async {
        let named = if config.metrics.enabled {
            let (named, finding) = group(config, &identity, &sdk, known).await;
            sections.tell(Section::Group, vec![finding]);
            named
        } else {
            sections.tell(Section::Group, Vec::new());
            None
        };
        // Whoever waits for it may be gone: time is over.
        in_group.send(named.is_some()).ok();
        if !(asks && reached.metrics) {
            return sections.tell(Section::Account, Vec::new());
        }
        let mut settings = config.provision.settings.clone();
        if let (Wanted::Find, Some(named)) = (&settings.auto_scaling_group, named) {
            settings.auto_scaling_group = Wanted::Named(named);
        }
        let account = AwsAccount::new(&sdk, &settings);
        let wanted = config.provision.at_start && config.provision.at_start_written;
        let found = Box::pin(declared::findings(&account, &settings, &identity.region, wanted)).await;
        sections.tell(Section::Account, found);
    };
    tokio::join!(of_logs, of_account);
}

/// The host's Auto Scaling group, as the daemon finds it.
async fn group(
    config: &Config,
    identity: &Identity,
    sdk: &SdkConfig,
    known: bool,
) -> (Option<String>, Finding) {
    const WHAT: &str = "Auto Scaling group";
    const MEND: &str = "set host.auto_scaling_group; or allow ec2:DescribeTags (CloudWatchAgentServerPolicy does); or let \
         the metadata service tell tags: --instance-metadata-tags enabled";
    if let Some(group) = &config.host.auto_scaling_group {
        return (Some(group.clone()), Finding::good(WHAT, format!("{group}, from the configuration")));
    }
    if !identity.is_instance() {
        return (None, Finding::good(WHAT, "none: this is no EC2 instance"));
    }
    if let Ok(Some(group)) = imds::auto_scaling_group(aws::http_client()).await {
        let said = format!("{group}, from the instance's tags");
        return (Some(group), Finding::good(WHAT, said));
    }
    if !known {
        return (None, Finding::unsure(WHAT, "unknown, for want of credentials", MEND));
    }
    match aws::tags::auto_scaling_group(sdk, &identity.instance_id).await {
        Ok(Some(group)) => {
            let said = format!("{group}, from EC2");
            (Some(group), Finding::good(WHAT, said))
        }
        Ok(None) => (None, Finding::good(WHAT, "none: the instance has no tag aws:autoscaling:groupName")),
        Err(error) => (None, Finding::unsure(WHAT, chain(&error), MEND)),
    }
}

fn refused(found: &[Finding]) -> bool {
    found.iter().any(|finding| finding.verdict == Verdict::Bad)
}

fn not_asked() -> Finding {
    let detail = "not asked what the role may do, who writes to the log groups, and whether the account is as declared";
    Finding::unsure("role", detail, "mend what is said above, then check again")
}

fn host(identity: &Identity) -> Finding {
    let detail = format!("streams name it {}, {}", identity.instance_id, identity.instance_id_from);
    Finding::good("host", detail)
}

fn region(identity: &Identity) -> Finding {
    let detail = format!("{}, {}", identity.region, identity.region_from);
    match identity.region_from {
        Origin::Default => Finding::unsure(
            "region",
            detail,
            "if that is not where the log groups are, set region in agent.toml",
        ),
        _ => Finding::good("region", detail),
    }
}

async fn credentials(sdk: &SdkConfig) -> Finding {
    const WHAT: &str = "credentials";
    const MEND: &str = "on EC2: attach an instance profile whose role has CloudWatchAgentServerPolicy\n\
         elsewhere: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in the environment; for the \
         service: systemctl edit starttech-agent";
    match probe::credentials(sdk).await {
        Ok(found) if found.expires.is_some_and(|at| at <= telemetry::now()) => {
            Finding::bad(WHAT, format!("from {}, key …{}, but expired", found.provider, found.key_ends), MEND)
        }
        Ok(found) => Finding::good(WHAT, format!("from {}, key …{}", found.provider, found.key_ends)),
        // The SDK lists all its providers, and says so of each.
        Err(error) => {
            Finding::bad(WHAT, chain(&error).replace("the credential provider was not enabled: ", ""), MEND)
        }
    }
}

fn welcome(welcome: Welcome) -> Finding {
    const WHAT: &str = "access";
    match welcome {
        Welcome::Allowed => Finding::good(WHAT, "the credentials are accepted and may use CloudWatch Logs"),
        Welcome::Denied(message) => Finding::unsure(
            WHAT,
            format!("the credentials are accepted, but not for everything: {message}"),
            "attach CloudWatchAgentServerPolicy to the role, or the least that does: /usr/share/starttech-agent/iam/host-minimal.json",
        ),
        Welcome::Refused(code, message) => Finding::bad(
            WHAT,
            format!("AWS refuses the credentials with {code}: {message}"),
            "the key was deleted, mistyped or has expired: renew what the line `credentials` names",
        ),
        Welcome::Unclear(why) => Finding::unsure(
            WHAT,
            format!("nobody can tell: {why}"),
            "try again; the daemon itself never gives up",
        ),
    }
}
