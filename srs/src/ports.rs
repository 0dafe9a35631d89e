//! Pairs of media ports: lent to one recording at a time.

use std::collections::{BTreeMap, VecDeque};

use crate::engine::RecordingId;

/// The pairs, each named by its even port.
#[derive(Debug)]
pub(crate) struct Ports {
    /// Whoever was given back last is lent out last, so that packets of an ended call die out.
    free: VecDeque<u16>,
    lent: BTreeMap<u16, RecordingId>,
}

impl Ports {
    /// Pairs by their even ports.
    pub(crate) fn new(pairs: &[u16]) -> Self {
        Self {
            free: pairs.iter().copied().collect(),
            lent: BTreeMap::new(),
        }
    }

    /// Lends a pair.
    pub(crate) fn lend(&mut self, to: RecordingId) -> Option<u16> {
        let pair = self.free.pop_front()?;
        self.lent.insert(pair, to);
        Some(pair)
    }

    /// Takes a pair back.
    pub(crate) fn give_back(&mut self, pair: u16) {
        if self.lent.remove(&pair).is_some() {
            self.free.push_back(pair);
        }
    }

    /// Who has the pair that the port belongs to.
    pub(crate) fn owner(&self, port: u16) -> Option<RecordingId> {
        self.lent.get(&(port & !1)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_has_one_owner_and_is_lent_again_last() {
        let mut ports = Ports::new(&[4000, 4002, 4004]);
        let [one, two, three] = [1, 2, 3].map(RecordingId);
        assert_eq!((ports.lend(one), ports.lend(two)), (Some(4000), Some(4002)));
        assert_eq!(
            [4000, 4001, 4002].map(|port| ports.owner(port)),
            [Some(one), Some(one), Some(two)]
        );
        assert_eq!(ports.owner(4004), None);
        ports.give_back(4000);
        ports.give_back(4000);
        assert_eq!(
            (ports.lend(three), ports.lend(one)),
            (Some(4004), Some(4000))
        );
        assert_eq!((ports.lend(two), ports.owner(4001)), (None, Some(one)));
    }
}
