//! Sixteen lanes against sixteen scalar encoders.

use g729::{Encoder, EncoderBatch, LANES};

use crate::signals::signal;
use crate::vectors::{frames, vectors};

/// Encodes streams side by side, each from its own place on, and compares every frame.
fn compare(streams: &[(&str, Vec<[i16; 80]>)], count: usize) -> u64 {
    let mut batch = EncoderBatch::new();
    let mut encoders: [Encoder; LANES] = core::array::from_fn(|_| Encoder::new());
    for n in 0..count {
        let samples: [&[i16; 80]; LANES] = core::array::from_fn(|lane| {
            let (_, stream) = &streams[lane % streams.len()];
            &stream[(n + 97 * (lane / streams.len())) % stream.len()]
        });
        let found = batch.encode(&samples);
        for lane in 0..LANES {
            let name = streams[lane % streams.len()].0;
            let expected = encoders[lane].encode(samples[lane]);
            assert_eq!(found[lane], expected, "{name}, lane {lane}, frame {n}");
        }
    }
    batch.alone()
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
    let alone = compare(&streams, 2000);
    println!("{alone} of {} frames alone", 2000 * LANES);
}

#[test]
fn itu_vectors() {
    let Some(folder) = vectors() else { return };
    let names = ["ALGTHM", "FIXED", "LSP", "PITCH", "SPEECH", "TAME", "TEST"];
    let streams = names.map(|name| (name, frames(folder.join(format!("{name}.IN")))));
    let alone = compare(&streams, 3750);
    println!("{alone} of {} frames alone", 3750 * LANES);
    let alone = compare(&streams[4..5], 1000);
    println!("speech: {alone} of {} frames alone", 1000 * LANES);
}
