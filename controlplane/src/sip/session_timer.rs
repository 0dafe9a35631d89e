//! When a session is refreshed, and when it has expired (RFC 4028).

use std::time::{Duration, Instant};

use super::headers::Headers;
use super::session_expires::{Refresher, SessionExpires};

/// Shorter intervals than this are not believed: they would be nothing but load.
const FLOOR_S: u32 = 20;
/// Closer to the end than this, no further refresh is begun.
const LAST_CALL: Duration = Duration::from_secs(5);

/// The session timer of one dialog, while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionTimer {
    interval_s: u32,
    /// When we refresh; never where the peer does.
    refresh_at: Option<Instant>,
    /// Whether it is us who refreshes.
    ours: bool,
    expires_at: Instant,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A refresh by us.
    Refresh,
    /// The end of the session.
    Expiry,
}

/// What their request asks for is too short for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooShort;

impl SessionTimer {
    fn start(interval_s: u32, ours: bool, now: Instant) -> Self {
        let interval_s = interval_s.max(FLOOR_S);
        let interval = Duration::from_secs(interval_s.into());
        // RFC 4028 §10: BYE goes out the lesser of 32 s and a third of the interval before.
        let margin = Duration::from_secs(32).min(interval / 3);
        Self {
            interval_s,
            refresh_at: ours.then(|| now + interval / 2),
            ours,
            expires_at: now + interval - margin,
        }
    }

    /// As a 2xx to a request of ours tells it. Without the header nothing expires
    /// (RFC 4028 §7.2), but where we refresh already we go on: recorders forget the header in the
    /// answers to later requests, and not their timer.
    pub(super) fn of_answer(response: &Headers, runs: Option<Self>, now: Instant) -> Option<Self> {
        let ours = runs.is_none_or(|runs| runs.ours);
        let (interval_s, ours) = match (response.session_expires(), runs) {
            (Some(told), _) => match told.refresher {
                Some(refresher) => (told.interval_s, refresher == Refresher::Uac),
                None => (told.interval_s, ours),
            },
            (None, Some(runs)) if ours => (runs.interval_s, ours),
            (None, _) => return None,
        };
        Some(Self::start(interval_s, ours, now))
    }

    /// As we answer a request of theirs: what the 2xx says, and the timer that it starts
    /// (RFC 4028 §9). Where they ask for nothing, a timer that `runs` is kept running.
    pub(super) fn of_request(
        request: &Headers,
        runs: Option<Self>,
        now: Instant,
    ) -> Option<(SessionExpires, Self)> {
        let asked = request.session_expires();
        let running = runs.map(|runs| runs.interval_s);
        let interval_s = asked.map_or(running, |asked| Some(asked.interval_s))?;
        let theirs = request.lists("Supported", "timer");
        let refresher = match (asked.and_then(|asked| asked.refresher), runs) {
            // Who does not know the extension cannot refresh by it (RFC 4028 §9, table 2).
            _ if !theirs => Refresher::Uas,
            (Some(refresher), _) => refresher,
            (None, Some(runs)) if runs.ours => Refresher::Uas,
            (None, _) => Refresher::Uac,
        };
        let timer = Self::start(interval_s, refresher == Refresher::Uas, now);
        let refresher = Some(refresher);
        Some((
            SessionExpires {
                interval_s: timer.interval_s,
                refresher,
            },
            timer,
        ))
    }

    /// What a request of ours says while the timer runs: whoever refreshes goes on
    /// (RFC 4028 §7.4).
    pub(super) fn to_request(self) -> SessionExpires {
        let refresher = if self.ours {
            Refresher::Uac
        } else {
            Refresher::Uas
        };
        SessionExpires {
            interval_s: self.interval_s,
            refresher: Some(refresher),
        }
    }

    /// Asks for a longer interval from now on; false where it is no longer one.
    pub(super) fn lengthen(&mut self, least_s: u32) -> bool {
        let longer = least_s > self.interval_s;
        self.interval_s = self.interval_s.max(least_s);
        longer
    }

    /// What is due. A refresh comes due again until one succeeds, and starts another timer.
    pub(super) fn on_deadline(&mut self, now: Instant) -> Option<Due> {
        if self.expires_at <= now {
            return Some(Due::Expiry);
        }
        self.refresh_at.filter(|at| *at <= now)?;
        let left = self.expires_at - now;
        self.refresh_at = (left > LAST_CALL).then(|| now + left / 2);
        Some(Due::Refresh)
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Instant {
        self.refresh_at
            .map_or(self.expires_at, |at| at.min(self.expires_at))
    }
}

/// Refuses an interval below `min_se_s` (RFC 4028 §9).
pub(super) fn check(request: &Headers, min_se_s: u32) -> Result<(), TooShort> {
    match request.session_expires() {
        // Who does not know the extension cannot do anything about 422.
        Some(asked) if asked.interval_s < min_se_s && request.lists("Supported", "timer") => {
            Err(TooShort)
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::epoch;
    use super::*;

    fn headers(session_expires: Option<&str>, supported: bool) -> Headers {
        let mut headers = Headers::default();
        if let Some(value) = session_expires {
            headers.push("x", value);
        }
        if supported {
            headers.push("Supported", "timer");
        }
        headers
    }

    fn seconds(timer: SessionTimer, now: Instant) -> (u64, bool) {
        ((timer.deadline() - now).as_secs(), timer.ours)
    }

    #[test]
    fn the_answer_says_who_refreshes_and_when() {
        let now = epoch();
        for (told, deadline) in [
            (Some("1800;refresher=uac"), Some((900, true))),
            (Some("1800"), Some((900, true))),
            (Some("1800;refresher=uas"), Some((1768, false))),
            (Some("90;refresher=uas"), Some((60, false))),
            (Some("0;refresher=uac"), Some((10, true))),
            (Some("never"), None),
            (None, None),
        ] {
            let timer = SessionTimer::of_answer(&headers(told, true), None, now);
            assert_eq!(timer.map(|timer| seconds(timer, now)), deadline, "{told:?}");
        }
    }

    #[test]
    fn an_answer_that_forgets_the_timer_does_not_stop_our_refreshes() {
        let now = epoch();
        let (ours, theirs) = (
            SessionTimer::start(600, true, now),
            SessionTimer::start(600, false, now),
        );
        let silent = headers(None, false);
        assert_eq!(
            SessionTimer::of_answer(&silent, Some(ours), now),
            Some(ours)
        );
        assert_eq!(SessionTimer::of_answer(&silent, Some(theirs), now), None);
        let vague = headers(Some("600"), false);
        assert_eq!(
            SessionTimer::of_answer(&vague, Some(theirs), now),
            Some(theirs)
        );
    }

    #[test]
    fn a_refresh_is_repeated_until_the_session_expires() {
        let now = epoch();
        let mut timer = SessionTimer::of_answer(&headers(Some("90"), true), None, now).unwrap();
        let mut seen = Vec::new();
        loop {
            let at = timer.deadline();
            let due = timer.on_deadline(at);
            seen.push(((at - now).as_secs(), due));
            if due == Some(Due::Expiry) {
                break;
            }
        }
        let refreshes = [45, 52, 56, 58].map(|at| (at, Some(Due::Refresh)));
        assert_eq!(seen[..3], refreshes[..3]);
        assert_eq!(seen.last(), Some(&(60, Some(Due::Expiry))));
    }

    #[test]
    fn their_request_is_answered_as_they_ask() {
        let now = epoch();
        let ours = SessionTimer::start(600, true, now);
        let theirs = SessionTimer::start(600, false, now);
        for (asked, supported, runs, told) in [
            (
                Some("1800;refresher=uac"),
                true,
                None,
                Some("1800;refresher=uac"),
            ),
            (
                Some("1800;refresher=uas"),
                true,
                None,
                Some("1800;refresher=uas"),
            ),
            (Some("1800"), true, None, Some("1800;refresher=uac")),
            (Some("1800"), true, Some(ours), Some("1800;refresher=uas")),
            (
                Some("1800;refresher=uac"),
                false,
                None,
                Some("1800;refresher=uas"),
            ),
            (None, true, Some(theirs), Some("600;refresher=uac")),
            (None, false, Some(theirs), Some("600;refresher=uas")),
            (None, true, None, None),
        ] {
            let answer = SessionTimer::of_request(&headers(asked, supported), runs, now);
            assert_eq!(
                answer.map(|(told, _)| told.to_string()).as_deref(),
                told,
                "{asked:?}"
            );
        }
        assert_eq!(ours.to_request().to_string(), "600;refresher=uac");
        assert_eq!(theirs.to_request().to_string(), "600;refresher=uas");
    }

    #[test]
    fn too_short_an_interval_is_refused_where_that_helps() {
        assert_eq!(check(&headers(Some("89"), true), 90), Err(TooShort));
        assert_eq!(check(&headers(Some("90"), true), 90), Ok(()));
        assert_eq!(check(&headers(Some("89"), false), 90), Ok(()));
        assert_eq!(check(&headers(None, true), 90), Ok(()));
    }
}
