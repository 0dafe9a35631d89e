//! What a recorder is told of a call: everything at first, then only what changed.

use super::facts::{Facts, ParticipantFacts};
use super::id::IdFormat;
use super::xml::{Company, Contents, InStream, Media, document};

/// Everything that is known: a full snapshot.
pub fn complete(facts: &Facts, ids: IdFormat, company: Company) -> Vec<u8> {
    let contents = Contents {
        session: Some(&facts.session),
        participants: facts.participants.iter().collect(),
        stream: Some((&facts.stream, company)),
        in_session: facts.participants.iter().collect(),
        in_stream: facts
            .participants
            .iter()
            .filter(|participant| Media::of(participant).flows())
            .map(|participant| InStream::of(participant, None))
            .collect(),
    };
    document("complete", facts, &contents, ids)
}

/// Only what changed since `known`, which is what the recorder was told last of the same call.
/// `None` where nothing did.
pub fn partial(known: &Facts, now: &Facts, ids: IdFormat) -> Option<Vec<u8>> {
    let mut contents = Contents::default();
    let mut joined = false;
    for participant in &now.participants {
        let media = Media::of(participant);
        let Some(before) = known.participants.iter().find(|p| p.id == participant.id) else {
            joined = true;
            contents.participants.push(participant);
            contents.in_session.push(participant);
            if media.flows() {
                contents.in_stream.push(InStream::of(participant, None));
            }
            continue;
        };
        if (&before.aor, &before.name) != (&participant.aor, &participant.name) {
            contents.participants.push(participant);
        }
        if (before.joined, before.left) != (participant.joined, participant.left) {
            contents.in_session.push(participant);
        }
        // RFC 7865 §6.8.1: whoever stops contributing or receiving is told about without it.
        if media.differs_from(Media::of(before)) {
            contents
                .in_stream
                .push(InStream::of(participant, Some(before)));
        }
    }
    if joined || known.session != now.session {
        contents.session = Some(&now.session);
    }
    let changed = contents.session.is_some()
        || !contents.participants.is_empty()
        || !contents.in_session.is_empty()
        || !contents.in_stream.is_empty();
    changed.then(|| document("partial", now, &contents, ids))
}

impl InStream {
    fn of(participant: &ParticipantFacts, before: Option<&ParticipantFacts>) -> Self {
        let media = Media::of(participant);
        let sent = before.is_some_and(|before| Media::of(before).sends);
        Self {
            participant: participant.id,
            media,
            stopped: (sent && !media.sends).then_some(media.since),
        }
    }
}

impl Media {
    fn of(participant: &ParticipantFacts) -> Self {
        let here = participant.left.is_none();
        Self {
            sends: here && participant.sends,
            receives: here && participant.receives,
            since: participant.left.unwrap_or(participant.media_since),
        }
    }

    const fn flows(self) -> bool {
        self.sends || self.receives
    }

    /// For who takes no part, the time since when is no news.
    fn differs_from(self, before: Self) -> bool {
        let switched = (self.sends, self.receives) != (before.sends, before.receives);
        switched || (self.flows() && self != before)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metadata::xml::one_line;
    use crate::metadata::{
        Document, Id, InStream as Part, Mode, Recording, SessionFacts, Span, StreamFacts, Validator,
    };
    use crate::time::Wall;

    const START: Wall = Wall(1_493_633_831_000);

    fn after(seconds: i64) -> Wall {
        Wall(START.0 + 1000 * seconds)
    }

    fn participant(number: u8, joined: Wall) -> ParticipantFacts {
        ParticipantFacts {
            id: Id([number; 16]),
            aor: format!("tel:{number}"),
            name: Some(format!("Name {number}")),
            joined,
            left: None,
            sends: true,
            receives: true,
            media_since: joined,
        }
    }

    fn facts() -> Facts {
        Facts {
            session: SessionFacts {
                id: Id([0xc5; 16]),
                started: START,
                ended: None,
                sip_session_ids: vec!["ab;remote=cd".to_owned()],
            },
            participants: vec![participant(1, START), participant(2, after(4))],
            stream: StreamFacts {
                id: Id([0x55; 16]),
                label: "182".to_owned(),
            },
        }
    }

    fn read(document: &[u8]) -> Recording {
        match Document::parse(document) {
            Ok(Document::Recording(recording)) => recording,
            other => panic!("{other:?}"),
        }
    }

    /// The lines of the change, without the frame that every partial document has.
    fn change(known: &Facts, now: &Facts) -> String {
        let document = partial(known, now, IdFormat::Base64).unwrap();
        let text = String::from_utf8(document).unwrap();
        let (_, rest) = text.split_once("<datamode>partial</datamode>\n").unwrap();
        short(rest.strip_suffix("</recording>").unwrap())
    }

    /// Short names for the identifiers: `$1` to `$3` for people, `$C` for the session, `$S` for
    /// the stream.
    fn short(text: &str) -> String {
        let ids = [1, 2, 3, 0xc5, 0x55].map(|byte| Id([byte; 16]).write(IdFormat::Base64));
        ids.iter()
            .zip(["$1", "$2", "$3", "$C", "$S"])
            .fold(text.to_owned(), |text, (id, name)| text.replace(id, name))
    }

    #[test]
    fn a_full_snapshot_has_the_whole_chain_in_order() {
        let mut facts = facts();
        facts.participants[1].sends = false;
        let text = String::from_utf8(complete(&facts, IdFormat::Base64, Company::Offer)).unwrap();
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1">
 <datamode>complete</datamode>
 <session session_id="$C">
  <sipSessionID>ab;remote=cd</sipSessionID>
  <start-time>2017-05-01T10:17:11.000Z</start-time>
 </session>
 <participant participant_id="$1">
  <nameID aor="tel:1">
   <name>Name 1</name>
  </nameID>
 </participant>
 <participant participant_id="$2">
  <nameID aor="tel:2">
   <name>Name 2</name>
  </nameID>
 </participant>
 <stream stream_id="$S" session_id="$C">
  <label>182</label>
 </stream>
 <participantsessionassoc participant_id="$1" session_id="$C">
  <associate-time>2017-05-01T10:17:11.000Z</associate-time>
 </participantsessionassoc>
 <participantsessionassoc participant_id="$2" session_id="$C">
  <associate-time>2017-05-01T10:17:15.000Z</associate-time>
 </participantsessionassoc>
 <participantstreamassoc participant_id="$1">
  <send>$S</send>
  <recv>$S</recv>
  <associate-time>2017-05-01T10:17:11.000Z</associate-time>
 </participantstreamassoc>
 <participantstreamassoc participant_id="$2">
  <recv>$S</recv>
 </participantstreamassoc>
</recording>"#;
        assert_eq!(short(&text), expected);
        assert_eq!(Validator::default().check(text.as_bytes()), Ok(()));
    }

    #[test]
    fn without_an_offer_no_label_is_named() {
        let facts = facts();
        let alone = String::from_utf8(complete(&facts, IdFormat::Uuid, Company::Alone)).unwrap();
        assert!(!alone.contains("label"), "{alone}");
        let stream = "stream_id=\"55555555-5555-5555-5555-555555555555\"";
        assert!(alone.contains(stream), "{alone}");
    }

    #[test]
    fn who_is_held_or_gone_has_no_part_in_the_stream_of_a_full_snapshot() {
        let mut facts = facts();
        (facts.participants[0].sends, facts.participants[0].receives) = (false, false);
        facts.participants[1].left = Some(after(9));
        let recording = read(&complete(&facts, IdFormat::Base64, Company::Offer));
        assert_eq!(recording.participants.len(), 2);
        assert_eq!(recording.in_streams, []);
        assert_eq!(recording.in_sessions[1].span.disassociated, Some(after(9)));
    }

    #[test]
    fn where_nothing_changed_there_is_nothing_to_tell() {
        assert_eq!(partial(&facts(), &facts(), IdFormat::Base64), None);
        let mut held = facts();
        (held.participants[0].sends, held.participants[0].receives) = (false, false);
        let mut later = held.clone();
        later.participants[0].media_since = after(7);
        assert_eq!(partial(&held, &later, IdFormat::Base64), None);
    }

    #[test]
    fn joining_is_told_with_the_session_the_participant_and_both_associations() {
        let mut now = facts();
        now.participants.push(participant(3, after(6)));
        now.participants[2].name = None;
        now.participants[2].aor.clear();
        assert_eq!(
            change(&facts(), &now),
            r#" <session session_id="$C">
  <sipSessionID>ab;remote=cd</sipSessionID>
  <start-time>2017-05-01T10:17:11.000Z</start-time>
 </session>
 <participant participant_id="$3">
  <nameID aor="sip:anonymous@anonymous.invalid"/>
 </participant>
 <participantsessionassoc participant_id="$3" session_id="$C">
  <associate-time>2017-05-01T10:17:17.000Z</associate-time>
 </participantsessionassoc>
 <participantstreamassoc participant_id="$3">
  <send>$S</send>
  <recv>$S</recv>
  <associate-time>2017-05-01T10:17:17.000Z</associate-time>
 </participantstreamassoc>
"#
        );
    }

    #[test]
    fn leaving_ends_both_associations() {
        let mut now = facts();
        now.participants[1].left = Some(after(9));
        assert_eq!(
            change(&facts(), &now),
            r#" <participantsessionassoc participant_id="$2" session_id="$C">
  <associate-time>2017-05-01T10:17:15.000Z</associate-time>
  <disassociate-time>2017-05-01T10:17:20.000Z</disassociate-time>
 </participantsessionassoc>
 <participantstreamassoc participant_id="$2">
  <disassociate-time>2017-05-01T10:17:20.000Z</disassociate-time>
 </participantstreamassoc>
"#
        );
    }

    #[test]
    fn hold_and_resume_change_the_stream_association_only() {
        let mut held = facts();
        held.participants[0].sends = false;
        held.participants[0].media_since = after(5);
        assert_eq!(
            change(&facts(), &held),
            r#" <participantstreamassoc participant_id="$1">
  <recv>$S</recv>
  <disassociate-time>2017-05-01T10:17:16.000Z</disassociate-time>
 </participantstreamassoc>
"#
        );
        let mut resumed = facts();
        resumed.participants[0].media_since = after(8);
        assert_eq!(
            change(&held, &resumed),
            r#" <participantstreamassoc participant_id="$1">
  <send>$S</send>
  <recv>$S</recv>
  <associate-time>2017-05-01T10:17:19.000Z</associate-time>
 </participantstreamassoc>
"#
        );
    }

    #[test]
    fn a_new_name_is_told_with_the_participant_and_the_end_with_the_session() {
        let mut now = facts();
        now.participants[0].name = Some("A <b> & \"c\"\r\n\u{1}\u{fffe}".to_owned());
        now.session.ended = Some(after(60));
        assert_eq!(
            change(&facts(), &now),
            r#" <session session_id="$C">
  <sipSessionID>ab;remote=cd</sipSessionID>
  <start-time>2017-05-01T10:17:11.000Z</start-time>
  <stop-time>2017-05-01T10:18:11.000Z</stop-time>
 </session>
 <participant participant_id="$1">
  <nameID aor="tel:1">
   <name>A &lt;b&gt; &amp; &quot;c&quot;   </name>
  </nameID>
 </participant>
"#
        );
    }

    /// Any facts of the same call, told by one number for each participant.
    fn any_facts() -> impl Strategy<Value = Facts> {
        let part = (
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
            0..3_u8,
            0..2_i64,
        );
        let parts = proptest::collection::vec(part, 0..5);
        (parts, any::<bool>(), 0..2_usize).prop_map(|(parts, over, dialogs)| {
            let mut facts = facts();
            facts.session.ended = over.then_some(after(60));
            facts.session.sip_session_ids = vec!["ab;remote=cd".to_owned(); dialogs + 1];
            facts.participants = (1..)
                .zip(parts)
                .map(
                    |(number, (sends, receives, here, name, since))| ParticipantFacts {
                        name: (name > 0).then(|| format!("Name {name}")),
                        left: (!here).then_some(after(50)),
                        sends,
                        receives,
                        media_since: after(since),
                        ..participant(number, START)
                    },
                )
                .collect();
            facts
        })
    }

    /// What a recorder makes of its documents, as far as a full snapshot would tell it.
    fn gist(mut recording: Recording) -> Recording {
        recording.mode = Mode::Complete;
        let flows = |part: &Part| !part.sends.is_empty() || !part.receives.is_empty();
        recording.in_streams.retain(flows);
        recording
            .in_streams
            .sort_by(|a, b| a.participant.cmp(&b.participant));
        for part in &mut recording.in_streams {
            part.span = Span::default();
        }
        recording
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_value_can_break_a_document(
            texts: [String; 3],
            control in "[\u{0}-\u{20}<>&'\"\\]]{0,12}",
        ) {
            let [aor, name, label] = texts;
            let mut facts = facts();
            facts.participants[0].aor = aor;
            facts.participants[0].name = Some(name.clone());
            facts.participants[1].name = Some(control.clone());
            facts.stream.label = label.clone();
            facts.session.sip_session_ids = vec![label.clone(), control.clone()];
            let document = complete(&facts, IdFormat::Base64, Company::Offer);
            prop_assert_eq!(Validator::default().check(&document), Ok(()));
            let recording = read(&document);
            let names = recording.participants.iter().map(|p| p.names[0].name.as_deref());
            let names: Vec<_> = names.flatten().collect();
            let expected = [one_line(&name), one_line(&control), one_line(&label)];
            prop_assert_eq!(names, [expected[0].trim(), expected[1].trim()]);
            prop_assert_eq!(recording.streams[0].label.as_deref(), Some(expected[2].trim()));
            prop_assert_eq!(recording.sessions[0].sip_session_ids.len(), 2);
        }

        #[test]
        fn changes_tell_as_much_as_a_full_snapshot(before in any_facts(), after in any_facts()) {
            let mut after = after;
            after.session.ended = after.session.ended.or(before.session.ended);
            let missing = before.participants.iter().skip(after.participants.len());
            after.participants.extend(missing.cloned().collect::<Vec<_>>());
            let mut validator = Validator::default();
            let first = complete(&before, IdFormat::Base64, Company::Offer);
            prop_assert_eq!(validator.check(&first), Ok(()));
            let mut known = read(&first);
            if let Some(change) = partial(&before, &after, IdFormat::Base64) {
                prop_assert_eq!(validator.check(&change), Ok(()));
                let text = String::from_utf8(change.clone()).unwrap();
                prop_assert!(!text.contains("label"));
                known.apply(read(&change));
            }
            let full = read(&complete(&after, IdFormat::Base64, Company::Offer));
            prop_assert_eq!(gist(known), gist(full));
        }
    }
}
