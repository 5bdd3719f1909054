//! The outcome as `JUnit` XML, which pipelines read.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::Played;
use crate::alarms::scenario::show;

/// One suite a file, one case a test.
pub(super) fn report(played: &[Played]) -> Result<String, SerializeError> {
    let mut report = Report::new("starttech-agent alarms test");
    for file in played {
        let mut suite = TestSuite::new(file.name.as_ref());
        for outcome in &file.outcomes {
            let status = if outcome.passes() {
                TestCaseStatus::success()
            } else {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                let failing =
                    outcome.lines.iter().filter(|line| !line.passes()).map(|line| line.alarm.as_str());
                status.set_message(format!("not as expected: {}", failing.collect::<Vec<_>>().join(", ")));
                status.set_description(show::outcome(outcome, &|at| file.place(at), false));
                status
            };
            let mut case = TestCase::new(outcome.test.as_str(), status);
            case.set_classname(file.name.as_ref());
            suite.add_test_case(case);
        }
        report.add_test_suite(suite);
    }
    report.to_string()
}
