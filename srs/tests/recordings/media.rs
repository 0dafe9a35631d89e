//! Packets, and what is made of them.

use std::time::Duration;

use sixreel_dataplane::wire::rtcp::{self, Block, Compound, Item, Report, SenderInfo};
use sixreel_srs::behaviour::{Manner, Wish};
use sixreel_srs::event::Event;

use crate::world::{PORT, RTCP, RTP, SAMPLE, SSRC, World, address, rtp};

/// A recording for which the client sends nothing by itself.
fn quiet() -> World {
    let mut world = World::new(Manner::default());
    world.call();
    world
}

/// Sends packets by their numbers, one each 20 ms; timestamps go with the numbers.
fn send(world: &mut World, numbers: &[u16]) {
    for number in numbers {
        let packet = rtp(SSRC, *number, u32::from(*number) * 160, 0);
        world.packet(PORT, RTP, &packet);
        world.run(20);
    }
}

/// The recording, a letter for each 20 ms: sound or silence.
fn played(world: &World) -> String {
    let blocks = world.sound.chunks(160);
    let letters = blocks.map(|block| match block {
        block if block.iter().all(|sample| *sample == SAMPLE) => 's',
        block if block.iter().all(|sample| *sample == 0) => '-',
        block => panic!("{block:?}"),
    });
    letters.collect()
}

/// The blocks of all reports.
fn blocks(world: &World) -> Vec<Block> {
    let mut all = Vec::new();
    for (_, _, bytes) in world.reports() {
        for item in Compound::parse(bytes).unwrap().items() {
            if let Item::Report { blocks, .. } = item {
                all.extend(blocks.iter());
            }
        }
    }
    all
}

#[test]
fn speech_is_recorded_from_its_first_packet() {
    let mut world = World::new(Manner::default());
    world.call();
    world.run(3000);
    assert_eq!(world.sound.len(), 0);
    world.talks = true;
    world.run(2000);
    world.talks = false;
    assert_eq!(played(&world), "s".repeat(100));
    world.run(8000);
    let media = &world.facts().media;
    assert_eq!((media.packets, media.bytes), (100, 16_000));
    assert_eq!((media.lost, media.reordered, media.late), (0, 0, 0));
    assert_eq!(media.duration_ms, 2000);
    assert_eq!(media.csrcs, [11, 12]);
    assert_eq!((media.ssrc, media.ssrc_changes), (Some(SSRC), 0));
    assert_eq!(media.jitter_ms, 0.0);
    assert_eq!(media.longest_gap_ms, 20);
    assert_eq!(media.media_from, Some(address(RTP)));
    let heard = Event::Heard {
        from: address(RTP),
        ssrc: SSRC,
    };
    assert!(world.events().contains(&&heard));
}

#[test]
fn gaps_become_silence_and_disorder_does_not() {
    let mut world = quiet();
    send(&mut world, &[1, 2, 4, 3, 4, 8]);
    world.run(8000);
    let media = &world.facts().media;
    assert_eq!((media.lost, media.reordered, media.duplicates), (3, 1, 1));
    world.finish_by_client();
    assert_eq!(played(&world), "ssss---s");
}

#[test]
fn a_new_source_is_a_change_and_no_loss() {
    let mut world = quiet();
    send(&mut world, &[1, 2]);
    for number in [5000, 5001] {
        let packet = rtp(77, number, 9_000_000 + u32::from(number) * 160, 0);
        world.packet(PORT, RTP, &packet);
        world.run(20);
    }
    world.run(8000);
    let media = &world.facts().media;
    assert_eq!((media.lost, media.ssrc_changes), (0, 1));
    assert_eq!(media.ssrc, Some(77));
    assert_eq!(played(&world), "ssss");
}

#[test]
fn what_nobody_agreed_on_is_counted_and_not_recorded() {
    let mut world = quiet();
    send(&mut world, &[1]);
    world.packet(PORT, RTP, &rtp(SSRC, 2, 320, 111));
    world.packet(PORT, RTP, &rtp(SSRC, 3, 480, 101));
    world.packet(PORT, RTP, b"\0hello");
    world.packet(PORT, "192.0.2.66:4000", &rtp(SSRC, 4, 640, 0));
    world.run(8000);
    let media = &world.facts().media;
    assert_eq!((media.packets, media.lost), (3, 0));
    assert_eq!(
        (media.other_payload, media.malformed, media.foreign),
        (1, 1, 1)
    );
    assert_eq!(played(&world), "s");
}

#[test]
fn the_announced_sender_wins_over_whoever_came_first() {
    let mut world = quiet();
    let stranger = "192.0.2.66:4000";
    world.packet(PORT, stranger, &rtp(9, 1, 0, 0));
    world.packet(PORT, stranger, &rtp(9, 2, 160, 0));
    send(&mut world, &[1, 2]);
    world.packet(PORT, stranger, &rtp(9, 3, 320, 0));
    world.run(8000);
    let media = &world.facts().media;
    assert_eq!(media.media_from, Some(address(RTP)));
    assert_eq!((media.packets, media.foreign), (4, 1));
}

#[test]
fn nothing_is_recorded_while_the_stream_is_inactive() {
    let mut world = World::new(Manner {
        begin: Wish::Pause,
        ..Manner::default()
    });
    world.call();
    send(&mut world, &[1, 2, 4]);
    world.run(8000);
    let media = &world.facts().media;
    assert_eq!((media.while_inactive, media.lost), (3, 1));
    assert_eq!((world.sound.len(), media.longest_gap_ms), (0, 0));
}

#[test]
fn the_client_soon_hears_how_its_stream_arrives() {
    let mut world = World::new(Manner::default());
    world.talks = true;
    world.call();
    world.run(1000);
    let (port, to, _) = world.reports()[0];
    assert_eq!((port, to), (PORT + 1, address(RTCP)));
    let block = blocks(&world)[0];
    assert_eq!((block.ssrc, block.fraction_lost), (SSRC, 0));
    world.client.number = world.client.number.wrapping_add(100);
    world.run(60_000);
    let reports = world.reports().len();
    assert!((8..=24).contains(&reports), "{reports}");
    let blocks = blocks(&world);
    assert!(blocks.iter().any(|block| block.fraction_lost > 0));
    assert_eq!(blocks.last().unwrap().cumulative_lost, 100);
    assert!(blocks.last().unwrap().highest_sequence > 1 << 16);
}

#[test]
fn reports_go_where_the_clients_come_from_and_answer_them() {
    let mut world = World::new(Manner::default());
    world.talks = true;
    world.call();
    world.run(100);
    let sender = SenderInfo {
        ntp: 0x1111_2222_3333_4444,
        rtp: 0,
        packets: 5,
        octets: 800,
    };
    let report = Report {
        ssrc: SSRC,
        sender: Some(sender),
        blocks: &[],
    };
    let mut bytes = [0; rtcp::MAX_LEN];
    let chunks = [(SSRC, &b"client"[..])];
    let len = rtcp::write(&mut bytes, &report, chunks.into_iter(), false);
    world.packet(PORT + 1, "192.0.2.1:5555", &bytes[..len]);
    world.packet(PORT + 1, "192.0.2.66:5555", &bytes[..len]);
    world.run(8000);
    let facts = world.facts();
    assert_eq!(
        (facts.rtcp.reports_received, facts.rtcp.sender_packets),
        (1, Some(5))
    );
    assert_eq!(facts.rtcp.cname.as_deref(), Some("client"));
    assert_eq!(facts.rtcp.reports_sent, world.reports().len() as u64);
    let (port, to, _) = world.reports()[0];
    assert_eq!((port, to), (PORT + 1, address("192.0.2.1:5555")));
    let block = blocks(&world)[0];
    assert_eq!(block.last_report, 0x2222_3333);
    let delay = Duration::from_micros(u64::from(block.delay) * 1_000_000 / 65_536);
    assert!(delay < Duration::from_secs(1), "{delay:?}");
}

#[test]
fn one_port_does_for_both_where_both_want_it() {
    let mut world = World::new(Manner::default());
    world.client.ours.rtcp_mux = true;
    world.talks = true;
    world.call();
    world.run(1000);
    let (port, to, bytes) = world.reports()[0];
    assert_eq!((port, to), (PORT, address(RTP)));
    let bytes = bytes.to_vec();
    world.packet(PORT, RTP, &bytes);
    world.run(8000);
    assert_eq!(world.facts().rtcp.reports_received, 1);
    assert_eq!(world.facts().media.malformed, 0);
}
