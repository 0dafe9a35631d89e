//! Session-Expires: how long a session lives without a refresh, and who refreshes (RFC 4028 §4).

use std::fmt;

use super::error::Flaw;
use super::params::Params;
use super::text;

/// The header's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// Seconds from one refresh to the end.
    pub interval_s: u32,
    /// Who refreshes, where it is said.
    pub refresher: Option<Refresher>,
}

/// Who refreshes, as seen from the request that carries the header or is answered with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// Who sent the request.
    Uac,
    /// Who answers it.
    Uas,
}

impl SessionExpires {
    /// From the header's value.
    pub(super) fn parse(source: &str) -> Result<Self, Flaw> {
        let (interval, params) = source.split_once(';').unwrap_or((source, ""));
        let interval_s = text::number(interval.trim(), u32::MAX)
            .ok_or(Flaw("the interval is not a number of seconds"))?;
        let refresher = match Params::parse(params)?.value("refresher") {
            Some(who) if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        };
        Ok(Self {
            interval_s,
            refresher,
        })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.interval_s)?;
        match self.refresher {
            Some(Refresher::Uac) => f.write_str(";refresher=uac"),
            Some(Refresher::Uas) => f.write_str(";refresher=uas"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refresher_may_be_missing_and_is_read_in_any_case() {
        for (source, interval_s, refresher) in [
            ("1800;refresher=uac", 1800, Some(Refresher::Uac)),
            ("90 ; Refresher = UAS", 90, Some(Refresher::Uas)),
            ("4294967295", u32::MAX, None),
            ("600;refresher=nobody", 600, None),
        ] {
            let value = SessionExpires {
                interval_s,
                refresher,
            };
            assert_eq!(SessionExpires::parse(source), Ok(value));
            assert_eq!(SessionExpires::parse(&value.to_string()), Ok(value));
        }
        for bad in ["", ";refresher=uac", "-1", "4294967296", "soon"] {
            assert!(SessionExpires::parse(bad).is_err());
        }
    }
}
