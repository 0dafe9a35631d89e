//! Telephones that send RTP.

use std::net::SocketAddr;

use sixreel_dataplane::time::Nanos;
use sixreel_dataplane::wire::rtp::Header;

use crate::signal::{encode, voice};

/// Samples in a packet.
pub const PACKET: usize = 160;
/// Time between two packets.
pub const PACKET_TIME: Nanos = Nanos::from_millis(20);

/// A telephone.
#[derive(Debug)]
pub struct Caller {
    pub from: SocketAddr,
    pub to: SocketAddr,
    /// The frequency of its voice in Hz.
    pub frequency: usize,
    /// Whether it sends at present.
    pub talks: bool,
    /// Whether it has hung up.
    pub is_gone: bool,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    payload_type: u8,
    speech: Vec<u8>,
    place: usize,
}

impl Caller {
    /// A telephone that sends G.711 from `from` to `to` in a voice of this frequency.
    pub fn new(from: SocketAddr, to: SocketAddr, frequency: usize, a_law: bool) -> Self {
        let number = u32::from(from.port());
        Self {
            from,
            to,
            frequency,
            talks: true,
            is_gone: false,
            ssrc: number.wrapping_mul(0x9e37_79b9),
            // Both wrap soon, as they may.
            sequence: 65_500,
            timestamp: u32::MAX - 40_000,
            payload_type: if a_law { 8 } else { 0 },
            speech: encode(&voice(frequency), a_law),
            place: 0,
        }
    }

    /// The next packet.
    pub fn packet(&mut self) -> Vec<u8> {
        let header = Header {
            marker: false,
            payload_type: self.payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            csrcs: &[],
        };
        let mut packet = vec![0; header.size()];
        header.write(&mut packet);
        packet.extend_from_slice(&self.speech[self.place..self.place + PACKET]);
        self.sequence = self.sequence.wrapping_add(1);
        self.skip();
        packet
    }

    /// Nothing is said for as long as a packet lasts.
    pub fn skip(&mut self) {
        self.timestamp = self.timestamp.wrapping_add(PACKET as u32);
        self.place = (self.place + PACKET) % self.speech.len();
    }
}
