//! Recorders' credentials: one file each, which only the service may read.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::OFlag;
use nix::unistd::geteuid;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::control::request::Name;
use crate::sip::digest::Credentials;

/// Why a recorder's credentials are not used. Nothing of the file's content is ever told.
#[derive(Debug, thiserror::Error)]
#[error("recorder {recorder}: credentials: {}: {flaw}", path.display())]
pub struct CredentialsError {
    recorder: Name,
    path: PathBuf,
    flaw: Flaw,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Flaw {
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("it is no regular file")]
    NoFile,
    #[error("it belongs to user {owner}, who can read it: chown it to user {ours}")]
    Foreign { owner: u32, ours: u32 },
    #[error("others can read it (mode {:04o}): chmod 600 {}", mode, path.display())]
    Open { mode: u32, path: PathBuf },
    #[error("it has more than {LIMIT} bytes")]
    TooLong,
    #[error(
        "line {0} is not understood: write user = \"…\", password = \"…\" and, if you wish, \
         realm = \"…\""
    )]
    Malformed(usize),
    #[error("user or password is missing or empty: write user = \"…\" and password = \"…\"")]
    Incomplete,
}

/// What stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    realm: Option<String>,
}

/// The longest file, in bytes.
const LIMIT: usize = 4096;

/// The credentials of every recorder, in the order of the configuration.
///
/// # Errors
/// The first file that cannot be used, and what to do about it.
pub fn load(config: &Config) -> Result<Vec<Option<Arc<Credentials>>>, CredentialsError> {
    let of = |recorder: &crate::config::Recorder| {
        let Some(path) = &recorder.credentials else {
            return Ok(None);
        };
        let credentials = read(path).map_err(|flaw| CredentialsError {
            recorder: recorder.id.clone(),
            path: path.clone(),
            flaw,
        })?;
        Ok(Some(Arc::new(credentials)))
    };
    config.recorders.iter().map(of).collect()
}

fn read(path: &Path) -> Result<Credentials, Flaw> {
    let unreadable = |error: std::io::Error| Flaw::Unreadable(error.to_string());
    // A pipe must not hold us up.
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let mut file = options.open(path).map_err(unreadable)?;
    // What is open is what is looked at: nobody can exchange it meanwhile.
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Flaw::NoFile);
    }
    check_owner(metadata.uid(), geteuid().as_raw())?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        let path = path.to_owned();
        return Err(Flaw::Open { mode, path });
    }
    // Room for all of it from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LIMIT + 1));
    let mut limited = file.by_ref().take(LIMIT as u64 + 1);
    limited.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > LIMIT {
        return Err(Flaw::TooLong);
    }
    parse(&bytes)
}

/// The superuser can read everything in any case.
fn check_owner(owner: u32, ours: u32) -> Result<(), Flaw> {
    match owner == ours || owner == 0 {
        true => Ok(()),
        false => Err(Flaw::Foreign { owner, ours }),
    }
}

fn parse(bytes: &[u8]) -> Result<Credentials, Flaw> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = &bytes[..error.valid_up_to()];
        Flaw::Malformed(line_at(valid, valid.len()))
    })?;
    // The error's own words may quote a value.
    let file: File = toml::from_str(text).map_err(|error| {
        let place = error.span().map_or(0, |span| span.start);
        Flaw::Malformed(line_at(bytes, place))
    })?;
    if file.user.is_empty() || file.password.is_empty() {
        return Err(Flaw::Incomplete);
    }
    Ok(Credentials::new(file.user, file.password, file.realm))
}

fn line_at(bytes: &[u8], place: usize) -> usize {
    let before = bytes.iter().take(place);
    1 + before.filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const GOOD: &str = "user = \"anna\"\npassword = \"se\\\"cret\"\n";

    fn error(text: &str, mode: u32) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("west.toml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let config = format!(
            "[sip]\naddress = \"127.0.0.1:5060\"\n[media]\naddress = \"127.0.0.1\"\n\
             [[recorder]]\nid = \"west\"\nuri = \"sip:rec@192.0.2.1\"\ncredentials = {path:?}\n\
             [[recorder]]\nid = \"east\"\nuri = \"sip:rec@192.0.2.2\"\n"
        );
        match load(&Config::parse(&config).unwrap()) {
            Ok(list) => {
                assert!(list[0].is_some() && list[1].is_none());
                String::new()
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_file_that_only_we_can_read_is_used() {
        assert_eq!(error(GOOD, 0o600), "");
        assert_eq!(error(&format!("{GOOD}realm = \"srs\"\n"), 0o400), "");
        let credentials = parse(GOOD.as_bytes()).unwrap();
        let expected = Credentials::new("anna".to_owned(), "se\"cret".to_owned(), None);
        assert_eq!(credentials, expected);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        for mode in [0o640, 0o604, 0o660, 0o777] {
            let error = error(GOOD, mode);
            let remedy = format!("(mode {mode:04o}): chmod 600 /");
            assert!(
                error.starts_with("recorder west: credentials: /"),
                "{error}"
            );
            assert!(
                error.contains(&remedy) && error.ends_with("west.toml"),
                "{error}"
            );
        }
        assert_eq!(check_owner(0, 7), Ok(()));
        assert_eq!(check_owner(7, 7), Ok(()));
        let foreign = check_owner(8, 7).unwrap_err().to_string();
        assert!(
            foreign.contains("user 8") && foreign.contains("chown"),
            "{foreign}"
        );
    }

    #[test]
    fn the_server_does_not_start_with_a_file_that_others_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("west.toml");
        fs::write(&path, GOOD).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let config = format!(
            "[sip]\naddress = \"127.0.0.1:5060\"\n[media]\naddress = \"127.0.0.1\"\n\
             [[recorder]]\nid = \"west\"\nuri = \"sip:rec@192.0.2.1\"\ncredentials = {path:?}\n"
        );
        let config = Config::parse(&config).unwrap();
        let error = crate::event_loop::EventLoop::start(&config).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_told_without_what_is_in_it() {
        for (text, part) in [
            ("user = \"anna\"\npassword = \"secret\n", "line 2"),
            ("user = \"anna\"\n\npassword = 5512398\n", "line 3"),
            ("user = \"anna\"\npasswort = \"secret\"\n", "line 2"),
            ("user = \"anna\"\n", "missing or empty"),
            ("user = \"anna\"\npassword = \"\"", "missing or empty"),
        ] {
            let error = error(text, 0o600);
            assert!(error.contains(part), "{error}");
            for secret in ["anna", "secret", "5512398"] {
                assert!(!error.contains(secret), "{error}");
            }
        }
        assert!(error(&"#".repeat(5000), 0o600).contains("more than 4096"));
        assert_eq!(parse(b"user = \"a\"\n\xff"), Err(Flaw::Malformed(2)));
    }

    #[test]
    fn what_is_no_file_is_refused() {
        assert_eq!(read(Path::new("/dev/null")), Err(Flaw::NoFile));
        assert_eq!(read(Path::new("/")), Err(Flaw::NoFile));
        let missing = read(Path::new("/nowhere/at/all"));
        assert!(matches!(missing, Err(Flaw::Unreadable(_))));
    }
}
