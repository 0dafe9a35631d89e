//! Peers: crates that do the same.

use aes::cipher::consts::{U12, U16};
use aes::cipher::{
    BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper,
};
use aes::{Aes128Enc, Aes256Enc};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sixreel_dataplane::srtp::Suite;

use crate::contest::{Case, Contender, WINDOW};

/// All peers of a case, RustCrypto first.
pub(crate) fn all(case: &Case, quick: bool) -> Vec<Contender> {
    let mut all = vec![match case.suite {
        Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 => composed_cm::<Aes128Enc>(case),
        Suite::AesCm256HmacSha1_80 | Suite::AesCm256HmacSha1_32 => composed_cm::<Aes256Enc>(case),
        Suite::AeadAes128Gcm => composed_gcm::<Aes128Gcm, _>(case),
        Suite::AeadAes256Gcm => composed_gcm::<Aes256Gcm, _>(case),
    }];
    if !quick {
        all.extend(libsrtp(case));
    }
    all
}

/// A contender that protects packets one by one, from `made` by session.
fn one_by_one<S: 'static>(
    case: &Case,
    name: &'static str,
    made: impl Fn(&[u8]) -> S,
    protect: impl Fn(&S, u32, u16, &mut [u8]) + 'static,
) -> Contender {
    let case = *case;
    let sessions: Vec<S> = (0..case.sessions).map(|n| made(&case.key(n))).collect();
    let stride = case.len + case.suite.rtp_tag_len();
    let mut bytes = vec![0x55; stride * WINDOW.min(sessions.len())];
    Contender::new(name, move |sequence| {
        for (window, sessions) in sessions.chunks(WINDOW).enumerate() {
            let first = (window * WINDOW) as u32;
            let packets = bytes.chunks_mut(stride);
            for ((number, session), packet) in (first..).zip(sessions).zip(packets) {
                case.write(packet, number, sequence);
                protect(session, number, sequence, packet);
            }
        }
    })
}

/// Counter mode and HMAC of RustCrypto, keys expanded once.
fn composed_cm<C>(case: &Case) -> Contender
where
    C: KeyInit + BlockCipherEncrypt<BlockSize = U16> + 'static,
{
    let (len, key_len) = (case.len, case.suite.key_len());
    let made = move |key: &[u8]| {
        let cipher = C::new_from_slice(&key[..key_len]).expect("the suite's length");
        let mac = <Hmac<Sha1> as KeyInit>::new_from_slice(&key[4..24]).expect("any length");
        let salt: [u8; 14] = *key.last_chunk().expect("longer than a salt");
        (cipher, mac, salt)
    };
    one_by_one(
        case,
        "rustcrypto",
        made,
        move |(cipher, mac, salt), ssrc, sequence, packet| {
            let (text, tag) = packet.split_at_mut(len);
            let mut iv = [0; 16];
            iv[..14].copy_from_slice(salt);
            let place = u128::from(ssrc) << 64 | u128::from(sequence) << 16;
            let iv = (u128::from_be_bytes(iv) ^ place).to_be_bytes();
            let core = CtrCore::<&C, Ctr128BE>::inner_iv_init(cipher, &iv.into());
            StreamCipherCoreWrapper::from_core(core).apply_keystream(&mut text[12..]);
            let mut mac = mac.clone();
            mac.update(text);
            mac.update(&[0; 4]);
            let digest = mac.finalize().into_bytes();
            tag.copy_from_slice(&digest[..tag.len()]);
        },
    )
}

/// GCM of RustCrypto.
fn composed_gcm<G, C>(case: &Case) -> Contender
where
    G: Into<AesGcm<C, U12>> + KeyInit,
    AesGcm<C, U12>: AeadInOut<NonceSize = U12, TagSize = U16> + 'static,
{
    let (len, key_len) = (case.len, case.suite.key_len());
    let made = move |key: &[u8]| {
        let gcm = G::new_from_slice(&key[..key_len]).expect("the suite's length");
        let salt: [u8; 12] = *key.last_chunk().expect("longer than a salt");
        (gcm.into(), salt)
    };
    one_by_one(
        case,
        "rustcrypto",
        made,
        move |session, ssrc, sequence, packet| {
            let (gcm, salt): &(AesGcm<C, U12>, [u8; 12]) = session;
            let (text, tag) = packet.split_at_mut(len);
            let mut iv = [0; 12];
            iv[2..6].copy_from_slice(&ssrc.to_be_bytes());
            iv[10..].copy_from_slice(&sequence.to_be_bytes());
            for (byte, salt) in iv.iter_mut().zip(salt) {
                *byte ^= salt;
            }
            let (clear, body) = text.split_at_mut(12);
            let made = gcm.encrypt_inout_detached(&iv.into(), clear, body.into());
            tag.copy_from_slice(&made.expect("no packet is 64 GiB long"));
        },
    )
}

/// libsrtp, built with OpenSSL from the source that the `srtp` crate carries.
#[cfg(feature = "libsrtp")]
fn libsrtp(case: &Case) -> Option<Contender> {
    use srtp::{CryptoPolicy, Session, StreamPolicy};

    let case = *case;
    let rtp = match case.suite {
        Suite::AesCm128HmacSha1_80 => CryptoPolicy::aes_cm_128_hmac_sha1_80(),
        Suite::AesCm128HmacSha1_32 => CryptoPolicy::aes_cm_128_hmac_sha1_32(),
        Suite::AesCm256HmacSha1_80 => CryptoPolicy::aes_cm_256_hmac_sha1_80(),
        Suite::AesCm256HmacSha1_32 => CryptoPolicy::aes_cm_256_hmac_sha1_32(),
        Suite::AeadAes128Gcm => CryptoPolicy::aes_gcm_128_16_auth(),
        Suite::AeadAes256Gcm => CryptoPolicy::aes_gcm_256_16_auth(),
    };
    let session = |number| {
        let key = case.key(number);
        let policy = StreamPolicy {
            rtp,
            rtcp: rtp,
            key: &key,
            ..StreamPolicy::default()
        };
        Session::with_outbound_template(policy).expect("libsrtp takes the key")
    };
    let mut sessions: Vec<_> = (0..case.sessions).map(session).collect();
    let mut packets = vec![Vec::with_capacity(case.len + 200); WINDOW.min(sessions.len())];
    Some(Contender::new("libsrtp-openssl", move |sequence| {
        for (window, sessions) in sessions.chunks_mut(WINDOW).enumerate() {
            let first = (window * WINDOW) as u32;
            for ((number, session), packet) in (first..).zip(sessions).zip(&mut packets) {
                packet.resize(case.len, 0x55);
                case.write(packet, number, sequence);
                session.protect(packet).expect("libsrtp protects it");
            }
        }
    }))
}

#[cfg(not(feature = "libsrtp"))]
fn libsrtp(_case: &Case) -> Option<Contender> {
    None
}
