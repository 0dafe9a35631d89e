//! The UDP socket, and what the network says of datagrams that found nobody.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd as _;

use mio::event::Event;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use nix::errno::Errno;
use nix::libc::{SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6, sock_extended_err, sockaddr_in6};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, RecvMsg, SockaddrStorage, recvmsg, setsockopt, sockopt,
};

use super::{MESSAGES_PER_TURN, Received, understood};
use crate::sip::flow::{Flow, Protocol};

/// The longest datagram.
const DATAGRAM_MAX: usize = 65_535;
/// How often a datagram is sent again where the error may have been another one's.
const TRIES_MAX: usize = 3;

/// One UDP socket.
#[derive(Debug)]
pub(super) struct Datagrams {
    socket: UdpSocket,
    scratch: Box<[u8]>,
    readable: bool,
    /// The network may have reported something about what was sent.
    reported: bool,
}

impl Datagrams {
    pub(super) fn bind(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut socket = UdpSocket::bind(address)?;
        if address.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
        }
        registry.register(&mut socket, token, Interest::READABLE)?;
        Ok(Self {
            socket,
            scratch: vec![0; DATAGRAM_MAX].into_boxed_slice(),
            readable: false,
            reported: false,
        })
    }

    /// Notes what has become possible.
    pub(super) fn note(&mut self, event: &Event) {
        self.readable |= event.is_readable();
        self.reported |= event.is_error();
    }

    /// Takes what has come.
    pub(super) fn receive(&mut self, out: &mut Vec<Received>) {
        self.take_reports(out);
        for _ in 0..MESSAGES_PER_TURN {
            if !self.readable {
                return;
            }
            match self.socket.recv_from(&mut self.scratch) {
                Ok((len, remote)) => {
                    let bytes = &self.scratch[..len];
                    // RFC 5626 §3.5.1: empty lines keep a binding alive, and nothing else.
                    if !bytes.trim_ascii().is_empty() {
                        out.push(understood(bytes, udp(remote)));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                // Of something that was sent: the reports say of what.
                Err(_) => self.reported = true,
            }
        }
    }

    pub(super) fn send(&mut self, to: SocketAddr, bytes: &[u8], learnt: &mut Vec<Received>) {
        for _ in 0..TRIES_MAX {
            match self.socket.send_to(bytes, to) {
                Ok(_) => return,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Either of this datagram, or of an earlier one: then this one was not sent yet.
                Err(_) => {
                    self.reported = true;
                    self.take_reports(learnt);
                }
            }
        }
        learnt.push(Received::Unreachable { flow: udp(to) });
    }

    /// Whether there may be more to take.
    pub(super) const fn has_more(&self) -> bool {
        self.readable || self.reported
    }

    /// Asks the network for its reports.
    fn take_reports(&mut self, out: &mut Vec<Received>) {
        for _ in 0..MESSAGES_PER_TURN {
            if !self.reported {
                return;
            }
            let mut control = nix::cmsg_space!(sock_extended_err, sockaddr_in6);
            let mut payload = [IoSliceMut::new(&mut [])];
            let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
            let socket = self.socket.as_raw_fd();
            match recvmsg::<SockaddrStorage>(socket, &mut payload, Some(&mut control), flags) {
                Ok(report) => {
                    let unreachable = unreachable(&report).map(udp);
                    out.extend(unreachable.map(|flow| Received::Unreachable { flow }));
                }
                Err(Errno::EINTR) => {}
                Err(_) => self.reported = false,
            }
        }
    }
}

fn udp(remote: SocketAddr) -> Flow {
    Flow {
        protocol: Protocol::Udp,
        remote,
    }
}

/// Where the datagram was going that the report is about, if it says that nothing arrives there.
fn unreachable(report: &RecvMsg<'_, '_, SockaddrStorage>) -> Option<SocketAddr> {
    let fatal = report.cmsgs().ok()?.any(|message| {
        if let ControlMessageOwned::Ipv4RecvErr(error, _)
        | ControlMessageOwned::Ipv6RecvErr(error, _) = message
        {
            is_fatal(error.ee_origin, error.ee_type, error.ee_code)
        } else {
            false
        }
    });
    let to = report.address.filter(|_| fatal)?;
    let v4 = to.as_sockaddr_in().map(|to| SocketAddrV4::from(*to).into());
    v4.or_else(|| Some(SocketAddrV6::from(*to.as_sockaddr_in6()?).into()))
}

/// Whether an ICMP message means that the datagram's way is closed (RFC 3261 §18.4).
const fn is_fatal(origin: u8, kind: u8, code: u8) -> bool {
    match (origin, kind, code) {
        // Too long for the path: the next one is cut into fragments.
        (SO_EE_ORIGIN_ICMP, 3, 4) => false,
        // RFC 792: destination unreachable, parameter problem.
        (SO_EE_ORIGIN_ICMP, 3 | 12, _) => true,
        // RFC 4443: destination unreachable, parameter problem.
        (SO_EE_ORIGIN_ICMP6, 1 | 4, _) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_closes_the_way_is_fatal() {
        assert!(is_fatal(SO_EE_ORIGIN_ICMP, 3, 3), "port unreachable");
        assert!(is_fatal(SO_EE_ORIGIN_ICMP, 12, 0), "parameter problem");
        assert!(is_fatal(SO_EE_ORIGIN_ICMP6, 1, 4), "port unreachable");
        assert!(!is_fatal(SO_EE_ORIGIN_ICMP, 3, 4), "fragmentation needed");
        assert!(!is_fatal(SO_EE_ORIGIN_ICMP, 11, 0), "time exceeded");
        assert!(!is_fatal(SO_EE_ORIGIN_ICMP, 4, 0), "source quench");
        assert!(!is_fatal(SO_EE_ORIGIN_ICMP6, 2, 0), "packet too big");
        assert!(!is_fatal(0, 3, 3), "a report of our own kernel");
    }
}
