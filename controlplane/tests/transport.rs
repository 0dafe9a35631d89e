//! SIP over real sockets of the loopback interface, in virtual time.
#![cfg(test)]

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, getsockname, listen, socket,
};
use sixreel_controlplane::sip::flow::{Flow, Protocol};
use sixreel_controlplane::sip::message::Message;
use sixreel_controlplane::transport::{
    BindError, INCOMING_MAX, MESSAGES_PER_TURN, OUTGOING_MAX, Received, TOKENS, Transport,
};

const FIRST_TOKEN: usize = 1000;

/// Longer than anything takes that happens at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// A transport, its loop, and what has come.
struct World {
    poll: Poll,
    transport: Transport,
    now: Instant,
    came: Vec<Received>,
}

impl World {
    fn new() -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into())
    }

    fn at(ip: IpAddr) -> Self {
        let poll = Poll::new().unwrap();
        #[expect(
            clippy::disallowed_methods,
            reason = "virtual time has to begin somewhere"
        )]
        let now = Instant::now();
        // Another process may have that UDP port.
        let bind = || Transport::bind(SocketAddr::new(ip, 0), poll.registry(), Token(FIRST_TOKEN));
        let mut tries = std::iter::repeat_with(bind).take(100);
        let transport = tries.find_map(Result::ok).unwrap();
        Self {
            transport,
            poll,
            now,
            came: Vec::new(),
        }
    }

    fn address(&self) -> SocketAddr {
        self.transport.address()
    }

    /// One turn, which waits for an event where nothing else is to be done.
    fn turn(&mut self) {
        let due = self.transport.deadline();
        let timeout = match due {
            Some(due) if due <= self.now => Duration::ZERO,
            _ => PATIENCE,
        };
        let mut events = Events::with_capacity(1024);
        self.poll.poll(&mut events, Some(timeout)).unwrap();
        assert!(!events.is_empty() || timeout.is_zero(), "nothing happened");
        for event in &events {
            assert!((FIRST_TOKEN..FIRST_TOKEN + TOKENS).contains(&event.token().0));
            self.transport.handle(event);
        }
        self.transport.serve(self.now, &mut self.came);
    }

    /// Turns until so much has come, and takes it.
    fn receive(&mut self, count: usize) -> Vec<Received> {
        while self.came.len() < count {
            self.turn();
        }
        std::mem::take(&mut self.came)
    }

    /// Everything that has come and can be read now.
    fn settle(&mut self) -> Vec<Received> {
        let mut events = Events::with_capacity(1024);
        loop {
            self.poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
            for event in &events {
                self.transport.handle(event);
            }
            self.transport.serve(self.now, &mut self.came);
            let due = self.transport.deadline().is_some_and(|at| at <= self.now);
            if events.is_empty() && !due {
                return std::mem::take(&mut self.came);
            }
        }
    }

    /// Lets time pass up to the next deadline, which must be so far away.
    fn pass(&mut self, time: Duration) -> Vec<Received> {
        self.settle();
        let due = self.transport.deadline().unwrap();
        assert_eq!(due, self.now + time);
        self.now = due;
        self.settle()
    }

    fn send(&mut self, flow: Flow, text: &str) {
        self.transport.send(flow, text.as_bytes(), self.now);
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }
}

fn udp(remote: SocketAddr) -> Flow {
    Flow {
        protocol: Protocol::Udp,
        remote,
    }
}

fn tcp(remote: SocketAddr) -> Flow {
    Flow {
        protocol: Protocol::Tcp,
        remote,
    }
}

/// The addresses of this machine's loopback interface.
fn loopbacks() -> Vec<IpAddr> {
    let mut all = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    all.retain(|ip| UdpSocket::bind((*ip, 0)).is_ok());
    if all.len() < 2 {
        println!("skipped: IPv6, which this machine does not have");
    }
    all
}

fn peer() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A request with that Call-ID.
fn request(call_id: &str) -> String {
    format!(
        "OPTIONS sip:us@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP h.example;branch=z9hG4bK1\r\n\
         From: <sip:a@h>;tag=1\r\nTo: <sip:us@h>\r\nCall-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\n\
         Content-Length: 4\r\n\r\nbody"
    )
}

/// By which flow each request came, and its Call-ID.
fn call_ids(came: &[Received]) -> Vec<(Flow, &str)> {
    came.iter().map(call_id).collect()
}

fn call_id(received: &Received) -> (Flow, &str) {
    let Received::Message { flow, message } = received else {
        panic!("{received:?}");
    };
    assert!(matches!(message, Message::Request(_)), "{message:?}");
    (*flow, message.call_id())
}

fn unreachable(flow: Flow) -> Vec<Received> {
    vec![Received::Unreachable { flow }]
}

/// Reads until so many bytes are there.
fn read(stream: &mut TcpStream, count: usize) -> String {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn datagrams_go_both_ways() {
    for ip in loopbacks() {
        let mut world = World::at(ip);
        let peer = UdpSocket::bind((ip, 0)).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        let flow = udp(peer.local_addr().unwrap());
        for text in ["\r\n\r\n", "\0", &request("a")] {
            peer.send_to(text.as_bytes(), world.address()).unwrap();
        }
        let came = world.receive(2);
        assert!(
            matches!(came[0], Received::Rejected { flow: of, .. } if of == flow),
            "an empty line is no message: {came:?}"
        );
        assert_eq!(call_ids(&came[1..]), [(flow, "a")]);

        world.send(flow, "answer");
        let mut bytes = [0; 10];
        let (len, from) = peer.recv_from(&mut bytes).unwrap();
        assert_eq!((&bytes[..len], from), (&b"answer"[..], world.address()));
    }
}

#[test]
fn a_datagram_that_found_nobody_is_told_with_its_address() {
    for ip in loopbacks() {
        let mut world = World::at(ip);
        // A connected socket takes nothing from us, and nobody else can have its port.
        let deaf = UdpSocket::bind((ip, 0)).unwrap();
        deaf.connect((ip, 9)).unwrap();
        let gone = deaf.local_addr().unwrap();
        let there = UdpSocket::bind((ip, 0)).unwrap();
        world.send(udp(gone), "hello");
        assert_eq!(world.receive(1), unreachable(udp(gone)));

        // What the network reports of one datagram costs no other one.
        there.set_read_timeout(Some(PATIENCE)).unwrap();
        let flow = udp(there.local_addr().unwrap());
        for _ in 0..5 {
            world.send(udp(gone), "hello");
            world.send(flow, "hello");
            there.recv_from(&mut [0; 10]).unwrap();
        }
        let told = world.receive(5);
        assert!(told.iter().all(|told| *told == unreachable(udp(gone))[0]));
        assert_eq!(world.settle(), []);
    }
}

#[test]
fn what_cannot_be_sent_at_all_is_told() {
    let mut world = World::new();
    let elsewhere = SocketAddr::from((Ipv6Addr::LOCALHOST, 5060));
    for flow in [udp(elsewhere), tcp(elsewhere)] {
        world.send(flow, "hello");
        assert_eq!(world.receive(1), unreachable(flow));
    }
    let peer = peer();
    let flow = udp(peer.local_addr().unwrap());
    world.transport.send(flow, &[b'x'; 70_000], world.now);
    assert_eq!(world.settle(), unreachable(flow));
}

#[test]
fn a_stream_is_cut_into_messages_however_it_comes() {
    let mut world = World::new();
    let mut peer = world.connect();
    let flow = tcp(peer.local_addr().unwrap());
    let text = format!("\r\n\r\n{}\r\n{}\r\n\r\n", request("a"), request("b"));
    for byte in text.bytes() {
        peer.write_all(&[byte]).unwrap();
        world.turn();
    }
    let came = world.receive(2);
    assert_eq!(call_ids(&came), [(flow, "a"), (flow, "b")]);
    assert_eq!(
        read(&mut peer, 4),
        "\r\n\r\n",
        "one pong for each of two pings"
    );

    let all: String = (0..300)
        .map(|number| request(&number.to_string()))
        .collect();
    peer.write_all(all.as_bytes()).unwrap();
    while world.came.is_empty() {
        world.turn();
    }
    assert!(world.came.len() <= MESSAGES_PER_TURN);
    let came = world.receive(300);
    let expected: Vec<_> = (0..300).map(|number| number.to_string()).collect();
    let got: Vec<_> = call_ids(&came).into_iter().map(|(_, id)| id).collect();
    assert_eq!(got, expected);
}

#[test]
fn a_turn_takes_so_many_datagrams_and_asks_for_the_next_at_once() {
    let mut world = World::new();
    let peer = peer();
    for number in 0..=MESSAGES_PER_TURN {
        let text = request(&number.to_string());
        peer.send_to(text.as_bytes(), world.address()).unwrap();
    }
    world.turn();
    assert_eq!(world.came.len(), MESSAGES_PER_TURN);
    assert_eq!(world.transport.deadline(), Some(world.now));
    assert_eq!(world.settle().len(), MESSAGES_PER_TURN + 1);
}

#[test]
fn what_is_no_sip_ends_its_connection_after_what_was() {
    let mut world = World::new();
    let mut peer = world.connect();
    let flow = tcp(peer.local_addr().unwrap());
    let text = request("a") + "GET / HTTP/1.1\r\n\r\n";
    peer.write_all(text.as_bytes()).unwrap();
    let came = world.receive(2);
    assert_eq!(call_ids(&came[..1]), [(flow, "a")]);
    assert_eq!(came[1..], unreachable(flow));
    assert_eq!(peer.read(&mut [0; 10]).unwrap(), 0);
}

#[test]
fn an_unusable_message_leaves_its_connection_open() {
    let mut world = World::new();
    let mut peer = world.connect();
    let flow = tcp(peer.local_addr().unwrap());
    let text = request("a").replace("CSeq: 1", "CSeq: x") + &request("b");
    peer.write_all(text.as_bytes()).unwrap();
    let came = world.receive(2);
    let Received::Rejected { flow: of, rejected } = &came[0] else {
        panic!("{came:?}");
    };
    assert!(*of == flow && rejected.request.is_some(), "{rejected:?}");
    assert_eq!(call_ids(&came[1..]), [(flow, "b")]);
}

#[test]
fn answers_take_the_connection_of_the_request() {
    let mut world = World::new();
    let mut peers = [world.connect(), world.connect()];
    for (peer, call_id) in peers.iter_mut().zip(["a", "b"]) {
        peer.write_all(request(call_id).as_bytes()).unwrap();
    }
    let came = world.receive(2);
    for (flow, call_id) in call_ids(&came) {
        world.send(flow, &format!("answer to {call_id}"));
    }
    for (peer, answer) in peers.iter_mut().zip(["answer to a", "answer to b"]) {
        assert_eq!(read(peer, answer.len()), answer);
    }
}

#[test]
fn a_connection_is_opened_once_and_speaks_both_ways() {
    let mut world = World::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let flow = tcp(listener.local_addr().unwrap());
    world.send(flow, "one");
    world.send(flow, "two");
    let (mut peer, from) = listener.accept().unwrap();
    assert_eq!(from.ip(), world.address().ip());
    while peer.set_nonblocking(true).is_ok() && peer.peek(&mut [0; 6]).unwrap_or(0) < 6 {
        world.turn();
    }
    peer.set_nonblocking(false).unwrap();
    assert_eq!(read(&mut peer, 6), "onetwo");
    world.send(flow, "three");
    assert_eq!(read(&mut peer, 5), "three");
    peer.write_all(request("a").as_bytes()).unwrap();
    assert_eq!(call_ids(&world.receive(1)), [(flow, "a")]);

    drop(peer);
    assert_eq!(world.receive(1), unreachable(flow));
    world.send(flow, "four");
    let (mut peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    world.turn();
    assert_eq!(read(&mut peer, 4), "four");
}

#[test]
fn a_refused_connection_is_told() {
    let mut world = World::new();
    let (_deaf, gone) = bound();
    let gone = tcp(gone);
    world.send(gone, "hello");
    assert_eq!(world.receive(1), unreachable(gone));
    world.send(gone, "again");
    assert_eq!(world.receive(1), unreachable(gone));
}

#[test]
fn two_transports_call_each_other_at_once() {
    let (mut one, mut two) = (World::new(), World::new());
    let (to_one, to_two) = (tcp(one.address()), tcp(two.address()));
    one.send(to_two, &request("a"));
    two.send(to_one, &request("b"));
    let at_two = |world: &mut World| call_ids(&world.receive(1))[0].0;
    let mut got = [None, None];
    while got.contains(&None) {
        for (world, got) in [&mut one, &mut two].into_iter().zip(&mut got) {
            let came = world.settle();
            if !came.is_empty() {
                assert_eq!(call_ids(&came).len(), 1);
                *got = Some(call_ids(&came)[0].0);
            }
        }
    }
    // Each answers over the connection that the other one opened.
    let [from_two, from_one] = got.map(Option::unwrap);
    assert_ne!(from_one, to_one);
    two.send(from_one, &request("c"));
    assert_eq!(at_two(&mut one), to_two);
    one.send(from_two, &request("d"));
    assert_eq!(at_two(&mut two), to_one);
}

/// A TCP socket that does not listen, so that nobody else can have its port.
fn bound() -> (OwnedFd, SocketAddr) {
    let flags = SockFlag::empty();
    let fd = socket(AddressFamily::Inet, SockType::Stream, flags, None).unwrap();
    bind(fd.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
    let address: SockaddrIn = getsockname(fd.as_raw_fd()).unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
    (fd, address)
}

/// A listening socket that takes the first connection, and answers to no further attempt.
fn full() -> (OwnedFd, SocketAddr, TcpStream) {
    let (fd, address) = bound();
    listen(&fd, Backlog::new(0).unwrap()).unwrap();
    (fd, address, TcpStream::connect(address).unwrap())
}

#[test]
fn a_connection_that_does_not_open_in_time_is_given_up() {
    let mut world = World::new();
    let (_listening, address, _first) = full();
    world.send(tcp(address), "hello");
    assert_eq!(
        world.pass(Duration::from_millis(1500)),
        unreachable(tcp(address))
    );
    assert_eq!(world.transport.deadline(), None);
}

#[test]
fn too_much_for_a_connection_that_does_not_open_ends_it() {
    let mut world = World::new();
    let (_listening, address, _first) = full();
    let message = "x".repeat(1024 * 1024);
    for _ in 0..4 {
        world.send(tcp(address), &message);
        assert_eq!(world.settle(), []);
    }
    world.send(tcp(address), "x");
    assert_eq!(world.settle(), unreachable(tcp(address)));
}

#[test]
fn a_peer_that_does_not_read_is_cut_off_and_costs_others_nothing() {
    let mut world = World::new();
    let mut slow = world.connect();
    let flow = tcp(slow.local_addr().unwrap());
    slow.write_all(request("a").as_bytes()).unwrap();
    world.receive(1);
    let answer = "x".repeat(64 * 1024);
    let mut sent = 0;
    let told = loop {
        world.send(flow, &answer);
        sent += answer.len();
        assert!(sent < 100 << 20, "nobody reads, and it never ends");
        let came = world.settle();
        if !came.is_empty() {
            break came;
        }
    };
    assert_eq!(told, unreachable(flow));
    assert!(sent > 1024 * 1024);
    let mut peer = world.connect();
    peer.write_all(request("b").as_bytes()).unwrap();
    assert_eq!(call_ids(&world.receive(1))[0].1, "b");
}

#[test]
fn idle_connections_are_closed_and_used_ones_are_not() {
    let mut world = World::new();
    let (mut idle, mut used) = (world.connect(), world.connect());
    for peer in [&mut idle, &mut used] {
        peer.write_all(request("a").as_bytes()).unwrap();
    }
    world.receive(2);
    let ten_minutes = Duration::from_secs(600);
    world.now += ten_minutes / 2;
    used.write_all(b"\r\n\r\n").unwrap();
    world.turn();
    assert_eq!(read(&mut used, 2), "\r\n");
    let idle = tcp(idle.local_addr().unwrap());
    assert_eq!(world.pass(ten_minutes / 2), unreachable(idle));
    let used = tcp(used.local_addr().unwrap());
    assert_eq!(world.pass(ten_minutes / 2), unreachable(used));
    assert_eq!(world.transport.deadline(), None);
}

#[test]
fn connections_beyond_the_limits_are_turned_away() {
    // Both ends of all of them are here.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let mut world = World::new();
    let mut peers = Vec::new();
    for _ in 0..INCOMING_MAX {
        peers.push(world.connect());
        world.turn();
    }
    let mut late = world.connect();
    world.turn();
    assert_eq!(late.read(&mut [0; 1]).unwrap(), 0);
    drop(peers.pop());
    world.receive(1);
    let mut next = world.connect();
    next.write_all(request("a").as_bytes()).unwrap();
    assert_eq!(call_ids(&world.receive(1))[0].1, "a");

    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let other = |number: usize| {
        let [high, low] = (number as u16).to_be_bytes();
        tcp(SocketAddr::from(([127, 1, high, low], port)))
    };
    let mut accepted = Vec::new();
    for number in 0..OUTGOING_MAX {
        world.send(other(number), "x");
        accepted.push(listener.accept().unwrap());
        assert_eq!(world.settle(), []);
    }
    world.send(other(OUTGOING_MAX), "x");
    assert_eq!(world.settle(), unreachable(other(OUTGOING_MAX)));
}

#[test]
fn an_address_that_cannot_be_had_is_named() {
    let world = World::new();
    let address = world.address();
    let bind = |address: SocketAddr| {
        let refused = Transport::bind(address, world.poll.registry(), Token(9000));
        refused.map(|_| ()).unwrap_err()
    };
    let refused = bind(address);
    assert!(matches!(refused, BindError::InUse { .. }), "{refused}");
    let text = format!("another program has {address} (TCP): stop it, or choose another port");
    assert_eq!(refused.to_string(), text);
    // The TCP port of that number may be in use, too.
    let mut refusals = (0..100).map(|_| bind(peer().local_addr().unwrap()).to_string());
    assert!(refusals.any(|refusal| refusal.contains("(UDP)")));
    let refused = bind("203.0.113.1:0".parse().unwrap());
    assert!(matches!(refused, BindError::NotOurs(_)), "{refused}");
}

#[test]
fn a_reset_connection_is_told_once() {
    let mut world = World::new();
    let mut peer = world.connect();
    let flow = tcp(peer.local_addr().unwrap());
    peer.write_all(request("a").as_bytes()).unwrap();
    world.receive(1);
    world.send(flow, "unread");
    while peer.peek(&mut [0; 6]).unwrap() < 6 {}
    // Closing with something unread resets the connection.
    drop(peer);
    assert_eq!(world.receive(1), unreachable(flow));
    assert_eq!(world.settle(), []);
}
