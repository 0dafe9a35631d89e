//! What must hold when the weather is fine again, and when everything was stopped.

use std::collections::BTreeSet;

use serde_json::Value;
use sixreel_dataplane::time::Nanos;
use sixreel_srs::event::Event;

use sixreel_controlplane::control::view::{EventKind, EventView};

use crate::model::{Call, Model, expect};
use crate::recorder::{Recorded, Recorder};
use crate::signal::{RATE, is_heard, tone};
use crate::world::World;

/// The longest time that the outcome of an INVITE may stay unknown.
const BUDGET: Nanos = Nanos::from_millis(5_000);

/// What is not as it should be yet: the first thing that is found.
pub fn missing(world: &mut World, model: &Model, may_fail: &[bool]) -> Option<String> {
    for (id, call) in &model.calls {
        let view = expect(world, "GET", &format!("/v1/calls/{id}"), None, 200);
        let recordings = view["recordings"].as_array().expect("a list").clone();
        let expected = if call.began { world.recorders.len() } else { 0 };
        assert_eq!(recordings.len(), expected, "one recording at each recorder");
        for recording in recordings {
            let path = format!("/v1/recordings/{}", recording.as_str().expect("a name"));
            let view = expect(world, "GET", &path, None, 200);
            if let Some(what) = missing_of(world, call, &view, may_fail) {
                return Some(format!("{recording}: {what}"));
            }
        }
    }
    None
}

/// What recorders received is valid, whatever happened to it on its way.
pub fn check_received(recorders: &[Recorder]) {
    for recorded in recorders.iter().flat_map(|recorder| &recorder.recordings) {
        if let Some(facts) = &recorded.facts {
            assert_eq!(facts.metadata.findings, [""; 0]);
            assert_eq!(facts.findings, [""; 0]);
            assert_eq!(facts.media.malformed, 0);
        }
    }
}

/// An attempt that fails is known to have failed within its budget.
pub fn check_budgets(told: &[(Nanos, EventView)]) {
    for (number, (began, event)) in told.iter().enumerate() {
        if event.kind != EventKind::RecordingRetried {
            continue;
        }
        let is_end = |(_, next): &&(Nanos, EventView)| {
            let call_ended = next.kind == EventKind::CallEnded && next.call == event.call;
            next.recording == event.recording || call_ended
        };
        let end = told[number + 1..]
            .iter()
            .find(is_end)
            .or_else(|| told.last());
        let waited = end.map_or(*began, |(at, _)| *at).since(*began);
        assert!(waited <= BUDGET, "{event:?} had no end for {waited:?}");
    }
}

/// Nothing is left of any call.
pub fn check_empty(world: &World) {
    assert!(
        world.site.engine.is_empty(),
        "something is left: {:#?}",
        world.site.engine
    );
    assert!(world.wiretap.is_empty());
    for worker in &world.site.workers {
        let stats = worker.pipeline.stats();
        let left = (stats.calls, stats.sources, stats.sinks, stats.frames_used);
        assert_eq!(left, (0, 0, 0, 0));
        assert_eq!(worker.pipeline.next_slot(), None);
        assert_eq!(stats.commands_ignored, 0);
        assert_eq!(stats.slots_skipped, 0);
    }
}

fn missing_of(world: &World, call: &Call, view: &Value, may_fail: &[bool]) -> Option<String> {
    let number = number_of(view);
    let state = view["state"].as_str().unwrap_or_default();
    if state == "failed" && may_fail[number] {
        return None;
    }
    let recorder = &world.recorders[number];
    let recorded = recorded(recorder, view);
    let is_held = recorded.is_some_and(|recorded| wants_a_pause(recorder, recorded));
    let is_paused = call.paused || is_held;
    let expected = if is_paused { "paused" } else { "recording" };
    if state != expected {
        return Some(format!("is {state} and not {expected}: {view}"));
    }
    let Some(recorded) = recorded else {
        return Some(format!("the recorder knows nothing of it: {view}"));
    };
    let facts = recorded.facts.as_ref()?;
    if facts.metadata.documents > 0 {
        let expected = call.people.values();
        let expected: BTreeSet<_> = expected.map(|who| (who.name.clone(), !who.held)).collect();
        let present = facts.participants.iter().filter(|who| who.left.is_none());
        let told = present.map(|who| (who.name.clone().unwrap_or_default(), who.sends));
        let told: BTreeSet<_> = told.collect();
        if told != expected {
            return Some(format!("the recorder knows {told:?} and not {expected:?}"));
        }
    }
    if facts.call.call_id.is_some() && facts.call.user.as_ref() != Some(&call.user) {
        return Some(format!("the recorder knows the user {:?}", facts.call.user));
    }
    missing_sound(world, (recorder, recorded), (call, is_paused), view)
}

/// Whether a recorder's pause was to end with a re-INVITE that failed.
fn wants_a_pause(recorder: &Recorder, recorded: &Recorded) -> bool {
    let failed = |(call, event): &(String, Event)| {
        *call == recorded.name
            && matches!(
                event,
                Event::RequestFailed {
                    method: "re-INVITE",
                    ..
                }
            )
    };
    let is_receiving = recorded.facts.as_ref().is_some_and(|facts| facts.receiving);
    !is_receiving && recorder.events.iter().any(failed)
}

fn missing_sound(
    world: &World,
    (recorder, recorded): (&Recorder, &Recorded),
    (call, is_paused): (&Call, bool),
    view: &Value,
) -> Option<String> {
    if is_paused {
        let local = view["local"].as_str().unwrap_or_default();
        let since = world.passed().since(Nanos::SECOND);
        let recent = recorder
            .rtp
            .iter()
            .rev()
            .take_while(|packet| packet.at >= since);
        let count = recent
            .filter(|packet| packet.from.to_string() == local)
            .count();
        return (count > 0).then(|| format!("{count} packets in spite of the pause"));
    }
    let samples = &recorded.samples;
    let Some(start) = samples.len().checked_sub(RATE) else {
        return Some("less than a second was recorded".to_owned());
    };
    let talks = call.people.values().filter(|who| !who.held);
    let expected: BTreeSet<_> = talks.map(|who| who.tone).collect();
    let wrong = (0..20).find(|number| {
        is_heard(&samples[start..], tone(*number)) != Some(expected.contains(number))
    });
    wrong.map(|number| format!("tone {number} is there or not there, of {expected:?}"))
}

/// What the recorder keeps of the session that we believe in.
fn recorded<'a>(recorder: &'a Recorder, view: &Value) -> Option<&'a Recorded> {
    let call_id = view["sip_call_id"].as_str()?;
    let is_it = |recorded: &&Recorded| {
        let facts = recorded.facts.as_ref();
        !recorded.is_over && facts.is_some_and(|facts| facts.sip_call_id == call_id)
    };
    recorder.recordings.iter().rev().find(is_it)
}

/// The number of the recorder of a recording.
fn number_of(view: &Value) -> usize {
    let name = view["recorder"]
        .as_str()
        .and_then(|name| name.strip_prefix('r'));
    let number = name.and_then(|number| number.parse().ok());
    number.expect("recorders are named by their numbers")
}

/// The recorders' sessions end as well, by their timers where nothing else ends them.
pub fn run_out(world: &mut World) {
    let is_over = |world: &mut World| {
        let mut recorders = world.recorders.iter();
        recorders.all(|recorder| recorder.engine.deadline().is_none())
    };
    assert!(world.run_until(4_000_000, is_over), "a recorder never ends");
}
