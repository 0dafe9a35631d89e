#![doc = include_str!("../README.md")]
//!
//! # How the code is laid out
//!
//! Encoder and decoder are a folder each, one stage a file; what both need lies beside them. Section
//! numbers (§3.2.1) and equations are those of the Recommendation, those with an A of its Annex A.
//! A number "in Q12" counts in units of 2^-12. Samples are in Q0 throughout.
#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]

/// The fixed-point arithmetic in which the Recommendation is written.
mod arith;
/// Sixteen encoders at once, in the lanes of vector registers.
#[cfg(target_arch = "x86_64")]
mod batch;
/// The decoder (§4, §A.4).
mod decoder;
/// The sizes that all stages share.
mod dims;
/// The encoder (§3, §A.3).
mod encoder;
/// The LP filters: residual, synthesis and the weighting of their coefficients.
mod filter;
/// The fixed codebook (§3.8).
mod fixed_codebook;
/// The frame of 80 bits (table 8).
mod frame;
/// What encoder and decoder share of the gain quantiser (§3.9).
mod gain;
/// The high-pass filters before the encoder and after the decoder (§3.1, §4.2.5).
mod high_pass;
/// Line spectral pairs as cosines and as frequencies (§3.2.3, §3.2.4).
mod lsf;
/// What encoder and decoder share of the LSF quantiser (§3.2.4).
mod lsf_codebook;
/// From LSPs to LP filters (§3.2.5, §3.2.6).
mod lsp_interpolation;
/// The adaptive codebook's vector and the words for its lag (§3.7).
mod pitch;
/// The tables of the Recommendation.
mod tables;
#[cfg(test)]
mod testing;

#[cfg(target_arch = "x86_64")]
pub use batch::{EncoderBatch, LANES};
pub use decoder::{Decoder, Frame};
pub use dims::{FRAME_BYTES, FRAME_SAMPLES};
pub use encoder::Encoder;
