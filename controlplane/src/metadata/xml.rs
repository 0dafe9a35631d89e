//! Metadata as XML: documents strictly in the form of RFC 7865.

use std::io;
use std::net::Ipv6Addr;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::facts::{Facts, ParticipantFacts, SessionFacts, StreamFacts};
use super::id::{Id, IdFormat};
use super::tree::{NAMESPACE, is_legal};
use crate::time::Wall;

/// What a document travels with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// An SDP offer in the same message: labels may be named.
    Offer,
    /// No SDP: labels may not (RFC 7866 §9.1).
    Alone,
}

/// What one document tells.
#[derive(Default)]
pub(super) struct Contents<'a> {
    pub(super) session: Option<&'a SessionFacts>,
    pub(super) participants: Vec<&'a ParticipantFacts>,
    pub(super) stream: Option<(&'a StreamFacts, Company)>,
    pub(super) in_session: Vec<&'a ParticipantFacts>,
    pub(super) in_stream: Vec<InStream>,
}

/// A participant's part in the stream, and when it stopped contributing if it did.
pub(super) struct InStream {
    pub(super) participant: Id,
    pub(super) media: Media,
    pub(super) stopped: Option<Wall>,
}

/// How a participant takes part in the stream, and since when.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Media {
    pub(super) sends: bool,
    pub(super) receives: bool,
    pub(super) since: Wall,
}

/// Writes the elements in the order of RFC 7865 §9.
pub(super) fn document(
    mode: &str,
    facts: &Facts,
    contents: &Contents<'_>,
    ids: IdFormat,
) -> Vec<u8> {
    let session_id = facts.session.id.write(ids);
    let stream_id = facts.stream.id.write(ids);
    written(|writer| {
        let root = writer.create_element("recording");
        let root = root.with_attribute(("xmlns", NAMESPACE));
        root.write_inner_content(|w| {
            text(w, "datamode", mode)?;
            if let Some(session) = contents.session {
                write_session(w, session, &session_id)?;
            }
            for participant in &contents.participants {
                write_participant(w, participant, ids)?;
            }
            if let Some((stream, company)) = contents.stream {
                write_stream(w, stream, company, &stream_id, &session_id)?;
            }
            for participant in &contents.in_session {
                write_in_session(w, participant, ids, &session_id)?;
            }
            for part in &contents.in_stream {
                write_in_stream(w, part, ids, &stream_id)?;
            }
            Ok(())
        })?;
        Ok(())
    })
}

/// A recorder's wish for a full snapshot (RFC 7865 §7).
pub fn snapshot_request(reason: Option<&str>) -> Vec<u8> {
    written(|writer| {
        let root = writer.create_element("requestsnapshot");
        let root = root.with_attribute(("xmlns", NAMESPACE));
        match reason {
            Some(reason) => root.write_inner_content(|w| text(w, "requestreason", reason)),
            None => root.write_empty(),
        }?;
        Ok(())
    })
}

type Xml = Writer<Vec<u8>>;

fn write_session(w: &mut Xml, session: &SessionFacts, id: &str) -> io::Result<()> {
    let element = w.create_element("session");
    let element = element.with_attribute(("session_id", id));
    element.write_inner_content(|w| {
        for sip_session_id in &session.sip_session_ids {
            text(w, "sipSessionID", sip_session_id)?;
        }
        time(w, "start-time", Some(session.started))?;
        time(w, "stop-time", session.ended)
    })?;
    Ok(())
}

fn write_participant(w: &mut Xml, participant: &ParticipantFacts, ids: IdFormat) -> io::Result<()> {
    let id = participant.id.write(ids);
    let element = w.create_element("participant");
    let element = element.with_attribute(("participant_id", id.as_str()));
    element.write_inner_content(|w| {
        let aor = uri(&participant.aor);
        let name_id = w.create_element("nameID");
        let name_id = name_id.with_attribute(("aor", aor.as_str()));
        match &participant.name {
            Some(name) => name_id.write_inner_content(|w| text(w, "name", name)),
            None => name_id.write_empty(),
        }?;
        Ok(())
    })?;
    Ok(())
}

fn write_stream(
    w: &mut Xml,
    stream: &StreamFacts,
    company: Company,
    id: &str,
    session_id: &str,
) -> io::Result<()> {
    let element = w.create_element("stream");
    let element = element.with_attribute(("stream_id", id));
    let element = element.with_attribute(("session_id", session_id));
    match company {
        Company::Offer => element.write_inner_content(|w| text(w, "label", &stream.label)),
        Company::Alone => element.write_empty(),
    }?;
    Ok(())
}

fn write_in_session(
    w: &mut Xml,
    participant: &ParticipantFacts,
    ids: IdFormat,
    session_id: &str,
) -> io::Result<()> {
    let id = participant.id.write(ids);
    let element = w.create_element("participantsessionassoc");
    let element = element.with_attribute(("participant_id", id.as_str()));
    let element = element.with_attribute(("session_id", session_id));
    element.write_inner_content(|w| {
        time(w, "associate-time", Some(participant.joined))?;
        time(w, "disassociate-time", participant.left)
    })?;
    Ok(())
}

fn write_in_stream(w: &mut Xml, part: &InStream, ids: IdFormat, id: &str) -> io::Result<()> {
    let participant_id = part.participant.write(ids);
    let element = w.create_element("participantstreamassoc");
    let element = element.with_attribute(("participant_id", participant_id.as_str()));
    element.write_inner_content(|w| {
        let Media {
            sends,
            receives,
            since,
        } = part.media;
        if sends {
            text(w, "send", id)?;
        }
        if receives {
            text(w, "recv", id)?;
        }
        // RFC 7865 §6.8.1: both times are those of contributing.
        time(w, "associate-time", sends.then_some(since))?;
        time(w, "disassociate-time", part.stopped)
    })?;
    Ok(())
}

fn time(w: &mut Xml, name: &str, at: Option<Wall>) -> io::Result<()> {
    match at {
        Some(at) => text(w, name, &at.rfc3339()),
        None => Ok(()),
    }
}

fn text(w: &mut Xml, name: &str, value: &str) -> io::Result<()> {
    let value = one_line(value);
    w.create_element(name)
        .write_text_content(BytesText::new(&value))?;
    Ok(())
}

/// What XML 1.0 can carry of a text: control characters become spaces, the rest that XML does not
/// allow is left out.
pub(super) fn one_line(value: &str) -> String {
    let spaced = value.chars().map(|c| if c.is_control() { ' ' } else { c });
    spaced.filter(|c| is_legal(*c)).collect()
}

/// What a URI can carry of a text: the rest is percent-encoded (RFC 3986 §2).
fn uri(value: &str) -> String {
    if value.is_empty() {
        return "sip:anonymous@anonymous.invalid".to_owned(); // RFC 3323 §4.1.1.3
    }
    let brackets = has_ip6(value);
    let bytes = value.as_bytes();
    let mut out = String::with_capacity(bytes.len());
    for (place, &byte) in bytes.iter().enumerate() {
        let fits = match byte {
            b'[' | b']' => brackets,
            b'%' => is_escape(bytes.get(place + 1..place + 3)),
            _ => byte.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=".contains(&byte),
        };
        if fits {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn is_escape(digits: Option<&[u8]>) -> bool {
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// Whether the only brackets are those around an IPv6 address (RFC 3986 §3.2.2).
fn has_ip6(value: &str) -> bool {
    let inside = value
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    inside.is_some_and(|(ip, rest)| ip.parse::<Ipv6Addr>().is_ok() && !rest.contains(['[', ']']))
}

fn written(write: impl FnOnce(&mut Xml) -> io::Result<()>) -> Vec<u8> {
    let mut writer = Writer::new_with_indent(Vec::with_capacity(4096), b' ', 1);
    let declaration = BytesDecl::new("1.0", Some("UTF-8"), None);
    writer
        .write_event(Event::Decl(declaration))
        .and_then(|()| write(&mut writer))
        .expect("writing into memory cannot fail");
    writer.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{Document, Validator};

    #[test]
    fn addresses_keep_what_a_uri_may_have() {
        for same in [
            "sip:a%20b@[2001:db8::1]:5060;user=phone",
            "tel:+39-02;ext=1",
            "192.0.2.1",
        ] {
            assert_eq!(uri(same), same);
        }
        assert_eq!(
            uri("sip:J\u{fc}r \"x\"@h#1"),
            "sip:J%C3%BCr%20%22x%22@h%231"
        );
        assert_eq!(uri("100%"), "100%25");
        assert_eq!(uri("sip:[a]"), "sip:%5Ba%5D");
    }

    #[test]
    fn a_snapshot_request_reads_back() {
        for reason in [None, Some("lost <it>".to_owned())] {
            let document = snapshot_request(reason.as_deref());
            assert_eq!(Validator::default().check(&document), Ok(()));
            assert_eq!(
                Document::parse(&document),
                Ok(Document::SnapshotRequest { reason })
            );
        }
    }
}
