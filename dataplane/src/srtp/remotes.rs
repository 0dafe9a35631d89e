//! The SSRCs that a receiver has heard, and which of their packets.

use super::packet::Kind;
use super::refusal::Refusal;
use super::replay::Window;

/// SSRCs whose packets are let through: a stream, its successor, and those of a change of mind.
const LIVE: usize = 4;
/// SSRCs that are remembered as gone, so that none of their packets is let through again.
const GONE: usize = 12;

/// SSRCs bound late (RFC 4568 §6.4.1): each by its first authentic packet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Remotes {
    /// The newest first.
    live: [Remote; LIVE],
    lives: u8,
    gone: [u32; GONE],
    gones: u8,
}

#[derive(Clone, Copy, Debug, Default)]
struct Remote {
    rtp: Window,
    rtcp: Window,
    ssrc: u32,
}

impl Remotes {
    /// The index of an RTP packet that seems to come from `ssrc`, if it may be let through.
    pub(super) fn guess(&self, ssrc: u32, sequence: u16) -> Result<u64, Refusal> {
        let index = self.find(ssrc)?.rtp.guess(sequence)?;
        self.check(Kind::Rtp, ssrc, index)?;
        Ok(index)
    }

    /// Whether a packet with this index may still come.
    pub(super) fn check(&self, kind: Kind, ssrc: u32, index: u64) -> Result<(), Refusal> {
        let remote = self.find(ssrc)?;
        match kind {
            Kind::Rtp => remote.rtp.check(index),
            Kind::Rtcp => remote.rtcp.check(index),
        }
    }

    /// Lets an authentic packet through, once.
    pub(super) fn accept(&mut self, kind: Kind, ssrc: u32, index: u64) -> Result<(), Refusal> {
        self.check(kind, ssrc, index)?;
        self.bring_forward(ssrc);
        let remote = &mut self.live[0];
        match kind {
            Kind::Rtp => remote.rtp.accept(index),
            Kind::Rtcp => remote.rtcp.accept(index),
        }
        Ok(())
    }

    /// What is known of an SSRC; of a new one, nothing.
    fn find(&self, ssrc: u32) -> Result<Remote, Refusal> {
        if let Some(at) = self.position(ssrc) {
            return Ok(self.live[at]);
        }
        if self.gone[..usize::from(self.gones)].contains(&ssrc) {
            return Err(Refusal::Replay);
        }
        if usize::from(self.lives) == LIVE && usize::from(self.gones) == GONE {
            return Err(Refusal::SsrcLimit);
        }
        Ok(Remote {
            ssrc,
            ..Remote::default()
        })
    }

    fn position(&self, ssrc: u32) -> Option<usize> {
        let mut live = self.live[..usize::from(self.lives)].iter();
        live.position(|remote| remote.ssrc == ssrc)
    }

    /// Makes an SSRC that is known, or for which there is room, the newest.
    fn bring_forward(&mut self, ssrc: u32) {
        let at = match self.position(ssrc) {
            Some(at) => at,
            None => self.bind(ssrc),
        };
        self.live[..=at].rotate_right(1);
    }

    /// Binds a new SSRC, in the place of the one that was silent longest if need be.
    fn bind(&mut self, ssrc: u32) -> usize {
        let at = if usize::from(self.lives) < LIVE {
            self.lives += 1;
            usize::from(self.lives) - 1
        } else {
            self.gone[usize::from(self.gones)] = self.live[LIVE - 1].ssrc;
            self.gones += 1;
            LIVE - 1
        };
        self.live[at] = Remote {
            ssrc,
            ..Remote::default()
        };
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ssrc_has_its_own_indices() {
        let mut remotes = Remotes::default();
        assert_eq!(remotes.accept(Kind::Rtp, 1, 65_535), Ok(()));
        assert_eq!(remotes.guess(1, 3), Ok(65_539));
        assert_eq!(remotes.guess(2, 3), Ok(3));
        assert_eq!(remotes.accept(Kind::Rtp, 2, 3), Ok(()));
        assert_eq!(remotes.accept(Kind::Rtp, 2, 3), Err(Refusal::Replay));
        assert_eq!(remotes.accept(Kind::Rtcp, 2, 3), Ok(()));
        assert_eq!(remotes.guess(1, 65_535), Err(Refusal::Replay));
        assert_eq!(remotes.guess(1, 65_534), Ok(65_534));
    }

    #[test]
    fn an_ssrc_that_made_room_does_not_come_back() {
        let mut remotes = Remotes::default();
        for ssrc in 1..=4 {
            assert_eq!(remotes.accept(Kind::Rtp, ssrc, 7), Ok(()));
        }
        assert_eq!(
            remotes.accept(Kind::Rtp, 1, 8),
            Ok(()),
            "it is not the oldest now"
        );
        assert_eq!(remotes.accept(Kind::Rtp, 5, 7), Ok(()));
        assert_eq!(remotes.guess(2, 9), Err(Refusal::Replay));
        assert_eq!(remotes.guess(1, 9), Ok(9));
        for ssrc in 6..=16 {
            assert_eq!(remotes.accept(Kind::Rtp, ssrc, 7), Ok(()), "{ssrc}");
        }
        assert_eq!(remotes.guess(17, 7), Err(Refusal::SsrcLimit));
        assert_eq!(remotes.guess(16, 8), Ok(8));
    }
}
