//! The frames of one source in the order of their timestamps.

use crate::pool::{FrameId, Place, Pool};

/// A list of frames that it owns, oldest timestamp first.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    head: Option<FrameId>,
    /// The last frame, so that packets in order are appended without a search.
    tail: Option<Place>,
    len: u32,
}

impl Queue {
    /// Frames held.
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// Where the oldest frame lies.
    pub(crate) fn head(&self) -> Option<Place> {
        self.head.as_ref().map(FrameId::place)
    }

    /// Puts a frame behind those that are not newer.
    pub(crate) fn push(&mut self, id: FrameId, pool: &mut Pool) {
        let place = id.place();
        let timestamp = pool.at(place).timestamp;
        self.len += 1;
        match self.before(timestamp, pool) {
            Some(before) => {
                let next = pool.at_mut(before).next.replace(id);
                if next.is_none() {
                    self.tail = Some(place);
                }
                pool.at_mut(place).next = next;
            }
            None => {
                if self.head.is_none() {
                    self.tail = Some(place);
                }
                pool.at_mut(place).next = self.head.replace(id);
            }
        }
    }

    /// Gives the oldest frame back to the pool.
    pub(crate) fn drop_head(&mut self, pool: &mut Pool) {
        let Some(id) = self.head.take() else {
            return;
        };
        self.len -= 1;
        self.head = pool.at_mut(id.place()).next.take();
        if self.head.is_none() {
            self.tail = None;
        }
        pool.give(id);
    }

    /// Gives all frames back to the pool.
    pub(crate) fn clear(&mut self, pool: &mut Pool) {
        while self.head.is_some() {
            self.drop_head(pool);
        }
    }

    /// The last frame that is not newer than `timestamp`.
    fn before(&self, timestamp: u32, pool: &Pool) -> Option<Place> {
        let not_newer = |place: Place| timestamp.wrapping_sub(pool.at(place).timestamp) as i32 >= 0;
        if let Some(tail) = self.tail.filter(|tail| not_newer(*tail)) {
            return Some(tail);
        }
        let mut before = None;
        let mut next = self.head.as_ref();
        while let Some(place) = next.map(FrameId::place).filter(|place| not_newer(*place)) {
            before = Some(place);
            next = pool.at(place).next.as_ref();
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn push(queue: &mut Queue, pool: &mut Pool, timestamp: u32) {
        let id = pool.take().unwrap();
        pool.at_mut(id.place()).timestamp = timestamp;
        queue.push(id, pool);
    }

    fn drain(queue: &mut Queue, pool: &mut Pool) -> Vec<u32> {
        let mut seen = Vec::new();
        while let Some(place) = queue.head() {
            seen.push(pool.at(place).timestamp);
            queue.drop_head(pool);
        }
        seen
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn frames_come_out_by_timestamp_and_return_to_the_pool(
            start: u32,
            offsets in prop::collection::vec(0u32..2000, 0..40),
            refill in prop::collection::vec(0u32..2000, 0..20),
        ) {
            let mut pool = Pool::new(40);
            let mut queue = Queue::default();
            for offsets in [&offsets, &refill] {
                for offset in offsets {
                    push(&mut queue, &mut pool, start.wrapping_add(*offset));
                }
                prop_assert_eq!(queue.len() as usize, offsets.len());
                prop_assert_eq!(pool.used() as usize, offsets.len());
                let mut sorted = offsets.clone();
                sorted.sort_unstable();
                let sorted: Vec<u32> = sorted.iter().map(|o| start.wrapping_add(*o)).collect();
                prop_assert_eq!(drain(&mut queue, &mut pool), sorted);
                prop_assert_eq!((queue.len(), pool.used()), (0, 0));
            }
        }
    }

    #[test]
    fn clearing_gives_everything_back() {
        let mut pool = Pool::new(3);
        let mut queue = Queue::default();
        for timestamp in [320, 0, 160] {
            push(&mut queue, &mut pool, timestamp);
        }
        queue.clear(&mut pool);
        assert_eq!((queue.len(), pool.used()), (0, 0));
    }
}
