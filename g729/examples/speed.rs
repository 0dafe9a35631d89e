//! Prints how long a frame of 10 ms takes: the scalar coders, and a sixteenth of each batch.
//!
//! ```sh
//! cargo run --release --example speed -- speech.raw   # 8 kHz, mono, 16 bits, little-endian
//! ```

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
#![expect(
    clippy::print_stdout,
    reason = "its figures are for the person who asked"
)]

use std::time::Instant;

use g729::{Decoder, Encoder, FRAME_SAMPLES, Frame};

type Samples = [i16; FRAME_SAMPLES];

fn main() -> Result<(), String> {
    let path = std::env::args()
        .nth(1)
        .ok_or("say which file of raw samples to encode")?;
    let bytes = std::fs::read(&path).map_err(|e| format!("cannot read {path}: {e}"))?;
    let samples: Vec<i16> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|x| i16::from_le_bytes(*x))
        .collect();
    let frames: &[Samples] = samples.as_chunks().0;
    if frames.is_empty() {
        return Err(format!(
            "{path} is shorter than a frame of {FRAME_SAMPLES} samples"
        ));
    }

    let mut payloads = Vec::new();
    report("encode", frames.len(), || {
        let mut encoder = Encoder::new();
        payloads = frames.iter().map(|frame| encoder.encode(frame)).collect();
    });
    report("decode", frames.len(), || {
        let mut decoder = Decoder::new();
        for payload in &payloads {
            std::hint::black_box(decoder.decode(Frame::Speech(payload)));
        }
    });
    #[cfg(target_arch = "x86_64")]
    batches(frames);
    Ok(())
}

/// Each lane is at another place of the file; both frames of a packet are encoded in one visit.
#[cfg(target_arch = "x86_64")]
fn batches(frames: &[Samples]) {
    use g729::{EncoderBatch, LANES, Path};

    for path in Path::ALL {
        let Some(start) = EncoderBatch::with_path(path) else {
            continue;
        };
        report(&format!("encode, {path:?}"), frames.len() * LANES, || {
            let mut batch = start.clone();
            for n in 0..frames.len() {
                let samples = std::array::from_fn(|lane| &frames[(n + 233 * lane) % frames.len()]);
                std::hint::black_box(batch.encode(&samples));
            }
        });
    }
}

/// The least time of several runs, per frame.
fn report(what: &str, count: usize, mut run: impl FnMut()) {
    let least = (0..7)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_nanos()
        })
        .min()
        .unwrap_or_default();
    println!("{what:20} {:6} ns", least / count as u128);
}
