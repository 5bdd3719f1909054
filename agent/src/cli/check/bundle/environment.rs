//! The variables of the service as they are packed: all names, and the values that tell where it looks.

use std::collections::BTreeMap;

use super::scrub::is_secret;
use crate::cli::check::user::asker;
use crate::cli::check::variables::{Origin, Variables};

/// Values that are shown, unless their names say that they are secret: of a name, or of all that begin so. Those of the
/// agent's own stand in `configuration.txt`.
const SHOWN: [&str; 8] = [
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_ENDPOINT_URL",
    "AWS_EC2_METADATA_",
    "AWS_USE_",
    "PATH",
    "TZ",
];

/// Of the service, where that is known, else of this call, and it is said whose they are.
pub(super) fn text(service: Option<&Variables>, own: &BTreeMap<String, String>) -> String {
    let (whose, all) = match service {
        Some(Variables { origin: Origin::Process(pid), all, .. }) => {
            (format!("of the daemon, /proc/{pid}/environ"), all)
        }
        Some(Variables { origin: Origin::Unit, all, files }) => {
            let files =
                if files.is_empty() { String::new() } else { format!(", and in {}", files.join(", ")) };
            (format!("of the unit, Environment={files}"), all)
        }
        None => (format!("of this check, by user {}: those of the service are not known", asker()), own),
    };
    let line = |(name, value): (&String, &String)| {
        let is_shown =
            SHOWN.iter().any(|shown| name == shown || (shown.len() > 8 && name.starts_with(shown)));
        if is_shown && !is_secret(name) { format!("{name}={value}\n") } else { format!("{name}\n") }
    };
    format!("# {whose}\n{}", all.iter().map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_and_whose_they_are_and_no_value_that_may_be_secret() {
        let pairs = [
            ("AWS_PROFILE", "prod"),
            ("AWS_ENDPOINT_URL_LOGS", "http://127.0.0.1:4566"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
            ("AWS_REGION_TOKEN", "hunter2"),
            ("STARTTECH_HEALTH_URL", "http://u:hunter2@h/"),
            ("PATHOLOGY", "hunter2"),
        ];
        let all: BTreeMap<_, _> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let own = BTreeMap::from([("MINE".to_owned(), "hunter2".to_owned())]);
        let service = Variables { origin: Origin::Process(7), all, files: Vec::new() };
        let said = text(Some(&service), &own);
        assert_eq!(
            said,
            "# of the daemon, /proc/7/environ\nAWS_ENDPOINT_URL_LOGS=http://127.0.0.1:4566\nAWS_PROFILE=prod\n\
             AWS_REGION_TOKEN\nAWS_SECRET_ACCESS_KEY\nPATHOLOGY\nSTARTTECH_HEALTH_URL\n"
        );
        let said = text(None, &own);
        assert!(said.contains("those of the service are not known") && said.ends_with("MINE\n"), "{said}");
    }
}
