//! The fixed-point arithmetic in which the Recommendation is written.
//!
//! G.729 is bit-exact: two implementations agree only if each sum saturates where the other's does
//! and each product is cut off at the same bit. What the operations do is laid down in ITU-T G.191;
//! the additions of 16 bits are [`i16::saturating_add`] and [`i16::saturating_sub`].

/// The basic operations on 16 and 32 bits.
mod basic;
/// Logarithm, power and inverse root from tables.
mod functions;
/// Numbers of 32 bits in two halves, for products of more than 16 bits.
mod split;
/// Sums over vectors.
mod sums;

pub(crate) use basic::*;
pub(crate) use functions::*;
pub(crate) use split::*;
pub(crate) use sums::*;
