//! One OPTIONS outside of any session: is somebody there (RFC 3261 §11)?

use std::time::{Duration, Instant};

use rsip::{Method, StatusCode};

use super::dialog::Us;
use super::flow::Flow;
use super::local::Local;
use super::message::{Request, Response};
use super::output::{Failure, Output};
use super::transaction::client::Client;
use super::uri::{AnyUri, Uri};
use crate::random::Random;

/// An OPTIONS that waits for its answer.
#[derive(Debug)]
pub struct Probe {
    client: Client,
    call_id: String,
    give_up: Instant,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A final answer.
    Answered(StatusCode),
    /// None.
    Failed(Failure),
}

impl Probe {
    /// Asks `uri` by `flow`, and waits for an answer as long as `patience`. No other request has
    /// or had that Call-ID.
    pub fn start(
        local: &Local,
        (uri, flow): (&Uri, Flow),
        call_id: String,
        patience: Duration,
        random: &mut Random,
        now: Instant,
        out: &mut Vec<Output>,
    ) -> Self {
        let us = Us::begun(local, None, call_id.clone(), random);
        let branch = super::session::branch(random);
        let uri = uri.for_request();
        let via = local.via(flow.protocol, &branch);
        let mut headers = us.begin(&via, &format!("<{uri}>"), 1, Method::Options);
        headers.push(
            "Contact",
            &local.contact(flow.protocol, uri.secure, "+sip.src"),
        );
        headers.push("Accept", &local.accept);
        headers.push("User-Agent", &local.agent);
        let request = Request {
            method: Method::Options,
            uri: AnyUri::Sip(uri),
            headers,
            body: Vec::new(),
        };
        let client = Client::start(request.write(), branch, flow, local.timing, now, out);
        Self {
            client,
            call_id,
            give_up: now + patience,
        }
    }

    /// Where it was sent.
    pub const fn flow(&self) -> Flow {
        self.client.flow
    }

    /// A response has come; nothing where it is no final answer to this request.
    pub fn handle(&mut self, response: &Response, now: Instant) -> Option<Outcome> {
        let identity = response.headers.identity().ok()?;
        let is_mine = identity.via.branch() == Some(&self.client.branch)
            && response.headers.get("Call-ID") == Some(&self.call_id);
        if !is_mine || !self.client.is_waiting() {
            return None;
        }
        self.client.handle(&response.status, now);
        (!self.client.is_waiting()).then(|| Outcome::Answered(response.status.clone()))
    }

    /// Nothing reaches the other end of `flow`.
    pub fn unreachable(&mut self, flow: Flow, out: &mut Vec<Output>) -> Option<Outcome> {
        let concerned = self.client.flow == flow && self.client.is_waiting();
        (concerned && !self.client.repeat(out)).then_some(Outcome::Failed(Failure::Unreachable))
    }

    /// Does what is due.
    pub fn on_deadline(&mut self, now: Instant, out: &mut Vec<Output>) -> Option<Outcome> {
        if self.give_up <= now {
            return Some(Outcome::Failed(Failure::Timeout));
        }
        let due = self.client.deadline().is_some_and(|at| at <= now);
        let failure = due.then(|| self.client.on_deadline(now, out)).flatten();
        failure.map(Outcome::Failed)
    }

    /// When it wants to be called.
    pub fn deadline(&self) -> Instant {
        self.client
            .deadline()
            .map_or(self.give_up, |at| at.min(self.give_up))
    }
}

#[cfg(test)]
mod tests {
    use super::super::flow::Protocol;
    use super::super::message::Message;
    use super::super::testing::{epoch, local, sent, tcp, udp};
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(2);

    fn start(flow: Flow, out: &mut Vec<Output>) -> (Probe, Instant) {
        let uri = Uri::parse("sip:rec@srs.example.com;transport=tcp").unwrap();
        let (now, mut random) = (epoch(), Random::new([5; 32]));
        let call_id = "0-1-x".to_owned();
        let to = (&uri, flow);
        let probe = Probe::start(&local(), to, call_id, PATIENCE, &mut random, now, out);
        (probe, now)
    }

    fn answer(out: &[Output], status: &str) -> Response {
        let Output::Transmit { bytes, .. } = &out[0] else {
            panic!("{out:?}");
        };
        let text = String::from_utf8(bytes.clone()).unwrap();
        let text = text.replacen(
            "OPTIONS sip:rec@srs.example.com;transport=tcp SIP/2.0",
            status,
            1,
        );
        match Message::parse(text.as_bytes(), Protocol::Udp) {
            Ok(Message::Response(response)) => response,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn any_final_answer_is_an_answer() {
        let mut out = Vec::new();
        let (mut probe, now) = start(udp(), &mut out);
        let trying = answer(&out, "SIP/2.0 100 Trying");
        assert_eq!(probe.handle(&trying, now), None);
        let refused = answer(&out, "SIP/2.0 405 Method Not Allowed");
        let outcome = probe.handle(&refused, now);
        assert_eq!(
            outcome,
            Some(Outcome::Answered(StatusCode::MethodNotAllowed))
        );
        assert_eq!(probe.handle(&refused, now), None);
    }

    #[test]
    fn silence_is_heard_after_some_repetitions() {
        let mut out = Vec::new();
        let (mut probe, now) = start(udp(), &mut out);
        let mut told = None;
        while told.is_none() {
            told = probe.on_deadline(probe.deadline(), &mut out);
        }
        assert_eq!(told, Some(Outcome::Failed(Failure::Timeout)));
        assert_eq!(probe.deadline(), now + PATIENCE);
        assert_eq!(sent(&out), 3, "at 0, 500 and 1500 ms");
    }

    #[test]
    fn a_connection_that_ends_is_opened_once_more() {
        let mut out = Vec::new();
        let (mut probe, _) = start(tcp(), &mut out);
        assert_eq!(probe.unreachable(udp(), &mut out), None);
        assert_eq!(probe.unreachable(tcp(), &mut out), None);
        assert_eq!(sent(&out), 2);
        let outcome = probe.unreachable(tcp(), &mut out);
        assert_eq!(outcome, Some(Outcome::Failed(Failure::Unreachable)));
    }
}
