//! Which calls are served when: a period is cut into slots, and each call belongs to one.

use crate::period::PERIOD;
use crate::time::Nanos;

/// Slots of a period.
const SLOTS: u64 = 10;

/// Slots that a late worker makes up for: twelve periods. The packets of that time have waited in
/// the port, and fit into the jitter buffers; what is served late is recorded none the less.
const MADE_UP: u64 = 12 * SLOTS;

/// What a slot lasts.
const SLOT: Nanos = Nanos(PERIOD.0 / SLOTS);

/// The clock of the slots, and the calls in them.
#[derive(Debug)]
pub(crate) struct Slots {
    /// The next slot, counted from the beginning of time; `None` where there is no call.
    next: Option<u64>,
    calls: [Vec<u32>; SLOTS as usize],
    skipped: u64,
}

/// A slot that is to be served now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// Which slot of the period.
    pub(crate) slot: usize,
    /// Which period.
    pub(crate) period: u64,
    /// When it should be served.
    pub(crate) at: Nanos,
}

/// The most calls that one slot holds, where `calls` are open.
pub(crate) const fn calls_per_slot(calls: u32) -> usize {
    (calls as usize).div_ceil(SLOTS as usize)
}

impl Slots {
    /// No calls yet, room for `calls`.
    pub(crate) fn new(calls: u32) -> Self {
        Self {
            next: None,
            calls: std::array::from_fn(|_| Vec::with_capacity(calls_per_slot(calls))),
            skipped: 0,
        }
    }

    /// Puts a call into the least full slot, and returns which.
    pub(crate) fn add(&mut self, call: u32, now: Nanos) -> usize {
        let emptiest = self
            .calls
            .iter()
            .enumerate()
            .min_by_key(|(_, calls)| calls.len());
        let (slot, _) = emptiest.expect("there are slots");
        self.calls[slot].push(call);
        self.next.get_or_insert(now.0 / SLOT.0 + 1);
        slot
    }

    /// Takes a call out of its slot.
    pub(crate) fn remove(&mut self, call: u32, slot: usize) {
        self.calls[slot].retain(|other| *other != call);
        if self.calls.iter().all(Vec::is_empty) {
            self.next = None;
        }
    }

    /// The calls of a slot.
    pub(crate) fn calls(&self, slot: usize) -> &[u32] {
        &self.calls[slot]
    }

    /// When the next slot is due.
    pub(crate) fn next(&self) -> Option<Nanos> {
        self.next.map(time)
    }

    /// When `slot` is due next.
    pub(crate) fn next_of(&self, slot: usize) -> Option<Nanos> {
        let next = self.next?;
        let wait = (slot as u64 + SLOTS - next % SLOTS) % SLOTS;
        Some(time(next + wait))
    }

    /// The next slot, if it is due. Where it is later than can be made up for, so many are skipped
    /// that the rest can.
    pub(crate) fn take(&mut self, now: Nanos) -> Option<Due> {
        let next = self.next?;
        let late = now.0.checked_sub(time(next).0)? / SLOT.0;
        let skip = (late + 1).saturating_sub(MADE_UP);
        self.skipped += skip;
        let number = next + skip;
        self.next = Some(number + 1);
        Some(Due {
            slot: (number % SLOTS) as usize,
            period: number / SLOTS,
            at: time(number),
        })
    }

    /// Slots skipped so far.
    pub(crate) const fn skipped(&self) -> u64 {
        self.skipped
    }
}

const fn time(number: u64) -> Nanos {
    Nanos(number * SLOT.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Nanos {
        Nanos::from_millis(count)
    }

    #[test]
    fn calls_are_spread_evenly_and_fit_what_was_reserved() {
        let mut slots = Slots::new(25);
        let places: Vec<_> = (0..25).map(|call| (call, slots.add(call, ms(0)))).collect();
        assert!((0..10).all(|slot| (2..=3).contains(&slots.calls(slot).len())));
        for (call, slot) in places {
            assert!(slots.calls(slot).contains(&call));
            slots.remove(call, slot);
        }
        assert_eq!((slots.next(), slots.take(ms(100))), (None, None));
    }

    #[test]
    fn slots_follow_one_another_and_none_is_served_early() {
        let mut slots = Slots::new(1);
        slots.add(7, ms(45));
        assert_eq!(slots.next(), Some(ms(46)));
        assert_eq!(slots.take(Nanos(ms(46).0 - 1)), None);
        let due = slots.take(ms(46)).unwrap();
        assert_eq!((due.slot, due.period, due.at), (3, 2, ms(46)));
        assert_eq!(slots.next(), Some(ms(48)));
        assert_eq!(slots.next_of(3), Some(ms(66)));
        assert_eq!(slots.next_of(4), Some(ms(48)));
    }

    #[test]
    fn a_late_worker_catches_up_and_skips_what_it_cannot_make_up_for() {
        let mut slots = Slots::new(1);
        slots.add(0, ms(0));
        let served = |slots: &mut Slots, now| {
            std::iter::from_fn(|| slots.take(now))
                .map(|due| due.at)
                .collect::<Vec<_>>()
        };
        assert_eq!(served(&mut slots, ms(21)).len(), 10);
        assert_eq!(served(&mut slots, ms(260)).len(), 120);
        assert_eq!(slots.skipped(), 0);
        let late = served(&mut slots, ms(582));
        assert_eq!((late.len(), late[0], late[119]), (120, ms(344), ms(582)));
        assert_eq!(slots.skipped(), 41);
    }
}
