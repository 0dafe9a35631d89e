//! The media side: addresses, ports and threads.

use std::net::IpAddr;

use serde::Deserialize;

use super::Config;

/// The media side: addresses, ports and threads.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// Address of RTP, in and out, as participants and recorders see it.
    pub address: IpAddr,
    /// The same in the other address family, with the same ports: for recorders that are spoken to
    /// by that family, and for sources whose remote is of it.
    #[serde(default)]
    pub other_address: Option<IpAddr>,
    /// Ports of RTP and RTCP, all held from the start.
    #[serde(default)]
    pub ports: PortRange,
    /// Data-plane threads; the ports are shared out evenly.
    #[serde(default = "Media::default_workers")]
    pub workers: u16,
    /// The core of each thread, where they are to be pinned.
    #[serde(default)]
    pub cores: Vec<usize>,
    /// How a thread waits for its next slot.
    #[serde(default)]
    pub wake: Wake,
}

/// An inclusive range of ports, written `first-last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

/// How a data-plane thread waits for its next slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wake {
    /// Sleeps: the core is free for others in between.
    #[default]
    Sleep,
    /// Spins: for a core that has nothing else to do.
    BusyPoll,
}

impl Config {
    pub(super) fn check_media(&self, findings: &mut Vec<String>) {
        self.check_media_addresses(findings);
        let media = &self.media;
        if media.workers == 0 || media.workers > 64 {
            findings.push(format!("media.workers: {} is not 1 to 64", media.workers));
        } else if self.pairs_per_worker() < 2 {
            findings.push(format!(
                "media.ports: {}-{} is too small for {} workers: give each at least 4 ports",
                media.ports.first, media.ports.last, media.workers
            ));
        }
        if !media.cores.is_empty() && media.cores.len() != usize::from(media.workers) {
            findings.push(format!(
                "media.cores: names {} cores for {} workers: name one for each, or none",
                media.cores.len(),
                media.workers
            ));
        }
        let sip_port = self.sip.address.port();
        if (media.ports.first..=media.ports.last).contains(&sip_port) {
            findings.push(format!(
                "media.ports: {}-{} contains the SIP port {sip_port}: move either",
                media.ports.first, media.ports.last
            ));
        }
    }

    fn check_media_addresses(&self, findings: &mut Vec<String>) {
        for (key, address) in [
            ("address", Some(self.media.address)),
            ("other_address", self.media.other_address),
        ] {
            if let Some(address) = address.filter(IpAddr::is_unspecified) {
                findings.push(format!(
                    "media.{key}: {address} stands in SDP, where recorders must find us: \
                     use an address of this host"
                ));
            }
        }
        let ours = self.media.address.is_ipv4();
        if let Some(other) = self.media.other_address
            && other.is_ipv4() == ours
        {
            findings.push(format!(
                "media.other_address: {other} is of the same family as media.address: use one of \
                 the other, or leave it out"
            ));
        }
    }
}

impl Media {
    /// Its addresses, each of another family.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let first = [self.address].into_iter();
        first.chain(self.other_address).collect()
    }

    const fn default_workers() -> u16 {
        1
    }
}

impl Default for PortRange {
    fn default() -> Self {
        Self {
            first: 20_000,
            last: 29_999,
        }
    }
}

impl PortRange {
    /// Pairs of an even port and the odd one above it.
    pub const fn pairs(self) -> u32 {
        let first = self.first_even() as u32;
        let end = self.last as u32 + 1;
        end.saturating_sub(first) / 2
    }

    /// The first even port.
    pub const fn first_even(self) -> u16 {
        self.first + self.first % 2
    }
}

impl TryFrom<String> for PortRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let range = text.split_once('-').and_then(|(first, last)| {
            Some(Self {
                first: first.trim().parse().ok()?,
                last: last.trim().parse().ok()?,
            })
        });
        match range {
            Some(range) if range.first >= 1024 && range.first < range.last => Ok(range),
            _ => Err(format!(
                "{text:?} is not a range of ports from 1024 up: write \"20000-29999\""
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[sip]\naddress = \"127.0.0.1:5060\"\n[media]\naddress = \"127.0.0.1\"\n";

    fn error(text: &str) -> String {
        Config::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_other_address_is_of_the_other_family() {
        let media = |other: &str| GOOD.replace("[media]", &format!("[media]\n{other}"));
        let config = Config::parse(&media("other_address = \"::1\"")).unwrap();
        assert_eq!(config.media.addresses().len(), 2);
        let refused = error(&media("other_address = \"127.0.0.2\""));
        assert!(refused.contains("media.other_address") && refused.contains("same family"));
    }

    #[test]
    fn port_ranges_give_whole_pairs() {
        let range = |text: &str| PortRange::try_from(text.to_owned());
        assert_eq!(range("20001-20006").unwrap().pairs(), 2);
        assert_eq!(range("20000-20001").unwrap().pairs(), 1);
        assert!(range("20000").is_err() && range("30000-20000").is_err());
        assert!(range("80-90").is_err());
    }
}
