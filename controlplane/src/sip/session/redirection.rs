//! Where a redirection leads (RFC 3261 §8.1.3.4).

use std::net::SocketAddr;

use super::calling::Plan;
use super::{Session, Stage};
use crate::sip::flow::Protocol;
use crate::sip::host::Host;
use crate::sip::message::Response;
use crate::sip::name_addr::NameAddr;
use crate::sip::uri::Uri;

/// As many redirections are followed.
const REDIRECTIONS_MAX: usize = 5;

impl Session {
    /// Turns to the best place that a 3xx names and that was not tried; false where there is none.
    /// The policy stays what it was: no redirection makes a transport less secure.
    pub(super) fn redirect(&mut self, response: &Response) -> bool {
        let Stage::Calling(calling) = &mut self.stage else {
            return false;
        };
        if calling.left.len() == REDIRECTIONS_MAX {
            return false;
        }
        let mut contacts = response.headers.contacts().unwrap_or_default();
        contacts.sort_by_key(|contact| std::cmp::Reverse(preference(contact)));
        let (plan, protocol) = (&calling.plan, self.way.usual());
        let found = contacts.iter().find_map(|contact| {
            let uri = contact.uri.as_sip()?.for_request();
            let is_new = uri != plan.uri && !calling.left.contains(&uri);
            let remote = remote(&uri, plan, protocol)?;
            is_new.then_some((uri, remote))
        });
        let Some((uri, remote)) = found else {
            return false;
        };
        calling.plan.remote = remote;
        let before = std::mem::replace(&mut calling.plan.uri, uri);
        calling.left.push(before);
        true
    }
}

/// The address behind a URI, where it is known without asking anybody: an address, or the host
/// that was called. A recorder must not send us looking for names of its choice.
fn remote(uri: &Uri, plan: &Plan, usual: Protocol) -> Option<SocketAddr> {
    // RFC 3261 §8.1.3.4: who called a SIPS URI is not led to another. What is called in clear stays
    // so: whom to believe by TLS is the site's to say.
    let fits = if uri.secure {
        usual.is_tls()
    } else {
        !plan.uri.secure
    };
    if !fits {
        return None;
    }
    let port = uri.port.unwrap_or_else(|| usual.default_port());
    let ip = match (&uri.host, &plan.uri.host) {
        (Host::Address(ip), _) => *ip,
        (Host::Name(name), Host::Name(called)) if name.eq_ignore_ascii_case(called) => {
            plan.remote.ip()
        }
        (Host::Name(_), _) => return None,
    };
    let usable = !ip.is_unspecified() && !ip.is_multicast();
    let reachable = ip.is_ipv4() == plan.remote.is_ipv4();
    (usable && reachable).then(|| SocketAddr::new(ip, port))
}

/// `q`, in thousandths; 1 where it is absent (RFC 3261 §20.10).
fn preference(contact: &NameAddr) -> u32 {
    let Some(q) = contact.params.value("q") else {
        return 1000;
    };
    let (whole, fraction) = q.split_once('.').unwrap_or((q, ""));
    let digits = format!("{whole}{fraction:0<3}");
    digits
        .get(..4)
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read_and_nonsense_comes_last() {
        let preference = |q: &str| {
            let contact = format!("<sip:a@192.0.2.1>;q={q}");
            preference(&NameAddr::parse(&contact).unwrap())
        };
        assert_eq!(
            ["0.7", "1", "1.000", ".5", "x"].map(preference),
            [700, 1000, 1000, 0, 0]
        );
        assert_eq!(
            super::preference(&NameAddr::parse("<sip:a@b>").unwrap()),
            1000
        );
    }
}
