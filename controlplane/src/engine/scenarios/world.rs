//! An engine, its clock, and recorders that do as they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rsip::Method;
use sixreel_dataplane::api::Command;

use crate::config::Config;
use crate::control::reply::{Reply, Ticket, View};
use crate::control::request::{CallFacts, Name, Page, ParticipantFacts, Request};
use crate::control::view::{EventKind, EventView, RecorderView, RecordingView};
use crate::engine::{Engine, Input};
use crate::random::Random;
use crate::sip::flow::Flow;
use crate::sip::headers::Headers;
use crate::sip::message::{self, Message};
use crate::time::{Now, Wall};
use crate::turn::Output;

/// What the transport says where TLS comes to nothing.
pub(super) const DISTRUST: &str = "its certificate has expired";
/// How long a message is on its way.
const LATENCY: Duration = Duration::from_millis(5);

/// What a server does with what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Accepts,
    /// Nothing comes back.
    Silent,
    /// The network says that nobody is there, or TLS comes to nothing.
    Unreachable,
    /// Every INVITE is answered so; the second is a header.
    Refuses(u16, &'static str),
    /// Says 100 and nothing else.
    Ponders,
    /// Accepts, and says BYE after so many milliseconds.
    HangsUp(u64),
}

/// A server at one address.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) manner: Manner,
    /// What came, with the milliseconds since the beginning.
    pub(super) heard: Vec<(u64, Method, message::Request)>,
    /// The Call-IDs of the sessions that it knows.
    dialogs: BTreeSet<String>,
}

pub(super) struct World {
    engine: Engine,
    start: Instant,
    now: Now,
    servers: BTreeMap<SocketAddr, Server>,
    queue: BTreeMap<(Instant, u64), Input>,
    queued: u64,
    pub(super) events: Vec<(u64, EventView)>,
    pub(super) media: Vec<(u64, Command)>,
    replies: Vec<Reply>,
}

impl World {
    /// An engine for `recorders`, lines of TOML, with a server that accepts at each of `servers`.
    pub(super) fn new(recorders: &str, servers: &[&str]) -> Self {
        let text = format!(
            "[sip]\naddress = \"192.0.2.100:5060\"\nother_address = \"[2001:db8::100]:5060\"\n\
             [media]\naddress = \"192.0.2.100\"\nother_address = \"2001:db8::100\"\n{recorders}"
        );
        let config = Config::parse(&text).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
        let start = Instant::now();
        let now = Now {
            mono: start,
            wall: Wall(0),
        };
        let server = |text: &&str| (text.parse().unwrap(), Server::new());
        let mut world = Self {
            engine: Engine::new(&config, Random::new([9; 32]), now),
            start,
            now,
            servers: servers.iter().map(server).collect(),
            queue: BTreeMap::new(),
            queued: 0,
            events: Vec::new(),
            media: Vec::new(),
            replies: Vec::new(),
        };
        let mut out = Vec::new();
        world.engine.start(now, &mut out);
        world.act(out);
        world
    }

    /// Milliseconds since the beginning.
    pub(super) fn ms(&self) -> u64 {
        (self.now.mono - self.start).as_millis() as u64
    }

    pub(super) fn server(&mut self, at: &str) -> &mut Server {
        let address: SocketAddr = at.parse().unwrap();
        self.servers.get_mut(&address).unwrap()
    }

    /// Lets so many milliseconds pass.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now.mono + Duration::from_millis(ms);
        loop {
            let delivery = self.queue.keys().next().map(|(at, _)| *at);
            let due = self.engine.deadline().into_iter().chain(delivery).min();
            let Some(at) = due.filter(|at| *at <= end) else {
                break;
            };
            self.move_to(at.max(self.now.mono));
            let input = match delivery.filter(|delivery| *delivery <= self.now.mono) {
                Some(_) => self.queue.pop_first().unwrap().1,
                None => Input::Deadline,
            };
            self.give(input);
        }
        self.move_to(end);
    }

    /// A call with one participant, by which recording begins.
    pub(super) fn call(&mut self, id: &str) {
        self.ask(Request::CallPut {
            call: name(id),
            facts: CallFacts {
                console_id: "console".to_owned(),
                ..serde_json::from_str("{\"console_id\": \"console\"}").unwrap()
            },
        });
        self.join(id, "first");
    }

    pub(super) fn join(&mut self, call: &str, participant: &str) {
        self.ask(Request::ParticipantPut {
            call: name(call),
            participant: name(participant),
            facts: ParticipantFacts {
                name: Some(participant.to_owned()),
                ..ParticipantFacts::default()
            },
        });
    }

    pub(super) fn stop(&mut self, call: &str) {
        self.ask(Request::CallDelete { call: name(call) });
    }

    pub(super) fn resolve(&mut self, recorder: usize, result: Result<Located, NotFound>) {
        self.give(Input::Resolved { recorder, result });
    }

    /// The running recordings of all calls, by recorder.
    pub(super) fn recordings(&mut self) -> Vec<RecordingView> {
        let page = Page {
            after: None,
            limit: 200,
        };
        let reply = self.ask(Request::RecordingList { page });
        let Reply::Ok(View::Recordings(list)) = reply else {
            panic!("{reply:?}");
        };
        list.recordings
    }

    pub(super) fn recorder(&mut self, id: &str) -> RecorderView {
        let reply = self.ask(Request::RecorderGet { recorder: name(id) });
        let Reply::Ok(View::Recorder(view)) = reply else {
            panic!("{reply:?}");
        };
        *view
    }

    pub(super) fn problems(&mut self) -> Vec<String> {
        let reply = self.ask(Request::Health);
        let Reply::Ok(View::Health(view)) = reply else {
            panic!("{reply:?}");
        };
        view.problems
    }

    /// When events of that kind were told, and what they said.
    pub(super) fn told(&self, kind: EventKind) -> Vec<(u64, String, String)> {
        let events = self.events.iter().filter(|(_, event)| event.kind == kind);
        let text = |event: &EventView| {
            let recorder = event.recorder.as_ref().map(Name::to_string);
            let detail = event.detail.clone().unwrap_or_default();
            (recorder.unwrap_or_default(), detail)
        };
        events
            .map(|(at, event)| {
                let (recorder, detail) = text(event);
                (*at, recorder, detail)
            })
            .collect()
    }

    /// Every call is over, and so is everything that was theirs.
    pub(super) fn assert_empty(&mut self) {
        self.pass(200_000);
        assert!(self.engine.is_empty(), "{:?}", self.engine);
    }

    fn ask(&mut self, request: Request) -> Reply {
        let ticket = Ticket {
            client: 0,
            generation: 0,
            number: 0,
        };
        self.give(Input::Control { ticket, request });
        self.replies
            .pop()
            .expect("each request is answered at once")
    }

    fn move_to(&mut self, at: Instant) {
        self.now = self.now.after(at - self.now.mono);
    }

    fn give(&mut self, input: Input) {
        let mut out = Vec::new();
        self.engine.handle(input, self.now, &mut out);
        self.act(out);
    }

    fn act(&mut self, out: Vec<Output>) {
        let ms = self.ms();
        for output in out {
            match output {
                Output::Transmit { flow, bytes } => self.deliver(flow, &bytes),
                Output::Media { command, .. } => self.media.push((ms, command)),
                Output::Reply { reply, .. } => self.replies.push(reply),
                Output::Tell(event) => self.events.push((ms, event)),
                Output::Close { .. } | Output::Resolve { .. } => {}
            }
        }
    }

    /// A message reaches its server at once; what comes of it takes the way there and back.
    fn deliver(&mut self, flow: Flow, bytes: &[u8]) {
        let message = Message::parse(bytes, flow.protocol).unwrap();
        let ms = self.ms();
        let Some(server) = self.servers.get_mut(&flow.remote) else {
            return;
        };
        let Message::Request(request) = message else {
            return;
        };
        match server.manner {
            Manner::Silent => {
                server.heard.push((ms, request.method, request));
            }
            Manner::Unreachable => {
                server.heard.push((ms, request.method, request));
                if flow.protocol.is_tls() {
                    let why = DISTRUST.to_owned();
                    self.later(2 * LATENCY, Input::Trouble { flow, why });
                }
                self.later(2 * LATENCY, Input::Unreachable { flow });
            }
            Manner::Accepts | Manner::Refuses(..) | Manner::Ponders | Manner::HangsUp(_) => {
                let answers = server.answer(&request, flow);
                server.heard.push((ms, request.method, request));
                for (after_ms, text) in answers {
                    let message = Message::parse(text.as_bytes(), flow.protocol).unwrap();
                    let after = 2 * LATENCY + Duration::from_millis(after_ms);
                    self.later(after, Input::Sip { flow, message });
                }
            }
        }
    }

    fn later(&mut self, after: Duration, input: Input) {
        self.queued += 1;
        self.queue
            .insert((self.now.mono + after, self.queued), input);
    }
}

impl Server {
    fn new() -> Self {
        Self {
            manner: Manner::Accepts,
            heard: Vec::new(),
            dialogs: BTreeSet::new(),
        }
    }

    /// It is another process now, which knows nothing of what was.
    pub(super) fn restart(&mut self) {
        self.dialogs.clear();
        self.manner = Manner::Accepts;
    }

    /// When INVITEs to new sessions came; repetitions are not counted.
    pub(super) fn invited(&self) -> Vec<u64> {
        let mut seen = BTreeSet::new();
        let first = |(_, method, request): &&(u64, Method, message::Request)| {
            *method == Method::Invite && !has_tag(&request.headers)
        };
        let invites = self.heard.iter().filter(first);
        let new = invites.filter(|(.., request)| seen.insert(call_id(&request.headers)));
        new.map(|(at, ..)| *at).collect()
    }

    /// When requests of that method came.
    pub(super) fn asked(&self, method: Method) -> Vec<u64> {
        let asked = self.heard.iter().filter(|(_, asked, _)| *asked == method);
        asked.map(|(at, ..)| *at).collect()
    }

    /// The bodies of the INVITEs and re-INVITEs, newest last.
    pub(super) fn bodies(&self) -> Vec<String> {
        let invites = self
            .heard
            .iter()
            .filter(|(_, method, _)| *method == Method::Invite);
        let body = |request: &message::Request| String::from_utf8(request.body.clone()).unwrap();
        invites.map(|(.., request)| body(request)).collect()
    }

    /// What it answers, and after how many milliseconds.
    fn answer(&mut self, request: &message::Request, flow: Flow) -> Vec<(u64, String)> {
        let id = call_id(&request.headers);
        let is_within = has_tag(&request.headers);
        let head = head(&request.headers);
        let plain = |line: &str| format!("SIP/2.0 {line}\r\n{head}Content-Length: 0\r\n\r\n");
        match request.method {
            Method::Ack => Vec::new(),
            Method::Invite if !is_within => match self.manner {
                Manner::Refuses(code, header) => {
                    let header = if header.is_empty() {
                        String::new()
                    } else {
                        format!("{header}\r\n")
                    };
                    vec![(
                        0,
                        format!("SIP/2.0 {code} No\r\n{head}{header}Content-Length: 0\r\n\r\n"),
                    )]
                }
                Manner::Ponders => vec![(0, plain("100 Trying"))],
                Manner::HangsUp(after) => {
                    self.dialogs.insert(id);
                    let bye = bye(&request.headers, flow);
                    vec![(0, accept(&head, request, flow)), (after, bye)]
                }
                Manner::Accepts | Manner::Silent | Manner::Unreachable => {
                    self.dialogs.insert(id);
                    vec![(0, accept(&head, request, flow))]
                }
            },
            Method::Cancel => vec![(0, plain("200 OK"))],
            method if is_within && !self.dialogs.contains(&id) => {
                vec![(0, plain(&format!("481 No Such Session For {method}")))]
            }
            Method::Invite => vec![(0, accept(&head, request, flow))],
            Method::Bye => {
                self.dialogs.remove(&id);
                vec![(0, plain("200 OK"))]
            }
            Method::Info
            | Method::Message
            | Method::Notify
            | Method::Options
            | Method::PRack
            | Method::Publish
            | Method::Refer
            | Method::Register
            | Method::Subscribe
            | Method::Update => vec![(0, plain("200 OK"))],
        }
    }
}

pub(super) use crate::locate::{Located, NotFound};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn call_id(headers: &Headers) -> String {
    headers.get("Call-ID").unwrap().to_owned()
}

fn has_tag(headers: &Headers) -> bool {
    headers.get("To").unwrap().contains(";tag=")
}

/// The headers that an answer repeats.
fn head(headers: &Headers) -> String {
    let mut head = String::new();
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        let value = headers.get(name).unwrap();
        let tag = if name == "To" && !has_tag(headers) {
            ";tag=srs"
        } else {
            ""
        };
        head += &format!("{name}: {value}{tag}\r\n");
    }
    head
}

fn accept(head: &str, request: &message::Request, flow: Flow) -> String {
    let offer = String::from_utf8_lossy(&request.body);
    let (family, ip) = match flow.remote.ip() {
        ip if offer.contains("IN IP6") => ("IP6", ip.to_string()),
        _ => ("IP4", "192.0.2.9".to_owned()),
    };
    let body = format!(
        "v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio 6000 RTP/AVP 0\r\na=recvonly\r\n"
    );
    assert!(offer.contains("m=audio"));
    format!(
        "SIP/2.0 200 OK\r\n{head}Contact: <sip:srs@{};transport=tcp>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        flow.remote,
        body.len()
    )
}

fn bye(invite: &Headers, flow: Flow) -> String {
    let (from, to) = (invite.get("From").unwrap(), invite.get("To").unwrap());
    let (id, ip) = (call_id(invite), flow.remote);
    format!(
        "BYE sip:sixreel@192.0.2.100:5060 SIP/2.0\r\n\
         Via: SIP/2.0/TCP {ip};branch=z9hG4bKbye{id}\r\n\
         From: {to};tag=srs\r\nTo: {from}\r\nCall-ID: {id}\r\nCSeq: 1 BYE\r\nMax-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n"
    )
}
