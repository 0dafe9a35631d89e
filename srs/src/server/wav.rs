//! WAV files that grow: 16 bits, 8 kHz, one channel.
//!
//! Silence is a hole in the file, so that hours of it cost nothing, and the header can be brought
//! up to date at any time, so that the file of a recording that goes on can be listened to.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;

use crate::stream::RATE;

const HEADER_BYTES: u64 = 44;
const SAMPLE_BYTES: u64 = 2;

/// What fits into one file, whose header counts its bytes in 32 bits: three days.
pub(super) const SAMPLES_MAX: u64 = (u32::MAX as u64 - HEADER_BYTES) / SAMPLE_BYTES;

/// A file that grows.
#[derive(Debug)]
pub(super) struct Wav {
    file: BufWriter<File>,
    samples: u64,
}

impl Wav {
    /// Begins a file, which is empty.
    pub(super) fn new(file: File) -> io::Result<Self> {
        let mut wav = Self {
            file: BufWriter::new(file),
            samples: 0,
        };
        wav.file.write_all(&header(0))?;
        wav.refresh()?;
        Ok(wav)
    }

    /// Adds sound; what does not fit into the file any more is left out.
    pub(super) fn push(&mut self, samples: &[i16]) -> io::Result<()> {
        let room = SAMPLES_MAX - self.samples;
        let count = room.min(samples.len() as u64);
        let samples = &samples[..count as usize];
        let bytes: Vec<_> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        self.file.write_all(&bytes)?;
        self.samples += count;
        Ok(())
    }

    /// Adds silence.
    pub(super) fn push_silence(&mut self, samples: u64) -> io::Result<()> {
        self.samples += samples.min(SAMPLES_MAX - self.samples);
        let end = HEADER_BYTES + self.samples * SAMPLE_BYTES;
        // This writes what is buffered first.
        self.file.seek(SeekFrom::Start(end))?;
        self.file.get_ref().set_len(end)
    }

    /// Brings what is on disk up to date.
    pub(super) fn refresh(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().write_all_at(&header(self.samples), 0)
    }

    /// Ends a file that takes no more: what came to the disk can be listened to.
    pub(super) fn salvage(self) -> io::Result<()> {
        let (file, _unwritten) = self.file.into_parts();
        let bytes = file.metadata()?.len().saturating_sub(HEADER_BYTES);
        file.write_all_at(&header(bytes / SAMPLE_BYTES), 0)
    }

    /// Whether nothing more fits.
    pub(super) const fn is_full(&self) -> bool {
        self.samples == SAMPLES_MAX
    }
}

/// RIFF header of a file with so many samples.
fn header(samples: u64) -> [u8; HEADER_BYTES as usize] {
    let bytes = (samples * SAMPLE_BYTES) as u32;
    let parts: [&[u8]; 13] = [
        b"RIFF",
        &(bytes + HEADER_BYTES as u32 - 8).to_le_bytes(),
        b"WAVE",
        b"fmt ",
        &16_u32.to_le_bytes(),
        // Linear samples, one channel.
        &1_u16.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &RATE.to_le_bytes(),
        &(RATE * SAMPLE_BYTES as u32).to_le_bytes(),
        &(SAMPLE_BYTES as u16).to_le_bytes(),
        &(8 * SAMPLE_BYTES as u16).to_le_bytes(),
        b"data",
        &bytes.to_le_bytes(),
    ];
    let parts = parts.concat();
    parts.try_into().expect("the parts are 44 bytes long")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use super::*;

    /// As a foreign reader has it.
    fn read(path: &Path) -> Vec<i16> {
        let mut reader = hound::WavReader::open(path).unwrap();
        let spec = reader.spec();
        assert_eq!((spec.sample_rate, spec.channels), (8000, 1));
        assert_eq!(spec.bits_per_sample, 16);
        reader.samples().map(Result::unwrap).collect()
    }

    #[test]
    fn a_growing_file_can_be_read_at_any_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let mut wav = Wav::new(File::create(&path).unwrap()).unwrap();
        assert!(read(&path).is_empty());
        wav.push(&[1, -2, i16::MAX]).unwrap();
        wav.push_silence(2).unwrap();
        wav.refresh().unwrap();
        assert_eq!(read(&path), [1, -2, i16::MAX, 0, 0]);
        wav.push(&[i16::MIN]).unwrap();
        wav.push_silence(0).unwrap();
        wav.push(&[4]).unwrap();
        wav.refresh().unwrap();
        assert_eq!(read(&path), [1, -2, i16::MAX, 0, 0, i16::MIN, 4]);
    }

    #[test]
    fn what_came_to_the_disk_can_be_listened_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let mut wav = Wav::new(File::create(&path).unwrap()).unwrap();
        // More than is buffered.
        wav.push(&[7; 10_000]).unwrap();
        wav.push(&[8; 5]).unwrap();
        assert!(read(&path).is_empty());
        wav.salvage().unwrap();
        assert_eq!(read(&path), [7; 10_000]);
    }

    #[test]
    fn silence_costs_nothing_and_a_full_file_takes_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let mut wav = Wav::new(File::create(&path).unwrap()).unwrap();
        wav.push_silence(SAMPLES_MAX - 2).unwrap();
        assert!(!wav.is_full());
        wav.push(&[1, 2, 3]).unwrap();
        wav.push_silence(5).unwrap();
        wav.refresh().unwrap();
        assert!(wav.is_full());
        let metadata = path.metadata().unwrap();
        assert_eq!(metadata.len(), u64::from(u32::MAX) & !1);
        assert!(
            metadata.blocks() * 512 < 1 << 20,
            "{} blocks",
            metadata.blocks()
        );
        assert_eq!(
            u64::from(hound::WavReader::open(&path).unwrap().duration()),
            SAMPLES_MAX
        );
    }
}
