//! Placeholders in the definitions, `${cpu_warning}`, and what stands for them.
//!
//! A text that is one placeholder takes its value as it is, a number too. What nothing stands for is an
//! error, for it must never reach the account.

use serde_json::{Map, Value, json};

use crate::provision::parts::Parts;
use crate::provision::{Settings, need};

/// What stands for the placeholders, by their names.
pub(in crate::provision) fn values(settings: &Settings, parts: &Parts) -> Map<String, Value> {
    let limit = &settings.thresholds;
    let mut values = json!({
        "prefix": settings.prefix,
        "namespace": settings.namespace,
        "container": settings.container,
        "dashboard": settings.dashboard,
        "looks": settings.rhythm.looks(),
        "cpu_warning": limit.cpu_warning,
        "cpu_critical": limit.cpu_critical,
        "cpu_credits": limit.cpu_credits,
        "memory": limit.memory,
        "disk": limit.disk,
        "response_time": limit.response_time,
        "error_rate": limit.error_rate,
        "requests": limit.requests,
        "load_balancer_5xx": limit.load_balancer_5xx,
        "error_lines": limit.error_lines,
        "restarts": limit.restarts,
        "cache_hit_rate": limit.cache_hit_rate,
        "cloudfront_error_rate": limit.cloudfront_error_rate,
        "delivery_lag": limit.delivery_lag,
    });
    let parts = ["AutoScalingGroupName", "LoadBalancer", "TargetGroup", "DistributionId"].map(|name| {
        let value = need::dimension(name, parts)?;
        Some((name.to_owned(), Value::from(value)))
    });
    let mut all = values.as_object_mut().map(std::mem::take).unwrap_or_default();
    all.extend(parts.into_iter().flatten());
    all
}

/// Puts the values in, everywhere. The error names what nothing stands for.
pub(in crate::provision) fn fill(value: &mut Value, values: &Map<String, Value>) -> Result<(), String> {
    match value {
        Value::String(text) => {
            let whole = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            match whole.filter(|name| !name.contains('}')) {
                Some(name) => *value = values.get(name).ok_or_else(|| unknown(name))?.clone(),
                None => *text = filled(text, values)?,
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, values)),
        Value::Object(members) => members.values_mut().try_for_each(|member| fill(member, values)),
        _ => Ok(()),
    }
}

fn filled(text: &str, values: &Map<String, Value>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        let (name, behind) = behind.split_once('}').ok_or_else(|| unknown(behind))?;
        out.push_str(before);
        match values.get(name).ok_or_else(|| unknown(name))? {
            Value::String(text) => out.push_str(text),
            // 70, not 70.0
            Value::Number(number) => out.push_str(&number.as_f64().unwrap_or_default().to_string()),
            other => out.push_str(&other.to_string()),
        }
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

fn unknown(name: &str) -> String {
    format!("nothing stands for ${{{name}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_placeholder_keeps_its_type_and_an_unknown_one_is_an_error() {
        let values = json!({"limit": 70.0, "name": "asg of 2024"});
        let values = values.as_object().unwrap();
        let mut value = json!({"a": ["${limit}", "above ${limit} % of ${name}"], "b": 1});
        fill(&mut value, values).unwrap();
        assert_eq!(value, json!({"a": [70.0, "above 70 % of asg of 2024"], "b": 1}));
        for bad in ["${nobody}", "x ${nobody} y", "x ${limit"] {
            assert!(fill(&mut json!([bad]), values).unwrap_err().starts_with("nothing stands for"), "{bad}");
        }
    }
}
