//! Why an attempt failed or a recording broke off, and whether to try again.

use std::time::Duration;

use crate::random::Random;
use crate::recorder::{AfterBye, AfterRefusal, Recorder};
use crate::sip::digest;
use crate::sip::message::Response;
use crate::sip::output::{self, End};

/// Why there is no recording now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// A sentence for the operator.
    pub(super) why: String,
    pub(super) verdict: Verdict,
}

/// Whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// After a pause; not before the time that the recorder asked for.
    Again { not_before: Duration },
    /// Not for this call.
    Final,
}

/// The pause after the first failure; each further failure doubles it.
const PAUSE_FIRST: Duration = Duration::from_secs(2);
/// The longest pause that we choose ourselves.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A recorder that ends a recording so soon does not like something of it.
const EARLY: Duration = Duration::from_secs(2);
/// The longest pause that a recorder may ask for.
const RETRY_AFTER_MAX_S: u64 = 3_600;

impl Failure {
    /// Something that may pass.
    pub(super) fn again(why: impl Into<String>) -> Self {
        Self::again_after(why, Duration::ZERO)
    }

    /// Something that may pass, but not before so long.
    pub(super) fn again_after(why: impl Into<String>, not_before: Duration) -> Self {
        Self {
            why: why.into(),
            verdict: Verdict::Again { not_before },
        }
    }

    /// Something that will not pass while the call lasts.
    pub(super) fn last(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            verdict: Verdict::Final,
        }
    }

    /// The recorder's final answer to a first INVITE.
    pub(super) fn refused(response: &Response, recorder: &Recorder) -> Self {
        let why = said(response);
        let later = |why| Self {
            why,
            verdict: Verdict::Again {
                not_before: retry_after(response),
            },
        };
        match response.status.code() {
            401 | 407 => {
                let objection = digest::objection(response, recorder.credentials.as_deref());
                Self::last(format!("{why}: {objection}"))
            }
            300..=399 => Self::last(format!(
                "{why}: only addresses and the host of uri are followed, and each once: \
                 correct uri"
            )),
            403 | 486 | 600 | 603 | 607 | 608 => {
                let why = format!("{why}: it refuses to record this call, by its policy");
                match recorder.after_refusal {
                    AfterRefusal::Stop => Self::last(why),
                    AfterRefusal::Retry => later(why),
                }
            }
            420 if response.headers.lists("Unsupported", "siprec") => Self::last(format!(
                "{why}: it is no session recording server: correct uri, or set require_siprec \
                 if it is to get calls all the same"
            )),
            // A 5xx that is said to what we send, and would be said again.
            513 => Self::last(why),
            // The recorder or the way to it is out of order for the time being.
            // 482 is said to the second copy of an INVITE whose connection broke when the first one
            // had arrived (RFC 3261 §8.2.2.2): a new INVITE is no copy.
            408 | 429 | 480..=482 | 491 | 500..=599 => later(why),
            // Everything else is said to our offer: it would be said again.
            _ => Self::last(why),
        }
    }

    /// The recorder's refusal of an update, as a sentence.
    pub(super) fn refused_update(response: &Response, recorder: &Recorder) -> String {
        let (code, reason) = (response.status.code(), &response.reason);
        let why = format!("the recorder refused an update: {code} {reason}");
        match code {
            401 | 407 => {
                let objection = digest::objection(response, recorder.credentials.as_deref());
                format!("{why}: {objection}")
            }
            _ => why,
        }
    }

    /// There was no final answer to a first INVITE; the transport may know the `trouble`.
    pub(super) fn unanswered(
        failure: output::Failure,
        trouble: Option<&str>,
        recorder: &Recorder,
    ) -> Self {
        match failure {
            output::Failure::Timeout => Self::again(format!(
                "the recorder did not answer within {} ms: see whether it runs and is not blocked",
                recorder.invite_timeout.as_millis()
            )),
            output::Failure::Unreachable => Self::again(trouble.unwrap_or(
                "the recorder cannot be reached: see whether it listens at that address and port",
            )),
        }
    }

    /// An established session ended, and not by us.
    pub(super) fn ended(by: &End, lasted: Duration, recorder: &Recorder) -> Self {
        match by {
            End::Peer { reason } => {
                let mut why = "the recorder ended the recording".to_owned();
                if lasted < EARLY {
                    // RFC 7866 §9.2: BYE is how a recorder refuses metadata.
                    let ms = lasted.as_millis();
                    why.push_str(&format!(
                        " {ms} ms after it had accepted it: see in its log whether it refuses the \
                         metadata"
                    ));
                }
                if let Some(reason) = reason {
                    why.push_str(&format!(" (Reason: {reason})"));
                }
                match recorder.after_bye {
                    AfterBye::Retry => Self::again(why),
                    AfterBye::Stop => Self::last(why),
                }
            }
            End::Expired => Self::again("the session timer ran out (RFC 4028)"),
            End::Lost {
                status: Some(status),
            } => Self::again(format!(
                "the recorder does not know the session any more: it answered {}",
                status.code()
            )),
            End::Lost { status: None } => Self::again("the recorder answers no more"),
            End::Unacknowledged => Self::again("the recorder did not acknowledge our answer"),
            End::Local { .. } | End::Invalid { .. } => Self::again("the session broke off"),
        }
    }
}

/// What an answer says, with the headers that tell more.
fn said(response: &Response) -> String {
    let code = response.status.code();
    let mut why = format!("the recorder answered {code} {}", response.reason);
    let told = ["Warning", "Reason", "Unsupported"];
    let target = (code < 400).then_some("Contact");
    for header in told.into_iter().chain(target) {
        if let Some(value) = response.headers.get(header) {
            why.push_str(&format!(" ({header}: {value})"));
        }
    }
    why
}

/// How long to wait after so many failures in a row: longer each time, and never for all
/// recordings alike, so that a recorder that comes back is not overrun.
pub(super) fn pause(failures: u32, random: &mut Random) -> Duration {
    let doublings = failures.saturating_sub(1).min(8);
    let pause = (PAUSE_FIRST * (1 << doublings)).min(PAUSE_MAX);
    pause * (80 + random.below(41) as u32) / 100
}

/// RFC 3261 §20.33, in seconds; a comment or parameters may follow.
pub(super) fn retry_after(response: &Response) -> Duration {
    let value = response.headers.get("Retry-After").unwrap_or_default();
    let digits = value
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .unwrap_or_default();
    Duration::from_secs(digits.parse().unwrap_or(0).min(RETRY_AFTER_MAX_S))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(head: &str) -> Response {
        use crate::sip::flow::Protocol;
        use crate::sip::message::Message;
        let text = format!(
            "SIP/2.0 {head}\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\n\
             To: <sip:b@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"
        );
        match Message::parse(text.as_bytes(), Protocol::Udp) {
            Ok(Message::Response(response)) => response,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_is_policy_is_not() {
        let verdict = |head: &str, lines| {
            Failure::refused(&response(head), &Recorder::testing(lines)).verdict
        };
        let again = |seconds| Verdict::Again {
            not_before: Duration::from_secs(seconds),
        };
        let maintenance = "503 Later\r\nRetry-After: 7 (maintenance)";
        assert_eq!(verdict(maintenance, ""), again(7));
        let endless = "503 Later\r\nRetry-After: 99999999999";
        assert_eq!(verdict(endless, ""), again(3_600));
        for code in [408, 429, 480, 481, 482, 491, 500, 502, 503, 504, 599] {
            assert_eq!(verdict(&format!("{code} Oops"), ""), again(0), "{code}");
        }
        for code in [
            302, 400, 401, 403, 404, 407, 413, 415, 420, 486, 488, 513, 600, 603, 606,
        ] {
            assert_eq!(verdict(&format!("{code} No"), ""), Verdict::Final, "{code}");
        }
        let retry = "after_refusal = \"retry\"";
        for code in [403, 486, 600, 603] {
            assert_eq!(verdict(&format!("{code} No"), retry), again(0), "{code}");
        }
        assert_eq!(verdict("488 No", retry), Verdict::Final);
    }

    #[test]
    fn an_operator_reads_what_the_recorder_said_and_what_to_do() {
        let digest = "WWW-Authenticate: Digest realm=\"srs\", nonce=\"1\"";
        let (server, proxy) = (
            format!("401 No\r\n{digest}"),
            format!("407 No\r\n{}", digest.replace("WWW", "Proxy")),
        );
        for (head, parts) in [
            (
                "420 Bad Extension\r\nUnsupported: siprec",
                [
                    "420 Bad Extension (Unsupported: siprec)",
                    "no session recording server",
                ],
            ),
            (
                "403 No\r\nReason: x",
                ["403 No (Reason: x)", "by its policy"],
            ),
            (
                "302 Away\r\nContact: <sip:a@b>",
                ["(Contact: <sip:a@b>)", "correct uri"],
            ),
            (&server, ["401 No", "set credentials to a file"]),
            (&proxy, ["\"srs\"", "file"]),
        ] {
            let why = Failure::refused(&response(head), &Recorder::testing("")).why;
            for part in parts {
                assert!(why.contains(part), "{why}");
            }
        }
        let by = End::Peer { reason: None };
        let ended = |ms| Failure::ended(&by, Duration::from_millis(ms), &Recorder::testing("")).why;
        assert!(ended(40).contains("40 ms") && ended(40).contains("metadata"));
        assert_eq!(ended(2_000), "the recorder ended the recording");
    }

    #[test]
    fn pauses_grow_and_differ() {
        let mut random = Random::new([3; 32]);
        let mut pauses = |failures| {
            let pauses: Vec<_> = (0..50).map(|_| pause(failures, &mut random)).collect();
            let (low, high) = (pauses.iter().min().copied(), pauses.iter().max().copied());
            (low.unwrap().as_millis(), high.unwrap().as_millis())
        };
        let (low, high) = pauses(1);
        assert!(low >= 1_600 && high <= 2_400 && low < high);
        let (low, high) = pauses(40);
        assert!(low >= 24_000 && high <= 36_000);
    }
}
