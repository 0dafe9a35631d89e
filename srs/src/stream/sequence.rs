//! Sequence numbers of one source: what is lost, doubled, out of order (RFC 3550 appendix A.1).

/// So many of the latest numbers are remembered one by one.
const WINDOW: u64 = 1024;

/// The first number stands this high, so that there is room for those before it.
const ORIGIN: u64 = 1 << 16;

/// Which packets of a source came.
#[derive(Debug)]
pub(crate) struct Sequence {
    /// The lowest number, with its cycles above.
    lowest: u64,
    /// The highest number, with its cycles above.
    highest: u64,
    /// Packets, each counted once.
    received: u64,
    duplicates: u64,
    /// Lost before the source began again.
    lost_before: u64,
    /// A bit for each of the latest numbers, by its remainder.
    seen: [u64; WINDOW as usize / 64],
    /// What was expected and received when this was last reported.
    reported: (u64, u64),
}

/// What a number says about its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Newer than all before.
    Newest,
    /// It fills a gap.
    Reordered,
    /// It came before.
    Duplicate,
    /// Far behind the others: the source has begun again.
    Restarted,
}

impl Sequence {
    /// The first packet came.
    pub(crate) fn begin(number: u16) -> Self {
        let first = ORIGIN + u64::from(number);
        let mut sequence = Self {
            lowest: first,
            highest: first,
            received: 1,
            duplicates: 0,
            lost_before: 0,
            seen: [0; WINDOW as usize / 64],
            reported: (0, 0),
        };
        sequence.note(first);
        sequence
    }

    /// Takes in the next packet's number.
    pub(crate) fn observe(&mut self, number: u16) -> Order {
        let ahead = i64::from(number.wrapping_sub(self.highest as u16) as i16);
        if ahead > 0 {
            let ahead = ahead as u64;
            for skipped in 1..=ahead.min(WINDOW) {
                self.forget(self.highest + skipped);
            }
            self.highest += ahead;
            self.note(self.highest);
            self.received += 1;
            return Order::Newest;
        }
        let behind = ahead.unsigned_abs();
        if behind >= WINDOW {
            let (lost, duplicates) = (self.lost(), self.duplicates);
            *self = Self::begin(number);
            (self.lost_before, self.duplicates) = (lost, duplicates);
            return Order::Restarted;
        }
        let number = self.highest - behind;
        if !self.note(number) {
            self.duplicates += 1;
            return Order::Duplicate;
        }
        self.lowest = self.lowest.min(number);
        self.received += 1;
        Order::Reordered
    }

    /// Packets that never came.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost_before + self.expected() - self.received
    }

    /// As a report gives it: less those that came twice (RFC 3550 §6.4.1).
    pub(crate) fn cumulative_lost(&self) -> i32 {
        let lost = self.lost() as i64 - self.duplicates as i64;
        lost.clamp(-0x80_0000, 0x7f_ffff) as i32
    }

    /// As a report gives it, with its cycles above.
    pub(crate) const fn highest(&self) -> u32 {
        (self.highest - ORIGIN) as u32
    }

    /// What was lost since this was last asked, in 1/256 (RFC 3550 appendix A.3).
    pub(crate) fn fraction_lost(&mut self) -> u8 {
        let now = (self.expected(), self.received + self.duplicates);
        let before = std::mem::replace(&mut self.reported, now);
        let expected = now.0.saturating_sub(before.0);
        let received = now.1.saturating_sub(before.1);
        let lost = expected.saturating_sub(received);
        (lost * 256).checked_div(expected).unwrap_or(0).min(255) as u8
    }

    const fn expected(&self) -> u64 {
        self.highest - self.lowest + 1
    }

    /// Remembers a number; whether it is new.
    fn note(&mut self, number: u64) -> bool {
        let (word, bit) = place(number);
        let new = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        new
    }

    fn forget(&mut self, number: u64) {
        let (word, bit) = place(number);
        self.seen[word] &= !bit;
    }
}

const fn place(number: u64) -> (usize, u64) {
    let place = number % WINDOW;
    ((place / 64) as usize, 1 << (place % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn after(numbers: &[u16]) -> (Sequence, Vec<Order>) {
        let mut sequence = Sequence::begin(numbers[0]);
        let orders = numbers[1..].iter().map(|n| sequence.observe(*n)).collect();
        (sequence, orders)
    }

    #[test]
    fn losses_duplicates_and_disorder_are_told_apart() {
        let (sequence, orders) = after(&[65_534, 65_535, 2, 1, 1, 65_533, 2]);
        use Order::{Duplicate, Newest, Reordered};
        assert_eq!(
            orders,
            [Newest, Newest, Reordered, Duplicate, Reordered, Duplicate]
        );
        assert_eq!(sequence.lost(), 1, "0 is missing");
        assert_eq!(sequence.cumulative_lost(), -1, "and two came twice");
        assert_eq!(sequence.highest(), 1 << 16 | 2);
    }

    #[test]
    fn however_long_a_gap_is_it_is_lost() {
        let (sequence, orders) = after(&[10, 20_010]);
        assert_eq!((sequence.lost(), orders), (19_999, vec![Order::Newest]));
    }

    #[test]
    fn a_source_that_begins_again_keeps_what_it_lost() {
        let (sequence, orders) = after(&[5000, 5002, 100, 102]);
        assert_eq!(orders, [Order::Newest, Order::Restarted, Order::Newest]);
        assert_eq!(sequence.lost(), 2);
    }

    #[test]
    fn the_fraction_is_that_of_the_time_since_the_last_report() {
        let mut sequence = Sequence::begin(0);
        for number in (2..=98).step_by(2) {
            sequence.observe(number);
        }
        assert_eq!(sequence.fraction_lost(), 126, "49 of 99");
        for number in 99..=198 {
            sequence.observe(number);
        }
        assert_eq!(sequence.fraction_lost(), 0);
        assert_eq!(sequence.fraction_lost(), 0, "nothing was expected");
        sequence.observe(0);
        assert_eq!(sequence.fraction_lost(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Steps that keep within the window, against a set of all numbers.
        #[test]
        fn counts_like_a_set_of_all_numbers(
            first: u16,
            steps in prop::collection::vec(-40..60_i64, 1..400),
        ) {
            let mut sequence = Sequence::begin(first);
            let mut at = ORIGIN as i64 + i64::from(first);
            let (mut seen, mut duplicates) = (BTreeSet::from([at]), 0);
            for step in steps {
                let highest = *seen.last().unwrap();
                at = (at + step).clamp(highest - 1000, highest + 60);
                duplicates += u64::from(!seen.insert(at));
                sequence.observe(at as u16);
            }
            let span = (seen.last().unwrap() - seen.first().unwrap() + 1) as u64;
            prop_assert_eq!(sequence.lost(), span - seen.len() as u64);
            prop_assert_eq!(sequence.duplicates, duplicates);
        }
    }
}
