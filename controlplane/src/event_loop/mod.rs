//! The process: one loop for every socket of the control plane.
//!
//! The only file of the control plane that reads the clock. Each turn reads it once, takes what has
//! come within budgets, lets the engine handle it, and does what the engine wants done. Whoever
//! left something over asks to be called again at once by a deadline in the past.

/// The data-plane workers, and the commands that wait for them.
mod crew;
/// What the process needs before the loop begins.
mod setup;
/// The SIP sockets of both address families.
mod sockets;

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mio::{Events, Poll, Token, Waker};

use self::crew::Crew;
pub use self::setup::StartError;
use self::sockets::Sockets;
use crate::config::Config;
use crate::control::reply::Ticket;
use crate::control::request::Request;
use crate::control::view::{EventKind, EventView};
use crate::credentials;
use crate::engine::{Engine, Input};
use crate::listener::{self, Listener};
use crate::random::Random;
use crate::resolver::Resolver;
use crate::time::{Now, Wall};
use crate::tls::{Clock, Tls};
use crate::transport::Received;
use crate::turn::Output;

/// The loop itself is woken: by workers and lookups.
const WAKE: Token = Token(0);
/// A signal came that ends the process.
const SIGNAL: Token = Token(1);
/// A signal came that has certificates read anew.
const RELOAD: Token = Token(2);
const LISTENER: Token = Token(3);
const TRANSPORT: Token = Token(LISTENER.0 + listener::TOKENS);

/// Readiness events taken in one turn.
const EVENTS_PER_TURN: usize = 1024;
/// How long recorders have to confirm that recordings are over when the process ends.
const FAREWELL: Duration = Duration::from_millis(1_800);

/// Everything that the loop owns.
#[derive(Debug)]
pub struct EventLoop {
    poll: Poll,
    config: Config,
    signals: UnixStream,
    reloads: UnixStream,
    listener: Listener,
    transport: Sockets,
    /// What certificates are held against.
    clock: Clock,
    resolver: Resolver,
    crew: Crew,
    engine: Engine,
    /// When the process ends, whoever has not confirmed yet.
    ends_at: Option<Instant>,
    out: Vec<Output>,
    requests: Vec<(Ticket, Request)>,
    received: Vec<Received>,
}

impl EventLoop {
    /// Opens every socket and starts every thread that the configuration asks for.
    ///
    /// # Errors
    /// What cannot be had, and what to do about it. Nothing stays open then.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        let credentials = credentials::load(config)?;
        setup::raise_file_limit(config)?;
        let system = |what| move |error| StartError::System { what, error };
        let poll = Poll::new().map_err(system("an event queue"))?;
        let registry = poll.registry();
        let waker = Waker::new(registry, WAKE).map_err(system("a waker"))?;
        let waker = Arc::new(waker);
        let listener = Listener::bind(
            &config.control.socket,
            config.control.group.as_deref(),
            registry,
            LISTENER,
        )?;
        let now = read_clock();
        let clock = Clock::new(now.wall);
        let tls = Tls::load(config, &clock)?;
        let mut transport = Sockets::bind(&config.sip, registry, TRANSPORT)?;
        transport.set_tls(&tls);
        let signals = setup::signals(setup::ENDING, registry, SIGNAL);
        let signals = signals.map_err(system("signals"))?;
        let reloads = setup::signals(setup::RELOADING, registry, RELOAD);
        let reloads = reloads.map_err(system("signals"))?;
        let crew = Crew::start(config, now, &waker)?;
        let servers = &config.dns.servers;
        let resolver = Resolver::start(config.recorders.len(), servers, waker)
            .map_err(system("a thread to look names up"))?;
        let mut random = Random::system().map_err(system("random numbers"))?;
        transport.seed(&mut random);
        let mut engine = Engine::new(config, random, now);
        engine.set_credentials(credentials);
        let mut out = Vec::new();
        engine.start(now, &mut out);
        setup::warn(config);
        Ok(Self {
            resolver,
            poll,
            config: config.clone(),
            signals,
            reloads,
            listener,
            transport,
            clock,
            crew,
            engine,
            ends_at: None,
            out,
            requests: Vec::new(),
            received: Vec::new(),
        })
    }

    /// Runs until a signal says that it is enough and every recording was ended.
    ///
    /// # Errors
    /// If the system's event queue fails, which it does not while it is used as it should be.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        let mut now = read_clock();
        loop {
            // 1. What is to be done.
            self.act(now);
            self.crew.flush();
            self.listener.flush(now);
            if self.is_done(now) {
                self.crew.stop();
                return Ok(());
            }
            // 2. Wait.
            let timeout = self.timeout(now);
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => other?,
            }
            now = read_clock();
            self.clock.set(now.wall);
            let (mut signalled, mut reload) = (false, false);
            for event in &events {
                signalled |= event.token() == SIGNAL;
                reload |= event.token() == RELOAD;
                self.listener.handle(event);
                self.transport.handle(event);
            }
            // 3. Signals.
            if signalled {
                self.on_signal(now);
            }
            if reload {
                self.reload(now);
            }
            // 4. The data plane.
            while let Some((worker, event)) = self.crew.next_event() {
                self.handle(Input::Media { worker, event }, now);
            }
            // 5. Recorders.
            self.receive_sip(now);
            while let Some((recorder, result)) = self.resolver.pop() {
                self.handle(Input::Resolved { recorder, result }, now);
            }
            // 6. The conference server.
            self.listener.serve(now, &mut self.requests);
            for (ticket, request) in std::mem::take(&mut self.requests) {
                self.handle(Input::Control { ticket, request }, now);
            }
            // 7. The clock.
            if self.engine.deadline().is_some_and(|due| due <= now.mono) {
                self.handle(Input::Deadline, now);
            }
        }
    }

    fn receive_sip(&mut self, now: Now) {
        self.transport.serve(now.mono, &mut self.received);
        for received in std::mem::take(&mut self.received) {
            let input = match received {
                Received::Message { flow, message } => Input::Sip { flow, message },
                Received::Rejected { flow, rejected } => Input::Rejected { flow, rejected },
                Received::Trouble { flow, why } => Input::Trouble { flow, why },
                Received::Secured { flow, session } => Input::Secured { flow, session },
                Received::Unreachable { flow } => Input::Unreachable { flow },
            };
            self.handle(input, now);
        }
    }

    /// Lets the engine handle one input, and does what it wants done: so that what the next input
    /// meets is what this one left.
    fn handle(&mut self, input: Input, now: Now) {
        self.engine.handle(input, now, &mut self.out);
        self.act(now);
    }

    fn act(&mut self, now: Now) {
        for output in self.out.drain(..) {
            match output {
                Output::Transmit { flow, bytes } => self.transport.send(flow, &bytes, now.mono),
                Output::Close { flow } => self.transport.close(flow, now.mono),
                Output::Media { worker, command } => self.crew.give(worker, command),
                Output::Reply { ticket, reply } => self.listener.reply(ticket, &reply, now),
                Output::Tell(event) => {
                    log(&event);
                    self.listener.broadcast(&event);
                }
                Output::Resolve { recorder, query } => self.resolver.resolve(recorder, query),
            }
        }
    }

    fn on_signal(&mut self, now: Now) {
        setup::drain(&mut self.signals);
        if self.ends_at.is_none() {
            tracing::info!("ending every recording");
            self.ends_at = Some(now.mono + FAREWELL);
            self.handle(Input::Shutdown, now);
        }
    }

    /// Reads the files of TLS anew. Connections that are there stay as they are.
    fn reload(&mut self, now: Now) {
        setup::drain(&mut self.reloads);
        let loaded = Tls::load(&self.config, &self.clock);
        let result = loaded.map(|tls| self.transport.set_tls(&tls));
        let result = result.map_err(|error| error.to_string());
        self.handle(Input::TlsReloaded { result }, now);
    }

    fn is_done(&self, now: Now) -> bool {
        self.ends_at
            .is_some_and(|end| end <= now.mono || self.engine.is_drained())
    }

    /// How long nothing is due.
    fn timeout(&self, now: Now) -> Option<Duration> {
        [
            self.engine.deadline(),
            self.transport.deadline(),
            self.listener.deadline(),
            self.crew.deadline(now.mono),
            self.ends_at,
        ]
        .into_iter()
        .flatten()
        .min()
        .map(|due| due.saturating_duration_since(now.mono))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock is read here and handed down"
)]
fn read_clock() -> Now {
    Now {
        mono: Instant::now(),
        wall: Wall::from_system(SystemTime::now()),
    }
}

/// What is told to clients stands in the log too.
fn log(event: &EventView) {
    let kind = event.kind.name();
    let name = |name: &Option<crate::control::request::Name>| {
        name.as_ref().map(|name| name.as_str().to_owned())
    };
    let (call, recording) = (name(&event.call), name(&event.recording));
    let (recorder, source) = (name(&event.recorder), name(&event.source));
    let detail = event.detail.as_deref();
    match event.kind {
        EventKind::RecordingFailed
        | EventKind::RecordingGap
        | EventKind::RecorderDegraded
        | EventKind::RecorderDown
        | EventKind::SourceLost
        | EventKind::SourceUnauthentic
        | EventKind::Overload
        | EventKind::TlsNotReloaded => {
            tracing::warn!(call, recording, recorder, source, detail, "{kind}");
        }
        EventKind::CallStarted
        | EventKind::CallEnded
        | EventKind::RecordingEstablished
        | EventKind::RecordingRetried
        | EventKind::RecordingEnded
        | EventKind::RecorderUp
        | EventKind::SourceHeard
        | EventKind::SourceSilent
        | EventKind::TlsReloaded => {
            tracing::info!(call, recording, recorder, source, detail, "{kind}");
        }
    }
}
