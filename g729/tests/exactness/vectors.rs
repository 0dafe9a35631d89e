//! Where ITU's vectors are, and how they are read.

use std::path::PathBuf;

/// The folder with ITU's Annex A vectors (`G729_VECTORS`, or one beside the checkout), or `None`
/// and a line that says so.
pub(crate) fn vectors() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/g729/annexA");
    let folder =
        std::env::var_os("G729_VECTORS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!(
        "skipped: no vectors at {} (G729_VECTORS names the folder)",
        folder.display()
    );
    None
}

/// A file of 16-bit little-endian words.
fn words(path: PathBuf) -> Vec<u16> {
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

/// The samples of a file, in frames; a last one that is not whole is left out.
pub(crate) fn frames(path: PathBuf) -> Vec<[i16; 80]> {
    let samples: Vec<i16> = words(path).into_iter().map(|word| word as i16).collect();
    samples
        .chunks_exact(80)
        .map(|frame| frame.try_into().unwrap())
        .collect()
}

/// The frames of a .BIT file, a word for each bit; `None` for one that is erased.
pub(crate) fn payloads(path: PathBuf) -> Vec<Option<[u8; 10]>> {
    words(path)
        .chunks_exact(82)
        .map(|words| {
            assert_eq!(words[..2], [0x6b21, 80]);
            let bits = &words[2..];
            if bits.contains(&0) {
                return None;
            }
            let byte = |bits: &[u16]| {
                bits.iter()
                    .fold(0, |byte, bit| byte << 1 | u8::from(*bit == 0x81))
            };
            Some(std::array::from_fn(|n| byte(&bits[8 * n..8 * n + 8])))
        })
        .collect()
}
