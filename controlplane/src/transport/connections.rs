//! All connections: those that others open, and those that we open to send.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Registry, Token};

use super::connection::{self, Connection};
use super::end::End;
use super::gate::Gate;
use super::pauses::Pauses;
use super::stream::Stream;
use super::{INCOMING_MAX, MESSAGES_PER_TURN, OUTGOING_MAX, Received};
use crate::random::Random;
use crate::sip::flow::{Flow, Protocol, TlsSettings};
use crate::tls::Tls;

/// Bytes that are read at once.
const SCRATCH_BYTES: usize = 16 * 1024;
/// How long a connection that we opened may be quiet before it is pinged: at random within these
/// (RFC 5626 §4.4.1), so that not all are pinged at once.
const PING_MS: std::ops::Range<u64> = 95_000..120_000;

/// The listening sockets and the connections.
#[derive(Debug)]
pub(super) struct Connections {
    plain: Gate,
    secure: Option<Gate>,
    registry: Registry,
    first_token: usize,
    tls: Tls,
    random: Random,
    /// First the places of those that others open, then the places of ours.
    places: Vec<Option<Connection>>,
    free_incoming: Vec<usize>,
    free_outgoing: Vec<usize>,
    /// The latest connection of each flow.
    by_flow: BTreeMap<Flow, usize>,
    /// When connections that could not be opened may be tried again.
    pauses: Pauses,
    /// Connections that may have something for us, first come, first served.
    ready: VecDeque<usize>,
    scratch: Box<[u8]>,
    /// No connection's deadline is earlier.
    wake: Option<Instant>,
}

impl Connections {
    /// Listens at `address`; connections to others come from there, too.
    pub(super) fn bind(
        address: SocketAddr,
        registry: &Registry,
        first_token: usize,
    ) -> io::Result<Self> {
        Ok(Self {
            plain: Gate::bind(address, registry, Token(first_token))?,
            secure: None,
            registry: registry.try_clone()?,
            first_token,
            tls: Tls::default(),
            random: Random::new([0; 32]),
            places: (0..INCOMING_MAX + OUTGOING_MAX).map(|_| None).collect(),
            free_incoming: (0..INCOMING_MAX).rev().collect(),
            free_outgoing: (INCOMING_MAX..INCOMING_MAX + OUTGOING_MAX).rev().collect(),
            by_flow: BTreeMap::new(),
            pauses: Pauses::default(),
            ready: VecDeque::new(),
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
            wake: None,
        })
    }

    /// Listens for TLS, too.
    pub(super) fn bind_tls(&mut self, address: SocketAddr) -> io::Result<()> {
        let token = Token(self.first_token + 1);
        self.secure = Some(Gate::bind(address, &self.registry, token)?);
        Ok(())
    }

    /// Uses these certificates from now on; connections that are there stay as they are.
    pub(super) fn set_tls(&mut self, tls: Tls) {
        self.tls = tls;
        // What was wrong may be right now.
        self.pauses = Pauses::default();
    }

    /// Takes what is random from there.
    pub(super) fn seed(&mut self, random: Random) {
        self.random = random;
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.plain.address()
    }

    pub(super) fn tls_address(&self) -> Option<SocketAddr> {
        self.secure.as_ref().map(Gate::address)
    }

    /// Notes an event of a listening socket or of a connection.
    pub(super) fn note(&mut self, event: &Event) {
        match event.token().0.checked_sub(self.first_token) {
            Some(0) => self.plain.note(),
            Some(1) => {
                if let Some(gate) = &mut self.secure {
                    gate.note();
                }
            }
            Some(number) => {
                let index = number - 2;
                if let Some(Some(connection)) = self.places.get_mut(index) {
                    connection.note(event);
                    self.mark_ready(index);
                }
            }
            None => {}
        }
    }

    /// Lets peers in, reads and writes, and ends what has had its time.
    pub(super) fn serve(&mut self, now: Instant, out: &mut Vec<Received>) {
        self.accept(now);
        let mut budget = MESSAGES_PER_TURN;
        for _ in 0..self.ready.len() {
            if budget == 0 {
                break;
            }
            if let Some(index) = self.ready.pop_front() {
                self.serve_one(index, now, &mut budget, out);
            }
        }
        if self.wake.is_some_and(|wake| wake <= now) {
            self.on_deadline(now, out);
        }
    }

    /// Sends by the connection of that flow, which is opened where there is none.
    pub(super) fn send(
        &mut self,
        flow: Flow,
        message: &[u8],
        now: Instant,
        learnt: &mut Vec<Received>,
    ) {
        let known = self.by_flow.get(&flow).copied();
        if let Some(why) = self.pauses.reason(flow, now).filter(|_| known.is_none()) {
            learnt.push(Received::Trouble { flow, why });
            learnt.push(Received::Unreachable { flow });
            return;
        }
        let index = match known.map_or_else(|| self.open(flow, now), Ok) {
            Ok(index) => index,
            Err(error) => {
                tracing::debug!(remote = %flow.remote, %error, "cannot open a SIP connection");
                if flow.protocol.is_tls() {
                    let why = format!("no connection to {} can be opened: {error}", flow.remote);
                    learnt.push(Received::Trouble { flow, why });
                }
                learnt.push(Received::Unreachable { flow });
                return;
            }
        };
        let Some(connection) = &mut self.places[index] else {
            return;
        };
        if let Err(end) = connection.send(message, now) {
            self.let_go(index, &end, now, learnt);
        }
    }

    /// Closes the connection of that flow, if there is one.
    pub(super) fn close(&mut self, flow: Flow, now: Instant, learnt: &mut Vec<Received>) {
        if let Some(index) = self.by_flow.get(&flow).copied() {
            self.let_go(index, &End::Unwanted, now, learnt);
        }
    }

    /// Whether a turn's budget left something over.
    pub(super) fn has_more(&self) -> bool {
        let gates = [Some(&self.plain), self.secure.as_ref()];
        gates.into_iter().flatten().any(Gate::has_more) || !self.ready.is_empty()
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let gates = [Some(&self.plain), self.secure.as_ref()];
        let gates = gates.into_iter().flatten().filter_map(Gate::deadline);
        gates.chain(self.wake).min()
    }

    fn accept(&mut self, now: Instant) {
        let (mut plain, mut secure) = (Vec::new(), Vec::new());
        self.plain.accept(now, &mut plain);
        if let Some(gate) = &mut self.secure {
            gate.accept(now, &mut secure);
        }
        for (stream, remote) in plain {
            self.let_in(stream, super::tcp(remote), now);
        }
        for (stream, remote) in secure {
            let protocol = Protocol::Tls(TlsSettings::Listener);
            self.let_in(stream, Flow { protocol, remote }, now);
        }
    }

    fn let_in(&mut self, stream: TcpStream, flow: Flow, now: Instant) {
        let remote = flow.remote;
        let Some(index) = self.free_incoming.pop() else {
            tracing::warn!(%remote, limit = INCOMING_MAX, "a SIP connection was turned away");
            return;
        };
        let connection = self.incoming(stream, flow, now);
        if let Err(error) = connection.and_then(|connection| self.place(index, connection)) {
            tracing::warn!(%remote, %error, "cannot keep a SIP connection");
            self.free_incoming.push(index);
            return;
        }
        self.mark_ready(index);
    }

    fn incoming(&self, tcp: TcpStream, flow: Flow, now: Instant) -> io::Result<Connection> {
        connection::let_in(&tcp)?;
        let stream = match flow.protocol {
            Protocol::Udp | Protocol::Tcp => Stream::plain(tcp),
            Protocol::Tls(_) => {
                let none = || io::Error::other("there is no certificate for it");
                Stream::server(tcp, self.tls.acceptor().ok_or_else(none)?)?
            }
        };
        Ok(Connection::incoming(stream, flow, now))
    }

    fn open(&mut self, flow: Flow, now: Instant) -> io::Result<usize> {
        let too_many = || io::Error::other(format!("{OUTGOING_MAX} are open already"));
        let index = self.free_outgoing.pop().ok_or_else(too_many)?;
        let connection = self.outgoing(flow, now);
        match connection.and_then(|connection| self.place(index, connection)) {
            Ok(()) => Ok(index),
            Err(error) => {
                self.free_outgoing.push(index);
                Err(error)
            }
        }
    }

    fn outgoing(&mut self, flow: Flow, now: Instant) -> io::Result<Connection> {
        let from = self.plain.address();
        let stream = match flow.protocol {
            Protocol::Udp | Protocol::Tcp => Stream::plain(connection::begin(from, flow.remote)?),
            Protocol::Tls(settings) => {
                let none = || io::Error::other("there are no TLS settings for it");
                let client = self.tls.client(settings).ok_or_else(none)?;
                Stream::client(connection::begin(from, flow.remote)?, client)?
            }
        };
        let jitter = self.random.below(PING_MS.end - PING_MS.start);
        let every = Duration::from_millis(PING_MS.start + jitter);
        Ok(Connection::outgoing(stream, flow, every, now))
    }

    fn place(&mut self, index: usize, mut connection: Connection) -> io::Result<()> {
        connection.register(&self.registry, Token(self.first_token + 2 + index))?;
        self.by_flow.insert(connection.flow, index);
        self.wake = self.wake.into_iter().chain([connection.deadline()]).min();
        self.places[index] = Some(connection);
        Ok(())
    }

    fn serve_one(
        &mut self,
        index: usize,
        now: Instant,
        budget: &mut usize,
        out: &mut Vec<Received>,
    ) {
        let Some(connection) = &mut self.places[index] else {
            return;
        };
        connection.is_ready = false;
        let (was_usable, was_proven) = (connection.is_usable(), connection.is_proven);
        let had_alias = connection.alias.is_some();
        let served = connection.serve(now, &mut self.scratch, budget, out);
        let flow = connection.flow;
        if let Some(alias) = connection.alias.filter(|_| !had_alias) {
            self.by_flow.insert(alias, index);
        }
        if connection.is_usable() && !was_usable {
            tell_opened(connection, out);
        }
        if connection.is_proven && !was_proven {
            self.pauses.end(flow);
        }
        match served {
            Ok(true) => self.mark_ready(index),
            Ok(false) => {}
            Err(end) => self.let_go(index, &end, now, out),
        }
    }

    fn on_deadline(&mut self, now: Instant, out: &mut Vec<Received>) {
        self.wake = None;
        for index in 0..self.places.len() {
            let Some(connection) = &mut self.places[index] else {
                continue;
            };
            match connection.on_deadline(now) {
                Ok(()) => {
                    let deadline = connection.deadline();
                    self.wake = self.wake.into_iter().chain([deadline]).min();
                }
                Err(end) => self.let_go(index, &end, now, out),
            }
        }
    }

    /// Closes a connection, and tells so.
    fn let_go(&mut self, index: usize, end: &End, now: Instant, out: &mut Vec<Received>) {
        let Some(mut connection) = self.places[index].take() else {
            return;
        };
        let flow = connection.flow;
        if index < INCOMING_MAX {
            self.free_incoming.push(index);
        } else {
            self.free_outgoing.push(index);
        }
        tracing::debug!(remote = %flow.remote, ?end, "a SIP connection has ended");
        if let Protocol::Tls(settings) = flow.protocol {
            if *end == End::Idle || *end == End::Unwanted {
                connection.say_goodbye();
            }
            self.tell_trouble(&connection, settings, end, now, out);
        }
        for flow in [Some(flow), connection.alias].into_iter().flatten() {
            if self.by_flow.get(&flow) == Some(&index) {
                self.by_flow.remove(&flow);
            }
            out.push(Received::Unreachable { flow });
        }
    }

    /// Says why TLS came to nothing, where it did.
    fn tell_trouble(
        &mut self,
        connection: &Connection,
        settings: TlsSettings,
        end: &End,
        now: Instant,
        out: &mut Vec<Received>,
    ) {
        let flow = connection.flow;
        let Some(why) = end.trouble(flow.remote) else {
            return;
        };
        if settings == TlsSettings::Listener {
            tracing::warn!(remote = %flow.remote, "a peer could not connect by TLS: {why}");
            return;
        }
        tracing::warn!(remote = %flow.remote, "no TLS: {why}");
        let was_there = !matches!(end, End::Refused | End::ConnectTimeout);
        if let (TlsSettings::Trial(_), Some(session), true) =
            (settings, connection.session(), was_there)
        {
            let session = Box::new(session);
            out.push(Received::Secured { flow, session });
        }
        if let TlsSettings::Recorder(_) = settings
            && !connection.is_proven
        {
            self.pauses.begin(flow, why.clone(), &mut self.random, now);
        }
        out.push(Received::Trouble { flow, why });
    }

    fn mark_ready(&mut self, index: usize) {
        if let Some(connection) = &mut self.places[index]
            && !std::mem::replace(&mut connection.is_ready, true)
        {
            self.ready.push_back(index);
        }
    }
}

/// Says what TLS shows of a connection that has just opened, where somebody wants to know.
fn tell_opened(connection: &Connection, out: &mut Vec<Received>) {
    let flow = connection.flow;
    let Some(session) = connection.session() else {
        return;
    };
    if !session.verified && flow.protocol != Protocol::Tls(TlsSettings::Listener) {
        tracing::warn!(
            remote = %flow.remote,
            "nobody knows who answers there: the recorder's tls.verify is false"
        );
    }
    if matches!(flow.protocol, Protocol::Tls(TlsSettings::Trial(_))) {
        let session = Box::new(session);
        out.push(Received::Secured { flow, session });
    }
}
