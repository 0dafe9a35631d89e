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
        frames in prop::collection::vec(
            prop::option::weighted(0.8, any::<[u8; FRAME_BYTES]>()),
            1..60,
        ),
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

/// Numbers from a seed.
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn sample(&mut self) -> i16 {
        self.below(1 << 16) as u16 as i16
    }

    /// A kind of signal, how quiet it is, and its period.
    fn kind(&mut self) -> (u64, u64, usize) {
        (self.below(6), self.below(16), 1 + self.below(79) as usize)
    }

    /// Noise, a pulse train, a constant, a square wave, a tone or silence.
    fn frame(&mut self, (kind, shift, period): (u64, u64, usize)) -> [i16; 80] {
        let level = self.sample() >> shift;
        std::array::from_fn(|n| match kind {
            0 => self.sample() >> shift,
            1 if n % period == 0 => level,
            2 => level,
            3 if n / period % 2 == 0 => level,
            3 => level.saturating_neg(),
            4 => {
                ((n as f64 * std::f64::consts::TAU / period as f64).sin() * f64::from(level)) as i16
            }
            _ => 0,
        })
    }
}

#[cfg(target_arch = "x86_64")]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever the streams are and whichever lanes they change to.
    #[test]
    fn lanes_are_scalar_encoders(seed: u64) {
        use g729::{EncoderBatch, LANES, Path};

        let mut draws = Draws(seed);
        let mut batches: Vec<EncoderBatch> =
            Path::ALL.into_iter().filter_map(EncoderBatch::with_path).collect();
        let mut encoders: [Encoder; LANES] = std::array::from_fn(|_| Encoder::new());
        let mut kinds: [_; LANES] = std::array::from_fn(|_| draws.kind());
        for n in 0..60 {
            for kind in &mut kinds {
                if draws.below(6) == 0 {
                    *kind = draws.kind();
                }
            }
            let frames: [[i16; 80]; LANES] = std::array::from_fn(|lane| draws.frame(kinds[lane]));
            let samples = frames.each_ref();
            let expected: [[u8; FRAME_BYTES]; LANES] =
                std::array::from_fn(|lane| encoders[lane].encode(samples[lane]));
            for batch in &mut batches {
                let found = batch.encode(&samples);
                prop_assert_eq!(found, expected, "{:?}, frame {}", batch.path(), n);
            }
            let (from, to) = (draws.below(16) as usize, draws.below(16) as usize);
            for batch in &mut batches {
                batch.set(to, &batch.get(from));
            }
            encoders[to] = encoders[from].clone();
        }
    }
}
