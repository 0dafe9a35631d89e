//! Each stage of the encoder against traces of reference outputs: from the outputs of the stages
//! before it as they are traced, so that one stage's error does not hide in the next.

use serde_json::Value;

use super::closed_loop::{PitchCorrelations, Scaled};
use super::*;
use crate::arith::Split;
use crate::gain::{GainIndex, PredictedGain};
use crate::lsf_codebook::LsfIndex;
use crate::pitch::Lag;
use crate::testing::{numbers, trace, wide};

/// Traces that begin at the start of a stream.
const FROM_START: [&str; 10] = [
    "algthm", "alternating", "fixed", "lsp", "pitch", "speech", "square-full", "tame", "test", "",
];
