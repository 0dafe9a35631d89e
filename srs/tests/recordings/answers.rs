//! What the first INVITE is answered.

use std::time::Duration;

use rsip::Method;
use sixreel_controlplane::metadata::Contents;
use sixreel_controlplane::sdp::{Codec, Description};
use sixreel_controlplane::sip::content::Content;
use sixreel_srs::behaviour::{Answer, Behaviour, Manner, Pick, Wish};
use sixreel_srs::engine::Output;
use sixreel_srs::event::Event;

use crate::world::{PORT, World, content, manner, metadata};

fn statuses(world: &World) -> Vec<u16> {
    let responses = world.responses(Method::Invite).into_iter();
    responses.map(|response| response.status.code()).collect()
}

#[test]
fn a_call_is_answered_and_told_with_all_its_facts() {
    let mut world = World::new(Manner::default());
    world.call();
    assert_eq!(statuses(&world), [200]);
    let response = world.responses(Method::Invite)[0];
    let contact = response.headers.get("Contact").unwrap();
    assert!(contact.ends_with(">;+sip.srs"), "{contact}");
    assert!(world.client.sending);

    let facts = world.facts();
    assert_eq!(facts.call.call_id.as_deref(), Some("7/a"));
    assert_eq!(facts.metadata.documents, 1);
    assert_eq!(facts.metadata.valid, Some(true));
    assert_eq!(facts.participants[0].aor.as_deref(), Some("tel:1000"));
    assert!(facts.participants[0].sends && facts.participants[0].receives);
    assert_eq!(facts.codec.as_deref(), Some("PCMU"));
    assert_eq!((facts.transport, facts.receiving), ("udp", true));
    assert_eq!(facts.findings, [""; 0]);
    assert_eq!(facts.invited, "2017-05-01T10:17:11.000Z");
    assert_eq!(facts.end, None);
    let (began, _) = world.recordings();
    let document = Output::Metadata {
        recording: began[0],
        number: 1,
        document: metadata(),
    };
    assert!(world.out.contains(&document));
    let begin = Output::Begin {
        recording: began[0],
        name: "7/a".to_owned(),
    };
    assert!(world.out.contains(&begin));
}

#[test]
fn a_call_is_called_by_the_best_name_that_is_known() {
    let names = |content: Content| {
        let mut world = World::new(Manner::default());
        world.call_with(content);
        let begin = world.out.iter().find_map(|output| {
            if let Output::Begin { name, .. } = output {
                Some(name.clone())
            } else {
                None
            }
        });
        let sip = world.client.session.as_ref().unwrap().call_id().to_owned();
        (begin.unwrap(), sip)
    };
    let body = b"--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nc=IN IP4 192.0.2.1\r\n\
        m=audio 4000 RTP/AVP 0\r\na=sendonly\r\na=label:1\r\n\r\n--b\r\n\
        Content-Type: application/rs-metadata+xml\r\n\r\n";
    let both = [&body[..], &metadata(), b"\r\n--b--\r\n"].concat();
    let (name, _) = names(content("multipart/mixed;boundary=b", both));
    assert_eq!(name, "01010101-0101-0101-0101-010101010101");
    let mut world = World::new(Manner::default());
    let offer = world.client.offer();
    let (name, sip) = names(content("application/sdp", offer));
    assert_eq!(name, sip);
}

#[test]
fn what_a_client_does_otherwise_than_the_rfcs_is_found() {
    let mut world = World::new(Manner::default());
    let offer = b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n";
    let mut telephone = content("application/sdp", offer.to_vec());
    telephone
        .headers
        .push(("X-Nothing".to_owned(), "x".to_owned()));
    world.call_with(telephone);
    let findings = world.facts().findings.join("\n");
    for part in ["no a=label", "neither sendonly", "neither metadata"] {
        assert!(findings.contains(part), "{findings}");
    }
    assert_eq!(world.facts().findings.len(), 3);
    assert_eq!(world.facts().metadata.valid, None);
}

#[test]
fn the_recorder_picks_by_its_own_preference_if_it_is_told_to() {
    for (pick, codec) in [(Pick::Offer, Codec::Pcmu), (Pick::Own, Codec::Pcma)] {
        let mut world = World::new(Manner {
            pick,
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            ..Manner::default()
        });
        world.call();
        assert_eq!(world.client.codec, Some(codec));
        assert_eq!(world.facts().codec, Some(codec.to_string()));
    }
}

#[test]
fn a_codec_that_is_not_taken_is_refused_and_its_port_is_free() {
    let mut world = World::new(Manner {
        codecs: vec![Codec::Pcmu],
        ..Manner::default()
    });
    world.client.ours.codecs = vec![Codec::Pcma];
    for _ in 0..3 {
        world.call();
        assert_eq!(statuses(&world).last(), Some(&488));
    }
    let response = world.responses(Method::Invite)[0];
    let warning = response.headers.get("Warning").unwrap();
    assert!(warning.contains("must take one of PCMU"), "{warning}");
    assert!(matches!(
        world.events()[..2],
        [Event::Invited { .. }, Event::Rejected { status: 488, .. }]
    ));
    assert_eq!(world.recordings(), (vec![], vec![]));
    world.client.ours.codecs = vec![Codec::Pcmu];
    world.call();
    assert_eq!(statuses(&world).last(), Some(&200));
}

#[test]
fn a_body_that_is_no_session_description_is_refused() {
    let mut world = World::new(Manner::default());
    world.call_with(content("application/sdp", b"hello".to_vec()));
    assert_eq!(statuses(&world), [400]);
}

#[test]
fn an_answer_can_take_its_time_and_ring_before() {
    let mut world = World::new(Manner {
        ringing: true,
        answer_after: Duration::from_millis(300),
        ..Manner::default()
    });
    world.call();
    assert_eq!(statuses(&world), [180]);
    world.run(290);
    assert_eq!(world.recordings().0, []);
    world.run(20);
    assert_eq!(statuses(&world).last(), Some(&200));
    assert_eq!(world.client.told, ["Progress", "Answered"]);
    assert_eq!(world.facts().invited, "2017-05-01T10:17:11.000Z");
    assert_eq!(world.facts().answered, "2017-05-01T10:17:11.300Z");
}

#[test]
fn a_call_that_is_cancelled_before_its_answer_leaves_nothing() {
    let mut world = World::new(Manner {
        answer_after: Duration::from_secs(60),
        ..Manner::default()
    });
    world.call();
    world.run(1000);
    world.act(|session, now, told| session.end(Content::default(), now, told));
    assert_eq!(statuses(&world).last(), Some(&487));
    assert_eq!(world.events().last(), Some(&&Event::Cancelled));
    world.finish();
    assert_eq!(world.recordings(), (vec![], vec![]));
    assert!(world.engine.is_idle() && world.engine.deadline().is_none());
}

#[test]
fn calls_are_rejected_as_planned_and_later_ones_are_not() {
    let mut world = World::new(Manner::default());
    world.engine.plan(Behaviour::Reject(486));
    world.engine.plan(Behaviour::Reject(503));
    let mut got = Vec::new();
    for _ in 0..3 {
        world.call();
        got.extend(statuses(&world).last().copied());
    }
    assert_eq!(got, [486, 503, 200]);
    assert_eq!(world.recordings().0.len(), 1);
}

#[test]
fn an_ignored_call_hears_nothing_at_all() {
    let mut world = World::with(Behaviour::Ignore);
    world.engine.plan(Behaviour::Ignore);
    world.call();
    world.run(10_000);
    assert_eq!(world.heard, []);
    assert_eq!(world.client.told, ["Failed"]);
    assert!(matches!(
        world.events()[..],
        [Event::Invited { .. }, Event::Ignored]
    ));
    world.finish();
    assert!(world.engine.is_idle() && world.engine.deadline().is_none());
}

#[test]
fn an_inactive_answer_lets_nothing_flow() {
    let mut world = World::new(Manner {
        begin: Wish::Pause,
        ..Manner::default()
    });
    world.call();
    let answer = Description::parse(&world.responses(Method::Invite)[0].body).unwrap();
    assert!(!answer.media[0].direction.has_recv());
    assert!(!world.client.sending && !world.facts().receiving);
}

#[test]
fn a_recorder_can_keep_its_feature_tag_to_itself() {
    let mut world = World::new(Manner {
        feature_tag: false,
        ..Manner::default()
    });
    world.call();
    let contact = world.responses(Method::Invite)[0].headers.get("Contact");
    assert!(!contact.unwrap().contains("+sip.srs"), "{contact:?}");
    assert!(world.client.sending);
}

#[test]
fn odd_answers_carry_what_they_should_not() {
    let body = |answer| {
        let mut world = World::new(Manner {
            answer,
            ..Manner::default()
        });
        world.call();
        let response = world.responses(Method::Invite)[0];
        let content_type = response.headers.get("Content-Type").map(str::to_owned);
        (content_type, response.body.clone())
    };
    let (content_type, bytes) = body(Answer::SdpAndMetadata);
    let contents = Contents::parse(content_type.as_deref(), &bytes);
    assert!(contents.sdp.is_some());
    assert_eq!(contents.metadata, Some(&metadata()[..]));

    let (content_type, bytes) = body(Answer::Metadata);
    assert_eq!(content_type.as_deref(), Some("application/rs-metadata+xml"));
    assert_eq!(bytes, metadata());

    assert_eq!(body(Answer::Nothing), (None, Vec::new()));

    let (content_type, bytes) = body(Answer::Nonsense);
    assert_eq!(content_type.as_deref(), Some("application/sdp"));
    assert!(Description::parse(&bytes).is_err());
}

#[test]
fn a_call_for_which_there_is_no_port_is_refused() {
    let mut world = World::new(Manner::default());
    for _ in 0..2 {
        world.call();
        assert_eq!(statuses(&world).last(), Some(&200));
    }
    world.call();
    assert_eq!(statuses(&world).last(), Some(&503));
    let Some(Event::Rejected { why, .. }) = world.events().last() else {
        panic!("{:?}", world.events());
    };
    assert!(why.contains("give this recorder more"), "{why}");
    let ports = world.events().into_iter().filter_map(|event| {
        if let Event::Answered { port, .. } = event {
            Some(*port)
        } else {
            None
        }
    });
    assert_eq!(ports.collect::<Vec<_>>(), [PORT, PORT + 2]);
}

#[test]
fn an_invite_without_an_offer_gets_one() {
    let mut world = World::new(manner(&[]));
    let telephone = Content::default();
    world.call_with(telephone);
    let offer = Description::parse(&world.responses(Method::Invite)[0].body).unwrap();
    assert_eq!(offer.media[0].port, PORT);
    // This client's ACK has no answer: nothing is agreed on, and nothing is heard.
    assert!(!world.facts().receiving);
    assert!(matches!(
        world.events().last(),
        Some(Event::RequestFailed {
            method: "offer",
            ..
        })
    ));
}
