//! Metadata documents as they come, from any client: read with all the tolerance there is.

use super::timestamp::Timestamp;
use super::tree::{Element, Namespace, ReadError, Tree};
use crate::time::Wall;

/// A document that a recording client or a recorder sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    Recording(Recording),
    /// A recorder wants a full snapshot (RFC 7865 §7).
    SnapshotRequest {
        reason: Option<String>,
    },
}

/// How a document is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It replaces what was known; so does a document that says nothing of it.
    #[default]
    Complete,
    /// It adds to what was known.
    Partial,
}

/// What a document tells. Identifiers are as they were written, in whatever format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    pub mode: Mode,
    pub sessions: Vec<Session>,
    pub participants: Vec<Participant>,
    pub streams: Vec<Stream>,
    pub in_sessions: Vec<InSession>,
    pub in_streams: Vec<InStream>,
}

/// A communication session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: String,
    pub sip_session_ids: Vec<String>,
    pub started: Option<Wall>,
    pub ended: Option<Wall>,
}

/// Somebody who takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    pub id: String,
    pub names: Vec<NameId>,
}

/// An address and the name that goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameId {
    pub aor: String,
    pub name: Option<String>,
}

/// A recorded stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    pub id: String,
    pub session: Option<String>,
    /// The `a=label` of its m-line.
    pub label: Option<String>,
}

/// A participant's time in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InSession {
    pub participant: String,
    pub session: String,
    pub span: Span,
}

/// A participant's part in streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InStream {
    pub participant: String,
    /// The streams that it contributes to.
    pub sends: Vec<String>,
    /// The streams that it hears.
    pub receives: Vec<String>,
    pub span: Span,
}

/// From when to when, as far as it was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub associated: Option<Wall>,
    pub disassociated: Option<Wall>,
}

/// How many things of a kind are remembered of one recording.
const KEPT_MAX: usize = 1000;

impl Document {
    /// Tells the document by its root element: its media type is no guide (RFC 9806).
    pub fn parse(bytes: &[u8]) -> Result<Self, ReadError> {
        let root = Tree::parse(bytes)?.root;
        if is(&root, "recording") {
            Ok(Self::Recording(Recording::read(&root)))
        } else if is(&root, "requestsnapshot") {
            let reason = children(&root, "requestreason").next().map(text);
            Ok(Self::SnapshotRequest { reason })
        } else {
            Err(ReadError::NotMetadata(root.name))
        }
    }
}

impl Recording {
    /// Takes in the next document of the same recording.
    pub fn apply(&mut self, newer: Self) {
        if newer.mode == Mode::Complete {
            *self = newer;
            return;
        }
        let same = |old: &Session, new: &Session| old.id == new.id;
        merge(&mut self.sessions, newer.sessions, same, |old, new| {
            if !new.sip_session_ids.is_empty() {
                old.sip_session_ids = new.sip_session_ids;
            }
            old.started = new.started.or(old.started);
            old.ended = new.ended.or(old.ended);
        });
        let same = |old: &Participant, new: &Participant| old.id == new.id;
        merge(
            &mut self.participants,
            newer.participants,
            same,
            |old, new| *old = new,
        );
        let same = |old: &Stream, new: &Stream| old.id == new.id;
        merge(&mut self.streams, newer.streams, same, |old, new| {
            old.session = new.session.or_else(|| old.session.take());
            old.label = new.label.or_else(|| old.label.take());
        });
        let same = |old: &InSession, new: &InSession| {
            old.participant == new.participant && old.session == new.session
        };
        merge(
            &mut self.in_sessions,
            newer.in_sessions,
            same,
            |old, new| {
                old.span = new.span.after(old.span);
            },
        );
        let same = |old: &InStream, new: &InStream| old.participant == new.participant;
        merge(&mut self.in_streams, newer.in_streams, same, |old, new| {
            let span = new.span.after(old.span);
            *old = InStream { span, ..new };
        });
    }

    fn read(root: &Element) -> Self {
        let mode = children(root, "datamode").next().map(text);
        Self {
            mode: match mode {
                Some(mode) if mode.eq_ignore_ascii_case("partial") => Mode::Partial,
                Some(_) | None => Mode::Complete,
            },
            sessions: children(root, "session")
                .filter_map(Session::read)
                .collect(),
            participants: children(root, "participant")
                .filter_map(Participant::read)
                .collect(),
            streams: children(root, "stream").filter_map(Stream::read).collect(),
            in_sessions: children(root, "participantsessionassoc")
                .filter_map(InSession::read)
                .collect(),
            in_streams: children(root, "participantstreamassoc")
                .filter_map(InStream::read)
                .collect(),
        }
    }
}

impl Session {
    fn read(element: &Element) -> Option<Self> {
        Some(Self {
            id: id(element, "session_id")?,
            sip_session_ids: children(element, "sipSessionID")
                .map(|child| child.text.split_whitespace().collect()) // RFC 8068 folds them
                .collect(),
            started: time(element, "start-time"),
            ended: time(element, "stop-time"),
        })
    }
}

impl Participant {
    fn read(element: &Element) -> Option<Self> {
        let name_id = |child: &Element| NameId {
            aor: child.attribute("aor").unwrap_or_default().trim().to_owned(),
            name: children(child, "name").next().map(text),
        };
        Some(Self {
            id: id(element, "participant_id")?,
            names: children(element, "nameID").map(name_id).collect(),
        })
    }
}

impl Stream {
    fn read(element: &Element) -> Option<Self> {
        Some(Self {
            id: id(element, "stream_id")?,
            session: attribute(element, "session_id"),
            label: children(element, "label").next().map(text),
        })
    }
}

impl InSession {
    fn read(element: &Element) -> Option<Self> {
        Some(Self {
            participant: attribute(element, "participant_id")?,
            session: attribute(element, "session_id")?,
            span: Span::read(element),
        })
    }
}

impl InStream {
    fn read(element: &Element) -> Option<Self> {
        Some(Self {
            participant: attribute(element, "participant_id")?,
            sends: children(element, "send").map(text).collect(),
            receives: children(element, "recv").map(text).collect(),
            span: Span::read(element),
        })
    }
}

impl Span {
    fn read(element: &Element) -> Self {
        Self {
            associated: time(element, "associate-time"),
            disassociated: time(element, "disassociate-time"),
        }
    }

    /// This span, which was told after `old`: who only leaves still came when it came.
    fn after(self, old: Self) -> Self {
        match self.associated {
            Some(_) => self,
            None => Self {
                associated: old.associated,
                ..self
            },
        }
    }
}

fn merge<T>(kept: &mut Vec<T>, newer: Vec<T>, same: fn(&T, &T) -> bool, take: fn(&mut T, T)) {
    for new in newer {
        if let Some(old) = kept.iter_mut().find(|old| same(old, &new)) {
            take(old, new);
        } else if kept.len() < KEPT_MAX {
            kept.push(new);
        }
    }
}

/// Case does not count: RFC 7865 itself writes both `datamode` and `dataMode`.
fn is(element: &Element, name: &str) -> bool {
    element.namespace != Namespace::Foreign && element.name.eq_ignore_ascii_case(name)
}

fn children<'a>(element: &'a Element, name: &'static str) -> impl Iterator<Item = &'a Element> {
    element.children.iter().filter(move |child| is(child, name))
}

fn text(element: &Element) -> String {
    element.text.trim().to_owned()
}

fn time(element: &Element, name: &'static str) -> Option<Wall> {
    let child = children(element, name).next()?;
    Timestamp::parse(&child.text).map(|timestamp| timestamp.wall)
}

/// The element's own identifier; some clients call it just `id`.
fn id(element: &Element, name: &str) -> Option<String> {
    attribute(element, name).or_else(|| attribute(element, "id"))
}

fn attribute(element: &Element, name: &str) -> Option<String> {
    element.attribute(name).map(|value| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(text: &str) -> Recording {
        match Document::parse(text.as_bytes()) {
            Ok(Document::Recording(recording)) => recording,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_draft_of_the_format_is_read_all_the_same() {
        let recording = recording(
            "<r:recording xmlns:r='urn:ietf:params:xml:ns:recording' id='x'>\
             <r:dataMode>Partial</r:dataMode><r:extensiondata><r:a/></r:extensiondata>\
             <r:participantstreamassoc participant_id=' p1 '><r:send> s1 </r:send>\
             </r:participantstreamassoc><r:participantstreamassoc/>\
             <r:stream id='s1' session_id='c1'><r:label>1</r:label></r:stream>\
             <r:participant participant_id='p1'><r:nameID aor='100'><r:name>Ann</r:name></r:nameID>\
             <r:nameID/></r:participant><stream xmlns='urn:other' stream_id='s2'/>\
             <r:session session_id='c1'><r:sipSessionID>ab\n ;remote=cd</r:sipSessionID>\
             <r:start-time>2017-05-01T10:17:11+0000</r:start-time><r:stop-time>soon</r:stop-time>\
             </r:session></r:recording>",
        );
        assert_eq!(recording.mode, Mode::Partial);
        let session = Session {
            id: "c1".to_owned(),
            sip_session_ids: vec!["ab;remote=cd".to_owned()],
            started: Some(Wall(1_493_633_831_000)),
            ended: None,
        };
        assert_eq!(recording.sessions, [session]);
        let stream = Stream {
            id: "s1".to_owned(),
            session: Some("c1".to_owned()),
            label: Some("1".to_owned()),
        };
        assert_eq!(recording.streams, [stream]);
        let names = &recording.participants[0].names;
        assert_eq!(
            (names[0].aor.as_str(), names[0].name.as_deref()),
            ("100", Some("Ann"))
        );
        assert_eq!(
            (names[1].aor.as_str(), names[1].name.as_deref()),
            ("", None)
        );
        assert_eq!(recording.in_streams.len(), 1);
        assert_eq!(recording.in_streams[0].sends, ["s1"]);
    }

    #[test]
    fn a_snapshot_request_is_known_by_its_root() {
        let document =
            Document::parse(b"<requestsnapshot xmlns='urn:ietf:params:xml:ns:recording:1'/>");
        assert_eq!(document, Ok(Document::SnapshotRequest { reason: None }));
        let text =
            "<requestSnapshot><requestreason xml:lang='it'>lost </requestreason></requestSnapshot>";
        let reason = Some("lost".to_owned());
        assert_eq!(
            Document::parse(text.as_bytes()),
            Ok(Document::SnapshotRequest { reason })
        );
    }

    #[test]
    fn other_documents_are_refused() {
        let other = Document::parse(b"<recording xmlns='urn:other'/>");
        assert_eq!(other, Err(ReadError::NotMetadata("recording".to_owned())));
        assert!(matches!(
            Document::parse(b"v=0"),
            Err(ReadError::Malformed(_))
        ));
    }

    #[test]
    fn a_partial_document_adds_and_a_complete_one_replaces() {
        let mut known = recording(
            "<recording><session session_id='c'><sipSessionID>1</sipSessionID>\
             <start-time>2017-05-01T10:00:00Z</start-time></session>\
             <participant participant_id='p'><nameID aor='a'/></participant>\
             <stream stream_id='s'><label>1</label></stream>\
             <participantsessionassoc participant_id='p' session_id='c'>\
             <associate-time>2017-05-01T10:00:00Z</associate-time></participantsessionassoc>\
             <participantstreamassoc participant_id='p'><send>s</send></participantstreamassoc>\
             </recording>",
        );
        known.apply(recording(
            "<recording><datamode>partial</datamode><session session_id='c'>\
             <stop-time>2017-05-01T10:00:02Z</stop-time></session>\
             <participant participant_id='p'><nameID aor='b'/></participant>\
             <participant participant_id='q'><nameID aor='c'/></participant>\
             <stream stream_id='s' session_id='c'/>\
             <participantsessionassoc participant_id='p' session_id='c'>\
             <disassociate-time>2017-05-01T10:00:01Z</disassociate-time></participantsessionassoc>\
             <participantstreamassoc participant_id='p'/></recording>",
        ));
        let start = 1_493_632_800_000;
        assert_eq!(known.sessions[0].sip_session_ids, ["1"]);
        assert_eq!(known.sessions[0].started, Some(Wall(start)));
        assert_eq!(known.sessions[0].ended, Some(Wall(start + 2000)));
        let aors: Vec<_> = known.participants.iter().map(|p| &p.names[0].aor).collect();
        assert_eq!(aors, ["b", "c"]);
        assert_eq!(known.streams[0].label.as_deref(), Some("1"));
        assert_eq!(known.streams[0].session.as_deref(), Some("c"));
        let span = Span {
            associated: Some(Wall(start)),
            disassociated: Some(Wall(start + 1000)),
        };
        assert_eq!(known.in_sessions[0].span, span);
        assert!(known.in_streams[0].sends.is_empty());

        known.apply(recording("<recording/>"));
        assert_eq!(known, Recording::default());
    }

    #[test]
    fn a_client_that_never_stops_naming_people_fills_no_memory() {
        let mut known = Recording::default();
        for batch in 0..10 {
            let people: String = (0..200)
                .map(|n| format!("<participant participant_id='{batch}.{n}'/>"))
                .collect();
            let text = format!("<recording><datamode>partial</datamode>{people}</recording>");
            known.apply(recording(&text));
        }
        assert_eq!(known.participants.len(), KEPT_MAX);
    }
}
