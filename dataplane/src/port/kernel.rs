//! The kernel's UDP sockets: one for each port of each pair, bound once and for all.
//!
//! All of them are bound at start-up, so that nobody else can take a media port in mid-run and no
//! two streams can share one. RTP leaves from the port at which it would be received
//! (RFC 7866 §8.1.8).

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{EpollEvent, EpollFlags};
use nix::sys::socket::{setsockopt, sockopt};

use super::{BELL, Bell, Poll};
use crate::wire::datagram::{Packet, TxBatch};

/// Bytes that may wait at one socket, which carries one stream: more than a second of it.
const RECEIVE_BUFFER: usize = 64 << 10;
/// Longer packets are no audio; their ends are cut off.
const PACKET_MAX: usize = 2048;
/// Sockets reported at once.
const READY_MAX: usize = 1024;
/// Packets handed on before the clock is looked at again.
const BURST_MAX: usize = 16_384;

/// A range of UDP ports.
#[derive(Debug)]
pub struct KernelPort {
    poll: Poll,
    /// RTP and RTCP in turn: socket `2 * pair` and the one after it.
    sockets: Vec<UdpSocket>,
    buffer: Box<[u8; PACKET_MAX]>,
}

impl KernelPort {
    /// Binds the ports of `pairs` pairs at `address`, beginning with `first_port`, which is even.
    ///
    /// # Errors
    /// If a port cannot be bound: the error names the port and the remedy.
    pub fn bind(address: IpAddr, first_port: u16, pairs: u32) -> io::Result<Self> {
        Self::bind_each(&[address], first_port, pairs)
    }

    /// Binds the same ports at each of `addresses`: first all pairs of the first one, then those of
    /// the next.
    ///
    /// # Errors
    /// As for [`Self::bind`].
    pub fn bind_each(addresses: &[IpAddr], first_port: u16, pairs: u32) -> io::Result<Self> {
        let last = u64::from(first_port) + 2 * u64::from(pairs);
        if !first_port.is_multiple_of(2) || first_port == 0 || last > 1 << 16 {
            let why = format!(
                "{pairs} pairs of media ports do not fit from {first_port} on: choose a \
                 `media.ports` range that begins with an even port and ends below 65536"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let poll = Poll::new(READY_MAX)?;
        let ports = (first_port..=u16::MAX).take(2 * pairs as usize);
        let each = |address: &IpAddr| {
            let address = *address;
            ports
                .clone()
                .map(move |port| SocketAddr::new(address, port))
        };
        let sockets = addresses
            .iter()
            .flat_map(each)
            .zip(0..)
            .map(|(address, name)| {
                open(address, name, &poll).map_err(|error| explain(address, &error))
            })
            .collect::<io::Result<_>>()?;
        Ok(Self {
            poll,
            sockets,
            buffer: Box::new([0; PACKET_MAX]),
        })
    }

    pub(super) fn receive(&mut self, mut take: impl FnMut(Packet<'_>)) {
        let mut left = BURST_MAX;
        // Each round takes one packet of each socket that has any, so that none is starved and
        // none is asked in vain.
        while left > 0 {
            let mut ready = 0;
            let mut rung = false;
            for name in self.poll.poll(Duration::ZERO) {
                ready += 1;
                if name == BELL {
                    rung = true;
                    continue;
                }
                let socket = &self.sockets[name as usize];
                // An error is one that the network reported, about some packet sent earlier.
                let Ok((len, from)) = socket.recv_from(&mut *self.buffer) else {
                    continue;
                };
                take(Packet {
                    pair: (name / 2) as u32,
                    rtcp: name % 2 == 1,
                    from,
                    data: &self.buffer[..len],
                });
            }
            if rung {
                self.poll.silence();
            }
            if ready == 0 {
                return;
            }
            left = left.saturating_sub(ready);
        }
    }

    pub(super) fn send(&mut self, batch: &TxBatch, mut unsent: impl FnMut(u32)) {
        for packet in batch.iter() {
            let socket = self
                .sockets
                .get(packet.pair as usize * 2 + usize::from(packet.rtcp));
            let sent = socket.is_some_and(|socket| socket.send_to(packet.data, packet.to).is_ok());
            if !sent {
                unsent(packet.pair);
            }
        }
    }

    pub(super) fn wait(&mut self, timeout: Duration) {
        if self.poll.poll(timeout).any(|name| name == BELL) {
            self.poll.silence();
        }
    }

    pub(super) fn bell(&self) -> Bell {
        self.poll.bell.clone()
    }
}

fn open(address: SocketAddr, name: u64, poll: &Poll) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
    poll.epoll
        .add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, name))?;
    Ok(socket)
}

/// Which port could not be bound, why, and what to do.
fn explain(address: SocketAddr, error: &io::Error) -> io::Error {
    let remedy = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE | Errno::ENFILE) => {
            "allow more open files, four for each stream, or choose a shorter `media.ports` range"
        }
        Some(Errno::EADDRNOTAVAIL) => "let the media address be one of this machine's",
        _ => "choose another `media.ports` range",
    };
    io::Error::new(
        error.kind(),
        format!("media port {address} (UDP): {error}: {remedy}"),
    )
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// Binds the first range that is free.
    fn bind(pairs: u32) -> (KernelPort, u16) {
        (20_000..60_000)
            .step_by(100)
            .find_map(|first| Some((KernelPort::bind(LOCAL, first, pairs).ok()?, first)))
            .unwrap()
    }

    /// Receives until `count` packets have come.
    fn receive(port: &mut KernelPort, count: usize) -> Vec<(u32, bool, Vec<u8>)> {
        let mut seen = Vec::new();
        while seen.len() < count {
            port.wait(Duration::from_secs(20));
            let before = seen.len();
            port.receive(|packet| seen.push((packet.pair, packet.rtcp, packet.data.to_vec())));
            assert!(seen.len() > before, "nothing came for 20 s");
        }
        seen
    }

    #[test]
    fn packets_come_with_their_pair_and_all_of_a_burst() {
        let (mut port, first) = bind(3);
        let sender = UdpSocket::bind((LOCAL, 0)).unwrap();
        for (offset, text) in [(4, "a"), (1, "b"), (4, "c"), (4, "d")] {
            sender
                .send_to(text.as_bytes(), (LOCAL, first + offset))
                .unwrap();
        }
        let mut seen = receive(&mut port, 4);
        seen.sort();
        let expected = [
            (0, true, "b"),
            (2, false, "a"),
            (2, false, "c"),
            (2, false, "d"),
        ];
        assert_eq!(
            seen,
            expected.map(|(pair, odd, text)| (pair, odd, text.as_bytes().to_vec()))
        );
    }

    #[test]
    fn packets_leave_from_the_port_of_their_pair() {
        let (mut port, first) = bind(2);
        let receiver = UdpSocket::bind((LOCAL, 0)).unwrap();
        receiver
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let to = receiver.local_addr().unwrap();
        let mut batch = TxBatch::new(4, 100);
        for (pair, odd) in [(1, false), (0, true)] {
            batch
                .push(pair, odd, to, 3)
                .unwrap()
                .copy_from_slice(b"abc");
        }
        // Nobody is there to send this one, and nobody to receive that one.
        batch.push(77, false, to, 1).unwrap();
        batch
            .push(0, false, SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 1)), 1)
            .unwrap();
        let mut unsent = Vec::new();
        port.send(&batch, |pair| unsent.push(pair));
        assert_eq!(unsent, [77, 0]);
        let mut buffer = [0; 10];
        let mut from = || receiver.recv_from(&mut buffer).unwrap().1.port();
        assert_eq!([from(), from()], [first + 2, first + 1]);
    }

    #[test]
    fn a_taken_port_is_named_with_the_remedy() {
        let (_port, first) = bind(2);
        let error = KernelPort::bind(LOCAL, first, 1).unwrap_err().to_string();
        assert!(error.contains(&format!("127.0.0.1:{first}")), "{error}");
        assert!(error.contains("`media.ports`"), "{error}");
    }

    #[test]
    fn ranges_that_cannot_be_are_refused() {
        for (first, pairs) in [(20_001, 1), (65_534, 2), (0, 1)] {
            let error = KernelPort::bind(LOCAL, first, pairs).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{first}");
        }
        let elsewhere = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
        let error = KernelPort::bind(elsewhere, 20_000, 1)
            .unwrap_err()
            .to_string();
        assert!(error.contains("one of this machine's"), "{error}");
    }

    #[test]
    fn the_bell_ends_the_waiting_once() {
        let (mut port, _) = bind(1);
        port.bell().ring();
        port.bell().ring();
        port.wait(Duration::from_secs(100));
        assert_eq!(
            port.poll.poll(Duration::ZERO).count(),
            0,
            "it rings no longer"
        );
    }
}
