//! One attempt: from the INVITE to its answer.

use std::net::SocketAddr;
use std::time::Instant;

use rsip::StatusCode;
use sixreel_dataplane::api::{Cname, SinkSpec, SinkStats};

use super::account::{Account, Told};
use super::active::Active;
use super::content::{self, News};
use super::failure::{Failure, retry_after};
use super::{Recording, State, security, transmit};
use crate::control::view::EventKind;
use crate::locate::Target;
use crate::media::Stream;
use crate::metadata::Contents;
use crate::sdp::{self, Direction};
use crate::sip::content::Content;
use crate::sip::flow::{Flow, Protocol, TransportPolicy};
use crate::sip::local::{Call, Options, Peer};
use crate::sip::message::Response;
use crate::sip::output;
use crate::sip::session::Session;
use crate::turn::Turn;

/// A session with a recorder and the stream that belongs to it.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) session: Session,
    /// The address that was called.
    pub(super) remote: SocketAddr,
    pub(super) sink: Stream,
    /// What we offer and answer with.
    pub(super) ours: sdp::Local,
    /// What we sent last, whether it was accepted or not: versions follow it (RFC 3264 §8).
    pub(super) sent: sdp::Description,
    /// What the recorder knows that we want of the stream.
    pub(super) wanted: Direction,
    /// What the recorder knows of the call.
    pub(super) told: Told,
}

impl Recording {
    /// Begins an attempt.
    pub(super) fn attempt(&mut self, account: &Account, turn: &mut Turn<'_>) {
        if !self.is_admitted(account, turn) {
            return;
        }
        self.attempts += 1;
        if self.attempts > 1 {
            let detail = format!("attempt {}", self.attempts);
            turn.tell(
                EventKind::RecordingRetried,
                self.subject(account),
                Some(detail),
            );
        }
        self.invite_first(account, turn);
    }

    /// Begins another attempt at once, in another form.
    fn attempt_otherwise(
        &mut self,
        (why, how): (String, &str),
        account: &Account,
        turn: &mut Turn<'_>,
    ) {
        self.attempts += 1;
        let detail = format!("attempt {}: {why}; now {how}", self.attempts);
        turn.tell(
            EventKind::RecordingRetried,
            self.subject(account),
            Some(detail),
        );
        self.error = Some(why);
        self.invite_first(account, turn);
    }

    fn invite_first(&mut self, account: &Account, turn: &mut Turn<'_>) {
        match self.connect(account, turn) {
            Ok(leg) => self.state = State::Connecting(Box::new(leg)),
            Err(failure) => self.fail(failure, account, turn),
        }
    }

    /// Sends an INVITE, where that is allowed and possible.
    fn connect(&mut self, account: &Account, turn: &mut Turn<'_>) -> Result<Leg, Failure> {
        // What policy forbids is refused before anybody is looked for.
        self.suites(account, turn.site)?;
        let target = self.begin_tour(turn)?;
        self.call(target, account, turn)
    }

    /// Sends an INVITE to one of the recorder's addresses.
    pub(super) fn call(
        &mut self,
        target: Target,
        account: &Account,
        turn: &mut Turn<'_>,
    ) -> Result<Leg, Failure> {
        let suites = self.suites(account, turn.site)?;
        let peer = Peer {
            uri: self.recorder.uri.clone(),
            remote: target.remote,
            // RFC 3263 §4.1: the domain may have a service for TCP alone.
            policy: match (self.form.policy, target.protocol) {
                (TransportPolicy::Auto, Protocol::Tcp) => TransportPolicy::Tcp,
                (policy, _) => policy,
            },
        };
        let spec = sink_spec(self.recorder.csrc, turn);
        let sink = turn
            .media
            .open_sink(account.place, account.key, target.remote.ip(), spec)
            .ok_or_else(|| Failure::again("every media port is in use: widen media.ports"))?;
        self.stream = Some((sink, SinkStats::default()));
        Ok(self.invite(sink, peer, &suites, account, turn))
    }

    fn invite(
        &self,
        sink: Stream,
        peer: Peer,
        suites: &[sdp::Suite],
        account: &Account,
        turn: &mut Turn<'_>,
    ) -> Leg {
        let local = turn.media.local(sink);
        let ours = sdp::Local {
            session_id: turn.random.u32(),
            address: local.ip(),
            port: local.port(),
            codecs: self.form.codecs(&self.recorder, account.codec),
            telephone_event: self.recorder.telephone_event && !self.form.is_plain(),
            label: Some(self.recorder.label.clone()),
            direction: direction(account),
            rtcp_mux: self.recorder.rtcp_mux && !self.form.is_plain(),
            crypto: security::lines(suites, account, turn.random),
        };
        let sent = ours.offer(None);
        let told = account.told(&self.recorder);
        let call = Call {
            call_id: self.call_id(account, turn),
            peer,
            display: account.console_id.clone(),
            content: content::invite(
                (&self.recorder, &self.form),
                account,
                &told,
                &sent,
                &News::Complete,
                turn,
            ),
            options: self.options(turn.now.mono),
        };
        let mut outputs = Vec::new();
        let random = turn.random.fork();
        let remote = call.peer.remote;
        let us = turn.site.local(remote);
        let session = Session::invite(us, call, random, turn.now.mono, &mut outputs);
        transmit(outputs, turn);
        Leg {
            session,
            remote,
            sink,
            wanted: ours.direction,
            ours,
            sent,
            told,
        }
    }

    fn options(&self, now: Instant) -> Options {
        let (recorder, tour) = (&self.recorder, self.tour.as_ref());
        let mut options = Options {
            invite_timeout: tour.map_or(recorder.invite_timeout, |tour| tour.left(now)),
            allow: recorder.allow.clone(),
            reliable_provisional: recorder.reliable_provisional,
            credentials: recorder.credentials.clone(),
            ..Options::recording_client()
        };
        if !self.form.require_siprec {
            options.require.clear();
        }
        options
    }

    /// Begins with the call's number, so that messages find their call without a table.
    fn call_id(&self, account: &Account, turn: &mut Turn<'_>) -> String {
        let (key, index) = (account.key, self.recorder.index);
        format!("{key}-{index}-{}", turn.random.token(32))
    }

    /// The recorder accepted.
    pub(super) fn on_answered(
        &mut self,
        response: &Response,
        protocol: Protocol,
        account: &Account,
        turn: &mut Turn<'_>,
    ) {
        let state = std::mem::replace(&mut self.state, State::Over);
        let State::Connecting(leg) = state else {
            self.state = state;
            return;
        };
        match agree(&leg.ours, response) {
            Ok(agreed) => {
                self.established = Some(turn.now.wall);
                self.told_down = false;
                if let Some(tour) = self.tour.take() {
                    let flow = Flow {
                        protocol,
                        remote: tour.target.remote,
                    };
                    turn.reach.accepted(self.recorder.index, flow, turn.now);
                }
                let detail = describe(agreed.as_ref(), protocol);
                self.state = State::Active(Box::new(Active::new(*leg, protocol, turn.now.mono)));
                turn.tell(
                    EventKind::RecordingEstablished,
                    self.subject(account),
                    Some(detail),
                );
                self.end_gap(account, turn);
                self.agree(agreed, account, turn);
                self.strengthen(account, turn);
                self.sync(account, turn);
            }
            Err(why) => {
                self.abandon(*leg, turn);
                let is_about_the_offer = why.is_about_the_offer();
                let otherwise = is_about_the_offer.then(|| self.form.offer_less(&self.recorder));
                match otherwise.flatten() {
                    Some(how) => self.attempt_otherwise((why.to_string(), how), account, turn),
                    None => self.fail(Failure::again(why.to_string()), account, turn),
                }
            }
        }
    }

    /// The attempt came to nothing: by a final answer.
    pub(super) fn on_attempt_refused(
        &mut self,
        response: &Response,
        account: &Account,
        turn: &mut Turn<'_>,
    ) {
        let may_be_clear = self.may_be_clear(response, account, turn.site);
        self.let_go(turn);
        if may_be_clear {
            self.in_clear = true;
            self.attempt(account, turn);
            return;
        }
        let (failure, code) = (
            Failure::refused(response, &self.recorder),
            response.status.code(),
        );
        if let Some(how) = self.form.adapt(response, &self.recorder) {
            self.attempt_otherwise((failure.why, how), account, turn);
            return;
        }
        if code == 503 {
            // RFC 3263 §4.3: another server may be able to.
            let left_alone = Some(retry_after(response)).filter(|pause| !pause.is_zero());
            self.next_target(failure, left_alone, account, turn);
            return;
        }
        if matches!(code, 408 | 500 | 502 | 504) {
            let index = self.recorder.index;
            turn.reach.missed(index, &failure.why, turn.now);
        }
        self.declined = matches!(code, 403 | 486 | 600 | 603);
        self.fail(failure, account, turn);
    }

    /// The attempt came to nothing: without an answer.
    pub(super) fn on_attempt_unanswered(
        &mut self,
        failure: output::Failure,
        account: &Account,
        turn: &mut Turn<'_>,
    ) {
        self.let_go(turn);
        let fault = turn.reach.fault(self.recorder.index);
        let failure = Failure::unanswered(failure, fault, &self.recorder);
        match self.form.answer_silence(&self.recorder) {
            Some(how) => self.attempt_otherwise((failure.why, how), account, turn),
            None => self.next_target(failure, None, account, turn),
        }
    }

    /// Closes the stream and keeps the session for what is left of it.
    pub(super) fn let_go(&mut self, turn: &mut Turn<'_>) {
        let leg = match std::mem::replace(&mut self.state, State::Over) {
            State::Connecting(leg) => *leg,
            State::Active(active) => active.leg,
            State::Ending(session) => {
                self.linger(*session);
                return;
            }
            State::Waiting { .. } | State::Failed | State::Over => return,
        };
        turn.media.close_sink(leg.sink);
        self.linger(leg.session);
    }

    /// Closes the stream and ends a session that the recorder believes in.
    pub(super) fn abandon(&mut self, mut leg: Leg, turn: &mut Turn<'_>) {
        turn.media.close_sink(leg.sink);
        let mut outputs = Vec::new();
        leg.session
            .end(Content::default(), turn.now.mono, &mut outputs);
        transmit(outputs, turn);
        self.linger(leg.session);
    }

    fn linger(&mut self, session: Session) {
        if !session.is_over() {
            self.lingering.push(session);
        }
    }
}

/// Why an answer agrees on nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAgreement {
    #[error("the recorder's answer has no SDP")]
    NoSdp,
    #[error(transparent)]
    Unreadable(#[from] sdp::Error),
    #[error(transparent)]
    Unacceptable(#[from] sdp::Unacceptable),
}

impl NoAgreement {
    /// Whether another offer may be answered otherwise.
    const fn is_about_the_offer(&self) -> bool {
        matches!(
            self,
            Self::Unacceptable(sdp::Unacceptable::Rejected | sdp::Unacceptable::NoCodec { .. })
        )
    }
}

/// What an answer in a 2xx or an ACK agrees on, or what is wrong with it.
pub(super) fn agree_on(
    ours: &sdp::Local,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<Option<sdp::Accepted>, NoAgreement> {
    let contents = Contents::parse(content_type, body);
    let answer = contents.sdp.ok_or(NoAgreement::NoSdp)?;
    let answer = sdp::Description::parse(answer)?;
    Ok(sdp::accept(ours, &answer)?)
}

fn agree(ours: &sdp::Local, response: &Response) -> Result<Option<sdp::Accepted>, NoAgreement> {
    agree_on(ours, response.headers.get("Content-Type"), &response.body)
}

/// What the site wants of a stream.
pub(super) const fn direction(account: &Account) -> Direction {
    if account.paused {
        Direction::Inactive
    } else {
        Direction::SendOnly
    }
}

fn describe(agreed: Option<&sdp::Accepted>, protocol: Protocol) -> String {
    let by = match protocol {
        Protocol::Udp => "UDP",
        Protocol::Tcp => "TCP",
        Protocol::Tls(_) => "TLS",
    };
    match agreed {
        Some(agreed) if agreed.sending => {
            let secured = agreed.secured.as_ref();
            let by_suite = secured.map(|secured| format!(" by SRTP {}", secured.suite));
            let srtp = by_suite.unwrap_or_default();
            format!("{} to {}{srtp}, SIP over {by}", agreed.codec, agreed.remote)
        }
        Some(_) | None => format!("held by the recorder, SIP over {by}"),
    }
}

fn sink_spec(csrc: bool, turn: &mut Turn<'_>) -> SinkSpec {
    SinkSpec {
        ssrc: turn.random.u32(),
        // RFC 4568 §6.4: the first sequence number lies below 2^15.
        sequence: turn.random.below(1 << 15) as u16,
        timestamp: turn.random.u32(),
        cname: Cname::new(&turn.random.cname()).expect("a random name is short and printable"),
        csrc,
        rtcp_seed: turn.random.u64(),
    }
}

/// 400, 415 or 488 with a sentence for the recorder's operator (RFC 3261 §20.43).
pub(super) fn refusal(code: u16, why: &str) -> (StatusCode, Content) {
    let text = why.replace(['"', '\\', '\r', '\n'], "'");
    let mut content = Content::default();
    let warning = format!("399 sixreel \"{text}\"");
    content.headers.push(("Warning".to_owned(), warning));
    (StatusCode::from(code), content)
}
