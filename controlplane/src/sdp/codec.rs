//! The codecs, a table row each.

/// A codec that we can encode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

/// What an RTP payload type carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Speech in a codec of ours.
    Audio(Codec),
    /// Named events (RFC 4733).
    TelephoneEvent,
    /// Anything else.
    Other,
}

/// How SDP speaks of a codec.
struct Row {
    /// Encoding name, compared without regard to case (RFC 8866 §6.6).
    name: &'static str,
    /// RTP clock rate in hertz.
    clock_rate: u32,
    /// The number that RFC 3551 §6 gives it, used where we choose.
    payload_type: u8,
}

const TELEPHONE_EVENT: Row = Row {
    name: "telephone-event",
    clock_rate: 8000,
    payload_type: 101,
};

impl Codec {
    const ALL: [Self; 2] = [Self::Pcmu, Self::Pcma];

    const fn row(self) -> Row {
        let (name, clock_rate, payload_type) = match self {
            Self::Pcmu => ("PCMU", 8000, 0),
            Self::Pcma => ("PCMA", 8000, 8),
        };
        Row {
            name,
            clock_rate,
            payload_type,
        }
    }
}

impl std::fmt::Display for Codec {
    /// The encoding name.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.row().name)
    }
}

impl Encoding {
    /// What a payload type means that has no `a=rtpmap`: the static numbers of RFC 3551 §6.
    pub(super) fn of_static(payload_type: u8) -> Self {
        Codec::ALL
            .into_iter()
            .find(|codec| codec.row().payload_type == payload_type)
            .map_or(Self::Other, Self::Audio)
    }

    /// What an `a=rtpmap` says. `channels` is its third field.
    pub(super) fn of_rtpmap(name: &str, clock_rate: u32, channels: Option<&str>) -> Self {
        let fits = |row: &Row| {
            row.name.eq_ignore_ascii_case(name)
                && row.clock_rate == clock_rate
                && matches!(channels, None | Some("1"))
        };
        if fits(&TELEPHONE_EVENT) {
            return Self::TelephoneEvent;
        }
        Codec::ALL
            .into_iter()
            .find(|codec| fits(&codec.row()))
            .map_or(Self::Other, Self::Audio)
    }

    /// The encoding name and clock rate for an `a=rtpmap`; `None` for what we cannot name.
    pub(super) const fn rtpmap(self) -> Option<(&'static str, u32)> {
        match self.row() {
            Some(row) => Some((row.name, row.clock_rate)),
            None => None,
        }
    }

    /// The payload type that our own offers give it.
    pub(super) const fn payload_type(self) -> Option<u8> {
        match self.row() {
            Some(row) => Some(row.payload_type),
            None => None,
        }
    }

    const fn row(self) -> Option<Row> {
        match self {
            Self::Audio(codec) => Some(codec.row()),
            Self::TelephoneEvent => Some(TELEPHONE_EVENT),
            Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_found_by_its_own_rtpmap_and_static_number() {
        for codec in Codec::ALL {
            let row = codec.row();
            let lower = row.name.to_lowercase();
            let encoding = Encoding::Audio(codec);
            assert_eq!(Encoding::of_rtpmap(&lower, row.clock_rate, None), encoding);
            assert_eq!(Encoding::of_rtpmap(row.name, 16000, None), Encoding::Other);
            assert_eq!(Encoding::of_static(row.payload_type), encoding);
        }
        let stereo = Encoding::of_rtpmap("PCMU", 8000, Some("2"));
        assert_eq!(stereo, Encoding::Other);
        assert_eq!(Encoding::of_static(101), Encoding::Other);
    }
}
