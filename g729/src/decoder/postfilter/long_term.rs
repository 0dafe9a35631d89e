//! The long-term post-filter (§4.2.1, §A.4.2.1): strengthens the harmonics of a voice.

use super::HISTORY;
use crate::arith::{div, dot, energy, mul, mul32, norm32, round, shl32};
use crate::dims::{Block, LAG_MAX, SUBFRAME};

/// γp, 1 / (1 + γp) and γp / (1 + γp) in Q15, with γp = 0.5.
const STRENGTH: i16 = 16384;
const DIRECT: i16 = 21845;
const DELAYED: i16 = 10923;

/// The residual's end with what lies about one lag back added, if they are alike.
pub(crate) fn filter(residual: &[i16; HISTORY + SUBFRAME], lag: i16) -> Block {
    let signal: &Block = residual[HISTORY..].try_into().expect("a subframe");
    let Some((lag, direct, delayed)) = weights(residual, lag) else {
        return *signal;
    };
    let past = &residual[HISTORY - lag..];
    core::array::from_fn(|n| mul(direct, signal[n]).saturating_add(mul(delayed, past[n])))
}

/// The best lag and the weights of both parts, Q15; `None` if the gain would be below 3 dB.
fn weights(residual: &[i16; HISTORY + SUBFRAME], lag: i16) -> Option<(usize, i16, i16)> {
    let quieter = residual.map(|x| x >> 2);
    let (lag, correlation) = best_lag(&quieter, lag);
    let (delayed_energy, _) = energy(1, &quieter[HISTORY - lag..][..SUBFRAME]);
    let (own_energy, _) = energy(1, &quieter[HISTORY..]);

    let correlation = correlation.max(0);
    let shift = norm32(correlation.max(delayed_energy).max(own_energy));
    let [correlation, delayed_energy, own_energy] =
        [correlation, delayed_energy, own_energy].map(|x| round(shl32(x, shift)));
    // Equation (82).
    let least = mul32(delayed_energy, own_energy) >> 1;
    if mul32(correlation, correlation).saturating_sub(least) < 0 {
        return None;
    }
    if correlation > delayed_energy {
        return Some((lag, DIRECT, DELAYED));
    }
    // Equation (83), in Q14.
    let correlation = mul(correlation, STRENGTH) >> 1;
    let sum = correlation.saturating_add(delayed_energy >> 1);
    let delayed = div(correlation, sum);
    Some((lag, i16::MAX - delayed, delayed))
}

/// Equation (80): the lag of the greatest correlation among seven, and that correlation.
fn best_lag(quieter: &[i16; HISTORY + SUBFRAME], lag: i16) -> (usize, i32) {
    let least = (lag - 3).min(LAG_MAX - 6) as usize;
    let signal = &quieter[HISTORY..];
    (least..=least + 6)
        .map(|lag| (lag, dot(0, signal, &quieter[HISTORY - lag..][..SUBFRAME])))
        .reduce(|best, other| if other.1 > best.1 { other } else { best })
        .expect("seven lags")
}
