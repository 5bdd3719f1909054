//! The one form of `SEARCH` that our dashboard has: a namespace with dimensions, a metric, a statistic, a
//! period. It is read, so that known ids can take its place.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html>

/// `SEARCH('{AWS/EC2,AutoScalingGroupName} MetricName="CPUUtilization"', 'Average', 300)`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::provision) struct Search<'a> {
    pub(in crate::provision) namespace: &'a str,
    pub(in crate::provision) dimensions: Vec<&'a str>,
    pub(in crate::provision) metric: &'a str,
    pub(in crate::provision) stat: &'a str,
    pub(in crate::provision) period: u32,
}

impl<'a> Search<'a> {
    /// `None`: it is another expression.
    pub(in crate::provision) fn parse(expression: &'a str) -> Option<Self> {
        let rest = expression.strip_prefix("SEARCH('{")?.strip_suffix(')')?;
        let (schema, rest) = rest.split_once("} MetricName=\"")?;
        let (metric, rest) = rest.split_once("\"', '")?;
        let (stat, period) = rest.split_once("', ")?;
        let (namespace, dimensions) = schema.split_once(',')?;
        let dimensions = dimensions.split(',').collect();
        Some(Self { namespace, dimensions, metric, stat, period: period.parse().ok()? })
    }

    /// The same among the metrics with these dimensions only: pairs of name and value.
    pub(super) fn among(&self, namespace: &str, known: &[(&str, String)]) -> String {
        let quoted = |name: &str| {
            let plain = name.chars().all(|c| c.is_alphanumeric() || "/_-".contains(c));
            if plain { name.to_owned() } else { format!("\"{name}\"") }
        };
        let terms: Vec<String> = known.iter().map(|(name, value)| format!(" {name}=\"{value}\"")).collect();
        format!(
            "SEARCH('{{{},{}}} MetricName=\"{}\"{}', '{}', {})",
            quoted(namespace),
            self.dimensions.join(","),
            self.metric,
            terms.concat(),
            self.stat,
            self.period
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = r#"SEARCH('{StartTech/Backend,AutoScalingGroupName,path} MetricName="disk_used_percent"', 'Maximum', 60)"#;
        let search = Search::parse(text).unwrap();
        assert_eq!(search.among("StartTech/Backend", &[]), text);
        assert_eq!(
            search.among("My space", &[("AutoScalingGroupName", "web".to_owned())]),
            r#"SEARCH('{"My space",AutoScalingGroupName,path} MetricName="disk_used_percent" AutoScalingGroupName="web"', 'Maximum', 60)"#
        );
        for other in ["SUM(requests)", "SEARCH('CPU', 'Average', 300)"] {
            assert_eq!(Search::parse(other), None, "{other}");
        }
    }
}
