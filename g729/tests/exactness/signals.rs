//! Signals that anyone can make: 20 seconds each, in frames of 80 samples.

const SAMPLES: usize = 160_000;

/// Knuth's generator of 32 bits.
struct Draws(u32);

impl Draws {
    fn draw(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0
    }

    /// The upper half of a draw, with its sign.
    fn sample(&mut self) -> i16 {
        (self.draw() >> 16) as i16
    }
}

/// The signal of this name.
pub(crate) fn signal(name: &str) -> Vec<[i16; 80]> {
    let samples: Vec<i16> = match name {
        "noise-full" => noise(1, 0),
        "noise-mid" => noise(2, 3),
        "noise-low" => noise(3, 7),
        "square-full" => (0..SAMPLES)
            .map(|n| if n / 40 % 2 == 0 { 32767 } else { -32768 })
            .collect(),
        "silence" => vec![0; SAMPLES],
        "alternating" => (0..SAMPLES)
            .map(|n| if n % 2 == 0 { 32767 } else { -32767 })
            .collect(),
        "sine-440" => sine(2_020_526_066, 443_990_567),
        "sine-300-loud" => sine(2_088_148_504, 458_972_261),
        "sine-1004" => sine(1_513_722_255, 371_890_444),
        "sine-3400" => sine(-1_913_421_941, 357_032_657),
        "sine-60" => sine(2_145_099_673, 49_394_694),
        "bursts" => bursts(),
        "pulses" => pulses(),
        _ => panic!("no signal is called {name}"),
    };
    samples.as_chunks().0.to_vec()
}

/// Payloads of which every bit is drawn.
pub(crate) fn random_bits() -> Vec<[u8; 10]> {
    let mut draws = Draws(6);
    let bytes: Vec<u8> = (0..20_000).map(|_| (draws.draw() >> 24) as u8).collect();
    bytes.as_chunks().0.to_vec()
}

fn clamp(x: i64) -> i16 {
    x.clamp(-32768, 32767) as i16
}

fn noise(seed: u32, shift: u32) -> Vec<i16> {
    let mut draws = Draws(seed);
    (0..SAMPLES).map(|_| draws.sample() >> shift).collect()
}

/// A recursion of second order with coefficient `c` (Q29), from 0 and `y1` (Q16).
fn sine(c: i64, y1: i64) -> Vec<i16> {
    let (mut a, mut b) = (0, y1);
    (0..SAMPLES)
        .map(|_| {
            let sample = clamp(a >> 16);
            (a, b) = (b, ((c * b + (1 << 29)) >> 30) - a);
            sample
        })
        .collect()
}

/// Noise of eight levels, three of them silence, that change every 50 ms.
fn bursts() -> Vec<i16> {
    let mut draws = Draws(4);
    let mut out = Vec::new();
    while out.len() < SAMPLES {
        let level = draws.draw() >> 29;
        for _ in 0..400 {
            let sample = draws.sample();
            out.push(if level >= 5 { 0 } else { sample >> (2 * level) });
        }
    }
    out
}

/// Pulses whose period wanders through all lags, through a resonance: much like a voice.
fn pulses() -> Vec<i16> {
    let mut draws = Draws(5);
    let (mut left, mut period) = (0, 20_i64);
    let (mut y1, mut y2) = (0_i64, 0_i64);
    (0..SAMPLES)
        .map(|_| {
            let mut x = 0;
            if left == 0 {
                x = 8000;
                period += i64::from(draws.draw() >> 30) - 1;
                if !(20..=143).contains(&period) {
                    period = 20;
                }
                left = period;
            }
            left -= 1;
            let y = clamp(x + ((29_000 * y1 - 15_000 * y2) >> 14));
            (y1, y2) = (y.into(), y1);
            y
        })
        .collect()
}
