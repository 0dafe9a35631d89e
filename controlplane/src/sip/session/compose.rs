//! Requests and 2xx as they are put together, and the transport that each takes.

use rsip::Method;

use super::Session;
use crate::random::Random;
use crate::sip::answer::{SUPPORTED, SUPPORTED_BY_CALLER};
use crate::sip::dialog::Dialog;
use crate::sip::digest;
use crate::sip::flow::{Flow, Protocol, TransportPolicy};
use crate::sip::headers::Headers;
use crate::sip::local::{Local, Options};
use crate::sip::message::Request;
use crate::sip::session_expires::{Refresher, SessionExpires};

/// Larger requests do not go by UDP (RFC 3261 §18.1.1).
const DATAGRAM_MAX: usize = 1300;

/// How the requests of a session are sent.
#[derive(Clone, Copy, Debug)]
pub(in crate::sip) struct Way {
    policy: TransportPolicy,
    /// Whether large requests go by TCP. They do not any more once that could not be opened.
    large_by_tcp: bool,
}

/// A request that is ready to be sent.
pub(in crate::sip) struct Ready {
    pub(in crate::sip) request: Request,
    pub(in crate::sip) flow: Flow,
    /// TCP was taken only because of the size.
    pub(super) by_size: bool,
}

impl Way {
    pub(in crate::sip) fn new(policy: TransportPolicy) -> Self {
        Self {
            policy,
            large_by_tcp: true,
        }
    }

    /// The protocol where neither size nor a URI says another.
    pub(super) const fn usual(&self) -> Protocol {
        match self.policy {
            TransportPolicy::Auto | TransportPolicy::Udp => Protocol::Udp,
            TransportPolicy::Tcp => Protocol::Tcp,
            TransportPolicy::Tls(settings) => Protocol::Tls(settings),
        }
    }

    /// Chooses the transport for the request that `build` makes for it. `hop` is the address, with
    /// the transport that is spoken there unless another is `named`.
    pub(in crate::sip) fn ready(
        &self,
        (named, hop): (Option<Protocol>, Flow),
        build: impl Fn(Protocol) -> Request,
    ) -> Ready {
        let protocol = match self.policy {
            TransportPolicy::Udp => Protocol::Udp,
            TransportPolicy::Tcp => Protocol::Tcp,
            TransportPolicy::Tls(settings) => Protocol::Tls(settings),
            TransportPolicy::Auto => named.unwrap_or(hop.protocol),
        };
        let request = build(protocol);
        let by_size = self.policy == TransportPolicy::Auto
            && self.large_by_tcp
            && protocol == Protocol::Udp
            && request.write().len() > DATAGRAM_MAX;
        if by_size {
            let flow = Flow {
                protocol: Protocol::Tcp,
                ..hop
            };
            Ready {
                request: build(Protocol::Tcp),
                flow,
                by_size,
            }
        } else {
            Ready {
                request,
                flow: Flow { protocol, ..hop },
                by_size,
            }
        }
    }

    /// TCP could not be opened for a large request: UDP takes it, and all that follow
    /// (RFC 3261 §18.1.1).
    pub(super) fn fall_back(&mut self) {
        self.large_by_tcp = false;
    }
}

/// A new branch (RFC 3261 §8.1.1.7).
pub(in crate::sip) fn branch(random: &mut Random) -> String {
    format!("z9hG4bK{}", random.token(20))
}

/// The headers of an INVITE or UPDATE of ours beside those of every request.
pub(super) fn dress(
    request: &mut Request,
    local: &Local,
    options: &Options,
    protocol: Protocol,
    expires: Option<SessionExpires>,
) {
    // RFC 3261 §8.1.1.8: who calls a SIPS URI is reached at one.
    let secure = request.uri.as_sip().is_some_and(|uri| uri.secure);
    let headers = &mut request.headers;
    let contact = local.contact(protocol, secure, options.feature_tag);
    headers.push("Contact", &contact);
    headers.push("User-Agent", &local.agent);
    headers.push("Allow", &options.allow);
    headers.push(
        "Supported",
        match options.reliable_provisional {
            true => SUPPORTED_BY_CALLER,
            false => SUPPORTED,
        },
    );
    if !options.require.is_empty() {
        headers.push("Require", &options.require.join(", "));
    }
    if let Some(expires) = expires {
        headers.push("Session-Expires", &expires.to_string());
        headers.push("Min-SE", &options.min_se_s.to_string());
    }
}

impl Session {
    /// The headers of a 2xx to an INVITE or UPDATE of theirs beside those of every response.
    pub(super) fn welcome(
        &self,
        headers: &mut Headers,
        (theirs, protocol): (&Headers, Protocol),
        expires: Option<SessionExpires>,
    ) {
        // RFC 3261 §12.1.1: who is reached at a SIPS URI is told one.
        let contact = theirs.contact().ok().flatten();
        let secure = contact.is_some_and(|contact| contact.uri.as_sip().is_some_and(|u| u.secure));
        let contact = self
            .local
            .contact(protocol, secure, self.options.feature_tag);
        headers.push("Contact", &contact);
        headers.push("Allow", &self.options.allow);
        headers.push("Supported", SUPPORTED);
        if let Some(expires) = expires {
            // RFC 4028 §9: who is told to refresh must know how.
            if expires.refresher == Some(Refresher::Uac) {
                headers.push("Require", "timer");
            }
            headers.push("Session-Expires", &expires.to_string());
        }
    }

    /// The ACK of a 2xx to the INVITE `at` that place, within its dialog (RFC 3261 §13.2.2.4), and
    /// where it goes.
    pub(super) fn ack(&mut self, dialog: &Dialog, at: usize) -> (Flow, Vec<u8>) {
        let branch = branch(&mut self.random);
        let invite = &self.invites[at].transaction;
        let ready = self.way.ready(dialog.next_hop(), |protocol| {
            let via = self.local.via(protocol, &branch);
            let mut ack = dialog.request(Method::Ack, invite.number, &via);
            digest::repeat(&invite.request.headers, &mut ack);
            ack
        });
        (ready.flow, ready.request.write())
    }
}
