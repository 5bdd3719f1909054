//! The instance metadata service: whether it answers, whom, and how safely.

use super::Finding;
use crate::aws::probe;
use crate::imds;
use crate::telemetry::chain;

const WHAT: &str = "instance metadata";

/// What a question without a token was answered with; `None` if it was not answered, or not asked.
pub(super) async fn without_token() -> Option<u16> {
    let url = imds::url_of_version_1()?;
    probe::reach(&url).await.ok().map(|answer| answer.status)
}

/// Judges the answers. `needed`: nothing else says region and host.
pub(super) fn findings(
    metadata: &Result<imds::Identity, imds::Error>,
    without_token: Option<u16>,
    needed: bool,
) -> Vec<Finding> {
    const HOPS: &str = "aws ec2 modify-instance-metadata-options --instance-id … --http-put-response-hop-limit 2\n\
         a process on the host itself needs 1, one in a container 2";
    match (metadata, without_token) {
        (Ok(found), status) => {
            let who = format!("instance {} in {}", found.instance_id, found.region);
            vec![match status {
                Some(200) => Finding::unsure(
                    WHAT,
                    format!(
                        "{who}; but version 1 is allowed: it tells its secrets without a token, also to whoever \
                         tricks the backend into asking"
                    ),
                    format!(
                        "aws ec2 modify-instance-metadata-options --instance-id {} --region {} --http-tokens required",
                        found.instance_id, found.region
                    ),
                ),
                Some(401 | 403) => Finding::good(
                    WHAT,
                    format!("{who}; version 2 only, and its hop limit lets this process in"),
                ),
                _ => Finding::good(WHAT, who),
            }]
        }
        // It is there, but the answer with the token dies on its way.
        (Err(imds::Error::Silent(_)), Some(200 | 401)) => vec![Finding::unsure(
            WHAT,
            "it answers, but its tokens do not arrive: the hop limit is too low for where this process runs",
            HOPS,
        )],
        (Err(error), _) if !needed => vec![Finding::good(
            WHAT,
            format!("{}, and need not: region and host are configured", chain(error)),
        )],
        (Err(imds::Error::Disabled), _) => vec![Finding::unsure(
            WHAT,
            "AWS_EC2_METADATA_DISABLED is set",
            "unset it on an EC2 host; elsewhere set region and host.instance_id in agent.toml",
        )],
        (Err(error), _) => vec![Finding::unsure(
            WHAT,
            chain(error),
            "on EC2: aws ec2 modify-instance-metadata-options --instance-id … --http-endpoint enabled\n\
             elsewhere: set region and host.instance_id in agent.toml",
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::Verdict;

    #[test]
    fn version_1_is_told_and_version_2_is_well() {
        let found = || {
            Ok(imds::Identity { instance_id: "i-0abc".into(), region: "eu-west-1".into(), account_id: None })
        };
        for (status, verdict, word) in [
            (Some(401), Verdict::Good, "version 2 only"),
            (Some(200), Verdict::Unsure, "version 1 is allowed"),
            (None, Verdict::Good, "i-0abc in eu-west-1"),
        ] {
            let said = findings(&found(), status, true).remove(0);
            assert!(said.verdict == verdict && said.detail.contains(word), "{said:?}");
        }
        let mend = findings(&found(), Some(200), true).remove(0).mend;
        assert!(mend.contains("--instance-id i-0abc") && mend.contains("--http-tokens required"), "{mend}");
    }

    #[test]
    fn a_refusal_is_told_unless_nobody_needs_it() {
        let refused = Err(imds::Error::Refused(403));
        assert_eq!(findings(&refused, Some(403), false)[0].verdict, Verdict::Good);
        assert_eq!(findings(&refused, Some(403), true)[0].verdict, Verdict::Unsure);
        assert!(findings(&Err(imds::Error::Disabled), None, true)[0].detail.contains("is set"));
    }
}
