//! No input, no bits and no loss stops a coder; and neither depends on anything but its stream.

use g729::{Decoder, Encoder, FRAME_BYTES, Frame};
use proptest::prelude::*;

/// A frame of samples: noise of any level, a constant, or the largest square waves.
fn samples() -> impl Strategy<Value = [i16; 80]> {
    prop_oneof![
        (prop::collection::vec(any::<i16>(), 80), 0..15_u32)
            .prop_map(|(x, shift)| std::array::from_fn(|n| x[n] >> shift)),
        any::<i16>().prop_map(|x| [x; 80]),
        (1..40_usize).prop_map(|half| {
            std::array::from_fn(|n| {
                if n / half % 2 == 0 {
                    i16::MAX
                } else {
                    i16::MIN
                }
            })
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_samples_are_encoded(frames in prop::collection::vec(samples(), 1..20)) {
        let mut encoder = Encoder::new();
        let mut decoder = Decoder::new();
        for frame in frames {
            decoder.decode(Frame::Speech(&encoder.encode(&frame)));
        }
    }

    #[test]
    fn any_bits_and_losses_are_decoded(
        frames in prop::collection::vec(prop::option::weighted(0.8, any::<[u8; FRAME_BYTES]>()), 1..60),
    ) {
        let mut decoder = Decoder::new();
        for frame in &frames {
            decoder.decode(frame.as_ref().map_or(Frame::Erased, Frame::Speech));
        }
    }

    /// Frames that repeat drive the memories to their ends.
    #[test]
    fn the_same_bits_forever_are_decoded(frame: [u8; FRAME_BYTES], other: [u8; FRAME_BYTES]) {
        let mut decoder = Decoder::new();
        for n in 0..200 {
            let frame = match n % 8 {
                5 => Frame::Erased,
                7 => Frame::Speech(&other),
                _ => Frame::Speech(&frame),
            };
            decoder.decode(frame);
        }
    }

    #[test]
    fn a_clone_goes_on_alike(before in samples(), now in samples()) {
        let mut encoder = Encoder::new();
        encoder.encode(&before);
        let mut clone = encoder.clone();
        prop_assert_eq!(encoder.encode(&now), clone.encode(&now));
    }
}
