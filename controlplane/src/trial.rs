//! What works with a recorder, step by step: looking it up, connecting, TLS, OPTIONS, and what its
//! answer says of recording. Nobody waits for it but whoever asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::control::reply::Ticket;
use crate::control::view::{CertificateView, StepName, StepResult, StepView, TlsView, TrialView};
use crate::locate::Target;
use crate::random::Random;
use crate::recorder::Recorder;
use crate::recording::ACCEPT;
use crate::sdp;
use crate::sip::flow::{Flow, Protocol, TlsSettings, TransportPolicy};
use crate::sip::host::Host;
use crate::sip::local::{Local, Peer, of_family};
use crate::sip::message::Response;
use crate::sip::output::Output as SipOutput;
use crate::sip::query::Query;
use crate::time::Now;
use crate::tls::Session;
use crate::tls::certificate::Certificate;

/// When it ends, whatever is still missing: before its client loses patience.
const PATIENCE: Duration = Duration::from_secs(8);
/// Formats of a session description that are looked at.
const FORMATS_MAX: usize = 32;

/// A trial that is under way.
#[derive(Debug)]
pub struct Trial {
    pub ticket: Ticket,
    recorder: Arc<Recorder>,
    pub call_id: String,
    ends_at: Instant,
    query: Option<Query>,
    steps: Vec<StepView>,
    tls: Option<TlsView>,
}

impl Trial {
    pub fn new(ticket: Ticket, recorder: &Arc<Recorder>, call_id: String, now: Now) -> Self {
        Self {
            ticket,
            recorder: Arc::clone(recorder),
            call_id,
            ends_at: now.mono + PATIENCE,
            query: None,
            steps: Vec::new(),
            tls: None,
        }
    }

    /// When it wants to be called.
    pub fn deadline(&self) -> Instant {
        let query = self.query.as_ref().and_then(Query::deadline);
        query.into_iter().fold(self.ends_at, Instant::min)
    }

    /// The flow that it has for itself.
    pub fn own_flow(&self) -> Option<Flow> {
        let flow = self.query.as_ref()?.flow();
        flow.protocol.is_tls().then_some(flow)
    }

    /// The recorder's address, or why it is not known. Whether that is the end of it.
    pub fn on_resolved(
        &mut self,
        found: Result<Target, String>,
        ours: &[Arc<Local>],
        random: &mut Random,
        now: Now,
        out: &mut Vec<SipOutput>,
    ) -> bool {
        if self.query.is_some() {
            return false;
        }
        let target = match found {
            Ok(target) => target,
            Err(why) => {
                self.fail(StepName::Resolve, why);
                return true;
            }
        };
        let remote = target.remote;
        let found = match &self.recorder.uri.host {
            Host::Name(name) => format!("{name} is {}", remote.ip()),
            Host::Address(ip) => format!("{ip} is an address"),
        };
        self.step(StepName::Resolve, StepResult::Ok, found);
        let policy = match (self.recorder.policy, target.protocol) {
            (TransportPolicy::Tls(_), _) => {
                TransportPolicy::Tls(TlsSettings::Trial(self.recorder.index as u16))
            }
            // RFC 3263 §4.1: the domain may have a service for TCP alone.
            (TransportPolicy::Auto, Protocol::Tcp) => TransportPolicy::Tcp,
            (clear @ (TransportPolicy::Auto | TransportPolicy::Udp | TransportPolicy::Tcp), _) => {
                clear
            }
        };
        let peer = Peer {
            uri: self.recorder.uri.clone(),
            remote,
            policy,
        };
        let local = of_family(ours, remote);
        let query = Query::start(local, &self.call_id, &peer, random, now.mono, out);
        self.query = Some(query);
        false
    }

    /// Whether a flow is the one that it asks by.
    pub fn asks_by(&self, flow: Flow) -> bool {
        self.query
            .as_ref()
            .is_some_and(|query| query.flow() == flow)
    }

    /// What TLS shows, once it is agreed on or came to nothing.
    pub fn on_secured(&mut self, session: &Session) {
        let (protocol, cipher) = session.agreed.clone().unzip();
        self.tls = Some(TlsView {
            protocol,
            cipher,
            verified: session.verified,
            chain: session.chain.iter().map(shown).collect(),
        });
        self.connected();
    }

    /// TLS came to nothing.
    pub fn on_trouble(&mut self, why: String) {
        // What is known of TLS was told before, if there was a connection at all.
        let step = if self.tls.is_some() {
            StepName::Tls
        } else {
            StepName::Connect
        };
        self.fail(step, why);
    }

    /// Nobody is reached.
    pub fn on_unreachable(&mut self) {
        if !self.has_failed() {
            let step = match self.protocol() {
                Protocol::Udp => StepName::Options,
                Protocol::Tcp => StepName::Connect,
                Protocol::Tls(_) if self.tls.is_none() => StepName::Connect,
                Protocol::Tls(_) => StepName::Options,
            };
            self.secured(step);
            let why = "the recorder cannot be reached, or has hung up: see whether it listens at \
                       that address and port";
            self.fail(step, why.to_owned());
        }
    }

    /// Does what is due. Whether that is the end of it.
    pub fn on_deadline(&mut self, now: Now, out: &mut Vec<SipOutput>) -> bool {
        if let Some(query) = &mut self.query {
            // What it has to say of its own patience comes later than ours ends.
            let _ = query.on_deadline(now.mono, out);
        }
        if now.mono < self.ends_at {
            return false;
        }
        let missing = match self.query {
            None => StepName::Resolve,
            Some(_) => StepName::Options,
        };
        self.secured(missing);
        let why = format!("nothing has come within {} s", PATIENCE.as_secs());
        self.fail(missing, why);
        true
    }

    /// A response with its Call-ID has come. Whether that is the end of it.
    pub fn on_response(&mut self, response: &Response, now: Now) -> bool {
        let query = self.query.as_mut();
        if !query.is_some_and(|query| query.is_answered_by(response, now.mono)) {
            return false;
        }
        self.secured(StepName::Options);
        self.note_answer(response);
        true
    }

    /// What is to be told.
    pub fn view(self) -> TrialView {
        let failed = self.has_failed();
        TrialView {
            recorder: self.recorder.id.clone(),
            ok: !failed,
            steps: self.steps,
            tls: self.tls,
        }
    }

    fn note_answer(&mut self, response: &Response) {
        let (code, headers) = (response.status.code(), &response.headers);
        let mut said = format!("the recorder answered {code} {}", response.reason);
        let who = headers.get("Server").or_else(|| headers.get("User-Agent"));
        if let Some(who) = who {
            said.push_str(&format!(" ({who})"));
        }
        if code >= 500 || code == 408 || code == 420 {
            self.fail(
                StepName::Options,
                format!("{said}: see its log for the reason"),
            );
            return;
        }
        self.step(StepName::Options, StepResult::Ok, said);
        let lists = |name, token| headers.lists(name, token);
        let is_srs = headers
            .get("Contact")
            .is_some_and(|contact| contact.contains("+sip.srs"));
        if lists("Supported", "siprec") || is_srs {
            let said = "the answer says that it records (siprec)";
            self.step(StepName::Siprec, StepResult::Ok, said.to_owned());
        } else {
            let said = "the answer does not say whether it records, as many do not: a call will \
                        show";
            self.step(StepName::Siprec, StepResult::Unknown, said.to_owned());
        }
        self.note_metadata(headers.get("Accept"));
        self.note_codecs(response);
    }

    fn note_metadata(&mut self, accept: Option<&str>) {
        if !self.recorder.info.has_metadata() {
            return;
        }
        let ours = self.recorder.media_type.as_str();
        let accept = accept.unwrap_or_default();
        let types = accept
            .split(',')
            .map(|part| part.split(';').next().unwrap_or_default().trim());
        let lists = types.clone().any(|part| part.eq_ignore_ascii_case(ours));
        let has_one = types
            .clone()
            .any(|part| ACCEPT.contains(part) && part.contains("rs-metadata"));
        let (result, said) = if lists {
            (StepResult::Ok, format!("it takes {ours}"))
        } else if has_one {
            let said = format!("it takes {accept}, and not {ours}: set metadata_type");
            (StepResult::Failed, said)
        } else {
            let said = "the answer does not say which metadata it takes".to_owned();
            (StepResult::Unknown, said)
        };
        self.step(StepName::Metadata, result, said);
    }

    fn note_codecs(&mut self, response: &Response) {
        let offered = self.recorder.codecs.iter().map(|codec| codec.name());
        let offered = offered.collect::<Vec<_>>().join(", ");
        let description = sdp::Description::parse(&response.body).ok();
        let formats = description
            .iter()
            .flat_map(|description| &description.media);
        let formats = formats.flat_map(|media| &media.formats).take(FORMATS_MAX);
        let audio = formats.filter_map(|format| match format.encoding {
            sdp::Encoding::Audio(codec) => Some(codec.to_string()),
            sdp::Encoding::TelephoneEvent | sdp::Encoding::Other => None,
        });
        let theirs: Vec<_> = audio.collect();
        let common = self
            .recorder
            .codecs
            .iter()
            .any(|codec| theirs.iter().any(|t| t == codec.name()));
        let (result, said) = if description.is_none() {
            let said = format!("the answer describes no media; it will be offered {offered}");
            (StepResult::Unknown, said)
        } else if common {
            let said = format!(
                "it takes {}; it will be offered {offered}",
                theirs.join(", ")
            );
            (StepResult::Ok, said)
        } else {
            let said = format!(
                "none of the codecs {offered} is among what its answer describes: set codecs"
            );
            (StepResult::Failed, said)
        };
        self.step(StepName::Codecs, result, said);
    }

    /// The steps up to that one have worked, as far as there are such steps.
    fn secured(&mut self, before: StepName) {
        if before > StepName::Connect {
            self.connected();
        }
        if before > StepName::Tls
            && let Some(tls) = &self.tls
        {
            let verified = if tls.verified {
                "its certificate is verified"
            } else {
                "its certificate is not verified, because tls.verify is false"
            };
            let (protocol, cipher) = (tls.protocol.unwrap_or("TLS"), tls.cipher.as_deref());
            let said = format!("{protocol}, {}; {verified}", cipher.unwrap_or_default());
            self.step(StepName::Tls, StepResult::Ok, said);
        }
    }

    fn connected(&mut self) {
        let remote = self.query.as_ref().map(Query::flow);
        if let Some(flow) = remote.filter(|flow| flow.protocol != Protocol::Udp) {
            self.step(
                StepName::Connect,
                StepResult::Ok,
                format!("connected to {}", flow.remote),
            );
        }
    }

    fn protocol(&self) -> Protocol {
        let flow = self.query.as_ref().map(Query::flow);
        flow.map_or(Protocol::Udp, |flow| flow.protocol)
    }

    fn fail(&mut self, name: StepName, why: String) {
        self.step(name, StepResult::Failed, why);
    }

    fn has_failed(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| step.result == StepResult::Failed)
    }

    /// Notes a step, once.
    fn step(&mut self, step: StepName, result: StepResult, detail: String) {
        if self.steps.iter().all(|known| known.step != step) {
            self.steps.push(StepView {
                step,
                result,
                detail,
            });
        }
    }
}

fn shown(certificate: &Certificate) -> CertificateView {
    CertificateView {
        subject: certificate.subject.clone(),
        issuer: certificate.issuer.clone(),
        not_before: certificate.not_before.rfc3339(),
        not_after: certificate.not_after.rfc3339(),
        names: certificate.names.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::sip::message::Message;
    use crate::sip::transaction::timing::Timing;
    use crate::time::Wall;

    fn now() -> Now {
        #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
        let mono = Instant::now();
        Now {
            mono,
            wall: Wall(0),
        }
    }

    /// A trial of a recorder with that URI, which was looked up, and its OPTIONS.
    fn begun(uri: &str, now: Now) -> (Trial, String) {
        let text = format!(
            "[sip]\naddress = \"127.0.0.1:5060\"\n[media]\naddress = \"127.0.0.1\"\n\
             [[recorder]]\nid = \"west\"\nuri = \"{uri}\"\n"
        );
        let config = Config::parse(&text).unwrap();
        let recorder = Arc::new(Recorder::new(0, &config.recorders[0]));
        let ticket = Ticket {
            client: 0,
            generation: 0,
            number: 0,
        };
        let local = Arc::new(Local {
            address: "127.0.0.1:5060".parse().unwrap(),
            tls: None,
            user: "us".to_owned(),
            agent: "sixreel".to_owned(),
            accept: ACCEPT.to_owned(),
            timing: Timing::default(),
        });
        let mut trial = Trial::new(ticket, &recorder, "test-0-x".to_owned(), now);
        let (mut out, random) = (Vec::new(), &mut Random::new([1; 32]));
        let found = Ok(Target {
            protocol: recorder.protocol().unwrap_or(Protocol::Udp),
            remote: "192.0.2.1:5061".parse().unwrap(),
        });
        assert!(!trial.on_resolved(found, &[local], random, now, &mut out));
        let Some(SipOutput::Transmit { bytes, .. }) = out.pop() else {
            panic!("{out:?}");
        };
        (trial, String::from_utf8(bytes).unwrap())
    }

    /// The recorder's answer to an OPTIONS.
    fn answer(request: &str, head: &str) -> Response {
        let copied = ["Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "];
        let lines = request
            .lines()
            .filter(|line| copied.iter().any(|name| line.starts_with(name)));
        let lines: Vec<_> = lines.collect();
        let text = format!(
            "SIP/2.0 {head}\r\n{}\r\nContent-Length: 0\r\n\r\n",
            lines.join("\r\n")
        );
        match Message::parse(text.as_bytes(), Protocol::Tcp) {
            Ok(Message::Response(response)) => response,
            other => panic!("{other:?}"),
        }
    }

    fn results(trial: Trial) -> (bool, Vec<(StepName, StepResult)>) {
        let view = trial.view();
        let steps = view.steps.iter().map(|step| (step.step, step.result));
        (view.ok, steps.collect())
    }

    fn session() -> Session {
        Session {
            agreed: Some(("TLS 1.3", "TLS13_AES_256_GCM_SHA384".to_owned())),
            chain: Vec::new(),
            verified: true,
        }
    }

    #[test]
    fn a_recorder_that_says_all_is_known_in_seven_steps() {
        use StepName::{Codecs, Connect, Metadata, Options, Resolve, Siprec, Tls};
        let now = now();
        let (mut trial, asked) = begun("sips:rec@srs.example", now);
        assert!(asked.starts_with("OPTIONS sips:rec@srs.example SIP/2.0\r\nVia: SIP/2.0/TLS "));
        trial.on_secured(&session());
        let head = "200 OK\r\nSupported: siprec\r\nAccept: application/rs-metadata+xml";
        assert!(!trial.on_response(&answer(&asked, "100 Trying"), now));
        assert!(trial.on_response(&answer(&asked, head), now));
        let ok = |step| (step, StepResult::Ok);
        let expected = vec![
            ok(Resolve),
            ok(Connect),
            ok(Tls),
            ok(Options),
            ok(Siprec),
            ok(Metadata),
            (Codecs, StepResult::Unknown),
        ];
        assert_eq!(results(trial), (true, expected));
    }

    #[test]
    fn what_comes_to_nothing_ends_it_with_the_step() {
        let now = now();
        let last = |trial: Trial| *results(trial).1.last().unwrap();
        let failed = |step| (step, StepResult::Failed);
        let (mut trial, _) = begun("sips:rec@srs.example", now);
        trial.on_trouble("nobody listens".to_owned());
        trial.on_unreachable();
        assert_eq!(last(trial), failed(StepName::Connect));
        let (mut trial, _) = begun("sips:rec@srs.example", now);
        trial.on_secured(&session());
        trial.on_trouble("a stranger".to_owned());
        trial.on_unreachable();
        assert_eq!(last(trial), failed(StepName::Tls));
        let (mut trial, asked) = begun("sip:rec@192.0.2.1", now);
        assert!(trial.on_response(&answer(&asked, "503 Later"), now));
        assert_eq!(last(trial), failed(StepName::Options));
        let (mut trial, _) = begun("sip:rec@192.0.2.1", now);
        assert!(!trial.on_deadline(now, &mut Vec::new()));
        assert!(trial.on_deadline(now.after(PATIENCE), &mut Vec::new()));
        assert_eq!(last(trial), failed(StepName::Options));
    }
}
