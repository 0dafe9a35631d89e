//! ITU's Annex A vectors, byte for byte. They may not be distributed with the crate: the folder is
//! named by `G729_VECTORS`.

use crate::vectors::{frames, payloads, vectors};
use g729::{Decoder, Encoder, Frame};

#[test]
fn encoder_vectors() {
    let Some(folder) = vectors() else { return };
    for name in ["ALGTHM", "FIXED", "LSP", "PITCH", "SPEECH", "TAME", "TEST"] {
        let expected = payloads(folder.join(format!("{name}.BIT")));
        let input = frames(folder.join(format!("{name}.IN")));
        assert_eq!(input.len(), expected.len());
        let mut encoder = Encoder::new();
        for (n, (samples, expected)) in input.iter().zip(expected).enumerate() {
            assert_eq!(Some(encoder.encode(samples)), expected, "{name}, frame {n}");
        }
    }
}

#[test]
fn decoder_vectors() {
    let Some(folder) = vectors() else { return };
    for (name, suffix) in [
        ("ALGTHM", "PST"),
        ("ERASURE", "PST"),
        ("FIXED", "PST"),
        ("LSP", "PST"),
        ("OVERFLOW", "PST"),
        ("PARITY", "PST"),
        ("PITCH", "PST"),
        ("SPEECH", "PST"),
        ("TAME", "PST"),
        ("TEST", "pst"),
    ] {
        let input = payloads(folder.join(format!("{name}.BIT")));
        let expected = frames(folder.join(format!("{name}.{suffix}")));
        assert_eq!(input.len(), expected.len());
        let mut decoder = Decoder::new();
        for (n, (payload, expected)) in input.iter().zip(expected).enumerate() {
            let frame = payload.as_ref().map_or(Frame::Erased, Frame::Speech);
            assert_eq!(decoder.decode(frame), expected, "{name}, frame {n}");
        }
    }
}
