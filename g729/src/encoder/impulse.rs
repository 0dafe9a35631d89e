//! The impulse response of the weighted synthesis filter (§3.5, §A.3.5) and what is made with it:
//! vectors filtered forwards, targets filtered backwards.

use crate::arith::{dot, norm32, plain_dot, products_fit};
use crate::dims::{Block, Lp, ONE_Q12, ORDER, SUBFRAME};
use crate::filter::{FilterMemory, synthesise};

/// A target filtered backwards: what each sample of an excitation would contribute, 13 bits.
pub(crate) type Backward = Block;

/// The response of 1/A(z/γ), Q12.
pub(crate) fn response(weighted: &Lp) -> Block {
    let mut unit = [0; SUBFRAME];
    unit[0] = ONE_Q12;
    filter(weighted, &unit, &[0; ORDER])
}

/// `input` through 1/A(z), from given past outputs.
pub(crate) fn filter(a: &Lp, input: &[i16], memory: &FilterMemory) -> Block {
    let mut signal = [0; ORDER + SUBFRAME];
    signal[..ORDER].copy_from_slice(memory);
    signal[ORDER..].copy_from_slice(input);
    synthesise(a, &mut signal);
    signal[ORDER..].try_into().expect("a subframe")
}

/// Equation (38) or (52): `Σ x[j]·h[j - n]` for each n, normalised together to 13 bits.
pub(crate) fn backward(target: &Block, response: &Block) -> Backward {
    let sums: [i32; SUBFRAME] = if products_fit(target, response) {
        let mut x = [0; 2 * SUBFRAME];
        x[..SUBFRAME].copy_from_slice(target);
        core::array::from_fn(|n| 2 * plain_dot(&x[n..n + SUBFRAME], response))
    } else {
        core::array::from_fn(|n| dot(0, &target[n..], &response[..SUBFRAME - n]))
    };
    let greatest = sums
        .iter()
        .fold(0, |most, sum| sum.saturating_abs().max(most));
    let shift = 18 - norm32(greatest).min(16);
    sums.map(|sum| (sum >> shift) as i16)
}
