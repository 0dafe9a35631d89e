//! Why packets are dropped: the reason is the counter, and its label.

/// A reason for which a packet was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Drop {
    /// It came to a port that no stream uses.
    NoStream,
    /// Too short, or its lengths contradict each other.
    Malformed,
    /// Not RTP version 2.
    Version,
    /// From an address that may not feed the source, or not the latched one.
    Remote,
    /// From an SSRC other than the stream's, which no second packet has confirmed yet.
    Ssrc,
    /// Its payload type is not among the source's.
    PayloadType,
    /// Its payload cannot be of the codec that the type names.
    PayloadSize,
    /// RTP came to a sink, which only sends.
    RtpAtSink,
    /// It came twice.
    Duplicate,
    /// It came after its turn.
    Late,
    /// It lay further ahead than the jitter buffer reaches, or its sequence number leapt.
    Early,
    /// All frames of the worker are in use.
    NoFrame,
    /// RTCP that is not well formed.
    RtcpMalformed,
    /// The port could not take it for sending.
    Unsent,
    /// It is secure, or was to be, and there are no keys for it.
    NoKeys,
    /// Not authentic: forged, damaged, or protected with other keys.
    Authentication,
    /// An authentic packet that was let through before, or is too old to tell.
    Replay,
    /// The keys have protected as many packets as they may.
    KeysExpired,
    /// It would have been encrypted like one before it.
    IndexUsed,
}

impl Drop {
    /// Every reason, in the order of the counters.
    pub const ALL: [Self; 19] = [
        Self::NoStream,
        Self::Malformed,
        Self::Version,
        Self::Remote,
        Self::Ssrc,
        Self::PayloadType,
        Self::PayloadSize,
        Self::RtpAtSink,
        Self::Duplicate,
        Self::Late,
        Self::Early,
        Self::NoFrame,
        Self::RtcpMalformed,
        Self::Unsent,
        Self::NoKeys,
        Self::Authentication,
        Self::Replay,
        Self::KeysExpired,
        Self::IndexUsed,
    ];

    /// The label under which it is counted.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NoStream => "no_stream",
            Self::Malformed => "malformed",
            Self::Version => "version",
            Self::Remote => "remote",
            Self::Ssrc => "ssrc",
            Self::PayloadType => "payload_type",
            Self::PayloadSize => "payload_size",
            Self::RtpAtSink => "rtp_at_sink",
            Self::Duplicate => "duplicate",
            Self::Late => "late",
            Self::Early => "early",
            Self::NoFrame => "no_frame",
            Self::RtcpMalformed => "rtcp_malformed",
            Self::Unsent => "unsent",
            Self::NoKeys => "no_keys",
            Self::Authentication => "authentication",
            Self::Replay => "replay",
            Self::KeysExpired => "keys_expired",
            Self::IndexUsed => "index_used",
        }
    }
}

/// How many packets were dropped for each reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drops([u64; Drop::ALL.len()]);

impl Drops {
    /// Counts one packet.
    pub(crate) const fn count(&mut self, reason: Drop) {
        self.0[reason as usize] += 1;
    }

    /// The counts in the order of [`Drop::ALL`].
    pub(crate) const fn all(&self) -> [u64; Drop::ALL.len()] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_counter_in_the_published_order() {
        for (place, reason) in Drop::ALL.into_iter().enumerate() {
            let mut drops = Drops::default();
            drops.count(reason);
            assert_eq!(
                drops.all().iter().position(|count| *count == 1),
                Some(place)
            );
        }
    }
}
