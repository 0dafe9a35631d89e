//! Two sessions and the network between them: we call, a recorder answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rsip::Method;

use super::hand::{call, sdp};
use crate::random::Random;
use crate::sip::content::Content;
use crate::sip::flow::{Flow, Protocol, TlsSettings, TransportPolicy};
use crate::sip::local::{Local, Options};
use crate::sip::message::Message;
use crate::sip::output::Output;
use crate::sip::session::{Input, Session};
use crate::sip::stateless;
use crate::sip::testing::{epoch, local};

/// Which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Who calls.
    Client,
    /// Who is called.
    Recorder,
}

/// What the network does with a message.
pub(super) enum Fate {
    /// It arrives after each of these times.
    Arrives(Vec<Duration>),
    /// It is lost, and over TCP the connection dies with it.
    Lost,
}

/// What a user does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Reinvite,
    Update,
    Options,
    End,
}

/// One side.
pub(super) struct Side {
    local: Arc<Local>,
    pub(super) session: Option<Session>,
    /// What its user was told, in short.
    pub(super) told: Vec<String>,
    pub(super) was_over: bool,
}

/// Both sides, the time, and what is under way.
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) began: Instant,
    pub(super) client: Side,
    pub(super) recorder: Side,
    /// What happens when, with a number that keeps the order of what happens at once.
    ahead: Vec<(Instant, u64, Who, Event)>,
    events: u64,
    /// How many messages were sent.
    pub(super) sent: usize,
    fate: Box<dyn FnMut(usize) -> Fate>,
    /// How many connections each side opened, and whether the latest lives.
    opened: [(u16, bool); 2],
    /// Every message that was sent, for people.
    pub(super) log: Vec<String>,
}

enum Event {
    Arrival(Flow, Vec<u8>),
    Unreachable(Flow),
    Act(Act),
}

/// Connections are told apart by the opener's port, which begins here.
const OPENER: u16 = 40_000;

impl Side {
    fn new(address: &str) -> Self {
        let address = address.parse().unwrap();
        let local = Arc::new(Local { address, ..local() });
        Self {
            local,
            session: None,
            told: Vec::new(),
            was_over: false,
        }
    }
}

impl World {
    /// The client calls; `fate` decides what becomes of each message.
    pub(super) fn new(
        policy: TransportPolicy,
        seed: u8,
        fate: impl FnMut(usize) -> Fate + 'static,
    ) -> Self {
        let now = epoch();
        let mut world = Self {
            now,
            began: now,
            client: Side::new("192.0.2.1:5060"),
            recorder: Side::new("192.0.2.2:5060"),
            ahead: Vec::new(),
            events: 0,
            sent: 0,
            fate: Box::new(fate),
            opened: [(0, false); 2],
            log: Vec::new(),
        };
        let mut out = Vec::new();
        let call = call(policy, sdp("offer"));
        let random = Random::new([seed; 32]);
        world.client.session = Some(Session::invite(
            &world.client.local,
            call,
            random,
            now,
            &mut out,
        ));
        world.take(Who::Client, out);
        world
    }

    /// Something will be done.
    pub(super) fn plan(&mut self, after: Duration, who: Who, act: Act) {
        self.push(self.began + after, who, Event::Act(act));
    }

    /// Time goes by; whether both sessions are over before it is up.
    pub(super) fn run(&mut self, until: Duration) -> bool {
        let until = self.began + until;
        for _ in 0..20_000 {
            let Some((at, who, event)) = self.next().filter(|(at, ..)| *at <= until) else {
                self.now = until;
                return self.client.session.is_none() && self.recorder.session.is_none();
            };
            self.now = self.now.max(at);
            self.step(who, event);
        }
        panic!("it never comes to rest: {:#?}", self.log.last_chunk::<20>());
    }

    pub(super) fn side(&mut self, who: Who) -> &mut Side {
        match who {
            Who::Client => &mut self.client,
            Who::Recorder => &mut self.recorder,
        }
    }

    fn push(&mut self, at: Instant, who: Who, event: Event) {
        self.events += 1;
        self.ahead.push((at, self.events, who, event));
    }

    /// What happens next: `None` stands for a deadline.
    fn next(&mut self) -> Option<(Instant, Who, Option<Event>)> {
        let deadline = |side: &Side| side.session.as_ref().and_then(Session::deadline);
        let client = deadline(&self.client).map(|(at, _)| (at, Who::Client));
        let recorder = deadline(&self.recorder).map(|(at, _)| (at, Who::Recorder));
        let due = client.into_iter().chain(recorder).min_by_key(|(at, _)| *at);
        let first = (0..self.ahead.len()).min_by_key(|at| (self.ahead[*at].0, self.ahead[*at].1));
        match (first, due) {
            (Some(first), due) if due.is_none_or(|(at, _)| self.ahead[first].0 <= at) => {
                let (at, _, who, event) = self.ahead.swap_remove(first);
                Some((at, who, Some(event)))
            }
            (_, due) => due.map(|(at, who)| (at, who, None)),
        }
    }

    fn step(&mut self, who: Who, event: Option<Event>) {
        let (now, mut out) = (self.now, Vec::new());
        match event {
            Some(Event::Arrival(flow, bytes)) => self.arrive(who, flow, &bytes, &mut out),
            Some(Event::Unreachable(flow)) => {
                if let Some(session) = &mut self.side(who).session {
                    session.handle(Input::Unreachable { flow }, now, &mut out);
                }
            }
            Some(Event::Act(act)) => {
                if let Some(session) = &mut self.side(who).session {
                    match act {
                        Act::Reinvite => session.reinvite(sdp("reinvite"), now, &mut out),
                        Act::Update => session.update(sdp("update"), now, &mut out),
                        Act::Options => session.options(now, &mut out),
                        Act::End => session.end(Content::default(), now, &mut out),
                    }
                }
            }
            None => {
                if let Some(session) = &mut self.side(who).session {
                    session.handle(Input::Deadline, now, &mut out);
                    let next = session.deadline();
                    assert!(next.is_none_or(|(at, _)| at > now), "stuck at {next:?}");
                }
            }
        }
        self.take(who, out);
        let side = self.side(who);
        if let Some(session) = &side.session {
            session.check();
            if session.is_over() {
                side.session = None;
                side.was_over = true;
            }
        }
    }

    fn arrive(&mut self, who: Who, flow: Flow, bytes: &[u8], out: &mut Vec<Output>) {
        let now = self.now;
        let message = Message::parse(bytes, flow.protocol).unwrap();
        let side = self.side(who);
        let local = Arc::clone(&side.local);
        match (&mut side.session, message) {
            (Some(session), message) if session.call_id() == message.call_id() => {
                session.handle(Input::Received { flow, message }, now, out);
            }
            (session, Message::Request(request)) => {
                let new = request.headers.identity().unwrap().to_tag.is_none();
                if new && request.method == Method::Invite && !side.was_over {
                    let random = Random::new([77; 32]);
                    let options = Options::recording_server();
                    let received = (flow, request);
                    *session = Some(Session::incoming(
                        &local, options, received, random, now, out,
                    ));
                } else {
                    stateless::refuse(&request, flow, &local, out);
                }
            }
            (_, Message::Response(_)) => {}
        }
    }

    /// Sends what is to be sent, notes what was told, and answers what was offered.
    fn take(&mut self, who: Who, mut out: Vec<Output>) {
        let now = self.now;
        let mut at = 0;
        while at < out.len() {
            if let Output::Transmit { flow, bytes } = &out[at] {
                self.transmit(who, *flow, &bytes.clone());
            } else if let Output::Offered { id, .. } = &out[at] {
                let (id, mut more) = (*id, Vec::new());
                if let Some(session) = &mut self.side(who).session {
                    session.respond(id, 200.into(), sdp("answer"), now, &mut more);
                }
                out.extend(more);
            } else {
                let short = format!("{:?}", out[at]);
                self.side(who).told.push(short);
            }
            at += 1;
        }
    }

    fn transmit(&mut self, who: Who, flow: Flow, bytes: &[u8]) {
        let line = String::from_utf8_lossy(bytes);
        let line = line.lines().next().unwrap_or_default();
        let elapsed = (self.now - self.began).as_millis();
        self.log
            .push(format!("{elapsed} {who:?} {:?} {line}", flow.protocol));
        let fate = (self.fate)(self.sent);
        self.sent += 1;
        let Some((arrival, opener)) = self.connect(who, flow) else {
            self.push(self.now, who, Event::Unreachable(flow));
            return;
        };
        match fate {
            Fate::Arrives(times) => {
                for after in times {
                    let event = Event::Arrival(arrival, bytes.to_vec());
                    self.push(self.now + after, who.other(), event);
                }
            }
            Fate::Lost if flow.protocol != Protocol::Udp => {
                self.opened[opener as usize].1 = false;
                self.push(self.now, who, Event::Unreachable(flow));
                self.push(self.now, who.other(), Event::Unreachable(arrival));
            }
            Fate::Lost => {}
        }
    }

    /// As which flow a message arrives at the other side, and who opened its connection; `None`
    /// where that is dead.
    fn connect(&mut self, who: Who, flow: Flow) -> Option<(Flow, Who)> {
        let mut remote = self.side(who).local.address;
        let arrival = |remote, opener| Flow {
            protocol: seen(flow.protocol, who.other(), opener),
            remote,
        };
        match flow.protocol {
            Protocol::Udp => {}
            Protocol::Tcp | Protocol::Tls(_) if flow.remote.port() < OPENER => {
                let (count, alive) = &mut self.opened[who as usize];
                *count += u16::from(!*alive);
                *alive = true;
                remote.set_port(OPENER + *count);
            }
            Protocol::Tcp | Protocol::Tls(_) => {
                let living = self.opened[who.other() as usize];
                if (flow.remote.port() - OPENER, true) != living {
                    return None;
                }
                return Some((arrival(remote, who.other()), who.other()));
            }
        }
        Some((arrival(remote, who), who))
    }
}

/// As which protocol a message arrives at `who` over a connection that `opener` opened.
fn seen(sent: Protocol, who: Who, opener: Who) -> Protocol {
    if !sent.is_tls() {
        return sent;
    }
    Protocol::Tls(match who {
        Who::Client if opener == Who::Client => TlsSettings::Recorder(0),
        Who::Client | Who::Recorder => TlsSettings::Listener,
    })
}

impl Who {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Client => Self::Recorder,
            Self::Recorder => Self::Client,
        }
    }
}

impl Session {
    /// What must hold at any time: nothing grows without bound.
    pub(super) fn check(&self) {
        assert!(self.invites.len() <= 9 && self.clients.len() <= 9);
        assert!(self.server_invites.len() <= 8 && self.servers.len() <= 8);
    }
}
