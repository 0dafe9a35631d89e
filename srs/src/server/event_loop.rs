//! The loop: SIP, media, the clock.
//!
//! The only file of this crate that reads the clock: once a turn.

use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::thread::Builder;
use std::time::{Duration, Instant, SystemTime};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::unistd::{AccessFlags, access};
use sixreel_controlplane::random::Random;
use sixreel_controlplane::sip::local::Local;
use sixreel_controlplane::sip::transaction::timing::Timing;
use sixreel_controlplane::time::{Now, Wall};
use sixreel_controlplane::transport::{Received, Transport};

use super::media::Media;
use super::queue::{Feeder, Task, queue};
use super::told::{Notice, Teller, What};
use super::writer::Writer;
use super::{Keep, Setup, StartError};
use crate::engine::{Engine, Input, Output, Settings};

/// Somebody wants it to stop.
const STOP: Token = Token(0);
const MEDIA: Token = Token(1);
const TRANSPORT: Token = Token(2);

/// Readiness events taken in one turn.
const EVENTS_PER_TURN: usize = 1024;
/// How long clients have to confirm that recordings are over, when it stops.
const FAREWELL: Duration = Duration::from_millis(1500);
/// How long the disk then has.
const WRITE_TIME: Duration = Duration::from_millis(400);

/// Everything that the loop owns.
#[derive(Debug)]
pub(super) struct EventLoop {
    poll: Poll,
    /// Becomes readable when it is to stop.
    heard: UnixStream,
    transport: Transport,
    media: Media,
    pairs: Vec<u16>,
    engine: Engine,
    files: Option<Feeder>,
    teller: Teller,
    /// When it stops, whoever has not confirmed yet.
    ends_at: Option<Instant>,
    out: Vec<Output>,
    received: Vec<Received>,
}

impl EventLoop {
    /// Opens every socket, and starts the thread that writes.
    pub(super) fn start(
        setup: Setup,
        heard: UnixStream,
        teller: Teller,
    ) -> Result<Self, StartError> {
        if setup.listen.ip().is_unspecified() {
            return Err(StartError::Wildcard(setup.listen));
        }
        let system = |what| move |error| StartError::System { what, error };
        let poll = Poll::new().map_err(system("an event queue"))?;
        let registry = poll.registry();
        heard.set_nonblocking(true).map_err(system("a socket"))?;
        let registered =
            registry.register(&mut SourceFd(&heard.as_raw_fd()), STOP, Interest::READABLE);
        registered.map_err(system("an event queue"))?;
        let transport = Transport::bind(setup.listen, registry, TRANSPORT)?;
        let media = Media::bind(setup.media, &setup.ports, (registry, MEDIA))?;
        let files = open_folder(&setup, &teller)?;
        let pairs = media.pairs();
        let settings = Settings {
            local: local(transport.address()),
            media_address: setup.media,
            media_ports: pairs.clone(),
            behaviour: setup.behaviour.clone(),
        };
        let random = random().map_err(system("random numbers"))?;
        let event_loop = Self {
            poll,
            heard,
            transport,
            media,
            pairs,
            engine: Engine::new(settings, random),
            files,
            teller,
            ends_at: None,
            out: Vec::new(),
            received: Vec::new(),
        };
        event_loop.tell_ready(setup);
        Ok(event_loop)
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.transport.address()
    }

    pub(super) fn pairs(&self) -> &[u16] {
        &self.pairs
    }

    /// Runs until it was told to stop, and every recording was ended.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        let mut now = read_clock();
        loop {
            // 1. What is to be written.
            self.flush(now)?;
            let confirmed = self.engine.is_idle();
            if self.ends_at.is_some_and(|end| end <= now.mono || confirmed) {
                self.finish(confirmed, now);
                return Ok(());
            }
            // 2. Wait.
            let timeout = self.timeout(now);
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => other?,
            }
            now = read_clock();
            let mut stop = false;
            for event in &events {
                stop |= event.token() == STOP;
                if event.token() >= TRANSPORT {
                    self.transport.handle(event);
                }
            }
            // 3. Clients. Packets that came before a BYE count: messages are taken first, then
            // packets, and then it is looked at what the messages say.
            self.transport.serve(now.mono, &mut self.received);
            self.receive_packets(now);
            self.handle_messages(now);
            // 4. Whoever wants it to stop.
            if stop {
                self.on_stop(now);
            }
            // 5. The clock.
            if self.engine.deadline().is_some_and(|due| due <= now.mono) {
                self.handle(Input::Deadline, now);
            }
        }
    }

    fn on_stop(&mut self, now: Now) {
        let mut bytes = [0; 64];
        while matches!(self.heard.read(&mut bytes), Ok(count) if count > 0) {}
        if self.ends_at.is_none() {
            self.teller.notice(Notice::Stopping, now.wall);
            self.ends_at = Some(now.mono + FAREWELL);
            self.handle(Input::Stop, now);
        }
    }

    fn receive_packets(&mut self, now: Now) {
        let (engine, out) = (&mut self.engine, &mut self.out);
        self.media.receive(|port, from, data| {
            engine.handle(Input::Media { port, from, data }, now, out);
        });
        self.act(now);
    }

    fn handle_messages(&mut self, now: Now) {
        for received in std::mem::take(&mut self.received) {
            let input = match received {
                Received::Message { flow, message } => Input::Sip { flow, message },
                Received::Rejected { flow, rejected } => Input::Rejected { flow, rejected },
                Received::Unreachable { flow } => Input::Unreachable { flow },
            };
            self.handle(input, now);
        }
    }

    fn handle(&mut self, input: Input<'_>, now: Now) {
        self.engine.handle(input, now, &mut self.out);
        self.act(now);
    }

    /// Does what the engine wants done.
    fn act(&mut self, now: Now) {
        for output in self.out.drain(..) {
            let (recording, task) = match output {
                Output::Transmit { flow, bytes } => {
                    self.transport.send(flow, &bytes, now.mono);
                    continue;
                }
                Output::Media { port, to, bytes } => {
                    self.media.send(port, to, &bytes);
                    continue;
                }
                Output::Event { call, event } => {
                    self.teller.tell(Some(&call), What::Call(event), now.wall);
                    continue;
                }
                Output::Begin { recording, name } => (recording, Task::Begin(name)),
                Output::Samples { recording, samples } => (recording, Task::Samples(samples)),
                Output::Silence { recording, samples } => (recording, Task::Silence(samples)),
                Output::Metadata {
                    recording,
                    number,
                    document,
                } => (recording, Task::Metadata(number, document)),
                Output::Facts { recording, facts } => (recording, Task::Facts(facts)),
                Output::End { recording } => (recording, Task::End),
            };
            if let Some(files) = &mut self.files {
                files.push(recording, task);
            }
        }
    }

    fn flush(&mut self, now: Now) -> io::Result<()> {
        let Some(files) = &mut self.files else {
            return Ok(());
        };
        if files.is_orphaned() {
            return Err(io::Error::other("the thread that writes has panicked"));
        }
        files.flush(now);
        if let Some(notice) = files.lost(now.mono, false) {
            self.teller.notice(notice, now.wall);
        }
        Ok(())
    }

    fn finish(&mut self, confirmed: bool, now: Now) {
        let mut complete = true;
        if let Some(files) = &mut self.files {
            complete = files.finish(WRITE_TIME);
            if let Some(notice) = files.lost(now.mono, true) {
                self.teller.notice(notice, now.wall);
            }
        }
        let stopped = Notice::Stopped {
            confirmed,
            complete,
        };
        self.teller.notice(stopped, read_clock().wall);
    }

    fn tell_ready(&self, setup: Setup) {
        let ports = self.pairs.first().zip(self.pairs.last());
        let (first, last) = ports.map_or((0, 0), |(first, last)| (*first, *last + 1));
        let ready = Notice::Ready {
            sip: self.address(),
            media: setup.media,
            ports: (first, last),
            calls: self.pairs.len(),
            folder: (setup.keep != Keep::Nothing).then_some(setup.folder),
        };
        self.teller.notice(ready, read_clock().wall);
    }

    /// How long nothing is due.
    fn timeout(&self, now: Now) -> Option<Duration> {
        let left_over = self.media.has_more().then_some(now.mono);
        let dues = [
            self.engine.deadline(),
            self.transport.deadline(),
            self.ends_at,
            left_over,
        ];
        let due = dues.into_iter().flatten().min();
        due.map(|due| due.saturating_duration_since(now.mono))
    }
}

/// Makes the folder, and starts the thread that writes there.
fn open_folder(setup: &Setup, teller: &Teller) -> Result<Option<Feeder>, StartError> {
    if setup.keep == Keep::Nothing {
        return Ok(None);
    }
    let folder = setup.folder.clone();
    let may_write = AccessFlags::W_OK | AccessFlags::X_OK;
    std::fs::create_dir_all(&folder)
        .and_then(|()| Ok(access(&folder, may_write)?))
        .map_err(|error| StartError::Folder {
            folder: folder.clone(),
            error,
        })?;
    let writer = Writer {
        folder,
        keep: setup.keep,
        teller: teller.clone(),
    };
    let (feeder, drain) = queue();
    let spawned = Builder::new()
        .name("srs-files".to_owned())
        .spawn(move || writer.run(&drain));
    spawned.map_err(|error| StartError::System {
        what: "a thread",
        error,
    })?;
    Ok(Some(feeder))
}

/// Who it is in SIP.
fn local(address: SocketAddr) -> Local {
    Local {
        address,
        user: "recorder".to_owned(),
        agent: format!("sixreel-srs/{}", env!("CARGO_PKG_VERSION")),
        accept: "application/sdp, application/rs-metadata+xml, application/rs-metadata, \
                 multipart/mixed"
            .to_owned(),
        timing: Timing::default(),
    }
}

/// A generator whose seed is the operating system's.
fn random() -> io::Result<Random> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    Ok(Random::new(seed))
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
