//! Outputs of the codec against the reference's, bit for bit.

/// Sixteen lanes against sixteen scalar encoders.
#[cfg(test)]
mod batch;
/// Generated signals and random bits against hashes of the reference's outputs.
#[cfg(test)]
mod generated;
/// ITU's Annex A vectors.
#[cfg(test)]
mod itu;
/// Signals that anyone can make.
#[cfg(test)]
mod signals;
/// Where ITU's vectors are, and how they are read.
#[cfg(test)]
mod vectors;
