//! What the conference server knows of its calls, and what it does next.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::world::World;

/// Calls at once, and participants of a call.
const CALLS_MAX: usize = 3;
const PARTICIPANTS_MAX: usize = 4;

/// Names that somebody, somewhere, has or gives.
const NAMES: [&str; 10] = [
    "Ann",
    "Zo\u{eb} M\u{fc}ller",
    "O'Neil, \"Bo\" <bo@x>",
    "a&b</name>]]>",
    "\u{540d}\u{524d}",
    "semi;colon=1, comma",
    "%0d%0aX-Evil: 1",
    "<![CDATA[x",
    "back\\slash \"quote",
    "\u{1f600}",
];

/// Every call that goes on.
#[derive(Debug, Default)]
pub struct Model {
    pub calls: BTreeMap<String, Call>,
    /// Calls and people so far.
    calls_ever: usize,
    people_ever: usize,
}

/// A call.
#[derive(Debug, Default)]
pub struct Call {
    pub people: BTreeMap<String, Person>,
    pub user: String,
    pub paused: bool,
    /// Whether it ever had a participant.
    pub began: bool,
}

/// A participant.
#[derive(Debug)]
pub struct Person {
    pub name: String,
    pub held: bool,
    /// The number of the tone.
    pub tone: usize,
    /// The telephone, and the number of sources that it had.
    caller: usize,
    sources: usize,
}

impl Model {
    /// Does one thing, by chance.
    pub fn act(&mut self, world: &mut World) {
        let call = self.any_call(world);
        let Some(call) = call.filter(|_| world.random.below(10) > 0) else {
            self.start(world);
            return;
        };
        match world.random.below(16) {
            0..=4 => self.join(&call, world),
            5 | 6 => self.hold(&call, world),
            7 => self.leave(&call, world),
            8 | 9 => self.pause(&call, world),
            10 | 11 => self.patch(&call, world),
            12 => self.move_source(&call, world),
            13 => self.say_again(&call, world),
            14 => self.stop(&call, world),
            _ => self.silence(&call, world),
        }
    }

    /// A call begins.
    pub fn start(&mut self, world: &mut World) {
        if self.calls.len() >= CALLS_MAX {
            return;
        }
        let id = format!("call-{}", self.calls_ever);
        self.calls_ever += 1;
        let user = NAMES[self.calls_ever % NAMES.len()].to_owned();
        let codec = ["PCMU", "PCMA"][world.random.below(2) as usize];
        let facts = json!({
            "console_id": "desk", "user": user, "calling": {"number": "1"}, "codec": codec,
        });
        expect(world, "PUT", &format!("/v1/calls/{id}"), Some(&facts), 201);
        let call = Call {
            user,
            ..Call::default()
        };
        self.calls.insert(id.clone(), call);
        self.join(&id, world);
    }

    /// Somebody joins, and talks.
    pub fn join(&mut self, call: &str, world: &mut World) {
        let Some(known) = self.calls.get_mut(call) else {
            return;
        };
        if known.people.len() >= PARTICIPANTS_MAX {
            return;
        }
        let tone = self.people_ever % 20;
        let id = format!("p{}", self.people_ever);
        self.people_ever += 1;
        let name = format!("{} {}", NAMES[tone % NAMES.len()], self.people_ever);
        let facts = json!({"name": name, "number": format!("10{tone}")});
        let path = format!("/v1/calls/{call}/participants/{id}");
        expect(world, "PUT", &path, Some(&facts), 201);
        let to = open_source(world, call, &id, 0);
        let caller = world.speak(to, tone, false);
        known.began = true;
        let person = Person {
            name,
            held: false,
            tone,
            caller,
            sources: 1,
        };
        known.people.insert(id, person);
    }

    /// A call is over.
    pub fn stop(&mut self, call: &str, world: &mut World) {
        expect(world, "DELETE", &format!("/v1/calls/{call}"), None, 204);
        let gone = self.calls.remove(call).expect("it went on");
        for person in gone.people.values() {
            world.callers[person.caller].is_gone = true;
        }
    }

    /// Every recorder has to be told something.
    pub fn patch_and_join(&mut self, call: &str, world: &mut World) {
        self.patch(call, world);
        self.hold(call, world);
        self.join(call, world);
    }

    /// Everybody talks.
    pub fn talk(&self, world: &mut World) {
        for person in self.calls.values().flat_map(|call| call.people.values()) {
            world.callers[person.caller].talks = true;
        }
    }

    /// What the control interface shows is what we know.
    pub fn check(&self, world: &mut World) {
        for (id, call) in &self.calls {
            let view = expect(world, "GET", &format!("/v1/calls/{id}"), None, 200);
            let state = if call.paused { "paused" } else { "active" };
            assert_eq!(
                (&view["state"], &view["user"]),
                (&json!(state), &json!(call.user))
            );
            let shown = view["participants"].as_array().expect("a list").iter();
            let shown: BTreeMap<_, _> = shown
                .map(|who| {
                    (
                        who["id"].clone().to_string(),
                        (who["name"].clone(), who["state"] == "held"),
                    )
                })
                .collect();
            let known = call.people.iter();
            let known = known
                .map(|(id, who)| (json!(id).to_string(), (json!(who.name), who.held)))
                .collect();
            assert_eq!(shown, known);
            let sources = view["sources"].as_array().expect("a list").len();
            assert_eq!(sources, call.people.len());
        }
        let all = expect(world, "GET", "/v1/calls", None, 200);
        let shown = all["calls"].as_array().expect("a list").iter();
        let ours = shown.filter(|call| {
            call["id"]
                .as_str()
                .is_some_and(|id| id.starts_with("call-"))
        });
        assert_eq!(ours.count(), self.calls.len());
    }

    fn any_call(&self, world: &mut World) -> Option<String> {
        any(self.calls.keys(), world)
    }

    fn any_person(&self, call: &str, world: &mut World) -> Option<String> {
        any(self.calls.get(call)?.people.keys(), world)
    }

    fn hold(&mut self, call: &str, world: &mut World) {
        let Some(id) = self.any_person(call, world) else {
            return;
        };
        let person = self.person(call, &id);
        person.held = !person.held;
        let state = if person.held { "held" } else { "active" };
        let path = format!("/v1/calls/{call}/participants/{id}");
        expect(world, "PATCH", &path, Some(&json!({"state": state})), 200);
    }

    fn leave(&mut self, call: &str, world: &mut World) {
        let Some(id) = self.any_person(call, world) else {
            return;
        };
        let path = format!("/v1/calls/{call}/participants/{id}");
        expect(world, "DELETE", &path, None, 204);
        let people = self.calls.get_mut(call).map(|call| &mut call.people);
        if let Some(gone) = people.and_then(|people| people.remove(&id)) {
            world.callers[gone.caller].is_gone = true;
        }
    }

    fn pause(&mut self, call: &str, world: &mut World) {
        let known = self.calls.get_mut(call).expect("it goes on");
        known.paused = !known.paused;
        let what = if known.paused { "pause" } else { "resume" };
        expect(
            world,
            "POST",
            &format!("/v1/calls/{call}/{what}"),
            None,
            200,
        );
    }

    fn patch(&mut self, call: &str, world: &mut World) {
        let known = self.calls.get_mut(call).expect("it goes on");
        let others = NAMES.iter().filter(|name| **name != known.user);
        let other = world.random.below(NAMES.len() as u64 - 1) as usize;
        known.user = others.copied().nth(other).unwrap_or_default().to_owned();
        let facts = json!({"user": known.user});
        expect(
            world,
            "PATCH",
            &format!("/v1/calls/{call}"),
            Some(&facts),
            200,
        );
    }

    /// A participant's audio comes from another telephone.
    fn move_source(&mut self, call: &str, world: &mut World) {
        let Some(id) = self.any_person(call, world) else {
            return;
        };
        let person = self.person(call, &id);
        let number = person.sources;
        person.sources += 1;
        world.callers[person.caller].is_gone = true;
        let path = format!("/v1/calls/{call}/sources/{id}-{}", number - 1);
        expect(world, "DELETE", &path, None, 204);
        let to = open_source(world, call, &id, number);
        person.caller = world.speak(to, person.tone, false);
    }

    /// The conference server repeats itself: nothing changes.
    fn say_again(&mut self, call: &str, world: &mut World) {
        let Some(id) = self.any_person(call, world) else {
            return;
        };
        let person = self.person(call, &id);
        let source = format!("{id}-{}", person.sources - 1);
        let spec = source_spec(&id);
        let path = format!("/v1/calls/{call}/sources/{source}");
        expect(world, "PUT", &path, Some(&spec), 200);
    }

    fn silence(&mut self, call: &str, world: &mut World) {
        if let Some(id) = self.any_person(call, world) {
            let caller = self.person(call, &id).caller;
            let talks = &mut world.callers[caller].talks;
            *talks = !*talks;
        }
    }

    fn person(&mut self, call: &str, id: &str) -> &mut Person {
        let call = self.calls.get_mut(call).expect("it goes on");
        call.people.get_mut(id).expect("who was chosen is there")
    }
}

/// Asks, and expects this status.
pub fn expect(
    world: &mut World,
    method: &str,
    path: &str,
    body: Option<&Value>,
    status: u16,
) -> Value {
    let answer = world.ask(method, path, body);
    assert_eq!(
        answer.status, status,
        "{method} {path} {body:?}: {}",
        answer.body
    );
    answer.body
}

/// The address in what is shown of a source.
pub fn address_of(source: &Value) -> SocketAddr {
    let address = source["address"]
        .as_str()
        .and_then(|text| text.parse().ok());
    let port = source["port"].as_u64().expect("a port");
    SocketAddr::new(address.expect("an address"), port as u16)
}

fn open_source(world: &mut World, call: &str, id: &str, number: usize) -> SocketAddr {
    let path = format!("/v1/calls/{call}/sources/{id}-{number}");
    let source = expect(world, "PUT", &path, Some(&source_spec(id)), 201);
    address_of(&source)
}

fn source_spec(participant: &str) -> Value {
    json!({"participant": participant, "payload_types": {"0": "PCMU", "8": "PCMA"}})
}

fn any<'a>(all: impl ExactSizeIterator<Item = &'a String>, world: &mut World) -> Option<String> {
    let count = all.len() as u64;
    let mut all = all;
    let chosen = (count > 0).then(|| world.random.below(count))?;
    all.nth(chosen as usize).cloned()
}
