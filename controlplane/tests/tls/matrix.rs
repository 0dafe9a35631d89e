//! Whom we believe, and what an operator reads where we do not.

use std::path::PathBuf;

use super::pki::{Identity, LATER, Pki};
use super::world::{Side, request, to, until};

/// What a client is told that calls a recorder with that certificate; nothing where all is well.
fn call(tls: &str, recorder: &str, theirs: &Identity, clients: &[PathBuf]) -> Option<String> {
    let mut us = Side::client(tls, &[recorder]);
    let mut them = Side::recorder(theirs, clients);
    talk(&mut us, &mut them)
}

/// Asks and is answered, or learns why not.
fn talk(us: &mut Side, them: &mut Side) -> Option<String> {
    let flow = to(0, them.address());
    us.send(flow, &request("ask", "h.example"));
    until(&mut [us, them], |sides| {
        !sides[0].troubles().is_empty() || !sides[1].messages().is_empty()
    });
    if let Some((back, _)) = them.messages().first() {
        them.send(*back, &request("answer", "h.example"));
        until(&mut [us, them], |sides| {
            !sides[0].troubles().is_empty() || !sides[0].messages().is_empty()
        });
        if let Some((by, call_id)) = us.messages().first() {
            assert_eq!((*by, call_id.as_str()), (flow, "answer"));
        }
    }
    us.troubles().first().cloned()
}

fn trusting(file: &std::path::Path) -> String {
    format!("authorities = [{file:?}]\n")
}

const DOMAIN: &str = "\"sips:rec@srs.example\"";

#[test]
fn the_right_certificate_is_believed_by_its_uri_its_host_name_or_its_address() {
    let pki = Pki::new();
    let authority = pki.authority("authority");
    for (number, (recorder, names)) in [
        (DOMAIN, &["URI:sip:srs.example"][..]),
        (DOMAIN, &["URI:SIP:SRS.example", "DNS:other.example"]),
        (DOMAIN, &["DNS:srs.example"]),
        // Who is named with a user is no domain (RFC 5922 §7.1).
        (DOMAIN, &["URI:sip:rec@other.example", "DNS:srs.example"]),
        ("\"sip:rec@192.0.2.7;transport=tls\"", &["IP:192.0.2.7"]),
        ("\"sips:rec@[2001:db8::7]\"", &["IP:2001:db8::7"]),
        (
            "\"sips:rec@192.0.2.7\"\ntls.server_name = \"srs.example\"",
            &["DNS:srs.example"],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let theirs = pki.issue(&authority, &format!("srs{number}"), names);
        let told = call(&trusting(&authority.file), recorder, &theirs, &[]);
        assert_eq!(told, None, "{recorder} {names:?}");
    }
}

#[test]
fn the_wrong_name_is_refused() {
    let pki = Pki::new();
    let authority = pki.authority("authority");
    for (number, (names, shown, more)) in [
        (&["DNS:other.example"][..], "DNS:other.example", ""),
        // A URI that names another domain makes host names count for nothing (RFC 5922 §7.1).
        (
            &["URI:sip:other.example", "DNS:srs.example"],
            "URI:sip:other.example, DNS:srs.example",
            "",
        ),
        (
            &["DNS:*.example"],
            "DNS:*.example",
            " (in SIP, a wildcard stands for nothing: RFC 5922 §7.2)",
        ),
        (&[], "nobody (it has no subjectAltName)", ""),
        (&["IP:192.0.2.8"], "IP:192.0.2.8", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let theirs = pki.issue(&authority, &format!("srs{number}"), names);
        let told = call(&trusting(&authority.file), DOMAIN, &theirs, &[]).unwrap();
        assert_eq!(
            told,
            format!(
                "the recorder's certificate is for {shown}, and not for srs.example{more}: have \
                 it issued for srs.example, or set the recorder's tls.server_name to the name that \
                 it must have"
            )
        );
    }
}

#[test]
fn an_expired_certificate_is_refused_and_so_is_one_of_tomorrow() {
    let pki = Pki::new();
    let authority = pki.authority("authority");
    let theirs = pki.issue(&authority, "srs", &["DNS:srs.example"]);
    let at = |wall| {
        let mut us = Side::client(&trusting(&authority.file), &[DOMAIN]);
        us.clock.set(wall);
        talk(&mut us, &mut Side::recorder(&theirs, &[]))
    };
    assert_eq!(
        at(LATER).unwrap(),
        "the recorder's certificate, or that of an authority above it, has expired at \
         2026-12-31T00:00:00.000Z: have it renewed"
    );
    assert_eq!(
        at(sixreel_controlplane::time::Wall(0)).unwrap(),
        "the recorder's certificate is not valid before 2026-01-01T00:00:00.000Z: see whether the \
         clocks of both machines are right"
    );
}

#[test]
fn a_revoked_certificate_is_refused_and_its_sister_is_not() {
    let pki = Pki::new();
    let authority = pki.authority("authority");
    let theirs = pki.issue(&authority, "srs", &["DNS:srs.example"]);
    let list = pki.revoke(&authority, "srs");
    let tls = format!(
        "{}revocation_lists = [{list:?}]\n",
        trusting(&authority.file)
    );
    assert_eq!(
        call(&tls, DOMAIN, &theirs, &[]).unwrap(),
        "the recorder's certificate, or that of an authority above it, is revoked by a list of \
         tls.revocation_lists: have a new one issued"
    );
    let sister = pki.issue(&authority, "sister", &["DNS:srs.example"]);
    assert_eq!(call(&tls, DOMAIN, &sister, &[]), None);
    // An authority without a list has revoked nothing.
    let other = pki.authority("other");
    let theirs = pki.issue(&other, "srs2", &["DNS:srs.example"]);
    let tls = format!("{}revocation_lists = [{list:?}]\n", trusting(&other.file));
    assert_eq!(call(&tls, DOMAIN, &theirs, &[]), None);
}

#[test]
fn who_is_vouched_for_by_a_stranger_is_refused() {
    let pki = Pki::new();
    let (authority, stranger) = (pki.authority("authority"), pki.authority("stranger"));
    let theirs = pki.issue(&stranger, "srs", &["DNS:srs.example"]);
    let told = call(&trusting(&authority.file), DOMAIN, &theirs, &[]).unwrap();
    assert_eq!(
        told,
        "the recorder's certificate is vouched for by \"CN=stranger\", whom we do not believe: \
         where that is right, add that authority's certificate to tls.authorities"
    );
    // For one recorder, others may be believed than for the rest.
    let recorder = format!("{DOMAIN}\ntls.authorities = [{:?}]", stranger.file);
    assert_eq!(
        call(&trusting(&authority.file), &recorder, &theirs, &[]),
        None
    );
    let both = format!(
        "authorities = [{:?}, {:?}]\n",
        authority.file, stranger.file
    );
    assert_eq!(call(&both, DOMAIN, &theirs, &[]), None);
}

#[test]
fn who_vouches_for_itself_is_refused() {
    let pki = Pki::new();
    let authority = pki.authority("authority");
    for (name, is_ca) in [("srs1", false), ("srs2", true)] {
        let theirs = pki.self_signed(name, &["DNS:srs.example"], is_ca);
        let told = call(&trusting(&authority.file), DOMAIN, &theirs, &[]).unwrap();
        assert_eq!(
            told,
            "the recorder's certificate is signed by itself, so nobody vouches for it: have an \
             authority issue one that is no authority's own (basicConstraints CA:FALSE), and add \
             that authority's certificate to tls.authorities"
        );
    }
}

#[test]
fn who_is_not_verified_is_believed_whatever_it_shows() {
    let pki = Pki::new();
    let theirs = pki.self_signed("srs", &["DNS:other.example"], true);
    let recorder = format!("{DOMAIN}\ntls.verify = false");
    assert_eq!(call("", &recorder, &theirs, &[]), None);
}

#[test]
fn a_recorder_can_want_our_certificate() {
    let pki = Pki::new();
    let (authority, stranger) = (pki.authority("authority"), pki.authority("stranger"));
    let theirs = pki.issue(&authority, "srs", &["DNS:srs.example"]);
    let clients = [authority.file.clone()];
    let trusting = trusting(&authority.file);
    assert_eq!(
        call(&trusting, DOMAIN, &theirs, &clients).unwrap(),
        "the recorder wants our certificate, and we have none for it: set tls.certificate and \
         tls.key"
    );
    let ours = pki.issue(&authority, "src", &["DNS:src.example"]);
    let with_ours = format!("{trusting}{}", ours.toml());
    assert_eq!(call(&with_ours, DOMAIN, &theirs, &clients), None);
    let foreign = pki.issue(&stranger, "foreign", &["DNS:src.example"]);
    let with_foreign = format!("{trusting}{}", foreign.toml());
    assert_eq!(
        call(&with_foreign, DOMAIN, &theirs, &clients).unwrap(),
        "the recorder does not believe who issued our certificate: have that authority added \
         there, or set tls.certificate to a certificate that it believes"
    );
    // One recorder may know us by another certificate.
    let (certificate, key) = ours.files();
    let recorder = format!("{DOMAIN}\ntls.certificate = {certificate:?}\ntls.key = {key:?}");
    assert_eq!(call(&with_foreign, &recorder, &theirs, &clients), None);
}
