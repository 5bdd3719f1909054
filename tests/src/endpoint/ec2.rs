//! EC2's `DescribeTags`, as far as an instance asks for its own tags.

use std::fmt::Write as _;

use crate::endpoint::imds::Instance;
use crate::endpoint::protocol::{REQUEST_ID, escaped};
use crate::endpoint::refusal::Refusal;

/// The version of the API that every client of today names.
const VERSION: &str = "2016-11-15";

/// Answers with the instance's tags that pass the filters.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html>
pub(crate) fn describe_tags(instance: &Instance, parameters: &[(String, String)]) -> Result<String, Refusal> {
    let parameter = |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    if parameter("Version").is_none_or(|version| version != VERSION) {
        return Err(Refusal::client("NoSuchVersion", format!("DescribeTags is of version {VERSION}.")));
    }
    let mut filters = Vec::new();
    for number in 1.. {
        let Some(name) = parameter(&format!("Filter.{number}.Name")) else { break };
        let prefix = format!("Filter.{number}.Value.");
        let values: Vec<&str> = parameters
            .iter()
            .filter(|(name, _)| name.starts_with(&prefix))
            .map(|(_, value)| value.as_str())
            .collect();
        if !["resource-id", "resource-type", "key", "value"].contains(&name.as_str()) || values.is_empty() {
            let text = format!("The filter '{name}' is invalid");
            return Err(Refusal::client("InvalidParameterValue", text));
        }
        filters.push((name.as_str(), values));
    }
    let mut items = String::new();
    for (key, value) in &instance.tags {
        let of = |filter: &str| match filter {
            "resource-id" => instance.id.as_str(),
            "resource-type" => "instance",
            "key" => key.as_str(),
            _ => value.as_str(),
        };
        if filters.iter().all(|(filter, values)| values.contains(&of(filter))) {
            let (id, key, value) = (escaped(&instance.id), escaped(key), escaped(value));
            let _ = write!(
                items,
                "<item><resourceId>{id}</resourceId><resourceType>instance</resourceType><key>{key}</key>\
                 <value>{value}</value></item>"
            );
        }
    }
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DescribeTagsResponse \
         xmlns=\"http://ec2.amazonaws.com/doc/{VERSION}/\"><requestId>{REQUEST_ID}</requestId>\
         <tagSet>{items}</tagSet></DescribeTagsResponse>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(more: &[(&str, &str)]) -> Result<String, Refusal> {
        let mut instance = Instance::default();
        for (key, value) in [("aws:autoscaling:groupName", "web & <api>"), ("Name", "web")] {
            instance.tags.insert(key.to_owned(), value.to_owned());
        }
        let all = [&[("Version", VERSION)], more].concat();
        let owned: Vec<_> =
            all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        describe_tags(&instance, &owned)
    }

    #[test]
    fn filters_choose_the_tags() {
        let got = ask(&[
            ("Filter.1.Name", "resource-id"),
            ("Filter.1.Value.1", "i-0123456789abcdef0"),
            ("Filter.2.Name", "key"),
            ("Filter.2.Value.1", "other"),
            ("Filter.2.Value.2", "aws:autoscaling:groupName"),
        ])
        .unwrap();
        assert!(got.contains("<value>web &amp; &lt;api&gt;</value>"), "{got}");
        assert_eq!(got.matches("<item>").count(), 1);
        assert_eq!(ask(&[]).unwrap().matches("<item>").count(), 2);
        let other = ask(&[("Filter.1.Name", "resource-id"), ("Filter.1.Value.1", "i-0")]).unwrap();
        assert!(other.contains("<tagSet></tagSet>"), "{other}");
    }

    #[test]
    fn a_filter_must_be_known_and_complete() {
        assert!(ask(&[("Filter.1.Name", "colour"), ("Filter.1.Value.1", "red")]).is_err());
        assert!(ask(&[("Filter.1.Name", "key")]).is_err());
        assert!(describe_tags(&Instance::default(), &[]).is_err(), "no version");
    }
}
