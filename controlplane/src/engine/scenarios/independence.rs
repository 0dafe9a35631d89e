//! Six recorders of which five fail: nothing of that reaches the sixth.

use sixreel_dataplane::api::{Command, StreamId};

use super::world::{Manner, World};
use crate::control::view::{EventKind, RecordingState};

fn address(number: usize) -> String {
    format!("192.0.2.{number}:5060")
}

fn world() -> World {
    let recorder = |number: usize| {
        format!(
            "[[recorder]]\nid = \"r{number}\"\nuri = \"sip:rec@192.0.2.{number}\"\n\
             transport = \"tcp\"\n"
        )
    };
    let recorders: String = (1..=6).map(recorder).collect();
    let addresses: Vec<_> = (1..=6).map(address).collect();
    let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
    World::new(&recorders, &addresses)
}

/// What the data plane is told of one sink.
fn of_sink(world: &World, id: StreamId) -> Vec<Command> {
    let mine = |command: &&Command| match command {
        Command::OpenSink { sink, .. }
        | Command::SetSink { sink, .. }
        | Command::StopSink { sink }
        | Command::CloseSink { sink } => *sink == id,
        Command::OpenCall { .. }
        | Command::CloseCall { .. }
        | Command::OpenSource { .. }
        | Command::MuteSource { .. }
        | Command::CloseSource { .. } => false,
    };
    let commands = world.media.iter().map(|(_, command)| command);
    commands.filter(mine).cloned().collect()
}

#[test]
fn five_recorders_fail_in_five_ways_and_the_sixth_loses_nothing() {
    let mut world = world();
    world.server(&address(2)).manner = Manner::Unreachable;
    world.server(&address(3)).manner = Manner::Refuses(503, "Retry-After: 5");
    world.server(&address(4)).manner = Manner::HangsUp(8_000);
    world.server(&address(5)).manner = Manner::Silent;
    world.call("7");
    world.pass(6_000);
    // One that works vanishes in mid-call.
    world.server(&address(1)).manner = Manner::Silent;
    world.join("7", "second");
    world.pass(60_000);
    world.join("7", "third");
    world.pass(60_000);

    let sixth = world.recordings().pop().unwrap();
    assert_eq!(sixth.recorder.as_str(), "r6");
    assert_eq!(
        (sixth.state, sixth.attempts),
        (RecordingState::Recording, 1)
    );
    assert!(sixth.gaps.is_empty() && sixth.error.is_none());
    let told = world.events.iter().filter(|(_, event)| {
        event
            .recorder
            .as_ref()
            .is_some_and(|id| id.as_str() == "r6")
    });
    let told: Vec<_> = told.map(|(_, event)| event.kind).collect();
    assert_eq!(told, [EventKind::RecordingEstablished]);
    // It was told of everybody who joined, each within a round trip.
    let bodies = world.server(&address(6)).bodies();
    assert_eq!(bodies.len(), 3);
    assert!(bodies[1].contains("second") && bodies[2].contains("third"));
    // Its stream was opened once, set as agreed, and never stopped.
    let opened = world.media.iter().filter_map(|(_, command)| {
        if let Command::OpenSink { sink, .. } = command {
            Some(*sink)
        } else {
            None
        }
    });
    // The sixth sink of the six that are opened in the first turn is that of the sixth recorder.
    let sink = opened.collect::<Vec<_>>()[5];
    let commands = of_sink(&world, sink);
    assert!(
        matches!(commands[0], Command::OpenSink { .. }),
        "{commands:?}"
    );
    assert!(commands.len() > 1);
    for command in &commands[1..] {
        let sends = matches!(command, Command::SetSink { flow, .. } if flow.sending);
        assert!(sends, "{commands:?}");
    }
}

#[test]
fn they_all_come_back_and_are_told_everything() {
    let mut world = world();
    let manners = [
        Manner::Unreachable,
        Manner::Refuses(503, "Retry-After: 5"),
        Manner::HangsUp(8_000),
        Manner::Silent,
        Manner::Ponders,
    ];
    for (number, manner) in (1..).zip(manners) {
        world.server(&address(number)).manner = manner;
    }
    world.call("7");
    world.pass(30_000);
    world.join("7", "second");
    world.pass(90_000);
    for number in 1..=5 {
        world.server(&address(number)).restart();
    }
    world.pass(45_000);
    let recordings = world.recordings();
    assert_eq!(recordings.len(), 6);
    for recording in recordings {
        assert_eq!(recording.state, RecordingState::Recording, "{recording:?}");
        let has_gap = recording.recorder.as_str() != "r6";
        assert_eq!(!recording.gaps.is_empty(), has_gap, "{recording:?}");
    }
    for number in 1..=5 {
        let body = world.server(&address(number)).bodies().pop().unwrap();
        assert!(
            body.contains("first") && body.contains("second"),
            "{number}: {body}"
        );
    }
    world.stop("7");
    world.assert_empty();
}
