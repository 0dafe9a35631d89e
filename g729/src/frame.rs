//! The frame of 80 bits (table 8): fields in order of transmission, the first bit in the top bit of
//! the first byte, as RFC 3551 §4.5.6 puts them into RTP.

use crate::dims::FRAME_BYTES;
use crate::gain::GainIndex;
use crate::lsf_codebook::LsfIndex;
use crate::pitch;
use crate::tables::{GAIN_CODE1, GAIN_CODE2, GAIN_ROW1, GAIN_ROW2};

/// What a frame says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) lsf: LsfIndex,
    /// P1 and P2, the words for the lags.
    pub(crate) lag: [u8; 2],
    /// P0, which guards the upper bits of P1.
    pub(crate) parity: u8,
    /// C1 and C2, the pulses' places.
    pub(crate) places: [u16; 2],
    /// S1 and S2, the pulses' signs.
    pub(crate) signs: [u8; 2],
    /// GA1, GB1 and GA2, GB2.
    pub(crate) gains: [GainIndex; 2],
}

impl Parameters {
    /// Whether P1 has likely arrived as it was sent (§4.1.2).
    pub(crate) fn parity_holds(&self) -> bool {
        pitch::parity(self.lag[0]) == self.parity
    }

    /// Reads a frame. Every pattern of bits is one.
    pub(crate) fn parse(frame: &[u8; FRAME_BYTES]) -> Self {
        let mut bytes = [0; 16];
        bytes[..FRAME_BYTES].copy_from_slice(frame);
        let mut bits = Bits(u128::from_be_bytes(bytes));
        let mut parsed = Self {
            lsf: LsfIndex {
                predictor: bits.pop(1).into(),
                first: bits.pop(7).into(),
                lower: bits.pop(5).into(),
                upper: bits.pop(5).into(),
            },
            ..Self::default()
        };
        for sub in 0..2 {
            parsed.lag[sub] = bits.pop(if sub == 0 { 8 } else { 5 }) as u8;
            if sub == 0 {
                parsed.parity = bits.pop(1) as u8;
            }
            parsed.places[sub] = bits.pop(13);
            parsed.signs[sub] = bits.pop(4) as u8;
            let (first, second) = (bits.pop(3), bits.pop(4));
            parsed.gains[sub] = GainIndex {
                first: GAIN_ROW1[usize::from(first)].into(),
                second: GAIN_ROW2[usize::from(second)].into(),
            };
        }
        parsed
    }

    /// Writes a frame.
    pub(crate) fn write(&self) -> [u8; FRAME_BYTES] {
        let mut bits = Bits(0);
        bits.push(1, self.lsf.predictor as u16);
        bits.push(7, self.lsf.first as u16);
        bits.push(5, self.lsf.lower as u16);
        bits.push(5, self.lsf.upper as u16);
        for sub in 0..2 {
            bits.push(if sub == 0 { 8 } else { 5 }, self.lag[sub].into());
            if sub == 0 {
                bits.push(1, self.parity.into());
            }
            bits.push(13, self.places[sub]);
            bits.push(4, self.signs[sub].into());
            bits.push(3, GAIN_CODE1[self.gains[sub].first].into());
            bits.push(4, GAIN_CODE2[self.gains[sub].second].into());
        }
        let [_, _, _, _, _, _, frame @ ..] = bits.0.to_be_bytes();
        frame
    }
}

/// Bits that are read from the upper end, or written from the lower.
struct Bits(u128);

impl Bits {
    fn push(&mut self, count: u32, value: u16) {
        debug_assert!(u32::from(value) < 1 << count);
        self.0 = self.0 << count | u128::from(value);
    }

    fn pop(&mut self, count: u32) -> u16 {
        self.0 = self.0.rotate_left(count);
        let value = self.0 & ((1 << count) - 1);
        value as u16
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_frame_comes_back(frame: [u8; FRAME_BYTES]) {
            prop_assert_eq!(Parameters::parse(&frame).write(), frame);
        }
    }

    #[test]
    fn fields_lie_in_order_of_transmission() {
        // The sixth frame of ITU's SPEECH.BIT.
        let frame = [0x4b, 0x4d, 0x0b, 0x46, 0x49, 0x46, 0xd9, 0xeb, 0x73, 0x92];
        let parsed = Parameters::parse(&frame);
        assert_eq!(
            parsed.lsf,
            LsfIndex {
                predictor: 0,
                first: 75,
                lower: 9,
                upper: 20
            }
        );
        assert_eq!(parsed.lag, [45, 25]);
        assert!(parsed.parity_holds());
        assert_eq!((parsed.places, parsed.signs), ([1609, 7534], [4, 7]));
    }

    #[test]
    fn parity_sees_a_flipped_upper_bit_of_the_first_lag() {
        let mut frame = [0x4b, 0x4d, 0x0b, 0x46, 0x49, 0x46, 0xd9, 0xeb, 0x73, 0x92];
        frame[2] ^= 0x20;
        assert!(!Parameters::parse(&frame).parity_holds());
    }
}
