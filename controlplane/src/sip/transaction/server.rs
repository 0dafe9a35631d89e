//! Their requests other than INVITE and ACK (RFC 3261 §17.2.2).
//!
//! No provisional response is ever sent to these (RFC 4320 §4.1), so there is no Proceeding state.

use std::time::Instant;

use super::timing::Timing;
use super::{Key, Reply};
use crate::sip::flow::Flow;
use crate::sip::output::Output;

/// A non-INVITE server transaction.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// What retransmissions of the request are known by.
    pub(crate) key: Key,
    reply: Reply,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// The user has not answered: retransmissions are absorbed.
    Trying,
    /// Retransmissions are answered again until Timer J.
    Completed {
        response: Vec<u8>,
        until: Instant,
    },
    Terminated,
}

impl Server {
    /// The request has come, and its answer goes by `reply`.
    pub(crate) fn start(key: Key, reply: Reply) -> Self {
        Self {
            key,
            reply,
            state: State::Trying,
        }
    }

    /// Sends the final response.
    pub(crate) fn respond(
        &mut self,
        response: Vec<u8>,
        timing: &Timing,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        out.push(Output::Transmit {
            flow: self.reply.flow,
            bytes: response.clone(),
        });
        let until = now + timing.echoes(self.reply.flow.protocol.is_reliable());
        self.state = State::Completed { response, until };
    }

    /// The request has come again, and its answer goes by `reply` from now on.
    pub(crate) fn handle(&mut self, reply: Reply, out: &mut Vec<Output>) {
        self.reply = reply;
        self.respond_again(out);
    }

    fn respond_again(&self, out: &mut Vec<Output>) {
        match &self.state {
            State::Completed { response, .. } => {
                out.push(Output::Transmit {
                    flow: self.reply.flow,
                    bytes: response.clone(),
                });
            }
            State::Trying | State::Terminated => {}
        }
    }

    /// The network says that nobody is at that flow's other end.
    pub(crate) fn on_unreachable(&mut self, flow: Flow, out: &mut Vec<Output>) {
        if self.reply.turn(flow) {
            self.respond_again(out);
        }
    }

    /// Does what is due.
    pub(crate) fn on_deadline(&mut self, now: Instant) {
        if self.deadline().is_some_and(|until| until <= now) {
            self.state = State::Terminated;
        }
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Completed { until, .. } => Some(*until),
            State::Trying | State::Terminated => None,
        }
    }

    /// Whether the user has not answered.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Trying)
    }

    /// Whether nothing more is to come.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Terminated)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sip::testing::{epoch, key, sent, tcp, udp};

    #[test]
    fn retransmissions_are_absorbed_and_then_answered_again_until_timer_j() {
        let (now, mut out) = (epoch(), Vec::new());
        let mut server = Server::start(key(), Reply::by(udp()));
        server.handle(Reply::by(udp()), &mut out);
        assert_eq!((sent(&out), server.is_waiting()), (0, true));
        server.respond(b"200".to_vec(), &Timing::default(), now, &mut out);
        server.handle(Reply::by(udp()), &mut out);
        assert_eq!(sent(&out), 2);
        let end = now + Duration::from_secs(32);
        server.on_deadline(end - Duration::from_millis(1));
        assert!(!server.is_over());
        assert_eq!(server.deadline(), Some(end));
        server.on_deadline(end);
        assert!(server.is_over());
    }

    #[test]
    fn over_tcp_nothing_lingers() {
        let (now, mut out) = (epoch(), Vec::new());
        let mut server = Server::start(key(), Reply::by(tcp()));
        server.respond(b"200".to_vec(), &Timing::default(), now, &mut out);
        server.on_deadline(now);
        assert!(server.is_over());
    }
}
