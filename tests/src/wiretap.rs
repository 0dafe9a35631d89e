//! What must hold for everything that the site sends, whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use rsip::Method;
use sixreel_controlplane::metadata::Contents;
use sixreel_controlplane::sdp::Description;
use sixreel_controlplane::sip::flow::Protocol;
use sixreel_controlplane::sip::headers::Headers;
use sixreel_controlplane::sip::message::Message;
use sixreel_dataplane::api::{CallId, Command, StreamId};
use sixreel_dataplane::time::Nanos;
use sixreel_dataplane::wire::{is_rtcp, rtp};

use crate::site::Sent;

/// What the site has said and taken so far.
#[derive(Debug, Default)]
pub struct Wiretap {
    /// Places in use on each worker: calls with their sinks, and streams.
    calls: BTreeMap<(usize, CallId), BTreeSet<StreamId>>,
    streams: BTreeMap<(usize, u32), StreamId>,
    recorders: usize,
    /// The latest packet of each port pair.
    latest: BTreeMap<(usize, u32), Latest>,
    /// The latest session description, by Call-ID, and the messages that carried one.
    descriptions: BTreeMap<String, (u64, Vec<u8>)>,
    carriers: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug)]
struct Latest {
    at: Nanos,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
}

impl Wiretap {
    /// Nothing was said yet, and there are so many recorders.
    pub fn new(recorders: usize) -> Self {
        Self {
            recorders,
            ..Self::default()
        }
    }

    /// The control plane commands a worker: no two streams share a pair of ports, and what is
    /// closed was open.
    pub fn command(&mut self, worker: usize, command: &Command) {
        match *command {
            Command::OpenCall { call } => {
                let before = self.calls.insert((worker, call), BTreeSet::new());
                assert!(before.is_none(), "{call:?} was open already");
            }
            Command::CloseCall { call } => {
                let sinks = self.calls.remove(&(worker, call));
                assert_eq!(
                    sinks,
                    Some(BTreeSet::new()),
                    "{call:?} has no sinks any more"
                );
            }
            Command::OpenSource { call, source, .. } => {
                assert!(self.calls.contains_key(&(worker, call)), "{call:?} is open");
                self.open(worker, source);
            }
            Command::OpenSink { call, sink, .. } => {
                let sinks = self.calls.get_mut(&(worker, call));
                let sinks = sinks.expect("the call of a sink is open");
                sinks.insert(sink);
                assert!(sinks.len() <= self.recorders, "one sink for each recorder");
                self.open(worker, sink);
            }
            Command::CloseSource { source } => self.close(worker, source),
            Command::CloseSink { sink } => {
                self.close(worker, sink);
                let calls = self.calls.iter_mut().filter(|((of, _), _)| *of == worker);
                for (_, sinks) in calls {
                    sinks.remove(&sink);
                }
            }
            Command::MuteSource { source: id, .. }
            | Command::SetSink { sink: id, .. }
            | Command::StopSink { sink: id } => {
                let known = self.streams.get(&(worker, id.0.index));
                assert_eq!(known, Some(&id), "what is changed is open");
            }
        }
    }

    fn open(&mut self, worker: usize, id: StreamId) {
        let before = self.streams.insert((worker, id.0.index), id);
        assert_eq!(before, None, "two streams share a pair of ports");
    }

    fn close(&mut self, worker: usize, id: StreamId) {
        let before = self.streams.remove(&(worker, id.0.index));
        assert_eq!(before, Some(id), "what is closed was open");
    }

    /// A worker sends RTP: numbers follow one another, and timestamps follow the clock.
    pub fn media(&mut self, worker: usize, sent: &Sent, at: Nanos) {
        if is_rtcp(&sent.bytes) {
            return;
        }
        let packet = rtp::Packet::parse(&sent.bytes).expect("what is sent is RTP or RTCP");
        let now = Latest {
            at,
            sequence: packet.sequence(),
            timestamp: packet.timestamp(),
            ssrc: packet.ssrc(),
        };
        let Some(before) = self.latest.insert((worker, sent.pair), now) else {
            return;
        };
        if before.ssrc != now.ssrc {
            return;
        }
        let passed = at.since(before.at).0 * 8 / Nanos::MILLI.0;
        assert_eq!(
            now.sequence,
            before.sequence.wrapping_add(1),
            "a number is missing"
        );
        let ticked = now.timestamp.wrapping_sub(before.timestamp);
        assert_eq!(u64::from(ticked), passed, "timestamps and clock differ");
    }

    /// The engine sends a SIP message.
    pub fn message(&mut self, bytes: &[u8], protocol: Protocol) {
        // A refusal echoes what was wrong with its request (RFC 3261 §8.2.6.2).
        let is_refusal = bytes.starts_with(b"SIP/2.0 ") && !bytes.starts_with(b"SIP/2.0 2");
        let message = match Message::parse(bytes, protocol) {
            Ok(message) => message,
            Err(_) if is_refusal => return,
            Err(error) => panic!("what is sent is no SIP: {error:?}"),
        };
        let (headers, body) = match &message {
            Message::Request(request) => {
                if matches!(request.method, Method::Invite | Method::Update) {
                    check_request(&request.headers);
                }
                (&request.headers, &request.body)
            }
            Message::Response(response) => (&response.headers, &response.body),
        };
        let contents = Contents::parse(headers.get("Content-Type"), body);
        if let Some(metadata) = contents.metadata {
            let text = String::from_utf8_lossy(metadata);
            // RFC 7866 §9.1: who refers to a label brings the SDP that defines it.
            assert!(
                !text.contains("<label>") || contents.sdp.is_some(),
                "{text}"
            );
        }
        if let Some(sdp) = contents.sdp {
            let start = bytes
                .split(|byte| *byte == b'\r')
                .next()
                .unwrap_or_default();
            let (start, cseq) = (String::from_utf8_lossy(start), headers.get("CSeq"));
            let call_id = message.call_id();
            let is_new = self.carriers.insert(format!("{call_id} {start} {cseq:?}"));
            if is_new {
                self.description(call_id, sdp);
            }
        }
    }

    /// Whether every place and port was given back.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.streams.is_empty()
    }

    /// RFC 3264 §8: the version grows by one where the description changes, and only there.
    fn description(&mut self, call_id: &str, sdp: &[u8]) {
        let version = Description::parse(sdp)
            .expect("what is sent is SDP")
            .version;
        let now = (version, sdp.to_vec());
        let Some(before) = self.descriptions.insert(call_id.to_owned(), now) else {
            return;
        };
        let is_same = before.1 == sdp;
        let expected = before.0 + u64::from(!is_same);
        let (before, now) = (
            String::from_utf8_lossy(&before.1),
            String::from_utf8_lossy(sdp),
        );
        assert_eq!(version, expected, "{before}\n{now}");
    }
}

/// RFC 7866 §6.1.1, for requests that create or change a dialog.
fn check_request(headers: &Headers) {
    let contact = headers.contact().expect("a Contact of ours makes sense");
    let is_client = contact.is_some_and(|contact| contact.params.get("+sip.src").is_some());
    assert!(is_client, "the Contact says who we are");
    assert!(headers.lists("Require", "siprec"), "siprec is required");
}
