//! Re-INVITE, UPDATE and metadata in mid-call.

use std::collections::BTreeMap;

use rsip::Method;
use sixreel_controlplane::metadata::{CallInfo, Document, snapshot_request};
use sixreel_controlplane::sdp::{Codec, Description, Direction};
use sixreel_controlplane::sip::content::{Body, Content};
use sixreel_controlplane::sip::message::Message;
use sixreel_srs::behaviour::{Manner, Step, Wish};
use sixreel_srs::event::Event;

use crate::world::{World, content, manner, metadata};

fn direction(body: &[u8]) -> Direction {
    Description::parse(body).unwrap().media[0].direction
}

#[test]
fn a_recorder_that_is_not_ready_asks_for_the_stream_when_it_is() {
    let mut world = World::new(Manner {
        begin: Wish::Pause,
        ..manner(&[(500, Step::Want(Wish::Receive))])
    });
    world.talks = true;
    world.call();
    world.run(490);
    assert_eq!(world.sound.len(), 0);
    world.run(510);
    let request = world.requests(Method::Invite)[0];
    assert_eq!(direction(&request.body), Direction::RecvOnly);
    assert!(world.facts().receiving);
    assert!(
        (20..=26).contains(&(world.sound.len() / 160)),
        "{}",
        world.sound.len()
    );
    assert_eq!(world.facts().media.while_inactive, 0);
}

#[test]
fn a_recorder_pauses_and_resumes() {
    let mut world = World::new(manner(&[
        (1000, Step::Want(Wish::Pause)),
        (2000, Step::Want(Wish::Receive)),
    ]));
    world.talks = true;
    world.call();
    world.run(1500);
    assert!(!world.client.sending);
    world.run(1500);
    let offers = world.requests(Method::Invite);
    let wanted: Vec<_> = offers.iter().map(|offer| direction(&offer.body)).collect();
    assert_eq!(wanted, [Direction::Inactive, Direction::RecvOnly]);
    let versions: Vec<_> = offers
        .iter()
        .map(|offer| Description::parse(&offer.body).unwrap().version)
        .collect();
    assert_eq!(versions[1], versions[0] + 1);
    let changes: Vec<_> = world
        .events()
        .into_iter()
        .filter(|event| matches!(event, Event::Changed { .. }))
        .collect();
    let changed = |receiving| Event::Changed {
        codec: Some("PCMU".to_owned()),
        receiving,
    };
    assert_eq!(changes, [&changed(false), &changed(true)]);
    world.run(6000);
    let facts = world.facts();
    assert_eq!((facts.media.lost, facts.media.while_inactive), (0, 0));
    assert!(facts.media.longest_gap_ms <= 40, "the pause is no gap");
    // The pause is silence in the recording, as long as it was.
    let silent = world.sound.iter().filter(|sample| **sample == 0).count();
    assert!((7600..=8600).contains(&silent), "{silent}");
}

#[test]
fn a_client_that_refuses_a_pause_goes_on_being_recorded() {
    let mut world = World::new(manner(&[(100, Step::Want(Wish::Pause))]));
    world.talks = true;
    world.client.refuses = true;
    world.call();
    world.run(1000);
    assert!(world.events().iter().any(|event| {
        matches!(event, Event::RequestFailed { method: "re-INVITE", why } if why.starts_with("488"))
    }));
    assert!(world.sound.len() > 160 * 40);
    world.run(6000);
    assert!(world.facts().receiving);
}

#[test]
fn a_client_pauses_and_resumes_and_changes_the_codec() {
    let mut world = World::new(Manner::default());
    world.talks = true;
    world.call();
    world.run(200);
    let mut reoffer = |direction, codecs: &[Codec]| {
        world.client.ours.direction = direction;
        world.client.ours.codecs = codecs.to_vec();
        let offer = content("application/sdp", world.client.offer());
        world.act(|session, now, told| session.reinvite(offer, now, told));
        world.run(200);
        let facts = world.facts();
        (facts.receiving, facts.codec.clone().unwrap())
    };
    let both = [Codec::Pcmu, Codec::Pcma];
    let paused = reoffer(Direction::Inactive, &both);
    assert_eq!(paused, (false, "PCMU".to_owned()));
    let resumed = reoffer(Direction::SendOnly, &[Codec::Pcma, Codec::Pcmu]);
    assert_eq!(resumed, (true, "PCMA".to_owned()));
    let answers = world.responses(Method::Invite);
    let directions: Vec<_> = answers
        .iter()
        .map(|answer| direction(&answer.body))
        .collect();
    assert_eq!(directions[1], Direction::Inactive);
    assert_eq!(directions[2], Direction::RecvOnly);
}

#[test]
fn an_offer_that_cannot_be_taken_leaves_everything_as_it_was() {
    let mut world = World::new(Manner::default());
    world.call();
    for (body, status) in [
        (
            "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 18\r\n",
            488,
        ),
        ("nonsense", 400),
    ] {
        let offer = content("application/sdp", body.as_bytes().to_vec());
        world.act(|session, now, told| session.reinvite(offer, now, told));
        world.run(200);
        let response = world.responses(Method::Invite).pop().unwrap();
        assert_eq!(response.status.code(), status);
        assert!(response.headers.get("Warning").is_some());
        assert!(matches!(
            world.events().last(),
            Some(Event::OfferRefused { status: told, .. }) if *told == status
        ));
    }
    assert!(world.facts().receiving);
}

#[test]
fn a_reinvite_without_an_offer_gets_the_present_one() {
    let mut world = World::new(Manner::default());
    world.call();
    let first = world.responses(Method::Invite)[0].body.clone();
    world.act(|session, now, told| session.reinvite(Content::default(), now, told));
    let response = world.responses(Method::Invite).pop().unwrap();
    assert_eq!(response.body, first);
}

#[test]
fn metadata_comes_by_update_and_is_taken_together() {
    let mut world = World::new(Manner::default());
    world.call();
    let text = String::from_utf8(metadata())
        .unwrap()
        .replace("complete", "partial");
    let text = text.replace(">A<", ">B<");
    let label = text.find("<label>").unwrap()..text.find("</label>").unwrap() + 8;
    let without_label = text.replace(&text[label], "");
    let update = content("application/rs-metadata+xml", without_label.into_bytes());
    world.act(|session, now, told| session.update(update, now, told));
    assert_eq!(world.responses(Method::Update)[0].status.code(), 200);
    let facts = world.facts();
    assert_eq!(facts.metadata.documents, 2);
    assert_eq!(
        facts.metadata.valid,
        Some(true),
        "{:?}",
        facts.metadata.findings
    );
    assert_eq!(facts.participants[0].name.as_deref(), Some("B"));

    let broken = content("application/rs-metadata", b"<recording>".to_vec());
    world.act(|session, now, told| session.update(broken, now, told));
    assert_eq!(world.facts().metadata.valid, Some(false));
    let Some(Event::Metadata {
        number: 3,
        findings,
    }) = world.events().last()
    else {
        panic!("{:?}", world.events());
    };
    assert!(!findings.is_empty());
}

#[test]
fn new_call_information_replaces_the_old() {
    let mut world = World::new(Manner::default());
    world.call();
    let headers = [("X-ControlONE-Info-Calling", "Ann <1>")];
    let offer = world.client.offer();
    let offer = Content {
        headers: headers.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec(),
        body: Some(Body {
            content_type: "application/sdp".to_owned(),
            disposition: None,
            bytes: offer,
        }),
    };
    world.act(|session, now, told| session.reinvite(offer, now, told));
    world.run(8000);
    let calling = world.facts().call.calling.clone().unwrap();
    assert_eq!(calling.name.as_deref(), Some("Ann"));
}

#[test]
fn a_snapshot_is_asked_for_in_an_update_of_its_own() {
    let mut world = World::new(manner(&[(300, Step::Snapshot)]));
    world.call();
    world.run(400);
    let requests = world.requests(Method::Update);
    assert_eq!(requests.len(), 1);
    let request = requests[0];
    assert!(matches!(
        Document::parse(&request.body),
        Ok(Document::SnapshotRequest { .. })
    ));
    let header = |name| request.headers.get(name);
    assert_eq!(header("Content-Type"), Some("application/rs-metadata+xml"));
    assert_eq!(header("Content-Disposition"), Some("recording-session"));
    assert_eq!(world.events().last(), Some(&&Event::SnapshotRequested));
}

#[test]
fn a_snapshot_request_from_a_client_is_a_finding() {
    let mut world = World::new(Manner::default());
    world.call();
    let update = content("application/rs-metadata+xml", snapshot_request(None));
    world.act(|session, now, told| session.update(update, now, told));
    assert_eq!(world.facts().metadata.valid, Some(false));
}

#[test]
fn offers_that_meet_are_made_one_after_the_other() {
    let mut world = World::new(manner(&[(100, Step::Want(Wish::Pause))]));
    world.talks = true;
    world.call();
    world.run(90);
    // Both offer at the same moment, and something new each.
    world.client.reaches = false;
    world.client.ours.codecs = vec![Codec::Pcma, Codec::Pcmu];
    let offer = content("application/sdp", world.client.offer());
    world.act(|session, now, told| session.reinvite(offer, now, told));
    world.client.reaches = true;
    world.run(10_000);
    assert!(!world.facts().receiving && !world.client.sending);
    assert_eq!(world.facts().codec.as_deref(), Some("PCMA"));
    // Whatever the order was, a version never stood for two descriptions (RFC 3264 §8).
    let mut said = BTreeMap::new();
    let bodies = world.heard.iter().map(|message| match message {
        Message::Request(request) => &request.body,
        Message::Response(response) => &response.body,
    });
    for body in bodies {
        if let Ok(description) = Description::parse(body) {
            let before = said.insert(description.version, description.clone());
            assert!(
                before.is_none_or(|before| before == description),
                "{said:?}"
            );
        }
    }
    assert_eq!(
        said.len(),
        4,
        "two answers, and the pause before and after the second"
    );
}

#[test]
fn call_information_is_kept_up_to_date_by_headers_alone() {
    let mut world = World::new(Manner::default());
    let informed = |world: &mut World, user: &str| {
        let info = CallInfo {
            user: Some(user.to_owned()),
            ..CallInfo::default()
        };
        Content {
            headers: info.write("X-ControlONE-Info-"),
            ..content("application/sdp", world.client.offer())
        }
    };
    let first = informed(&mut world, "ann");
    world.call_with(first);
    assert_eq!(world.facts().call.user.as_deref(), Some("ann"));
    let second = informed(&mut world, "bob");
    world.act(|session, now, told| session.reinvite(second, now, told));
    assert_eq!(world.facts().call.user.as_deref(), Some("bob"));
}
