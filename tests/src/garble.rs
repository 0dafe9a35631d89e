//! Bytes that were right once.

use sixreel_controlplane::random::Random;

/// What decoders trip over.
const BITES: [&[u8]; 12] = [
    b"\r\n\r\n",
    b"\r\n",
    b"\0",
    b"%00",
    b"<![CDATA[",
    b"&#0;",
    b"]]>",
    b"\"",
    b"-1",
    b"99999999999999999999",
    b"\xff\xfe\x80",
    b"{}[],:",
];

/// Does one to four small things to `bytes`, or says something else altogether.
pub fn garble(bytes: &mut Vec<u8>, random: &mut Random) {
    if random.below(20) == 0 {
        let len = random.below(64);
        *bytes = (0..len).map(|_| random.u32() as u8).collect();
        return;
    }
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = random.below(bytes.len() as u64) as usize;
        let to = (at + random.below(40) as usize).min(bytes.len());
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.u32() as u8,
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..to)),
            4 => {
                let piece = bytes[at..to].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let bite = BITES[random.below(BITES.len() as u64) as usize];
                bytes.splice(at..at, bite.iter().copied());
            }
        }
    }
}
