//! The engine: routes what comes to the call that it is for, and knows when who is due.
//!
//! Sans-IO: `handle` takes one input and pushes what is to be done; `deadline` says when
//! it wants to be called next. It computes nothing itself.

/// What the control interface asks, done.
mod control;
/// What is learnt about recorders, and which calls have to know.
mod recorders;
/// Whole calls at scripted recorders, in virtual time.
#[cfg(test)]
mod scenarios;
/// Trials: who asks, and what comes to them.
mod trials;
/// What the control interface shows of the whole.
mod views;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use sixreel_dataplane::api::Event;

use self::views::Workers;
use crate::call::Call;
use crate::config::Config;
use crate::control::reply::Ticket;
use crate::control::request::{Name, Request};
use crate::control::view::EventKind;
use crate::deadlines::Deadlines;
use crate::group::Group;
use crate::locate::{Located, NotFound};
use crate::media::Media;
use crate::random::Random;
use crate::reach::{Means, Reach};
use crate::recording;
use crate::sip::digest::Credentials;
use crate::sip::flow::Flow;
use crate::sip::local::Local;
use crate::sip::message::{Message, Rejected};
use crate::sip::output::Output as SipOutput;
use crate::sip::stateless;
use crate::sip::transaction::timing::Timing;
use crate::time::Now;
use crate::tls::Session;
use crate::trial::Trial;
use crate::turn::{Output, Site, Subject, Turn};

/// What comes to the engine.
#[derive(Debug)]
pub enum Input {
    /// A request of the control interface.
    Control { ticket: Ticket, request: Request },
    /// A SIP message.
    Sip { flow: Flow, message: Message },
    /// Bytes that are no usable SIP message.
    Rejected { flow: Flow, rejected: Rejected },
    /// What TLS shows of a connection that a test has opened.
    Secured { flow: Flow, session: Box<Session> },
    /// Certificates and authorities were read anew; if they cannot be used, the old ones stay.
    TlsReloaded { result: Result<(), String> },
    /// Why nothing reaches the other end of this flow, as is told next.
    Trouble { flow: Flow, why: String },
    /// Nothing reaches the other end of this flow.
    Unreachable { flow: Flow },
    /// A data-plane worker tells something.
    Media { worker: usize, event: Event },
    /// A recorder's servers, or why they are not known.
    Resolved {
        recorder: usize,
        result: Result<Located, NotFound>,
    },
    /// The deadline has come.
    Deadline,
    /// The process is to end: every call is over, and no other begins.
    Shutdown,
}

/// Every call, and what they share.
#[derive(Debug)]
pub struct Engine {
    site: Site,
    calls_max: usize,
    reach: Reach,
    /// By the recorders' indexes.
    trials: BTreeMap<usize, Trial>,
    /// What is wrong with the files of TLS since they were read last.
    tls_trouble: Option<String>,
    calls: BTreeMap<u64, Call>,
    /// The calls that are not over, by identifier.
    names: BTreeMap<Name, u64>,
    media: Media,
    workers: Workers,
    deadlines: Deadlines<Due>,
    random: Random,
    /// The number of the newest call.
    last_key: u64,
    last_event: u64,
    totals: Totals,
    started: Now,
    is_closing: bool,
}

/// Who wants to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Call(u64),
    Recorder(usize),
    Trial(usize),
}

/// How recordings went since the start.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    established: u64,
    failed_attempts: u64,
    ended: u64,
}

impl Engine {
    /// An engine for this configuration, which was checked. Call [`Engine::start`] next.
    pub fn new(config: &Config, random: Random, now: Now) -> Self {
        let address = config.sip.address;
        let same_family = |tls: &SocketAddr, ours: SocketAddr| tls.is_ipv4() == ours.is_ipv4();
        let local = |address| {
            Arc::new(Local {
                address,
                tls: config
                    .sip
                    .tls_address
                    .filter(|tls| same_family(tls, address)),
                user: config.sip.user.clone(),
                agent: format!("sixreel/{}", env!("CARGO_PKG_VERSION")),
                accept: recording::ACCEPT.to_owned(),
                timing: Timing::default(),
            })
        };
        let ours = [address].into_iter().chain(config.sip.other_address);
        let ours: Vec<_> = ours.map(local).collect();
        let group = |group| Group::new(group, &config.recorders);
        let domain = config.sip.domain.clone();
        let workers = usize::from(config.media.workers);
        Self {
            site: Site {
                sip: ours.clone(),
                groups: config.groups.iter().map(group).collect(),
                domain: domain.unwrap_or_else(|| uri_host(address)),
                require_secure_if_cs_secure: config.policy.require_secure_if_cs_secure,
                participants_per_call: config.limits.participants_per_call as usize,
                sources_per_call: config.limits.sources_per_call as usize,
            },
            calls_max: config.limits.calls as usize,
            reach: Reach::new(&config.recorders, ours, now),
            trials: BTreeMap::new(),
            tls_trouble: None,
            calls: BTreeMap::new(),
            names: BTreeMap::new(),
            media: Media::new(
                config.media.addresses(),
                workers,
                config.limits.calls,
                config.media.ports.first_even(),
                config.pairs_per_worker(),
            ),
            workers: Workers::new(workers, &config.media.cores),
            deadlines: Deadlines::default(),
            random,
            last_key: 0,
            last_event: 0,
            totals: Totals::default(),
            started: now,
            is_closing: false,
        }
    }

    /// Each recorder's credentials, in the order of the configuration; before the first call.
    pub fn set_credentials(&mut self, credentials: Vec<Option<Arc<Credentials>>>) {
        self.reach.set_credentials(credentials);
    }

    /// Asks for what has to be known before the first call.
    pub fn start(&mut self, now: Now, out: &mut Vec<Output>) {
        self.reach.start(&mut Means {
            now,
            random: &mut self.random,
            out,
        });
        self.on_changes(now, out);
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input, now: Now, out: &mut Vec<Output>) {
        let first = out.len();
        match input {
            Input::Control {
                ticket,
                request: Request::RecorderTest { recorder },
            } => self.try_recorder(ticket, &recorder, now, out),
            Input::Control { ticket, request } => {
                let reply = self.on_request(request, now, out);
                out.push(Output::Reply { ticket, reply });
            }
            Input::Sip { flow, message } => self.on_message(flow, message, now, out),
            Input::Rejected { flow, rejected } => {
                let mut answers = Vec::new();
                let us = self.site.local(flow.remote);
                stateless::reject(&rejected, flow, us, &mut answers);
                transmit(answers, out);
            }
            Input::Secured { flow, session } => self.on_secured(flow, &session),
            Input::TlsReloaded { result } => self.on_tls_reloaded(result, now, out),
            Input::Trouble { flow, why } => self.on_trouble(flow, why),
            Input::Unreachable { flow } => self.on_unreachable(flow, now, out),
            Input::Media { worker, event } => self.on_media(worker, &event, now, out),
            Input::Resolved { recorder, result } => self.on_resolved(recorder, result, now, out),
            Input::Deadline => self.on_deadline(now, out),
            Input::Shutdown => self.on_shutdown(now, out),
        }
        self.on_changes(now, out);
        let commands = self.media.take_commands();
        out.extend(commands.map(|(worker, command)| Output::Media { worker, command }));
        self.note_events(first, now, out);
    }

    /// When it wants to be called with [`Input::Deadline`].
    pub fn deadline(&self) -> Option<Instant> {
        self.deadlines.first()
    }

    /// After [`Input::Shutdown`]: whether every recorder knows that its recordings are over.
    pub fn is_drained(&self) -> bool {
        self.is_closing && self.calls.values().all(Call::is_ended)
    }

    /// Whether nothing is left of any call: no session, no deadline, no port.
    pub fn is_empty(&self) -> bool {
        let recorders_only = self.deadlines.len() == self.reach.deadlines();
        self.calls.is_empty()
            && self.trials.is_empty()
            && self.names.is_empty()
            && recorders_only
            && self.media.taken() == (0, 0)
    }

    fn on_message(&mut self, flow: Flow, message: Message, now: Now, out: &mut Vec<Output>) {
        let call_id = message.call_id().to_owned();
        if let Some((key, recorder)) = parse_call_id(&call_id) {
            if let (PINGS, Message::Response(response)) = (key, &message) {
                let mut means = Means {
                    now,
                    random: &mut self.random,
                    out,
                };
                self.reach.receive(recorder, response, &mut means);
                return;
            }
            let is_known = self.with_call(key, now, out, |call, turn| {
                let input = recording::Input::Received {
                    flow,
                    message: message.clone(),
                };
                call.receive((recorder, &call_id), input, turn)
            });
            if is_known == Some(true) {
                return;
            }
        }
        if let Message::Response(response) = &message {
            self.on_trial_response(response, now, out);
        }
        if let Message::Request(request) = &message {
            let mut answers = Vec::new();
            let us = self.site.local(flow.remote);
            stateless::refuse(request, flow, us, &mut answers);
            transmit(answers, out);
        }
    }

    fn on_unreachable(&mut self, flow: Flow, now: Now, out: &mut Vec<Output>) {
        self.on_trial_unreachable(flow, out);
        let mut means = Means {
            now,
            random: &mut self.random,
            out,
        };
        self.reach.unreachable(flow, &mut means);
        let input = recording::Input::Unreachable { flow };
        let keys: Vec<_> = self.calls.keys().copied().collect();
        for key in keys {
            self.with_call(key, now, out, |call, turn| call.unreachable(&input, turn));
        }
        self.reach.end_fault(flow);
    }

    fn on_media(&mut self, worker: usize, event: &Event, now: Now, out: &mut Vec<Output>) {
        let id = match event {
            Event::Worker { stats } => {
                if let Some(detail) = self.workers.hear(worker, *stats, now.mono) {
                    self.tell(EventKind::Overload, None, detail, now, out);
                }
                return;
            }
            Event::SourceLatched { source, .. }
            | Event::SourceSilent { source }
            | Event::SourceLost { source }
            | Event::SourceHeard { source }
            | Event::SourceUnauthentic { source, .. }
            | Event::SourceStats { source, .. } => *source,
            Event::SinkStats { sink, .. } | Event::SinkBye { sink } => *sink,
        };
        if let Some((stream, key)) = self.media.owner(worker, id) {
            self.with_call(key, now, out, |call, turn| call.hear(stream, event, turn));
        }
    }

    fn on_resolved(
        &mut self,
        recorder: usize,
        result: Result<Located, NotFound>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let failed = result.as_ref().err().map(|missing| missing.why.clone());
        self.reach.resolved(recorder, result, now);
        self.on_trial_resolved(recorder, failed, now, out);
    }

    fn on_deadline(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some(due) = self.deadlines.pop(now.mono) {
            match due {
                Due::Call(key) => {
                    let expired = self.with_call(key, now, out, Call::on_deadline);
                    if expired == Some(true) {
                        self.names.retain(|_, named| *named != key);
                    }
                }
                Due::Trial(index) => self.on_trial_deadline(index, now, out),
                Due::Recorder(index) => {
                    let mut means = Means {
                        now,
                        random: &mut self.random,
                        out,
                    };
                    self.reach.on_deadline(index, &mut means);
                    self.on_changes(now, out);
                }
            }
        }
    }

    fn on_shutdown(&mut self, now: Now, out: &mut Vec<Output>) {
        self.is_closing = true;
        for key in std::mem::take(&mut self.names).into_values() {
            self.with_call(key, now, out, |call, turn| {
                call.end("the server is shutting down", turn);
            });
        }
    }

    /// Lets a call handle something, and notes what became of it.
    fn with_call<T>(
        &mut self,
        key: u64,
        now: Now,
        out: &mut Vec<Output>,
        handle: impl FnOnce(&mut Call, &mut Turn<'_>) -> T,
    ) -> Option<T> {
        let call = self.calls.get_mut(&key)?;
        let mut turn = Turn {
            now,
            site: &self.site,
            reach: &mut self.reach,
            media: &mut self.media,
            random: &mut self.random,
            last_event: &mut self.last_event,
            out,
        };
        let result = handle(call, &mut turn);
        call.settle(&mut turn);
        self.deadlines.set(Due::Call(key), call.deadline());
        if call.is_gone() {
            self.calls.remove(&key);
        }
        Some(result)
    }

    /// Certificates and authorities were read anew.
    fn on_tls_reloaded(&mut self, result: Result<(), String>, now: Now, out: &mut Vec<Output>) {
        let (kind, detail) = match &result {
            Ok(()) => (
                EventKind::TlsReloaded,
                "connections that are opened from now on use what was read".to_owned(),
            ),
            Err(why) => (
                EventKind::TlsNotReloaded,
                format!("what was read before stays in force: {why}"),
            ),
        };
        self.tls_trouble = result.err();
        self.tell(kind, None, detail, now, out);
    }

    fn tell(
        &mut self,
        kind: EventKind,
        recorder: Option<&Name>,
        detail: String,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let mut turn = Turn {
            now,
            site: &self.site,
            reach: &mut self.reach,
            media: &mut self.media,
            random: &mut self.random,
            last_event: &mut self.last_event,
            out,
        };
        let subject = Subject {
            recorder,
            ..Subject::default()
        };
        turn.tell(kind, subject, Some(detail));
    }

    /// Counts what was told since `first`.
    fn note_events(&mut self, first: usize, now: Now, out: &[Output]) {
        for output in &out[first..] {
            let Output::Tell(event) = output else {
                continue;
            };
            match event.kind {
                EventKind::RecordingEstablished => self.totals.established += 1,
                EventKind::RecordingFailed => self.totals.failed_attempts += 1,
                EventKind::RecordingEnded => self.totals.ended += 1,
                EventKind::CallStarted
                | EventKind::CallEnded
                | EventKind::RecordingRetried
                | EventKind::RecordingGap
                | EventKind::RecorderUp
                | EventKind::RecorderDegraded
                | EventKind::RecorderDown
                | EventKind::SourceHeard
                | EventKind::SourceSilent
                | EventKind::SourceLost
                | EventKind::SourceUnauthentic
                | EventKind::Overload
                | EventKind::TlsReloaded
                | EventKind::TlsNotReloaded => continue,
            }
            self.reach.note(event, now.wall);
        }
    }
}

/// The number of no call: that of pings.
const PINGS: u64 = 0;

/// The call's number and the recorder's index, with which a Call-ID of ours begins.
fn parse_call_id(call_id: &str) -> Option<(u64, usize)> {
    let mut parts = call_id.splitn(3, '-');
    let key = parts.next()?.parse().ok()?;
    let recorder = parts.next()?.parse().ok()?;
    parts.next().map(|_| (key, recorder))
}

fn transmit(answers: Vec<SipOutput>, out: &mut Vec<Output>) {
    for answer in answers {
        if let SipOutput::Transmit { flow, bytes } = answer {
            out.push(Output::Transmit { flow, bytes });
        }
    }
}

/// An address as the host of a URI.
fn uri_host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    }
}
