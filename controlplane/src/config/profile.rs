//! What recorders are like: a profile sets every quirk, and each can be set alone.

use serde::Deserialize;

use super::{IdFormat, InfoForm, MetadataType, Recorder, RequireSiprec, is_token_byte};

/// A kind of recorder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Profile {
    /// A session recording server as RFC 7865, 7866 and 9806 have it.
    #[default]
    #[serde(rename = "rfc")]
    Rfc,
    /// As the ControlONE interface of 2017 shows it.
    #[serde(rename = "controlone-2017")]
    ControlOne2017,
    /// A recorder of plain SIP, which knows nothing of SIPREC.
    #[serde(rename = "plain-sip")]
    PlainSip,
}

/// Everything in which recorders differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quirks {
    pub info: InfoForm,
    pub metadata_type: MetadataType,
    pub id_format: IdFormat,
    pub without_metadata: bool,
    pub header_prefix: String,
    pub label: String,
    pub require_siprec: RequireSiprec,
    pub allow: Vec<String>,
    pub accept: Vec<String>,
    pub reliable_provisional: bool,
    pub telephone_event: bool,
    pub rtcp_mux: bool,
    pub csrc: bool,
}

/// A quirk as it is in force, and what set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// As the configuration names it.
    pub name: &'static str,
    /// As the configuration spells it.
    pub value: String,
    /// The profile, where the recorder's own part of the configuration says nothing.
    pub by: Option<Profile>,
}

/// The methods that we answer.
const METHODS: [&str; 6] = ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE"];
/// The methods that every INVITE session needs.
const METHODS_MIN: usize = 4;

impl Profile {
    /// As the configuration spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rfc => "rfc",
            Self::ControlOne2017 => "controlone-2017",
            Self::PlainSip => "plain-sip",
        }
    }

    fn quirks(self) -> Quirks {
        let rfc = Quirks {
            info: InfoForm::Both,
            metadata_type: MetadataType::RsMetadataXml,
            id_format: IdFormat::Base64,
            // RFC 7866 §9.1 demands metadata. A recorder that has refused it gets none in any
            // case, and what can be recorded is recorded.
            without_metadata: true,
            header_prefix: "X-ControlONE-Info-".to_owned(),
            label: "1".to_owned(),
            require_siprec: RequireSiprec::Always,
            allow: METHODS.map(str::to_owned).into(),
            accept: list(&[
                "application/sdp",
                "application/rs-metadata+xml",
                "application/rs-metadata",
            ]),
            reliable_provisional: true,
            telephone_event: true,
            rtcp_mux: true,
            csrc: true,
        };
        match self {
            Self::Rfc => rfc,
            Self::ControlOne2017 => Quirks {
                metadata_type: MetadataType::RsMetadata,
                id_format: IdFormat::Uuid,
                require_siprec: RequireSiprec::UntilRefused,
                allow: list(&METHODS[..METHODS_MIN]),
                accept: list(&["application/sdp", "application/rs-metadata"]),
                reliable_provisional: false,
                rtcp_mux: false,
                ..rfc
            },
            Self::PlainSip => Quirks {
                info: InfoForm::Headers,
                require_siprec: RequireSiprec::Never,
                accept: list(&["application/sdp"]),
                reliable_provisional: false,
                rtcp_mux: false,
                csrc: false,
                ..rfc
            },
        }
    }
}

impl Recorder {
    /// What is in force: what is set here, and the profile's for the rest.
    pub fn quirks(&self) -> Quirks {
        let preset = self.profile.quirks();
        Quirks {
            info: self.info.unwrap_or(preset.info),
            metadata_type: self.metadata_type.unwrap_or(preset.metadata_type),
            id_format: self.id_format.unwrap_or(preset.id_format),
            without_metadata: self.without_metadata.unwrap_or(preset.without_metadata),
            header_prefix: self.header_prefix.clone().unwrap_or(preset.header_prefix),
            label: self.label.clone().unwrap_or(preset.label),
            require_siprec: self.require_siprec.unwrap_or(preset.require_siprec),
            allow: self.allow.clone().unwrap_or(preset.allow),
            accept: self.accept.clone().unwrap_or(preset.accept),
            reliable_provisional: self
                .reliable_provisional
                .unwrap_or(preset.reliable_provisional),
            telephone_event: self.telephone_event.unwrap_or(preset.telephone_event),
            rtcp_mux: self.rtcp_mux.unwrap_or(preset.rtcp_mux),
            csrc: self.csrc.unwrap_or(preset.csrc),
        }
    }

    /// The same for people, and what set each.
    pub fn settings(&self) -> Vec<Setting> {
        let quirks = self.quirks();
        let yes_no = |flag: bool| flag.to_string();
        let setting = |name, is_own: bool, value| Setting {
            name,
            value,
            by: (!is_own).then_some(self.profile),
        };
        let metadata_type = quirks.metadata_type.name().to_owned();
        let without_metadata = yes_no(quirks.without_metadata);
        let require_siprec = quirks.require_siprec.name().to_owned();
        let reliable = yes_no(quirks.reliable_provisional);
        let events = yes_no(quirks.telephone_event);
        vec![
            setting("info", self.info.is_some(), quirks.info.name().to_owned()),
            setting("metadata_type", self.metadata_type.is_some(), metadata_type),
            setting(
                "id_format",
                self.id_format.is_some(),
                quirks.id_format.name().to_owned(),
            ),
            setting(
                "without_metadata",
                self.without_metadata.is_some(),
                without_metadata,
            ),
            setting(
                "header_prefix",
                self.header_prefix.is_some(),
                quirks.header_prefix,
            ),
            setting("label", self.label.is_some(), quirks.label),
            setting(
                "require_siprec",
                self.require_siprec.is_some(),
                require_siprec,
            ),
            setting("allow", self.allow.is_some(), quirks.allow.join(", ")),
            setting("accept", self.accept.is_some(), quirks.accept.join(", ")),
            setting(
                "reliable_provisional",
                self.reliable_provisional.is_some(),
                reliable,
            ),
            setting("telephone_event", self.telephone_event.is_some(), events),
            setting("rtcp_mux", self.rtcp_mux.is_some(), yes_no(quirks.rtcp_mux)),
            setting("csrc", self.csrc.is_some(), yes_no(quirks.csrc)),
        ]
    }

    pub(super) fn check_quirks(&self, at: &str, findings: &mut Vec<String>) {
        let quirks = self.quirks();
        let is_token = |text: &str| !text.is_empty() && text.bytes().all(is_token_byte);
        if !is_token(&quirks.header_prefix) {
            findings.push(format!(
                "{at}: header_prefix: {:?} cannot begin a header name: use letters, digits and '-'",
                quirks.header_prefix
            ));
        }
        if !is_token(&quirks.label) {
            findings.push(format!(
                "{at}: label: {:?} is not a token (RFC 4574): use letters and digits",
                quirks.label
            ));
        }
        let is_known = |method: &String| METHODS.contains(&method.as_str());
        let has = |method: &str| quirks.allow.iter().any(|listed| listed == method);
        let needed = &METHODS[..METHODS_MIN];
        if !quirks.allow.iter().all(is_known) || !needed.iter().all(|method| has(method)) {
            findings.push(format!(
                "{at}: allow: list {}, and of OPTIONS and UPDATE what it may know of",
                needed.join(", ")
            ));
        }
        let is_type = |text: &String| {
            let halves = text.split_once('/');
            let fits = |half: &str| {
                half.bytes()
                    .all(|b| is_token_byte(b) || b == b'+' || b == b'*')
            };
            halves.is_some_and(|(kind, name)| fits(kind) && fits(name) && !name.is_empty())
        };
        if quirks.accept.is_empty() || !quirks.accept.iter().all(is_type) {
            findings.push(format!(
                "{at}: accept: list media types, such as \"application/sdp\""
            ));
        }
        for (name, value) in &self.headers {
            let is_ours = name
                .get(..2)
                .is_some_and(|start| start.eq_ignore_ascii_case("X-"));
            if !is_ours || !is_token(name) || value.chars().any(char::is_control) {
                findings.push(format!(
                    "{at}: headers: {name:?} must begin with X- and its value be one line of text"
                ));
            }
        }
    }
}

fn list(texts: &[&str]) -> Vec<String> {
    texts.iter().copied().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn parse(lines: &str) -> Result<Recorder, String> {
        let text = format!(
            "[sip]\naddress = \"127.0.0.1:5060\"\n[media]\naddress = \"127.0.0.1\"\n\
             [[recorder]]\nid = \"west\"\nuri = \"sip:rec@192.0.2.1\"\n{lines}"
        );
        let config = Config::parse(&text).map_err(|findings| findings.to_string())?;
        Ok(config.recorders.into_iter().next().unwrap())
    }

    #[test]
    fn a_profile_sets_what_is_not_set_alone() {
        let recorder = parse("profile = \"controlone-2017\"\nid_format = \"base64\"\n").unwrap();
        let quirks = recorder.quirks();
        assert_eq!(quirks.metadata_type, MetadataType::RsMetadata);
        assert_eq!(quirks.id_format, IdFormat::Base64);
        assert_eq!(quirks.allow.join(", "), "INVITE, ACK, CANCEL, BYE");
        let by = |name: &str| {
            let settings = recorder.settings();
            let found = settings.iter().find(|setting| setting.name == name);
            found.unwrap().by
        };
        assert_eq!(by("id_format"), None);
        assert_eq!(by("metadata_type"), Some(Profile::ControlOne2017));
        assert!(parse("profile = \"unheard-of\"").is_err());
    }

    #[test]
    fn every_setting_can_be_set_alone_by_its_name_and_value() {
        for profile in [Profile::Rfc, Profile::ControlOne2017, Profile::PlainSip] {
            let named = format!("profile = \"{}\"\n", profile.name());
            let preset = parse(&named).unwrap();
            assert_eq!(preset.profile, profile);
            let mut lines = String::new();
            for Setting { name, value, by } in preset.settings() {
                assert_eq!(by, Some(profile));
                let value = match name {
                    "allow" | "accept" => format!("{:?}", value.split(", ").collect::<Vec<_>>()),
                    _ if ["true", "false"].contains(&value.as_str()) => value,
                    _ => format!("{value:?}"),
                };
                lines.push_str(&format!("{name} = {value}\n"));
            }
            let alone = parse(&lines).unwrap();
            assert_eq!(alone.quirks(), preset.quirks());
            assert!(alone.settings().iter().all(|setting| setting.by.is_none()));
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_remedy() {
        for (lines, part) in [
            (
                "allow = [\"INVITE\", \"ACK\", \"BYE\"]",
                "list INVITE, ACK, CANCEL, BYE",
            ),
            (
                "allow = [\"INVITE\", \"ACK\", \"CANCEL\", \"BYE\", \"INFO\"]",
                "OPTIONS and UPDATE",
            ),
            ("accept = []", "accept"),
            ("accept = [\"sdp\"]", "accept"),
            ("header_prefix = \"\"", "header_prefix"),
            ("label = \"a b\"", "label"),
            ("headers = { Via = \"x\" }", "must begin with X-"),
            ("headers = { X-A = \"x\\r\\nVia: y\" }", "one line"),
            ("credentials = \"secret.toml\"", "whole path"),
        ] {
            let error = parse(lines).unwrap_err();
            assert!(error.contains(part), "{lines}: {error}");
        }
        assert!(parse("headers = { X-Site = \"north\" }\ncredentials = \"/x\"").is_ok());
    }
}
