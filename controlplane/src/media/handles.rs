//! The places of one data-plane table.

use std::collections::VecDeque;

use sixreel_dataplane::api::Handle;

/// Which places of a table are free. The one that was free longest is taken first, so that late
/// packets of its last tenant have died away.
#[derive(Debug)]
pub(super) struct Handles {
    first: u32,
    free: VecDeque<u32>,
    generations: Vec<u32>,
}

impl Handles {
    /// `count` free places of a table, from `first` on.
    pub(super) fn new(first: u32, count: u32) -> Self {
        Self {
            first,
            free: (first..first + count).collect(),
            generations: vec![0; count as usize],
        }
    }

    /// Takes a place.
    pub(super) fn take(&mut self) -> Option<Handle> {
        let index = self.free.pop_front()?;
        let generation = &mut self.generations[(index - self.first) as usize];
        *generation = generation.wrapping_add(1);
        Some(Handle {
            index,
            generation: *generation,
        })
    }

    /// Gives a place back that was taken.
    pub(super) fn give(&mut self, handle: Handle) {
        debug_assert_eq!(
            self.generations[(handle.index - self.first) as usize],
            handle.generation
        );
        debug_assert!(!self.free.contains(&handle.index), "it is free already");
        self.free.push_back(handle.index);
    }

    /// How many places are taken.
    pub(super) fn taken(&self) -> usize {
        self.generations.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_rests_before_it_is_taken_again() {
        let mut handles = Handles::new(10, 3);
        let first = handles.take().unwrap();
        handles.give(first);
        let indices: Vec<_> = std::iter::from_fn(|| handles.take()).collect();
        assert_eq!(
            indices.iter().map(|h| h.index).collect::<Vec<_>>(),
            [11, 12, 10]
        );
        assert_eq!(indices[2].generation, first.generation + 1);
        assert_eq!(handles.taken(), 3);
        handles.give(indices[1]);
        assert_eq!(handles.taken(), 2);
    }
}
