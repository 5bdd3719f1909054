//! Pages of 80 columns, as they are.

use expect_test::expect;

use super::*;
use crate::control::tests::sample;

const PLAIN: Style = Style { width: 80, coloured: false };

#[test]
fn all_is_well() {
    let status = sample::well();
    assert_eq!(status.problems(), []);
    expect![[r"
        ✓ all is well: starttech-agent 0.1.0 (pid 812, up 3 h 11 min, 9.1 MB)

        Host
          instance  i-0123456789abcdef0 (from the instance metadata service)
          region    eu-west-1 (from AWS_REGION)
          group     starttech-backend
          Docker    followed, /var/run/docker.sock

        Containers (2)
          backend  backend:1.4 6261636b656e
            json-file, read from its file; 12,345 lines, the last 2 s ago
            → /starttech/backend i-0123456789abcdef0/backend/0123456789ab
          redis  redis:1.4 726564697300
            json-file, left out, as configured

        Delivery
          logs      12,298 events, last 3 s ago; nothing waits
                    https://logs.eu-west-1.amazonaws.com
          metrics   8,000 datapoints, last 3 s ago; nothing waits
                    https://monitoring.eu-west-1.amazonaws.com
          alerts    0 alerts, none yet; nothing waits
                    https://sns.eu-west-1.amazonaws.com

        Measured
          host      cpu 12 %  memory 45 %  load 0.31  disk / 61 %
          health    up in 3.1 ms, database up
          requests  1234 in the last minute, 0.5 % 5xx; p50 3.1 ms  p95 42 ms  p99 1.3 s
          errors    3 lines, 0 panics in the last minute
                    backend: cpu 23 %, memory 31 %

        Alerts
          none is open"]]
    .assert_eq(&page(&status, &[], PLAIN));
}

#[test]
fn much_is_wrong() {
    let status = sample::ill();
    expect![[r"
        ✗ 8 things are wrong: starttech-agent 0.1.0 (pid 812, up 3 h 11 min, 9.1 MB)

        ✗ the alerts loop does not answer
          → is the disk of the spool full or slow? df -h; journalctl -u starttech-agent
            -e

        ✗ Docker is not followed: cannot connect to /var/run/docker.sock: Connection
          refused (os error 111)
          → systemctl status docker; if it listens elsewhere: docker.socket

        ✗ the log of backend cannot be opened: its lines do not leave this host
          → sudo starttech-agent check says which right is missing

        ✗ the log of old cannot be read back (driver syslog): its lines do not leave
          this host
          → start it with --log-driver json-file --log-opt max-size=10m --log-opt
            max-file=3

        ✗ log lines are not delivered: cannot reach CloudWatch Logs (PutLogEvents):
          dispatch failure: io error: client error (Connect): tcp connect error:
          Connection refused (os error 111); if this host has no way to the internet,
          the VPC needs an interface endpoint for com.amazonaws.eu-west-1.logs
          → the way out is tried by: starttech-agent check

        ✗ metrics are not delivered: PutMetricData: AccessDeniedException no
          identity-based policy
          → allow cloudwatch:PutMetricData to this host's role

        ✗ the health check of the backend fails
          → docker ps; docker logs --tail 50 NAME; health.url says who is asked

        ✗ alert container-died: backend died (exit 1)
          → docker logs --tail 100 backend; journalctl -u docker --since -15min

        Host
          instance  i-0123456789abcdef0 (from the instance metadata service)
          region    eu-west-1 (from AWS_REGION)
          group     starttech-backend
          Docker    not followed for 9 s, /var/run/docker.sock

        Containers (3)
          backend  backend:1.4 6261636b656e
            json-file, CANNOT BE OPENED, tried again every second; 12,345 lines, the
            last 2 s ago
            → /starttech/backend i-0123456789abcdef0/backend/0123456789ab
          evil name�  evil name�:1.4 6576696c1b5b
            local, read from its file; 12,345 lines, the last 2 s ago; 5.3 MB behind; 4
            dropped by rule
            → /starttech/backend i-0123456789abcdef0/evil name�/0123456789ab
          old  old:1.4 6f6c64000000
            syslog, CANNOT BE READ BACK; 12,345 lines, the last 2 s ago
            → /starttech/backend i-0123456789abcdef0/old/0123456789ab

        Delivery
          logs      12,298 events, last 12 min ago; 3.4 MB in 760 batches wait, the
                    oldest 12 min; 17 LOST
                    https://logs.eu-west-1.amazonaws.com
                    FAILING for 12 min, 2 streams
                    last error 4 s ago: cannot reach CloudWatch Logs (PutLogEvents):
                    dispatch failure: io error: client error (Connect): tcp connect
                    error: Connection refused (os error 111); if this host has no way to
                    the internet, the VPC needs an interface endpoint for
                    com.amazonaws.eu-west-1.logs
          metrics   8,000 datapoints, last 3 s ago; nothing waits
                    https://monitoring.eu-west-1.amazonaws.com
                    FAILING for 1 s, 1 stream
                    last error 1 s ago: PutMetricData: AccessDeniedException no
                    identity-based policy
          alerts    0 alerts, none yet; nothing waits
                    https://sns.eu-west-1.amazonaws.com

        Measured
          host      cpu 12 %  memory 45 %  load 0.31  disk / 61 %
          health    DOWN, database DOWN
          requests  1234 in the last minute, 0.5 % 5xx; p50 3.1 ms  p95 42 ms  p99 1.3 s
          errors    3 lines, 0 panics in the last minute
                    backend: cpu 23 %, memory 31 %

        Alerts
          • container-died: backend died (exit 1), 10 min ago, 2 times again
          • disk-full: the disk at / is 96 % full, 10 min ago, 2 times again (silenced)
          • container-unhealthy: old is unhealthy, 10 min ago, 2 times again (about to
            end)
          • disk-* is silenced by ada for 30 min more: resizing

        To know
          ! 17 events were given up because the spool was full
            → raise spool.max_bytes, or have them leave: starttech-agent check
          ! at the start, not all that is wanted could be made in the account
            → starttech-agent plan shows what is left; journalctl -u starttech-agent -e"]]
    .assert_eq(&page(&status, &status.problems(), PLAIN));
}

#[test]
fn no_line_is_wider_than_the_terminal_and_nothing_drives_it() {
    let status = sample::ill();
    for width in [40, 60, 80, 140] {
        let page = page(&status, &status.problems(), Style { width, coloured: false });
        for line in page.lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
    }
}

#[test]
fn colours_change_nothing_else() {
    let status = sample::ill();
    let plain = page(&status, &status.problems(), PLAIN);
    let coloured = page(&status, &status.problems(), Style { coloured: true, ..PLAIN });
    assert_ne!(plain, coloured);
    let mut bare = coloured.replace("\u{1b}[0m", "");
    for colour in [RED, GREEN, YELLOW, BOLD] {
        bare = bare.replace(&format!("\u{1b}[{colour}m"), "");
    }
    assert_eq!(bare, plain);
}
