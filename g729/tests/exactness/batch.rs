//! Sixteen lanes against sixteen scalar encoders.

use g729::{Encoder, EncoderBatch, LANES, Path};

use crate::signals::signal;
use crate::vectors::{frames, vectors};

/// Encodes streams side by side, each from its own place on, on every path that this machine has,
/// and compares every frame.
fn compare(streams: &[(&str, Vec<[i16; 80]>)], count: usize) {
    let mut batches: Vec<EncoderBatch> = Path::ALL
        .into_iter()
        .filter_map(EncoderBatch::with_path)
        .collect();
    let mut encoders: [Encoder; LANES] = core::array::from_fn(|_| Encoder::new());
    for n in 0..count {
        let samples: [&[i16; 80]; LANES] = core::array::from_fn(|lane| {
            let (_, stream) = &streams[lane % streams.len()];
            &stream[(n + 97 * (lane / streams.len())) % stream.len()]
        });
        let expected: [[u8; 10]; LANES] =
            core::array::from_fn(|lane| encoders[lane].encode(samples[lane]));
        for batch in &mut batches {
            let found = batch.encode(&samples);
            for lane in 0..LANES {
                let (name, path) = (streams[lane % streams.len()].0, batch.path());
                assert_eq!(
                    found[lane], expected[lane],
                    "{name}, {path:?} {lane}, frame {n}"
                );
            }
        }
    }
    for batch in batches {
        println!(
            "{:?}: {} of {} frames alone",
            batch.path(),
            batch.alone(),
            count * LANES
        );
    }
}

#[test]
fn generated_signals() {
    let names = [
        "noise-full",
        "noise-mid",
        "noise-low",
        "square-full",
        "silence",
        "alternating",
        "sine-440",
        "sine-300-loud",
        "sine-1004",
        "sine-3400",
        "sine-60",
        "bursts",
        "pulses",
    ];
    let streams = names.map(|name| (name, signal(name)));
    compare(&streams, 2000);
}

#[test]
fn itu_vectors() {
    let Some(folder) = vectors() else { return };
    let names = ["ALGTHM", "FIXED", "LSP", "PITCH", "SPEECH", "TAME", "TEST"];
    let streams = names.map(|name| (name, frames(folder.join(format!("{name}.IN")))));
    compare(&streams, 3750);
}
