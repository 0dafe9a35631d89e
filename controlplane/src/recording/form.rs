//! How a recorder is spoken to: as its profile has it at first, and otherwise once it refuses that.
//!
//! Each refusal leads to a form that was not tried, or to none: there is no way back, so that
//! attempts in a row are few. What a recorder took is kept for the recording's next attempt.

use super::content;
use crate::control::request::CodecName;
use crate::metadata::MediaType;
use crate::recorder::{Recorder, RequireSiprec};
use crate::sdp;
use crate::sip::flow::TransportPolicy;
use crate::sip::message::Response;

/// How a recorder is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// Whether it is told the facts in headers.
    pub(super) headers: bool,
    /// Whether it is told them as metadata, and by which name.
    pub(super) metadata: Option<MediaType>,
    pub(super) require_siprec: bool,
    pub(super) policy: TransportPolicy,
    /// TCP was tried because of the size, and need not be again.
    tried_tcp: bool,
    /// How many offers were refused: the first has everything, each other one codec and no more.
    refused_offers: usize,
    /// The other name of metadata was tried, or need not be.
    settled_type: bool,
}

/// As many offers are made in a row.
const OFFERS_MAX: usize = 4;

impl Form {
    /// As the recorder's profile has it.
    pub(super) fn new(recorder: &Recorder) -> Self {
        let has_metadata = recorder.info.has_metadata();
        Self {
            headers: recorder.info.has_headers(),
            metadata: has_metadata.then_some(recorder.media_type),
            require_siprec: recorder.require_siprec != RequireSiprec::Never,
            policy: recorder.policy,
            tried_tcp: false,
            refused_offers: 0,
            settled_type: false,
        }
    }

    /// The codecs to offer.
    pub(super) fn codecs(&self, recorder: &Recorder, own: CodecName) -> Vec<sdp::Codec> {
        let all = content::codecs(recorder, own);
        match self.refused_offers.checked_sub(1) {
            Some(place) => all
                .get(place)
                .map_or_else(|| all.clone(), |codec| vec![*codec]),
            None => all,
        }
    }

    /// Whether nothing but a codec is offered.
    pub(super) const fn is_plain(&self) -> bool {
        self.refused_offers > 0
    }

    /// Takes another form after that answer, where there is one; says which, after "now".
    pub(super) fn adapt(
        &mut self,
        response: &Response,
        recorder: &Recorder,
    ) -> Option<&'static str> {
        match response.status.code() {
            400 | 406 | 415 => self.tell_otherwise(response, recorder),
            413 | 513 => self.shorten(recorder),
            420 => self.require_less(response, recorder),
            488 | 606 => self.offer_less(recorder),
            _ => None,
        }
    }

    /// The metadata may be what was refused: it goes by its other name, and then is left out.
    pub(super) fn tell_otherwise(
        &mut self,
        response: &Response,
        recorder: &Recorder,
    ) -> Option<&'static str> {
        let other = self.metadata?.other();
        let known = response.headers.list("Accept").unwrap_or_default();
        // RFC 3261 §21.4.13: a list says which types there are.
        let takes_other = known.is_empty()
            || known
                .iter()
                .any(|entry| MediaType::parse(entry) == Some(other));
        if !std::mem::replace(&mut self.settled_type, true) && takes_other {
            self.metadata = Some(other);
            return Some(match other {
                MediaType::RsMetadataXml => "with metadata as application/rs-metadata+xml",
                MediaType::RsMetadata => "with metadata as application/rs-metadata",
            });
        }
        self.leave_metadata_out(recorder)
    }

    /// Another offer: one codec, and nothing else that could be refused.
    pub(super) fn offer_less(&mut self, recorder: &Recorder) -> Option<&'static str> {
        let codecs = recorder.codecs.len();
        let would_differ = codecs > 1 || recorder.telephone_event || recorder.rtcp_mux;
        if !would_differ || self.refused_offers == codecs.min(OFFERS_MAX - 1) {
            return None;
        }
        self.refused_offers += 1;
        Some("with one codec alone")
    }

    /// The request is too large (RFC 3261 §21.4.11, §21.5.7).
    fn shorten(&mut self, recorder: &Recorder) -> Option<&'static str> {
        let by_datagram = matches!(self.policy, TransportPolicy::Auto | TransportPolicy::Udp);
        if by_datagram && !self.tried_tcp {
            self.tried_tcp = true;
            self.policy = TransportPolicy::Tcp;
            return Some("by TCP");
        }
        self.metadata?;
        self.leave_metadata_out(recorder)
    }

    /// There was no answer: where it was the size that led to TCP, the recorder has none.
    pub(super) fn answer_silence(&mut self, recorder: &Recorder) -> Option<&'static str> {
        if self.policy == recorder.policy {
            return None;
        }
        self.policy = recorder.policy;
        self.metadata?;
        self.leave_metadata_out(recorder)
    }

    /// The recorder does not know the extension that RFC 7866 §6.1.1 has us require.
    fn require_less(&mut self, response: &Response, recorder: &Recorder) -> Option<&'static str> {
        let may = recorder.require_siprec == RequireSiprec::UntilRefused && self.require_siprec;
        let unsupported = response.headers.list("Unsupported").unwrap_or_default();
        let means_it = unsupported.is_empty() || response.headers.lists("Unsupported", "siprec");
        (may && means_it).then(|| {
            self.require_siprec = false;
            "without requiring siprec"
        })
    }

    fn leave_metadata_out(&mut self, recorder: &Recorder) -> Option<&'static str> {
        recorder.without_metadata.then(|| {
            self.metadata = None;
            self.headers = true;
            "without metadata, in headers alone"
        })
    }
}
