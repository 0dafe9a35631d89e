//! SRTP of one stream: what comes is believed only if it is authentic, what goes is protected.

use sixreel_controlplane::media::keys;
use sixreel_controlplane::sdp::{Secured, Suite};
use sixreel_dataplane::srtp::{Kind, Packet, Receivers, Refusal, Senders};

/// The one place of its tables.
const PLACE: u32 = 0;

/// The protection of one stream.
#[derive(Debug)]
pub(crate) struct Guard {
    suite: Suite,
    receivers: Receivers,
    senders: Senders,
    pub(crate) counts: Counts,
}

/// What was not let through.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Packets that were not protected with the client's key.
    pub(crate) unauthentic: u64,
    /// Packets whose number came before, or is too old to tell.
    pub(crate) replayed: u64,
}

impl Guard {
    /// With the keys that were agreed on; `ssrc` is what our reports are sent as.
    pub(crate) fn new(secured: &Secured, ssrc: u32) -> Self {
        let mut guard = Self {
            suite: secured.suite,
            receivers: Receivers::new(1),
            senders: Senders::new(1),
            counts: Counts::default(),
        };
        guard.adopt(secured, ssrc);
        guard
    }

    /// Other keys hold from now on, or the same ones still.
    pub(crate) fn adopt(&mut self, secured: &Secured, ssrc: u32) {
        self.suite = secured.suite;
        let theirs = keys(secured.suite, &secured.theirs);
        let opened = self.receivers.open(PLACE, &theirs);
        opened.expect("there is one place");
        let ours = keys(secured.suite, &secured.ours);
        if self.senders.open(PLACE, &ours, ssrc).is_err() {
            // Keys of an earlier time: nothing is sent rather than encrypted twice.
            self.senders.close(PLACE);
        }
    }

    /// The suite in use.
    pub(crate) const fn suite(&self) -> Suite {
        self.suite
    }

    /// What a packet says, if it is authentic and new.
    pub(crate) fn open(&mut self, kind: Kind, data: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = data.to_vec();
        let mut packets = [Packet::new(PLACE, kind, 0, data.len())];
        self.receivers.unprotect(&mut bytes, &mut packets);
        let [packet] = packets;
        match packet.outcome {
            Ok(()) => {
                bytes.truncate(packet.len);
                return Some(bytes);
            }
            Err(Refusal::Replay) => self.counts.replayed += 1,
            Err(
                Refusal::NoKeys
                | Refusal::Malformed
                | Refusal::Ssrc
                | Refusal::IndexUsed
                | Refusal::KeysExpired
                | Refusal::Mki
                | Refusal::Authentication
                | Refusal::Unencrypted
                | Refusal::SsrcLimit,
            ) => self.counts.unauthentic += 1,
        }
        None
    }

    /// A report as it travels; nothing where it cannot be protected.
    pub(crate) fn seal(&mut self, mut report: Vec<u8>) -> Option<Vec<u8>> {
        let len = report.len();
        report.resize(len + self.senders.overhead(PLACE, Kind::Rtcp), 0);
        let mut packets = [Packet::new(PLACE, Kind::Rtcp, 0, len)];
        self.senders.protect(&mut report, &mut packets);
        let [packet] = packets;
        packet.outcome.ok().map(|()| report)
    }
}

#[cfg(test)]
mod tests {
    use sixreel_controlplane::random::Random;
    use sixreel_controlplane::sdp::{KeyParam, MasterKey};

    use super::*;

    #[test]
    fn two_ends_understand_each_other_and_nobody_else() {
        for suite in Suite::ALL {
            let mut random = Random::new([suite as u8; 32]);
            let mut key = || KeyParam::plain(MasterKey::fresh(suite, &mut random, &[]));
            let (ours, theirs, other) = (key(), key(), key());
            let guard = |ours: &KeyParam, theirs: &KeyParam| {
                let (ours, theirs) = (ours.clone(), theirs.clone());
                let secured = Secured {
                    suite,
                    ours,
                    theirs,
                };
                Guard::new(&secured, 7)
            };
            let mut here = guard(&ours, &theirs);
            let mut there = guard(&theirs, &ours);
            let mut elsewhere = guard(&theirs, &other);
            let report = vec![0x80, 201, 0, 1, 0, 0, 0, 7];
            let sealed = here.seal(report.clone()).unwrap();
            assert_eq!(elsewhere.open(Kind::Rtcp, &sealed), None);
            assert_eq!(there.open(Kind::Rtcp, &sealed), Some(report));
            assert_eq!(there.open(Kind::Rtcp, &sealed), None, "a second time");
            assert_eq!(elsewhere.counts.unauthentic, 1);
            assert_eq!(there.counts.replayed, 1);
        }
    }
}
