//! Dialogs: who talks with whom, by which way, and in which order (RFC 3261 §12).

use std::net::SocketAddr;

use rsip::Method;

use super::error::{Error, Flaw};
use super::flow::{Flow, Protocol};
use super::headers::{Headers, Identity};
use super::host::Host;
use super::local::Local;
use super::message::Request;
use super::method;
use super::name_addr::NameAddr;
use super::params::Params;
use super::uri::{AnyUri, Uri};
use crate::random::Random;

/// More proxies than this do not stand between a client and a recorder: a longer route set is not
/// believed, and requests go straight to the remote target.
const ROUTES_MAX: usize = 16;

/// Our end of a session, the same in all its dialogs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Us {
    /// Call-ID.
    pub(super) call_id: String,
    /// Our From in requests, tag included.
    pub(super) address: String,
    /// The tag alone.
    pub(super) tag: String,
}

/// A dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dialog {
    us: Us,
    /// Their To in our requests, tag included.
    them: String,
    their_tag: Option<String>,
    /// The number of our latest request.
    number: u32,
    /// The number of their latest request.
    their_number: Option<u32>,
    /// The proxies on the way, all with URIs that can be called.
    routes: Vec<NameAddr>,
    target: Uri,
    /// The transport that the dialog speaks, and the address behind a next hop that is a name.
    reached: Flow,
}

impl Us {
    /// Our end of something that we begin, with a tag of its own.
    pub(super) fn begun(
        local: &Local,
        display: Option<String>,
        call_id: String,
        random: &mut Random,
    ) -> Self {
        let tag = random.token(16);
        let mut from = NameAddr {
            display,
            uri: AnyUri::Sip(local.uri()),
            params: Params::default(),
        };
        from.params.set("tag", Some(tag.clone()));
        Self {
            call_id,
            address: from.to_string(),
            tag,
        }
    }

    /// The headers that every request of ours begins with.
    pub(super) fn begin(&self, via: &str, to: &str, number: u32, method: Method) -> Headers {
        let mut headers = Headers::default();
        headers.push("Via", via);
        headers.push("Max-Forwards", "70");
        headers.push("From", &self.address);
        headers.push("To", to);
        headers.push("Call-ID", &self.call_id);
        headers.push("CSeq", &format!("{number} {}", method::name(method)));
        headers
    }
}

impl Dialog {
    /// As the caller sees it: a 2xx answers the INVITE of that number to `called`, which went to
    /// `reached` (RFC 3261 §12.1.2).
    pub(super) fn of_caller(
        us: Us,
        (number, called): (u32, &Uri),
        response: &Headers,
        reached: Flow,
    ) -> Self {
        let mut routes = route_set(response);
        routes.reverse();
        // A 2xx must have a Contact. Without it, there is only the URI that was called.
        let target = target(response).unwrap_or_else(|_| called.for_request());
        Self {
            us,
            them: response.get("To").unwrap_or_default().to_owned(),
            their_tag: response
                .identity()
                .ok()
                .and_then(|identity| identity.to_tag),
            number,
            their_number: None,
            routes,
            target,
            reached,
        }
    }

    /// As the called side sees it: the INVITE came from `reached` and is accepted
    /// (RFC 3261 §12.1.1).
    pub(super) fn of_called(us: Us, invite: &Headers, reached: Flow) -> Result<Self, Error> {
        let identity = invite.identity()?;
        Ok(Self {
            us,
            them: invite.get("From").unwrap_or_default().to_owned(),
            their_tag: identity.from_tag,
            number: 0,
            their_number: Some(identity.cseq.number),
            routes: route_set(invite),
            target: target(invite)?,
            reached,
        })
    }

    /// It goes on where an early dialog of the same peer left off (RFC 3261 §12.1.2).
    pub(super) fn follow(&mut self, early: &Self) {
        self.number = self.number.max(early.number);
    }

    /// The number of our latest request.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// The number of our next request (RFC 3261 §12.2.1.1).
    pub(super) fn next_number(&mut self) -> u32 {
        self.number += 1;
        self.number
    }

    /// A request of ours with the given number and Via, without a body (RFC 3261 §12.2.1.1).
    pub(super) fn request(&self, method: Method, number: u32, via: &str) -> Request {
        let mut headers = self.us.begin(via, &self.them, number, method);
        let strict = self.routes.first().and_then(|first| {
            let uri = first.uri.as_sip()?;
            uri.params.get("lr").is_none().then(|| uri.for_request())
        });
        let skipped = usize::from(strict.is_some());
        for route in self.routes.iter().skip(skipped) {
            headers.push("Route", &route.to_string());
        }
        let uri = match strict {
            // A strict router wants its own URI in the request, and the target as last route.
            Some(router) => {
                headers.push("Route", &format!("<{}>", self.target));
                router
            }
            None => self.target.clone(),
        };
        Request {
            method,
            uri: AnyUri::Sip(uri),
            headers,
            body: Vec::new(),
        }
    }

    /// Where requests go: an address as it is, and behind a name whoever answered so far. The
    /// protocol is the one that the next hop names, or else the dialog's. A dialog by TLS stays
    /// with TLS and one in clear in clear: who wants it otherwise is found where it answered.
    pub(super) fn next_hop(&self) -> (Option<Protocol>, Flow) {
        let first = self.routes.first().and_then(|first| first.uri.as_sip());
        let hop = first.unwrap_or(&self.target);
        let spoken = self.reached.protocol;
        let name = hop.params.value("transport");
        let wants_tls = hop.secure || name.is_some_and(|name| name.eq_ignore_ascii_case("tls"));
        let named = name.and_then(Protocol::named).filter(|_| !wants_tls);
        let is_off = if spoken.is_tls() {
            named.is_some()
        } else {
            wants_tls
        };
        let remote = match &hop.host {
            Host::Address(address) if !address.is_unspecified() && !is_off => {
                let port = hop.port.unwrap_or_else(|| spoken.default_port());
                SocketAddr::new(*address, port)
            }
            Host::Address(_) | Host::Name(_) => self.reached.remote,
        };
        let named = named.filter(|_| !is_off);
        (
            named,
            Flow {
                remote,
                ..self.reached
            },
        )
    }

    /// The transport that the dialog speaks.
    pub(super) fn protocol(&self) -> Protocol {
        self.reached.protocol
    }

    /// Whether it is with the peer of that tag.
    pub(super) fn is_with(&self, tag: Option<&str>) -> bool {
        self.their_tag.as_deref() == tag
    }

    /// Whether the request belongs to this dialog (RFC 3261 §12.2.2).
    pub(super) fn is_of(&self, request: &Identity) -> bool {
        request.to_tag.as_ref() == Some(&self.us.tag) && request.from_tag == self.their_tag
    }

    /// Takes note of their request's number; false where a later one came already
    /// (RFC 3261 §12.2.2).
    pub(super) fn take_number(&mut self, number: u32) -> bool {
        let in_order = self.their_number.is_none_or(|latest| number >= latest);
        if in_order {
            self.their_number = Some(number);
        }
        in_order
    }

    /// Takes a new remote target from a request or a 2xx, where it has one (RFC 3261 §12.2).
    pub(super) fn refresh_target(&mut self, headers: &Headers) {
        if let Ok(target) = target(headers) {
            self.target = target;
        }
    }
}

fn target(headers: &Headers) -> Result<Uri, Error> {
    let contact = headers.contact()?.ok_or(Error::Missing("Contact"))?;
    let flaw = Flaw("it is no SIP URI that can be called");
    let uri = contact.uri.as_sip().ok_or(Error::Header {
        name: "Contact",
        flaw,
    })?;
    Ok(uri.for_request())
}

fn route_set(headers: &Headers) -> Vec<NameAddr> {
    let mut routes = headers.record_route().unwrap_or_default();
    routes.retain(|route| route.uri.as_sip().is_some());
    if routes.len() > ROUTES_MAX {
        routes.clear();
    }
    routes
}

#[cfg(test)]
mod tests {
    use super::super::testing::tls;
    use super::*;

    fn headers(list: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::default();
        for (name, value) in list {
            headers.push(name, value);
        }
        headers
    }

    fn us() -> Us {
        Us {
            call_id: "c1".to_owned(),
            address: "<sip:us@192.0.2.1>;tag=u".to_owned(),
            tag: "u".to_owned(),
        }
    }

    fn reached() -> Flow {
        Flow {
            protocol: Protocol::Udp,
            remote: "192.0.2.2:5060".parse().unwrap(),
        }
    }

    fn caller(more: &[(&str, &str)]) -> Dialog {
        let mut response = headers(&[
            ("Via", "SIP/2.0/UDP a;branch=z9hG4bK1"),
            ("From", "<sip:us@192.0.2.1>;tag=u"),
            ("To", "<sip:rec@192.0.2.2>;tag=r"),
            ("Call-ID", "c1"),
            ("CSeq", "1 INVITE"),
        ]);
        for (name, value) in more {
            response.push(name, value);
        }
        let called = Uri::parse("sip:rec@192.0.2.2").unwrap();
        Dialog::of_caller(us(), (1, &called), &response, reached())
    }

    fn shown(dialog: &Dialog) -> (String, Vec<String>) {
        let request = dialog.request(Method::Bye, 2, "SIP/2.0/UDP a;branch=z9hG4bK2");
        let routes = request.headers.all("Route").map(str::to_owned).collect();
        (request.uri.to_string(), routes)
    }

    #[test]
    fn a_request_repeats_the_tags_and_counts_up() {
        let mut dialog = caller(&[("Contact", "<sip:rec@192.0.2.3:5070;method=INVITE?a=b>")]);
        assert_eq!(dialog.next_number(), 2);
        let request = dialog.request(Method::Bye, 2, "SIP/2.0/UDP a;branch=z9hG4bK2");
        assert_eq!(request.uri.to_string(), "sip:rec@192.0.2.3:5070");
        assert_eq!(request.headers.get("To"), Some("<sip:rec@192.0.2.2>;tag=r"));
        assert_eq!(
            request.headers.get("From"),
            Some("<sip:us@192.0.2.1>;tag=u")
        );
        assert_eq!(request.headers.get("CSeq"), Some("2 BYE"));
        let (named, hop) = dialog.next_hop();
        assert_eq!(
            (named, hop.remote.to_string().as_str()),
            (None, "192.0.2.3:5070")
        );
    }

    #[test]
    fn loose_routers_are_listed_and_come_first() {
        let dialog = caller(&[
            (
                "Record-Route",
                "<sip:192.0.2.8;lr;transport=tcp>, <sip:p2.example;lr>",
            ),
            ("Contact", "<sip:rec@192.0.2.3>"),
        ]);
        let routes = ["<sip:p2.example;lr>", "<sip:192.0.2.8;lr;transport=tcp>"];
        assert_eq!(
            shown(&dialog),
            (
                "sip:rec@192.0.2.3".to_owned(),
                routes.map(str::to_owned).into()
            )
        );
        assert_eq!(dialog.next_hop(), (None, reached()));
    }

    #[test]
    fn a_strict_router_gets_its_own_uri_and_the_target_last() {
        let dialog = caller(&[
            (
                "Record-Route",
                "<sip:p2.example;lr>, <sip:192.0.2.8;method=BYE>",
            ),
            ("Contact", "<sip:rec@192.0.2.3>"),
        ]);
        let routes = ["<sip:p2.example;lr>", "<sip:rec@192.0.2.3>"];
        assert_eq!(
            shown(&dialog),
            ("sip:192.0.2.8".to_owned(), routes.map(str::to_owned).into())
        );
        assert_eq!(dialog.next_hop().1.remote.to_string(), "192.0.2.8:5060");
    }

    #[test]
    fn the_called_side_keeps_the_order_of_the_routes() {
        let mut invite = headers(&[
            ("Via", "SIP/2.0/UDP a;branch=z9hG4bK1"),
            ("From", "<sip:them@h>;tag=t"),
            ("To", "<sip:us@h>"),
            ("Call-ID", "c1"),
            ("CSeq", "7 INVITE"),
            ("Record-Route", "<sip:p1;lr>, <sip:p2;lr>"),
        ]);
        assert!(Dialog::of_called(us(), &invite, reached()).is_err());
        invite.push("Contact", "<sip:them@192.0.2.7;transport=TCP>");
        let mut dialog = Dialog::of_called(us(), &invite, reached()).unwrap();
        let routes = ["<sip:p1;lr>", "<sip:p2;lr>"].map(str::to_owned);
        assert_eq!(
            shown(&dialog),
            ("sip:them@192.0.2.7;transport=TCP".to_owned(), routes.into())
        );
        assert!(!dialog.take_number(6));
        assert!(dialog.take_number(7));
        assert!(dialog.take_number(9));
        assert!(!dialog.take_number(8));
    }

    #[test]
    fn an_unusable_contact_changes_no_target() {
        let mut dialog = caller(&[("Contact", "<sip:0.0.0.0:5070;transport=tcp>")]);
        let tcp = Some(Protocol::Tcp);
        assert_eq!(dialog.next_hop(), (tcp, reached()));
        dialog.refresh_target(&headers(&[("Contact", "*")]));
        dialog.refresh_target(&headers(&[("Contact", "<tel:+1000>")]));
        assert_eq!(dialog.next_hop(), (tcp, reached()));
        dialog.refresh_target(&headers(&[("Contact", "<sip:192.0.2.5>")]));
        assert_eq!(dialog.next_hop().1.remote.to_string(), "192.0.2.5:5060");
    }

    #[test]
    fn a_dialog_stays_with_tls_or_in_clear() {
        let hop = |reached: Flow, contact: &str| {
            let response = headers(&[("To", "<sip:rec@192.0.2.2>;tag=r"), ("Contact", contact)]);
            let called = Uri::parse("sip:rec@192.0.2.2").unwrap();
            let dialog = Dialog::of_caller(us(), (1, &called), &response, reached);
            let (named, hop) = dialog.next_hop();
            (named, hop.remote.to_string())
        };
        let (there, here) = ("192.0.2.3:5061".to_owned(), "192.0.2.2:5061".to_owned());
        for contact in [
            "<sip:192.0.2.3>",
            "<sip:192.0.2.3;transport=TLS>",
            "<sips:192.0.2.3;transport=tcp>",
        ] {
            assert_eq!(hop(tls(), contact), (None, there.clone()), "{contact}");
        }
        assert_eq!(hop(tls(), "<sip:192.0.2.3;transport=tcp>"), (None, here));
        let here = reached().remote.to_string();
        assert_eq!(hop(reached(), "<sips:192.0.2.3>"), (None, here.clone()));
        assert_eq!(
            hop(reached(), "<sip:192.0.2.3:5061;transport=tls>"),
            (None, here)
        );
    }

    #[test]
    fn endless_route_sets_are_not_believed() {
        let endless = vec!["<sip:p;lr>"; ROUTES_MAX + 1].join(",");
        let dialog = caller(&[
            ("Record-Route", &endless),
            ("Contact", "<sip:rec@192.0.2.3>"),
        ]);
        assert_eq!(shown(&dialog), ("sip:rec@192.0.2.3".to_owned(), Vec::new()));
    }
}
