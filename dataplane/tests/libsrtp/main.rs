//! libsrtp reads what we protect, and we read what it protects; both refuse the same packets.
//!
//! It comes from Debian's libsrtp2-dev; where that or a C compiler is missing, the tests say so.
//! SIXREEL_SRTP_PACKETS sets how many packets of each suite travel each way.
#![cfg(test)]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sixreel_dataplane::srtp::{Keys, Kind, Packet, Receivers, Senders, Suite};

const SSRC: u32 = 0x5eed_0001;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Protect,
    Unprotect,
}

/// What a packet became; `None` if it was refused.
type Outcome = Option<Vec<u8>>;

/// Builds the peer's program; `None` where it cannot be built.
fn build_peer(suite: Suite) -> Option<PathBuf> {
    // Each test builds its own, because each may be a process of its own.
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("libsrtp-{}", suite.name()));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/libsrtp/peer.c");
    let built = Command::new("cc")
        .args(["-O2", "-w", "-o"])
        .arg(&program)
        .args([source, "-lsrtp2"])
        .stderr(Stdio::null())
        .status();
    built
        .is_ok_and(|status| status.success())
        .then_some(program)
}

/// One suite's keys, as both sides want them.
struct Agreement {
    suite: Suite,
    key: Vec<u8>,
    mki: Option<Vec<u8>>,
}

impl Agreement {
    fn keys(&self) -> Keys {
        let keys = Keys::new(self.suite, &self.key).unwrap();
        match &self.mki {
            Some(mki) => keys.with_mki(mki).unwrap(),
            None => keys,
        }
    }

    /// Lets libsrtp work on packets.
    fn peer(&self, program: &Path, work: Work, packets: &[(Kind, Vec<u8>)]) -> Vec<Outcome> {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let mut child = Command::new(program)
            .arg(self.suite.name())
            .arg(hex(&self.key))
            .args(self.mki.iter().map(|mki| hex(mki)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut frames = Vec::new();
        for (kind, packet) in packets {
            frames.push(match (work, kind) {
                (Work::Protect, Kind::Rtp) => b'p',
                (Work::Protect, Kind::Rtcp) => b'P',
                (Work::Unprotect, Kind::Rtp) => b'u',
                (Work::Unprotect, Kind::Rtcp) => b'U',
            });
            frames.extend((packet.len() as u16).to_be_bytes());
            frames.extend(packet);
        }
        let mut input = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || input.write_all(&frames));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(output.status.success(), "{:?}", output.status);
        replies(&output.stdout)
    }

    /// Works on packets ourselves, in batches of changing size.
    fn own(
        &self,
        work: Work,
        packets: &[(Kind, Vec<u8>)],
        random: &mut ChaCha8Rng,
    ) -> Vec<Outcome> {
        let (mut senders, mut receivers) = (Senders::new(1), Receivers::new(1));
        senders.open(0, &self.keys(), SSRC).unwrap();
        receivers.open(0, &self.keys()).unwrap();
        let mut outcomes = Vec::new();
        let mut rest = packets;
        while !rest.is_empty() {
            let (batch, after) =
                rest.split_at(rest.len().min(1 + random.next_u32() as usize % 100));
            rest = after;
            let mut bytes = Vec::new();
            let mut entries = Vec::new();
            for (kind, packet) in batch {
                entries.push(Packet::new(0, *kind, bytes.len(), packet.len()));
                bytes.extend(packet);
                bytes.resize(bytes.len() + senders.overhead(0, *kind), 0);
            }
            match work {
                Work::Protect => senders.protect(&mut bytes, &mut entries),
                Work::Unprotect => receivers.unprotect(&mut bytes, &mut entries),
            }
            outcomes.extend(entries.iter().map(|entry| {
                entry.outcome.ok()?;
                Some(bytes[entry.start..][..entry.len].to_vec())
            }));
        }
        outcomes
    }
}

fn replies(mut bytes: &[u8]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    while let Some((&[status, high, low], rest)) = bytes.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([high, low]));
        outcomes.push((status == 0).then(|| rest[..len].to_vec()));
        bytes = &rest[len..];
    }
    outcomes
}

/// Packets of one sender: RTP with gaps in its numbers, over several rounds of them, and RTCP.
fn packets(count: usize, random: &mut ChaCha8Rng) -> Vec<(Kind, Vec<u8>)> {
    // At least two rounds, however few packets there are.
    let gap = 1 + 2 * 140_000 / count as u32;
    let mut index = random.next_u32() % 32_768;
    let packet = |_| {
        let len = random.next_u32() as usize % 400;
        if random.next_u32().is_multiple_of(10) {
            let mut packet = vec![0x80, 200, 0, 6];
            packet.extend(SSRC.to_be_bytes());
            packet.resize(28 + len / 4 * 4, len as u8);
            return (Kind::Rtcp, packet);
        }
        index += 1 + random.next_u32() % gap;
        let csrcs = random.next_u32() % 3;
        let mut packet = vec![0x80 | csrcs as u8, 0];
        packet.extend((index as u16).to_be_bytes());
        packet.extend(index.wrapping_mul(160).to_be_bytes());
        packet.extend(SSRC.to_be_bytes());
        packet.resize(packet.len() + 4 * csrcs as usize, 0x77);
        let payload = packet.len();
        packet.resize(payload + len, 0);
        random.fill_bytes(&mut packet[payload..]);
        (Kind::Rtp, packet)
    };
    (0..count).map(packet).collect()
}

/// A network: some packets are lost, some damaged, some come late, some twice.
fn travel(sent: &[(Kind, Vec<u8>)], random: &mut ChaCha8Rng) -> Vec<(Kind, Vec<u8>)> {
    let mut arrivals = BTreeMap::new();
    for (number, (kind, packet)) in sent.iter().enumerate() {
        let chance = random.next_u32() % 100;
        let late = if chance < 20 {
            random.next_u32() % 300
        } else {
            0
        };
        let mut packet = packet.clone();
        if chance.is_multiple_of(31) {
            let bit = random.next_u32() as usize % (8 * packet.len());
            packet[bit / 8] ^= 1 << (bit % 8);
        }
        if chance < 97 {
            arrivals.insert((number + late as usize, number, 0), (*kind, packet.clone()));
        }
        if chance.is_multiple_of(9) {
            let again = random.next_u32() as usize % 400;
            arrivals.insert((number + again, number, 1), (*kind, packet));
        }
    }
    arrivals.into_values().collect()
}

fn meet(suite: Suite) {
    let Some(program) = build_peer(suite) else {
        println!("skipped: no libsrtp here (install gcc and libsrtp2-dev)");
        return;
    };
    let count = std::env::var("SIXREEL_SRTP_PACKETS").map_or(4_000, |text| text.parse().unwrap());
    let mut random = ChaCha8Rng::seed_from_u64(suite as u64);
    for named in [false, true] {
        let mut key = vec![0; suite.key_len() + suite.salt_len()];
        random.fill_bytes(&mut key);
        let mki = named.then(|| vec![1, 2, 3, 4]);
        let agreement = Agreement { suite, key, mki };
        let mut plain = packets(count / 2, &mut random);
        if named && suite.rtp_tag_len() == 4 {
            // libsrtp looks for the identifier of SRTCP where SRTP's shorter tag would put it, and
            // cannot read its own.
            plain.retain(|(kind, _)| *kind == Kind::Rtp);
        }

        let ours = agreement.own(Work::Protect, &plain, &mut random);
        assert!(ours.iter().all(Option::is_some));
        let theirs = agreement.peer(&program, Work::Protect, &plain);
        assert!(theirs.iter().all(Option::is_some));

        for sealed in [ours, theirs] {
            let sealed = plain.iter().zip(sealed);
            let sealed: Vec<_> = sealed
                .map(|((kind, _), packet)| (*kind, packet.unwrap()))
                .collect();
            let arrived = travel(&sealed, &mut random);
            let by_us = agreement.own(Work::Unprotect, &arrived, &mut random);
            let by_them = agreement.peer(&program, Work::Unprotect, &arrived);
            assert_eq!(by_us.len(), by_them.len());
            let passed = by_us.iter().flatten().count();
            assert!(passed > plain.len() / 2, "{passed} of {}", plain.len());
            for (number, (us, them)) in by_us.iter().zip(&by_them).enumerate() {
                assert_eq!(
                    us, them,
                    "{suite:?} packet {number}: {:02x?}",
                    arrived[number]
                );
            }
            // What passed is what was sent.
            let mut sent: Vec<_> = plain.iter().map(|(_, packet)| packet).collect();
            sent.sort();
            assert!(
                by_us
                    .iter()
                    .flatten()
                    .all(|packet| sent.binary_search(&packet).is_ok())
            );
        }
    }
}

#[test]
fn aes_cm_128_hmac_sha1_80() {
    meet(Suite::AesCm128HmacSha1_80);
}

#[test]
fn aes_cm_128_hmac_sha1_32() {
    meet(Suite::AesCm128HmacSha1_32);
}

#[test]
fn aes_256_cm_hmac_sha1_80() {
    meet(Suite::AesCm256HmacSha1_80);
}

#[test]
fn aes_256_cm_hmac_sha1_32() {
    meet(Suite::AesCm256HmacSha1_32);
}

#[test]
fn aead_aes_128_gcm() {
    meet(Suite::AeadAes128Gcm);
}

#[test]
fn aead_aes_256_gcm() {
    meet(Suite::AeadAes256Gcm);
}
