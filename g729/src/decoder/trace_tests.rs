//! Each stage of the decoder against traces of reference outputs.

use serde_json::Value;

use super::*;
use crate::dims::TAPS;
use crate::filter::weight;
use crate::testing::{numbers, trace};

/// Decodes each trace that begins at the start of a stream, frame by frame.
fn frames(check: impl Fn(&mut Decoder, Option<Parameters>, &Value)) {
    for name in ["erasure", "overflow", "parity", "speech"] {
        let Some(frames) = trace(&format!("decoder-{name}")) else {
            return;
        };
        let mut decoder = Decoder::new();
        for frame in &frames {
            let parameters = (frame["bfi"] == 0).then(|| parse(&frame["prm"]));
            check(&mut decoder, parameters, frame);
        }
    }
}

/// The parameters as the trace has them: words of several fields each.
fn parse(words: &Value) -> Parameters {
    let words: [i16; 11] = numbers(words);
    let mut bits = 0_u128;
    for (word, count) in words.into_iter().zip([8, 10, 8, 1, 13, 4, 7, 5, 13, 4, 7]) {
        bits = bits << count | word as u128;
    }
    Parameters::parse(bits.to_be_bytes()[6..].try_into().unwrap())
}

fn number(value: &Value) -> i16 {
    numbers::<1>(value)[0]
}

#[test]
fn spectrum() {
    frames(|decoder, parameters, frame| {
        let filters = decoder.filters(parameters.as_ref());
        assert_eq!(decoder.last_lsf, numbers(&frame["lsf_q"]));
        assert_eq!(
            *decoder.lsf_memory.0.as_flattened(),
            numbers::<40>(&frame["freq_prev"])
        );
        assert_eq!(decoder.lsp, numbers(&frame["lsp_q"]));
        assert_eq!(
            *filters.as_flattened(),
            numbers::<{ 2 * TAPS }>(&frame["aq"])
        );
    });
}

#[test]
fn excitation_and_synthesis() {
    frames(|decoder, parameters, frame| {
        if let Some(parameters) = &parameters {
            assert_eq!(parameters.parity_holds(), frame["parity_error"] == 0);
        }
        let filters = decoder.filters(parameters.as_ref());
        let mut lag = 0;
        for (sub, a) in filters.iter().enumerate() {
            let traced = &frame["sub"][sub];
            assert_eq!(decoder.gains.sharpening(), number(&traced["sharp"]));
            lag = decoder.excite(sub, parameters.as_ref(), lag);
            assert_eq!(lag, number(&traced["t0"]));
            assert_eq!(decoder.lag, number(&traced["old_t0_next"]));
            assert_eq!(decoder.energy_memory.0, numbers(&traced["past_qua_en"]));
            assert_eq!(decoder.gains.pitch, number(&traced["gain_pit"]));
            assert_eq!(decoder.gains.code, number(&traced["gain_code"]));
            assert_eq!(
                decoder.excitation[PAST..],
                numbers::<SUBFRAME>(&traced["exc"])
            );
            assert_eq!(decoder.synthesise(a), numbers(&traced["synth_sub"]));
            assert_eq!(decoder.synthesis_memory, numbers(&traced["mem_syn"]));
            decoder.excitation.copy_within(SUBFRAME.., 0);
        }
    });
}

#[test]
fn codebook_vectors() {
    frames(|_, parameters, frame| {
        for sub in 0..2 {
            let traced = &frame["sub"][sub];
            let (places, signs) = (number(&traced["fcb_index"]), number(&traced["fcb_sign"]));
            let pulses = Pulses::parse(places as u16, signs as u8);
            if let Some(parameters) = &parameters {
                assert_eq!(places as u16, parameters.places[sub]);
            }
            let mut code = pulses.vector();
            sharpen(&mut code, number(&traced["t0"]), number(&traced["sharp"]));
            assert_eq!(code, numbers(&traced["code"]));
        }
    });
}

#[test]
fn post_processing() {
    frames(|decoder, _, frame| {
        let speech: [i16; FRAME_SAMPLES] = numbers(&frame["synth"]);
        let mut out = [0; FRAME_SAMPLES];
        for sub in 0..2 {
            let traced = &frame["postfilter"][sub];
            let a: Lp = numbers::<{ 2 * TAPS }>(&frame["aq"])[sub * TAPS..][..TAPS]
                .try_into()
                .unwrap();
            let lag = number(&frame["sub"][sub]["t0"]);
            let (numerator, denominator) = (
                weight(&a, postfilter::NUMERATOR),
                weight(&a, postfilter::DENOMINATOR),
            );
            assert_eq!(numerator, numbers(&traced["ap3"]));
            assert_eq!(denominator, numbers(&traced["ap4"]));
            let filter = &mut decoder.postfilter;
            let speech = speech[sub * SUBFRAME..][..SUBFRAME].try_into().unwrap();
            filter.push_residual(&numerator, speech);
            let past = postfilter::HISTORY;
            assert_eq!(
                filter.residual[past..],
                numbers::<SUBFRAME>(&traced["res2"])
            );
            let mut signal = postfilter::long_term::filter(&filter.residual, lag);
            assert_eq!(signal, numbers(&traced["res2_pst"]));
            filter.residual.copy_within(SUBFRAME.., 0);
            let response = postfilter::response(&numerator, &denominator);
            assert_eq!(response, numbers(&traced["h"]));
            let tilt = postfilter::tilt(&response);
            assert_eq!(tilt, number(&traced["tilt"]));
            filter.compensate_tilt(&mut signal, tilt);
            assert_eq!(signal, numbers(&traced["res2_tilt"]));
            let mut signal = filter.synthesise(&denominator, &signal);
            assert_eq!(signal, numbers(&traced["syn_pst"]));
            filter.gain_control.level(speech, &mut signal);
            assert_eq!(filter.gain_control.0, number(&traced["agc_gain_end"]));
            assert_eq!(signal, numbers(&traced["syn_agc"]));
            out[sub * SUBFRAME..][..SUBFRAME].copy_from_slice(&signal);
        }
        decoder.high_pass.filter(&mut out);
        assert_eq!(out, numbers(&frame["output"]));
    });
}
