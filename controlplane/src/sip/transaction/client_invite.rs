//! Our INVITEs (RFC 3261 §17.1.1 with the Accepted state of RFC 6026 §7.2).

use std::time::Instant;

use rsip::Method;

use super::timing::{Backoff, Timing};
use super::{Heard, earlier};
use crate::sip::flow::Flow;
use crate::sip::headers::Headers;
use crate::sip::message::{Request, Response};
use crate::sip::method;
use crate::sip::output::{Failure, Output};

/// An INVITE client transaction.
#[derive(Clone, Debug)]
pub(crate) struct ClientInvite {
    /// What was sent.
    pub(crate) request: Request,
    /// What responses to it carry in their Via.
    pub(crate) branch: String,
    /// Its CSeq number.
    pub(crate) number: u32,
    /// Where it was sent.
    pub(crate) flow: Flow,
    timing: Timing,
    given_up: bool,
    repeated: bool,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// No response yet: Timer A retransmits, Timer B gives up.
    Calling {
        retransmit: Option<Backoff>,
        timeout: Instant,
    },
    /// The peer works on it, without limit until the user gives up.
    Proceeding {
        timeout: Option<Instant>,
    },
    /// Refused: each refusal is acknowledged until Timer D.
    Completed {
        ack: Vec<u8>,
        until: Instant,
    },
    /// Accepted: the user acknowledges each 2xx until Timer M.
    Accepted {
        until: Instant,
    },
    Terminated,
}

impl ClientInvite {
    /// Sends the request with that branch and CSeq number.
    pub(crate) fn start(
        request: Request,
        flow: Flow,
        (branch, number): (String, u32),
        timing: Timing,
        now: Instant,
        out: &mut Vec<Output>,
    ) -> Self {
        out.push(Output::Transmit {
            flow,
            bytes: request.write(),
        });
        let reliable = flow.protocol.is_reliable();
        let state = State::Calling {
            retransmit: (!reliable).then(|| Backoff::new(&timing, now)),
            timeout: now + timing.patience(),
        };
        Self {
            request,
            branch,
            number,
            flow,
            timing,
            given_up: false,
            repeated: false,
            state,
        }
    }

    /// A response with this branch has come.
    pub(crate) fn handle(
        &mut self,
        response: &Response,
        now: Instant,
        out: &mut Vec<Output>,
    ) -> Option<Heard> {
        match (&self.state, response.status.code()) {
            (State::Calling { timeout, .. }, ..200) => {
                let timeout = self.given_up.then_some(*timeout);
                self.state = State::Proceeding { timeout };
                Some(Heard::Provisional)
            }
            (State::Proceeding { .. }, ..200) => Some(Heard::Provisional),
            (State::Calling { .. } | State::Proceeding { .. }, ..300) => {
                self.state = State::Accepted {
                    until: now + self.timing.patience(),
                };
                Some(Heard::Success)
            }
            (State::Accepted { .. }, 200..300) => Some(Heard::Success),
            (State::Calling { .. } | State::Proceeding { .. }, _) => {
                let ack = self.derive(Method::Ack, &response.headers).write();
                out.push(Output::Transmit {
                    flow: self.flow,
                    bytes: ack.clone(),
                });
                let echoes = self.timing.echoes(self.flow.protocol.is_reliable());
                self.state = State::Completed {
                    ack,
                    until: now + echoes,
                };
                Some(Heard::Refusal)
            }
            (State::Completed { ack, .. }, 300..) => {
                out.push(Output::Transmit {
                    flow: self.flow,
                    bytes: ack.clone(),
                });
                None
            }
            (State::Completed { .. } | State::Accepted { .. } | State::Terminated, _) => None,
        }
    }

    /// Does what is due.
    pub(crate) fn on_deadline(&mut self, now: Instant, out: &mut Vec<Output>) -> Option<Failure> {
        match &mut self.state {
            State::Calling { timeout, .. }
            | State::Proceeding {
                timeout: Some(timeout),
            } if *timeout <= now => {
                self.state = State::Terminated;
                Some(Failure::Timeout)
            }
            State::Calling {
                retransmit: Some(backoff),
                ..
            } if backoff.at <= now => {
                let bytes = self.request.write();
                out.push(Output::Transmit {
                    flow: self.flow,
                    bytes,
                });
                backoff.double(now);
                None
            }
            State::Completed { until, .. } | State::Accepted { until } if *until <= now => {
                self.state = State::Terminated;
                None
            }
            State::Calling { .. }
            | State::Proceeding { .. }
            | State::Completed { .. }
            | State::Accepted { .. }
            | State::Terminated => None,
        }
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Calling {
                retransmit,
                timeout,
            } => earlier(retransmit.map(|backoff| backoff.at), Some(*timeout)),
            State::Proceeding { timeout } => *timeout,
            State::Completed { until, .. } | State::Accepted { until } => Some(*until),
            State::Terminated => None,
        }
    }

    /// Stops retransmitting, and waits for a final response no longer than `until`.
    pub(crate) fn give_up(&mut self, until: Instant) {
        self.given_up = true;
        match &mut self.state {
            State::Calling {
                retransmit,
                timeout,
            } => {
                *retransmit = None;
                *timeout = until;
            }
            State::Proceeding { timeout } => *timeout = Some(until),
            State::Completed { .. } | State::Accepted { .. } | State::Terminated => {}
        }
    }

    /// Whether the user gave up.
    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up
    }

    /// Whether the peer works on it: only then may it be cancelled (RFC 3261 §9.1).
    pub(crate) fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding { .. })
    }

    /// Whether no final response has come.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Calling { .. } | State::Proceeding { .. })
    }

    /// Whether nothing more is to come.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Terminated)
    }

    /// Sends the request again, by another connection; false where that was done, or is in vain.
    pub(crate) fn repeat(&mut self, out: &mut Vec<Output>) -> bool {
        if self.repeated || self.given_up || !self.flow.protocol.is_reliable() {
            return false;
        }
        self.repeated = true;
        out.push(Output::Transmit {
            flow: self.flow,
            bytes: self.request.write(),
        });
        true
    }

    /// Ends it at once: nobody is there.
    pub(crate) fn abort(&mut self) {
        self.state = State::Terminated;
    }

    /// The CANCEL for it (RFC 3261 §9.1).
    pub(crate) fn cancel(&self) -> Request {
        self.derive(Method::Cancel, &self.request.headers)
    }

    /// A request that goes the INVITE's way: the ACK of a refusal takes To from the response
    /// (RFC 3261 §17.1.1.3), CANCEL from the INVITE.
    fn derive(&self, method: Method, to: &Headers) -> Request {
        let from = &self.request.headers;
        let mut headers = Headers::default();
        for (name, source) in [
            ("Via", from),
            ("Max-Forwards", from),
            ("From", from),
            ("To", to),
            ("Call-ID", from),
        ] {
            headers.push(name, source.get(name).unwrap_or_default());
        }
        headers.push("CSeq", &format!("{} {}", self.number, method::name(method)));
        for route in from.all("Route") {
            headers.push("Route", route);
        }
        Request {
            method,
            uri: self.request.uri.clone(),
            headers,
            body: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rsip::StatusCode;

    use super::*;
    use crate::sip::testing::{epoch, run, sent, tcp, udp};
    use crate::sip::uri::AnyUri;

    fn start(flow: Flow, now: Instant, out: &mut Vec<Output>) -> ClientInvite {
        let mut headers = Headers::default();
        for (name, value) in [
            ("Via", "SIP/2.0/UDP a;branch=z9hG4bK1"),
            ("Route", "<sip:p1;lr>"),
            ("Max-Forwards", "70"),
            ("From", "<sip:a@h>;tag=1"),
            ("To", "<sip:b@h>"),
            ("Call-ID", "c1"),
            ("CSeq", "7 INVITE"),
            ("Route", "<sip:p2;lr>"),
            ("Require", "siprec"),
        ] {
            headers.push(name, value);
        }
        let uri = AnyUri::parse("sip:b@h");
        let request = Request {
            method: Method::Invite,
            uri,
            headers,
            body: b"offer".to_vec(),
        };
        let ids = ("z9hG4bK1".to_owned(), 7);
        ClientInvite::start(request, flow, ids, Timing::default(), now, out)
    }

    fn response(code: u16) -> Response {
        let mut response = Response::new(StatusCode::from(code));
        response.headers.push("To", "<sip:b@h>;tag=2");
        response
    }

    fn text(output: Option<&Output>) -> String {
        match output {
            Some(Output::Transmit { bytes, .. }) => String::from_utf8(bytes.clone()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn over_udp_it_is_retransmitted_at_doubling_intervals_until_timer_b() {
        let (now, mut out) = (epoch(), Vec::new());
        let mut invite = start(udp(), now, &mut out);
        let (sends, event) = run(
            &mut invite,
            now,
            ClientInvite::deadline,
            ClientInvite::on_deadline,
        );
        assert_eq!(sends, [500, 1500, 3500, 7500, 15500, 31500]);
        assert_eq!(event, Some((32_000, Failure::Timeout)));
        let mut invite = start(tcp(), now, &mut out);
        let (sends, event) = run(
            &mut invite,
            now,
            ClientInvite::deadline,
            ClientInvite::on_deadline,
        );
        assert_eq!((sends.len(), event), (0, Some((32_000, Failure::Timeout))));
    }

    #[test]
    fn a_provisional_response_ends_retransmission_and_waiting() {
        let (now, mut out) = (epoch(), Vec::new());
        let mut invite = start(udp(), now, &mut out);
        assert!(!invite.is_proceeding());
        assert_eq!(
            invite.handle(&response(100), now, &mut out),
            Some(Heard::Provisional)
        );
        assert_eq!(
            invite.handle(&response(180), now, &mut out),
            Some(Heard::Provisional)
        );
        assert!(invite.is_proceeding());
        assert_eq!(invite.deadline(), None);
    }

    #[test]
    fn a_refusal_is_told_once_and_acknowledged_each_time() {
        let (now, mut out) = (epoch(), Vec::new());
        let mut invite = start(udp(), now, &mut out);
        assert_eq!(
            invite.handle(&response(486), now, &mut out),
            Some(Heard::Refusal)
        );
        assert_eq!(invite.handle(&response(486), now, &mut out), None);
        assert_eq!(out[1], out[2]);
        assert_eq!(
            text(out.get(1)),
            "ACK sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
             From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: c1\r\nCSeq: 7 ACK\r\n\
             Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(invite.deadline(), Some(now + Duration::from_secs(32)));
        invite.on_deadline(now + Duration::from_secs(32), &mut out);
        assert!(invite.is_over());
    }

    #[test]
    fn each_2xx_is_told_until_timer_m() {
        let (now, mut out) = (epoch(), Vec::new());
        let mut invite = start(udp(), now, &mut out);
        for _ in 0..3 {
            assert_eq!(
                invite.handle(&response(200), now, &mut out),
                Some(Heard::Success)
            );
        }
        assert_eq!(invite.handle(&response(486), now, &mut out), None);
        assert_eq!(sent(&out), 1);
        assert_eq!(invite.deadline(), Some(now + Duration::from_secs(32)));
    }

    #[test]
    fn once_given_up_it_only_waits() {
        let (now, mut out) = (epoch(), Vec::new());
        let until = now + Duration::from_secs(40);
        for provisional in [false, true] {
            let mut invite = start(udp(), now, &mut out);
            invite.give_up(until);
            if provisional {
                invite.handle(&response(180), now, &mut out);
            }
            let (sends, event) = run(
                &mut invite,
                now,
                ClientInvite::deadline,
                ClientInvite::on_deadline,
            );
            assert_eq!((sends.len(), event), (0, Some((40_000, Failure::Timeout))));
        }
    }

    #[test]
    fn cancel_goes_the_same_way_and_has_no_body() {
        let invite = start(udp(), epoch(), &mut Vec::new());
        let cancel = invite.cancel();
        assert_eq!(
            cancel.headers.get("Via"),
            Some("SIP/2.0/UDP a;branch=z9hG4bK1")
        );
        assert_eq!(cancel.headers.get("CSeq"), Some("7 CANCEL"));
        assert_eq!(cancel.headers.get("To"), Some("<sip:b@h>"));
        assert_eq!(cancel.headers.all("Route").count(), 2);
        assert_eq!(cancel.headers.get("Require"), None);
        assert!(cancel.body.is_empty());
    }
}
