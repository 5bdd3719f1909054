//! Which host this is and which region it is in, out of everything that has an opinion.
//!
//! The asking is done by others: here is only who is believed first.

use std::fmt;

use super::Config;
use crate::imds;

/// Where everything of the platform is: believed if nobody says otherwise.
pub const DEFAULT_REGION: &str = "eu-west-1";

/// AWS's own variables for the region, the first one first.
const REGION_VARIABLES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// This host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Names the host in streams.
    pub instance_id: String,
    /// Who said so.
    pub instance_id_from: Origin,
    /// The AWS region.
    pub region: String,
    /// Who said so.
    pub region_from: Origin,
}

/// Who said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The operator, in our configuration.
    Configuration,
    /// The operator, in AWS's own variables.
    Environment,
    /// The operator, in the profile of AWS's own files.
    Profile,
    /// The instance metadata service.
    Metadata,
    /// The host's name, for want of an instance.
    HostName,
    /// Nobody.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "from the configuration",
            Self::Environment => "from AWS_REGION",
            Self::Profile => "from the AWS profile",
            Self::Metadata => "from the instance metadata service",
            Self::HostName => "the host's name",
            Self::Default => "the default",
        })
    }
}

/// The region in AWS's own variables. `variable` looks one up.
pub fn environment_region(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    REGION_VARIABLES.into_iter().filter_map(variable).find(|region| !region.is_empty())
}

impl Identity {
    /// Whether its name is that of an EC2 instance.
    pub fn is_instance(&self) -> bool {
        self.instance_id.starts_with("i-")
    }

    /// Whether the metadata service has anything to add. Where not, it need not be waited for.
    pub fn needs_metadata(config: &Config, environment_region: Option<&str>) -> bool {
        config.host.instance_id.is_none() || (config.region.is_none() && environment_region.is_none())
    }

    /// Out of what each of them says.
    pub fn resolve(
        config: &Config,
        environment_region: Option<String>,
        metadata: Option<imds::Identity>,
        host_name: String,
    ) -> Self {
        let (metadata_id, metadata_region) = metadata.map(|found| (found.instance_id, found.region)).unzip();
        let from = |origin| move |value| (value, origin);
        let (region, region_from) = None
            .or_else(|| config.region.clone().map(from(Origin::Configuration)))
            .or_else(|| environment_region.map(from(Origin::Environment)))
            .or_else(|| metadata_region.map(from(Origin::Metadata)))
            .unwrap_or_else(|| (DEFAULT_REGION.to_owned(), Origin::Default));
        let (instance_id, instance_id_from) = None
            .or_else(|| config.host.instance_id.clone().map(from(Origin::Configuration)))
            .or_else(|| metadata_id.map(from(Origin::Metadata)))
            .unwrap_or((host_name, Origin::HostName));
        Self { instance_id, instance_id_from, region, region_from }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_none() {
        let region = |default: &'static str| {
            environment_region(|name| Some(if name == "AWS_REGION" { "" } else { default }.to_owned()))
        };
        assert_eq!(region("eu-west-2").as_deref(), Some("eu-west-2"));
        assert_eq!(region(""), None);
    }

    #[test]
    fn the_operator_is_believed_first_and_the_default_last() {
        let metadata = || {
            Some(imds::Identity {
                instance_id: "i-0abc".into(),
                region: "eu-central-1".into(),
                account_id: None,
            })
        };
        for (configured, environment, metadata, region, from, id) in [
            (Some("eu-west-2"), Some("eu-west-3"), metadata(), "eu-west-2", Origin::Configuration, "mine"),
            (None, Some("eu-west-3"), metadata(), "eu-west-3", Origin::Environment, "i-0abc"),
            (None, None, metadata(), "eu-central-1", Origin::Metadata, "i-0abc"),
            (None, None, None, "eu-west-1", Origin::Default, "host"),
        ] {
            let mut config = Config::from_layers(&[], &[], Vec::new()).unwrap();
            config.region = configured.map(str::to_owned);
            config.host.instance_id = configured.map(|_| "mine".to_owned());
            let identity =
                Identity::resolve(&config, environment.map(str::to_owned), metadata, "host".to_owned());
            assert_eq!((identity.region.as_str(), identity.region_from), (region, from));
            assert_eq!(identity.instance_id, id);
        }
    }
}
