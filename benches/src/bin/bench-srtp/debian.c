// Nanoseconds that libsrtp takes to protect a packet: SUITE, bytes of a packet, sessions.
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1e9 + now.tv_nsec;
}

static void choose(const char *suite, srtp_crypto_policy_t *rtp) {
    if (!strcmp(suite, "AES_CM_128_HMAC_SHA1_80")) srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(rtp);
    else if (!strcmp(suite, "AES_CM_128_HMAC_SHA1_32")) srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(rtp);
    else if (!strcmp(suite, "AES_256_CM_HMAC_SHA1_80")) srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(rtp);
    else if (!strcmp(suite, "AES_256_CM_HMAC_SHA1_32")) srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(rtp);
    else if (!strcmp(suite, "AEAD_AES_128_GCM")) srtp_crypto_policy_set_aes_gcm_128_16_auth(rtp);
    else if (!strcmp(suite, "AEAD_AES_256_GCM")) srtp_crypto_policy_set_aes_gcm_256_16_auth(rtp);
    else exit(4);
}

static int ascending(const void *a, const void *b) {
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

int main(int argc, char **argv) {
    if (argc != 4 || srtp_init()) return 2;
    int len = atoi(argv[2]), count = atoi(argv[3]);
    srtp_t *sessions = calloc(count, sizeof *sessions);
    unsigned char packet[2048] __attribute__((aligned(8)));
    for (int i = 0; i < count; i++) {
        unsigned char key[64];
        for (int k = 0; k < 64; k++) key[k] = i * 31 + (i >> 8) * 7 + k;
        srtp_policy_t policy = {0};
        choose(argv[1], &policy.rtp);
        policy.rtcp = policy.rtp;
        policy.ssrc.type = ssrc_any_outbound;
        policy.key = key;
        if (srtp_create(&sessions[i], &policy)) return 3;
    }
    double rounds[5];
    int ticks = (4000 + count - 1) / count, sequence = 0;
    for (int round = -1; round < 5; round++) {
        double start = cpu_ns();
        for (int tick = 0; tick < ticks; tick++, sequence++) {
            for (int i = 0; i < count; i++) {
                unsigned char head[12] = {0x80, 0, sequence >> 8, sequence, 0, 0, 0, 0,
                                          i >> 24, i >> 16, i >> 8, i};
                int size = len;
                memcpy(packet, head, 12);
                if (srtp_protect(sessions[i], packet, &size)) return 5;
            }
        }
        if (round >= 0) rounds[round] = (cpu_ns() - start) / ((double)ticks * count);
    }
    qsort(rounds, 5, sizeof *rounds, ascending);
    printf("%.1f\n", rounds[2]);
    return 0;
}
