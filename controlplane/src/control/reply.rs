//! What the engine answers, and the HTTP answer that it becomes.

use serde::Serialize;

use super::http::Response;
use super::problem::Problem;
use super::view::{
    CallList, CallView, HealthView, ParticipantView, RecorderList, RecorderView, RecordingList,
    RecordingView, SourceView, StatsView, TrialView, VersionView,
};

/// Names one request of one client, so that its answer finds the way back, at once or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// The client's place in the listener,
    pub(crate) client: usize,
    /// which of the place's successive clients it is,
    pub(crate) generation: u64,
    /// and the request's number on its connection.
    pub(crate) number: u64,
}

impl Ticket {
    /// For the request `number` of one client: the `generation`-th of those that had its place.
    pub const fn new(client: usize, generation: u64, number: u64) -> Self {
        Self {
            client,
            generation,
            number,
        }
    }
}

/// The engine's answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// 201: there is something new.
    Created(View),
    /// 200: so it stands.
    Ok(View),
    /// 204: it is gone.
    NoContent,
    /// The request was refused.
    Problem(Problem),
}

/// Whatever can be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum View {
    Calls(CallList),
    Call(CallView),
    Participant(ParticipantView),
    Source(SourceView),
    Recordings(RecordingList),
    Recording(RecordingView),
    Recorders(RecorderList),
    Recorder(Box<RecorderView>),
    Trial(TrialView),
    Stats(StatsView),
    Health(HealthView),
    Version(VersionView),
}

impl Reply {
    /// The answer in HTTP.
    pub fn response(&self) -> Response {
        match self {
            Self::Created(view) => Response::json(201, "application/json", view),
            Self::Ok(view) => Response::json(200, "application/json", view),
            Self::NoContent => Response::no_content(),
            Self::Problem(problem) => problem.response(),
        }
    }
}
