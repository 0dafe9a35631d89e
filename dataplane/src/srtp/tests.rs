//! How the room behaves, through its door.

use proptest::prelude::*;

use super::testing::*;
use super::*;

const SSRC: u32 = 0xcafe_f00d;

/// Each suite with and without a key identifier.
fn all_keys() -> impl Iterator<Item = Keys> {
    Suite::ALL.into_iter().flat_map(|suite| {
        let named = keys(suite, 2).with_mki(&[7, 8, 9]).unwrap();
        [keys(suite, 1), named]
    })
}

#[test]
fn packets_come_back_as_they_were() {
    for keys in all_keys() {
        let (mut senders, mut receivers) = pair(&keys, SSRC);
        for (sequence, len) in (0..).zip([0, 1, 15, 16, 17, 20, 160, 1_400]) {
            let plain = rtp(SSRC, sequence, &vec![0x55; len]);
            let sealed = protect(&mut senders, 0, Kind::Rtp, &plain).unwrap();
            assert_eq!(sealed[..12], plain[..12], "the header stays clear");
            assert!(len < 15 || sealed[12..27] != plain[12..27]);
            let opened = unprotect(&mut receivers, 0, Kind::Rtp, &sealed);
            assert_eq!(opened, Ok(plain));
            let plain = rtcp(SSRC, len);
            let sealed = protect(&mut senders, 0, Kind::Rtcp, &plain).unwrap();
            assert!(len < 15 || sealed[8..23] != plain[8..23]);
            let opened = unprotect(&mut receivers, 0, Kind::Rtcp, &sealed);
            assert_eq!(opened, Ok(plain));
        }
    }
}

#[test]
fn tags_and_identifiers_lie_where_the_rfcs_put_them() {
    for keys in all_keys() {
        let suite = keys.suite();
        let mki = keys.mki().bytes().to_vec();
        let (mut senders, _) = pair(&keys, SSRC);
        let sealed = protect(&mut senders, 0, Kind::Rtp, &rtp(SSRC, 1, &[0; 20])).unwrap();
        assert_eq!(sealed.len(), 32 + suite.rtp_tag_len() + mki.len());
        let at = if suite.is_aead() { 32 + 16 } else { 32 };
        assert_eq!(sealed[at..][..mki.len()], mki);
        let sealed = protect(&mut senders, 0, Kind::Rtcp, &rtcp(SSRC, 20)).unwrap();
        assert_eq!(sealed.len(), 28 + 4 + suite.rtcp_tag_len() + mki.len());
        let at = if suite.is_aead() { 28 + 16 } else { 28 };
        assert_eq!(
            sealed[at..][..4],
            [0x80, 0, 0, 0],
            "the first index is zero"
        );
        assert_eq!(sealed[at + 4..][..mki.len()], mki);
    }
}

#[test]
fn no_bit_can_be_changed() {
    for keys in all_keys() {
        let (mut senders, mut receivers) = pair(&keys, SSRC);
        let plain = rtp(SSRC, 9, &[1; 5]);
        for (kind, plain) in [(Kind::Rtp, plain), (Kind::Rtcp, rtcp(SSRC, 8))] {
            let sealed = protect(&mut senders, 0, kind, &plain).unwrap();
            for bit in 0..8 * sealed.len() {
                let mut forged = sealed.clone();
                forged[bit / 8] ^= 1 << (bit % 8);
                let refused = unprotect(&mut receivers, 0, kind, &forged);
                assert!(refused.is_err(), "{keys:?} {kind:?} bit {bit}");
            }
            for len in 0..sealed.len() {
                let refused = unprotect(&mut receivers, 0, kind, &sealed[..len]);
                assert!(refused.is_err(), "{keys:?} {kind:?} of {len} bytes");
            }
            assert_eq!(unprotect(&mut receivers, 0, kind, &sealed), Ok(plain));
        }
    }
}

#[test]
fn other_keys_open_nothing() {
    for suite in Suite::ALL {
        let (mut senders, _) = pair(&keys(suite, 1), SSRC);
        let (_, mut receivers) = pair(&keys(suite, 2), SSRC);
        let sealed = protect(&mut senders, 0, Kind::Rtp, &rtp(SSRC, 1, &[0; 20])).unwrap();
        let refused = unprotect(&mut receivers, 0, Kind::Rtp, &sealed);
        assert_eq!(refused, Err(Refusal::Authentication));
        let sealed = protect(&mut senders, 0, Kind::Rtcp, &rtcp(SSRC, 20)).unwrap();
        let refused = unprotect(&mut receivers, 0, Kind::Rtcp, &sealed);
        assert_eq!(refused, Err(Refusal::Authentication));
    }
}

#[test]
fn a_key_by_another_name_is_not_ours() {
    let keys = keys(Suite::AesCm128HmacSha1_80, 1);
    let (mut senders, _) = pair(&keys.clone().with_mki(&[1, 1]).unwrap(), SSRC);
    let (_, mut receivers) = pair(&keys.with_mki(&[1, 2]).unwrap(), SSRC);
    let sealed = protect(&mut senders, 0, Kind::Rtp, &rtp(SSRC, 1, &[0; 20])).unwrap();
    let refused = unprotect(&mut receivers, 0, Kind::Rtp, &sealed);
    assert_eq!(refused, Err(Refusal::Mki));
    let sealed = protect(&mut senders, 0, Kind::Rtcp, &rtcp(SSRC, 20)).unwrap();
    let refused = unprotect(&mut receivers, 0, Kind::Rtcp, &sealed);
    assert_eq!(refused, Err(Refusal::Mki));
}

#[test]
fn a_packet_comes_once_and_in_any_order_within_the_window() {
    for suite in Suite::ALL {
        let (mut senders, mut receivers) = pair(&keys(suite, 1), SSRC);
        let sealed: Vec<_> = (0..300u16)
            .map(|n| {
                let plain = rtp(SSRC, n.wrapping_sub(150), &[n as u8; 9]);
                protect(&mut senders, 0, Kind::Rtp, &plain).unwrap()
            })
            .collect();
        let mut open = |n: usize| unprotect(&mut receivers, 0, Kind::Rtp, &sealed[n]).err();
        assert_eq!(open(140), None);
        assert_eq!(open(160), None, "the next round");
        assert_eq!(open(145), None, "back in the round before");
        assert_eq!(open(145), Some(Refusal::Replay));
        assert_eq!(open(160), Some(Refusal::Replay));
        assert_eq!(open(290), None);
        assert_eq!(open(162), Some(Refusal::Replay), "too old to tell");
        assert_eq!(open(163), None);
        assert_eq!(open(163), Some(Refusal::Replay));
    }
}

#[test]
fn rtcp_comes_once_too() {
    let (mut senders, mut receivers) = pair(&keys(Suite::AeadAes256Gcm, 1), SSRC);
    let sealed: Vec<_> = (0..200)
        .map(|_| protect(&mut senders, 0, Kind::Rtcp, &rtcp(SSRC, 12)).unwrap())
        .collect();
    let mut open = |n: usize| unprotect(&mut receivers, 0, Kind::Rtcp, &sealed[n]).err();
    assert_eq!(open(150), None);
    assert_eq!(open(150), Some(Refusal::Replay));
    assert_eq!(open(23), None);
    assert_eq!(open(22), Some(Refusal::Replay));
    assert_eq!(open(151), None);
}

#[test]
fn rounds_are_counted_by_both_sides() {
    let (mut senders, mut receivers) = pair(&keys(Suite::AesCm256HmacSha1_80, 1), SSRC);
    for step in 0..40u32 {
        // Gaps of almost half a round: 19 rounds in all.
        let plain = rtp(SSRC, (step * 32_000) as u16, &[3; 30]);
        let sealed = protect(&mut senders, 0, Kind::Rtp, &plain).unwrap();
        assert_eq!(unprotect(&mut receivers, 0, Kind::Rtp, &sealed), Ok(plain));
    }
}

#[test]
fn a_sender_never_goes_back() {
    let (mut senders, _) = pair(&keys(Suite::AesCm128HmacSha1_80, 1), SSRC);
    let mut send = |sequence| protect(&mut senders, 0, Kind::Rtp, &rtp(SSRC, sequence, &[])).err();
    assert_eq!(send(65_535), None);
    assert_eq!(send(65_535), Some(Refusal::IndexUsed));
    assert_eq!(send(65_534), Some(Refusal::IndexUsed));
    assert_eq!(send(0), None);
    assert_eq!(send(65_535), Some(Refusal::IndexUsed));
    assert_eq!(send(32_768), Some(Refusal::IndexUsed));
    assert_eq!(send(32_767), None);
}

#[test]
fn a_sender_has_one_ssrc() {
    let (mut senders, _) = pair(&keys(Suite::AesCm128HmacSha1_80, 1), SSRC);
    let refused = protect(&mut senders, 0, Kind::Rtp, &rtp(1, 0, &[]));
    assert_eq!(refused, Err(Refusal::Ssrc));
    let refused = protect(&mut senders, 0, Kind::Rtcp, &rtcp(1, 0));
    assert_eq!(refused, Err(Refusal::Ssrc));
}

#[test]
fn keys_live_as_long_as_agreed() {
    let agreed = keys(Suite::AeadAes128Gcm, 1).with_lifetime(40).unwrap();
    let (mut senders, mut receivers) = pair(&agreed, SSRC);
    for sequence in 0..40 {
        assert_eq!(senders.wants_keys(0), sequence >= 38, "{sequence}");
        let sealed = protect(&mut senders, 0, Kind::Rtp, &rtp(SSRC, sequence, &[])).unwrap();
        assert!(unprotect(&mut receivers, 0, Kind::Rtp, &sealed).is_ok());
        let sealed = protect(&mut senders, 0, Kind::Rtcp, &rtcp(SSRC, 0)).unwrap();
        assert!(unprotect(&mut receivers, 0, Kind::Rtcp, &sealed).is_ok());
    }
    let refused = protect(&mut senders, 0, Kind::Rtp, &rtp(SSRC, 40, &[]));
    assert_eq!(refused, Err(Refusal::KeysExpired));
    let refused = protect(&mut senders, 0, Kind::Rtcp, &rtcp(SSRC, 0));
    assert_eq!(refused, Err(Refusal::KeysExpired));
    // A sender that was promised more must not be believed either.
    let (mut senders, _) = pair(&keys(Suite::AeadAes128Gcm, 1), SSRC);
    for (kind, plain) in [(Kind::Rtp, rtp(SSRC, 99, &[])), (Kind::Rtcp, rtcp(SSRC, 0))] {
        let mut sealed = Vec::new();
        for _ in 0..41 {
            sealed = protect(&mut senders, 0, kind, &plain).unwrap_or(sealed);
        }
        let refused = unprotect(&mut receivers, 0, kind, &sealed);
        assert_eq!(refused, Err(Refusal::KeysExpired));
    }
}

#[test]
fn fresh_keys_begin_anew_and_the_same_keys_go_on() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (mut senders, mut receivers) = pair(&keys(suite, 1), SSRC);
    let send = |senders: &mut Senders, sequence| {
        protect(senders, 0, Kind::Rtp, &rtp(SSRC, sequence, &[1; 9]))
    };
    let old = send(&mut senders, 7).unwrap();
    assert!(unprotect(&mut receivers, 0, Kind::Rtp, &old).is_ok());
    senders.open(0, &keys(suite, 1), SSRC).unwrap();
    receivers.open(0, &keys(suite, 1)).unwrap();
    assert_eq!(send(&mut senders, 7), Err(Refusal::IndexUsed));
    let refused = unprotect(&mut receivers, 0, Kind::Rtp, &old);
    assert_eq!(refused, Err(Refusal::Replay));
    senders.open(0, &keys(suite, 2), SSRC).unwrap();
    receivers.open(0, &keys(suite, 2)).unwrap();
    let new = send(&mut senders, 7).unwrap();
    assert_ne!(new, old);
    assert!(unprotect(&mut receivers, 0, Kind::Rtp, &new).is_ok());
}

#[test]
fn keys_that_were_used_are_never_used_again() {
    let used = keys(Suite::AeadAes256Gcm, 1);
    let mut senders = Senders::new(2);
    senders.open(0, &used, SSRC).unwrap();
    assert_eq!(senders.open(1, &used, SSRC), Err(OpenError::KeysUsed));
    assert_eq!(senders.open(0, &used, 5), Err(OpenError::KeysUsed));
    senders.close(0);
    assert_eq!(senders.open(0, &used, SSRC), Err(OpenError::KeysUsed));
    assert!(!senders.is_open(0) && !senders.is_open(1));
}

#[test]
fn without_keys_nothing_passes() {
    let (mut senders, mut receivers) = pair(&keys(Suite::AeadAes256Gcm, 1), SSRC);
    let sealed = protect(&mut senders, 0, Kind::Rtp, &rtp(SSRC, 1, &[])).unwrap();
    senders.close(0);
    receivers.close(0);
    for place in [0, 1, u32::MAX] {
        for (kind, plain) in [(Kind::Rtp, rtp(SSRC, 2, &[])), (Kind::Rtcp, rtcp(SSRC, 0))] {
            assert_eq!(senders.overhead(place, kind), 0);
            let refused = protect(&mut senders, place, kind, &plain);
            assert_eq!(refused, Err(Refusal::NoKeys));
            let refused = unprotect(&mut receivers, place, kind, &sealed);
            assert_eq!(refused, Err(Refusal::NoKeys));
        }
    }
    let keys = keys(Suite::AeadAes256Gcm, 2);
    assert_eq!(senders.open(1, &keys, SSRC), Err(OpenError::NoPlace));
    assert_eq!(receivers.open(1, &keys), Err(OpenError::NoPlace));
}

#[test]
fn a_forged_packet_binds_no_ssrc_and_moves_no_window() {
    let (mut senders, mut receivers) = pair(&keys(Suite::AesCm128HmacSha1_80, 1), SSRC);
    for ssrc in 0..100 {
        let forged = rtp(ssrc, 30_000, &[0; 40]);
        let refused = unprotect(&mut receivers, 0, Kind::Rtp, &forged);
        assert_eq!(refused, Err(Refusal::Authentication));
    }
    for sequence in [1, 2] {
        let plain = rtp(SSRC, sequence, &[1; 9]);
        let sealed = protect(&mut senders, 0, Kind::Rtp, &plain).unwrap();
        let forged = rtp(SSRC, 20_000, &[0; 40]);
        assert!(unprotect(&mut receivers, 0, Kind::Rtp, &forged).is_err());
        assert_eq!(unprotect(&mut receivers, 0, Kind::Rtp, &sealed), Ok(plain));
    }
}

#[test]
fn clear_rtcp_is_refused_though_it_be_authentic() {
    let keys = keys(Suite::AesCm128HmacSha1_80, 1);
    let (mut senders, mut receivers) = pair(&keys, SSRC);
    let mut sealed = protect(&mut senders, 0, Kind::Rtcp, &rtcp(SSRC, 12)).unwrap();
    sealed[20] &= 0x7f;
    let refused = unprotect(&mut receivers, 0, Kind::Rtcp, &sealed);
    assert_eq!(refused, Err(Refusal::Unencrypted));
}

#[test]
fn what_does_not_fit_is_malformed_and_costs_no_number() {
    let (mut senders, mut receivers) = pair(&keys(Suite::AeadAes128Gcm, 1), SSRC);
    let plain = rtp(SSRC, 1, &[0; 20]);
    let mut bytes = plain.clone();
    bytes.resize(32 + 15, 0);
    for (start, len) in [
        (0, 32),
        (40, 12),
        (0, 7),
        (usize::MAX, 12),
        (12, usize::MAX),
    ] {
        for kind in [Kind::Rtp, Kind::Rtcp] {
            let mut packets = [Packet::new(0, kind, start, len)];
            senders.protect(&mut bytes, &mut packets);
            assert_eq!(packets[0].outcome, Err(Refusal::Malformed), "{start} {len}");
            packets[0].outcome = Ok(());
            receivers.unprotect(&mut bytes, &mut packets);
            assert!(packets[0].outcome.is_err(), "{start} {len}");
        }
    }
    assert!(protect(&mut senders, 0, Kind::Rtp, &plain).is_ok());
}

/// A batch of packets of several parties, and the bytes that it lies in.
fn batch(packets: &[(u32, Kind, Vec<u8>)], gap: usize) -> (Vec<u8>, Vec<Packet>) {
    let mut bytes = Vec::new();
    let mut entries = Vec::new();
    for (place, kind, packet) in packets {
        entries.push(Packet::new(*place, *kind, bytes.len(), packet.len()));
        bytes.extend(packet);
        bytes.resize(bytes.len() + gap, 0);
    }
    (bytes, entries)
}

type Step = (u32, bool, u16, usize, bool);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever is in a batch and in whatever order, it is as if packets came one by one.
    #[test]
    fn a_batch_is_its_packets_one_by_one(
        steps in prop::collection::vec(
            (0..8u32, any::<bool>(), 0..40_000u16, 0..300usize, prop::bool::weighted(0.1)), 1..700,
        ),
    ) {
        let steps: Vec<Step> = steps;
        let open = || {
            let (mut senders, mut receivers) = (Senders::new(7), Receivers::new(7));
            for (place, keys) in (0..6).zip(all_keys().step_by(2)) {
                senders.open(place, &keys, place).unwrap();
                receivers.open(place, &keys).unwrap();
            }
            (senders, receivers)
        };
        let (mut senders, mut receivers) = open();
        let (mut batched_senders, mut batched_receivers) = open();

        let mut sequences = [0u16; 8];
        let plain: Vec<_> = steps.iter().map(|(place, rtp_kind, ahead, len, _)| {
            let sequence = &mut sequences[*place as usize];
            *sequence = sequence.wrapping_add(*ahead);
            if *rtp_kind {
                (*place, Kind::Rtp, rtp(*place, *sequence, &vec![*len as u8; *len]))
            } else {
                (*place, Kind::Rtcp, rtcp(*place, *len))
            }
        }).collect();
        let (mut bytes, mut entries) = batch(&plain, 40);
        batched_senders.protect(&mut bytes, &mut entries);
        let mut sealed = Vec::new();
        for (entry, (place, kind, plain)) in entries.iter().zip(&plain) {
            let expected = protect(&mut senders, *place, *kind, plain);
            let result = entry.outcome.map(|()| bytes[entry.start..][..entry.len].to_vec());
            prop_assert_eq!(&result, &expected);
            sealed.extend(result.ok().map(|bytes| (*place, *kind, bytes)));
        }

        // Damaged, repeated, and out of order.
        for ((_, _, packet), step) in sealed.iter_mut().zip(&steps) {
            let len = packet.len();
            packet[step.3 % len] ^= u8::from(step.4);
        }
        let again: Vec<_> = sealed.iter().step_by(3).cloned().collect();
        sealed.extend(again);
        for (at, step) in steps.iter().enumerate().take(sealed.len()) {
            let other = (at + step.3 % 5).min(sealed.len() - 1);
            sealed.swap(at, other);
        }
        let (mut bytes, mut entries) = batch(&sealed, 0);
        batched_receivers.unprotect(&mut bytes, &mut entries);
        for (entry, (place, kind, sealed)) in entries.iter().zip(&sealed) {
            let expected = unprotect(&mut receivers, *place, *kind, sealed);
            let result = entry.outcome.map(|()| bytes[entry.start..][..entry.len].to_vec());
            prop_assert_eq!(result, expected);
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused(
        packets in prop::collection::vec(
            (0..8u32, any::<bool>(), prop::collection::vec(any::<u8>(), 0..100)), 0..50,
        ),
        named: bool,
    ) {
        let mut receivers = Receivers::new(7);
        for (place, keys) in (0..6).zip(all_keys().skip(usize::from(named)).step_by(2)) {
            receivers.open(place, &keys).unwrap();
        }
        let packets: Vec<_> = packets.into_iter().map(|(place, is_rtp, mut bytes)| {
            if let Some(first) = bytes.first_mut() {
                *first = *first & 0x3f | 0x80;
            }
            (place, if is_rtp { Kind::Rtp } else { Kind::Rtcp }, bytes)
        }).collect();
        let (mut bytes, mut entries) = batch(&packets, 0);
        receivers.unprotect(&mut bytes, &mut entries);
        prop_assert!(entries.iter().all(|entry| entry.outcome.is_err()));
    }
}

#[test]
fn nothing_secret_is_printed() {
    let (senders, receivers) = pair(&keys(Suite::AesCm128HmacSha1_80, 0xa7), SSRC);
    let printed = format!("{senders:?} {receivers:?}");
    assert_eq!(
        printed,
        "Senders { places: 1, open: 1, .. } Receivers { places: 1, open: 1, .. }"
    );
}
