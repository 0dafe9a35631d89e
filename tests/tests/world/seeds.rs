//! Random runs: trouble, then fine weather, then nothing. Each seed runs twice and must come out
//! the same.
//!
//! `SIXREEL_SEED=N` repeats one seed; `SIXREEL_SEEDS=N` sets how many there are.

use sixreel_tests::swarm::run;

/// Seeds, all together.
const SEEDS: u64 = 200;
/// Tests that share them, and may run side by side.
const PARTS: u64 = 4;

fn part(number: u64) {
    let from_env = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let one: Option<u64> = from_env("SIXREEL_SEED");
    let count = from_env("SIXREEL_SEEDS").unwrap_or(SEEDS);
    let seeds = one.map_or(0..count, |seed| seed..seed + 1);
    for seed in seeds.filter(|seed| seed % PARTS == number) {
        assert_eq!(run(seed), run(seed), "seed {seed} came out in two ways");
    }
}

#[test]
fn every_seed_converges_and_leaves_nothing_part_0() {
    part(0);
}

#[test]
fn every_seed_converges_and_leaves_nothing_part_1() {
    part(1);
}

#[test]
fn every_seed_converges_and_leaves_nothing_part_2() {
    part(2);
}

#[test]
fn every_seed_converges_and_leaves_nothing_part_3() {
    part(3);
}
