//! Converts speech between WAV (8 kHz, mono, 16 bits) and raw G.729 (10 bytes each 10 ms).
//!
//! ```sh
//! cargo run --release --example g729 -- speech.wav speech.g729
//! cargo run --release --example g729 -- speech.g729 speech.wav
//! ```

use std::path::Path;
use std::process::ExitCode;

use g729::{Decoder, Encoder, FRAME_BYTES, FRAME_SAMPLES, Frame};

const RATE: u32 = 8000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            #[expect(
                clippy::print_stderr,
                reason = "the person who typed the command reads it"
            )]
            {
                eprintln!("g729: {message}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let [from, to] = arguments else {
        return Err("say what to convert: g729 IN.wav OUT.g729, or g729 IN.g729 OUT.wav".into());
    };
    let input = std::fs::read(from).map_err(|e| format!("cannot read {from}: {e}"))?;
    let output = match (extension(from), extension(to)) {
        ("wav", "g729") => encode(&parse_wav(&input).map_err(|e| format!("{from}: {e}"))?),
        ("g729", "wav") => write_wav(&decode(&input)),
        _ => return Err("one file has to end in .wav and the other in .g729".into()),
    };
    std::fs::write(to, output).map_err(|e| format!("cannot write {to}: {e}"))
}

fn extension(path: &str) -> &str {
    Path::new(path)
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default()
}

/// Encodes samples; silence fills up the last frame.
fn encode(samples: &[i16]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    let frames = samples.chunks(FRAME_SAMPLES).map(|chunk| {
        let mut frame = [0; FRAME_SAMPLES];
        frame[..chunk.len()].copy_from_slice(chunk);
        encoder.encode(&frame)
    });
    frames.flatten().collect()
}

/// Decodes frames; a last one that was cut short counts as lost.
fn decode(bytes: &[u8]) -> Vec<i16> {
    let mut decoder = Decoder::new();
    let frames = bytes
        .chunks(FRAME_BYTES)
        .map(|chunk| match chunk.try_into() {
            Ok(frame) => decoder.decode(Frame::Speech(frame)),
            Err(_) => decoder.decode(Frame::Erased),
        });
    frames.flatten().collect()
}

/// The samples of a WAV file.
fn parse_wav(file: &[u8]) -> Result<Vec<i16>, String> {
    if file.get(..4) != Some(b"RIFF") || file.get(8..12) != Some(b"WAVE") {
        return Err("not a WAV file: it does not begin with RIFF and WAVE".into());
    }
    let mut rest = &file[12..];
    let mut format_seen = false;
    while let Some((header, body)) = rest.split_first_chunk::<8>() {
        let [kind @ .., a, b, c, d] = *header;
        let len = u32::from_le_bytes([a, b, c, d]) as usize;
        let chunk = &body[..len.min(body.len())];
        match &kind {
            b"fmt " => {
                check_format(chunk)?;
                format_seen = true;
            }
            b"data" if format_seen => {
                return Ok(chunk
                    .as_chunks()
                    .0
                    .iter()
                    .map(|x| i16::from_le_bytes(*x))
                    .collect());
            }
            b"data" => return Err("its data chunk comes before its fmt chunk".into()),
            _ => {}
        }
        // Chunks begin at even places.
        rest = body.get(len + len % 2..).unwrap_or_default();
    }
    Err("it has no data chunk".into())
}

fn check_format(chunk: &[u8]) -> Result<(), String> {
    let (words, _) = chunk.as_chunks::<2>();
    let words: Vec<u16> = words.iter().map(|word| u16::from_le_bytes(*word)).collect();
    let [format, channels, rate_low, rate_high, _, _, _, bits, ..] = words[..] else {
        return Err("its fmt chunk is shorter than 16 bytes".into());
    };
    let rate = u32::from(rate_high) << 16 | u32::from(rate_low);
    // 0xfffe is PCM too, with a longer header.
    if !matches!(format, 1 | 0xfffe) || channels != 1 || rate != RATE || bits != 16 {
        return Err(format!(
            "format {format}, {channels} channels, {rate} Hz, {bits} bits; it has to be PCM \
             (format 1), 1 channel, {RATE} Hz, 16 bits"
        ));
    }
    Ok(())
}

/// A WAV file of samples.
fn write_wav(samples: &[i16]) -> Vec<u8> {
    let data_len = samples.len() as u32 * 2;
    let mut file = Vec::new();
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + data_len).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16_u32.to_le_bytes());
    for word in [1, 1] {
        file.extend_from_slice(&u16::to_le_bytes(word));
    }
    for word in [RATE, RATE * 2] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    for word in [2, 16] {
        file.extend_from_slice(&u16::to_le_bytes(word));
    }
    file.extend_from_slice(b"data");
    file.extend_from_slice(&data_len.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_file_comes_back() {
        let samples: Vec<i16> = (-80..80).collect();
        assert_eq!(parse_wav(&write_wav(&samples)).unwrap(), samples);
    }

    #[test]
    fn a_cut_or_foreign_file_is_told_so() {
        let file = write_wav(&[1; 80]);
        for len in 0..file.len() {
            let _ = parse_wav(&file[..len]);
        }
        assert!(parse_wav(&file[..36]).unwrap_err().contains("no data"));
        let mut stereo = file;
        stereo[22] = 2;
        assert!(parse_wav(&stereo).unwrap_err().contains("2 channels"));
        assert!(parse_wav(b"OggS").unwrap_err().contains("RIFF"));
    }

    #[test]
    fn ten_milliseconds_are_ten_bytes() {
        assert_eq!(encode(&[0; 161]).len(), 30);
        assert_eq!(decode(&[0; 25]).len(), 240);
    }
}
