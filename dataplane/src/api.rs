//! The data plane's only door: commands in, events out, all of it plain data.
//!
//! The control plane chooses every identifier, port pair and random number and names them in its
//! commands, so the data plane needs neither a clock, nor a generator, nor an allocator of its own.

use std::net::{IpAddr, SocketAddr};

use crate::counters::Drop;

/// Names one entry of a table whose size is fixed at start-up: `index` is the place, `generation`
/// tells its successive tenants apart, so that a late word about an old one finds nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle {
    /// Place in the table, below the table's limit.
    pub index: u32,
    /// Counts the tenants of this place.
    pub generation: u32,
}

/// A call on one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub Handle);

/// A source or a sink on one worker. Its index is also its pair of local media ports: RTP on the
/// even port, RTCP on the odd one above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub Handle);

/// What one worker can hold; memory for all of it is taken at start-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls at once.
    pub calls: u32,
    /// Sources in one call.
    pub sources_per_call: u32,
    /// Sinks in one call.
    pub sinks_per_call: u32,
    /// Sources and sinks together: the number of port pairs.
    pub streams: u32,
    /// Packets that the jitter buffers may hold, all sources together. A source of 20 ms packets
    /// holds about three, and up to `jitter_max_ms / 20` where its network is bad.
    pub frames: u32,
}

/// An audio codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// G.711 µ-law, 8 kHz.
    Pcmu,
    /// G.711 A-law, 8 kHz.
    Pcma,
}

/// What an RTP payload type of a source carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Speech in this codec.
    Audio(Codec),
    /// Named events, RFC 4733: known, and kept out of the mix.
    TelephoneEvent,
    /// Comfort noise, RFC 3389: known, and rendered as silence.
    ComfortNoise,
}

/// The payload types of a source, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadMap(pub [Option<Payload>; 128]);

/// Which remote address may feed a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowedRemote {
    /// The first that sends valid RTP is latched.
    First,
    /// The first port of this address that sends valid RTP is latched.
    Address(IpAddr),
    /// This address and port, and no other.
    Exact(SocketAddr),
}

/// An RTCP canonical name (RFC 3550 §6.5.1), at most 32 bytes of ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cname {
    bytes: [u8; 32],
    len: u8,
}

/// How a source is to be received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceSpec {
    /// What each payload type carries.
    pub payloads: PayloadMap,
    /// Who may send.
    pub remote: AllowedRemote,
    /// The identifier under which this source appears in CSRC lists, unique in its call.
    pub csrc: u32,
    /// The canonical name that goes with `csrc`.
    pub cname: Cname,
    /// The longest delay that the jitter buffer may build up, in milliseconds.
    pub jitter_max_ms: u16,
}

/// The identity of an outbound stream, fixed for its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkSpec {
    /// Synchronisation source, random.
    pub ssrc: u32,
    /// First sequence number, random below 2^15 (RFC 4568 §6.4).
    pub sequence: u16,
    /// First timestamp, random.
    pub timestamp: u32,
    /// Canonical name.
    pub cname: Cname,
    /// Whether packets list their contributors (RFC 7866 §8.1.4).
    pub csrc: bool,
    /// Seeds the randomised RTCP interval (RFC 3550 §6.2).
    pub rtcp_seed: u64,
}

/// Where RTCP of a sink goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtcpRemote {
    /// To the RTP address, from the RTP port (RFC 5761).
    Mux,
    /// To this address, from the RTCP port.
    At(SocketAddr),
}

/// What was negotiated for a sink; may change in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkFlow {
    /// Where RTP goes.
    pub remote: SocketAddr,
    /// Where RTCP goes.
    pub rtcp: RtcpRemote,
    /// The codec that the recorder picked.
    pub codec: Codec,
    /// Its payload type, below 128.
    pub payload_type: u8,
    /// RTP is sent while true; RTCP always (RFC 7866 §7.1.1.1: a paused stream is kept alive).
    pub sending: bool,
}

/// A wish of the control plane. A command about a stream or call that is gone is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin a call, with neither source nor sink.
    OpenCall { call: CallId },
    /// End a call and every stream of it.
    CloseCall { call: CallId },
    /// Receive a source into a call.
    OpenSource {
        call: CallId,
        source: StreamId,
        spec: SourceSpec,
    },
    /// Keep a source out of the mix, or let it in again.
    MuteSource { source: StreamId, muted: bool },
    /// Receive a source no longer.
    CloseSource { source: StreamId },
    /// Prepare a sink: it sends nothing until its flow is set.
    OpenSink {
        call: CallId,
        sink: StreamId,
        spec: SinkSpec,
    },
    /// Send as negotiated, from the next slot on.
    SetSink { sink: StreamId, flow: SinkFlow },
    /// Send nothing, not even RTCP, until a flow is set again (RFC 3264 §8.4).
    StopSink { sink: StreamId },
    /// Say RTCP BYE if anything was sent (RFC 3550 §6.3.7), and be gone.
    CloseSink { sink: StreamId },
}

/// What a source did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceStats {
    /// The address that feeds it, once latched.
    pub remote: Option<SocketAddr>,
    /// Packets taken in.
    pub packets: u64,
    /// Payload bytes taken in.
    pub bytes: u64,
    /// Packets that never came, by their sequence numbers.
    pub lost: u64,
    /// Packets that came after their turn.
    pub late: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Packets that came out of order and were put back in it.
    pub reordered: u64,
    /// Samples invented to cover what was missing.
    pub concealed_samples: u64,
    /// Samples inserted to lengthen the delay.
    pub inserted_samples: u64,
    /// Samples removed to shorten the delay.
    pub removed_samples: u64,
    /// Times that the stream's timing was found anew: another SSRC, or a leap of its timestamps.
    pub restarts: u64,
    /// Interarrival jitter (RFC 3550 §6.4.1), in microseconds.
    pub jitter_us: u32,
    /// Delay that the jitter buffer adds to the fastest packets now, in microseconds.
    pub delay_us: u32,
    /// Telephone-event packets seen.
    pub telephone_events: u64,
}

/// What a recorder last said in RTCP about a sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiverReport {
    /// Lost since the report before, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the beginning; negative where duplicates outweigh losses.
    pub cumulative_lost: i32,
    /// Interarrival jitter at the recorder, in microseconds.
    pub jitter_us: u32,
    /// Round trip (RFC 3550 §6.4.1), in microseconds; zero until known.
    pub round_trip_us: u32,
}

/// What a sink did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkStats {
    /// RTP packets handed to the port.
    pub packets: u64,
    /// RTP payload bytes in them.
    pub bytes: u64,
    /// Packets of those, or of RTCP, that the port could not send.
    pub unsent: u64,
    /// The recorder's newest report, if it sent one.
    pub report: Option<ReceiverReport>,
}

/// The state of one worker, told once a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerStats {
    /// Calls open now.
    pub calls: u32,
    /// Sources open now.
    pub sources: u32,
    /// Sinks open now.
    pub sinks: u32,
    /// Jitter-buffer frames in use now.
    pub frames_used: u32,
    /// Packets received.
    pub packets_in: u64,
    /// Packets handed to the port.
    pub packets_out: u64,
    /// Packets dropped, by reason, in the order of [`Drop::ALL`].
    pub drops: [u64; Drop::ALL.len()],
    /// How late the slots of the last second were served: median, in microseconds.
    pub late_p50_us: u32,
    /// 99th percentile.
    pub late_p99_us: u32,
    /// 99.9th percentile.
    pub late_p999_us: u32,
    /// The latest.
    pub late_max_us: u32,
    /// Slots of this life that were skipped because the worker was too late to make up for them.
    pub slots_skipped: u64,
    /// Commands of this life that named something gone, taken, or beyond the limits.
    pub commands_ignored: u64,
    /// Events of this life that were given up because nobody fetched them.
    pub events_dropped: u64,
    /// CPU time used by the worker's thread, in microseconds.
    pub cpu_us: u64,
}

/// News from the data plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A source was heard for the first time, or from a new address or SSRC.
    SourceLatched {
        source: StreamId,
        remote: SocketAddr,
        ssrc: u32,
    },
    /// A source sends nothing, or nothing any more.
    SourceSilent { source: StreamId },
    /// A source has been silent for so long that it is given up; it may still come back.
    SourceLost { source: StreamId },
    /// A silent or lost source is heard again.
    SourceHeard { source: StreamId },
    /// A source's figures, once a second and once more when it closes.
    SourceStats {
        source: StreamId,
        stats: SourceStats,
    },
    /// A sink's figures, once a second and once more when it closes.
    SinkStats { sink: StreamId, stats: SinkStats },
    /// The recorder said RTCP BYE.
    SinkBye { sink: StreamId },
    /// The worker's own figures, once a second.
    Worker { stats: WorkerStats },
}

impl PayloadMap {
    /// No payload type known.
    pub const EMPTY: Self = Self([None; 128]);
}

impl Cname {
    /// A canonical name from `text`; `None` if it is longer than 32 bytes or not printable ASCII.
    pub fn new(text: &str) -> Option<Self> {
        let source = text.as_bytes();
        if source.len() > 32 || !source.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let mut bytes = [0; 32];
        bytes[..source.len()].copy_from_slice(source);
        Some(Self {
            bytes,
            len: source.len() as u8,
        })
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len as usize]
    }
}
