//! G.711 (ITU-T G.711, 11/88): µ-law and A-law, by tables.
//!
//! Samples are 16 bits wide with full scale at the codec's own overload point. Decoding and
//! encoding again gives the same byte, except that µ-law's negative zero becomes its positive one.

/// Decodes one µ-law byte a sample; both slices have the same length.
pub fn decode_ulaw(bytes: &[u8], out: &mut [i16]) {
    for (out, byte) in out.iter_mut().zip(bytes) {
        *out = ULAW_DECODED[usize::from(*byte)];
    }
}

/// Encodes one µ-law byte a sample; both slices have the same length.
pub fn encode_ulaw(samples: &[i16], out: &mut [u8]) {
    for (out, sample) in out.iter_mut().zip(samples) {
        *out = ULAW_ENCODED[usize::from(*sample as u16 >> 2)];
    }
}

/// Decodes one A-law byte a sample; both slices have the same length.
pub fn decode_alaw(bytes: &[u8], out: &mut [i16]) {
    for (out, byte) in out.iter_mut().zip(bytes) {
        *out = ALAW_DECODED[usize::from(*byte)];
    }
}

/// Encodes one A-law byte a sample; both slices have the same length.
pub fn encode_alaw(samples: &[i16], out: &mut [u8]) {
    for (out, sample) in out.iter_mut().zip(samples) {
        *out = ALAW_ENCODED[usize::from(*sample as u16 >> 4)];
    }
}

static ULAW_DECODED: [i16; 256] = ulaw_decoded();
static ALAW_DECODED: [i16; 256] = alaw_decoded();
/// By the upper 14 bits of a sample, all that µ-law looks at.
static ULAW_ENCODED: [u8; 1 << 14] = ulaw_encoded();
/// By the upper 12 bits of a sample, all that A-law looks at.
static ALAW_ENCODED: [u8; 1 << 12] = alaw_encoded();

/// G.711 table 2: 14-bit magnitudes are the biased ones less 33.
const fn ulaw_decoded() -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let code = !(byte as u8);
        let (segment, step) = ((code >> 4) & 7, (code & 15) as i16);
        let magnitude = (((step << 1) + 33) << segment) - 33;
        table[byte] = 4 * if code & 0x80 == 0 {
            magnitude
        } else {
            -magnitude
        };
        byte += 1;
    }
    table
}

const fn ulaw_encoded() -> [u8; 1 << 14] {
    let mut table = [0; 1 << 14];
    let mut magnitude: u32 = 0;
    while magnitude < 1 << 13 {
        let biased = if magnitude > 8158 {
            8191
        } else {
            magnitude + 33
        };
        let segment = biased.ilog2() - 5;
        let step = (biased >> (segment + 1)) & 15;
        let code = (segment << 4 | step) as u8;
        table[magnitude as usize] = !code;
        // The one's complement, so that each negative interval mirrors a positive one.
        table[(1 << 14) - 1 - magnitude as usize] = !(code | 0x80);
        magnitude += 1;
    }
    table
}

/// G.711 table 1: even bits are inverted, the sign bit is set for positive values.
const fn alaw_decoded() -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let code = byte as u8 ^ 0x55;
        let (segment, step) = ((code >> 4) & 7, (code & 15) as i16);
        let magnitude = match segment {
            0 => (step << 1) + 1,
            _ => ((step << 1) + 33) << (segment - 1),
        };
        table[byte] = 8 * if code & 0x80 != 0 {
            magnitude
        } else {
            -magnitude
        };
        byte += 1;
    }
    table
}

const fn alaw_encoded() -> [u8; 1 << 12] {
    let mut table = [0; 1 << 12];
    let mut magnitude: u32 = 0;
    while magnitude < 1 << 11 {
        let code = match magnitude >> 4 {
            0 => magnitude,
            _ => {
                let segment = magnitude.ilog2() - 3;
                segment << 4 | (magnitude >> (segment - 1)) & 15
            }
        } as u8;
        table[magnitude as usize] = (code | 0x80) ^ 0x55;
        table[(1 << 12) - 1 - magnitude as usize] = code ^ 0x55;
        magnitude += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    type Law = (fn(&[u8], &mut [i16]), fn(&[i16], &mut [u8]));
    const LAWS: [Law; 2] = [(decode_ulaw, encode_ulaw), (decode_alaw, encode_alaw)];

    fn decoded(law: &Law, byte: u8) -> i16 {
        let mut out = [0];
        law.0(&[byte], &mut out);
        out[0]
    }

    fn encoded(law: &Law, sample: i16) -> u8 {
        let mut out = [0];
        law.1(&[sample], &mut out);
        out[0]
    }

    #[test]
    fn the_decision_values_are_those_of_the_recommendation() {
        // Table 2: code, decoder output on the 14-bit scale.
        for (byte, value) in [
            (0x80, 8031),
            (0x8f, 4191),
            (0x9f, 2079),
            (0xaf, 1023),
            (0xbf, 495),
            (0xcf, 231),
            (0xdf, 99),
            (0xef, 33),
            (0xfe, 2),
            (0xff, 0),
            (0x7f, 0),
            (0x00, -8031),
        ] {
            assert_eq!(decoded(&LAWS[0], byte), value * 4, "µ-law {byte:#04x}");
        }
        // Table 1 gives them on the 13-bit scale, before the even bits are inverted.
        for (code, value) in [
            (0xff, 4032),
            (0xf0, 2112),
            (0xe0, 1056),
            (0xd0, 528),
            (0xc0, 264),
            (0xb0, 132),
            (0xa0, 66),
            (0x90, 33),
            (0x80, 1),
            (0x00, -1),
            (0x7f, -4032),
        ] {
            assert_eq!(
                decoded(&LAWS[1], code ^ 0x55),
                value * 8,
                "A-law {code:#04x}"
            );
        }
    }

    #[test]
    fn every_sample_is_coded_as_the_nearest_value_of_its_interval() {
        for law in &LAWS {
            for sample in i16::MIN..=i16::MAX {
                let byte = encoded(law, sample);
                let error = i32::from(decoded(law, byte)) - i32::from(sample);
                let step = (i32::from(sample).abs() + 132) / 16;
                let clipped = !(-32_124..=32_124).contains(&sample);
                assert!(error.abs() <= step / 2 + 8 || clipped, "{sample}: {error}");
            }
        }
    }

    #[test]
    fn coding_is_monotonic() {
        for law in &LAWS {
            let mut before = i16::MIN;
            for sample in i16::MIN..=i16::MAX {
                let now = decoded(law, encoded(law, sample));
                assert!(now >= before, "{sample}");
                before = now;
            }
        }
    }

    #[test]
    fn decoding_and_encoding_again_gives_the_same_byte() {
        for byte in 0..=255 {
            let again = LAWS.map(|law| encoded(&law, decoded(&law, byte)));
            let positive_zero = if byte == 0x7f { 0xff } else { byte };
            assert_eq!(again, [positive_zero, byte]);
        }
    }

    #[test]
    fn silence_has_its_well_known_bytes() {
        assert_eq!(LAWS.map(|law| encoded(&law, 0)), [0xff, 0xd5]);
    }
}
