//! What the tests of this room share.

use super::{Keys, Kind, Packet, Receivers, Refusal, Senders, Suite};

/// Bytes from hexadecimal digits; blanks are ignored.
pub(super) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|c| c.to_digit(16)).collect();
    let bytes = digits.chunks(2);
    bytes.map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

/// Keys that are all made of one byte.
pub(super) fn keys(suite: Suite, byte: u8) -> Keys {
    let len = suite.key_len() + suite.salt_len();
    Keys::new(suite, &vec![byte; len]).unwrap()
}

/// An RTP packet without contributors.
pub(super) fn rtp(ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A receiver report of `ssrc`, followed by so many bytes.
pub(super) fn rtcp(ssrc: u32, rest: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet.resize(8 + rest, 0x5a);
    packet
}

/// Protects one packet.
pub(super) fn protect(
    senders: &mut Senders,
    place: u32,
    kind: Kind,
    plain: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let mut bytes = plain.to_vec();
    bytes.resize(plain.len() + senders.overhead(place, kind), 0xee);
    let mut packet = [Packet::new(place, kind, 0, plain.len())];
    senders.protect(&mut bytes, &mut packet);
    packet[0].outcome?;
    assert_eq!(packet[0].len, bytes.len());
    Ok(bytes)
}

/// Removes the protection of one packet.
pub(super) fn unprotect(
    receivers: &mut Receivers,
    place: u32,
    kind: Kind,
    sealed: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let mut bytes = sealed.to_vec();
    let mut packet = [Packet::new(place, kind, 0, sealed.len())];
    receivers.unprotect(&mut bytes, &mut packet);
    packet[0].outcome?;
    bytes.truncate(packet[0].len);
    Ok(bytes)
}

/// A sender and a receiver in place 0 of their tables, with the same keys.
pub(super) fn pair(keys: &Keys, ssrc: u32) -> (Senders, Receivers) {
    let (mut senders, mut receivers) = (Senders::new(1), Receivers::new(1));
    senders.open(0, keys, ssrc).unwrap();
    receivers.open(0, keys).unwrap();
    (senders, receivers)
}
