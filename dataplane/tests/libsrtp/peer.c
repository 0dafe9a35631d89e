// libsrtp as a filter: packets in, packets out.
//
// peer SUITE KEY [MKI]: frames of an operation (p, P: protect RTP, RTCP; u, U: unprotect), a length
// of two bytes and a packet come in; a status (0: done) and the packet, framed alike, go out.
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int unhex(const char *digits, unsigned char *out) {
    int len = 0;
    for (; digits[2 * len]; len++) {
        unsigned byte;
        if (sscanf(digits + 2 * len, "%2x", &byte) != 1) exit(3);
        out[len] = byte;
    }
    return len;
}

static void choose(const char *suite, srtp_crypto_policy_t *rtp, srtp_crypto_policy_t *rtcp) {
    if (!strcmp(suite, "AES_CM_128_HMAC_SHA1_80")) {
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(rtcp);
    } else if (!strcmp(suite, "AES_CM_128_HMAC_SHA1_32")) {
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(rtcp);
    } else if (!strcmp(suite, "AES_256_CM_HMAC_SHA1_80")) {
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(rtp);
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(rtcp);
    } else if (!strcmp(suite, "AES_256_CM_HMAC_SHA1_32")) {
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(rtp);
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(rtcp);
    } else if (!strcmp(suite, "AEAD_AES_128_GCM")) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(rtcp);
    } else if (!strcmp(suite, "AEAD_AES_256_GCM")) {
        srtp_crypto_policy_set_aes_gcm_256_16_auth(rtp);
        srtp_crypto_policy_set_aes_gcm_256_16_auth(rtcp);
    } else {
        exit(4);
    }
}

static srtp_t session(int argc, char **argv, srtp_ssrc_type_t direction) {
    static unsigned char key[64], mki[128];
    static srtp_master_key_t master, *masters[1] = {&master};
    srtp_policy_t policy = {0};
    srtp_t made;
    choose(argv[1], &policy.rtp, &policy.rtcp);
    unhex(argv[2], key);
    master.key = key;
    if (argc > 3) {
        master.mki_id = mki;
        master.mki_size = unhex(argv[3], mki);
    }
    policy.ssrc.type = direction;
    policy.keys = masters;
    policy.num_master_keys = 1;
    policy.window_size = 128;
    if (srtp_create(&made, &policy)) exit(5);
    return made;
}

int main(int argc, char **argv) {
    static unsigned char packet[4096] __attribute__((aligned(8)));
    if (argc < 3 || srtp_init()) return 2;
    int named = argc > 3;
    srtp_t out = session(argc, argv, ssrc_any_outbound);
    srtp_t in = session(argc, argv, ssrc_any_inbound);
    unsigned char head[3];
    while (fread(head, 1, 3, stdin) == 3) {
        int len = head[1] << 8 | head[2];
        if (len > 2048 || fread(packet, 1, len, stdin) != (size_t)len) return 6;
        int status = -1;
        switch (head[0]) {
        case 'p': status = srtp_protect_mki(out, packet, &len, named, 0); break;
        case 'P': status = srtp_protect_rtcp_mki(out, packet, &len, named, 0); break;
        case 'u': status = srtp_unprotect_mki(in, packet, &len, named); break;
        case 'U': status = srtp_unprotect_rtcp_mki(in, packet, &len, named); break;
        }
        if (status) len = 0;
        unsigned char reply[3] = {status, len >> 8, len};
        fwrite(reply, 1, 3, stdout);
        fwrite(packet, 1, len, stdout);
    }
    return 0;
}
