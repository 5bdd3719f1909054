//! Which Auto Scaling group a host's metrics are of: told by the metadata service, else by EC2, else by
//! nobody, and then the host's own series go on.

use harness::agent::{Agent, Options};
use harness::endpoint::{Endpoint, Fault, Operation};
use harness::series::Series;
use harness::stream::STOP;

const TAG: &str = "aws:autoscaling:groupName";
const FOUND: &str = "web of 2024";

/// An instance whose group is in its tags, and whether the metadata service tells them too.
fn instance(tags_in_metadata: bool) -> (Endpoint, Options) {
    let endpoint = Endpoint::start();
    endpoint.change_instance(|instance| {
        instance.tags.insert(TAG.to_owned(), FOUND.to_owned());
        instance.tags_in_metadata = tags_in_metadata;
    });
    let options = Options::measuring(&endpoint)
        .without_variable("STARTTECH_HOST_INSTANCE_ID")
        .without_variable("STARTTECH_HOST_AUTO_SCALING_GROUP")
        .with_metadata_of(&endpoint);
    (endpoint, options)
}

fn of_host(endpoint: &Endpoint) -> Series<'_> {
    endpoint.measured("agent_up").of("InstanceId", "i-0123456789abcdef0")
}

#[test]
fn the_group_is_in_the_instances_tags() {
    for (tags_in_metadata, asked) in [(true, 0), (false, 1)] {
        let (endpoint, options) = instance(tags_in_metadata);
        let mut agent = Agent::start(options);
        let group = endpoint.measured("agent_up").of("AutoScalingGroupName", FOUND);
        group.await_periods(&mut agent, 2);
        agent.stop(STOP);
        assert_eq!(endpoint.calls(Operation::DescribeTags), asked, "tags in metadata: {tags_in_metadata}");
        let said = format!("this host is in the Auto Scaling group {FOUND}");
        assert_eq!(agent.log().matches(&said).count(), 1, "{}", agent.log_tail());
        // Before the group is known, there is the host's own series.
        let (host, group) = (of_host(&endpoint).times(), group.times());
        assert!(group.iter().all(|time| host.contains(time)), "{host:?} {group:?}");
        assert_eq!(endpoint.totals().imds_v1_attempts, 0);
        endpoint.assert_no_breach();
    }
}

#[test]
fn a_group_that_nobody_tells_is_said_once_and_the_host_goes_on() {
    let (endpoint, options) = instance(false);
    endpoint.inject(Operation::DescribeTags, Fault::AccessDenied, None);
    let mut agent = Agent::start(options);
    of_host(&endpoint).await_periods(&mut agent, 4);
    agent.stop(STOP);
    let log = agent.log();
    let said: Vec<_> = log.lines().filter(|line| line.contains("Auto Scaling group")).collect();
    assert!(said.len() == 1 && said[0].contains("allow ec2:DescribeTags"), "{said:#?}");
    assert!(said[0].contains("host.auto_scaling_group"), "{said:#?}");
    assert!(endpoint.calls(Operation::DescribeTags) > 0);
    let series = endpoint.metric_series();
    assert!(!series.keys().any(|series| series.contains("AutoScalingGroupName")), "{series:?}");
    of_host(&endpoint).assert_no_gap(1_000);
    endpoint.assert_no_breach();
}

#[test]
fn an_instance_in_no_group_has_one_series() {
    let (endpoint, options) = instance(true);
    endpoint.change_instance(|instance| instance.tags.clear());
    let mut agent = Agent::start(options);
    of_host(&endpoint).await_periods(&mut agent, 2);
    agent.stop(STOP);
    assert_eq!(agent.log().matches("in no Auto Scaling group").count(), 1, "{}", agent.log_tail());
    assert!(!endpoint.metric_series().keys().any(|series| series.contains("AutoScalingGroupName")));
    endpoint.assert_no_breach();
}
