//! Adaptive gain control (§4.2.4): the post-filter leaves the level as it was.

use crate::arith::{div, energy, high, inverse_root, mul, mul32, norm32, round, shl32, shr32};
use crate::dims::{Block, ONE_Q12};

/// How much of the gain each sample keeps and takes from its goal, Q15: 0.9 and 0.1.
const KEEP: i16 = 29491;
const TAKE: i16 = 3276;

/// The gain so far, Q12.
#[derive(Clone, Debug)]
pub(crate) struct GainControl(pub(crate) i16);

impl GainControl {
    pub(crate) const fn new() -> Self {
        Self(ONE_Q12)
    }

    /// Brings the filtered subframe to the level of the one that went in.
    pub(crate) fn level(&mut self, before: &Block, after: &mut Block) {
        let Some(goal) = goal(before, after) else {
            self.0 = 0;
            return;
        };
        for x in after {
            // Equation (90).
            self.0 = mul(self.0, KEEP).saturating_add(goal);
            *x = high(shl32(mul32(*x, self.0), 3));
        }
    }
}

/// A tenth of the root of the ratio of energies, Q12; `None` if nothing came out.
fn goal(before: &Block, after: &Block) -> Option<i16> {
    let [(before, _), (after, _)] = [before, after].map(|x| energy(0, &x.map(|x| x >> 2)));
    if after == 0 {
        return None;
    }
    if before == 0 {
        return Some(0);
    }
    let after_shift = norm32(after) - 1;
    let before_shift = norm32(before);
    let after = round(shl32(after, after_shift));
    let before = round(shl32(before, before_shift));
    let ratio = shl32(div(after, before).into(), 7);
    let root = inverse_root(shr32(ratio, after_shift - before_shift));
    Some(mul(round(shl32(root, 9)), TAKE))
}
