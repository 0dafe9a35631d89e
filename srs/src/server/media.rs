//! The pairs of media sockets: bound at the start, one queue of the kernel for each stream.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{setsockopt, sockopt};

use super::{MediaPorts, StartError};

/// Bytes that may wait at one socket: some seconds of a stream.
const RECEIVE_BUFFER: usize = 256 << 10;
/// Longer packets are no audio; their ends are cut off.
const PACKET_MAX: usize = 2048;
/// Sockets reported at once.
const READY_MAX: usize = 1024;
/// Packets that are taken in one turn, more or less.
const BURST_MAX: usize = 16_384;
/// How often the system is asked for a pair before it is believed that it has none.
const TRIES_MAX: usize = 100;

/// All media sockets.
#[derive(Debug)]
pub(super) struct Media {
    epoll: Epoll,
    sockets: BTreeMap<u16, UdpSocket>,
    ready: Vec<EpollEvent>,
    buffer: Box<[u8; PACKET_MAX]>,
    /// Whether a turn left something over.
    has_more: bool,
}

impl Media {
    /// Binds the ports, and has the loop woken by `token` when a packet comes.
    pub(super) fn bind(
        address: IpAddr,
        ports: &MediaPorts,
        (registry, token): (&Registry, Token),
    ) -> Result<Self, StartError> {
        let system = |error: io::Error| StartError::System {
            what: "an event queue for media",
            error,
        };
        raise_file_limit();
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC);
        let epoll = epoll.map_err(|error| system(error.into()))?;
        let sockets = match ports {
            MediaPorts::Range(range) => in_range(address, range.clone())?,
            MediaPorts::Any(pairs) => anywhere(address, *pairs)?,
        };
        for (port, socket) in &sockets {
            let event = EpollEvent::new(EpollFlags::EPOLLIN, u64::from(*port));
            let added = epoll.add(socket, event);
            added.map_err(|error| system(error.into()))?;
        }
        let mut source = SourceFd(&epoll.0.as_raw_fd());
        let registered = registry.register(&mut source, token, Interest::READABLE);
        registered.map_err(system)?;
        Ok(Self {
            epoll,
            sockets,
            ready: vec![EpollEvent::empty(); READY_MAX],
            buffer: Box::new([0; PACKET_MAX]),
            has_more: false,
        })
    }

    /// The pairs, by their even ports.
    pub(super) fn pairs(&self) -> Vec<u16> {
        let ports = self.sockets.keys().copied();
        ports.filter(|port| port.is_multiple_of(2)).collect()
    }

    /// Hands on what has come: port, sender, datagram.
    pub(super) fn receive(&mut self, mut take: impl FnMut(u16, SocketAddr, &[u8])) {
        // Each round takes one packet of each socket that has any, so that none is starved and
        // none is asked in vain.
        let mut left = BURST_MAX;
        while left > 0 {
            let ready = self.epoll.wait(&mut self.ready, EpollTimeout::ZERO);
            let ready = ready.unwrap_or(0);
            self.has_more = ready > 0;
            if ready == 0 {
                return;
            }
            left = left.saturating_sub(ready);
            for event in &self.ready[..ready] {
                let port = event.data() as u16;
                let socket = &self.sockets[&port];
                // An error is one that the network reported, about some report sent earlier.
                if let Ok((len, from)) = socket.recv_from(&mut *self.buffer) {
                    take(port, from, &self.buffer[..len]);
                }
            }
        }
    }

    /// Whether a turn left something over.
    pub(super) const fn has_more(&self) -> bool {
        self.has_more
    }

    /// Sends a datagram from a port; one for which there is no room is lost, as others are on
    /// their way.
    pub(super) fn send(&self, port: u16, to: SocketAddr, bytes: &[u8]) {
        if let Some(socket) = self.sockets.get(&port) {
            let _ = socket.send_to(bytes, to);
        }
    }
}

/// All pairs of a range that nobody else has.
fn in_range(
    address: IpAddr,
    range: std::ops::RangeInclusive<u16>,
) -> Result<BTreeMap<u16, UdpSocket>, StartError> {
    let (first, last) = (*range.start(), *range.end());
    let mut sockets = BTreeMap::new();
    for even in range.filter(|port| port.is_multiple_of(2) && *port != 0 && *port < last) {
        match bind_pair(address, even) {
            Ok(pair) => sockets.extend(pair),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => return Err(explain(SocketAddr::new(address, even), &error)),
        }
    }
    if sockets.is_empty() {
        return Err(StartError::Media(format!(
            "{address} has no free pair of ports from {first} to {last}: choose another range"
        )));
    }
    Ok(sockets)
}

/// So many pairs that the system chooses.
fn anywhere(address: IpAddr, pairs: usize) -> Result<BTreeMap<u16, UdpSocket>, StartError> {
    let at = SocketAddr::new(address, 0);
    let mut sockets = BTreeMap::new();
    let mut tries = 0;
    while sockets.len() < 2 * pairs {
        let one = open(address, 0).map_err(|error| explain(at, &error))?;
        let port = one
            .local_addr()
            .map_err(|error| explain(at, &error))?
            .port();
        match open(address, port ^ 1) {
            Ok(other) => {
                sockets.extend([(port, one), (port ^ 1, other)]);
                tries = 0;
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse && tries < TRIES_MAX => tries += 1,
            Err(error) => return Err(explain(SocketAddr::new(address, port ^ 1), &error)),
        }
    }
    Ok(sockets)
}

fn bind_pair(address: IpAddr, even: u16) -> io::Result<[(u16, UdpSocket); 2]> {
    let odd = even + 1;
    Ok([(even, open(address, even)?), (odd, open(address, odd)?)])
}

fn open(address: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((address, port))?;
    socket.set_nonblocking(true)?;
    // The system gives as much of it as it allows.
    setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
    Ok(socket)
}

/// Which port could not be had, why, and what to do.
fn explain(address: SocketAddr, error: &io::Error) -> StartError {
    let remedy = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE | Errno::ENFILE) => {
            "allow more open files, three for each call, or use fewer ports"
        }
        Some(Errno::EADDRNOTAVAIL) => "let media come to an address of this machine",
        _ => "use fewer ports, or others",
    };
    StartError::Media(format!("{address} (UDP): {error}: {remedy}"))
}

/// Lets the process have as many files open as it may. Where that is too few, binding says so.
fn raise_file_limit() {
    if let Ok((now, most)) = getrlimit(Resource::RLIMIT_NOFILE)
        && now < most
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use mio::{Events, Poll};

    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn bind(ports: &MediaPorts) -> (Poll, Result<Media, StartError>) {
        let poll = Poll::new().unwrap();
        let media = Media::bind(LOCAL, ports, (poll.registry(), Token(3)));
        (poll, media)
    }

    #[test]
    fn every_packet_wakes_the_loop_and_comes_with_its_port() {
        let (mut poll, media) = bind(&MediaPorts::Any(3));
        let mut media = media.unwrap();
        let pairs = media.pairs();
        assert_eq!(pairs.len(), 3);
        assert!(pairs.iter().all(|port| port % 2 == 0));
        let sender = UdpSocket::bind((LOCAL, 0)).unwrap();
        let mut events = Events::with_capacity(8);
        for round in 0..3 {
            let ports = [pairs[0], pairs[2] + 1, pairs[0]];
            for port in ports {
                sender.send_to(&[round], (LOCAL, port)).unwrap();
            }
            let mut seen = Vec::new();
            while seen.len() < ports.len() {
                if !media.has_more() {
                    let patience = Some(Duration::from_secs(20));
                    poll.poll(&mut events, patience).unwrap();
                    assert!(!events.is_empty(), "nothing came");
                }
                media.receive(|port, from, data| {
                    assert_eq!((from, data), (sender.local_addr().unwrap(), &[round][..]));
                    seen.push(port);
                });
            }
            seen.sort_unstable();
            let mut expected = ports;
            expected.sort_unstable();
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn a_range_gives_the_pairs_that_are_free() {
        let (_poll, any) = bind(&MediaPorts::Any(1));
        let taken = any.unwrap();
        let even = taken.pairs()[0];
        let (_poll, other) = bind(&MediaPorts::Range(even..=even + 1));
        let why = other.unwrap_err().to_string();
        assert!(why.contains("choose another range"), "{why}");
        drop(taken);
        let (_poll, again) = bind(&MediaPorts::Range(even - 1..=even + 2));
        assert_eq!(again.unwrap().pairs(), [even]);
    }
}
