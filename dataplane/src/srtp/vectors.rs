//! The vectors of the RFCs, whole packets. They state session keys, so they are held against the
//! ciphers and not against the door.

use super::derive::SessionKeys;
use super::packet::Kind;
use super::portable::{Nonce, Ready};
use super::suite::Cipher;
use super::testing::hex;

fn session(cipher: &str, salt: &str) -> SessionKeys {
    let mut keys = SessionKeys::EMPTY;
    let (cipher, salt) = (hex(cipher), hex(salt));
    keys.cipher[..cipher.len()].copy_from_slice(&cipher);
    keys.salt[..salt.len()].copy_from_slice(&salt);
    keys
}

/// The keystream of packet 0 of SSRC 0: its first and last three blocks, of 65282.
fn keystream(cipher: Cipher, key: &str, first: &str, last: &str) {
    let ready = Ready::new(cipher, &session(key, "F0F1F2F3F4F5F6F7F8F9FAFBFCFD"));
    let mut body = vec![0; 65_282 * 16];
    let nonce = Nonce {
        kind: Kind::Rtp,
        ssrc: 0,
        index: 0,
    };
    ready.seal(nonce, &[], &mut body);
    assert_eq!(body[..48], hex(first));
    assert_eq!(body[body.len() - 48..], hex(last));
}

#[test]
fn rfc_3711_b_2() {
    keystream(
        Cipher::Cm128,
        "2B7E151628AED2A6ABF7158809CF4F3C",
        concat!(
            "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB",
            "41E95B3BB0A2E8DD477901E4FCA894C0",
        ),
        concat!(
            "EC8CDF7398607CB0F2D21675EA9EA1E4362B7C3C6773516318A077D7FC5073AE",
            "6A2CC3787889374FBEB4C81B17BA6C44",
        ),
    );
}

#[test]
fn rfc_6188_7_1() {
    keystream(
        Cipher::Cm256,
        "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
        concat!(
            "92bdd28a93c3f52511c677d08b5515a49da71b2378a854f67050756ded165bac63c4868b7096d884",
            "21b563b8c94c9a31",
        ),
        concat!(
            "cea518c90fd91ced9cbb18c078a547113dbc4814f4da5f00a08772b63c6a046d6eb246913062a168",
            "91433e97dd01a57f",
        ),
    );
}

const GCM_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const GCM_SALT: &str = "517569642070726f2071756f";
const RTP: &str = "8040f17b8041f8d35501a0b2\
                   47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
const RTCP: &str = "81c8000d4d617273\
                    4e5450314e545032525450200000042a0000e9304c756e61\
                    deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

/// Seals and opens again: `packet` with the first `clear` bytes clear becomes `sealed` and a tag.
fn gcm(nonce: Nonce, packet: &str, clear: usize, key_len: usize, sealed: &str, tag: &str) {
    let cipher = if key_len == 16 {
        Cipher::Gcm128
    } else {
        Cipher::Gcm256
    };
    let ready = Ready::new(cipher, &session(&GCM_KEY[..2 * key_len], GCM_SALT));
    let plain = hex(packet);
    let mut packet = plain.clone();
    let (head, body) = packet.split_at_mut(clear);
    assert_eq!(ready.seal(nonce, head, body)[..], hex(tag));
    assert_eq!(body[..], hex(sealed));
    assert!(!ready.open(nonce, head, body, &[0; 16]));
    assert_eq!(
        body[..],
        hex(sealed),
        "what is not authentic stays as it is"
    );
    assert!(ready.open(nonce, head, body, &hex(tag)));
    assert_eq!(packet, plain);
}

#[test]
fn rfc_7714_16() {
    let nonce = Nonce {
        kind: Kind::Rtp,
        ssrc: 0x5501_a0b2,
        index: 0xf17b,
    };
    let sealed = "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833";
    gcm(
        nonce,
        RTP,
        12,
        16,
        sealed,
        "899d7f27beb16a9152cf765ee4390cce",
    );
    let sealed = "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b";
    gcm(
        nonce,
        RTP,
        12,
        32,
        sealed,
        "7aa3db36dfffd6b0f9bb7878d7a76c13",
    );
}

#[test]
fn rfc_7714_17() {
    let nonce = Nonce {
        kind: Kind::Rtcp,
        ssrc: 0x4d61_7273,
        index: 0x8000_05d4,
    };
    let sealed =
        "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b";
    gcm(
        nonce,
        RTCP,
        8,
        16,
        sealed,
        "c84aa45896cf4d2fc5abf87245d9eade",
    );
    let sealed =
        "d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad";
    gcm(
        nonce,
        RTCP,
        8,
        32,
        sealed,
        "1d1eb30c4446839f57ff6f6cb26ac3be",
    );
}

#[test]
fn rfc_7714_tags_without_encryption() {
    // §16.1.3 and §16.2.3: the whole packet is associated data.
    let nonce = Nonce {
        kind: Kind::Rtp,
        ssrc: 0x5501_a0b2,
        index: 0xf17b,
    };
    gcm(nonce, RTP, 50, 16, "", "22493f82d2bce397e9d79e3b19aa4216");
    gcm(nonce, RTP, 50, 32, "", "a866d5910f887463067ceefec45215d4");
    // §17.3 and §17.4: the packet and its index, whose nonce has the same form.
    let nonce = Nonce {
        kind: Kind::Rtp,
        ssrc: 0x4d61_7273,
        index: 0x5d4,
    };
    let whole = [RTCP, "000005d4"].concat();
    gcm(
        nonce,
        &whole,
        56,
        16,
        "",
        "841dd9683dd78ec92ae58790125f62b3",
    );
    gcm(
        nonce,
        &whole,
        56,
        32,
        "",
        "91db4afbfeee5a978fab4393ed2615fe",
    );
}
