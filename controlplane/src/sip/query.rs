//! One request outside of any session: OPTIONS (RFC 3261 §11.1).

use std::time::Instant;

use rsip::Method;

use super::answer::SUPPORTED;
use super::dialog::Us;
use super::flow::{Flow, Protocol};
use super::local::{Local, Peer};
use super::message::{Request, Response};
use super::output::{Failure, Output};
use super::session::Way;
use super::transaction::Heard;
use super::transaction::client::Client;
use super::uri::AnyUri;
use crate::random::Random;

/// An OPTIONS that waits for its answer.
#[derive(Debug)]
pub struct Query {
    client: Client,
}

impl Query {
    /// Asks a peer what it can.
    pub fn start(
        local: &Local,
        call_id: &str,
        peer: &Peer,
        random: &mut Random,
        now: Instant,
        out: &mut Vec<Output>,
    ) -> Self {
        let branch = super::session::branch(random);
        let us = Us::begun(local, None, call_id.to_owned(), random);
        let uri = peer.uri.for_request();
        let hop = Flow {
            protocol: Protocol::Udp,
            remote: peer.remote,
        };
        let named = uri.params.value("transport").and_then(Protocol::named);
        let ready = Way::new(peer.policy).ready((named, hop), |protocol| {
            let via = local.via(protocol, &branch);
            let mut headers = us.begin(&via, &format!("<{uri}>"), 1, Method::Options);
            headers.push("Contact", &local.contact(protocol, uri.secure, "+sip.src"));
            headers.push("Accept", &local.accept);
            headers.push("Supported", SUPPORTED);
            headers.push("User-Agent", &local.agent);
            Request {
                method: Method::Options,
                uri: AnyUri::Sip(uri.clone()),
                headers,
                body: Vec::new(),
            }
        });
        let bytes = ready.request.write();
        let client = Client::start(bytes, branch, ready.flow, local.timing, now, out);
        Self { client }
    }

    /// Where it was sent.
    pub const fn flow(&self) -> Flow {
        self.client.flow
    }

    /// Whether a response with its Call-ID is its final answer.
    pub fn is_answered_by(&mut self, response: &Response, now: Instant) -> bool {
        let identity = response.headers.identity();
        let is_its_own = identity.is_ok_and(|identity| {
            identity.via.branch() == Some(self.client.branch.as_str())
                && identity.cseq.method == Method::Options
        });
        let heard = is_its_own.then(|| self.client.handle(&response.status, now));
        matches!(heard, Some(Some(Heard::Success | Heard::Refusal)))
    }

    /// Does what is due.
    pub fn on_deadline(&mut self, now: Instant, out: &mut Vec<Output>) -> Option<Failure> {
        self.client.on_deadline(now, out)
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.client.deadline()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::flow::TransportPolicy;
    use super::super::message::Message;
    use super::super::testing::{epoch, local, sent, udp};
    use super::super::uri::Uri;
    use super::*;

    #[test]
    fn it_is_repeated_until_its_own_final_answer_has_come() {
        let (now, mut out) = (epoch(), Vec::new());
        let peer = Peer {
            uri: Uri::parse("sip:rec@192.0.2.2").unwrap(),
            remote: udp().remote,
            policy: TransportPolicy::Auto,
        };
        let random = &mut Random::new([3; 32]);
        let mut query = Query::start(&local(), "c1", &peer, random, now, &mut out);
        assert_eq!(query.flow(), udp());
        let Some(Output::Transmit { bytes, .. }) = out.first() else {
            panic!("{out:?}");
        };
        let Ok(Message::Request(request)) = Message::parse(bytes, Protocol::Udp) else {
            panic!("{out:?}");
        };
        assert_eq!(request.method, Method::Options);
        let again = now + Duration::from_millis(500);
        assert_eq!(query.deadline(), Some(again));
        assert_eq!(query.on_deadline(again, &mut out), None);
        assert_eq!(sent(&out), 2);
        let mut answer = |status: u16, branch: Option<&str>| {
            let mut response =
                super::super::answer::answer(&request.headers, udp().remote, status, Some("t"));
            if let Some(branch) = branch {
                let via = format!("SIP/2.0/UDP 192.0.2.1;branch={branch}");
                response = Response {
                    headers: super::super::headers::Headers::default(),
                    ..response
                };
                for (name, value) in request.headers.iter() {
                    let value = if name == "Via" { &via } else { value };
                    response.headers.push(name, value);
                }
            }
            query.is_answered_by(&response, now)
        };
        assert!(!answer(200, Some("z9hG4bKother")));
        assert!(!answer(100, None));
        assert!(answer(405, None));
        assert!(!answer(405, None), "once");
    }
}
