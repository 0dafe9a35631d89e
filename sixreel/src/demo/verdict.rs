//! What the recorders have, and whether it is what it should be.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use sixreel_dataplane::codec::g711;

use super::call::facts;
use super::script::{END_MS, LINES, Person};
use super::similarity::{Spoken, snr_db};
use super::stage::Recorder;

/// What G.711 must reach: one more encoding costs about this much less than nothing.
const SNR_MIN_DB: f64 = 25.0;

/// A recorder and what it has.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    pub(super) id: &'static str,
    pub(super) transport: Option<String>,
    pub(super) info: &'static str,
    pub(super) codec: Option<String>,
    /// The crypto suite, in a demonstration of protection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) suite: Option<String>,
    pub(super) packets: u64,
    pub(super) lost: u64,
    pub(super) snr_db: Option<f64>,
    /// Nothing where the recorder gets no metadata.
    pub(super) metadata_valid: Option<bool>,
    pub(super) files: Vec<PathBuf>,
    /// What is not as it should be.
    pub(super) problems: Vec<String>,
}

impl Verdict {
    /// Looks at everything that the recorder keeps in `folder`.
    pub(super) fn of(recorder: &Recorder, folder: &Path) -> Self {
        let files = files(folder);
        let with = |extension: &str| {
            let mut found = files.iter();
            found.find(|path| path.extension().is_some_and(|found| found == extension))
        };
        let kept = with("json").and_then(|path| fs::read(path).ok());
        let kept: Value = kept
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        let samples = with("wav").and_then(|path| samples(path));
        let text = |place: &str| kept.pointer(place)?.as_str().map(str::to_owned);
        let number = |place: &str| kept.pointer(place).and_then(Value::as_u64);
        let snr = samples.and_then(|samples| snr_db(&samples, &spoken()));
        let mut verdict = Self {
            id: recorder.id,
            transport: text("/transport"),
            info: recorder.info,
            codec: text("/codec"),
            suite: text("/suite"),
            packets: number("/packets").unwrap_or(0),
            lost: number("/lost").unwrap_or(0),
            snr_db: snr.map(|snr| (snr * 10.0).round() / 10.0),
            metadata_valid: kept.pointer("/metadata/valid").and_then(Value::as_bool),
            files,
            problems: Vec::new(),
        };
        verdict.judge(recorder, &kept);
        verdict
    }

    fn judge(&mut self, recorder: &Recorder, kept: &Value) {
        if kept.is_null() {
            self.problems.push("there is no recording".to_owned());
            return;
        }
        let findings = kept["findings"].as_array().into_iter().flatten();
        self.problems.extend(findings.map(Value::to_string));
        let mut demand = |holds: bool, problem: &str| {
            if !holds {
                self.problems.push(problem.to_owned());
            }
        };
        demand(self.lost == 0, "packets were lost");
        demand(self.packets >= END_MS / 20, "packets are missing");
        demand(
            self.snr_db.is_some_and(|snr| snr >= SNR_MIN_DB),
            "it does not sound like the conversation",
        );
        demand(
            self.codec
                .as_deref()
                .is_some_and(|codec| codec.starts_with(recorder.codec)),
            "the codec is not the one that was picked",
        );
        demand(
            self.suite.as_deref() == recorder.suite,
            "it is not protected by the suite that was picked",
        );
        demand(
            kept["unauthentic"] == 0 && kept["replayed"] == 0,
            "packets were not authentic",
        );
        demand(
            kept["end"]["by"] == "client",
            "it did not end with the call",
        );
        if recorder.info != "headers" {
            demand(
                self.metadata_valid == Some(true),
                "its metadata is not valid",
            );
            demand(
                names_everybody(kept),
                "its metadata does not name everybody",
            );
        }
        if recorder.info != "metadata" {
            demand(tells_the_call(kept), "its headers do not tell the call");
        }
    }
}

/// Whether the metadata names everybody who took part.
fn names_everybody(kept: &Value) -> bool {
    let participants = kept["participants"].as_array().into_iter().flatten();
    let names: Vec<_> = participants.map(|one| one["name"].as_str()).collect();
    names.len() == Person::ALL.len()
        && Person::ALL
            .iter()
            .all(|person| names.contains(&Some(person.name())))
}

/// Whether the headers told what the conference server did.
fn tells_the_call(kept: &Value) -> bool {
    let facts = facts();
    ["console_id", "user", "calling", "called"]
        .iter()
        .all(|fact| kept["call"][*fact] == facts[*fact])
}

/// The files in a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// The samples of a WAV file.
fn samples(path: &Path) -> Option<Vec<i16>> {
    let reader = hound::WavReader::open(path).ok()?;
    reader.into_samples().collect::<Result<_, _>>().ok()
}

/// What belongs into the recording.
fn spoken() -> Vec<Spoken> {
    let heard = LINES.iter().filter(|line| line.heard);
    let spoken = heard.map(|line| {
        let mut samples = vec![0; line.voice.len()];
        g711::decode_ulaw(line.voice, &mut samples);
        Spoken {
            from: line.from(),
            samples,
        }
    });
    spoken.collect()
}
