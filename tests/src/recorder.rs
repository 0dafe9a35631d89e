//! A recorder, and everything that it received.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sixreel_controlplane::random::Random;
use sixreel_controlplane::sip::flow::{Flow, Protocol};
use sixreel_controlplane::sip::local::Local;
use sixreel_controlplane::sip::message::Message;
use sixreel_controlplane::sip::transaction::timing::Timing;
use sixreel_controlplane::time::Now;
use sixreel_dataplane::time::Nanos;
use sixreel_dataplane::wire::rtcp::{Compound, Item};
use sixreel_dataplane::wire::{is_rtcp, rtp};
use sixreel_srs::behaviour::Behaviour;
use sixreel_srs::engine::{Engine, Input, Output, RecordingId, Settings};
use sixreel_srs::event::Event;
use sixreel_srs::facts::Facts;

use crate::network::Node;

/// Pairs of media ports of a recorder.
const PAIRS: u16 = 64;
/// The first of them.
const FIRST_PORT: u16 = 40_000;

/// A recorder on the network.
#[derive(Debug)]
pub struct Recorder {
    pub engine: Engine,
    /// Every recording that it began, in this life or an earlier one, oldest first.
    pub recordings: Vec<Recorded>,
    /// What happened, with the name of the call.
    pub events: Vec<(String, Event)>,
    /// Every RTP packet that came,
    pub rtp: Vec<Rtp>,
    /// and every RTCP packet.
    pub rtcp: Vec<Rtcp>,
    /// The SIP messages that came.
    pub heard: Vec<Message>,
    settings: Settings,
    /// The recordings of this life by what the engine calls them.
    present: BTreeMap<RecordingId, usize>,
}

/// A recording.
#[derive(Debug)]
pub struct Recorded {
    pub name: String,
    pub began: Nanos,
    /// What was heard; silence is zero.
    pub samples: Vec<i16>,
    /// Each metadata document.
    pub documents: Vec<Vec<u8>>,
    /// What is known of it.
    pub facts: Option<Facts>,
    /// Whether it is complete, or was cut off by a loss of power.
    pub is_over: bool,
}

/// An RTP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rtp {
    pub at: Nanos,
    pub from: SocketAddr,
    pub port: u16,
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub csrcs: Vec<u32>,
}

/// An RTCP packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rtcp {
    pub at: Nanos,
    /// Whether it holds a sender report.
    pub is_sender: bool,
    /// Who is named in it.
    pub names: Vec<(u32, Vec<u8>)>,
    /// Whether it says BYE.
    pub bye: bool,
}

impl Recorder {
    /// The recorder of this number.
    pub fn new(number: usize, behaviour: Behaviour, random: Random) -> Self {
        let address = Node::Recorder(number).sip();
        let settings = Settings {
            local: Local {
                address,
                user: "rec".to_owned(),
                agent: "recorder".to_owned(),
                accept: "application/sdp, application/rs-metadata+xml".to_owned(),
                timing: Timing::default(),
            },
            media_address: address.ip(),
            media_ports: (0..PAIRS).map(|pair| FIRST_PORT + 2 * pair).collect(),
            behaviour,
        };
        Self {
            engine: Engine::new(settings.clone(), random),
            recordings: Vec::new(),
            events: Vec::new(),
            rtp: Vec::new(),
            rtcp: Vec::new(),
            heard: Vec::new(),
            settings,
            present: BTreeMap::new(),
        }
    }

    /// Loses power, and is back at once: it knows nothing any more.
    pub fn restart(&mut self, random: Random) {
        self.engine = Engine::new(self.settings.clone(), random);
        for index in std::mem::take(&mut self.present).into_values() {
            self.recordings[index].is_over = true;
        }
    }

    /// Takes what comes, and returns what it wants sent.
    pub fn handle(&mut self, input: Input<'_>, now: Now, passed: Nanos) -> Vec<Output> {
        if let Input::Sip { message, .. } = &input {
            self.heard.push(message.clone());
        }
        if let Input::Media { port, from, data } = &input {
            self.look(*port, *from, data, passed);
        }
        let mut out = Vec::new();
        self.engine.handle(input, now, &mut out);
        let mut sent = Vec::new();
        for output in out {
            self.keep(output, passed, &mut sent);
        }
        sent
    }

    /// The latest recording of the call of this name.
    pub fn latest(&self, name: &str) -> Option<&Recorded> {
        let mut all = self.recordings.iter().rev();
        all.find(|recorded| recorded.name == name)
    }

    /// The recordings that go on.
    pub fn running(&self) -> impl Iterator<Item = &Recorded> {
        self.recordings.iter().filter(|recorded| !recorded.is_over)
    }

    fn keep(&mut self, output: Output, passed: Nanos, sent: &mut Vec<Output>) {
        match output {
            Output::Transmit { .. } | Output::Media { .. } => sent.push(output),
            Output::Begin { recording, name } => {
                self.present.insert(recording, self.recordings.len());
                self.recordings.push(Recorded {
                    name,
                    began: passed,
                    samples: Vec::new(),
                    documents: Vec::new(),
                    facts: None,
                    is_over: false,
                });
            }
            Output::Samples { recording, samples } => {
                self.recorded(recording).samples.extend(samples);
            }
            Output::Silence { recording, samples } => {
                let recorded = self.recorded(recording);
                let len = recorded.samples.len() + samples as usize;
                recorded.samples.resize(len, 0);
            }
            Output::Metadata {
                recording,
                document,
                ..
            } => self.recorded(recording).documents.push(document),
            Output::Facts { recording, facts } => self.recorded(recording).facts = Some(*facts),
            Output::End { recording } => {
                self.recorded(recording).is_over = true;
                self.present.remove(&recording);
            }
            Output::Event { call, event } => self.events.push((call, event)),
        }
    }

    fn recorded(&mut self, id: RecordingId) -> &mut Recorded {
        let index = *self
            .present
            .get(&id)
            .expect("what is told of a recording lies between its begin and its end");
        &mut self.recordings[index]
    }

    fn look(&mut self, port: u16, from: SocketAddr, data: &[u8], at: Nanos) {
        if is_rtcp(data) {
            self.look_at_rtcp(data, at);
        } else if let Ok(packet) = rtp::Packet::parse(data) {
            self.rtp.push(Rtp {
                at,
                from,
                port,
                marker: packet.marker(),
                payload_type: packet.payload_type(),
                sequence: packet.sequence(),
                timestamp: packet.timestamp(),
                ssrc: packet.ssrc(),
                csrcs: packet.csrcs().collect(),
            });
        }
    }

    fn look_at_rtcp(&mut self, data: &[u8], at: Nanos) {
        let Ok(compound) = Compound::parse(data) else {
            return;
        };
        let mut seen = Rtcp {
            at,
            ..Rtcp::default()
        };
        for item in compound.items() {
            match item {
                Item::Report { sender, .. } => seen.is_sender |= sender.is_some(),
                Item::Description(chunks) => {
                    let chunks = chunks.iter();
                    let named =
                        chunks.filter_map(|chunk| Some((chunk.ssrc, chunk.cname?.to_vec())));
                    seen.names.extend(named);
                }
                Item::Bye(_) => seen.bye = true,
                Item::Other(_) => {}
            }
        }
        self.rtcp.push(seen);
    }
}

/// The flow to this address.
pub const fn flow(protocol: Protocol, remote: SocketAddr) -> Flow {
    Flow { protocol, remote }
}
