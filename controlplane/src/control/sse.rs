//! Server-sent events (WHATWG HTML §9.2) and the ring from which they are replayed.

use std::collections::VecDeque;

use serde::Serialize;

use super::limits::EVENTS_REPLAYED;
use super::view::{EventView, GapView};

/// Keeps a stream that has nothing to say from looking dead.
pub const HEARTBEAT: &[u8] = b":\n\n";

/// The newest events, as they are written to streams.
#[derive(Debug, Default)]
pub struct EventRing {
    events: VecDeque<Box<[u8]>>,
    newest: u64,
}

/// Where a stream begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The event after which it begins.
    pub cursor: u64,
    /// What to write first: nothing, or that events are missing.
    pub opening: Vec<u8>,
}

impl EventRing {
    /// Adds an event; its identifier is one more than the one's before.
    pub fn push(&mut self, event: &EventView) {
        debug_assert!(self.newest == 0 || event.id == self.newest + 1);
        if self.events.len() == EVENTS_REPLAYED {
            self.events.pop_front();
        }
        let mut bytes = format!("id: {}\n", event.id).into_bytes();
        write_event(&mut bytes, event.kind.name(), event);
        self.events.push_back(bytes.into_boxed_slice());
        self.newest = event.id;
    }

    /// Where a stream begins whose client last saw the event `last`, or wants only what is new.
    pub fn start(&self, last: Option<u64>) -> Start {
        let before = self.newest - self.events.len() as u64;
        let (cursor, missing) = match last {
            None => (self.newest, Some(0)),
            Some(last) if last < before => (before, Some(before - last)),
            Some(last) if last <= self.newest => (last, Some(0)),
            // From an earlier life of this process, whose events nobody can count.
            Some(_) => (before, None),
        };
        let mut opening = Vec::new();
        if missing != Some(0) {
            let gap = GapView::new(missing, cursor + 1);
            write_event(&mut opening, gap.kind, &gap);
        }
        Start { cursor, opening }
    }

    /// The events after `cursor`, oldest first; `None` if the next one is no longer there.
    pub fn after(&self, cursor: u64) -> Option<impl Iterator<Item = &[u8]>> {
        let before = self.newest - self.events.len() as u64;
        let skipped = cursor.checked_sub(before)?;
        let events = self.events.iter().skip(skipped as usize);
        Some(events.map(|bytes| &**bytes))
    }
}

/// JSON has no line breaks in it, so that the data is one line.
fn write_event(out: &mut Vec<u8>, name: &str, data: &impl Serialize) {
    let data = serde_json::to_vec(data).expect("views have text keys and no failing parts");
    out.extend_from_slice(format!("event: {name}\ndata: ").as_bytes());
    out.extend_from_slice(&data);
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::view::EventKind;

    fn event(id: u64) -> EventView {
        EventView {
            id,
            kind: EventKind::SourceLost,
            time: "2017-05-01T10:17:11.042Z".to_owned(),
            call: None,
            recording: None,
            recorder: None,
            source: None,
            detail: Some("two\nlines".to_owned()),
        }
    }

    fn ring(count: u64) -> EventRing {
        let mut ring = EventRing::default();
        (1..=count).for_each(|id| ring.push(&event(id)));
        ring
    }

    /// The identifiers of the events after `cursor`.
    fn ids(ring: &EventRing, cursor: u64) -> Vec<u64> {
        let id = |bytes: &[u8]| {
            let text = str::from_utf8(bytes).unwrap();
            text.lines().next().unwrap()[4..].parse().unwrap()
        };
        ring.after(cursor).unwrap().map(id).collect()
    }

    #[test]
    fn an_event_has_id_name_and_one_line_of_data() {
        let ring = ring(1);
        let text = str::from_utf8(ring.after(0).unwrap().next().unwrap()).unwrap();
        let expected = "id: 1\nevent: source.lost\ndata: {\"id\":1,\"type\":\"source.lost\",\
             \"time\":\"2017-05-01T10:17:11.042Z\",\"detail\":\"two\\nlines\"}\n\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_stream_begins_with_what_is_new_or_with_what_was_missed() {
        let ring = ring(10);
        let quiet = |cursor| Start {
            cursor,
            opening: Vec::new(),
        };
        assert_eq!(ring.start(None), quiet(10));
        assert_eq!(ring.start(Some(7)), quiet(7));
        assert_eq!(ring.start(Some(0)), quiet(0));
        assert_eq!(ids(&ring, 7), [8, 9, 10]);
        assert!(ids(&ring, 10).is_empty());
    }

    #[test]
    fn what_the_ring_forgot_is_counted() {
        let ring = ring(EVENTS_REPLAYED as u64 + 5);
        let start = ring.start(Some(2));
        assert_eq!(start.cursor, 5);
        let text = String::from_utf8(start.opening).unwrap();
        let expected = "event: events.gap\n\
             data: {\"type\":\"events.gap\",\"missing\":3,\"next\":6}\n\n";
        assert_eq!(text, expected);
        assert_eq!(ids(&ring, 5).len(), EVENTS_REPLAYED);
        assert!(ring.after(4).is_none());
    }

    #[test]
    fn a_client_of_an_earlier_life_is_told_that_nobody_can_count() {
        let start = ring(3).start(Some(900));
        assert_eq!(start.cursor, 0);
        let text = String::from_utf8(start.opening).unwrap();
        assert!(text.contains("\"missing\":null,\"next\":1"), "{text}");
    }

    #[test]
    fn an_empty_ring_has_nothing_to_replay() {
        let ring = ring(0);
        assert_eq!(ring.start(Some(0)), ring.start(None));
        assert!(ids(&ring, 0).is_empty());
    }
}
