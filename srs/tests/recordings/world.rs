//! The client, the recorder and the time.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rsip::{Method, StatusCode};
use sixreel_controlplane::metadata::{
    Body as Written, CallInfo, Company, Facts as Call, Id, IdFormat, MediaType, ParticipantFacts,
    SessionFacts, StreamFacts, complete,
};
use sixreel_controlplane::random::Random;
use sixreel_controlplane::sdp::{self, Codec, Description, Direction};
use sixreel_controlplane::sip::content::{Body, Content};
use sixreel_controlplane::sip::flow::{Flow, Protocol, TransportPolicy};
use sixreel_controlplane::sip::local::{self, Local, Options, Peer};
use sixreel_controlplane::sip::message::{Message, Request, Response};
use sixreel_controlplane::sip::output::Output as Told;
use sixreel_controlplane::sip::session::{Input as Heard, Session};
use sixreel_controlplane::sip::transaction::timing::Timing;
use sixreel_controlplane::sip::uri::Uri;
use sixreel_controlplane::time::{Now, Wall};
use sixreel_dataplane::wire::rtp::Header;
use sixreel_srs::behaviour::{Behaviour, Manner, Step};
use sixreel_srs::engine::{Engine, Input, Output, RecordingId, Settings};
use sixreel_srs::event::Event;
use sixreel_srs::facts::Facts;

/// The recorder's first pair of ports; it has two pairs.
pub(crate) const PORT: u16 = 40_000;
/// Where the client sends RTP from.
pub(crate) const RTP: &str = "192.0.2.1:4000";
/// Where the client sends RTCP from.
pub(crate) const RTCP: &str = "192.0.2.1:4001";
/// The client's SSRC.
pub(crate) const SSRC: u32 = 0x1234_5678;

const STEP: Duration = Duration::from_millis(20);

/// One client, one recorder, and no network to speak of between them.
pub(crate) struct World {
    pub(crate) now: Now,
    pub(crate) began: Instant,
    pub(crate) engine: Engine,
    pub(crate) client: Client,
    /// Everything that the recorder wanted done, SIP and sound excepted.
    pub(crate) out: Vec<Output>,
    /// Everything that it wrote to the recording; silence is zero.
    pub(crate) sound: Vec<i16>,
    /// What it said, by the client's ear.
    pub(crate) heard: Vec<Message>,
    /// Whether the client sends speech whenever it may.
    pub(crate) talks: bool,
    calls: u8,
}

/// A recording client.
pub(crate) struct Client {
    local: Arc<Local>,
    pub(crate) session: Option<Session>,
    pub(crate) ours: sdp::Local,
    sent: Option<Description>,
    /// What it was told by its session, in short.
    pub(crate) told: Vec<String>,
    /// Whether it may send.
    pub(crate) sending: bool,
    pub(crate) refuses: bool,
    pub(crate) codec: Option<Codec>,
    pub(crate) number: u16,
    pub(crate) timestamp: u32,
    /// Whether its datagrams arrive.
    pub(crate) reaches: bool,
}

fn local(address: &str) -> Local {
    Local {
        address: address.parse().unwrap(),
        tls: None,
        user: "us".to_owned(),
        agent: "tester".to_owned(),
        accept: "application/sdp".to_owned(),
        timing: Timing::default(),
    }
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// By UDP, from or to the recorder or the client.
fn flow(remote: &str) -> Flow {
    Flow {
        protocol: Protocol::Udp,
        remote: address(remote),
    }
}

pub(crate) const CLIENT: &str = "192.0.2.1:5060";
pub(crate) const RECORDER: &str = "192.0.2.2:5060";

pub(crate) fn manner(steps: &[(u64, Step)]) -> Manner {
    let steps = steps.iter();
    Manner {
        steps: steps
            .map(|(after_ms, step)| (Duration::from_millis(*after_ms), *step))
            .collect(),
        ..Manner::default()
    }
}

impl World {
    pub(crate) fn new(manner: Manner) -> Self {
        Self::with(Behaviour::Record(manner))
    }

    pub(crate) fn with(behaviour: Behaviour) -> Self {
        let settings = Settings {
            local: local(RECORDER),
            media_address: address(RECORDER).ip(),
            media_ports: vec![PORT, PORT + 2],
            behaviour,
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "virtual time has to begin somewhere"
        )]
        let mono = Instant::now();
        let now = Now {
            mono,
            wall: Wall(1_493_633_831_000),
        };
        Self {
            now,
            began: now.mono,
            engine: Engine::new(settings, Random::new([1; 32])),
            client: Client::new(),
            out: Vec::new(),
            sound: Vec::new(),
            heard: Vec::new(),
            talks: false,
            calls: 0,
        }
    }

    /// The client calls with its offer, call information and metadata.
    pub(crate) fn call(&mut self) {
        let offer = self.client.offer();
        let metadata = metadata();
        let random = &mut Random::new([9; 32]);
        let both = Written::both(&offer, &metadata, MediaType::RsMetadataXml, random);
        let info = CallInfo {
            call_id: Some("7/a".to_owned()),
            ..CallInfo::default()
        };
        let content = Content {
            headers: info.write("X-ControlONE-Info-"),
            ..content(&both.content_type, both.bytes)
        };
        self.call_with(content);
    }

    pub(crate) fn call_with(&mut self, content: Content) {
        self.calls += 1;
        let call = local::Call {
            call_id: format!("{}@client", self.calls),
            peer: Peer {
                uri: Uri::parse("sip:rec@192.0.2.2").unwrap(),
                remote: address(RECORDER),
                policy: TransportPolicy::Udp,
            },
            display: "Console".to_owned(),
            content,
            options: Options::recording_client(),
        };
        let mut told = Vec::new();
        let random = Random::new([self.calls; 32]);
        let local = &self.client.local;
        let session = Session::invite(local, call, random, self.now.mono, &mut told);
        self.client.session = Some(session);
        self.exchange(told);
    }

    /// The client does something.
    pub(crate) fn act(&mut self, act: impl FnOnce(&mut Session, Instant, &mut Vec<Told>)) {
        let mut told = Vec::new();
        let session = self.client.session.as_mut().unwrap();
        act(session, self.now.mono, &mut told);
        self.exchange(told);
    }

    /// Something comes to the recorder.
    pub(crate) fn give(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.engine.handle(input, self.now, &mut out);
        let told = self.keep(out);
        self.exchange(told);
    }

    /// A datagram comes to a port of the recorder.
    pub(crate) fn packet(&mut self, port: u16, from: &str, data: &[u8]) {
        let from = address(from);
        self.give(Input::Media { port, from, data });
    }

    /// The client sends 20 ms of speech, without counting on.
    pub(crate) fn speak(&mut self) {
        let packet = rtp(SSRC, self.client.number, self.client.timestamp, 0);
        self.packet(PORT, RTP, &packet);
    }

    /// Time goes by, in steps of 20 ms.
    pub(crate) fn run(&mut self, millis: u64) {
        let end = self.now.mono + Duration::from_millis(millis);
        while self.now.mono < end {
            let step = STEP.min(end - self.now.mono);
            let until = self.now.after(step);
            while let Some(due) = self.due().filter(|due| *due <= until.mono) {
                let due = due.saturating_duration_since(self.now.mono);
                self.now = self.now.after(due);
                self.on_deadline();
            }
            self.now = until;
            if self.talks && self.client.sending {
                self.speak();
                self.client.number = self.client.number.wrapping_add(1);
            }
            self.client.timestamp = self.client.timestamp.wrapping_add(160);
        }
    }

    /// Time goes by until nothing more is to be done.
    pub(crate) fn finish(&mut self) {
        self.talks = false;
        for _ in 0..1000 {
            let Some(due) = self.due() else {
                return;
            };
            let due = due.saturating_duration_since(self.now.mono);
            self.now = self.now.after(due);
            self.on_deadline();
        }
        panic!("it never ends: {:#?}", self.out);
    }

    pub(crate) fn events(&self) -> Vec<&Event> {
        let mut events = Vec::new();
        for output in &self.out {
            if let Output::Event { event, .. } = output {
                events.push(event);
            }
        }
        events
    }

    /// The latest facts.
    pub(crate) fn facts(&self) -> &Facts {
        let mut latest = None;
        for output in &self.out {
            if let Output::Facts { facts, .. } = output {
                latest = Some(facts);
            }
        }
        latest.unwrap()
    }

    /// The RTCP that the recorder sent: from which port, where to, and what.
    pub(crate) fn reports(&self) -> Vec<(u16, SocketAddr, &[u8])> {
        let mut reports = Vec::new();
        for output in &self.out {
            if let Output::Media { port, to, bytes } = output {
                reports.push((*port, *to, &bytes[..]));
            }
        }
        reports
    }

    /// Whether the recordings that began have ended, and how many there were.
    pub(crate) fn recordings(&self) -> (Vec<RecordingId>, Vec<RecordingId>) {
        let (mut began, mut ended) = (Vec::new(), Vec::new());
        for output in &self.out {
            if let Output::Begin { recording, .. } = output {
                began.push(*recording);
            } else if let Output::End { recording } = output {
                ended.push(*recording);
            }
        }
        (began, ended)
    }

    /// The responses that the client heard to requests of that method.
    pub(crate) fn responses(&self, method: Method) -> Vec<&Response> {
        let responses = self.heard.iter().filter_map(|message| match message {
            Message::Response(response) => Some(response),
            Message::Request(_) => None,
        });
        let of = |response: &&Response| response.headers.identity().unwrap().cseq.method == method;
        responses.filter(of).collect()
    }

    /// The requests of that method that the client heard.
    pub(crate) fn requests(&self, method: Method) -> Vec<&Request> {
        let requests = self.heard.iter().filter_map(|message| match message {
            Message::Request(request) => Some(request),
            Message::Response(_) => None,
        });
        requests
            .filter(|request| request.method == method)
            .collect()
    }

    /// Milliseconds since the beginning.
    pub(crate) fn passed_ms(&self) -> u128 {
        (self.now.mono - self.began).as_millis()
    }

    fn due(&self) -> Option<Instant> {
        let client = self.client.session.as_ref().and_then(Session::deadline);
        let client = client.map(|(at, _)| at);
        self.engine.deadline().into_iter().chain(client).min()
    }

    fn on_deadline(&mut self) {
        let mut told = Vec::new();
        if let Some(session) = &mut self.client.session {
            let due = session.deadline();
            if due.is_some_and(|(at, _)| at <= self.now.mono) {
                session.handle(Heard::Deadline, self.now.mono, &mut told);
            }
        }
        self.exchange(told);
        if self.engine.deadline().is_some_and(|at| at <= self.now.mono) {
            self.give(Input::Deadline);
        }
        let is_over = self.client.session.as_ref().is_some_and(Session::is_over);
        if is_over {
            self.client.session = None;
        }
    }

    /// Takes messages to and fro until there are none.
    fn exchange(&mut self, told: Vec<Told>) {
        let mut queue = VecDeque::from(told);
        while let Some(told) = queue.pop_front() {
            let Told::Transmit { flow: to, bytes } = told else {
                queue.extend(self.client.take(told, self.now.mono));
                continue;
            };
            let message = Message::parse(&bytes, to.protocol).unwrap();
            if to == flow(CLIENT) {
                self.heard.push(message.clone());
                let heard = Heard::Received {
                    flow: flow(RECORDER),
                    message,
                };
                let mut told = Vec::new();
                if let Some(session) = &mut self.client.session {
                    session.handle(heard, self.now.mono, &mut told);
                }
                queue.extend(told);
            } else if self.client.reaches {
                assert_eq!(to, flow(RECORDER));
                let input = Input::Sip {
                    flow: flow(CLIENT),
                    message,
                };
                let mut out = Vec::new();
                self.engine.handle(input, self.now, &mut out);
                queue.extend(self.keep(out));
            }
        }
    }

    /// Keeps what is not sent.
    fn keep(&mut self, out: Vec<Output>) -> Vec<Told> {
        let mut told = Vec::new();
        for output in out {
            if let Output::Transmit { flow, bytes } = output {
                told.push(Told::Transmit { flow, bytes });
            } else if let Output::Samples { samples, .. } = output {
                self.sound.extend(samples);
            } else if let Output::Silence { samples, .. } = output {
                self.sound.resize(self.sound.len() + samples as usize, 0);
            } else {
                self.out.push(output);
            }
        }
        told
    }
}

impl Client {
    fn new() -> Self {
        Self {
            local: Arc::new(local(CLIENT)),
            session: None,
            ours: sdp::Local {
                session_id: 5,
                address: address(RTP).ip(),
                port: address(RTP).port(),
                codecs: vec![Codec::Pcmu, Codec::Pcma],
                telephone_event: true,
                label: Some("1".to_owned()),
                direction: Direction::SendOnly,
                rtcp_mux: false,
                crypto: Vec::new(),
            },
            sent: None,
            told: Vec::new(),
            sending: false,
            refuses: false,
            codec: None,
            number: 65_500,
            timestamp: u32::MAX - 4000,
            reaches: true,
        }
    }

    /// Its next offer.
    pub(crate) fn offer(&mut self) -> Vec<u8> {
        let offer = self.ours.offer(self.sent.as_ref());
        let bytes = offer.write();
        self.sent = Some(offer);
        bytes
    }

    /// Takes what its session tells.
    fn take(&mut self, told: Told, now: Instant) -> Vec<Told> {
        let mut more = Vec::new();
        match &told {
            Told::Answered { response, .. } | Told::Accepted { response, .. } => {
                let answer = Description::parse(&response.body);
                if let Ok(answer) = answer {
                    self.accept(&answer);
                }
            }
            Told::Offered { id, request } if self.refuses => {
                let session = self.session.as_mut().unwrap();
                let status = StatusCode::NotAcceptableHere;
                assert!(!request.body.is_empty());
                session.respond(*id, status, Content::default(), now, &mut more);
            }
            Told::Offered { id, request } => {
                let content = match Description::parse(&request.body) {
                    Ok(offer) => self.answer(&offer),
                    Err(_) => Content::default(),
                };
                let session = self.session.as_mut().unwrap();
                session.respond(*id, StatusCode::OK, content, now, &mut more);
            }
            Told::Ended { .. } | Told::Refused { .. } | Told::Failed { .. } => self.sending = false,
            Told::Transmit { .. }
            | Told::Progress { .. }
            | Told::Withdrawn { .. }
            | Told::Acknowledged { .. }
            | Told::RefreshDue => {}
        }
        let text = format!("{told:?}");
        let end = text.find([' ', '{']).unwrap_or(text.len());
        self.told.push(text[..end].to_owned());
        more
    }

    fn accept(&mut self, answer: &Description) {
        let accepted = sdp::accept(&self.ours, answer).unwrap();
        self.sending = accepted.as_ref().is_some_and(|accepted| accepted.sending);
        self.codec = accepted.map(|accepted| accepted.codec);
    }

    fn answer(&mut self, offer: &Description) -> Content {
        let (answer, agreed) = sdp::answer(&self.ours, offer, self.sent.as_ref()).unwrap();
        self.sending = agreed.is_some_and(|agreed| agreed.sending);
        let bytes = answer.write();
        self.sent = Some(answer);
        content("application/sdp", bytes)
    }
}

pub(crate) fn content(content_type: &str, bytes: Vec<u8>) -> Content {
    Content {
        headers: Vec::new(),
        body: Some(Body {
            content_type: content_type.to_owned(),
            disposition: None,
            bytes,
        }),
    }
}

/// 20 ms of the same sample, in a packet.
pub(crate) fn rtp(ssrc: u32, sequence: u16, timestamp: u32, payload_type: u8) -> Vec<u8> {
    let header = Header {
        marker: false,
        payload_type,
        sequence,
        timestamp,
        ssrc,
        csrcs: &[11, 12],
    };
    let mut packet = vec![0x8f; header.size() + 160];
    header.write(&mut packet[..header.size()]);
    packet
}

/// What 0x8f means in µ-law.
pub(crate) const SAMPLE: i16 = 4191 * 4;

/// Metadata of a call with one participant.
pub(crate) fn metadata() -> Vec<u8> {
    let id = |byte| Id([byte; 16]);
    let started = Wall(1_493_633_830_000);
    let call = Call {
        session: SessionFacts {
            id: id(1),
            started,
            ended: None,
            sip_session_ids: Vec::new(),
        },
        participants: vec![ParticipantFacts {
            id: id(2),
            aor: "tel:1000".to_owned(),
            name: Some("A".to_owned()),
            joined: started,
            left: None,
            sends: true,
            receives: true,
            media_since: started,
        }],
        stream: StreamFacts {
            id: id(3),
            label: "1".to_owned(),
        },
    };
    complete(&call, IdFormat::Base64, Company::Offer)
}
