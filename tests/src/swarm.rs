//! From a seed to a world, its weather, and everything that befalls it.
//!
//! Each seed chooses which kinds of trouble there are at all, and then how much: some runs know
//! only loss, others everything at once. When the trouble is over, everything must be as it should
//! be within bounded time; and when everything is stopped, nothing must be left.

use std::collections::BTreeSet;
use std::time::Duration;

use sixreel_controlplane::random::Random;
use sixreel_controlplane::sdp::Codec;
use sixreel_dataplane::time::Nanos;
use sixreel_srs::behaviour::{Answer, Behaviour, Manner, Pick, Step, Wish};

use crate::agenda::{Fault, Happening};
use crate::convergence::{check_budgets, check_empty, check_received, missing, run_out};
use crate::garble::garble;
use crate::model::Model;
use crate::network::{Node, Outage, Weather};
use crate::world::{Plan, World, request};

/// How long it may take until everything is as it should be, in fine weather.
const CONVERGED_MS: u64 = 150_000;
/// How long it may take until nothing is left: twice RFC 3261's longest timers.
const EMPTY_MS: u64 = 70_000;

/// What kinds of trouble there are.
#[derive(Clone, Copy, Debug)]
struct Troubles {
    /// Lost, doubled, late, garbled.
    weather: [bool; 4],
    outages: bool,
    connections: bool,
    restarts: bool,
    /// Recorders behave strangely,
    moods: bool,
    /// and refuse for good.
    refusals: bool,
    telephones: bool,
    strangers: bool,
}

/// One run.
#[derive(Debug)]
pub struct Run {
    seed: u64,
    world: World,
    model: Model,
    troubles: Troubles,
    /// Recorders that may have refused a call for good.
    may_fail: Vec<bool>,
    /// The first recorder has no trouble at all: whatever befalls the others, it must not notice.
    has_bystander: bool,
}

/// Runs a seed from its beginning to its end, and returns the hash of everything that happened.
pub fn run(seed: u64) -> u64 {
    let mut run = Run::new(seed);
    run.trouble();
    run.heal();
    run.stop();
    run.world.trace.hash()
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut bytes = [0x5a; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let random = &mut Random::new(bytes);
        let troubles = Troubles::new(random);
        let count = 1 + random.below(6).min(random.below(6)) as usize;
        let mut may_fail = vec![troubles.weather[3]; count];
        let mut plans: Vec<_> = may_fail
            .iter_mut()
            .map(|may_fail| plan(random, may_fail))
            .collect();
        let has_bystander = random.below(2) == 0;
        if has_bystander {
            plans[0].config = "transport = \"tcp\"".to_owned();
            may_fail[0] = false;
        }
        let mut world = World::new(seed, &plans);
        for number in usize::from(has_bystander)..count {
            if let Some(weather) = troubles.weather(random) {
                world.network.link(Node::Recorder(number)).weather = weather;
            }
        }
        if let Some(weather) = troubles.weather(random).filter(|_| troubles.telephones) {
            world.network.link(Node::Callers).weather = weather;
        }
        Self {
            seed,
            world,
            model: Model::default(),
            troubles,
            may_fail,
            has_bystander,
        }
    }

    /// Calls begin, change and end, while everything goes wrong that may.
    fn trouble(&mut self) {
        let world = &mut self.world;
        let lasts = 4_000 + world.random.below(14_000);
        for _ in 0..world.random.below(20) {
            self.plan_fault(lasts);
        }
        while self.world.passed() < Nanos::from_millis(lasts) {
            self.model.act(&mut self.world);
            if self.troubles.moods && self.world.random.below(3) == 0 {
                self.plan_mood();
            }
            if self.troubles.strangers && self.world.random.below(3) == 0 {
                self.talk_nonsense();
            }
            self.model.check(&mut self.world);
            let pause = self.world.random.below(900);
            self.world.run(pause * pause / 900);
        }
        check_received(&self.world.recorders);
        self.check_bystander();
    }

    /// The weather is fine again: each call is recorded by every recorder that did not refuse it.
    fn heal(&mut self) {
        let world = &mut self.world;
        world.agenda.spare();
        for recorder in 0..world.recorders.len() {
            let link = world.network.link(Node::Recorder(recorder));
            link.weather = Weather::FINE;
            world.befall(Fault::Repair { recorder });
            world.recorders[recorder].engine.unplan();
        }
        world.network.link(Node::Callers).weather = Weather::FINE;
        self.model.talk(world);
        if self.model.calls.is_empty() {
            self.model.start(world);
        }
        // What recorders do by themselves comes to its end.
        world.run(9_000);
        // A recorder that lost a session says so when it is told something.
        let calls: Vec<_> = self.model.calls.keys().cloned().collect();
        for call in calls {
            self.model.patch_and_join(&call, world);
        }
        let mut last = None;
        for _ in 0..CONVERGED_MS / 500 {
            world.run(500);
            last = missing(world, &self.model, &self.may_fail);
            if last.is_none() {
                break;
            }
        }
        assert_eq!(last, None);
        check_received(&world.recorders);
        check_budgets(&world.site.told);
        self.check_bystander();
    }

    /// Everything is stopped: nothing is left.
    fn stop(&mut self) {
        let world = &mut self.world;
        let calls: Vec<_> = self.model.calls.keys().cloned().collect();
        for call in calls {
            self.model.stop(&call, world);
        }
        let others = world.ask("GET", "/v1/calls", None).body;
        for call in others["calls"].as_array().into_iter().flatten() {
            let id = call["id"].as_str().unwrap_or_default();
            world.ask("DELETE", &format!("/v1/calls/{id}"), None);
        }
        for caller in &mut world.callers {
            caller.is_gone = true;
        }
        world.run_until(EMPTY_MS, |world| world.site.engine.is_empty());
        world.run(100);
        check_empty(world);
        run_out(world);
        check_received(&world.recorders);
        check_empty(world);
    }

    /// The bystander has one recording of each call, and no packet of it is missing or late.
    fn check_bystander(&self) {
        if !self.has_bystander {
            return;
        }
        let bystander = &self.world.recorders[0];
        let names: BTreeSet<_> = bystander.recordings.iter().map(|it| &it.name).collect();
        assert_eq!(
            names.len(),
            bystander.recordings.len(),
            "{:?}",
            bystander.events
        );
        for facts in bystander.recordings.iter().flat_map(|it| &it.facts) {
            let media = &facts.media;
            assert_eq!(
                (
                    media.lost,
                    media.reordered,
                    media.restarts,
                    media.ssrc_changes
                ),
                (0, 0, 0, 0)
            );
            assert!(media.longest_gap_ms <= 25, "{media:?}");
        }
    }

    fn plan_fault(&mut self, lasts: u64) {
        let world = &mut self.world;
        let recorder = world.random.below(world.recorders.len() as u64) as usize;
        if self.has_bystander && recorder == 0 {
            return;
        }
        let at = Nanos::from_millis(world.random.below(lasts));
        let until = at.after(Nanos::from_millis(100 + world.random.below(6_000)));
        let Troubles {
            outages,
            connections,
            restarts,
            ..
        } = self.troubles;
        let outage = [Outage::BlackHole, Outage::Refused][world.random.below(2) as usize];
        let fault = match world.random.below(4) {
            0 | 1 if outages => {
                let repair = Happening::Fault(Fault::Repair { recorder });
                world.agenda.push(until, repair);
                Fault::Outage { recorder, outage }
            }
            2 if connections && outage == Outage::Refused => Fault::Reset { recorder },
            2 if connections => Fault::HalfOpen { recorder },
            3 if restarts => Fault::Restart { recorder },
            _ => return,
        };
        world.agenda.push(at, Happening::Fault(fault));
    }

    /// A recorder will treat one of the next calls in its own way.
    fn plan_mood(&mut self) {
        let random = &mut self.world.random;
        let number = random.below(self.may_fail.len() as u64) as usize;
        if self.has_bystander && number == 0 {
            return;
        }
        let (behaviour, is_final) = mood(random, self.troubles.refusals);
        self.may_fail[number] |= is_final;
        self.world.recorders[number].engine.plan(behaviour);
    }

    /// Somebody sends what was sensible once: to the control interface, to SIP, to a media port.
    fn talk_nonsense(&mut self) {
        let world = &mut self.world;
        let body = serde_json::json!({"console_id": "x", "user": "y", "called": [{"name": "z"}]});
        let paths = [
            "/v1/calls/stranger",
            "/v1/calls?limit=5",
            "/v1/recordings/1-r0",
        ];
        let path = paths[world.random.below(3) as usize];
        let method = ["PUT", "GET", "PATCH", "DELETE"][world.random.below(4) as usize];
        let mut bytes = request(method, path, Some(&body)).into_bytes();
        garble(&mut bytes, &mut world.random);
        world.say(&bytes);
        let heard = world.recorders[0]
            .heard
            .last()
            .map(|message| match message {
                sixreel_controlplane::sip::message::Message::Request(request) => request.write(),
                sixreel_controlplane::sip::message::Message::Response(response) => response.write(),
            });
        if let Some(mut bytes) = heard {
            garble(&mut bytes, &mut world.random);
            let flow = crate::recorder::flow(
                sixreel_controlplane::sip::flow::Protocol::Udp,
                Node::Callers.sip(),
            );
            world.arrive(Node::Site, flow, &bytes);
        }
        let port = 20_000 + world.random.below(256) as u16;
        let mut bytes = vec![0x80, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
        garble(&mut bytes, &mut world.random);
        let now = world.passed();
        world.site.receive(port, Node::Callers.sip(), &bytes, now);
    }
}

impl Troubles {
    fn new(random: &mut Random) -> Self {
        let mut is_there = || random.below(2) == 0;
        Self {
            weather: [is_there(), is_there(), is_there(), is_there() && is_there()],
            outages: is_there(),
            connections: is_there(),
            restarts: is_there(),
            moods: is_there(),
            refusals: is_there(),
            telephones: is_there(),
            strangers: is_there(),
        }
    }

    /// The weather of a link, if it is not fine.
    fn weather(&self, random: &mut Random) -> Option<Weather> {
        let mut rate = |is_there: bool, most: u64| if is_there { random.below(most) } else { 0 };
        let [lost, doubled, late, garbled] = self.weather;
        let weather = Weather {
            lost: rate(lost, 300),
            doubled: rate(doubled, 300),
            late: rate(late, 300),
            garbled: rate(garbled, 150),
            delay: Nanos(200_000 + rate(late, 80_000_000)),
            jitter: Nanos(rate(late, 30_000_000)),
        };
        (random.below(3) > 0).then_some(weather)
    }
}

impl Drop for Run {
    #[expect(clippy::print_stderr, reason = "what failed must be found again")]
    fn drop(&mut self) {
        let is_one = std::env::var_os("SIXREEL_SEED").is_some();
        if std::thread::panicking() {
            // Whoever repeats a seed wants to see all of it.
            let most = if is_one { usize::MAX } else { 100 };
            eprintln!("{}", self.world.trace.lines(most));
            eprintln!("{:?}", self.troubles);
            eprintln!("to repeat it: SIXREEL_SEED={}", self.seed);
        }
    }
}

/// A recorder's configuration.
fn plan(random: &mut Random, may_fail: &mut bool) -> Plan {
    let mut pick =
        |choices: &[&str]| choices[random.below(choices.len() as u64) as usize].to_owned();
    let mut lines = vec![
        pick(&[
            "transport = \"tcp\"",
            "transport = \"udp\"",
            "transport = \"auto\"",
        ]),
        pick(&[
            "info = \"both\"",
            "info = \"metadata\"",
            "info = \"headers\"",
        ]),
        pick(&["csrc = true", "csrc = false"]),
        pick(&[
            "id_format = \"base64\"",
            "id_format = \"base64\"",
            "label = \"7\"",
        ]),
        pick(&["invite_timeout_ms = 5000", "invite_timeout_ms = 2000"]),
        pick(&["uri = \"sip:rec@srs.example.com\"", "", "", ""]),
    ];
    if random.below(6) == 0 {
        *may_fail = true;
        lines.push("after_bye = \"stop\"".to_owned());
    }
    let codecs = match random.below(4) {
        0 => vec![Codec::Pcma],
        1 => vec![Codec::Pcma, Codec::Pcmu],
        _ => vec![Codec::Pcmu, Codec::Pcma],
    };
    let behaviour = Behaviour::Record(Manner {
        codecs,
        pick: if random.below(2) == 0 {
            Pick::Own
        } else {
            Pick::Offer
        },
        feature_tag: random.below(3) > 0,
        ..Manner::default()
    });
    Plan {
        config: lines.join("\n"),
        behaviour,
    }
}

/// How a recorder treats a call, and whether that may be the last word.
fn mood(random: &mut Random, refusals: bool) -> (Behaviour, bool) {
    let ms = |random: &mut Random, most| Duration::from_millis(random.below(most));
    match random.below(8) {
        0 => (Behaviour::Ignore, false),
        1 => (
            Behaviour::Reject([408, 480, 500, 503][random.below(4) as usize]),
            false,
        ),
        2 if refusals => (
            Behaviour::Reject([302, 403, 420, 486, 488, 603][random.below(6) as usize]),
            true,
        ),
        3 => {
            let answer = [
                Answer::Nonsense,
                Answer::Nothing,
                Answer::SdpAndMetadata,
                Answer::Metadata,
            ];
            let manner = Manner {
                answer: answer[random.below(4) as usize],
                ..Manner::default()
            };
            (Behaviour::Record(manner), false)
        }
        _ => {
            let mut steps = Vec::new();
            let begin = if random.below(3) == 0 {
                Wish::Pause
            } else {
                Wish::Receive
            };
            if begin == Wish::Pause || random.below(3) == 0 {
                let pause = ms(random, 3_000);
                steps.push((pause, Step::Want(Wish::Pause)));
                steps.push((pause + ms(random, 3_000), Step::Want(Wish::Receive)));
            }
            if random.below(2) == 0 {
                steps.push((ms(random, 6_000), Step::Snapshot));
            }
            if random.below(3) == 0 {
                steps.push((ms(random, 6_000), Step::Bye));
            }
            steps.sort_by_key(|(after, _)| *after);
            let manner = Manner {
                ringing: random.below(2) == 0,
                answer_after: ms(random, 3_000),
                begin,
                steps,
                ..Manner::default()
            };
            (Behaviour::Record(manner), false)
        }
    }
}
