//! The calls, as a conference server asks for them.

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use sixreel::client::{Answer, Client, ClientError};
use sixreel::speakers::{FRAME, Speaker, Speakers};

/// Everybody who takes part in a call.
const PARTICIPANTS: [&str; 2] = ["console", "caller"];
/// Turns of a period, over which the streams are spread.
const TURNS: usize = 20;
/// So many periods of 20 ms all recordings may take to begin, and to end.
const PATIENCE: usize = 1500;

/// Many calls.
pub(crate) struct Calls<'a> {
    client: Client,
    speakers: &'a Speakers,
    count: usize,
}

impl<'a> Calls<'a> {
    /// Starts so many calls, in each of which two speak.
    pub(crate) fn start(
        mut client: Client,
        speakers: &'a Speakers,
        count: usize,
    ) -> Result<Self, Box<dyn Error>> {
        let speech = speech();
        for number in 0..count {
            let facts = json!({
                "console_id": "console-4", "codec": "PCMU",
                "calling": { "number": "1000" }, "called": [{ "number": "2000" }],
            });
            granted(client.put(&path(number, ""), &facts))?;
            for (who, participant) in PARTICIPANTS.into_iter().enumerate() {
                let of = path(number, &format!("/participants/{participant}"));
                granted(client.put(&of, &json!({ "name": participant })))?;
                let spec = json!({ "participant": participant, "payload_types": { "0": "PCMU" } });
                let of = path(number, &format!("/sources/{participant}"));
                let opened = granted(client.put(&of, &spec))?;
                let id = number * PARTICIPANTS.len() + who;
                speakers.add(id, speaker(id, &opened, &speech)?);
            }
            // The others speak meanwhile, so that packets are not sent in one great burst.
            if number % TURNS == 0 {
                speakers.tick()?;
            }
        }
        Ok(Self {
            client,
            speakers,
            count,
        })
    }

    /// Waits until every call is recorded.
    pub(crate) fn wait_until_recorded(&mut self) -> Result<(), Box<dyn Error>> {
        let count = self.count as u64;
        self.wait("not every call is recorded", |recordings| {
            recordings["recording"].as_u64() == Some(count)
        })
    }

    /// The server's counters.
    pub(crate) fn stats(&mut self) -> Result<Value, Box<dyn Error>> {
        granted(self.client.get("/v1/stats"))
    }

    /// How late the latest slot of the last second was served.
    pub(crate) fn latest_slot_us(&mut self) -> Result<u64, Box<dyn Error>> {
        let stats = self.stats()?;
        let workers = stats["workers"].as_array().into_iter().flatten();
        let latest = workers.filter_map(|worker| worker["late_us"]["max"].as_u64());
        Ok(latest.max().unwrap_or(0))
    }

    /// Ends all calls and waits until the recorder knows.
    pub(crate) fn stop(mut self) -> Result<(), Box<dyn Error>> {
        for number in 0..self.count {
            granted(self.client.delete(&path(number, "")))?;
            if number % TURNS == 0 {
                self.speakers.tick()?;
            }
        }
        self.wait("not every BYE is answered", |recordings| {
            let states = recordings.as_object().into_iter().flatten();
            states.into_iter().all(|(_, count)| count == 0)
        })
    }

    fn wait(
        &mut self,
        complaint: &str,
        are_well: impl Fn(&Value) -> bool,
    ) -> Result<(), Box<dyn Error>> {
        let mut recordings = Value::Null;
        for _ in 0..PATIENCE {
            self.speakers.tick()?;
            recordings = self.stats()?["recordings"].take();
            if are_well(&recordings) {
                return Ok(());
            }
        }
        Err(format!("{complaint}: {recordings}").into())
    }
}

/// A stream to the source that was opened.
fn speaker(id: usize, opened: &Value, speech: &Arc<[u8]>) -> Result<Speaker, Box<dyn Error>> {
    let unknown = || format!("no place to send RTP to: {opened}");
    let ip: IpAddr = opened["address"].as_str().ok_or_else(unknown)?.parse()?;
    let port = opened["port"].as_u64().ok_or_else(unknown)?;
    Ok(Speaker {
        to: (ip, u16::try_from(port)?).into(),
        payload_type: 0,
        ssrc: id as u32 + 1,
        sequence: 0,
        timestamp: 0,
        speech: Arc::clone(speech),
        repeats: true,
        turn: (id % TURNS) as u8,
    })
}

/// A second that is neither silence nor twice the same.
fn speech() -> Arc<[u8]> {
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    noise.take(50 * FRAME).collect()
}

fn path(number: usize, of: &str) -> String {
    format!("/v1/calls/load-{number}{of}")
}

fn granted(answer: Result<Answer, ClientError>) -> Result<Value, Box<dyn Error>> {
    let Answer { status, body } = answer?;
    if status >= 400 {
        return Err(format!("the server refuses: {body}").into());
    }
    Ok(body)
}
