//! Packets as a port hands them in and takes them out.

use std::net::SocketAddr;

/// A received UDP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Index of the port pair that it came to, which is the index of the stream.
    pub pair: u32,
    /// Whether it came to the odd port of the pair.
    pub rtcp: bool,
    /// Who sent it.
    pub from: SocketAddr,
    /// UDP payload.
    pub data: &'a [u8],
}

/// A UDP packet to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxPacket<'a> {
    /// Index of the port pair from which it is sent.
    pub pair: u32,
    /// Whether it is sent from the odd port of the pair.
    pub rtcp: bool,
    /// Where it goes.
    pub to: SocketAddr,
    /// UDP payload.
    pub data: &'a [u8],
}

/// Packets to be sent, in one piece of memory that is taken once.
#[derive(Debug)]
pub struct TxBatch {
    bytes: Box<[u8]>,
    used: usize,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    to: SocketAddr,
    pair: u32,
    rtcp: bool,
    start: u32,
    len: u32,
}

impl TxBatch {
    /// Room for `packets` packets of `bytes` bytes together, less than 4 GiB.
    pub fn new(packets: usize, bytes: usize) -> Self {
        Self {
            bytes: vec![0; bytes].into_boxed_slice(),
            used: 0,
            entries: Vec::with_capacity(packets),
        }
    }

    /// Adds a packet of `len` bytes and returns them to be written; `None` where there is no room.
    pub fn push(&mut self, pair: u32, rtcp: bool, to: SocketAddr, len: usize) -> Option<&mut [u8]> {
        if self.entries.len() == self.entries.capacity() {
            return None;
        }
        let bytes = self.bytes[self.used..].get_mut(..len)?;
        self.entries.push(Entry {
            to,
            pair,
            rtcp,
            start: self.used as u32,
            len: len as u32,
        });
        self.used += len;
        Some(bytes)
    }

    /// Where the next packet will begin in [`TxBatch::bytes_mut`].
    pub const fn end(&self) -> usize {
        self.used
    }

    /// The memory that the packets lie in.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.used]
    }

    /// Takes the packet out that begins there.
    pub fn discard(&mut self, start: usize) {
        self.entries.retain(|entry| entry.start as usize != start);
    }

    /// The packets, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = TxPacket<'_>> {
        self.entries.iter().map(|entry| TxPacket {
            pair: entry.pair,
            rtcp: entry.rtcp,
            to: entry.to,
            data: &self.bytes[entry.start as usize..][..entry.len as usize],
        })
    }

    /// Whether there is nothing to send.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets the packets.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_packets_in_order_and_refuses_what_does_not_fit() {
        let to: SocketAddr = "192.0.2.1:4000".parse().unwrap();
        let mut batch = TxBatch::new(3, 10);
        batch
            .push(1, false, to, 4)
            .unwrap()
            .copy_from_slice(b"abcd");
        batch
            .push(2, true, to, 5)
            .unwrap()
            .copy_from_slice(b"efghi");
        assert!(batch.push(3, false, to, 2).is_none(), "two bytes of one");
        assert!(batch.push(3, false, to, 1).is_some());
        assert!(batch.push(4, false, to, 0).is_none(), "a fourth of three");
        let seen: Vec<_> = batch
            .iter()
            .map(|p| (p.pair, p.rtcp, p.data.len()))
            .collect();
        assert_eq!(seen, [(1, false, 4), (2, true, 5), (3, false, 1)]);
        assert_eq!(batch.iter().nth(1).unwrap().data, b"efghi");
        batch.discard(4);
        let seen: Vec<_> = batch.iter().map(|packet| packet.data.to_vec()).collect();
        assert_eq!(seen, [b"abcd".to_vec(), vec![0]]);
        batch.clear();
        assert!(batch.is_empty() && batch.push(5, false, to, 10).is_some());
    }
}
