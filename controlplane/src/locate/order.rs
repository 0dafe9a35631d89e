//! In which order servers are tried (RFC 2782).

use std::net::SocketAddr;

use super::{Located, Server, Target};
use crate::random::Random;

/// Addresses of one recorder that are tried.
const TARGETS_MAX: usize = 8;

impl Located {
    /// The addresses to try, best first: by rank and priority, and by chance and weight among
    /// equals. Only those of a family that we have, each server's in the order of `ours`.
    pub fn targets(&self, ours: &[SocketAddr], random: &mut Random) -> Vec<Target> {
        let mut servers: Vec<_> = self.servers.iter().collect();
        servers.sort_by_key(|server| (server.rank, server.priority));
        let equals = |a: &&Server, b: &&Server| (a.rank, a.priority) == (b.rank, b.priority);
        let mut targets = Vec::new();
        for group in servers.chunk_by(equals) {
            for server in by_weight(group.to_vec(), random) {
                for target in reachable(server, ours) {
                    if !targets.contains(&target) {
                        targets.push(target);
                    }
                }
            }
        }
        targets.truncate(TARGETS_MAX);
        targets
    }
}

/// RFC 2782, "Weight": those of weight 0 stand first, so that they have a small chance of being
/// selected while others have a greater one.
fn by_weight<'a>(mut servers: Vec<&'a Server>, random: &mut Random) -> Vec<&'a Server> {
    servers.sort_by_key(|server| server.weight > 0);
    let mut ordered = Vec::new();
    while !servers.is_empty() {
        let sum: u64 = servers.iter().map(|server| u64::from(server.weight)).sum();
        let chosen = random.below(sum + 1);
        let mut running = 0;
        let at = servers.iter().position(|server| {
            running += u64::from(server.weight);
            running >= chosen
        });
        ordered.push(servers.remove(at.expect("the sum of all is not below what was chosen")));
    }
    ordered
}

fn reachable(server: &Server, ours: &[SocketAddr]) -> impl Iterator<Item = Target> {
    ours.iter().flat_map(|ours| {
        let same = server.addresses.iter();
        let same = same.filter(|ip| ip.is_ipv4() == ours.is_ipv4());
        same.map(|ip| Target {
            protocol: server.protocol,
            remote: SocketAddr::new(*ip, server.port),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::sip::flow::Protocol;

    fn server(rank: u16, priority: u16, weight: u16, last: u8) -> Server {
        Server {
            rank,
            priority,
            weight,
            protocol: Protocol::Tcp,
            port: 5060,
            addresses: vec![[192, 0, 2, last].into()],
        }
    }

    fn located(servers: Vec<Server>) -> Located {
        Located {
            servers,
            until: None,
            again_in: None,
        }
    }

    fn ours() -> [SocketAddr; 1] {
        ["192.0.2.100:5060".parse().unwrap()]
    }

    fn order(located: &Located, random: &mut Random) -> Vec<u8> {
        let targets = located.targets(&ours(), random);
        let last = |target: &Target| match target.remote.ip() {
            IpAddr::V4(ip) => ip.octets()[3],
            IpAddr::V6(_) => panic!("{target:?}"),
        };
        targets.iter().map(last).collect()
    }

    #[test]
    fn rank_comes_before_priority_and_priority_before_weight() {
        let servers = vec![
            server(1, 0, 100, 1),
            server(0, 20, 100, 2),
            server(0, 10, 0, 3),
        ];
        let mut random = Random::new([1; 32]);
        assert_eq!(order(&located(servers), &mut random), [3, 2, 1]);
    }

    #[test]
    fn the_first_is_chosen_as_often_as_its_weight_says() {
        let located = located(vec![
            server(0, 0, 10, 1),
            server(0, 0, 30, 2),
            server(0, 0, 60, 3),
        ]);
        let mut random = Random::new([2; 32]);
        let mut first = [0_u32; 4];
        for _ in 0..10_000 {
            first[usize::from(order(&located, &mut random)[0])] += 1;
        }
        // Three standard deviations of 10,000 draws are below 150.
        for (at, expected) in [(1, 1_000), (2, 3_000), (3, 6_000)] {
            let off = first[at].abs_diff(expected);
            assert!(off < 250, "{first:?}");
        }
    }

    #[test]
    fn a_weight_of_zero_has_a_small_chance() {
        let located = located(vec![server(0, 0, 0, 1), server(0, 0, 99, 2)]);
        let mut random = Random::new([3; 32]);
        let draws = 0..10_000;
        let zero_first = draws.filter(|_| order(&located, &mut random)[0] == 1);
        assert!((50..200).contains(&zero_first.count()));
    }

    #[test]
    fn only_our_families_are_tried_and_ours_says_which_first() {
        let mut both = server(0, 0, 0, 1);
        both.addresses.push("2001:db8::1".parse().unwrap());
        let located = located(vec![both]);
        let mut random = Random::new([4; 32]);
        let v6: SocketAddr = "[2001:db8::9]:5060".parse().unwrap();
        let mut tried = |ours: &[SocketAddr]| -> Vec<_> {
            let targets = located.targets(ours, &mut random);
            targets
                .iter()
                .map(|target| target.remote.is_ipv6())
                .collect()
        };
        assert_eq!(tried(&ours()), [false]);
        assert_eq!(tried(&[v6]), [true]);
        assert_eq!(tried(&[v6, ours()[0]]), [true, false]);
    }

    proptest! {
        #[test]
        fn each_server_is_tried_once(
            weights in prop::collection::vec(any::<u16>(), 1..8),
            seed in any::<[u8; 32]>(),
        ) {
            let servers = weights.iter().zip(1..).map(|(w, last)| server(0, 0, *w, last));
            let mut tried = order(&located(servers.collect()), &mut Random::new(seed));
            tried.sort_unstable();
            prop_assert_eq!(tried, (1..=weights.len() as u8).collect::<Vec<_>>());
        }
    }
}
