//! A recording, its recorder played by hand, and the time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rsip::Method;
use sixreel_dataplane::api::{Command, SinkFlow};

use crate::control::request::{CodecName, Name, Priority};
use crate::control::view::{EventKind, EventView, RecordingState};
use crate::media::Media;
use crate::metadata::{CallInfo, Contents, Facts, Id, ParticipantFacts, SessionFacts, StreamFacts};
use crate::random::Random;
use crate::reach::Reach;
use crate::recorder::Recorder;
use crate::recording::{Account, Input, Recording};
use crate::sip::digest::Credentials;
use crate::sip::flow::{Flow, Protocol};
use crate::sip::local::Local;
use crate::sip::message::{Message, Request, Response};
use crate::sip::transaction::timing::Timing;
use crate::time::{Now, Wall};
use crate::turn::{Output, Site, Turn};

/// The recorder's tag.
const TAG: &str = "r1";

/// A recorder's description of its stream, the lines after `t=` given.
pub(super) fn sdp(media: &str) -> String {
    let lines = media.replace('\n', "\r\n");
    format!("v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n{lines}\r\n")
}

/// The answer that a recorder usually gives.
pub(super) fn usual() -> String {
    sdp("m=audio 7000 RTP/AVP 0\na=recvonly")
}

pub(super) struct World {
    recording: Option<Recording>,
    pub(super) account: Account,
    site: Site,
    media: Media,
    random: Random,
    pub(super) now: Now,
    reach: Reach,
    last_event: u64,
    sent: VecDeque<(Flow, Message)>,
    events: VecDeque<EventView>,
    /// Where RTP goes and how, as the data plane was told last.
    flow: Option<SinkFlow>,
    /// The first INVITE of the present session.
    invite: Option<Request>,
    /// The number of the recorder's latest request.
    number: u32,
}

impl World {
    /// A call begins to be recorded to a recorder that is configured by those lines.
    pub(super) fn new(lines: &str) -> Self {
        Self::with(lines, None)
    }

    /// The same, with credentials.
    pub(super) fn with(lines: &str, credentials: Option<Credentials>) -> Self {
        let mut recorder = Recorder::testing(lines);
        recorder.credentials = credentials.map(Arc::new);
        let mut media = Media::new(vec![[192, 0, 2, 1].into()], 1, 4, 20_000, 8);
        let (now, site) = (epoch(), site());
        let reach = Reach::new(&[Recorder::testing_config(lines)], site.sip.clone(), now);
        let mut world = Self {
            recording: None,
            account: account(media.open_call().unwrap(), now.wall),
            site,
            media,
            random: Random::new([7; 32]),
            now,
            reach,
            last_event: 0,
            sent: VecDeque::new(),
            events: VecDeque::new(),
            flow: None,
            invite: None,
            number: 0,
        };
        let recorder = Arc::new(recorder);
        let started =
            world.turn(|_, account, turn| Recording::start(&recorder, None, account, turn));
        world.recording = Some(started);
        world
    }

    /// The INVITE was answered so, and acknowledged; RTP flows or does not.
    pub(super) fn established(lines: &str, answer: &str) -> Self {
        let mut world = Self::new(lines);
        let invite = world.sent(Method::Invite);
        world.accept(&invite, answer);
        world.sent(Method::Ack);
        assert_eq!(world.told(), EventKind::RecordingEstablished);
        world
    }

    pub(super) fn state(&self) -> RecordingState {
        self.recording().state()
    }

    pub(super) fn recording(&self) -> &Recording {
        self.recording.as_ref().unwrap()
    }

    /// What goes where by RTP; nothing where the stream is held or closed.
    pub(super) fn flow(&self) -> Option<SinkFlow> {
        self.flow
    }

    /// The next request that was sent, which is of that method.
    pub(super) fn sent(&mut self, method: Method) -> Request {
        self.sent_by(method).1
    }

    /// The same, and by what.
    pub(super) fn sent_by(&mut self, method: Method) -> (Protocol, Request) {
        match self.sent.pop_front() {
            Some((flow, Message::Request(request))) if request.method == method => {
                let has_tag = request.headers.identity().unwrap().to_tag.is_some();
                if method == Method::Invite && !has_tag {
                    self.invite = Some(request.clone());
                }
                (flow.protocol, request)
            }
            other => panic!("{method} should be sent, not {other:?}"),
        }
    }

    /// The next message that was sent, which is an answer with that status.
    pub(super) fn answered(&mut self, code: u16) -> Response {
        match self.sent.pop_front() {
            Some((_, Message::Response(response))) if response.status.code() == code => response,
            other => panic!("{code} should be sent, not {other:?}"),
        }
    }

    /// Whether the next message that was sent is a request of that method.
    pub(super) fn peek(&self, method: Method) -> bool {
        let next = self.sent.front();
        matches!(next, Some((_, Message::Request(request))) if request.method == method)
    }

    /// Passes over retransmissions of an INVITE.
    pub(super) fn pass_over(&mut self, invite: &Request) {
        while matches!(self.sent.front(), Some((_, Message::Request(next))) if next == invite) {
            self.sent.pop_front();
        }
    }

    pub(super) fn nothing_sent(&self) {
        assert!(self.sent.is_empty(), "sent: {:?}", self.sent);
    }

    /// The next event, and what it says.
    pub(super) fn event(&mut self) -> (EventKind, String) {
        let event = self.events.pop_front().expect("no event");
        (event.kind, event.detail.unwrap_or_default())
    }

    /// The next event.
    pub(super) fn told(&mut self) -> EventKind {
        self.event().0
    }

    pub(super) fn nothing_told(&self) {
        assert!(self.events.is_empty(), "told: {:?}", self.events);
    }

    /// The recorder answers, without a body. What is refused is acknowledged.
    pub(super) fn refuse(&mut self, request: &Request, status: &str) {
        self.answer(request, status, "");
        if request.method == Method::Invite && !status.starts_with('1') {
            self.sent(Method::Ack);
        }
    }

    /// The recorder accepts with that description.
    pub(super) fn accept(&mut self, request: &Request, description: &str) {
        self.answer(
            request,
            "200 OK\r\nContent-Type: application/sdp",
            description,
        );
    }

    /// The recorder answers: status, more headers, and a body.
    pub(super) fn answer(&mut self, request: &Request, status: &str, body: &str) {
        let headers = &request.headers;
        let get = |name: &str| headers.get(name).unwrap().to_owned();
        let to = match get("To") {
            to if to.contains(";tag=") => to,
            to => format!("{to};tag={TAG}"),
        };
        let text = format!(
            "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Contact: <sip:rec@192.0.2.2:5060>;+sip.srs\r\nContent-Length: {}\r\n\r\n{body}",
            get("Via"),
            get("From"),
            get("Call-ID"),
            get("CSeq"),
            body.len(),
        );
        self.receive(&text);
    }

    /// The recorder asks for something within the dialog.
    pub(super) fn ask(&mut self, method: &str, content_type: &str, body: &str) {
        self.number += 1;
        self.request(method, self.number, content_type, body);
    }

    /// The recorder acknowledges our answer to its latest INVITE.
    pub(super) fn acknowledge(&mut self) {
        self.request("ACK", self.number, "", "");
    }

    /// The same, and with it the answer to our offer.
    pub(super) fn acknowledge_with(&mut self, description: &str) {
        self.request("ACK", self.number, "application/sdp", description);
    }

    fn request(&mut self, method: &str, number: u32, content_type: &str, body: &str) {
        let headers = &self.invite.as_ref().unwrap().headers;
        let get = |name: &str| headers.get(name).unwrap();
        let content_type = match content_type {
            "" => String::new(),
            text => format!("Content-Type: {text}\r\n"),
        };
        let text = format!(
            "{method} sip:sixreel@192.0.2.1 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK{method}{number}\r\nMax-Forwards: 70\r\n\
             From: {};tag={TAG}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} {method}\r\n\
             Contact: <sip:rec@192.0.2.2:5060>\r\n{content_type}Content-Length: {}\r\n\r\n{body}",
            get("To"),
            get("From"),
            get("Call-ID"),
            body.len(),
        );
        self.receive(&text);
    }

    /// The message comes by UDP.
    pub(super) fn receive(&mut self, text: &str) {
        let message = Message::parse(text.as_bytes(), Protocol::Udp).unwrap();
        let call_id = message.call_id().to_owned();
        let flow = Flow {
            protocol: Protocol::Udp,
            remote: "192.0.2.2:5060".parse().unwrap(),
        };
        let input = Input::Received { flow, message };
        let is_known =
            self.act(|recording, account, turn| recording.receive(&call_id, input, account, turn));
        assert!(is_known, "{text}");
    }

    /// Nobody is at the recorder's address by TCP.
    pub(super) fn tcp_fails(&mut self) {
        let flow = Flow {
            protocol: Protocol::Tcp,
            remote: "192.0.2.2:5060".parse().unwrap(),
        };
        let input = Input::Unreachable { flow };
        self.act(|recording, account, turn| recording.unreachable(&input, account, turn));
    }

    /// The call changes.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Account)) {
        change(&mut self.account);
        self.act(|recording, account, turn| recording.changed(account, turn));
    }

    /// Somebody joins.
    pub(super) fn join(&mut self, number: u8) {
        let now = self.now.wall;
        self.change(|account| account.facts.participants.push(participant(number, now)));
    }

    /// Time goes by, and what is due is done.
    pub(super) fn wait(&mut self, duration: Duration) {
        let until = self.now.after(duration);
        while let Some(at) = self.recording().deadline().filter(|at| *at <= until.mono) {
            let step = at.saturating_duration_since(self.now.mono);
            self.now = self.now.after(step);
            self.act(|recording, account, turn| recording.on_deadline(account, turn));
        }
        self.now = until;
    }

    /// The call ends, and nothing is left.
    pub(super) fn ends(mut self) {
        self.act(|recording, account, turn| recording.end(account, turn));
        while let Some((_, message)) = self.sent.pop_front() {
            if let Message::Request(request) = message
                && request.method == Method::Bye
            {
                self.answer(&request, "200 OK", "");
            }
        }
        self.wait(Duration::from_secs(200));
        assert!(self.recording().is_over());
        assert_eq!(self.media.taken(), (1, 0));
    }

    fn act<T>(&mut self, act: impl FnOnce(&mut Recording, &Account, &mut Turn<'_>) -> T) -> T {
        self.turn(|recording, account, turn| act(recording.unwrap(), account, turn))
    }

    fn turn<T>(
        &mut self,
        act: impl FnOnce(Option<&mut Recording>, &Account, &mut Turn<'_>) -> T,
    ) -> T {
        let mut out = Vec::new();
        let mut turn = Turn {
            now: self.now,
            site: &self.site,
            reach: &mut self.reach,
            media: &mut self.media,
            random: &mut self.random,
            last_event: &mut self.last_event,
            out: &mut out,
        };
        let result = act(self.recording.as_mut(), &self.account, &mut turn);
        for output in out {
            match output {
                Output::Transmit { flow, bytes } => {
                    let message = Message::parse(&bytes, flow.protocol).unwrap();
                    self.sent.push_back((flow, message));
                }
                Output::Tell(event) => self.events.push_back(event),
                Output::Close { .. }
                | Output::Media { .. }
                | Output::Reply { .. }
                | Output::Resolve { .. } => {
                    unreachable!("a recording does no such thing")
                }
            }
        }
        for (_, command) in self.media.take_commands() {
            match command {
                Command::SetSink { flow, .. } => self.flow = Some(flow),
                Command::StopSink { .. } | Command::CloseSink { .. } => self.flow = None,
                Command::OpenCall { .. }
                | Command::CloseCall { .. }
                | Command::OpenSource { .. }
                | Command::MuteSource { .. }
                | Command::CloseSource { .. }
                | Command::OpenSink { .. } => {}
            }
        }
        result
    }
}

/// The metadata of a request, and its media type in the request's own words.
pub(super) fn metadata(request: &Request) -> Option<String> {
    let contents = Contents::parse(request.headers.get("Content-Type"), &request.body);
    contents
        .metadata
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// The description of a request or an answer.
pub(super) fn offer(request: &Request) -> String {
    let contents = Contents::parse(request.headers.get("Content-Type"), &request.body);
    String::from_utf8_lossy(contents.sdp.unwrap()).into_owned()
}

/// Whether a request's metadata goes by that type.
pub(super) fn has_type(request: &Request, media_type: &str) -> bool {
    let body = String::from_utf8_lossy(&request.body);
    body.contains(&format!("Content-Type: {media_type}\r\n"))
}

/// Whether a request tells the call in headers.
pub(super) fn has_headers(request: &Request) -> bool {
    request.headers.get("X-ControlONE-Info-CallID").is_some()
}

#[expect(clippy::disallowed_methods, reason = "a moment to count from")]
fn epoch() -> Now {
    Now {
        mono: Instant::now(),
        wall: Wall(1_493_633_831_042),
    }
}

fn site() -> Site {
    let local = Local {
        address: "192.0.2.1:5060".parse().unwrap(),
        tls: None,
        user: "sixreel".to_owned(),
        agent: "sixreel".to_owned(),
        accept: "application/sdp".to_owned(),
        timing: Timing::default(),
    };
    Site {
        sip: vec![Arc::new(local)],
        groups: Vec::new(),
        domain: "192.0.2.1".to_owned(),
        require_secure_if_cs_secure: true,
        participants_per_call: 10,
        sources_per_call: 10,
    }
}

fn account(place: crate::media::Place, now: Wall) -> Account {
    Account {
        call: Name::new("1973499061").unwrap(),
        key: 3,
        place,
        console_id: "console-4".to_owned(),
        priority: Priority::Normal,
        codec: CodecName::Pcmu,
        secure: false,
        keys: Vec::new(),
        paused: false,
        info: CallInfo {
            call_id: Some("1973499061".to_owned()),
            ..CallInfo::default()
        },
        facts: Facts {
            session: SessionFacts {
                id: Id([1; 16]),
                started: now,
                ended: None,
                sip_session_ids: Vec::new(),
            },
            participants: vec![participant(1, now)],
            stream: StreamFacts {
                id: Id([2; 16]),
                label: String::new(),
            },
        },
    }
}

fn participant(number: u8, now: Wall) -> ParticipantFacts {
    ParticipantFacts {
        id: Id([number + 10; 16]),
        aor: format!("sip:{number}@192.0.2.1"),
        name: None,
        joined: now,
        left: None,
        sends: true,
        receives: true,
        media_since: now,
    }
}
