//! Every rule there is: its name, how bad it is, what it says, and who says so.
//!
//! It does not know how a rule is checked.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It cannot be imported, or never shows or does anything: certain by the documentation.
    Error,
    /// It does something else than it seems to.
    Warning,
    /// Worth knowing; a file cannot tell whether it matters. No finding by itself.
    Hint,
}

/// What is looked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable: scripts may name it.
    pub id: &'static str,
    /// The same wherever it is found.
    pub severity: Severity,
    /// In a sentence.
    pub says: &'static str,
    /// A page of AWS's documentation, or what fixes it for this platform.
    pub source: &'static str,
}

impl Rule {
    /// Whether it is said once of a file, however often it is broken.
    pub(super) fn once(&self) -> bool {
        self.severity == Severity::Hint || std::ptr::eq(self, &raw const GROUP_METRICS)
    }
}

const DASHBOARD: &str = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html";
const PUT_ALARM: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html";
const PUT_COMPOSITE: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html";
const MISSING_DATA: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html";
const STATISTICS: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html";
const MATH: &str = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html";
const SEARCH: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html";
const LABELS: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/graph-dynamic-labels.html";
const CONCEPTS: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Dimension";
const ALB: &str = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html";
const EC2: &str = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html";
const AUTO_SCALING: &str =
    "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html";
const CLOUDFRONT: &str =
    "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html";
const SERVICES: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html";
const ARNS: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html";
const INSIGHTS: &str = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html";
const INSIGHTS_STATS: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Stats.html";
const INSIGHTS_PARSE: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Parse.html";
const INSIGHTS_FILTER: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Filter.html";
const INSIGHTS_LIMIT: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Limit.html";
const INSIGHTS_FUNCTIONS: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html";
const INSIGHTS_FIELDS: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html";
const PUT_QUERY: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html";
const JSON: &str = "https://www.rfc-editor.org/rfc/rfc8259";
const OUR_METRICS: &str = "docs/metrics.md";
const OUR_LINES: &str = "the fields of the lines that the agent ships (logs.structure)";
const OUR_SHAPES: &str = "docs/lint.md";

use Severity::{Error, Hint, Warning};

macro_rules! rules {
    ($($name:ident = $id:literal $severity:ident $says:literal $source:ident;)*) => {
        $(pub(super) static $name: Rule =
            Rule { id: $id, severity: $severity, says: $says, source: $source };)*
        /// All of them, in the order of the document.
        pub static ALL: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    JSON_SYNTAX = "json-syntax" Error "It is JSON, and can be read to its end" JSON;
    JSON_COMMENT = "json-comment" Error "JSON has no comments" JSON;
    JSON_TRAILING_COMMA = "json-trailing-comma" Error "No comma stands before a closing bracket" JSON;
    JSON_DUPLICATE_KEY = "json-duplicate-key" Error "A key stands once in an object; readers take the last" JSON;
    ENCODING = "encoding" Error "The file is UTF-8, with no byte-order mark before JSON" JSON;
    TEMPLATE = "template" Error "A template is rendered before anything can take it" JSON;
    EMPTY = "empty" Error "The file holds something" OUR_SHAPES;
    UNKNOWN_SHAPE = "unknown-shape" Error "It is a dashboard, alarms or queries, in a shape that is known" OUR_SHAPES;

    PLACEHOLDER = "placeholder" Error "No name, id or ARN is still a placeholder; of `${…}`, only dynamic labels mean something to CloudWatch" LABELS;
    EXAMPLE_VALUE = "example-value" Warning "No id is one of the documentation's examples" ARNS;
    EXAMPLE_ACCOUNT = "example-account" Hint "No account is one of the documentation's examples; somebody may have masked it" ARNS;

    NAMESPACE = "namespace" Error "A namespace of AWS's is spelt as AWS spells it" SERVICES;
    METRIC_NAME = "metric-name" Error "A metric is spelt as its service spells it, letter case included" SERVICES;
    UNKNOWN_METRIC = "unknown-metric" Warning "The service publishes a metric of this name" SERVICES;
    DIMENSIONS_MISSING = "dimensions-missing" Error "The metric names what it is of: its service publishes no sum over everything" CONCEPTS;
    DIMENSIONS = "dimensions" Error "The service publishes this metric by exactly these dimensions" CONCEPTS;
    DIMENSIONS_UNLISTED = "dimensions-unlisted" Hint "The service's page speaks of the metric by these dimensions" SERVICES;
    DIMENSION_VALUE = "dimension-value" Error "Each dimension has a name and a value" CONCEPTS;
    ALL_INSTANCES = "all-instances" Warning "A metric of EC2 without dimensions is of all instances of the region that have detailed monitoring" EC2;
    WHOLE_REGION = "whole-region" Hint "Without dimensions, the metric is of everything of its kind in the region" CONCEPTS;
    LOAD_BALANCER = "load-balancer" Error "LoadBalancer is `app/name/id`, the last part of the ARN" ALB;
    TARGET_GROUP = "target-group" Error "TargetGroup is `targetgroup/name/id`, the last part of the ARN" ALB;
    CLOUDFRONT_GLOBAL = "cloudfront-global" Error "CloudFront's metrics have the dimension Region = Global" CLOUDFRONT;
    CLOUDFRONT_REGION = "cloudfront-region" Error "CloudFront's metrics, and alarms on them, are in us-east-1" CLOUDFRONT;
    AGENT_SERIES = "agent-series" Warning "The agent sends the metric by these dimensions" OUR_METRICS;
    NEEDS_ENABLING = "needs-enabling" Hint "The metric is there only if somebody enabled it" SERVICES;
    INVALID_STATISTIC = "invalid-statistic" Error "The statistic is one of CloudWatch's" STATISTICS;
    INVALID_PERIOD = "invalid-period" Error "A period is 1, 5, 10, 20, 30 or a multiple of 60 seconds" PUT_ALARM;
    SUB_MINUTE = "sub-minute" Warning "AWS's own services store no more than one datapoint a minute" PUT_ALARM;
    COUNT_STATISTIC = "count-statistic" Warning "Events are counted by Sum: the average of ones is one" ALB;
    LEVEL_STATISTIC = "level-statistic" Warning "A level or a time is not added up: the sum grows with the number of samples" ALB;
    CLOUDFRONT_STATISTIC = "cloudfront-statistic" Warning "Each of CloudFront's metrics has one statistic, Average or Sum" CLOUDFRONT;
    UNIT = "unit" Error "A unit is the one that the metric is published in; with another, no datapoint is found" PUT_ALARM;
    SECONDS = "seconds" Warning "A metric in seconds is not labelled or compared as milliseconds" ALB;

    WIDGET = "widget" Error "A widget is an object with the members that its type needs" DASHBOARD;
    WIDGET_TYPE = "widget-type" Error "The type of a widget is one that CloudWatch draws" DASHBOARD;
    WIDGET_SIZE = "widget-size" Error "Place and size of a widget are whole numbers on a grid of 24 columns" DASHBOARD;
    WIDGET_OVERLAP = "widget-overlap" Hint "Widgets do not lie on one another" DASHBOARD;
    WIDGET_REGION = "widget-region" Error "Metric and log widgets name their region" DASHBOARD;
    WIDGET_VIEW = "widget-view" Error "The view is one that the widget has; a gauge has the ends of its scale" DASHBOARD;
    WIDGET_METRICS = "widget-metrics" Error "A line of `metrics` is namespace, name, pairs of dimensions, and options" DASHBOARD;
    ANNOTATION = "annotation" Error "An annotation has a value: a number, or a time" DASHBOARD;
    LOG_SOURCE = "log-source" Error "A log widget's query begins with SOURCE and a log group" DASHBOARD;
    DASHBOARD_LIMIT = "dashboard-limit" Error "A dashboard has at most 500 widgets, and 500 metrics in each" DASHBOARD;

    MATH_SYNTAX = "math-syntax" Error "An expression of metric math can be read" MATH;
    MATH_ID = "math-id" Error "An expression names ids of its own widget or alarm; ids begin with a small letter" MATH;
    MATH_FUNCTION = "math-function" Warning "A function of metric math is one that CloudWatch has" MATH;
    SEARCH_SYNTAX = "search-syntax" Error "SEARCH has a quoted expression, a statistic and perhaps a period" SEARCH;

    ALARM_MEMBER = "alarm-member" Error "An alarm has every member that it cannot be without" PUT_ALARM;
    ALARM_TYPE = "alarm-type" Error "A member of an alarm has its type and stays within its limits" PUT_ALARM;
    ALARM_WORD = "alarm-word" Error "A member with a list of words has one of them" PUT_ALARM;
    ALARM_UNKNOWN_KEY = "alarm-unknown-key" Warning "An alarm has no members that PutMetricAlarm does not know" PUT_ALARM;
    ALARM_SHAPE = "alarm-shape" Hint "Members in other words than PutMetricAlarm's are for `apply --from`, not for the AWS CLI" PUT_ALARM;
    ALARM_STATISTIC = "alarm-statistic" Error "An alarm on a metric has either Statistic or ExtendedStatistic" PUT_ALARM;
    ALARM_M_OF_N = "alarm-m-of-n" Error "DatapointsToAlarm is at most EvaluationPeriods" PUT_ALARM;
    ALARM_RANGE = "alarm-range" Error "Period times EvaluationPeriods is at most a day; seven days for periods from an hour" PUT_ALARM;
    ALARM_NAME = "alarm-name" Error "The name of an alarm is unique, and has 1 to 255 characters" PUT_ALARM;
    ALARM_NO_ACTION = "alarm-no-action" Warning "Somebody hears of an alarm" PUT_ALARM;
    ACTION_ARN = "action-arn" Error "An action is an ARN of what alarms can call" PUT_ALARM;
    ACTION_REGION = "action-region" Error "An action is in the region of its alarm" PUT_ALARM;
    MISSING_BREACHING = "missing-breaching" Warning "What is only counted when it happens is no fault while it is missing" MISSING_DATA;
    MISSING_EVENTS = "missing-events" Warning "What is only counted when it happens is mostly missing: say notBreaching, or the alarm has no data" MISSING_DATA;
    THRESHOLD_TEXT = "threshold-text" Warning "A threshold is a number" PUT_ALARM;
    MISSING_HIDDEN = "missing-hidden" Warning "What is missing in an outage is not taken for good" MISSING_DATA;
    THRESHOLD_NEVER = "threshold-never" Error "The metric can reach its threshold" PUT_ALARM;
    THRESHOLD_ALWAYS = "threshold-always" Warning "The metric can also be on the other side of its threshold" PUT_ALARM;
    THRESHOLD_FRACTION = "threshold-fraction" Warning "A percentage is compared with a percentage, not with a fraction" PUT_ALARM;
    DESCRIPTION = "description" Warning "The description does not speak of percent where events are counted" PUT_ALARM;
    EC2_PERIOD = "ec2-period" Hint "EC2 sends a datapoint every five minutes, unless detailed monitoring is on" EC2;
    COMPOSITE_RULE = "composite-rule" Error "The rule of a composite alarm can be read" PUT_COMPOSITE;
    GROUP_METRICS = "group-metrics" Warning "Group metrics of an Auto Scaling group are there only if they were enabled, and this platform does not enable them" AUTO_SCALING;

    QUERY_COMMAND = "query-command" Error "A query is made of commands that Logs Insights has" INSIGHTS;
    QUERY_EMPTY_COMMAND = "query-empty-command" Error "Between two `|` stands a command" INSIGHTS;
    QUERY_UNBALANCED = "query-unbalanced" Error "Quotes, brackets and regular expressions are closed" INSIGHTS;
    QUERY_COMMA = "query-comma" Error "Commas stand between fields, and not after the last" INSIGHTS;
    QUERY_FUNCTION = "query-function" Warning "A function is one that Logs Insights has" INSIGHTS_FUNCTIONS;
    QUERY_ARGUMENTS = "query-arguments" Error "A function has the arguments that it needs" INSIGHTS_STATS;
    QUERY_NOT = "query-not" Error "The operator is `not`; there is no `!`" INSIGHTS_FUNCTIONS;
    QUERY_BIN = "query-bin" Error "bin() takes a number with a unit of time" INSIGHTS_STATS;
    QUERY_BIN_CAP = "query-bin-cap" Warning "bin() takes at most 1000 ms, 60 s, 60 m and 24 h; more is cut to that" INSIGHTS_FUNCTIONS;
    QUERY_GONE = "query-gone" Warning "After stats there is what stats names, and nothing else" INSIGHTS_STATS;
    QUERY_REGEX_FLAGS = "query-regex-flags" Error "A regular expression has no flags behind it: `(?i)` stands in it" INSIGHTS_FILTER;
    QUERY_PARSE = "query-parse" Error "parse names a field for each part that it takes" INSIGHTS_PARSE;
    QUERY_PARSE_JSON = "query-parse-json" Hint "Members of JSON lines are fields, and need no parse" INSIGHTS_FIELDS;
    QUERY_LIMIT = "query-limit" Error "limit is a number from 1 to 100,000" INSIGHTS_LIMIT;
    QUERY_SYSTEM_FIELD = "query-system-field" Error "A field that begins with @ is spelt as Logs Insights spells it" INSIGHTS_FIELDS;
    QUERY_LAMBDA_FIELD = "query-lambda-field" Warning "Lambda's fields are in Lambda's logs only" INSIGHTS_FIELDS;
    QUERY_PLATFORM_FIELD = "query-platform-field" Warning "A field is named as this platform's lines name it" OUR_LINES;
    QUERY_UNKNOWN_FIELD = "query-unknown-field" Hint "A field is one that this platform's backend logs, or another program does" OUR_LINES;
    QUERY_DEFINITION = "query-definition" Error "A saved query has a name of 1 to 255 characters and a text of at most 10,000" PUT_QUERY;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_lists_them_all() {
        let document = include_str!("../../../../docs/lint.md");
        let row = |rule: &&Rule| {
            let severity = format!("{:?}", rule.severity).to_lowercase();
            let source = if rule.source.starts_with("https://") {
                format!("[page]({})", rule.source)
            } else {
                rule.source.to_owned()
            };
            format!("| `{}` | {severity} | {} | {source} |", rule.id, rule.says)
        };
        let rows: Vec<String> = ALL.iter().map(row).collect();
        let written: Vec<&str> = document.lines().filter(|line| line.starts_with("| `")).collect();
        assert!(written == rows, "docs/lint.md should have these rows:\n{}", rows.join("\n"));
    }

    #[test]
    fn names_are_unique_and_in_kebab_case() {
        let mut ids: Vec<_> = ALL.iter().map(|rule| rule.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ALL.len());
        assert!(ids.iter().all(|id| id.bytes().all(|b| b.is_ascii_lowercase() || b"-2".contains(&b))));
    }
}
