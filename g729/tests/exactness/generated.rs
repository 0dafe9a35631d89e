//! Generated signals and random bits against hashes of the reference's outputs: what the vectors do
//! not reach (clipping, silence, tones that set off taming, losses), without a file to be had first.

use crate::signals::{random_bits, signal};
use g729::{Decoder, Encoder, Frame};
use sha2::{Digest, Sha256};

struct Item {
    name: &'static str,
    /// The signal; `None` where random bits are decoded.
    input: Option<&'static str>,
    payload: &'static str,
    decoded: &'static str,
    /// With some frames erased, see [`erased`].
    with_erasures: &'static str,
}

#[rustfmt::skip]
const ITEMS: [Item; 14] = [
    Item {
        name: "noise-full",
        input: Some("670ab4a99ca0da2fbf7e663814608cdcc2f0a0a16f14816603e1e57eb3c10cba"),
        payload: "10c0b179abd64d9ab27a6d8e8a44ab7204a047688dfc0e0c86500f1c4e460771",
        decoded: "6a0978003994fd9c094712502c4fbe9c398c70f08ef2b03006aac2c6a5bb0fd1",
        with_erasures: "2c52daf78933fbe702d59228fb2beb8f42d400ba3d82f30de354b7df54ae7422",
    },
    Item {
        name: "noise-mid",
        input: Some("ccf9f24047da9e04287ad9219e65e497423f7f9ccd606413ed5bc77fb485fd42"),
        payload: "e1e4f1bf75c9eb7060ffe4e45ad043c1398e9618c21e2b548075f2125890a581",
        decoded: "b05d116f8e0a7a6ac73677f5b8c0e4dbe817be6d1a3ce1612030a20bfa25dc39",
        with_erasures: "078af02b6855f31787dcb8ce4ef8dc29ec9a9826e53558c0a07f18db72215111",
    },
    Item {
        name: "noise-low",
        input: Some("bf01dfd172d9f7f34ff71471db051ab1ae424993da498771c682ee0e5706cf86"),
        payload: "85fd75ee78d3464e53996a248ffe442ca14a26dd15b9973b0552f4a80f0dcb8a",
        decoded: "69f1394bd585f2fa2fbe21874bfdd8f36dbadd08fe03e6142a79b101f6d16489",
        with_erasures: "d9e0274acedc1ed7163d4388608cdb9b1177686646fb49783e60100bc55cbd66",
    },
    Item {
        name: "square-full",
        input: Some("e196c3d7e129f1ea739e830c8dd7f7a45de269b357aae4cf31d1e163f10b80c3"),
        payload: "d6570fbde348921e00f86293b2f6e18b0d6af1bb55ffcedfa89d58b5b197214e",
        decoded: "2f735e69ffcac31c1c3288832d8127829e6baf8f1a26f219b560542f4eb403df",
        with_erasures: "dcc0474ffe5adc1ab22ecfe70e5aa13c42c6db7dfd21b2f391fba06557af38e5",
    },
    Item {
        name: "silence",
        input: Some("ac2878215ad33205d1732578c89f25ededaad1b676911c540825bcf4baa42d9b"),
        payload: "f3a7f024dd94555ddee451589a2327e5ebf1bbc78c593ad9fd8d9c1c06fab861",
        decoded: "776bc321c83cd7a72be44246becb8bee33fd925545fc58b73714fdc1e23ce17a",
        with_erasures: "e85c1d954e5c4d8cdaf0e2435e7859e316aeac5a27b77344a06937906af7dae7",
    },
    Item {
        name: "alternating",
        input: Some("3c2984b4bf415eb55fd4cc5851869a906f0f6996c9eee8baac1c8445482ba4b9"),
        payload: "b4de81958529e3833aa4d1b51335ba698f83d565bb8d6de932f234e7a4f53b04",
        decoded: "cc0fdd066a94cdf14bbab36c637c8e73e3054defc2394cdd9de3c2698c1a00f4",
        with_erasures: "9ca054b2c1b970fa748b502c7df5610a867c33fcffc8bac1747a9bf76fae56f6",
    },
    Item {
        name: "sine-440",
        input: Some("13b3f3b3756b6ee3a47ec79d028b6af8ab25835759408b2a643b02ab4f8212b3"),
        payload: "4a2aea5ed07546e9de389ef4daf42c5b0e73e8ed875d876f69c7408c40d3b646",
        decoded: "94df433a10304e37bde736c619358374f415e1b79837c7e1853a6b819a63155b",
        with_erasures: "74870132968b5df5d15831d77bff6b7256d265473c3a67f7265e325816dfb399",
    },
    Item {
        name: "sine-300-loud",
        input: Some("b1db3819157bbebdfbb1667333e4aea880c839fc965d0041442fc898e4d172f3"),
        payload: "c9e4c222aade417152ef713af0155a9d1c92d562466ff0b571994822f0c0d59f",
        decoded: "0736592c00c4aa24885427651108b7e98adca1a19751e8410310589165c74f82",
        with_erasures: "43d869f9b8677f5b0a1d6c862e3fa1e44d0a6cd9ea808124d09e4c2ec6fff112",
    },
    Item {
        name: "sine-1004",
        input: Some("7cb5c5ab526d35821111ff13344ca0a3d63605ae89dce57833be3841965df3af"),
        payload: "b1cf85b7f8ff3e46ddde59ab04ce821e5443964008d355a70c998b2ef4f8db14",
        decoded: "b025ec74ff77b9129941a4d839a361df80cbd615ad01a1a5f5def9744ec8c911",
        with_erasures: "0fd200aaebaf7bc8cfbd6da1686f5af9261ee4356f25c8f77e46d921eec0a817",
    },
    Item {
        name: "sine-3400",
        input: Some("0f20cefa0f04e0a775902aee78254d57eeb6a553cd920d9367e7a57199398d25"),
        payload: "a4bd1306a5dcf934116d79aeb1c4ac4e4f33997d75d2315ffd0434b1b3ee758e",
        decoded: "103f9fe263d857354d8802dcd8835904504524ac99bdd20836dad9765a682234",
        with_erasures: "cd61174645c7fa62799b893097d71c5224ca8c80569de400d11317dc4fa72794",
    },
    Item {
        name: "sine-60",
        input: Some("520f28d15748d3a9393f20d571d38c236f91cf4a1308ebe6865f3c5e064eba22"),
        payload: "ede26303f3317ae25ee097a539572e231a038dfcf6ae66a7e541e96123e67603",
        decoded: "831cea2a03aeacd94984c3070a968445683e8c29f61ba632616773364967d87e",
        with_erasures: "8043779fad770b9cf4df5c987543e6790aa6e81f274e44e7c34991fba77af661",
    },
    Item {
        name: "bursts",
        input: Some("2c2ee792998644a22b5d6dfacc6d2c6c7064646870a589b70040ec1f4a91e575"),
        payload: "c47bd47e180f746578b93b45400c11c6598d64d5d4588b2e4af8b38d050976e6",
        decoded: "7ebdb655b7122529606dfccd3a3d5f6acf64a2a8ec88a96a27dceb66395a453e",
        with_erasures: "83402078ff1e89b641a133224bcafd0ac03fe524cf05b87cff064e961075880d",
    },
    Item {
        name: "pulses",
        input: Some("2a68c70c0763939feedb2e273cefcf4dc875a258ac463d58b3c2da2d674c9d66"),
        payload: "c58c21b7611c5384e65c709f1cedd8d1c038dcf7d1781c1d767c4faa7f1a7ee0",
        decoded: "49ccc9961601df2bac55977f6c2b892bd71d5da31f981a1192b481336ea4a2ac",
        with_erasures: "8f9d8d6950232d239cbf63625d7bb0cd776224b63abd74b7ab6cb03be01c78ca",
    },
    Item {
        name: "random-bits",
        input: None,
        payload: "da32144e6999dd7e68fdf49e7fcb74d3a36845435c6b5a73661b638aed8e2b2c",
        decoded: "8062959fa41a8dc8f21e055845ffd8453074d6021772d96a474e089d8cd56086",
        with_erasures: "f454106dc2530d2000e4ae87a58c3b988f578b5f7893f6ccdd66d28155a28746",
    },
];

fn erased(frame: usize) -> bool {
    7 * frame % 13 < 2
}

fn hash(bytes: impl IntoIterator<Item = u8>) -> String {
    let hash = Sha256::digest(bytes.into_iter().collect::<Vec<u8>>());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hash_of_samples(frames: &[[i16; 80]]) -> String {
    hash(
        frames
            .as_flattened()
            .iter()
            .flat_map(|sample| sample.to_le_bytes()),
    )
}

fn decode(payloads: &[[u8; 10]], erased: impl Fn(usize) -> bool) -> Vec<[i16; 80]> {
    let mut decoder = Decoder::new();
    let frames = payloads
        .iter()
        .enumerate()
        .map(|(n, payload)| match erased(n) {
            true => Frame::Erased,
            false => Frame::Speech(payload),
        });
    frames.map(|frame| decoder.decode(frame)).collect()
}

#[test]
fn outputs_are_the_references() {
    for item in ITEMS {
        let name = item.name;
        let payloads = match item.input {
            Some(expected) => {
                let frames = signal(name);
                assert_eq!(
                    hash_of_samples(&frames),
                    expected,
                    "{name}: the signal itself"
                );
                let mut encoder = Encoder::new();
                frames.iter().map(|frame| encoder.encode(frame)).collect()
            }
            None => random_bits(),
        };
        assert_eq!(
            hash(payloads.as_flattened().iter().copied()),
            item.payload,
            "{name}: encoded"
        );
        let decoded = decode(&payloads, |_| false);
        assert_eq!(hash_of_samples(&decoded), item.decoded, "{name}: decoded");
        let decoded = decode(&payloads, erased);
        assert_eq!(
            hash_of_samples(&decoded),
            item.with_erasures,
            "{name}: with erasures"
        );
    }
}
