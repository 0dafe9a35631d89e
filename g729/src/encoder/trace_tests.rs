//! Each stage of the encoder against traces of reference outputs: from the outputs of the stages
//! before it as they are traced, so that one stage's error does not hide in the next.

use serde_json::Value;

use super::closed_loop::{PitchCorrelations, Scaled};
use super::*;
use crate::arith::Split;
use crate::gain::{GainIndex, PredictedGain};
use crate::lsf_codebook::LsfIndex;
use crate::pitch::Lag;
use crate::tables::LSF_RESET;
use crate::testing::{numbers, trace, wide};

/// The traces, and which of them begin in the middle of a stream.
const TRACES: [(&str, bool); 11] = [
    ("algthm", false),
    ("alternating", false),
    ("fixed", false),
    ("lsp", false),
    ("pitch", false),
    ("sine-3400-taming", true),
    ("sine-440-taming", true),
    ("speech", false),
    ("square-full", false),
    ("tame", false),
    ("test", false),
];

/// Calls `check` with each traced frame and the one before it; with `None` for that only at the
/// start of a stream.
fn frames(check: impl Fn(Option<&Value>, &Value)) {
    for (name, late) in TRACES {
        let Some(frames) = trace(name) else { return };
        if !late {
            check(None, &frames[0]);
        }
        frames
            .windows(2)
            .for_each(|pair| check(Some(&pair[0]), &pair[1]));
    }
}

/// The same for subframes: the one before and the frame's filter A(z/γ) come along.
fn subframes(check: impl Fn(Option<&Value>, &Value, &Lp, usize)) {
    frames(|before, now| {
        let filters: [i16; 2 * TAPS] = numbers(&now["ap"]);
        let (first, second) = filters.split_at(TAPS);
        let [one, two] = [&now["sub"][0], &now["sub"][1]];
        check(
            before.map(|before| &before["sub"][1]),
            one,
            first.try_into().unwrap(),
            0,
        );
        check(Some(one), two, second.try_into().unwrap(), 1);
    });
}

/// A state that the frame before left, or the one at the start of a stream.
fn state<const N: usize>(before: Option<&Value>, field: &str, start: [i16; N]) -> [i16; N] {
    before.map_or(start, |before| numbers(&before[field]))
}

fn number(value: &Value) -> i16 {
    numbers::<1>(value)[0]
}

fn correlations(frame: &Value, prefix: &str) -> autocorrelation::Correlations {
    let hi: [i16; TAPS] = numbers(&frame[format!("{prefix}_h")]);
    let lo: [i16; TAPS] = numbers(&frame[format!("{prefix}_l")]);
    core::array::from_fn(|i| Split {
        hi: hi[i],
        lo: lo[i],
    })
}

fn lsf_index(frame: &Value) -> LsfIndex {
    let [predictor, first, lower, upper] = wide(&frame["lsp_idx"]).map(|index| index as usize);
    LsfIndex {
        predictor,
        first,
        lower,
        upper,
    }
}

fn lsf_memory(before: Option<&Value>) -> LsfMemory {
    let Some(before) = before else {
        return LsfMemory::new();
    };
    let past: [i16; 4 * ORDER] = numbers(&before["lspq"]["freq_prev"]);
    LsfMemory(core::array::from_fn(|i| {
        past[i * ORDER..][..ORDER].try_into().unwrap()
    }))
}

#[test]
fn high_pass() {
    for (name, late) in TRACES {
        let Some(frames) = trace(name) else { return };
        let mut filter = HighPass::input();
        for frame in frames.iter().filter(|_| !late) {
            let mut samples = numbers(&frame["input"]);
            filter.filter(&mut samples);
            assert_eq!(samples, numbers(&frame["pre"]), "{name}");
        }
    }
}

#[test]
fn autocorrelation_and_lp() {
    for (name, late) in TRACES {
        let Some(frames) = trace(name) else { return };
        let mut encoder = Encoder::new();
        for frame in frames.iter().filter(|_| !late) {
            encoder.push(&numbers(&frame["input"]));
            let mut found = autocorrelation::autocorrelate(&encoder.speech);
            assert_eq!(found, correlations(frame, "r"), "{name}");
            autocorrelation::lag_window(&mut found);
            assert_eq!(found, correlations(frame, "rw"), "{name}");
            assert_eq!(
                encoder.levinson.solve(&found),
                numbers(&frame["a"]),
                "{name}"
            );
        }
    }
}

#[test]
fn lsp_and_lsf() {
    frames(|before, frame| {
        let lsp = roots::from_lp(&numbers(&frame["a"]))
            .unwrap_or_else(|| state(before, "lsp", LSP_RESET));
        assert_eq!(lsp, numbers(&frame["lsp"]));
        assert_eq!(lsf::from_lsp(&lsp), numbers(&frame["lspq"]["lsf"]));
    });
}

#[test]
fn lsf_quantiser() {
    frames(|before, frame| {
        let lsf = numbers(&frame["lspq"]["lsf"]);
        let mut memory = lsf_memory(before);
        assert_eq!(lsf_search::weigh(&lsf), numbers(&frame["lspq"]["weight"]));
        for predictor in 0..2 {
            let mode = &frame["lspq"]["mode"][predictor];
            assert_eq!(memory.target(predictor, &lsf), numbers(&mode["target"]));
        }
        let index = lsf_search::search(&lsf, &memory);
        assert_eq!(index, lsf_index(frame));
        let quantised = memory.reconstruct(index);
        assert_eq!(quantised, numbers(&frame["lspq"]["lsf_q"]));
        assert_eq!(memory.0, lsf_memory(Some(frame)).0);
        assert_eq!(lsf::to_lsp(&quantised), numbers(&frame["lsp_q"]));
        let before = state(before, "lsp_q", LSP_RESET);
        let filters = lsp_interpolation::interpolate(&before, &numbers(&frame["lsp_q"]));
        assert_eq!(
            *filters.as_flattened(),
            numbers::<{ 2 * TAPS }>(&frame["aq"])
        );
        let weighted = filters.map(|a| weight(&a, GAMMA));
        assert_eq!(
            *weighted.as_flattened(),
            numbers::<{ 2 * TAPS }>(&frame["ap"])
        );
    });
    assert_eq!(LsfMemory::new().0, [LSF_RESET; 4]);
}

#[test]
fn open_loop() {
    for (name, late) in TRACES {
        let Some(frames) = trace(name) else { return };
        let mut encoder = Encoder::new();
        for frame in frames.iter().filter(|_| !late) {
            encoder.push(&numbers(&frame["input"]));
            assert_eq!(
                encoder.speech[CODED..][..80],
                numbers::<80>(&frame["speech"])
            );
            let filters: [i16; 2 * TAPS] = numbers(&frame["aq"]);
            let filters = [0, 1].map(|sub| filters[sub * TAPS..][..TAPS].try_into().unwrap());
            let residual = encoder.residual(&filters);
            assert_eq!(*residual.as_flattened(), numbers::<80>(&frame["residual"]));
            let lag = encoder.open_loop(&residual, &filters.map(|a| weight(&a, GAMMA)));
            let from = open_loop::HISTORY - FRAME_SAMPLES;
            assert_eq!(encoder.weighted[from..][..80], numbers::<80>(&frame["wsp"]));
            assert_eq!(encoder.weighted_memory, numbers(&frame["mem_w"]));
            assert_eq!(lag, number(&frame["t_op"]), "{name} {}", frame["open_loop"]);
        }
    }
}

#[test]
fn adaptive_codebook() {
    subframes(|before, sub, a, number_in_frame| {
        let response = impulse::response(a);
        assert_eq!(response, numbers(&sub["h1"]));
        let target = numbers(&sub["xn"]);
        let backward = impulse::backward(&target, &response);
        assert_eq!(backward, numbers(&sub["dn_pitch"]));

        let lag = Lag {
            whole: number(&sub["t0"]),
            thirds: number(&sub["t0_frac"]),
        };
        let least = number(&sub["t0_min"]);
        let word = match number_in_frame {
            0 => pitch::first_word(lag),
            _ => pitch::second_word(lag, least),
        };
        assert_eq!(i16::from(word), number(&sub["pitch_index"]));
        let filtered = impulse::filter(a, &numbers::<SUBFRAME>(&sub["adaptive"]), &[0; ORDER]);
        assert_eq!(filtered, numbers(&sub["y1"]));

        let (gain, found) = closed_loop::gain(&target, &filtered);
        assert_eq!(gain, number(&sub["gain_pit_unq"]));
        assert_eq!(found, pitch_correlations(sub));
        if let Some(before) = before {
            let taming = Taming(wide(&before["l_exc_err"]).map(|bound| bound as i32));
            assert_eq!(i16::from(taming.needed(lag)), number(&sub["taming"]));
            let mut taming = taming;
            taming.push(lag.whole, number(&sub["gain_pit"]));
            assert_eq!(taming.0.map(i64::from), wide(&sub["l_exc_err"]));
        }
    });
}

fn pitch_correlations(sub: &Value) -> PitchCorrelations {
    let [yy, yy_q, xy, xy_q] = numbers(&sub["g_coeff"]);
    PitchCorrelations {
        energy: Scaled {
            mantissa: yy,
            q: 15 - yy_q,
        },
        correlation: Scaled {
            mantissa: xy,
            q: 15 - xy_q,
        },
    }
}

#[test]
fn fixed_codebook() {
    subframes(|before, sub, _, _| {
        let lag = number(&sub["t0"]);
        let sharpening = number(&sub["sharp"]);
        if let Some(before) = before {
            assert_eq!(sharpening, number(&before["sharp_next"]));
        }
        let (target, adaptive): (Block, Block) = (numbers(&sub["xn"]), numbers(&sub["y1"]));
        let gain = number(&sub["gain_pit_clip"]);
        let rest: Block =
            core::array::from_fn(|n| target[n].saturating_sub(scaled(adaptive[n], gain, 1)));
        assert_eq!(rest, numbers(&sub["xn2"]));
        let mut response = numbers(&sub["h1"]);
        sharpen(&mut response, lag, sharpening);
        assert_eq!(response, numbers(&sub["h1_sharp"]));
        let backward = impulse::backward(&rest, &response);
        assert_eq!(backward, numbers(&sub["dn"]));
        assert_eq!(pulse_energies(&response), wide::<616>(&sub["rr"]).to_vec());
        let (pulses, filtered) = fixed_search::search(&backward, &response);
        let (places, signs) = pulses.write();
        assert_eq!(places as i16, number(&sub["fcb_index"]));
        assert_eq!(i16::from(signs), number(&sub["fcb_sign"]));
        assert_eq!(filtered, numbers(&sub["y2"]));
        let mut code = pulses.vector();
        sharpen(&mut code, lag, sharpening);
        assert_eq!(code, numbers(&sub["code"]));
    });
}

/// Each track with itself, then the pairs of tracks that the search looks at.
fn pulse_energies(response: &Block) -> Vec<i64> {
    let matrix = pulse_energies::energies(response);
    let alone = (0..SUBFRAME).map(|row| matrix[row][row]);
    let tracks = [
        (0, 1),
        (0, 2),
        (0, 3),
        (0, 4),
        (1, 2),
        (1, 3),
        (1, 4),
        (2, 3),
        (2, 4),
    ];
    let pairs = tracks.into_iter().flat_map(|(a, b)| {
        (0..8).flat_map(move |i| (0..8).map(move |j| matrix[8 * a + i][8 * b + j]))
    });
    alone.chain(pairs).map(i64::from).collect()
}

#[test]
fn gains() {
    subframes(|before, sub, _, _| {
        let [x, y, z, code]: [Block; 4] =
            ["xn", "y1", "y2", "code"].map(|field| numbers(&sub[field]));
        let terms = gain_search::terms(&x, &y, &z, pitch_correlations(sub));
        assert_eq!(terms.map(|term| term.mantissa), numbers(&sub["corr"]));
        assert_eq!(terms.map(|term| term.q), numbers(&sub["corr_exp"]));

        let traced = &sub["gainq"];
        let mut memory = match before {
            Some(before) => EnergyMemory(numbers(&before["gainq"]["past_qua_en"])),
            None => EnergyMemory::new(),
        };
        let predicted = memory.predict(&code);
        let expected = PredictedGain {
            mantissa: number(&traced["gcode0"]),
            q: number(&traced["exp_gcode0"]),
        };
        assert_eq!(predicted, expected);
        let tamed = number(&sub["taming"]) == 1;
        let optimum = gain_search::optimum(&terms, tamed);
        assert_eq!(optimum, numbers(&traced["best_gain"]));
        assert_eq!(
            gain_search::scale_q4(predicted),
            number(&traced["gcode0_q4"])
        );
        let kept = gain_search::preselect(optimum, predicted);
        assert_eq!(kept.first as i16, number(&traced["cand1"]));
        assert_eq!(kept.second as i16, number(&traced["cand2"]));
        let index = gain_search::search(&terms, predicted, tamed);
        let [first, second] = ["index1", "index2"].map(|field| number(&traced[field]) as usize);
        assert_eq!(index, GainIndex { first, second });
        memory.push_factor(index.factor());
        assert_eq!(memory.0, numbers(&traced["past_qua_en"]));
        let gains = index.gains(predicted);
        assert_eq!(gains.pitch, number(&sub["gain_pit"]));
        assert_eq!(gains.code, number(&sub["gain_code"]));
        assert_eq!(error_memory(&x, &y, &z, gains), numbers(&sub["mem_w0"]));
        let mut excitation: Block = numbers(&sub["adaptive"]);
        mix(&mut excitation, &code, gains);
        assert_eq!(excitation, numbers(&sub["exc"]));
        assert_eq!(gains.sharpening(), number(&sub["sharp_next"]));
    });
}

#[test]
fn whole_frames() {
    for (name, late) in TRACES {
        let Some(frames) = trace(name) else { return };
        let mut encoder = Encoder::new();
        for frame in frames.iter().filter(|_| !late) {
            let payload = encoder.encode(&numbers(&frame["input"]));
            let hex: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(
                hex,
                frame["payload"].as_str().unwrap(),
                "{name} {}",
                frame["frame"]
            );
        }
    }
}
