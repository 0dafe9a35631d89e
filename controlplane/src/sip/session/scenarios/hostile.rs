//! A peer that answers and asks anything at any time.

use std::time::Duration;

use proptest::prelude::*;
use rsip::Method;

use super::hand::{Hand, TAG, call, response, sdp};
use crate::sip::flow::TransportPolicy;
use crate::sip::message::{Message, Request};
use crate::sip::output::{Output, RequestId};
use crate::sip::testing::{tcp, udp};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Move {
    /// The peer answers one of the latest requests, from the place with that tag.
    Answer {
        back: usize,
        code: u16,
        tag: u8,
        header: usize,
        body: bool,
    },
    /// The peer asks.
    Ask {
        method: usize,
        number: u32,
        stranger: bool,
        header: usize,
        body: bool,
    },
    /// Our user answers.
    Respond {
        id: u32,
        code: u16,
    },
    /// Our user asks.
    Reinvite,
    Update,
    Options,
    End,
    Unreachable {
        tcp: bool,
    },
    Wait {
        ms: u64,
    },
}

/// Headers that matter, sensible and not.
const HEADERS: [(&str, &str); 12] = [
    ("Contact", "<sip:rec@192.0.2.2:5060>"),
    ("Contact", "<sip:rec@[2001:db8::2];transport=tcp>, <sip:b>"),
    ("Contact", "*"),
    ("Record-Route", "<sip:192.0.2.8>, <sip:p.example;lr>"),
    ("Session-Expires", "0;refresher=uac"),
    ("Session-Expires", "4294967295;refresher=uas"),
    ("Session-Expires", "90;refresher=uas"),
    ("Min-SE", "4294967295"),
    ("Require", "siprec, 100rel"),
    ("Allow", "UPDATE"),
    ("Allow", "BYE"),
    ("Supported", "timer"),
];

fn a_move() -> impl Strategy<Value = Move> {
    let code = prop_oneof![
        3 => 100..700_u16,
        4 => prop::sample::select(vec![100, 180, 200, 202, 302, 408, 422, 481, 487, 491, 500]),
    ];
    let (header, body) = (0..HEADERS.len(), any::<bool>());
    prop_oneof![
        6 => (0..4_usize, code.clone(), 0..4_u8, header.clone(), body)
            .prop_map(|(back, code, tag, header, body)| {
                Move::Answer { back, code, tag, header, body }
            }),
        4 => (0..14_usize, 0..12_u32, prop::bool::weighted(0.2), header, body)
            .prop_map(|(method, number, stranger, header, body)| {
                Move::Ask { method, number, stranger, header, body }
            }),
        2 => (0..6_u32, code).prop_map(|(id, code)| Move::Respond { id, code }),
        1 => Just(Move::Reinvite),
        1 => Just(Move::Update),
        1 => Just(Move::Options),
        1 => prop::bool::weighted(0.1).prop_map(|end| if end { Move::End } else { Move::Options }),
        1 => prop::bool::ANY.prop_map(|tcp| Move::Unreachable { tcp }),
        3 => (0..40_000_u64).prop_map(|ms| Move::Wait { ms }),
    ]
}

/// Makes the move; `asked` are the requests that we have sent so far.
fn make(hand: &mut Hand, next: Move, asked: &mut Vec<Request>) {
    match next {
        Move::Answer {
            back,
            code,
            tag,
            header,
            body,
        } => {
            let Some(request) = asked.iter().rev().nth(back).cloned() else {
                return;
            };
            let mut answer = response(&request, code, &[HEADERS[header]]);
            if body {
                sdp("answer").put(&mut answer.headers, &mut answer.body);
            }
            let text = String::from_utf8(answer.write()).unwrap();
            let text = text
                .replace(TAG, &format!("{TAG}{tag}"))
                .replace("r10", TAG);
            hand.receive(Message::parse(text.as_bytes(), udp().protocol).unwrap());
        }
        Move::Ask {
            method,
            number,
            stranger,
            header,
            body,
        } => {
            let method = Method::all()[method];
            let mut more = vec![HEADERS[header]];
            if stranger {
                more.push(("From", "<sip:rec@192.0.2.2>;tag=stranger"));
            }
            let mut request = hand.theirs(method, number, &more);
            if body {
                sdp("offer").put(&mut request.headers, &mut request.body);
            }
            hand.receive(request);
        }
        Move::Respond { id, code } => hand.user(|session, now, out| {
            session.respond(RequestId(id), code.into(), sdp("answer"), now, out);
        }),
        Move::Reinvite => hand.user(|session, now, out| session.reinvite(sdp("x"), now, out)),
        Move::Update => hand.user(|session, now, out| session.update(sdp("x"), now, out)),
        Move::Options => hand.user(|session, now, out| session.options(now, out)),
        Move::End => hand.end(),
        Move::Unreachable { tcp: true } => hand.unreachable(tcp()),
        Move::Unreachable { tcp: false } => hand.unreachable(udp()),
        Move::Wait { ms } => hand.wait(Duration::from_millis(ms)),
    }
    asked.extend(hand.take_requests());
    asked.drain(..asked.len().saturating_sub(8));
}

/// How often our user was told the end; `calling` says whether the first INVITE was ours and had
/// no answer before.
fn ends(told: &[Output], mut calling: bool) -> usize {
    let mut ends = 0;
    for output in told {
        calling &= !matches!(output, Output::Answered { .. });
        let refused = matches!(output, Output::Refused { .. } | Output::Failed { .. });
        ends += usize::from(calling && refused || matches!(output, Output::Ended { .. }));
    }
    ends
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_the_peer_does_a_session_stays_small_and_comes_to_its_end(
        moves in prop::collection::vec(a_move(), 0..60),
        called in any::<bool>(),
        answered in any::<bool>(),
        by_tcp in any::<bool>(),
    ) {
        let policy = if by_tcp { TransportPolicy::Tcp } else { TransportPolicy::Auto };
        let mut hand = match (called, answered) {
            (true, _) => Hand::called(&[]),
            (false, true) => Hand::established(&[]),
            (false, false) => Hand::with(call(policy, sdp("offer"))),
        };
        let mut asked = vec![hand.invite.clone()];
        for next in moves {
            make(&mut hand, next, &mut asked);
            hand.session.check();
        }
        hand.end();
        hand.wait(Duration::from_secs(400));
        prop_assert!(hand.session.is_over(), "{:?}", hand.session);
        let told = hand.take_told();


        prop_assert_eq!(ends(&told, !called && !answered), 1, "{:#?}", told);
    }
}
