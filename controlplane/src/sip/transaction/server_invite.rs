//! Their INVITEs (RFC 3261 §17.2.1 with the Accepted state of RFC 6026 §7.1).

use std::time::{Duration, Instant};

use super::timing::{Backoff, Timing};
use super::{Key, Reply, earlier};
use crate::sip::flow::Flow;
use crate::sip::output::Output;

/// How long the peer may wait for a sign of life (RFC 3261 §17.2.1).
const TRYING_AFTER: Duration = Duration::from_millis(200);

/// An INVITE server transaction.
#[derive(Clone, Debug)]
pub(crate) struct ServerInvite {
    /// What retransmissions, ACK and CANCEL are known by.
    pub(crate) key: Key,
    /// The INVITE's CSeq number, which the ACK of a 2xx repeats.
    pub(crate) number: u32,
    reply: Reply,
    timing: Timing,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// The user has not answered. Retransmissions are answered with the latest provisional
    /// response; 100 is sent if none was after a while.
    Proceeding {
        provisional: Vec<u8>,
        trying_at: Option<Instant>,
    },
    /// Refused: Timer G retransmits until ACK, Timer H gives up.
    Completed {
        response: Vec<u8>,
        retransmit: Option<Backoff>,
        timeout: Instant,
    },
    /// Refused and acknowledged: late ACKs are absorbed until Timer I.
    Confirmed {
        until: Instant,
    },
    /// Accepted: retransmitted until ACK (RFC 3261 §13.3.1.4), at the latest until Timer L.
    Accepted {
        response: Vec<u8>,
        retransmit: Option<Backoff>,
        until: Instant,
    },
    Terminated,
}

/// What an INVITE server transaction tells its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerEvent {
    /// The 2xx was acknowledged.
    Acknowledged,
    /// The 2xx was not acknowledged in time.
    Unacknowledged,
}

impl ServerInvite {
    /// The INVITE has come, and its answers go by `reply`; `trying` is its 100.
    pub(crate) fn start(
        (key, number): (Key, u32),
        reply: Reply,
        trying: Vec<u8>,
        timing: Timing,
        now: Instant,
    ) -> Self {
        let state = State::Proceeding {
            provisional: trying,
            trying_at: Some(now + TRYING_AFTER),
        };
        Self {
            key,
            number,
            reply,
            timing,
            state,
        }
    }

    /// Sends a response with that status code.
    pub(crate) fn respond(
        &mut self,
        code: u16,
        response: Vec<u8>,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        out.push(Output::Transmit {
            flow: self.reply.flow,
            bytes: response.clone(),
        });
        let patience = now + self.timing.patience();
        self.state = match code {
            ..200 => State::Proceeding {
                provisional: response,
                trying_at: None,
            },
            // A 2xx is retransmitted over any transport: ACK comes end to end.
            200..300 => State::Accepted {
                response,
                retransmit: Some(Backoff::new(&self.timing, now)),
                until: patience,
            },
            300.. => State::Completed {
                response,
                retransmit: (!self.reply.flow.protocol.is_reliable())
                    .then(|| Backoff::new(&self.timing, now)),
                timeout: patience,
            },
        };
    }

    /// The INVITE has come again, and its answers go by `reply` from now on.
    pub(crate) fn on_retransmission(&mut self, reply: Reply, out: &mut Vec<Output>) {
        self.reply = reply;
        if let State::Proceeding { trying_at, .. } = &mut self.state {
            *trying_at = None;
        }
        // RFC 6026 §7.1: retransmissions of what was accepted are absorbed.
        if !matches!(self.state, State::Accepted { .. }) {
            self.respond_again(out);
        }
    }

    /// The network says that nobody is at that flow's other end.
    pub(crate) fn on_unreachable(&mut self, flow: Flow, out: &mut Vec<Output>) {
        if self.reply.turn(flow) {
            self.respond_again(out);
        }
    }

    /// Sends the latest response again, if it is not acknowledged.
    fn respond_again(&self, out: &mut Vec<Output>) {
        match &self.state {
            State::Proceeding {
                provisional: bytes, ..
            }
            | State::Completed {
                response: bytes, ..
            }
            | State::Accepted {
                response: bytes,
                retransmit: Some(_),
                ..
            } => {
                out.push(Output::Transmit {
                    flow: self.reply.flow,
                    bytes: bytes.clone(),
                });
            }
            State::Accepted { .. } | State::Confirmed { .. } | State::Terminated => {}
        }
    }

    /// An ACK has come.
    pub(crate) fn on_ack(&mut self, now: Instant) -> Option<ServerEvent> {
        match &mut self.state {
            State::Completed { .. } => {
                let stragglers = self
                    .timing
                    .stragglers(self.reply.flow.protocol.is_reliable());
                self.state = State::Confirmed {
                    until: now + stragglers,
                };
                None
            }
            State::Accepted { retransmit, .. } => {
                retransmit.take().map(|_| ServerEvent::Acknowledged)
            }
            State::Proceeding { .. } | State::Confirmed { .. } | State::Terminated => None,
        }
    }

    /// Does what is due.
    pub(crate) fn on_deadline(
        &mut self,
        now: Instant,
        out: &mut Vec<Output>,
    ) -> Option<ServerEvent> {
        match &mut self.state {
            State::Proceeding {
                provisional,
                trying_at: trying_at @ Some(_),
            } if trying_at.is_some_and(|at| at <= now) => {
                *trying_at = None;
                out.push(Output::Transmit {
                    flow: self.reply.flow,
                    bytes: provisional.clone(),
                });
                None
            }
            State::Accepted {
                until, retransmit, ..
            } if *until <= now => {
                let unacknowledged = retransmit.map(|_| ServerEvent::Unacknowledged);
                self.state = State::Terminated;
                unacknowledged
            }
            State::Completed { timeout: until, .. } | State::Confirmed { until }
                if *until <= now =>
            {
                self.state = State::Terminated;
                None
            }
            State::Completed {
                response,
                retransmit: Some(backoff),
                ..
            }
            | State::Accepted {
                response,
                retransmit: Some(backoff),
                ..
            } if backoff.at <= now => {
                out.push(Output::Transmit {
                    flow: self.reply.flow,
                    bytes: response.clone(),
                });
                backoff.double_up_to(self.timing.t2, now);
                None
            }
            State::Proceeding { .. }
            | State::Completed { .. }
            | State::Confirmed { .. }
            | State::Accepted { .. }
            | State::Terminated => None,
        }
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Proceeding { trying_at, .. } => *trying_at,
            State::Completed {
                retransmit,
                timeout: until,
                ..
            }
            | State::Accepted {
                retransmit, until, ..
            } => earlier(retransmit.map(|backoff| backoff.at), Some(*until)),
            State::Confirmed { until } => Some(*until),
            State::Terminated => None,
        }
    }

    /// Whether the user has not answered.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Proceeding { .. })
    }

    /// Whether a 2xx was sent and not acknowledged.
    pub(crate) fn is_unacknowledged(&self) -> bool {
        matches!(
            self.state,
            State::Accepted {
                retransmit: Some(_),
                ..
            }
        )
    }

    /// Stops retransmitting a 2xx: the dialog is over.
    pub(crate) fn silence(&mut self) {
        if let State::Accepted { retransmit, .. } = &mut self.state {
            *retransmit = None;
        }
    }

    /// Whether nothing more is to come.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Terminated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::testing::{epoch, key, run, sent, tcp, udp};

    fn start(flow: Flow, now: Instant) -> ServerInvite {
        ServerInvite::start(
            (key(), 1),
            Reply::by(flow),
            b"100".to_vec(),
            Timing::default(),
            now,
        )
    }

    #[test]
    fn trying_is_sent_after_200_ms_unless_something_else_was() {
        let (now, mut out) = (epoch(), Vec::new());
        let mut invite = start(udp(), now);
        assert_eq!(invite.deadline(), Some(now + TRYING_AFTER));
        let mut other = invite.clone();
        other.on_deadline(now + TRYING_AFTER, &mut out);
        assert_eq!((sent(&out), other.deadline()), (1, None));
        invite.respond(180, b"180".to_vec(), now, &mut out);
        assert_eq!(invite.deadline(), None);
        invite.on_retransmission(Reply::by(udp()), &mut out);
        let ringing = Output::Transmit {
            flow: udp(),
            bytes: b"180".to_vec(),
        };
        assert_eq!(out[1..], [ringing.clone(), ringing]);
        assert!(invite.is_waiting());
    }

    #[test]
    fn a_refusal_is_retransmitted_until_ack_or_timer_h() {
        let (now, mut out) = (epoch(), Vec::new());
        let mut invite = start(udp(), now);
        invite.respond(486, b"486".to_vec(), now, &mut out);
        let mut acknowledged = invite.clone();
        let (sends, event) = run(
            &mut invite,
            now,
            ServerInvite::deadline,
            ServerInvite::on_deadline,
        );
        assert_eq!(
            sends,
            [
                500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500
            ]
        );
        assert_eq!(event, None);
        assert!(invite.is_over());
        assert_eq!(acknowledged.on_ack(now), None);
        let (sends, _) = run(
            &mut acknowledged,
            now,
            ServerInvite::deadline,
            ServerInvite::on_deadline,
        );
        assert!(sends.is_empty() && acknowledged.is_over());
    }

    #[test]
    fn a_2xx_is_retransmitted_over_any_transport_until_its_ack() {
        for flow in [udp(), tcp()] {
            let (now, mut out) = (epoch(), Vec::new());
            let mut invite = start(flow, now);
            invite.respond(200, b"200".to_vec(), now, &mut out);
            assert!(invite.is_unacknowledged());
            let mut acknowledged = invite.clone();
            let (sends, event) = run(
                &mut invite,
                now,
                ServerInvite::deadline,
                ServerInvite::on_deadline,
            );
            assert_eq!(sends.len(), 10);
            assert_eq!(event, Some((32_000, ServerEvent::Unacknowledged)));
            assert_eq!(acknowledged.on_ack(now), Some(ServerEvent::Acknowledged));
            assert_eq!(acknowledged.on_ack(now), None);
            acknowledged.on_retransmission(Reply::by(flow), &mut out);
            let (sends, event) = run(
                &mut acknowledged,
                now,
                ServerInvite::deadline,
                ServerInvite::on_deadline,
            );
            assert!(sends.is_empty() && event.is_none() && acknowledged.is_over());
            assert_eq!(sent(&out), 1);
        }
    }

    #[test]
    fn over_tcp_a_refusal_is_sent_once() {
        let (now, mut out) = (epoch(), Vec::new());
        let mut invite = start(tcp(), now);
        invite.respond(486, b"486".to_vec(), now, &mut out);
        assert_eq!(invite.deadline(), Some(now + Duration::from_secs(32)));
        invite.on_ack(now);
        invite.on_deadline(now, &mut out);
        assert!(invite.is_over());
    }
}
