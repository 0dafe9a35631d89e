//! A session whose peer is played by hand.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rsip::{Method, StatusCode};

use crate::random::Random;
use crate::sip::answer::answer;
use crate::sip::content::{Body, Content};
use crate::sip::flow::{Flow, Protocol, TransportPolicy};
use crate::sip::headers::Headers;
use crate::sip::local::{Call, Options, Peer};
use crate::sip::message::{Message, Request, Response};
use crate::sip::method;
use crate::sip::output::Output;
use crate::sip::session::{Input, Session};
use crate::sip::testing::{epoch, local, udp};
use crate::sip::uri::{AnyUri, Uri};

/// The peer's tag.
pub(super) const TAG: &str = "r1";

/// A session, the time, and what the session sent and told.
pub(super) struct Hand {
    pub(super) session: Session,
    pub(super) now: Instant,
    pub(super) began: Instant,
    pub(super) out: Vec<Output>,
    sent: VecDeque<(Flow, Message)>,
    told: VecDeque<Output>,
    /// The first INVITE of the session.
    pub(super) invite: Request,
}

/// A body that is a session description, as far as SIP can see.
pub(super) fn sdp(text: &str) -> Content {
    body("application/sdp", text)
}

/// A body of any type.
pub(super) fn body(content_type: &str, text: &str) -> Content {
    let body = Body {
        content_type: content_type.to_owned(),
        disposition: None,
        bytes: text.as_bytes().to_vec(),
    };
    Content {
        headers: Vec::new(),
        body: Some(body),
    }
}

/// A call to the peer with that policy and content.
pub(super) fn call(policy: TransportPolicy, content: Content) -> Call {
    let uri = Uri::parse("sip:rec@192.0.2.2").unwrap();
    let peer = Peer {
        uri,
        remote: udp().remote,
        policy,
    };
    let options = Options::recording_client();
    Call {
        call_id: "7-1-f81d4fae".to_owned(),
        peer,
        display: "Console \"1\"".to_owned(),
        content,
        options,
    }
}

/// The peer's response to a request of ours.
pub(super) fn response(request: &Request, code: u16, more: &[(&str, &str)]) -> Response {
    let us = local().address;
    let mut response = answer(&request.headers, us, StatusCode::from(code), Some(TAG));
    for (name, value) in more {
        response.headers.push(name, value);
    }
    response
}

/// As [`response`], with a session description and a Contact.
pub(super) fn accept(request: &Request, more: &[(&str, &str)]) -> Response {
    let mut response = response(request, 200, more);
    if response.headers.get("Contact").is_none() {
        response
            .headers
            .push("Contact", "<sip:rec@192.0.2.2:5060>;+sip.srs");
    }
    sdp("answer").put(&mut response.headers, &mut response.body);
    response
}

impl Hand {
    /// Our first INVITE was sent.
    pub(super) fn calling() -> Self {
        Self::with(call(TransportPolicy::Auto, sdp("offer")))
    }

    /// The first INVITE of that call was sent.
    pub(super) fn with(call: Call) -> Self {
        let (now, mut out) = (epoch(), Vec::new());
        let random = Random::new([7; 32]);
        let session = Session::invite(&Arc::new(local()), call, random, now, &mut out);
        let Some(Output::Transmit { bytes, .. }) = out.first() else {
            panic!("nothing sent");
        };
        let Ok(Message::Request(invite)) = Message::parse(bytes, Protocol::Udp) else {
            panic!("no request sent");
        };
        let (sent, told) = (VecDeque::new(), VecDeque::new());
        let mut hand = Self {
            session,
            now,
            began: now,
            out,
            sent,
            told,
            invite,
        };
        hand.sort();
        hand
    }

    /// Our INVITE was answered with those headers beside the usual ones, and acknowledged.
    pub(super) fn established(more: &[(&str, &str)]) -> Self {
        let mut hand = Self::calling();
        let invite = hand.sent(Method::Invite);
        hand.receive(accept(&invite, more));
        hand.sent(Method::Ack);
        assert!(matches!(hand.told(), Output::Answered { .. }));
        hand
    }

    /// Their INVITE came.
    pub(super) fn called(more: &[(&str, &str)]) -> Self {
        let mut invite = Request {
            method: Method::Invite,
            uri: AnyUri::parse("sip:us@192.0.2.1"),
            headers: Headers::default(),
            body: Vec::new(),
        };
        for (name, value) in [
            (
                "Via",
                "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKfirst;rport",
            ),
            ("From", "<sip:rec@192.0.2.2>;tag=r1"),
            ("To", "<sip:us@192.0.2.1>"),
            ("Call-ID", "theirs"),
            ("CSeq", "10 INVITE"),
            ("Contact", "<sip:rec@192.0.2.2:5060>"),
        ] {
            let replaced = more.iter().any(|(other, _)| *other == name);
            if !replaced {
                invite.headers.push(name, value);
            }
        }
        for (name, value) in more.iter().filter(|(_, value)| !value.is_empty()) {
            invite.headers.push(name, value);
        }
        sdp("offer").put(&mut invite.headers, &mut invite.body);
        let (now, mut out) = (epoch(), Vec::new());
        let (local, random) = (Arc::new(local()), Random::new([7; 32]));
        let (options, received) = (Options::recording_server(), (udp(), invite.clone()));
        let session = Session::incoming(&local, options, received, random, now, &mut out);
        let (sent, told) = (VecDeque::new(), VecDeque::new());
        let mut hand = Self {
            session,
            now,
            began: now,
            out,
            sent,
            told,
            invite,
        };
        hand.sort();
        hand
    }

    /// A request of the peer within the dialog of an established session.
    pub(super) fn theirs(&self, method: Method, number: u32, more: &[(&str, &str)]) -> Request {
        let mut headers = Headers::default();
        let name = method::name(method);
        let via = format!("SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKt{number}{name};rport");
        let own = self.invite.headers.get("From").unwrap();
        let to = self.invite.headers.get("To").unwrap();
        let (from, to) = match own.contains("rec@") {
            true => (own.to_owned(), format!("{to};tag={}", self.session.us.tag)),
            false => (format!("{to};tag={TAG}"), own.to_owned()),
        };
        for (name, value) in [
            ("Via", via.as_str()),
            ("From", &from),
            ("To", &to),
            ("Call-ID", self.session.call_id()),
            ("CSeq", &format!("{number} {name}")),
            ("Contact", "<sip:rec@192.0.2.2:5060>"),
        ] {
            if more.iter().all(|(other, _)| *other != name) {
                headers.push(name, value);
            }
        }
        for (name, value) in more {
            headers.push(name, value);
        }
        Request {
            method,
            uri: AnyUri::parse("sip:us@192.0.2.1"),
            headers,
            body: Vec::new(),
        }
    }

    /// The message comes by UDP.
    pub(super) fn receive(&mut self, message: impl Into<Message>) {
        self.receive_by(udp(), message);
    }

    /// The message comes by that flow.
    pub(super) fn receive_by(&mut self, flow: Flow, message: impl Into<Message>) {
        let message = Message::parse(&message.into().write(), flow.protocol).unwrap();
        let input = Input::Received { flow, message };
        self.session.handle(input, self.now, &mut self.out);
        self.sort();
    }

    /// The transport says that the flow leads nowhere.
    pub(super) fn unreachable(&mut self, flow: Flow) {
        self.session
            .handle(Input::Unreachable { flow }, self.now, &mut self.out);
        self.sort();
    }

    /// Our user does something.
    pub(super) fn user(&mut self, act: impl FnOnce(&mut Session, Instant, &mut Vec<Output>)) {
        act(&mut self.session, self.now, &mut self.out);
        self.sort();
    }

    /// Our user ends the session.
    pub(super) fn end(&mut self) {
        self.user(|session, now, out| session.end(sdp("farewell"), now, out));
    }

    /// Time goes by, and what is due is done.
    pub(super) fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some((at, reason)) = self.session.deadline().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            self.session
                .handle(Input::Deadline, self.now, &mut self.out);
            self.sort();
            let next = self.session.deadline();
            assert!(
                next.is_none_or(|(at, _)| at > self.now),
                "stuck: {reason:?}, then {next:?}"
            );
        }
        self.now = until;
    }

    /// Time goes by until nothing is left of the session, and nothing more is sent meanwhile.
    pub(super) fn runs_out(&mut self) {
        self.nothing_sent();
        self.wait(Duration::from_secs(300));
        self.nothing_sent();
        self.nothing_told();
        assert!(self.session.is_over());
    }

    /// The milliseconds since the beginning.
    pub(super) fn elapsed_ms(&self) -> u128 {
        (self.now - self.began).as_millis()
    }

    /// The next message that was sent: a request of that method.
    pub(super) fn sent(&mut self, method: Method) -> Request {
        self.sent_by(method).1
    }

    /// As [`Self::sent`], and by which flow.
    pub(super) fn sent_by(&mut self, method: Method) -> (Flow, Request) {
        match self.sent.pop_front() {
            Some((flow, Message::Request(request))) if request.method == method => (flow, request),
            other => panic!("{method} should be sent, not {other:?}"),
        }
    }

    /// The next message that was sent: a response with that status.
    pub(super) fn answered(&mut self, code: u16) -> Response {
        self.answered_by(code).1
    }

    /// As [`Self::answered`], and by which flow.
    pub(super) fn answered_by(&mut self, code: u16) -> (Flow, Response) {
        match self.sent.pop_front() {
            Some((flow, Message::Response(response))) if response.status.code() == code => {
                (flow, response)
            }
            other => panic!("{code} should be sent, not {other:?}"),
        }
    }

    /// Whether the next message that was sent is a request of that method.
    pub(super) fn peek(&self, method: Method) -> bool {
        let next = self.sent.front();
        matches!(next, Some((_, Message::Request(request))) if request.method == method)
    }

    /// How many messages were sent that nobody looked at; they are forgotten.
    pub(super) fn sent_count(&mut self) -> usize {
        std::mem::take(&mut self.sent).len()
    }

    /// The requests that were sent and that nobody looked at.
    pub(super) fn take_requests(&mut self) -> Vec<Request> {
        let requests = std::mem::take(&mut self.sent)
            .into_iter()
            .filter_map(|(_, message)| {
                let Message::Request(request) = message else {
                    return None;
                };
                (request.method != Method::Ack).then_some(request)
            });
        requests.collect()
    }

    /// All that our user was told and that nobody looked at.
    pub(super) fn take_told(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.told).into()
    }

    /// Nothing was sent beside what was looked at.
    pub(super) fn nothing_sent(&self) {
        assert!(self.sent.is_empty(), "sent: {:?}", self.sent);
    }

    /// The next thing that our user was told.
    pub(super) fn told(&mut self) -> Output {
        self.told.pop_front().expect("nothing told")
    }

    /// The next thing that our user was told, where there is one.
    pub(super) fn told_if_any(&mut self) -> Option<Output> {
        self.told.pop_front()
    }

    /// Our user was told nothing beside what was looked at.
    pub(super) fn nothing_told(&self) {
        assert!(self.told.is_empty(), "told: {:?}", self.told);
    }

    fn sort(&mut self) {
        for output in std::mem::take(&mut self.out) {
            if let Output::Transmit { flow, bytes } = output {
                let message = Message::parse(&bytes, flow.protocol).unwrap();
                self.sent.push_back((flow, message));
            } else {
                self.told.push_back(output);
            }
        }
    }
}

impl From<Request> for Message {
    fn from(request: Request) -> Self {
        Self::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

impl Message {
    fn write(&self) -> Vec<u8> {
        match self {
            Self::Request(request) => request.write(),
            Self::Response(response) => response.write(),
        }
    }
}
