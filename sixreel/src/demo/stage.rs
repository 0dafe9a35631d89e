//! Where the demonstration takes place: a folder, addresses of its own, configuration files.
//!
//! All of 127.0.0.0/8 is this machine, so that each demonstration can have a network to itself,
//! and everybody on it the usual ports.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use super::certificates::{Authority, certificate_of, key_of};

/// Everybody's SIP port,
const SIP_PORT: u16 = 5060;
/// and by TLS.
const SIPS_PORT: u16 = 5061;
/// Who the server is among the certificates.
const SERVER: &str = "sixreel";

/// A recorder of the demonstration, and how it is spoken to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recorder {
    pub(super) id: &'static str,
    /// Its place in the network.
    host: u8,
    transport: &'static str,
    /// How it is told the facts of the call.
    pub(super) info: &'static str,
    /// The codec that it picks.
    pub(super) codec: &'static str,
    /// The crypto suite that it takes, where its stream is protected.
    pub(super) suite: Option<&'static str>,
}

/// Each is served in its own way.
const RECORDERS: [Recorder; 3] = [
    Recorder {
        id: "west",
        host: 11,
        transport: "udp",
        info: "headers",
        codec: "PCMU",
        suite: None,
    },
    Recorder {
        id: "north",
        host: 12,
        transport: "tcp",
        info: "metadata",
        codec: "PCMA",
        suite: None,
    },
    Recorder {
        id: "south",
        host: 13,
        transport: "auto",
        info: "both",
        codec: "PCMU",
        suite: None,
    },
];

/// Each is spoken to by TLS and has a cipher of its own; one refuses the codec that comes first.
const SECURE: [Recorder; 6] = [
    secure("west", 11, "headers", "PCMU", "AES_CM_128_HMAC_SHA1_80"),
    secure("north", 12, "metadata", "PCMA", "AES_CM_128_HMAC_SHA1_32"),
    secure("south", 13, "both", "PCMU", "AES_256_CM_HMAC_SHA1_80"),
    secure("east", 14, "headers", "PCMU", "AES_256_CM_HMAC_SHA1_32"),
    secure("upper", 15, "metadata", "PCMU", "AEAD_AES_128_GCM"),
    secure("lower", 16, "both", "PCMU", "AEAD_AES_256_GCM"),
];

const fn secure(
    id: &'static str,
    host: u8,
    info: &'static str,
    codec: &'static str,
    suite: &'static str,
) -> Recorder {
    Recorder {
        id,
        host,
        transport: "tls",
        info,
        codec,
        suite: Some(suite),
    }
}

/// The place.
#[derive(Debug)]
pub(super) struct Stage {
    folder: PathBuf,
    /// The third byte of all addresses.
    network: u8,
    recorders: &'static [Recorder],
}

impl Stage {
    /// A place in `folder`, which is made, or emptied if an earlier demonstration took place there.
    pub(super) fn set_up(folder: &Path, secure: bool) -> Result<Self, String> {
        let stage = Self {
            folder: folder.to_owned(),
            network: free_network()?,
            recorders: if secure { &SECURE } else { &RECORDERS },
        };
        stage
            .clear()
            .and_then(|()| stage.furnish())
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(stage)
    }

    /// The recorders that take part.
    pub(super) const fn recorders(&self) -> &'static [Recorder] {
        self.recorders
    }

    /// Whether they are spoken to by TLS, and have their streams protected.
    pub(super) fn is_secure(&self) -> bool {
        self.recorders
            .iter()
            .any(|recorder| recorder.suite.is_some())
    }

    /// The control socket of the server.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// The configuration of the server.
    pub(super) fn config(&self) -> PathBuf {
        self.folder.join("sixreel.toml")
    }

    /// Where a program's messages are kept.
    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    /// Where a recorder keeps its recordings.
    pub(super) fn recordings(&self, recorder: &Recorder) -> PathBuf {
        self.folder.join(recorder.id)
    }

    /// Where a recorder is.
    pub(super) fn address(&self, recorder: &Recorder) -> SocketAddr {
        (self.ip(recorder.host), SIP_PORT).into()
    }

    /// Where the participants are.
    pub(super) fn participants(&self) -> IpAddr {
        self.ip(2)
    }

    /// What the recorder's command line says after `sixreel srs`.
    pub(super) fn arguments(&self, recorder: &Recorder) -> Vec<String> {
        let folder = self.recordings(recorder).display().to_string();
        let listen = self.address(recorder).to_string();
        let words = [
            "--listen",
            &listen,
            "--folder",
            &folder,
            "--codec",
            recorder.codec,
        ];
        let mut words: Vec<_> = words.map(str::to_owned).into();
        if let Some(suite) = recorder.suite {
            let path = |path: PathBuf| path.display().to_string();
            let folder = self.certificates();
            let address = SocketAddr::new(self.ip(recorder.host), SIPS_PORT);
            for (option, value) in [
                ("--tls-listen", address.to_string()),
                ("--certificate", path(certificate_of(&folder, recorder.id))),
                ("--key", path(key_of(&folder, recorder.id))),
                (
                    "--client-authorities",
                    path(certificate_of(&folder, "authority")),
                ),
                ("--suite", suite.to_owned()),
            ] {
                words.extend([option.to_owned(), value]);
            }
        }
        words
    }

    fn ip(&self, host: u8) -> IpAddr {
        Ipv4Addr::new(127, 6, self.network, host).into()
    }

    /// Removes what an earlier demonstration left, and nothing else.
    fn clear(&self) -> io::Result<()> {
        let is_ours = self.config().is_file();
        if self.folder.exists() && fs::read_dir(&self.folder)?.next().is_some() && !is_ours {
            return Err(io::Error::other(
                "it holds something else than a demonstration: choose another --folder",
            ));
        }
        if is_ours {
            fs::remove_dir_all(&self.folder)?;
        }
        Ok(())
    }

    fn furnish(&self) -> io::Result<()> {
        for recorder in self.recorders {
            fs::create_dir_all(self.recordings(recorder))?;
        }
        fs::write(self.config(), self.toml())?;
        if self.is_secure() {
            self.certify()?;
        }
        Ok(())
    }

    fn certify(&self) -> io::Result<()> {
        let folder = self.certificates();
        fs::create_dir_all(&folder)?;
        let authority = Authority::new(&folder)?;
        authority.issue(SERVER, self.ip(1))?;
        for recorder in self.recorders {
            authority.issue(recorder.id, self.ip(recorder.host))?;
        }
        Ok(())
    }

    fn certificates(&self) -> PathBuf {
        self.folder.join("certificates")
    }

    fn toml(&self) -> String {
        let (server, socket) = (self.ip(1), self.socket());
        let mut toml = format!(
            "[control]\nsocket = {socket:?}\n\n[sip]\naddress = \"{server}:{SIP_PORT}\"\n\n\
             [media]\naddress = \"{server}\"\nports = \"20000-20199\"\n"
        );
        if self.is_secure() {
            let folder = self.certificates();
            let [authority, certificate, key] = [
                certificate_of(&folder, "authority"),
                certificate_of(&folder, SERVER),
                key_of(&folder, SERVER),
            ];
            toml.push_str(&format!(
                "\n[tls]\nauthorities = [{authority:?}]\ncertificate = {certificate:?}\n\
                 key = {key:?}\n"
            ));
        }
        for recorder in self.recorders {
            let Recorder {
                id,
                transport,
                info,
                ..
            } = recorder;
            let port = if recorder.suite.is_some() {
                SIPS_PORT
            } else {
                SIP_PORT
            };
            let address = SocketAddr::new(self.ip(recorder.host), port);
            toml.push_str(&format!(
                "\n[[recorder]]\nid = \"{id}\"\nuri = \"sip:recorder@{address}\"\n\
                 transport = \"{transport}\"\ninfo = \"{info}\"\n"
            ));
            if recorder.suite.is_some() {
                let suites = self.recorders.iter().filter_map(|other| other.suite);
                let suites: Vec<_> = suites.collect();
                toml.push_str(&format!("srtp = \"required\"\nsrtp_suites = {suites:?}\n"));
            }
        }
        toml
    }
}

/// A network whose addresses nobody uses for SIP.
fn free_network() -> Result<u8, String> {
    let hosts = || SECURE.iter().map(|recorder| recorder.host).chain([1]);
    let is_free = |network: &u8| {
        hosts().all(|host| {
            let address = (Ipv4Addr::new(127, 6, *network, host), SIP_PORT);
            UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok()
        })
    };
    (1..=250).find(is_free).ok_or_else(|| {
        "port 5060 is taken at every address of this machine: \
         end the program that listens at 0.0.0.0:5060"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use sixreel_controlplane::config::{Config, Srtp};

    use super::*;

    #[test]
    fn the_configuration_is_one_and_the_folder_is_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("demo");
        for _ in 0..2 {
            let stage = Stage::set_up(&folder, false).unwrap();
            let toml = fs::read_to_string(stage.config()).unwrap();
            assert_eq!(Config::parse(&toml).unwrap().recorders.len(), 3);
            fs::write(stage.recordings(&RECORDERS[0]).join("old.wav"), "").unwrap();
        }
        let stage = Stage::set_up(&folder, true).unwrap();
        let toml = fs::read_to_string(stage.config()).unwrap();
        let recorders = Config::parse(&toml).unwrap().recorders;
        assert_eq!(recorders.len(), 6);
        assert!(
            recorders
                .iter()
                .all(|one| one.offers_srtp() == Srtp::Required)
        );
        assert!(key_of(&stage.certificates(), "lower").exists());
        assert!(!stage.recordings(&RECORDERS[0]).join("old.wav").exists());
    }

    #[test]
    fn what_belongs_to_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("letter.txt"), "dear").unwrap();
        let error = Stage::set_up(folder.path(), false).unwrap_err();
        assert!(error.contains("choose another --folder"), "{error}");
        assert!(folder.path().join("letter.txt").exists());
    }
}
