//! Two sessions on a network that loses, repeats, delays and reorders.

use std::time::Duration;

use proptest::prelude::*;

use super::world::{Act, Fate, Side, Who, World};
use crate::random::Random;
use crate::sip::flow::{TlsSettings, TransportPolicy};

const TRIP: Duration = Duration::from_millis(20);
const SECOND: Duration = Duration::from_secs(1);

/// A call in which either side asks for something twice and the client ends it.
fn conversation(policy: TransportPolicy, lost: Option<usize>) -> World {
    let mut world = World::new(policy, 1, move |number| match lost {
        Some(lost) if lost == number => Fate::Lost,
        _ => Fate::Arrives(vec![TRIP]),
    });
    world.plan(10 * SECOND, Who::Client, Act::Reinvite);
    world.plan(20 * SECOND, Who::Recorder, Act::Reinvite);
    world.plan(30 * SECOND, Who::Client, Act::Update);
    world.plan(40 * SECOND, Who::Recorder, Act::Update);
    world.plan(50 * SECOND, Who::Client, Act::Options);
    world.plan(60 * SECOND, Who::Client, Act::End);
    world
}

/// The names of what a side was told.
fn names(side: &Side) -> Vec<&str> {
    let name = |told: &String| told.split([' ', '(']).next().unwrap_or_default().len();
    let progress = |told: &&String| !told.starts_with("Progress");
    side.told
        .iter()
        .filter(progress)
        .map(|told| &told[..name(told)])
        .collect()
}

/// Whatever single message is lost, both sides learn the same as if it was not.
fn survives_any_single_loss(policy: TransportPolicy) {
    let mut whole = conversation(policy, None);
    assert!(whole.run(300 * SECOND), "{:#?}", whole.log);
    assert_eq!(
        names(&whole.client),
        [
            "Answered",
            "Accepted",
            "Acknowledged",
            "Accepted",
            "Accepted",
            "Ended"
        ]
    );
    assert_eq!(
        names(&whole.recorder),
        [
            "Acknowledged",
            "Acknowledged",
            "Accepted",
            "Accepted",
            "Ended"
        ]
    );
    assert_eq!(whole.sent, 17);
    for lost in 0..whole.sent {
        let mut world = conversation(policy, Some(lost));
        assert!(world.run(300 * SECOND), "{lost}: {:#?}", world.log);
        assert_eq!(
            world.client.told, whole.client.told,
            "{lost}: {:#?}",
            world.log
        );
        assert_eq!(
            names(&world.recorder),
            names(&whole.recorder),
            "{lost}: {:#?}",
            world.log
        );
    }
}

#[test]
fn over_udp_any_single_message_may_be_lost() {
    survives_any_single_loss(TransportPolicy::Udp);
}

#[test]
fn over_tcp_the_connection_may_die_at_any_message() {
    survives_any_single_loss(TransportPolicy::Tcp);
}

#[test]
fn over_tls_the_connection_may_die_at_any_message() {
    survives_any_single_loss(TransportPolicy::Tls(TlsSettings::Recorder(0)));
}

#[test]
fn offers_that_cross_are_both_made_in_the_end() {
    for seed in 0..20 {
        let mut world = World::new(TransportPolicy::Udp, seed, |_| Fate::Arrives(vec![TRIP]));
        world.plan(5 * SECOND, Who::Client, Act::Reinvite);
        world.plan(5 * SECOND, Who::Recorder, Act::Reinvite);
        world.plan(30 * SECOND, Who::Recorder, Act::End);
        assert!(world.run(200 * SECOND), "{:#?}", world.log);
        let accepted = |side: &Side| {
            names(side)
                .iter()
                .filter(|name| **name == "Accepted")
                .count()
        };
        assert_eq!((accepted(&world.client), accepted(&world.recorder)), (1, 1));
        assert!(
            world.log.iter().any(|line| line.contains("491")),
            "{:#?}",
            world.log
        );
    }
}

#[test]
fn a_session_lives_as_long_as_it_is_refreshed() {
    let mut world = World::new(TransportPolicy::Udp, 1, |_| Fate::Arrives(vec![TRIP]));
    world.plan(36_000 * SECOND, Who::Client, Act::End);
    assert!(world.run(37_000 * SECOND));
    let refreshes = world
        .log
        .iter()
        .filter(|line| line.contains("UPDATE"))
        .count();
    assert_eq!(refreshes, 39);
    assert_eq!(names(&world.client), ["Answered", "Ended"]);
}

#[test]
fn where_the_network_dies_both_sides_end() {
    for from in 1..12 {
        let mut world = World::new(TransportPolicy::Udp, 1, move |number| match number < from {
            true => Fate::Arrives(vec![TRIP]),
            false => Fate::Lost,
        });
        world.plan(10 * SECOND, Who::Client, Act::Update);
        world.plan(20 * SECOND, Who::Recorder, Act::Reinvite);
        assert!(world.run(4_000 * SECOND), "{from}: {:#?}", world.log);
    }
}

/// A world whose network misbehaves for a minute, and whose users act at random.
fn chaos(seed: u64, policy: TransportPolicy, acts: &[(u64, bool, u8)]) -> World {
    let mut dice = Random::new([u8::try_from(seed % 251).unwrap(); 32]);
    let (loss, repeat, slow) = (dice.below(40), dice.below(30), dice.below(2_000) + 1);
    let mut sent = 0;
    let healed = 400;
    let fate = move |_| {
        sent += 1;
        if sent > healed {
            return Fate::Arrives(vec![TRIP]);
        }
        let mut times = Vec::new();
        if dice.below(100) >= loss {
            times.push(Duration::from_millis(dice.below(slow)));
        }
        if dice.below(100) < repeat {
            times.push(Duration::from_millis(dice.below(slow)));
        }
        if times.is_empty() {
            Fate::Lost
        } else {
            Fate::Arrives(times)
        }
    };
    let mut world = World::new(policy, u8::try_from(seed % 256).unwrap(), fate);
    for (at, client, act) in acts {
        let who = if *client { Who::Client } else { Who::Recorder };
        let act = match act % 8 {
            0..3 => Act::Reinvite,
            3..6 => Act::Update,
            6 => Act::Options,
            _ => Act::End,
        };
        world.plan(Duration::from_millis(*at), who, act);
    }
    world.plan(120 * SECOND, Who::Client, Act::End);
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_the_network_does_nothing_is_left_and_every_end_is_told_once(
        seed in any::<u64>(),
        tcp in any::<bool>(),
        acts in prop::collection::vec((0..60_000_u64, any::<bool>(), any::<u8>()), 0..12),
    ) {
        let policy = if tcp { TransportPolicy::Tcp } else { TransportPolicy::Udp };
        let mut world = chaos(seed, policy, &acts);
        prop_assert!(world.run(3_000 * SECOND), "{:#?}", world.log);
        let told = &world.client.told;
        let answered = told.iter().position(|told| told.starts_with("Answered"));
        let ends = |told: &String| {
            let first = told.contains("method: Invite") && answered.is_none();
            told.starts_with("Ended") || first && !told.starts_with("Progress")
        };
        prop_assert_eq!(told.iter().filter(|told| ends(told)).count(), 1, "{:#?}", told);
        prop_assert!(told.last().is_some_and(ends), "{:#?}", told);
        if world.recorder.was_over {
            let told = &world.recorder.told;
            let ends = told.iter().filter(|told| told.starts_with("Ended")).count();
            prop_assert_eq!(ends, 1, "{:#?}", told);
        }
        let mut again = chaos(seed, policy, &acts);
        again.run(3_000 * SECOND);
        prop_assert_eq!(&again.log, &world.log);
    }
}
