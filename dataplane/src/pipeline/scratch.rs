//! What the stages of one slot hand to each other: flat arrays, one entry per voice, call or
//! encoding, used again for each slot.

use std::ops::Range;

use super::slots::calls_per_slot;
use crate::api::Limits;
use crate::encoding::Payload;
use crate::period::{BLOCK, Block};
use crate::srtp;

/// The arrays.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// Decoded voices that are to be mixed, of which `voices` are in use.
    pub(crate) blocks: Box<[Block]>,
    pub(crate) voices: usize,
    /// Identifiers of those whose received audio is among the voices.
    pub(crate) csrcs: Vec<u32>,
    /// Mixes, one per call.
    pub(crate) mixes: Vec<Block>,
    /// Encoded mixes, one per call and place of an encoding.
    pub(crate) payloads: Vec<Payload>,
    /// The calls that are served.
    pub(crate) calls: Vec<Served>,
    /// Packets of the batch that are to be protected.
    pub(crate) bare: Vec<srtp::Packet>,
}

/// A call that is served, and its part of the arrays.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) call: u32,
    pub(crate) voices: Range<usize>,
    pub(crate) csrcs: Range<usize>,
    pub(crate) payloads: usize,
}

impl Scratch {
    /// Room for the fullest slot.
    pub(crate) fn new(limits: &Limits) -> Self {
        let calls = calls_per_slot(limits.calls);
        let streams = limits.streams as usize;
        let sources = streams.min(calls * limits.sources_per_call as usize);
        Self {
            blocks: vec![[0; BLOCK]; sources + 1].into_boxed_slice(),
            voices: 0,
            csrcs: Vec::with_capacity(sources),
            mixes: Vec::with_capacity(calls),
            payloads: Vec::with_capacity(calls * limits.sinks_per_call as usize),
            calls: Vec::with_capacity(calls),
            bare: Vec::with_capacity(2 * streams.min(calls * limits.sinks_per_call as usize)),
        }
    }

    /// Empties the arrays.
    pub(crate) fn clear(&mut self) {
        self.voices = 0;
        self.csrcs.clear();
        self.mixes.clear();
        self.payloads.clear();
        self.calls.clear();
        self.bare.clear();
    }
}
