//! The metadata documents of one recording: checked one by one, and taken together.

use sixreel_controlplane::metadata::{Document, Recording, Validator};

use crate::facts::MetadataFacts;

/// So many findings of one recording are kept.
const FINDINGS_MAX: usize = 100;

/// What the documents told so far.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    validator: Validator,
    known: Recording,
    facts: MetadataFacts,
    /// The last one, as it came.
    latest: Vec<u8>,
}

impl Documents {
    /// Takes the next document: its number, and what is wrong with it.
    pub(crate) fn take(&mut self, document: &[u8]) -> (u64, Vec<String>) {
        self.facts.documents += 1;
        let number = self.facts.documents;
        let mut findings = self.validator.check(document).err().unwrap_or_default();
        match Document::parse(document) {
            Ok(Document::Recording(newer)) => self.known.apply(newer),
            Ok(Document::SnapshotRequest { .. }) => findings
                .push("a requestsnapshot is for recorders to send (RFC 7866 §9.2)".to_owned()),
            // The validator has said what is wrong with it.
            Err(_) => {}
        }
        self.latest = document.to_vec();
        self.facts.valid = Some(findings.is_empty() && self.facts.valid != Some(false));
        let room = FINDINGS_MAX.saturating_sub(self.facts.findings.len());
        let numbered = findings
            .iter()
            .map(|finding| format!("{number}: {finding}"));
        self.facts.findings.extend(numbered.take(room));
        (number, findings)
    }

    /// What is known by them all.
    pub(crate) const fn known(&self) -> &Recording {
        &self.known
    }

    /// The last one, as it came; `None` before the first.
    pub(crate) fn latest(&self) -> Option<&[u8]> {
        (!self.latest.is_empty()).then_some(&self.latest)
    }

    pub(crate) const fn facts(&self) -> &MetadataFacts {
        &self.facts
    }
}

#[cfg(test)]
mod tests {
    use sixreel_controlplane::metadata::snapshot_request;

    use super::*;
    use crate::facts::{ParticipantFacts, SessionFacts};

    fn document(mode: &str, contents: &str) -> Vec<u8> {
        let text = format!(
            "<recording xmlns='urn:ietf:params:xml:ns:recording:1'><datamode>{mode}</datamode>\
             {contents}</recording>"
        );
        let ids = [
            ("$s", "hVpd7YQgRW2nD22h7q60JQ=="),
            ("$p", "srfBElmCRp2QB23b7Mpk0w=="),
            ("$m", "i1Pz3to5hGk8fuXl+PbwCw=="),
        ];
        let text = ids
            .iter()
            .fold(text, |text, (from, to)| text.replace(from, to));
        text.into_bytes()
    }

    fn complete() -> Vec<u8> {
        document(
            "complete",
            "<session session_id='$s'><start-time>2017-05-01T10:17:11Z</start-time></session>\
             <participant participant_id='$p'><nameID aor='tel:1'><name>A</name></nameID>\
             </participant><stream stream_id='$m' session_id='$s'><label>1</label></stream>\
             <participantsessionassoc participant_id='$p' session_id='$s'>\
             <associate-time>2017-05-01T10:17:12Z</associate-time></participantsessionassoc>\
             <participantstreamassoc participant_id='$p'><send>$m</send></participantstreamassoc>",
        )
    }

    #[test]
    fn documents_are_taken_together() {
        let mut documents = Documents::default();
        assert_eq!(documents.facts().valid, None);
        assert_eq!(documents.take(&complete()), (1, Vec::new()));
        let leaves = document(
            "partial",
            "<participantsessionassoc participant_id='$p' session_id='$s'>\
             <disassociate-time>2017-05-01T10:17:13Z</disassociate-time>\
             </participantsessionassoc><participantstreamassoc participant_id='$p'/>",
        );
        assert_eq!(documents.take(&leaves), (2, Vec::new()));
        assert_eq!(documents.facts().valid, Some(true));
        assert_eq!(documents.latest(), Some(&leaves[..]));
        let [participant] = &ParticipantFacts::of(documents.known())[..] else {
            panic!("{:?}", documents.known());
        };
        assert_eq!(participant.aor.as_deref(), Some("tel:1"));
        assert_eq!(participant.name.as_deref(), Some("A"));
        assert_eq!(
            participant.joined.as_deref(),
            Some("2017-05-01T10:17:12.000Z")
        );
        assert_eq!(
            participant.left.as_deref(),
            Some("2017-05-01T10:17:13.000Z")
        );
        assert!(!participant.sends && !participant.receives);
        let sessions = SessionFacts::of(documents.known());
        assert_eq!(
            sessions[0].started.as_deref(),
            Some("2017-05-01T10:17:11.000Z")
        );
    }

    #[test]
    fn one_fault_is_never_forgotten() {
        let mut documents = Documents::default();
        let (number, findings) = documents.take(b"<recording/>");
        assert_eq!((number, findings.len()), (1, 1));
        assert_eq!(documents.take(&complete()), (2, Vec::new()));
        assert_eq!(documents.facts().valid, Some(false));
        assert!(documents.facts().findings[0].starts_with("1: "));
        let (_, findings) = documents.take(&snapshot_request(None));
        assert!(findings[0].contains("for recorders"), "{findings:?}");
        for _ in 0..200 {
            documents.take(b"nonsense");
        }
        assert_eq!(documents.facts().findings.len(), FINDINGS_MAX);
        assert_eq!(documents.facts().documents, 203);
    }
}
