//! One outbound stream: its clock, its numbers, its RTCP.

use std::net::SocketAddr;

use crate::api::{Event, RtcpRemote, SinkFlow, SinkSpec, SinkStats, StreamId};
use crate::counters::Drop;
use crate::period::samples_between;
use crate::rtcp::{Reporter, Standing};
use crate::srtp::Kind;
use crate::time::Nanos;
use crate::wire::datagram::TxBatch;
use crate::wire::rtcp::{Compound, MAX_LEN};
use crate::wire::rtp;

/// An outbound stream.
#[derive(Debug)]
pub(crate) struct Sink {
    id: StreamId,
    call: u32,
    spec: SinkSpec,
    flow: Option<Flow>,
    /// When the stream's clock showed the first timestamp.
    origin: Nanos,
    sequence: u16,
    /// Whether the next packet is the first after a pause.
    marker: bool,
    reporter: Reporter,
    said_bye: Bye,
    packets: u64,
    bytes: u64,
    unsent: u64,
    guard: Guard,
}

/// How packets are protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Guard {
    /// Nothing goes out or comes in that is not protected.
    pub(crate) secure: bool,
    /// Bytes that protection adds to an RTP packet,
    pub(crate) rtp: usize,
    /// and to an RTCP packet.
    pub(crate) rtcp: usize,
}

/// What was negotiated, and which of the call's encodings serves it.
#[derive(Clone, Copy, Debug)]
struct Flow {
    negotiated: SinkFlow,
    encoding: usize,
}

/// Whether the recorder said BYE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bye {
    Unsaid,
    Said,
    Told,
}

impl Sink {
    /// A sink that sends nothing until its flow is set, and whose first timestamp is that of
    /// `origin`.
    pub(crate) const fn new(id: StreamId, call: u32, spec: SinkSpec, origin: Nanos) -> Self {
        Self {
            id,
            call,
            spec,
            flow: None,
            origin,
            sequence: spec.sequence,
            marker: true,
            reporter: Reporter::new(spec.ssrc, spec.rtcp_seed),
            said_bye: Bye::Unsaid,
            packets: 0,
            bytes: 0,
            unsent: 0,
            guard: Guard {
                secure: false,
                rtp: 0,
                rtcp: 0,
            },
        }
    }

    /// The call that it belongs to.
    pub(crate) const fn call(&self) -> u32 {
        self.call
    }

    /// Its identifier and canonical name.
    pub(crate) fn name(&self) -> (u32, &[u8]) {
        (self.spec.ssrc, self.spec.cname.as_bytes())
    }

    /// Whether its packets list their contributors.
    pub(crate) const fn lists_contributors(&self) -> bool {
        self.spec.csrc
    }

    /// The place of the encoding that it uses, if it uses one.
    pub(crate) fn encoding(&self) -> Option<usize> {
        self.flow.as_ref().map(|flow| flow.encoding)
    }

    /// Sends as negotiated from the next period on, what the encoding at a place holds.
    pub(crate) fn set(&mut self, negotiated: SinkFlow, encoding: usize, guard: Guard, now: Nanos) {
        self.guard = guard;
        if let Some(before) = &self.flow {
            self.marker |= !before.negotiated.sending;
            if before.negotiated.remote != negotiated.remote {
                self.said_bye = Bye::Unsaid;
            }
        }
        self.flow = Some(Flow {
            negotiated,
            encoding,
        });
        self.reporter.begin(now);
    }

    /// Sends nothing until it is set again. Returns the place of the encoding that it used.
    pub(crate) fn stop(&mut self) -> Option<usize> {
        self.marker = true;
        self.flow.take().map(|flow| flow.encoding)
    }

    /// Adds the packet of the period due at `at` to the batch if the stream flows, and returns
    /// whether it does. The timestamp keeps to the clock, whatever was not sent.
    pub(crate) fn send(
        &mut self,
        at: Nanos,
        csrcs: &[u32],
        payload: &[u8],
        out: &mut TxBatch,
    ) -> Result<bool, Drop> {
        let Some(flow) = self.flow.filter(|flow| flow.negotiated.sending) else {
            return Ok(false);
        };
        let header = rtp::Header {
            marker: self.marker,
            payload_type: flow.negotiated.payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp(at),
            ssrc: self.spec.ssrc,
            csrcs: if self.spec.csrc { csrcs } else { &[] },
        };
        let len = header.size();
        // From the port that the offer named (RFC 7866 §8.1.8).
        let packet = out.push(
            self.id.0.index,
            false,
            flow.negotiated.remote,
            len + payload.len() + self.guard.rtp,
        );
        let packet = packet.ok_or(Drop::Unsent)?;
        let (head, body) = packet.split_at_mut(len);
        header.write(head);
        body[..payload.len()].copy_from_slice(payload);
        self.marker = false;
        self.sequence = self.sequence.wrapping_add(1);
        self.packets += 1;
        self.bytes += payload.len() as u64;
        Ok(true)
    }

    /// Whether a report is due.
    pub(crate) fn owes_report(&self, now: Nanos) -> bool {
        self.flow.is_some() && self.reporter.is_due(now)
    }

    /// Whether somebody has to be told that it ends.
    pub(crate) const fn owes_bye(&self) -> bool {
        self.reporter.owes_bye(self.packets)
    }

    /// Writes a report and returns its length. `ntp` is the wall-clock time of `now`, `chunks` are
    /// the names of the sink and of its contributors.
    pub(crate) fn write_report<'c>(
        &self,
        now: Nanos,
        ntp: u64,
        chunks: impl Iterator<Item = (u32, &'c [u8])>,
        bye: bool,
        out: &mut [u8; MAX_LEN],
    ) -> usize {
        let standing = Standing {
            ntp,
            timestamp: self.timestamp(now),
            packets: self.packets,
            bytes: self.bytes,
        };
        self.reporter.write(&standing, chunks, bye, out)
    }

    /// Adds a report to the batch if there is anybody to send it to, and returns whether there is.
    pub(crate) fn send_report(
        &mut self,
        now: Nanos,
        report: &[u8],
        out: &mut TxBatch,
    ) -> Result<bool, Drop> {
        let Some(Flow { negotiated, .. }) = self.flow else {
            return Ok(false);
        };
        self.reporter.written(self.packets, now);
        let (odd, to) = match negotiated.rtcp {
            RtcpRemote::Mux => (false, negotiated.remote),
            RtcpRemote::At(remote) => (true, remote),
        };
        let len = report.len() + self.guard.rtcp;
        let packet = out.push(self.id.0.index, odd, to, len);
        packet.ok_or(Drop::Unsent)?[..report.len()].copy_from_slice(report);
        Ok(true)
    }

    /// Whether nothing goes out or comes in that is not protected.
    pub(crate) const fn is_secure(&self) -> bool {
        self.guard.secure
    }

    /// The room in the batch that a packet of this kind takes beside its own bytes; `None` where
    /// nothing is protected.
    pub(crate) const fn overhead(&self, kind: Kind) -> Option<usize> {
        match (self.guard.secure, kind) {
            (false, _) => None,
            (true, Kind::Rtp) => Some(self.guard.rtp),
            (true, Kind::Rtcp) => Some(self.guard.rtcp),
        }
    }

    /// Takes RTCP of the recorder in, at the wall-clock time `ntp`, or says why not.
    pub(crate) fn hear(
        &mut self,
        compound: &Compound<'_>,
        from: SocketAddr,
        ntp: u64,
    ) -> Result<(), Drop> {
        let flow = self.flow.ok_or(Drop::Remote)?.negotiated;
        let by_rtcp = match flow.rtcp {
            RtcpRemote::Mux => false,
            RtcpRemote::At(remote) => remote.ip() == from.ip(),
        };
        if !by_rtcp && flow.remote.ip() != from.ip() {
            return Err(Drop::Remote);
        }
        if self.reporter.hear(compound, ntp) && self.said_bye == Bye::Unsaid {
            self.said_bye = Bye::Said;
        }
        Ok(())
    }

    /// Counts a packet that the port could not send.
    pub(crate) const fn unsent(&mut self) {
        self.unsent += 1;
    }

    /// Tells what has happened since the period before.
    pub(crate) fn tell(&mut self) -> Option<Event> {
        if self.said_bye != Bye::Said {
            return None;
        }
        self.said_bye = Bye::Told;
        Some(Event::SinkBye { sink: self.id })
    }

    /// Its figures.
    pub(crate) const fn stats(&self) -> Event {
        Event::SinkStats {
            sink: self.id,
            stats: SinkStats {
                packets: self.packets,
                bytes: self.bytes,
                unsent: self.unsent,
                report: self.reporter.heard(),
            },
        }
    }

    fn timestamp(&self, at: Nanos) -> u32 {
        let passed = samples_between(self.origin, at) as u32;
        self.spec.timestamp.wrapping_add(passed)
    }
}
