//! When a connection that came to nothing may be tried again: later each time, and at random, so
//! that a recorder that comes back is not overrun.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::OUTGOING_MAX;
use crate::random::Random;
use crate::sip::flow::Flow;

/// The pause after the first failure; each further one doubles it.
const FIRST: Duration = Duration::from_millis(250);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(8);

/// The flows that are not to be opened now, and why.
#[derive(Debug, Default)]
pub(super) struct Pauses(BTreeMap<Flow, Pause>);

#[derive(Debug)]
struct Pause {
    until: Instant,
    failures: u32,
    why: String,
}

impl Pauses {
    /// A connection came to nothing.
    pub(super) fn begin(&mut self, flow: Flow, why: String, random: &mut Random, now: Instant) {
        if self.0.len() >= OUTGOING_MAX {
            self.0.retain(|_, pause| now < pause.until);
        }
        let failures = self.0.get(&flow).map_or(0, |pause| pause.failures);
        let longest = (FIRST * (1 << failures.min(8))).min(LONGEST);
        let until = now + longest * (50 + random.below(51) as u32) / 100;
        let pause = Pause {
            until,
            failures: failures + 1,
            why,
        };
        if self.0.len() < OUTGOING_MAX || self.0.contains_key(&flow) {
            self.0.insert(flow, pause);
        }
    }

    /// Why that flow is not to be opened now; `None` where it may be.
    pub(super) fn reason(&self, flow: Flow, now: Instant) -> Option<String> {
        let pause = self.0.get(&flow).filter(|pause| now < pause.until)?;
        Some(pause.why.clone())
    }

    /// It works.
    pub(super) fn end(&mut self, flow: Flow) {
        self.0.remove(&flow);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::flow::{Protocol, TlsSettings};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
    fn each_failure_makes_it_longer_and_success_ends_it() {
        let flow = Flow {
            protocol: Protocol::Tls(TlsSettings::Recorder(0)),
            remote: "192.0.2.1:5061".parse().unwrap(),
        };
        let (mut pauses, mut random) = (Pauses::default(), Random::new([5; 32]));
        let mut now = Instant::now();
        assert_eq!(pauses.reason(flow, now), None);
        let mut last = Duration::ZERO;
        for failure in 0..10 {
            pauses.begin(flow, failure.to_string(), &mut random, now);
            assert_eq!(pauses.reason(flow, now), Some(failure.to_string()));
            last = pauses.0[&flow].until - now;
            let longest = (FIRST * (1 << failure)).min(LONGEST);
            assert!(last >= longest / 2 && last <= longest, "{last:?}");
            now = pauses.0[&flow].until;
            assert_eq!(pauses.reason(flow, now), None);
        }
        assert!(last >= LONGEST / 2);
        pauses.end(flow);
        pauses.begin(flow, String::new(), &mut random, now);
        assert!(pauses.0[&flow].until - now <= FIRST);
    }
}
