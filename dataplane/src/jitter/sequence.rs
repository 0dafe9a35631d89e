//! Sequence numbers of one stream: order, duplicates, loss (RFC 3550 appendix A.1).

/// Forward steps below this are gaps, larger ones are leaps (RFC 3550 A.1, MAX_DROPOUT).
const MAX_DROPOUT: u16 = 3000;

/// Which packets of a stream came.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    run: Option<Run>,
    /// The number that would confirm a leap.
    leap: Option<u16>,
    /// Lost in the runs before this one.
    lost_before: u64,
}

/// Packets without a leap between them.
#[derive(Debug)]
struct Run {
    highest: u16,
    /// Numbers from the first to the highest.
    expected: u64,
    received: u64,
    /// Bit `n` says that the packet `n` below the highest came.
    seen: u64,
}

/// What a sequence number says about its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// A new run begins: the first packet, or the second after a leap.
    Begins,
    /// Newer than all before.
    Newest,
    /// It fills a gap.
    Reordered,
    /// It came before.
    Duplicate,
    /// Far from the others: a stray, or the first after a leap.
    Leaps,
}

impl Sequence {
    /// Takes in the next packet's number.
    pub(crate) fn observe(&mut self, number: u16) -> Order {
        let Some(run) = &mut self.run else {
            self.run = Some(Run::begin(number));
            return Order::Begins;
        };
        let order = run.observe(number);
        if order != Order::Leaps {
            self.leap = None;
            return order;
        }
        // Two packets in a row are believed (RFC 3550 A.1, bad_seq).
        if self.leap.replace(number.wrapping_add(1)) != Some(number) {
            return Order::Leaps;
        }
        self.lost_before += run.lost();
        *self = Self {
            run: Some(Run::begin(number)),
            leap: None,
            lost_before: self.lost_before,
        };
        Order::Begins
    }

    /// Ends the run: the next packet begins another.
    pub(crate) fn end(&mut self) {
        *self = Self {
            run: None,
            leap: None,
            lost_before: self.lost(),
        };
    }

    /// Packets that never came.
    pub(crate) fn lost(&self) -> u64 {
        self.lost_before + self.run.as_ref().map_or(0, Run::lost)
    }
}

impl Run {
    const fn begin(number: u16) -> Self {
        Self {
            highest: number,
            expected: 1,
            received: 1,
            seen: 1,
        }
    }

    fn observe(&mut self, number: u16) -> Order {
        let ahead = number.wrapping_sub(self.highest);
        if (1..MAX_DROPOUT).contains(&ahead) {
            self.highest = number;
            self.expected += u64::from(ahead);
            self.seen = self.seen.checked_shl(ahead.into()).unwrap_or(0) | 1;
            self.received += 1;
            return Order::Newest;
        }
        let Some(bit) = 1u64.checked_shl(ahead.wrapping_neg().into()) else {
            return Order::Leaps;
        };
        if self.seen & bit != 0 {
            return Order::Duplicate;
        }
        self.seen |= bit;
        self.received += 1;
        Order::Reordered
    }

    /// Below the run's first number packets may come as well, hence the saturation.
    const fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn orders(numbers: &[u16]) -> (Vec<Order>, u64) {
        let mut sequence = Sequence::default();
        let orders = numbers.iter().map(|n| sequence.observe(*n)).collect();
        (orders, sequence.lost())
    }

    #[test]
    fn order_duplicates_and_gaps_are_told_apart() {
        use Order::*;
        let expected = vec![
            Begins, Newest, Newest, Reordered, Duplicate, Duplicate, Newest,
        ];
        assert_eq!(orders(&[10, 11, 14, 12, 12, 14, 15]), (expected, 1));
    }

    #[test]
    fn numbers_wrap() {
        use Order::*;
        assert_eq!(
            orders(&[65_534, 65_535, 1, 0, 2]),
            (vec![Begins, Newest, Newest, Reordered, Newest], 0)
        );
    }

    #[test]
    fn a_leap_is_believed_when_the_next_packet_confirms_it() {
        use Order::*;
        assert_eq!(
            orders(&[1, 3, 20_000, 20_001, 20_003]),
            (vec![Begins, Newest, Leaps, Begins, Newest], 2)
        );
    }

    #[test]
    fn strays_do_not_end_a_run() {
        use Order::*;
        assert_eq!(
            orders(&[100, 20_000, 101, 20_001, 102]),
            (vec![Begins, Leaps, Newest, Leaps, Newest], 0)
        );
    }

    #[test]
    fn a_sender_that_counts_from_anew_is_followed() {
        use Order::*;
        assert_eq!(orders(&[5000, 0, 1, 2]).0, [Begins, Leaps, Begins, Newest]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn what_did_not_come_is_lost(
            start: u16,
            came in prop::collection::vec(any::<bool>(), 1..500),
            swaps in prop::collection::vec(0usize..500, 0..50),
        ) {
            let mut numbers: Vec<u16> = (0..came.len())
                .filter(|n| came[*n] || *n == 0 || *n == came.len() - 1)
                .map(|n| start.wrapping_add(n as u16))
                .collect();
            for at in swaps {
                // The first stays first: what lies below it is not expected.
                if at > 0 && at + 1 < numbers.len() {
                    numbers.swap(at, at + 1);
                }
            }
            let lost = (came.len() - numbers.len()) as u64;
            let (orders, counted) = orders(&numbers);
            prop_assume!(!orders.contains(&Order::Leaps));
            prop_assert_eq!(counted, lost);
            prop_assert!(!orders.contains(&Order::Duplicate));
        }
    }
}
