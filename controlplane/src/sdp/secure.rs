//! What both sides agreed on about protection (RFC 4568 §5.1, §7.1), or why they did not.

use super::crypto::{Crypto, Flaw, KeyParam, Suite, Unfit};
use super::description::Description;

/// How both directions of a stream are protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secured {
    pub suite: Suite,
    /// What we send is protected with this.
    pub ours: KeyParam,
    /// What they send is protected with this.
    pub theirs: KeyParam,
}

/// Why protection was not agreed on. Keys are not told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Insecure {
    #[error("the other side's SDP says RTP/SAVP and has no a=crypto line: it must have one")]
    NoCrypto,
    #[error("the other side's a=crypto line cannot be used, {0}: it must be corrected there")]
    Invalid(Flaw),
    #[error("the other side's answer has {0} a=crypto lines: it must take exactly one of ours")]
    NotOne(usize),
    #[error(
        "the other side's answer has the crypto tag {0}: it must repeat the tag of a line of ours"
    )]
    Tag(u32),
    #[error(
        "the other side's answer has {theirs} under the tag of {ours}: the suite must be the same"
    )]
    SuiteOfTag { theirs: Suite, ours: Suite },
    #[error("the other side's a=crypto line cannot be taken, {0}")]
    Unfit(Unfit),
    #[error("the other side uses a master key twice, or our own: each must be its own")]
    SameKey,
    #[error(
        "no crypto suite in common: the other side must take one of {}",
        list(ours)
    )]
    NoSuite { ours: Vec<Suite> },
}

/// Reads the protection that an answer takes from what we offered.
pub(super) fn accept_crypto(ours: &[Crypto], answer: &Description) -> Result<Secured, Insecure> {
    let media = answer.media.first().ok_or(Insecure::NoCrypto)?;
    let line = match (media.crypto.as_slice(), media.crypto_flaws.as_slice()) {
        ([], []) => return Err(Insecure::NoCrypto),
        ([], [flaw]) => return Err(Insecure::Invalid(flaw.clone())),
        ([line], []) => line,
        // RFC 4568 §7.1.2: exactly one.
        (lines, flaws) => return Err(Insecure::NotOne(lines.len() + flaws.len())),
    };
    let offered = ours.iter().find(|offered| offered.tag == line.tag);
    let offered = offered.ok_or(Insecure::Tag(line.tag))?;
    if offered.suite != line.suite {
        return Err(Insecure::SuiteOfTag {
            theirs: line.suite,
            ours: offered.suite,
        });
    }
    check_keys(ours, answer)?;
    secured(offered, line).map_err(Insecure::Unfit)
}

/// Chooses among the lines of an offer, in their order: our answer's line, and what is agreed on.
pub(super) fn choose_crypto(
    ours: &[Crypto],
    offer: &Description,
) -> Result<(Crypto, Secured), Insecure> {
    let media = offer.media.first().ok_or(Insecure::NoCrypto)?;
    check_keys(ours, offer)?;
    let mut unfit = None;
    for line in &media.crypto {
        let Some(mine) = ours.iter().find(|mine| mine.suite == line.suite) else {
            continue;
        };
        match secured(mine, line) {
            Ok(secured) => {
                // RFC 4568 §5.1.2: the tag of the line that is taken.
                let answer = Crypto {
                    tag: line.tag,
                    ..mine.clone()
                };
                return Ok((answer, secured));
            }
            Err(why) => unfit = Some(why),
        }
    }
    Err(match (unfit, media.crypto_flaws.first()) {
        (Some(why), _) => Insecure::Unfit(why),
        (None, Some(flaw)) if media.crypto.is_empty() => Insecure::Invalid(flaw.clone()),
        (None, None) if media.crypto.is_empty() => Insecure::NoCrypto,
        (None, _) => Insecure::NoSuite {
            ours: ours.iter().map(|mine| mine.suite).collect(),
        },
    })
}

fn secured(ours: &Crypto, theirs: &Crypto) -> Result<Secured, Unfit> {
    Ok(Secured {
        suite: theirs.suite,
        ours: ours.usable()?.clone(),
        theirs: theirs.usable()?.clone(),
    })
}

/// RFC 4568 §6.1 and §7.1.2: every master key is unique, in a description and between both sides.
fn check_keys(ours: &[Crypto], theirs: &Description) -> Result<(), Insecure> {
    let keys = |lines: &mut dyn Iterator<Item = &Crypto>| -> Vec<KeyParam> {
        lines.flat_map(|line| line.keys.clone()).collect()
    };
    let ours = keys(&mut ours.iter());
    let theirs = keys(&mut theirs.media.iter().flat_map(|media| &media.crypto));
    let known = |at: usize| {
        let before = theirs[..at].iter().chain(&ours);
        before
            .clone()
            .any(|other| other.key.shares_key(&theirs[at].key))
    };
    if (0..theirs.len()).any(known) {
        return Err(Insecure::SameKey);
    }
    Ok(())
}

fn list(suites: &[Suite]) -> String {
    let names: Vec<_> = suites.iter().map(|suite| suite.name()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::sdp::{
        self, Accepted, Codec, Direction, Local, MasterKey, Profile, Unacceptable, accept,
    };

    fn lines(suites: &[Suite], seed: u8) -> Vec<Crypto> {
        let mut random = Random::new([seed; 32]);
        let fresh = |(tag, suite): (u32, &Suite)| Crypto::fresh(tag, *suite, &mut random, &[]);
        (1..).zip(suites).map(fresh).collect()
    }

    fn local(port: u16, direction: Direction, crypto: Vec<Crypto>) -> Local {
        Local {
            session_id: 7,
            address: [192, 0, 2, 1].into(),
            port,
            codecs: vec![Codec::Pcmu],
            telephone_event: false,
            label: None,
            direction,
            rtcp_mux: true,
            crypto,
        }
    }

    fn client() -> Local {
        local(4000, Direction::SendOnly, lines(&Suite::ALL, 1))
    }

    fn recorder(suites: &[Suite]) -> Local {
        local(5000, Direction::RecvOnly, lines(suites, 2))
    }

    fn reread(description: &Description) -> Description {
        Description::parse(&description.write()).unwrap()
    }

    /// What the recorder answers, and what both then believe.
    fn negotiate(recorder: &Local) -> (Description, Accepted, Accepted) {
        let offer = reread(&client().offer(None));
        let (answer, at_recorder) = sdp::answer(recorder, &offer, None).unwrap();
        let answer = reread(&answer);
        let at_client = accept(&client(), &answer).unwrap().unwrap();
        (answer, at_recorder.unwrap(), at_client)
    }

    #[test]
    fn both_sides_have_the_same_keys_the_other_way_round() {
        for suite in Suite::ALL {
            let (answer, at_recorder, at_client) = negotiate(&recorder(&[suite]));
            assert_eq!(answer.media[0].profile, Profile::Savp);
            let (theirs, ours) = (at_recorder.secured.unwrap(), at_client.secured.unwrap());
            assert_eq!((ours.suite, &ours.ours), (suite, &theirs.theirs));
            assert_eq!(ours.theirs, theirs.ours);
            let tag = Suite::ALL.iter().position(|one| *one == suite).unwrap() as u32 + 1;
            assert_eq!(answer.media[0].crypto[0].tag, tag);
        }
    }

    #[test]
    fn the_offers_order_decides_among_the_suites() {
        let back_to_front: Vec<_> = Suite::ALL.into_iter().rev().collect();
        let (.., accepted) = negotiate(&recorder(&back_to_front));
        assert_eq!(accepted.secured.unwrap().suite, Suite::ALL[0]);
    }

    fn refusal(change: impl FnOnce(&mut sdp::Media)) -> Unacceptable {
        let (mut answer, ..) = negotiate(&recorder(&[Suite::AeadAes128Gcm]));
        change(&mut answer.media[0]);
        accept(&client(), &reread(&answer)).unwrap_err()
    }

    #[test]
    fn an_answer_takes_exactly_one_line_under_its_tag_with_a_key_of_its_own() {
        let insecure = |change: fn(&mut sdp::Media)| {
            let why = refusal(change);
            let Unacceptable::Insecure(why) = why else {
                panic!("{why}");
            };
            why
        };
        assert_eq!(insecure(|media| media.crypto.clear()), Insecure::NoCrypto);
        let twice = |media: &mut sdp::Media| {
            media
                .crypto
                .push(lines(&[Suite::AesCm128HmacSha1_80], 9).remove(0));
        };
        assert_eq!(insecure(twice), Insecure::NotOne(2));
        assert_eq!(
            insecure(|media| media.crypto[0].tag = 77),
            Insecure::Tag(77)
        );
        assert_eq!(
            insecure(|media| media.crypto[0].tag = 1),
            Insecure::SuiteOfTag {
                theirs: Suite::AeadAes128Gcm,
                ours: Suite::AesCm128HmacSha1_80,
            }
        );
        let echo = |media: &mut sdp::Media| {
            media.crypto[0].keys = client().crypto[4].keys.clone();
        };
        assert_eq!(insecure(echo), Insecure::SameKey);
        let clear = |media: &mut sdp::Media| {
            media.crypto[0].params = vec![sdp::crypto::SessionParam::UnencryptedSrtp];
        };
        assert_eq!(insecure(clear), Insecure::Unfit(Unfit::Weakened));
    }

    #[test]
    fn a_key_of_the_wrong_length_is_told() {
        let short = |media: &mut sdp::Media| {
            media.crypto[0].keys = vec![KeyParam::plain(MasterKey::new(&[5; 27]).unwrap())];
        };
        assert_eq!(
            refusal(short).to_string(),
            "the other side's a=crypto line cannot be used, key and salt have 27 bytes, and \
             AEAD_AES_128_GCM wants 28: it must be corrected there"
        );
    }

    #[test]
    fn nobody_falls_back_to_clear_rtp() {
        let why = refusal(|media| media.profile = Profile::Avp);
        let expected = Unacceptable::Profile {
            theirs: "RTP/AVP".to_owned(),
            ours: "RTP/SAVP",
        };
        assert_eq!(why, expected);
        let clear = local(4000, Direction::SendOnly, Vec::new()).offer(None);
        let why = sdp::answer(&recorder(&Suite::ALL), &clear, None).unwrap_err();
        assert!(matches!(
            why,
            Unacceptable::Profile {
                ours: "RTP/SAVP",
                ..
            }
        ));
        let secure = client().offer(None);
        let why = sdp::answer(&recorder(&[]), &secure, None).unwrap_err();
        assert!(matches!(
            why,
            Unacceptable::Profile {
                ours: "RTP/AVP",
                ..
            }
        ));
    }

    #[test]
    fn an_offer_whose_lines_do_not_fit_is_refused_with_a_reason() {
        let ours = recorder(&[Suite::AeadAes256Gcm]);
        let offer =
            |suites: &[Suite]| local(4000, Direction::SendOnly, lines(suites, 1)).offer(None);
        let refuse = |offer: &Description| sdp::answer(&ours, offer, None).unwrap_err().to_string();
        assert_eq!(
            refuse(&offer(&[Suite::AesCm128HmacSha1_80])),
            "no crypto suite in common: the other side must take one of AEAD_AES_256_GCM"
        );
        let mut same = offer(&Suite::ALL);
        same.media[0].crypto[0].keys = same.media[0].crypto[1].keys.clone();
        assert!(refuse(&same).contains("a master key twice"));
        let mut empty = offer(&Suite::ALL);
        empty.media[0].crypto.clear();
        assert!(refuse(&empty).contains("no a=crypto line"));
    }

    #[test]
    fn a_line_that_is_unfit_is_passed_over_for_the_next() {
        let mut offer = client().offer(None);
        let unfit = vec![sdp::crypto::SessionParam::Kdr(1)];
        offer.media[0].crypto[0].params = unfit;
        let (_, agreed) = sdp::answer(&recorder(&Suite::ALL), &offer, None).unwrap();
        let secured = agreed.unwrap().secured.unwrap();
        assert_eq!(secured.suite, Suite::AesCm128HmacSha1_32);
    }

    #[test]
    fn an_unchanged_offer_repeats_its_lines() {
        let first = client().offer(None);
        assert_eq!(client().offer(Some(&first)), first);
        let paused = Local {
            direction: Direction::Inactive,
            ..client()
        };
        let second = paused.offer(Some(&first));
        assert_eq!(second.media[0].crypto, first.media[0].crypto);
        assert_eq!(second.version, first.version + 1);
    }
}
