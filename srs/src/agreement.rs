//! What both sides agreed on about the stream.

use std::net::SocketAddr;

use sixreel_controlplane::random::Random;
use sixreel_controlplane::sdp::{
    self, Accepted, Codec, Crypto, Description, Direction, Encoding, Format, Local, RtcpRemote,
    Secured, Suite, Unacceptable,
};

use crate::behaviour::{Manner, Pick, Wish};

/// What both sides agreed on, or what is only offered yet.
#[derive(Clone, Debug)]
pub(crate) struct Agreement {
    ours: Local,
    /// What we sent last, offer or answer.
    sent: Description,
    accepted: Option<Accepted>,
    /// Whether their side sends as well, as far as it is known.
    they_send: bool,
}

impl Agreement {
    /// Answers their offer. `before` is what holds until then.
    pub(crate) fn answer(
        ours: Local,
        offer: &Description,
        before: Option<&Self>,
    ) -> Result<Self, Unacceptable> {
        let (sent, accepted) = sdp::answer(&ours, offer, before.map(|before| &before.sent))?;
        Ok(Self {
            ours,
            sent,
            accepted,
            they_send: sends(offer),
        })
    }

    /// Offers first, because they did not: nothing is agreed on until they answer.
    pub(crate) fn offer(ours: Local) -> Self {
        Self {
            sent: ours.offer(None),
            ours,
            accepted: None,
            they_send: false,
        }
    }

    /// What we would offer next: all as it is, but for what we want of the stream.
    pub(crate) fn offering(&self, wish: Wish) -> Self {
        let mut next = self.clone();
        next.ours.direction = direction(wish);
        if let Some(media) = next.sent.media.first_mut()
            && media.direction != next.ours.direction
        {
            media.direction = next.ours.direction;
            next.sent.version += 1; // RFC 3264 §8
        }
        next
    }

    /// What was offered, once they answer it so.
    pub(crate) fn accepted(mut self, answer: &Description) -> Result<Self, Unacceptable> {
        self.accepted = sdp::accept(&self.ours, answer)?;
        self.they_send = sends(answer);
        Ok(self)
    }

    /// Our side of it.
    pub(crate) const fn ours(&self) -> &Local {
        &self.ours
    }

    /// As it is sent.
    pub(crate) fn description(&self) -> Vec<u8> {
        self.sent.write()
    }

    /// What we want of the stream.
    pub(crate) fn wish(&self) -> Wish {
        match self.ours.direction {
            Direction::RecvOnly | Direction::SendRecv => Wish::Receive,
            Direction::Inactive | Direction::SendOnly => Wish::Pause,
        }
    }

    /// Whether packets may come.
    pub(crate) fn is_receiving(&self) -> bool {
        self.accepted.is_some() && self.they_send && self.wish() == Wish::Receive
    }

    pub(crate) fn codec(&self) -> Option<Codec> {
        self.accepted.as_ref().map(|accepted| accepted.codec)
    }

    /// Where RTP comes from (RFC 7866 §8.1.8).
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.accepted.as_ref().map(|accepted| accepted.remote)
    }

    /// Where RTCP goes, and whether it leaves from the port of RTP.
    pub(crate) fn rtcp(&self) -> Option<(SocketAddr, bool)> {
        self.accepted.as_ref().map(|accepted| match accepted.rtcp {
            RtcpRemote::Mux => (accepted.remote, true),
            RtcpRemote::At(remote) => (remote, false),
        })
    }

    /// How packets are protected, where they are.
    pub(crate) fn secured(&self) -> Option<&Secured> {
        self.accepted.as_ref()?.secured.as_ref()
    }

    /// What the payload types mean that we said we take.
    pub(crate) fn formats(&self) -> &[Format] {
        self.sent.media.first().map_or(&[], |media| &media.formats)
    }
}

/// The direction that says it, from our point of view.
pub(crate) const fn direction(wish: Wish) -> Direction {
    match wish {
        Wish::Receive => Direction::RecvOnly,
        Wish::Pause => Direction::Inactive,
    }
}

/// Which codec is taken from an offer; all that could be, where none is.
pub(crate) fn pick(manner: &Manner, offer: &Description) -> Vec<Codec> {
    let formats = offer.media.first().map_or(&[][..], |media| &media.formats);
    let offered = formats.iter().filter_map(|format| match format.encoding {
        Encoding::Audio(codec) => Some(codec),
        Encoding::TelephoneEvent | Encoding::Other => None,
    });
    let mut ours = manner.codecs.iter().copied();
    let picked = match manner.pick {
        Pick::Offer => offered.clone().find(|codec| manner.codecs.contains(codec)),
        Pick::Own => ours.find(|codec| offered.clone().any(|other| other == *codec)),
    };
    picked.map_or_else(|| manner.codecs.clone(), |codec| vec![codec])
}

/// The lines of ours to answer an offer with, where it wants protection: all that could be taken,
/// or the one that this recorder prefers. Those of `before` keep their keys.
pub(crate) fn protection(
    manner: &Manner,
    offer: &Description,
    before: &[Crypto],
    random: &mut Random,
) -> Vec<Crypto> {
    let Some(media) = offer.media.first().filter(|m| m.profile.is_secure()) else {
        return Vec::new();
    };
    let mut line = |suite: Suite| {
        let known = before.iter().find(|line| line.suite == suite);
        known
            .cloned()
            .unwrap_or_else(|| Crypto::fresh(1, suite, random, &[]))
    };
    let offered = |suite: &Suite| media.crypto.iter().any(|line| line.suite == *suite);
    let preferred = manner.suites.iter().find(|suite| offered(suite));
    match (manner.pick, preferred) {
        (Pick::Own, Some(suite)) => vec![line(*suite)],
        (Pick::Own, None) | (Pick::Offer, _) => manner.suites.iter().map(|s| line(*s)).collect(),
    }
}

fn sends(description: &Description) -> bool {
    let media = description.media.first();
    media.is_some_and(|media| media.port != 0 && media.direction.has_send())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(text: &str) -> Description {
        Description::parse(format!("v=0\nc=IN IP4 192.0.2.1\n{text}").as_bytes()).unwrap()
    }

    fn ours(codecs: Vec<Codec>) -> Local {
        Local {
            session_id: 7,
            address: [192, 0, 2, 2].into(),
            port: 40_000,
            codecs,
            telephone_event: true,
            label: None,
            direction: Direction::RecvOnly,
            rtcp_mux: true,
            crypto: Vec::new(),
        }
    }

    fn text(agreement: &Agreement) -> String {
        String::from_utf8(agreement.description()).unwrap()
    }

    const OFFER: &str =
        "m=audio 4000 RTP/AVP 8 0 96\na=rtpmap:96 telephone-event/8000\na=sendonly\n";

    #[test]
    fn the_setting_says_whose_preference_decides() {
        let offer = description(OFFER);
        let manner = |pick, codecs: &[Codec]| Manner {
            pick,
            codecs: codecs.to_vec(),
            ..Manner::default()
        };
        let both = [Codec::Pcmu, Codec::Pcma];
        assert_eq!(pick(&manner(Pick::Offer, &both), &offer), [Codec::Pcma]);
        assert_eq!(pick(&manner(Pick::Own, &both), &offer), [Codec::Pcmu]);
        let one = [Codec::Pcmu];
        assert_eq!(pick(&manner(Pick::Offer, &one), &offer), one);
        let none = description("m=audio 4000 RTP/AVP 18\n");
        assert_eq!(pick(&manner(Pick::Own, &both), &none), both);
    }

    #[test]
    fn an_answer_takes_one_codec_and_receives() {
        let agreement = Agreement::answer(ours(vec![Codec::Pcma]), &description(OFFER), None);
        let agreement = agreement.unwrap();
        let answer = text(&agreement);
        assert!(
            answer.contains("m=audio 40000 RTP/AVP 8 96\r\n"),
            "{answer}"
        );
        assert!(answer.contains("a=recvonly"), "{answer}");
        assert!(agreement.is_receiving());
        assert_eq!(agreement.codec(), Some(Codec::Pcma));
        assert_eq!(agreement.remote(), "192.0.2.1:4000".parse().ok());
        let rtcp = "192.0.2.1:4001".parse().unwrap();
        assert_eq!(agreement.rtcp(), Some((rtcp, false)));
        let muxed = description(&(OFFER.to_owned() + "a=rtcp-mux\n"));
        let muxed = Agreement::answer(ours(vec![Codec::Pcma]), &muxed, None).unwrap();
        assert_eq!(muxed.rtcp(), Some((muxed.remote().unwrap(), true)));
    }

    #[test]
    fn what_is_offered_later_differs_only_in_direction() {
        let first = Agreement::answer(ours(vec![Codec::Pcma]), &description(OFFER), None);
        let first = first.unwrap();
        let paused = first.offering(Wish::Pause);
        let expected = text(&first)
            .replace("recvonly", "inactive")
            .replace("o=- 7 7", "o=- 7 8");
        assert_eq!(text(&paused), expected);
        assert_eq!(text(&first.offering(Wish::Receive)), text(&first));

        let inactive = description("m=audio 4000 RTP/AVP 8\na=inactive\n");
        let paused = paused.accepted(&inactive).unwrap();
        assert!(!paused.is_receiving());
        let resumed = paused.offering(Wish::Receive);
        assert!(!resumed.is_receiving(), "they have not said so yet");
        let resumed = resumed.accepted(&description(OFFER)).unwrap();
        assert!(resumed.is_receiving());
        assert!(text(&resumed).contains("o=- 7 9"), "{}", text(&resumed));
    }

    #[test]
    fn an_own_offer_holds_once_it_is_answered() {
        let offered = Agreement::offer(ours(vec![Codec::Pcmu, Codec::Pcma]));
        assert!(text(&offered).contains("m=audio 40000 RTP/AVP 0 8 101\r\n"));
        assert_eq!((offered.is_receiving(), offered.codec()), (false, None));
        let answer = description("m=audio 4000 RTP/AVP 8\na=sendonly\n");
        let agreed = offered.accepted(&answer).unwrap();
        assert!(agreed.is_receiving());
        assert_eq!(agreed.codec(), Some(Codec::Pcma));
    }
}
