//! What files can be wrong with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

use super::pki::Pki;
use super::world::Side;

const RECORDER: &str = "\"sips:rec@srs.example\"";

#[test]
fn everything_that_is_wrong_with_files_is_told_at_once() {
    let pki = Pki::new();
    let authority = pki.authority("authority");
    let (one, two) = (
        pki.issue(&authority, "one", &["DNS:a"]),
        pki.issue(&authority, "two", &["DNS:b"]),
    );
    let nonsense = pki.write("nonsense.pem", "-----BEGIN CERTIFICATE-----\n");
    let nothing = pki.write("nothing.pem", "");
    let gone = pki.path("gone.pem");
    let mut side = Side::client("", &[]);
    let tls = format!("authorities = [{nonsense:?}]\nrevocation_lists = [{gone:?}]\n");
    let mixed = format!(
        "{RECORDER}\ntls.authorities = [{nothing:?}]\ntls.certificate = {:?}\ntls.key = {:?}",
        one.certificate, two.key
    );
    let told = side.renew(&tls, &[RECORDER, &mixed]).unwrap_err();
    let lines = [
        format!(
            "tls.revocation_lists: {}: it cannot be read: No such file or directory (os error 2)",
            gone.display()
        ),
        format!(
            "tls.authorities: {}: a section does not end: it must be PEM with BEGIN CERTIFICATE",
            nonsense.display()
        ),
        format!(
            "recorder r1: tls.authorities: {}: it holds no certificate: it must be PEM with BEGIN \
             CERTIFICATE",
            nothing.display()
        ),
        "recorder r1: tls.key: it is not the key of recorder r1: tls.certificate: name the files \
         that belong together"
            .to_owned(),
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), lines);
}

#[test]
fn a_key_that_others_can_read_is_refused_and_none_is_ever_shown() {
    let pki = Pki::new();
    let authority = pki.authority("authority");
    let ours = pki.issue(&authority, "src", &["DNS:src.example"]);
    let tls = format!("authorities = [{:?}]\n{}", authority.file, ours.toml());
    fs::set_permissions(&ours.key, fs::Permissions::from_mode(0o640)).unwrap();
    let mut side = Side::client("", &[]);
    let (shown, told) = (ours.key.display(), side.renew(&tls, &[RECORDER]));
    assert_eq!(
        told.unwrap_err(),
        format!(
            "tls.key: {shown}: others than its owner can read or write the key: chmod 600 {shown}"
        )
    );
    fs::set_permissions(&ours.key, fs::Permissions::from_mode(0o400)).unwrap();
    side.renew(&tls, &[RECORDER]).unwrap();

    let text = fs::read_to_string(&ours.key).unwrap();
    let broken = text.replace("PRIVATE KEY-----", "PUBLIC KEY-----");
    fs::remove_file(&ours.key).unwrap();
    pki.write("src.key", &broken);
    let told = side.renew(&tls, &[RECORDER]).unwrap_err();
    assert_eq!(
        told,
        format!(
            "tls.key: {shown}: there is nothing in it that is looked for: it must hold one \
             unencrypted PRIVATE KEY in PEM"
        )
    );
    let secret = PrivateKeyDer::from_pem_slice(text.as_bytes()).unwrap();
    let bytes = format!("{:?}", &secret.secret_der()[..16]);
    let debug = format!("{:?}", side.transport);
    assert!(!debug.contains(bytes.trim_matches(['[', ']'])), "{debug}");
    for line in text.lines().filter(|line| !line.starts_with('-')) {
        assert!(!debug.contains(line) && !told.contains(line));
    }
}
