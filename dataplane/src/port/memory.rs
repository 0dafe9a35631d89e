//! Two queues, for tests and measurements.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crossbeam::queue::ArrayQueue;

use super::{Bell, Poll};
use crate::wire::datagram::{Packet, TxBatch};

/// Bytes that a queued packet can hold.
const PACKET_MAX: usize = 1500;

/// A worker's end of two queues.
#[derive(Debug)]
pub struct MemoryPort {
    poll: Poll,
    inbound: Arc<ArrayQueue<Datagram>>,
    outbound: Arc<ArrayQueue<Datagram>>,
}

/// The network's end of the queues.
#[derive(Clone, Debug)]
pub struct MemoryPeer {
    inbound: Arc<ArrayQueue<Datagram>>,
    outbound: Arc<ArrayQueue<Datagram>>,
}

/// A packet in a queue.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// Index of the port pair.
    pub pair: u32,
    /// Whether it is the pair's odd port.
    pub rtcp: bool,
    /// Who sent it, or where it goes.
    pub remote: SocketAddr,
    len: usize,
    bytes: [u8; PACKET_MAX],
}

impl MemoryPort {
    /// Two empty queues for `capacity` packets each, more than none.
    ///
    /// # Errors
    /// If the system gives no descriptor to wait for.
    pub fn new(capacity: usize) -> io::Result<(Self, MemoryPeer)> {
        let peer = MemoryPeer {
            inbound: Arc::new(ArrayQueue::new(capacity)),
            outbound: Arc::new(ArrayQueue::new(capacity)),
        };
        let port = Self {
            poll: Poll::new(1)?,
            inbound: peer.inbound.clone(),
            outbound: peer.outbound.clone(),
        };
        Ok((port, peer))
    }

    pub(super) fn receive(&mut self, mut take: impl FnMut(Packet<'_>)) {
        for _ in 0..self.inbound.len() {
            let Some(datagram) = self.inbound.pop() else {
                return;
            };
            take(Packet {
                pair: datagram.pair,
                rtcp: datagram.rtcp,
                from: datagram.remote,
                data: datagram.data(),
            });
        }
    }

    pub(super) fn send(&mut self, batch: &TxBatch, mut unsent: impl FnMut(u32)) {
        for packet in batch.iter() {
            let datagram = Datagram::new(packet.pair, packet.rtcp, packet.to, packet.data);
            let sent = datagram.is_some_and(|datagram| self.outbound.push(datagram).is_ok());
            if !sent {
                unsent(packet.pair);
            }
        }
    }

    pub(super) fn wait(&mut self, timeout: Duration) {
        if self.poll.poll(timeout).count() > 0 {
            self.poll.silence();
        }
    }

    pub(super) fn bell(&self) -> Bell {
        self.poll.bell.clone()
    }
}

impl MemoryPeer {
    /// Sends a packet to the worker; `false` where the queue is full.
    pub fn send(&self, datagram: Datagram) -> bool {
        self.inbound.push(datagram).is_ok()
    }

    /// The next packet that the worker sent.
    pub fn receive(&self) -> Option<Datagram> {
        self.outbound.pop()
    }
}

impl Datagram {
    /// A packet; `None` if it is longer than 1500 bytes.
    pub fn new(pair: u32, rtcp: bool, remote: SocketAddr, data: &[u8]) -> Option<Self> {
        let mut bytes = [0; PACKET_MAX];
        bytes.get_mut(..data.len())?.copy_from_slice(data);
        Some(Self {
            pair,
            rtcp,
            remote,
            len: data.len(),
            bytes,
        })
    }

    /// Its bytes.
    pub fn data(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_go_both_ways_and_a_full_queue_refuses() {
        let remote = SocketAddr::from(([192, 0, 2, 1], 9));
        let (mut port, peer) = MemoryPort::new(2).unwrap();
        let packet = |n| Datagram::new(n, true, remote, &[n as u8; 3]).unwrap();
        assert_eq!([1, 2, 3].map(|n| peer.send(packet(n))), [true, true, false]);
        let mut seen = Vec::new();
        port.receive(|packet| seen.push((packet.pair, packet.from, packet.data.to_vec())));
        assert_eq!(seen, [(1, remote, vec![1; 3]), (2, remote, vec![2; 3])]);

        let mut batch = TxBatch::new(3, 9);
        for pair in 5..8 {
            batch.push(pair, false, remote, 3).unwrap();
        }
        let mut unsent = Vec::new();
        port.send(&batch, |pair| unsent.push(pair));
        assert_eq!(unsent, [7]);
        let sent: Vec<_> = std::iter::from_fn(|| peer.receive())
            .map(|d| d.pair)
            .collect();
        assert_eq!(sent, [5, 6]);
        assert!(Datagram::new(1, false, remote, &[0; 1501]).is_none());
    }
}
