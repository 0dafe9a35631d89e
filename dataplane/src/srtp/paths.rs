//! Every path gives the same bytes as the portable one, which stands for what is right.

use proptest::prelude::*;

use super::testing::keys;
use super::*;

/// Sessions with each suite, some with a key identifier.
const PLACES: u32 = 18;

fn key(place: u32) -> Keys {
    let keys = keys(Suite::ALL[place as usize % 6], place as u8 * 13 + 1);
    if place % 5 == 4 {
        return keys.with_mki(&[1, 2, 3]).unwrap();
    }
    keys
}

fn tables(path: Path) -> (Senders, Receivers) {
    assert!(path.is_available());
    let mut senders = Senders::with_path(PLACES, path);
    let mut receivers = Receivers::with_path(PLACES, path);
    for place in 0..PLACES {
        senders.open(place, &key(place), place).unwrap();
        receivers.open(place, &key(place)).unwrap();
    }
    (senders, receivers)
}

fn fast_paths() -> Vec<Path> {
    let paths = Path::ALL.into_iter().skip(1);
    let (there, missing): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_available());
    for path in missing {
        println!("skipped: this processor has no {path}");
    }
    there
}

/// A packet of a sender, with contributors and an extension if wanted.
fn packet(place: u32, sequence: u16, csrcs: u8, extension: Option<u8>, len: usize) -> Vec<u8> {
    let extended = u8::from(extension.is_some()) << 4;
    let mut packet = vec![0x80 | extended | csrcs, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend([sequence as u8; 4]);
    packet.extend(place.to_be_bytes());
    packet.resize(12 + 4 * usize::from(csrcs), 0x33);
    if let Some(words) = extension {
        packet.extend([0xbe, 0xde, 0, words]);
        packet.resize(packet.len() + 4 * usize::from(words), 0x44);
    }
    packet.extend((0..len).map(|at| (at as u8).wrapping_mul(31) ^ sequence as u8));
    packet
}

/// Packets side by side, with room behind each that says whether more was written.
fn lay(packets: &[(u32, Vec<u8>)], senders: &Senders) -> (Vec<u8>, Vec<Packet>) {
    let mut bytes = vec![0xfe; 3];
    let mut entries = Vec::new();
    for (place, packet) in packets {
        entries.push(Packet::new(*place, Kind::Rtp, bytes.len(), packet.len()));
        bytes.extend(packet);
        let room = senders.overhead(*place, Kind::Rtp) + 5;
        bytes.resize(bytes.len() + room, 0xfe);
    }
    (bytes, entries)
}

/// Protects packets on a path and by the portable one, damages some, and opens them on both.
fn compare(path: Path, batches: &[Vec<(u32, Vec<u8>)>], damage: impl Fn(usize) -> Option<usize>) {
    let (mut senders, mut receivers) = tables(path);
    let (mut right_senders, mut right_receivers) = tables(Path::Portable);
    for packets in batches {
        let (mut bytes, mut entries) = lay(packets, &senders);
        let (mut right_bytes, mut right_entries) = (bytes.clone(), entries.clone());
        senders.protect(&mut bytes, &mut entries);
        right_senders.protect(&mut right_bytes, &mut right_entries);
        assert_eq!(entries, right_entries, "{path}");
        for entry in &entries {
            let range = entry.start..entry.start + entry.len;
            let right = &right_bytes[range.clone()];
            assert_eq!(&bytes[range], right, "{path} {:?}", key(entry.place));
        }
        assert_eq!(bytes, right_bytes, "{path}: nothing else was written");

        for (number, entry) in entries.iter().enumerate() {
            if let Some(bit) = damage(number) {
                let bit = bit % (8 * entry.len);
                bytes[entry.start + bit / 8] ^= 1 << (bit % 8);
            }
        }
        right_bytes.copy_from_slice(&bytes);
        receivers.unprotect(&mut bytes, &mut entries);
        right_receivers.unprotect(&mut right_bytes, &mut right_entries);
        assert_eq!(entries, right_entries, "{path}");
        assert_eq!(
            bytes, right_bytes,
            "{path}: what was refused stays as it was"
        );
    }
}

#[test]
fn every_length_of_every_suite() {
    for path in fast_paths() {
        for place in 0..6 {
            // Batches of changing size, so that groups are full, partial, and alone.
            let mut batches = vec![Vec::new()];
            for len in 0..=1_500 {
                let batch = batches.last_mut().expect("one is there");
                // The same length twice, so that lengths share a class and differ in it.
                for twice in 0..2 {
                    let sequence = 65_000 + 2 * len as u32 + twice;
                    batch.push((place, packet(place, sequence as u16, 0, None, len)));
                }
                if len % 97 > 60 {
                    batches.push(Vec::new());
                }
            }
            compare(path, &batches, |number| {
                (number % 50 == 7).then_some(number * 97)
            });
        }
    }
}

#[test]
fn every_size_of_a_group() {
    for path in fast_paths() {
        for place in 0..6 {
            let mut sequence = 7;
            let batches: Vec<Vec<_>> = (1..70)
                .map(|size| {
                    let packets = (0..size).map(|_| {
                        sequence += 1;
                        (place, packet(place, sequence, 2, None, 160))
                    });
                    packets.collect()
                })
                .collect();
            compare(path, &batches, |_| None);
        }
    }
}

type Step = (u32, u16, u8, Option<u8>, usize);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_mix(
        steps in prop::collection::vec(
            (0..PLACES, 1..9_000u16, 0..16u8, prop::option::weighted(0.2, 0..20u8), 0..1_501usize),
            0..700,
        ),
        few_lengths: bool,
        damage in prop::collection::vec(prop::option::weighted(0.05, any::<u16>()), 700),
    ) {
        let steps: Vec<Step> = steps;
        let mut sequences = [0u16; PLACES as usize];
        let packets = steps.iter().map(|(place, ahead, csrcs, extension, len)| {
            let sequence = &mut sequences[*place as usize];
            *sequence = sequence.wrapping_add(*ahead);
            let len = if few_lengths { 20 * (len % 3) } else { *len };
            (*place, packet(*place, *sequence, *csrcs, *extension, len))
        }).collect();
        for path in fast_paths() {
            compare(path, &[Vec::clone(&packets)], |number| damage[number].map(usize::from));
        }
    }
}
