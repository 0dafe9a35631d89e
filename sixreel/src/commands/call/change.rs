//! Commands that change a call, and what they can be told.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::path;
use crate::client::segment;
use crate::commands::{Session, granted};
use crate::failure::Failure;
use crate::output::plain;
use crate::party::Party;

#[derive(Args, Debug)]
pub(crate) struct StartArgs {
    /// The call's identifier
    call: String,
    /// The console that the call is connected to
    #[arg(long, value_name = "ID")]
    console: String,
    #[command(flatten)]
    facts: FactArgs,
}

#[derive(Args, Debug)]
pub(crate) struct SetArgs {
    /// The call's identifier
    call: String,
    /// The console that the call is connected to
    #[arg(long, value_name = "ID")]
    console: Option<String>,
    #[command(flatten)]
    facts: FactArgs,
    /// Bring a fact back to its default; can be repeated
    #[arg(long, value_name = "FACT")]
    clear: Vec<Fact>,
}

/// The facts of a call that `start` and `set` have in common.
#[derive(Args, Debug)]
struct FactArgs {
    /// The user logged in at the console
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[arg(
        long,
        value_name = "PARTY",
        help = "Who calls: 'NAME <NUMBER>', NUMBER or NAME"
    )]
    calling: Option<Party>,
    /// Who is called; can be repeated
    #[arg(long, value_name = "PARTY")]
    called: Vec<Party>,
    /// The call's own codec: PCMU or PCMA
    #[arg(long)]
    codec: Option<String>,
    /// How the call is protected: none or secure
    #[arg(long)]
    security: Option<String>,
    /// non-urgent, normal, urgent or emergency
    #[arg(long)]
    priority: Option<String>,
    /// Stop the call when nobody has asked for it for so many seconds
    #[arg(long, value_name = "SECONDS")]
    lease: Option<u32>,
}

/// A fact of a call that has a default.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Fact {
    User,
    Calling,
    Called,
    Codec,
    Security,
    Priority,
    Lease,
}

#[derive(Args, Debug)]
pub(crate) struct InCall {
    /// The call's identifier
    call: String,
    /// The participant's identifier, unique in its call
    participant: String,
}

#[derive(Args, Debug)]
pub(crate) struct JoinArgs {
    #[command(flatten)]
    who: InCall,
    /// Display name
    #[arg(long)]
    name: Option<String>,
    /// Number or extension
    #[arg(long)]
    number: Option<String>,
    /// Address of record: a sip:, sips: or tel: URI
    #[arg(long, value_name = "URI")]
    aor: Option<String>,
    /// Join on hold
    #[arg(long)]
    held: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SourceOf {
    /// The call's identifier
    call: String,
    /// The source's identifier, unique in its call
    source: String,
}

#[derive(Args, Debug)]
pub(crate) struct SourceArgs {
    #[command(flatten)]
    which: SourceOf,
    /// Whose audio it is
    #[arg(long, value_name = "PARTICIPANT")]
    participant: String,
    /// What an RTP payload type carries; can be repeated, and names a codec at least once
    #[arg(long, value_name = "TYPE=NAME", required = true, value_parser = parse_payload)]
    payload: Vec<(String, String)>,
    /// Who may send: an IP address, with a port or without; anybody where it is absent
    #[arg(long, value_name = "ADDRESS")]
    remote: Option<String>,
    /// The longest delay of the jitter buffer in milliseconds
    #[arg(long, value_name = "MS")]
    jitter_max_ms: Option<u16>,
}

pub(super) fn start(session: &mut Session<'_, '_>, args: StartArgs) -> Result<(), Failure> {
    let call = args.call;
    let mut body = args.facts.into_fields();
    body.insert("console_id".to_owned(), args.console.into());
    let created = format!("call {call} started");
    let replaced = format!("call {call} has new facts");
    put(session, &path(&call), body, [created, replaced])
}

pub(super) fn set(session: &mut Session<'_, '_>, args: SetArgs) -> Result<(), Failure> {
    let call = args.call;
    let mut body = args.facts.into_fields();
    body.extend(present([("console_id", args.console.map(Value::from))]));
    let cleared = args.clear.iter().map(|fact| fact.name().to_owned());
    body.extend(cleared.map(|name| (name, Value::Null)));
    let text = format!("call {call} has new facts");
    patch(session, &path(&call), &body.into(), &text)
}

pub(super) fn stop(session: &mut Session<'_, '_>, call: &str) -> Result<(), Failure> {
    delete(session, &path(call), &format!("call {call} stopped"))
}

pub(super) fn pause(session: &mut Session<'_, '_>, call: &str) -> Result<(), Failure> {
    let body = granted(session.client.post(&format!("{}/pause", path(call))))?;
    session.say(&body, &format!("call {call} paused"))
}

pub(super) fn resume(session: &mut Session<'_, '_>, call: &str) -> Result<(), Failure> {
    let body = granted(session.client.post(&format!("{}/resume", path(call))))?;
    session.say(&body, &format!("call {call} resumed"))
}

pub(super) fn join(session: &mut Session<'_, '_>, args: JoinArgs) -> Result<(), Failure> {
    let body = present([
        ("name", args.name.map(Value::from)),
        ("number", args.number.map(Value::from)),
        ("aor", args.aor.map(Value::from)),
        ("state", args.held.then(|| json!("held"))),
    ]);
    let InCall { call, participant } = &args.who;
    let created = format!("{participant} joined call {call}");
    let replaced = format!("{participant} in call {call} has new facts");
    put(session, &args.who.path(), body, [created, replaced])
}

pub(super) fn hold(session: &mut Session<'_, '_>, who: &InCall) -> Result<(), Failure> {
    let text = format!("{} in call {} is on hold", who.participant, who.call);
    patch(session, &who.path(), &json!({ "state": "held" }), &text)
}

pub(super) fn unhold(session: &mut Session<'_, '_>, who: &InCall) -> Result<(), Failure> {
    let text = format!("{} in call {} is active", who.participant, who.call);
    patch(session, &who.path(), &json!({ "state": "active" }), &text)
}

pub(super) fn leave(session: &mut Session<'_, '_>, who: &InCall) -> Result<(), Failure> {
    let text = format!("{} left call {}", who.participant, who.call);
    delete(session, &who.path(), &text)
}

pub(super) fn source(session: &mut Session<'_, '_>, args: SourceArgs) -> Result<(), Failure> {
    let types = args.payload.into_iter();
    let types: Map<_, _> = types.map(|(number, name)| (number, name.into())).collect();
    let body = present([
        ("participant", Some(args.participant.into())),
        ("payload_types", Some(types.into())),
        ("remote", args.remote.map(Value::from)),
        ("jitter_max_ms", args.jitter_max_ms.map(Value::from)),
    ]);
    let body = granted(session.client.put(&args.which.path(), &body.into()))?;
    let (address, port) = (plain(&body["address"]), plain(&body["port"]));
    session.say(&body, &format!("send RTP to {address} port {port}"))
}

pub(super) fn unsource(session: &mut Session<'_, '_>, which: &SourceOf) -> Result<(), Failure> {
    let text = format!("source {} of call {} closed", which.source, which.call);
    delete(session, &which.path(), &text)
}

fn put(
    session: &mut Session<'_, '_>,
    path: &str,
    body: Map<String, Value>,
    [created, replaced]: [String; 2],
) -> Result<(), Failure> {
    let answer = session.client.put(path, &body.into())?;
    let text = if answer.status == 201 {
        created
    } else {
        replaced
    };
    let body = granted(Ok(answer))?;
    session.say(&body, &text)
}

fn patch(
    session: &mut Session<'_, '_>,
    path: &str,
    body: &Value,
    text: &str,
) -> Result<(), Failure> {
    let body = granted(session.client.patch(path, body))?;
    session.say(&body, text)
}

fn delete(session: &mut Session<'_, '_>, path: &str, text: &str) -> Result<(), Failure> {
    let body = granted(session.client.delete(path))?;
    session.say(&body, text)
}

impl InCall {
    fn path(&self) -> String {
        let participant = segment(&self.participant);
        format!("{}/participants/{participant}", path(&self.call))
    }
}

impl SourceOf {
    fn path(&self) -> String {
        format!("{}/sources/{}", path(&self.call), segment(&self.source))
    }
}

/// The fields that have a value.
fn present<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    let fields = fields.into_iter();
    let present = fields.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    present.collect()
}

impl FactArgs {
    fn into_fields(self) -> Map<String, Value> {
        let called = (!self.called.is_empty()).then(|| json!(self.called));
        present([
            ("user", self.user.map(Value::from)),
            ("calling", self.calling.map(|party| json!(party))),
            ("called", called),
            ("codec", self.codec.map(Value::from)),
            ("security", self.security.map(Value::from)),
            ("priority", self.priority.map(Value::from)),
            ("lease_s", self.lease.map(Value::from)),
        ])
    }
}

impl Fact {
    const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Calling => "calling",
            Self::Called => "called",
            Self::Codec => "codec",
            Self::Security => "security",
            Self::Priority => "priority",
            Self::Lease => "lease_s",
        }
    }
}

fn parse_payload(text: &str) -> Result<(String, String), String> {
    let (number, name) = text
        .split_once('=')
        .ok_or("use TYPE=NAME, such as 0=PCMU")?;
    Ok((number.to_owned(), name.to_owned()))
}
