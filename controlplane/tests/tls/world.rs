//! A client, a recorder, and their loops.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use sixreel_controlplane::config::Config;
use sixreel_controlplane::random::Random;
use sixreel_controlplane::sip::flow::{Flow, Protocol, TlsSettings};
use sixreel_controlplane::sip::message::Message;
use sixreel_controlplane::tls::{Clock, Tls};
use sixreel_controlplane::transport::{Received, Transport};

use super::pki::{Identity, NOW};

/// Longer than anything takes that happens at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A transport, its loop, and what has come.
pub(crate) struct Side {
    poll: Poll,
    pub(crate) transport: Transport,
    pub(crate) clock: Clock,
    pub(crate) now: Instant,
    pub(crate) came: Vec<Received>,
}

impl Side {
    fn new() -> Self {
        let poll = Poll::new().unwrap();
        let bind = || {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            Transport::bind(any, poll.registry(), Token(0))
        };
        // Another process may have the UDP port of that number.
        let mut tries = std::iter::repeat_with(bind).take(100);
        let mut transport = tries.find_map(Result::ok).unwrap();
        transport.seed(Random::new([1; 32]));
        #[expect(
            clippy::disallowed_methods,
            reason = "virtual time has to begin somewhere"
        )]
        let now = Instant::now();
        Self {
            transport,
            poll,
            clock: Clock::new(NOW),
            now,
            came: Vec::new(),
        }
    }

    /// One that opens connections: `tls` holds lines of the configuration's section `tls`, and
    /// `recorders` the URI and more lines of each recorder.
    pub(crate) fn client(tls: &str, recorders: &[&str]) -> Self {
        let mut side = Self::new();
        side.renew(tls, recorders).unwrap();
        side
    }

    /// Takes another configuration over.
    pub(crate) fn renew(&mut self, tls: &str, recorders: &[&str]) -> Result<(), String> {
        let config = config(tls, recorders);
        let tls = Tls::load(&config, &self.clock).map_err(|error| error.to_string())?;
        self.transport.set_tls(tls);
        Ok(())
    }

    /// One that is connected to.
    pub(crate) fn recorder(identity: &Identity, client_authorities: &[PathBuf]) -> Self {
        let mut side = Self::new();
        side.transport
            .bind_tls((Ipv4Addr::LOCALHOST, 0).into())
            .unwrap();
        let tls = Tls::server(identity.files(), client_authorities, &side.clock).unwrap();
        side.transport.set_tls(tls);
        side
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.transport.tls_address().unwrap()
    }

    /// One turn, which waits a little for an event where nothing else is to be done.
    pub(crate) fn turn(&mut self) {
        let due = self.transport.deadline();
        let timeout = match due {
            Some(due) if due <= self.now => Duration::ZERO,
            _ => Duration::from_millis(1),
        };
        let mut events = Events::with_capacity(1024);
        self.poll.poll(&mut events, Some(timeout)).unwrap();
        for event in &events {
            self.transport.handle(event);
        }
        self.transport.serve(self.now, &mut self.came);
    }

    pub(crate) fn send(&mut self, flow: Flow, text: &str) {
        self.transport.send(flow, text.as_bytes(), self.now);
    }

    /// What has come.
    pub(crate) fn take(&mut self) -> Vec<Received> {
        std::mem::take(&mut self.came)
    }

    /// The Call-IDs of the messages that have come, with their flows.
    pub(crate) fn messages(&self) -> Vec<(Flow, String)> {
        let message = |received: &Received| match received {
            Received::Message { flow, message } => Some((*flow, message.call_id().to_owned())),
            Received::Rejected { .. }
            | Received::Trouble { .. }
            | Received::Secured { .. }
            | Received::Unreachable { .. } => None,
        };
        self.came.iter().filter_map(message).collect()
    }

    /// Why TLS came to nothing.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let trouble = |received: &Received| match received {
            Received::Trouble { why, .. } => Some(why.clone()),
            Received::Message { .. }
            | Received::Rejected { .. }
            | Received::Secured { .. }
            | Received::Unreachable { .. } => None,
        };
        self.came.iter().filter_map(trouble).collect()
    }
}

/// Turns both until something has become true.
pub(crate) fn until(sides: &mut [&mut Side], mut done: impl FnMut(&[&mut Side]) -> bool) {
    #[expect(clippy::disallowed_methods, reason = "a test that hangs has to end")]
    let (start, elapsed) = (Instant::now(), |start: Instant| start.elapsed());
    while !done(sides) {
        assert!(elapsed(start) < PATIENCE, "it never happens");
        for side in sides.iter_mut() {
            side.turn();
        }
    }
}

/// Turns both for a while in which nothing more is expected.
pub(crate) fn settle(sides: &mut [&mut Side]) {
    for _ in 0..50 {
        for side in sides.iter_mut() {
            side.turn();
        }
    }
}

fn config(tls: &str, recorders: &[&str]) -> Config {
    let mut text = format!(
        "[sip]\naddress = \"127.0.0.1:5060\"\n[media]\naddress = \"127.0.0.1\"\n[tls]\n{tls}\n"
    );
    for (number, recorder) in recorders.iter().enumerate() {
        text.push_str(&format!(
            "[[recorder]]\nid = \"r{number}\"\nuri = {recorder}\n"
        ));
    }
    Config::parse(&text).unwrap()
}

/// The flow to a recorder.
pub(crate) fn to(recorder: u16, remote: SocketAddr) -> Flow {
    Flow {
        protocol: Protocol::Tls(TlsSettings::Recorder(recorder)),
        remote,
    }
}

/// A request with that Call-ID, from whoever listens at that address.
pub(crate) fn request(call_id: &str, via: &str) -> String {
    format!(
        "OPTIONS sip:us@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS {via};branch=z9hG4bK1\r\n\
         From: <sip:a@h>;tag=1\r\nTo: <sip:us@h>\r\nCall-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// What a message is.
pub(crate) fn is_request(received: &Received) -> bool {
    matches!(
        received,
        Received::Message {
            message: Message::Request(_),
            ..
        }
    )
}
