//! RFC 4568's own examples, and everything that its rules forbid.

use proptest::prelude::*;

use super::*;

/// 30 bytes, as the examples of RFC 4568 have them.
const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const OTHER: &str = "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj";

fn parse(value: &str) -> Result<Crypto, Flaw> {
    Crypto::parse(value)
}

fn key(text: &str) -> MasterKey {
    MasterKey::from_base64(text).unwrap()
}

#[test]
fn the_examples_of_the_rfc() {
    // §4: one line with everything.
    let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4 FEC_ORDER=FEC_SRTP");
    let crypto = parse(&line).unwrap();
    assert_eq!(crypto.tag, 1);
    assert_eq!(crypto.suite, Suite::AesCm128HmacSha1_80);
    let only = &crypto.keys[0];
    assert_eq!((only.lifetime, &only.key), (Some(1 << 20), &key(KEY)));
    assert_eq!(only.mki.as_ref().unwrap().bytes(), [0, 0, 0, 1]);
    assert_eq!(crypto.params, [SessionParam::FecOrder(FecOrder::FecSrtp)]);
    assert_eq!(*crypto.write(), line);

    // §6.1: an identifier without a lifetime is told by its colon.
    let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1066:4");
    let only = &parse(&line).unwrap().keys[0];
    assert_eq!(only.lifetime, None);
    assert_eq!(only.mki.as_ref().unwrap().bytes(), [0, 0, 4, 42]);

    // §5.1.3 and §6.1: several keys, and the order of their fields.
    let line = format!("2 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4;inline:{OTHER}|2^20|2:4");
    assert_eq!(parse(&line).unwrap().keys.len(), 2);
    assert_eq!(*parse(&line).unwrap().write(), line);

    // §7.3.2 and others: what a Cisco gateway says has no lifetime at all.
    assert!(parse(&format!("1 AES_CM_128_HMAC_SHA1_32 inline:{OTHER}")).is_ok());
}

#[test]
fn blanks_and_spellings_from_the_field() {
    let line = format!(
        "1\t AES_CM_256_HMAC_SHA1_80   inline:{}|2^31 ",
        "A".repeat(61) + "w=="
    );
    let crypto = parse(&line).unwrap();
    assert_eq!(crypto.suite, Suite::AesCm256HmacSha1_80);
    assert!(crypto.write().contains("AES_256_CM_HMAC_SHA1_80"));
}

#[test]
fn a_tag_is_a_number() {
    let tag = |tag: &str| parse(&format!("{tag} AES_CM_128_HMAC_SHA1_80 inline:{KEY}"));
    for good in ["0", "1", "999999999"] {
        assert!(tag(good).is_ok(), "{good}");
    }
    for bad in ["01", "1000000000", "-1", "+1", "one"] {
        assert_eq!(tag(bad), Err(Flaw::Tag), "{bad}");
    }
}

#[test]
fn keys_are_exactly_as_long_as_the_suite_wants() {
    for suite in Suite::ALL {
        for given in [27, 28, 29, 30, 31, 44, 45, 46] {
            let key = MasterKey::new(&vec![7; given]).unwrap().to_base64();
            let result = parse(&format!("1 {suite} inline:{}", *key));
            if given == suite.inline_len() {
                assert!(result.is_ok());
            } else {
                assert_eq!(result, Err(Flaw::KeyLen { suite, given }));
            }
        }
    }
}

#[test]
fn lifetimes_have_a_form_and_a_limit() {
    let lifetime = |text: &str| {
        let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|{text}");
        parse(&line).map(|crypto| crypto.keys[0].lifetime)
    };
    assert_eq!(lifetime("2^48"), Ok(Some(1 << 48)));
    assert_eq!(lifetime("1000"), Ok(Some(1000)));
    assert_eq!(lifetime("2^0"), Ok(Some(1)));
    for bad in [
        "2^49",
        "2^64",
        "0",
        "01",
        "2^020",
        "281474976710657",
        "",
        "2^",
        "3^2",
        "2^-1",
    ] {
        assert_eq!(lifetime(bad), Err(Flaw::Lifetime), "{bad}");
    }
}

#[test]
fn identifiers_fit_into_their_lengths() {
    let mki = |text: &str| {
        let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|{text}");
        parse(&line).map(|crypto| crypto.keys[0].mki.clone().unwrap())
    };
    assert_eq!(mki("0:1").unwrap().bytes(), [0]);
    assert_eq!(mki("255:1").unwrap().bytes(), [255]);
    assert_eq!(mki("65536:3").unwrap().bytes(), [1, 0, 0]);
    assert_eq!(mki("1:128").unwrap().len(), 128);
    for bad in [
        "256:1", "01:4", "1:0", "1:129", "1:04", ":4", "1:", "x:4", "1", "-1:4",
    ] {
        assert_eq!(mki(bad), Err(Flaw::Mki), "{bad}");
    }
}

#[test]
fn several_keys_are_told_apart() {
    let keys = |keys: &str| parse(&format!("1 AES_CM_128_HMAC_SHA1_80 {keys}")).map(drop);
    let one = |mki: &str| format!("inline:{KEY}{mki}");
    let two = |mki: &str| format!("inline:{OTHER}{mki}");
    assert_eq!(keys(&format!("{};{}", one("|1:1"), two("|2:1"))), Ok(()));
    for (first, second) in [("", ""), ("|1:1", ""), ("|1:1", "|2:2"), ("|1:1", "|1:1")] {
        let list = format!("{};{}", one(first), two(second));
        assert_eq!(keys(&list), Err(Flaw::MkiSet), "{first} {second}");
    }
    let same = format!("{};{}", one("|1:1"), one("|2:1"));
    assert_eq!(keys(&same), Err(Flaw::SameKey));
}

#[test]
fn session_parameters_are_known_or_make_the_line_invalid() {
    let params = |text: &str| {
        let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} {text}");
        parse(&line).map(|crypto| crypto.params)
    };
    assert_eq!(
        params("KDR=0 UNENCRYPTED_SRTCP WSH=64 -surprise=1").unwrap(),
        [
            SessionParam::Kdr(0),
            SessionParam::UnencryptedSrtcp,
            SessionParam::Wsh(64),
            SessionParam::Optional("surprise=1".to_owned()),
        ]
    );
    for (text, name) in [
        ("KDR=25", "KDR"),
        ("KDR=x", "KDR"),
        ("WSH=63", "WSH"),
        ("WSH=", "WSH"),
        ("FEC_ORDER=BOTH", "FEC_ORDER"),
    ] {
        assert_eq!(params(text), Err(Flaw::Param(name)), "{text}");
    }
    for (text, name) in [
        ("SURPRISE=secret", "SURPRISE"),
        ("UNENCRYPTED_SRTP=1", "UNENCRYPTED_SRTP"),
        ("kdr=1", "(not a name)"),
    ] {
        assert_eq!(params(text), Err(Flaw::UnknownParam(name.to_owned())));
    }
    let fec = params(&format!("FEC_KEY=inline:{OTHER}|2^20|1:4"));
    assert!(matches!(fec.unwrap()[..], [SessionParam::FecKey(_)]));
}

#[test]
fn what_we_cannot_do_is_not_taken() {
    let fit = |text: &str| {
        let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} {text}");
        parse(&line).unwrap().usable().map(drop)
    };
    assert_eq!(fit("WSH=128 KDR=0 -x"), Ok(()));
    for text in [
        "UNENCRYPTED_SRTP",
        "UNENCRYPTED_SRTCP",
        "UNAUTHENTICATED_SRTP",
    ] {
        assert_eq!(fit(text), Err(Unfit::Weakened));
    }
    assert_eq!(fit("KDR=1"), Err(Unfit::Derivation));
    assert_eq!(fit("FEC_ORDER=SRTP_FEC"), Err(Unfit::Fec));
    let two = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:1;inline:{OTHER}|2:1");
    assert_eq!(
        parse(&two).unwrap().usable().map(drop),
        Err(Unfit::SeveralKeys)
    );
}

#[test]
fn what_is_no_such_line_is_refused() {
    for text in [
        "",
        "1",
        "1 AES_CM_128_HMAC_SHA1_80",
        "1 AES_CM_128_HMAC_SHA1_80 inline",
    ] {
        assert_eq!(parse(text), Err(Flaw::Grammar), "{text}");
    }
    let with = |suite: &str, key: &str| parse(&format!("1 {suite} {key}"));
    assert_eq!(
        with("NULL", &format!("inline:{KEY}")),
        Err(Flaw::Suite("NULL".to_owned()))
    );
    let uri = with("AES_CM_128_HMAC_SHA1_80", "uri:https://example.com/key");
    assert_eq!(uri, Err(Flaw::Method));
    let wild = with("AES_CM_128_HMAC_SHA1_80", "inline:!!!!");
    assert_eq!(wild, Err(Flaw::Base64));
    let fields = with(
        "AES_CM_128_HMAC_SHA1_80",
        &format!("inline:{KEY}|2^20|1:4|x"),
    );
    assert_eq!(fields, Err(Flaw::Grammar));
}

#[test]
fn neither_lines_nor_flaws_print_a_key() {
    let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4 FEC_KEY=inline:{OTHER}|1:4");
    let printed = format!("{:?}", parse(&line).unwrap());
    let cut = |at: usize| {
        parse(&line[..at])
            .err()
            .map(|flaw| format!("{flaw:?} {flaw}"))
    };
    let misplaced = [
        format!("1 inline:{KEY}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{OTHER} inline:{KEY}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{OTHER} {KEY}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 {KEY} x"),
    ];
    let misplaced = misplaced.iter().map(|line| {
        let flaw = parse(line).unwrap_err();
        format!("{flaw:?} {flaw}")
    });
    let flaws: String = (0..line.len()).filter_map(cut).chain(misplaced).collect();
    for secret in [&KEY[..12], &OTHER[..12]] {
        assert!(!printed.contains(secret) && !flaws.contains(secret));
    }
    assert!(flaws.contains("bytes") && printed.contains("MasterKey"));
}

fn any_key(suite: Suite) -> impl Strategy<Value = KeyParam> {
    let bytes = prop::collection::vec(any::<u8>(), suite.inline_len());
    let lifetime = prop::option::of(1..=1_u64 << 48);
    let mki = prop::option::of(prop::collection::vec(any::<u8>(), 1..=128));
    (bytes, lifetime, mki).prop_map(|(bytes, lifetime, mki)| KeyParam {
        key: MasterKey::new(&bytes).unwrap(),
        lifetime,
        mki: mki.map(|bytes| Mki::of(&bytes)),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_written_reads_back(
        (suite, key) in (0..6_usize).prop_flat_map(|at| {
            let suite = Suite::ALL[at];
            any_key(suite).prop_map(move |key| (suite, key))
        }),
        tag in 0..1_000_000_000_u32,
        kdr in 0..=24_u8,
        wsh in 64..u32::MAX,
    ) {
        let params = vec![
            SessionParam::Kdr(kdr),
            SessionParam::Wsh(wsh),
            SessionParam::Optional("more".to_owned()),
        ];
        let crypto = Crypto { tag, suite, keys: vec![key], params };
        prop_assert_eq!(Crypto::parse(&crypto.write()), Ok(crypto));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[0-9]{0,3} ?[A-Z_0-9]{0,30} ?inline:[ -~]{0,90}") {
        if let Ok(crypto) = Crypto::parse(&text) {
            prop_assert_eq!(Crypto::parse(&crypto.write()), Ok(crypto));
        }
    }
}
