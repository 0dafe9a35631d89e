//! Events on their way out, which survive a control plane that is slow to fetch them.

use std::collections::VecDeque;

use crate::api::Event;

/// A queue of events with a limit. Figures, which will be told again, are the first to be given
/// up; changes of state are given up only where there is no room at all.
#[derive(Debug)]
pub struct Events {
    queue: VecDeque<Event>,
    limit: usize,
    dropped: u64,
}

impl Events {
    /// Room for `limit` events, half of it for figures.
    pub fn new(limit: usize) -> Self {
        Self {
            queue: VecDeque::with_capacity(limit),
            limit,
            dropped: 0,
        }
    }

    /// Adds an event, or counts it as dropped.
    pub fn push(&mut self, event: Event) {
        let limit = match event {
            Event::SourceStats { .. } | Event::SinkStats { .. } | Event::Worker { .. } => {
                self.limit / 2
            }
            Event::SourceLatched { .. }
            | Event::SourceSilent { .. }
            | Event::SourceLost { .. }
            | Event::SourceHeard { .. }
            | Event::SourceUnauthentic { .. }
            | Event::SinkBye { .. } => self.limit,
        };
        if self.queue.len() < limit {
            self.queue.push_back(event);
        } else {
            self.dropped += 1;
        }
    }

    /// The oldest event, which stays.
    pub fn first(&self) -> Option<&Event> {
        self.queue.front()
    }

    /// The oldest event.
    pub fn pop(&mut self) -> Option<Event> {
        self.queue.pop_front()
    }

    /// Events dropped so far.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Handle, SinkStats, StreamId};

    const SINK: StreamId = StreamId(Handle {
        index: 1,
        generation: 1,
    });

    #[test]
    fn figures_are_given_up_before_changes_of_state() {
        let mut events = Events::new(4);
        let stats = Event::SinkStats {
            sink: SINK,
            stats: SinkStats::default(),
        };
        let change = Event::SinkBye { sink: SINK };
        for _ in 0..3 {
            events.push(stats);
        }
        assert_eq!(events.dropped(), 1);
        for _ in 0..3 {
            events.push(change);
        }
        assert_eq!(events.dropped(), 2);
        let told: Vec<_> = std::iter::from_fn(|| events.pop()).collect();
        assert_eq!(told, [stats, stats, change, change]);
    }
}
