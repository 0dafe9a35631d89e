//! Who calls, as the first INVITE tells it, and what is wrong with it.

use sixreel_controlplane::metadata::{CallInfo, Contents, Document, Id, IdFormat};
use sixreel_controlplane::sdp::{Description, Direction};
use sixreel_controlplane::sip::flow::{Flow, Protocol};
use sixreel_controlplane::sip::message::Request;
use sixreel_controlplane::time::Wall;

use crate::engine::Output;
use crate::event::Event;

/// What the names of information headers begin with, as the ControlONE interface has it.
const INFO_PREFIX: &str = "X-ControlONE-Info-";

/// The client of one call.
#[derive(Debug)]
pub(crate) struct Caller {
    /// What the call is called.
    pub(super) name: String,
    pub(super) flow: Flow,
    pub(super) user_agent: Option<String>,
    pub(super) info: CallInfo,
    /// What the client does otherwise than the RFCs say.
    pub(super) findings: Vec<String>,
    pub(super) invited: Wall,
}

impl Caller {
    /// From the INVITE.
    pub(crate) fn new(invite: &Request, flow: Flow, invited: Wall) -> Self {
        let info = call_info(invite);
        Self {
            name: name(&info, invite),
            flow,
            user_agent: invite.headers.get("User-Agent").map(str::to_owned),
            info,
            findings: findings(invite),
            invited,
        }
    }

    /// Tells what happens to its call.
    pub(crate) fn tell(&self, event: Event, out: &mut Vec<Output>) {
        out.push(Output::Event {
            call: self.name.clone(),
            event,
        });
    }

    /// Whether nobody else could read what it said.
    pub(crate) const fn is_secure(&self) -> bool {
        matches!(self.flow.protocol, Protocol::Tls(_))
    }

    /// By which transport it called.
    pub(crate) const fn transport(&self) -> &'static str {
        match self.flow.protocol {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
            Protocol::Tls(_) => "tls",
        }
    }
}

/// The information headers of a request.
pub(super) fn call_info(request: &Request) -> CallInfo {
    CallInfo::parse(INFO_PREFIX, request.headers.iter())
}

/// The call's own identifier, by its headers or by its metadata, or else that of SIP.
fn name(info: &CallInfo, invite: &Request) -> String {
    let by_metadata = || {
        let document = contents(invite).metadata?;
        let Ok(Document::Recording(recording)) = Document::parse(document) else {
            return None;
        };
        let session = recording.sessions.into_iter().next()?;
        let id = Id::parse(&session.id).map(|id| id.write(IdFormat::Uuid));
        Some(id.unwrap_or(session.id))
    };
    let known = info.call_id.clone().or_else(by_metadata);
    known.unwrap_or_else(|| invite.headers.get("Call-ID").unwrap_or_default().to_owned())
}

fn findings(invite: &Request) -> Vec<String> {
    let headers = &invite.headers;
    let contact = headers.contact().ok().flatten();
    let contents = contents(invite);
    let offer = contents.sdp.and_then(|sdp| Description::parse(sdp).ok());
    let media = offer.as_ref().and_then(|offer| offer.media.first());
    let told = contents.metadata.is_some() || call_info(invite) != CallInfo::default();
    let rules = [
        (
            contact.is_some_and(|contact| contact.params.get("+sip.src").is_some()),
            "the INVITE's Contact lacks +sip.src (RFC 7866 §6.1.1)",
        ),
        (
            headers.lists("Require", "siprec"),
            "the INVITE lacks Require: siprec (RFC 7866 §6.1.1)",
        ),
        (
            media.is_none_or(|media| media.label.is_some()),
            "the stream has no a=label (RFC 7866 §7.1.1)",
        ),
        (
            media.is_none_or(|media| {
                matches!(media.direction, Direction::SendOnly | Direction::Inactive)
            }),
            "the stream is offered neither sendonly nor inactive (RFC 7866 §7.1.1)",
        ),
        (
            told,
            "the INVITE has neither metadata nor call information (RFC 7866 §9.1)",
        ),
    ];
    let broken = rules.iter().filter(|(kept, _)| !kept);
    broken.map(|(_, finding)| (*finding).to_owned()).collect()
}

fn contents(request: &Request) -> Contents<'_> {
    Contents::parse(request.headers.get("Content-Type"), &request.body)
}
