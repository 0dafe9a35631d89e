//! The table of codecs, and what they have in common.

use crate::api::Codec;
use crate::period::{BLOCK, Block};
use crate::pool::FRAME_BYTES;

/// Covering what is missing.
pub(crate) mod conceal;
/// G.711: µ-law and A-law.
pub mod g711;

/// One period as a codec writes it, of which the first bytes are in use.
pub type Encoded = [u8; BLOCK];

/// The samples that a payload of `len` bytes holds; `None` if the codec makes no such payload, or
/// it lasts longer than 60 ms.
pub const fn samples(codec: Codec, len: usize) -> Option<u16> {
    match codec {
        Codec::Pcmu | Codec::Pcma if len > 0 && len <= FRAME_BYTES => Some(len as u16),
        Codec::Pcmu | Codec::Pcma => None,
    }
}

/// Decodes as many samples as `out` takes, beginning with sample `from` of the payload.
pub fn decode(codec: Codec, payload: &[u8], from: usize, out: &mut [i16]) {
    let payload = &payload[from..from + out.len()];
    match codec {
        Codec::Pcmu => g711::decode_ulaw(payload, out),
        Codec::Pcma => g711::decode_alaw(payload, out),
    }
}

/// Encodes one period and returns the bytes used.
pub fn encode(codec: Codec, block: &Block, out: &mut Encoded) -> usize {
    match codec {
        Codec::Pcmu => g711::encode_ulaw(block, out),
        Codec::Pcma => g711::encode_alaw(block, out),
    }
    BLOCK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_of_g711_has_a_sample_a_byte_up_to_60_ms() {
        assert_eq!(samples(Codec::Pcmu, 0), None);
        assert_eq!(samples(Codec::Pcmu, 80), Some(80));
        assert_eq!(samples(Codec::Pcma, 480), Some(480));
        assert_eq!(samples(Codec::Pcma, 481), None);
    }

    #[test]
    fn decodes_from_the_middle_of_a_payload() {
        let payload: Vec<u8> = (0..=255).collect();
        let mut whole = [0; 256];
        let mut part = [0; 10];
        decode(Codec::Pcma, &payload, 0, &mut whole);
        decode(Codec::Pcma, &payload, 100, &mut part);
        assert_eq!(part, whole[100..110]);
    }
}
