//! The INVITE of each profile.

use rsip::Method;

use super::world::{World, has_headers, has_type, metadata, offer};
use crate::sip::message::Request;

fn invite(lines: &str) -> Request {
    World::new(lines).sent(Method::Invite)
}

#[test]
fn as_the_rfcs_have_it() {
    let invite = invite("");
    let headers = &invite.headers;
    assert_eq!(headers.get("Require"), Some("siprec"));
    assert!(headers.lists("Allow", "UPDATE") && headers.lists("Supported", "100rel"));
    assert!(headers.lists("Accept", "application/rs-metadata+xml"));
    assert!(has_type(&invite, "application/rs-metadata+xml") && has_headers(&invite));
    assert!(
        metadata(&invite)
            .unwrap()
            .contains("AQEBAQEBAQEBAQEBAQEBAQ==")
    );
    assert!(offer(&invite).contains("a=rtcp-mux"));
}

#[test]
fn as_the_interface_of_2017_has_it() {
    let invite = invite("profile = \"controlone-2017\"");
    let headers = &invite.headers;
    assert_eq!(headers.get("Require"), Some("siprec"));
    assert_eq!(headers.get("Allow"), Some("INVITE, ACK, CANCEL, BYE"));
    let accept = "application/sdp, application/rs-metadata";
    assert_eq!(headers.get("Accept"), Some(accept));
    assert!(!headers.lists("Supported", "100rel"));
    assert!(has_type(&invite, "application/rs-metadata") && has_headers(&invite));
    let told = metadata(&invite).unwrap();
    assert!(
        told.contains("01010101-0101-0101-0101-010101010101"),
        "{told}"
    );
    assert!(!offer(&invite).contains("rtcp-mux"));
}

#[test]
fn as_plain_sip_has_it() {
    let invite = invite("profile = \"plain-sip\"");
    let headers = &invite.headers;
    assert_eq!(headers.get("Require"), None);
    assert_eq!(headers.get("Accept"), Some("application/sdp"));
    assert_eq!(headers.media_type().as_deref(), Some("application/sdp"));
    assert!(has_headers(&invite));
}

#[test]
fn each_quirk_alone() {
    let invite = invite(
        "profile = \"controlone-2017\"\nid_format = \"base64\"\nlabel = \"10\"\n\
         telephone_event = false\nheader_prefix = \"X-Call-\"\nheaders = { X-Site = \"north\" }",
    );
    assert!(
        metadata(&invite)
            .unwrap()
            .contains("AQEBAQEBAQEBAQEBAQEBAQ==")
    );
    assert!(metadata(&invite).unwrap().contains("<label>10</label>"));
    let offer = offer(&invite);
    assert!(
        offer.contains("a=label:10") && offer.contains("RTP/AVP 0 8\r\n"),
        "{offer}"
    );
    assert_eq!(invite.headers.get("X-Call-CallID"), Some("1973499061"));
    assert_eq!(invite.headers.get("X-Site"), Some("north"));
}
