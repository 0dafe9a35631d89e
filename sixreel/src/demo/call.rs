//! The call, as a conference server asks for it.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Value, json};

use super::script::{Act, Person};
use crate::client::Client;
use crate::commands::granted;
use crate::failure::Failure;
use crate::speakers::{Speaker, SpeakerId, Speakers};

/// What the conference server calls the call.
pub(super) const CALL: &str = "1973499061";

/// The call and those who speak in it.
pub(super) struct Call {
    client: Client,
    speakers: Speakers,
    /// Who speaks, in the order of [`Person::ALL`].
    speaking: [Option<SpeakerId>; Person::ALL.len()],
}

impl Call {
    /// Tells the server of the call. Nobody takes part yet.
    pub(super) fn start(mut client: Client, speakers: Speakers) -> Result<Self, Failure> {
        granted(client.put(&path(""), &facts()))?;
        Ok(Self {
            client,
            speakers,
            speaking: [None; Person::ALL.len()],
        })
    }

    /// Something happens to somebody's part in it.
    pub(super) fn act(&mut self, person: Person, act: Act) -> Result<(), Failure> {
        let participant = path(&format!("/participants/{}", person.id()));
        match act {
            Act::Join => {
                let who = json!({ "name": person.name(), "number": person.number() });
                granted(self.client.put(&participant, &who))?;
                self.speak(person)
            }
            Act::Hold => self.change(&participant, "held"),
            Act::Resume => self.change(&participant, "active"),
            Act::Leave => {
                granted(self.client.delete(&participant))?;
                if let Some(speaking) = self.speaking[person as usize].take() {
                    self.speakers.remove(speaking);
                }
                Ok(())
            }
        }
    }

    /// Everybody begins to speak.
    pub(super) fn begin(&self) {
        self.speakers.begin();
    }

    /// Waits for the next period of 20 ms: how many have passed since all began to speak.
    pub(super) fn tick(&self) -> Result<u64, Failure> {
        let ticked = self.speakers.tick();
        ticked.map_err(|error| Failure::Server(error.to_string()))
    }

    /// The recordings of the call as the server shows them.
    pub(super) fn recordings(&mut self) -> Result<Vec<Value>, Failure> {
        let mut list = granted(self.client.get("/v1/recordings"))?;
        let Value::Array(recordings) = list["recordings"].take() else {
            return Err(Failure::Server(format!("no list of recordings: {list}")));
        };
        Ok(recordings)
    }

    /// Ends the call.
    pub(super) fn stop(&mut self) -> Result<(), Failure> {
        granted(self.client.delete(&path(""))).map(drop)
    }

    /// Ends what is left of the speakers.
    pub(super) fn leave(self) -> Result<(), Failure> {
        let stopped = self.speakers.stop();
        stopped.map_err(|error| Failure::Server(format!("RTP cannot be sent: {error}")))
    }

    /// Opens a source for a participant, who speaks into it from now on.
    fn speak(&mut self, person: Person) -> Result<(), Failure> {
        let source = path(&format!("/sources/{}", person.id()));
        let spec = json!({ "participant": person.id(), "payload_types": { "0": "PCMU" } });
        let opened = granted(self.client.put(&source, &spec))?;
        let ip = opened["address"].as_str();
        let ip = ip.and_then(|ip| ip.parse::<IpAddr>().ok());
        let port = opened["port"]
            .as_u64()
            .and_then(|port| port.try_into().ok());
        let (Some(ip), Some(port)) = (ip, port) else {
            return Err(Failure::Server(format!(
                "no place to send RTP to: {opened}"
            )));
        };
        let number = person as usize;
        let speaker = Speaker {
            to: (ip, port).into(),
            payload_type: 0,
            ssrc: 0x6001 + number as u32,
            sequence: 0,
            timestamp: 0,
            speech: Arc::from(person.speech()),
            repeats: false,
            turn: 0,
        };
        self.speaking[number] = Some(self.speakers.add(number, speaker));
        Ok(())
    }

    fn change(&mut self, participant: &str, state: &str) -> Result<(), Failure> {
        granted(self.client.patch(participant, &json!({ "state": state }))).map(drop)
    }
}

/// What is told of the call itself.
pub(super) fn facts() -> Value {
    let party = |person: Person| json!({ "name": person.name(), "number": person.number() });
    json!({
        "console_id": "console-4", "user": "ada",
        "calling": party(Person::Caller), "called": [party(Person::Operator)], "codec": "PCMU",
    })
}

fn path(of: &str) -> String {
    format!("/v1/calls/{CALL}{of}")
}
