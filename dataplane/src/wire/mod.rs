//! What travels on the network: RTP and RTCP, and packets on their way to and from a port.

/// Packets as a port hands them in and takes them out.
pub mod datagram;
/// RTCP, RFC 3550 §6: compound packets, read and written.
pub mod rtcp;
/// RTP, RFC 3550 §5: the packet header, read and written.
pub mod rtp;

/// Whether `packet`, which came to a port that takes both, is RTCP (RFC 5761 §4).
///
/// RTCP packet types 192 to 223 lie where an RTP packet has its marker and the payload types 64 to
/// 95, which are therefore not used for RTP.
pub fn is_rtcp(packet: &[u8]) -> bool {
    matches!(packet, [_, 192..=223, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtcp_is_told_from_rtp_by_its_second_byte() {
        assert!(is_rtcp(&[0x80, 200]) && is_rtcp(&[0x81, 203, 0, 1]));
        assert!(!is_rtcp(&[0x80, 0x80]) && !is_rtcp(&[0x80, 0x80 | 101]));
        assert!(!is_rtcp(&[0x80]) && !is_rtcp(&[]));
    }
}
