//! Our requests other than INVITE and ACK (RFC 3261 §17.1.2).

use std::time::Instant;

use rsip::StatusCode;

use super::timing::{Backoff, Timing};
use super::{Heard, earlier};
use crate::sip::flow::Flow;
use crate::sip::output::{Failure, Output};

/// A non-INVITE client transaction.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// What responses to it carry in their Via.
    pub(crate) branch: String,
    /// Where it was sent.
    pub(crate) flow: Flow,
    timing: Timing,
    repeated: bool,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// Trying and Proceeding: Timer E retransmits, Timer F gives up.
    Waiting {
        bytes: Vec<u8>,
        retransmit: Option<Backoff>,
        timeout: Instant,
    },
    /// Answered: late retransmissions of the answer are absorbed until Timer K.
    Completed {
        until: Instant,
    },
    Terminated,
}

impl Client {
    /// Sends the request.
    pub(crate) fn start(
        bytes: Vec<u8>,
        branch: String,
        flow: Flow,
        timing: Timing,
        now: Instant,
        out: &mut Vec<Output>,
    ) -> Self {
        out.push(Output::Transmit {
            flow,
            bytes: bytes.clone(),
        });
        let reliable = flow.protocol.is_reliable();
        let state = State::Waiting {
            bytes,
            retransmit: (!reliable).then(|| Backoff::new(&timing, now)),
            timeout: now + timing.patience(),
        };
        Self {
            branch,
            flow,
            timing,
            repeated: false,
            state,
        }
    }

    /// A response with this branch has come.
    pub(crate) fn handle(&mut self, status: &StatusCode, now: Instant) -> Option<Heard> {
        let State::Waiting { retransmit, .. } = &mut self.state else {
            return None;
        };
        match status.code() {
            ..200 => {
                if let Some(backoff) = retransmit {
                    backoff.settle(self.timing.t2);
                }
                Some(Heard::Provisional)
            }
            code => {
                let stragglers = self.timing.stragglers(self.flow.protocol.is_reliable());
                self.state = State::Completed {
                    until: now + stragglers,
                };
                Some(if code < 300 {
                    Heard::Success
                } else {
                    Heard::Refusal
                })
            }
        }
    }

    /// Does what is due.
    pub(crate) fn on_deadline(&mut self, now: Instant, out: &mut Vec<Output>) -> Option<Failure> {
        match &mut self.state {
            State::Waiting { timeout, .. } if *timeout <= now => {
                self.state = State::Terminated;
                Some(Failure::Timeout)
            }
            State::Waiting {
                bytes,
                retransmit: Some(backoff),
                ..
            } if backoff.at <= now => {
                out.push(Output::Transmit {
                    flow: self.flow,
                    bytes: bytes.clone(),
                });
                backoff.double_up_to(self.timing.t2, now);
                None
            }
            State::Completed { until } if *until <= now => {
                self.state = State::Terminated;
                None
            }
            State::Waiting { .. } | State::Completed { .. } | State::Terminated => None,
        }
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting {
                retransmit,
                timeout,
                ..
            } => earlier(retransmit.map(|backoff| backoff.at), Some(*timeout)),
            State::Completed { until } => Some(*until),
            State::Terminated => None,
        }
    }

    /// Whether no final response has come.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting { .. })
    }

    /// Whether nothing more is to come.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Terminated)
    }

    /// Sends the request again, by another connection; false where that was done, or is in vain.
    pub(crate) fn repeat(&mut self, out: &mut Vec<Output>) -> bool {
        let State::Waiting { bytes, .. } = &self.state else {
            return false;
        };
        if self.repeated || !self.flow.protocol.is_reliable() {
            return false;
        }
        self.repeated = true;
        out.push(Output::Transmit {
            flow: self.flow,
            bytes: bytes.clone(),
        });
        true
    }

    /// Ends it at once: nobody is there.
    pub(crate) fn abort(&mut self) {
        self.state = State::Terminated;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sip::testing::{epoch, run, sent, tcp, udp};

    fn start(flow: Flow, now: Instant, out: &mut Vec<Output>) -> Client {
        let timing = Timing::default();
        Client::start(
            b"BYE".to_vec(),
            "z9hG4bK1".to_owned(),
            flow,
            timing,
            now,
            out,
        )
    }

    #[test]
    fn over_udp_it_is_retransmitted_until_timer_f() {
        let (now, mut out) = (epoch(), Vec::new());
        let mut client = start(udp(), now, &mut out);
        let (sends, event) = run(&mut client, now, Client::deadline, Client::on_deadline);
        assert_eq!(
            sends,
            [
                500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500
            ]
        );
        assert_eq!(event, Some((32_000, Failure::Timeout)));
        assert!(client.is_over());
    }

    #[test]
    fn a_provisional_response_slows_the_retransmissions_down_to_t2() {
        let (now, mut out) = (epoch(), Vec::new());
        let mut client = start(udp(), now, &mut out);
        let trying = StatusCode::from(100);
        assert_eq!(client.handle(&trying, now), Some(Heard::Provisional));
        assert!(client.is_waiting());
        let first = client.deadline().unwrap();
        client.on_deadline(first, &mut out);
        assert_eq!(client.deadline(), Some(first + Duration::from_secs(4)));
    }

    #[test]
    fn an_answer_is_told_once_and_its_echoes_are_absorbed() {
        let (now, mut out) = (epoch(), Vec::new());
        let mut client = start(udp(), now, &mut out);
        assert_eq!(
            client.handle(&StatusCode::from(481), now),
            Some(Heard::Refusal)
        );
        assert_eq!(client.handle(&StatusCode::from(481), now), None);
        assert_eq!(client.deadline(), Some(now + Duration::from_secs(5)));
        client.on_deadline(now + Duration::from_secs(5), &mut out);
        assert!(client.is_over());
        assert_eq!(sent(&out), 1);
    }

    #[test]
    fn over_tcp_nothing_is_retransmitted_and_nothing_lingers() {
        let (now, mut out) = (epoch(), Vec::new());
        let mut client = start(tcp(), now, &mut out);
        assert_eq!(client.deadline(), Some(now + Duration::from_secs(32)));
        assert_eq!(
            client.handle(&StatusCode::from(200), now),
            Some(Heard::Success)
        );
        client.on_deadline(now, &mut out);
        assert!(client.is_over());
        assert_eq!(sent(&out), 1);
    }
}
