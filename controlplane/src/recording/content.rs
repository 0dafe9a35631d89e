//! What an INVITE to a recorder carries: the offer, headers and metadata.

use super::account::{Account, Told};
use super::form::Form;
use crate::control::request::{CodecName, Priority};
use crate::metadata::{self, Company};
use crate::recorder::Recorder;
use crate::sdp;
use crate::sip::content::{Body, Content};
use crate::turn::Turn;

/// The media types that we take: both spellings of metadata, for snapshot requests.
pub(crate) const ACCEPT: &str =
    "application/sdp, application/rs-metadata+xml, application/rs-metadata";

/// What is said of a call's facts.
pub(super) enum News<'a> {
    /// Everything.
    Complete,
    /// What changed since the recorder was told last.
    Since(&'a Told),
}

/// The codecs to offer: the call's own first where the recorder takes it.
pub(super) fn codecs(recorder: &Recorder, own: CodecName) -> Vec<sdp::Codec> {
    let (first, rest): (Vec<_>, Vec<_>) = recorder.codecs.iter().partition(|codec| **codec == own);
    let codec = |name: &CodecName| match name {
        CodecName::Pcmu => sdp::Codec::Pcmu,
        CodecName::Pcma => sdp::Codec::Pcma,
    };
    first.into_iter().chain(rest).map(codec).collect()
}

/// The content of a first INVITE or a re-INVITE.
pub(super) fn invite(
    (recorder, form): (&Recorder, &Form),
    account: &Account,
    told: &Told,
    offer: &sdp::Description,
    news: &News<'_>,
    turn: &mut Turn<'_>,
) -> Content {
    let mut headers = vec![
        ("Date".to_owned(), turn.now.wall.rfc1123()),
        ("Accept".to_owned(), recorder.accept.clone()),
    ];
    headers.extend(recorder.headers.clone());
    if let Some(priority) = priority(account.priority) {
        headers.push(("Priority".to_owned(), priority.to_owned()));
    }
    if form.headers {
        headers.extend(told.info.write(&recorder.header_prefix));
    }
    let metadata = form.metadata.and_then(|media_type| {
        let metadata = match news {
            News::Complete => Some(complete(recorder, told)),
            News::Since(known) => metadata::partial(&known.facts, &told.facts, recorder.id_format),
        };
        Some((metadata?, media_type))
    });
    let body = match metadata {
        Some((metadata, media_type)) => {
            metadata::Body::both(&offer.write(), &metadata, media_type, turn.random)
        }
        None => metadata::Body::sdp(offer.write()),
    };
    Content {
        headers,
        body: Some(into_sip(body)),
    }
}

/// A body that holds nothing but a session description.
pub(super) fn description(description: &sdp::Description) -> Content {
    Content {
        headers: Vec::new(),
        body: Some(into_sip(metadata::Body::sdp(description.write()))),
    }
}

fn complete(recorder: &Recorder, told: &Told) -> Vec<u8> {
    metadata::complete(&told.facts, recorder.id_format, Company::Offer)
}

fn into_sip(body: metadata::Body) -> Body {
    Body {
        content_type: body.content_type,
        disposition: body.disposition.map(str::to_owned),
        bytes: body.bytes,
    }
}

/// RFC 3261 §20.26: no header means normal.
const fn priority(priority: Priority) -> Option<&'static str> {
    match priority {
        Priority::NonUrgent => Some("non-urgent"),
        Priority::Normal => None,
        Priority::Urgent => Some("urgent"),
        Priority::Emergency => Some("emergency"),
    }
}
