//! The files of one recording.
//!
//! `NAME.wav` grows while the recording goes on and can be listened to at any time.
//! `NAME.metadata.xml` is the latest complete metadata document as it came, or the first document
//! where none is complete; where more than one came, each is kept as `NAME.metadata-N.xml` too.
//! `NAME.json` tells the facts, all metadata documents taken together among them. The last two
//! kinds are replaced as a whole, so that nobody ever reads half of one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sixreel_controlplane::metadata::{Document, Mode};

use super::Keep;
use super::names::{numbered, stem};
use super::wav::Wav;
use crate::facts::Facts;

/// Recordings of one name in one folder.
const SAME_NAME_MAX: u32 = 100_000;

/// Conversations are private: others than owner and group read nothing.
const MODE: u32 = 0o640;

/// The files of a recording that goes on.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    stem: String,
    wav: Option<Wav>,
    /// The first document, while it is the only one.
    first: Option<Vec<u8>>,
    kept: Vec<PathBuf>,
}

/// A file that could not be written.
#[derive(Debug)]
pub(super) struct FileError {
    pub(super) file: PathBuf,
    pub(super) error: io::Error,
}

impl Files {
    /// Begins the files of a call under a name that no other files have.
    pub(super) fn begin(folder: &Path, call: &str, keep: Keep) -> Result<Self, FileError> {
        let wanted = stem(call);
        let mut files = Self {
            folder: folder.to_owned(),
            stem: wanted.clone(),
            wav: None,
            first: None,
            kept: Vec::new(),
        };
        for number in 1..=SAME_NAME_MAX {
            files.stem = numbered(&wanted, number);
            if files.claim(keep)? {
                return Ok(files);
            }
        }
        let error = io::Error::other("too many recordings of that name: empty the folder");
        Err(at(files.path("json"))(error))
    }

    /// The recording goes on with these samples.
    pub(super) fn push(&mut self, samples: &[i16]) -> Result<(), FileError> {
        self.with_wav(|wav| wav.push(samples))
    }

    /// The recording goes on with so many samples of silence.
    pub(super) fn push_silence(&mut self, samples: u64) -> Result<(), FileError> {
        self.with_wav(|wav| wav.push_silence(samples))
    }

    /// A metadata document came.
    pub(super) fn document(&mut self, number: u64, document: Vec<u8>) -> Result<(), FileError> {
        let complete = matches!(
            Document::parse(&document),
            Ok(Document::Recording(recording)) if recording.mode == Mode::Complete
        );
        if complete || number == 1 {
            self.replace("metadata.xml", &document)?;
        }
        if number == 1 {
            self.first = Some(document);
            return Ok(());
        }
        if let Some(first) = self.first.take() {
            self.replace("metadata-1.xml", &first)?;
        }
        self.replace(&format!("metadata-{number}.xml"), &document)
    }

    /// More is known of it: what is on disk is brought up to date.
    pub(super) fn facts(&mut self, facts: &Facts) -> Result<(), FileError> {
        let audio = self.with_wav(Wav::refresh);
        let mut text = serde_json::to_vec_pretty(facts).expect("facts have only string keys");
        text.push(b'\n');
        self.replace("json", &text)?;
        audio
    }

    /// They are complete: which they are.
    pub(super) fn end(mut self) -> Result<Vec<PathBuf>, FileError> {
        self.with_wav(Wav::refresh)?;
        Ok(self.kept)
    }

    /// Takes the present name, if no other files have it.
    fn claim(&mut self, keep: Keep) -> Result<bool, FileError> {
        for other in ["wav", "metadata.xml"] {
            let path = self.path(other);
            if path.try_exists().map_err(at(path))? {
                return Ok(false);
            }
        }
        let path = self.path("json");
        let mut file = match create(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            created => created.map_err(at(path.clone()))?,
        };
        file.write_all(b"{}\n").map_err(at(path.clone()))?;
        self.kept.push(path);
        if keep == Keep::All {
            let path = self.path("wav");
            let wav = create(&path).and_then(Wav::new);
            self.wav = Some(wav.map_err(at(path.clone()))?);
            self.kept.push(path);
        }
        Ok(true)
    }

    /// Writes sound, if there is any; a file that failed gets no more of it.
    fn with_wav(&mut self, act: impl FnOnce(&mut Wav) -> io::Result<()>) -> Result<(), FileError> {
        let Some(wav) = &mut self.wav else {
            return Ok(());
        };
        let acted = act(wav).and_then(|()| {
            if wav.is_full() {
                wav.refresh()?;
                return Err(io::Error::other("a WAV file holds three days at most"));
            }
            Ok(())
        });
        if let Err(error) = acted {
            // Where that fails too, the header is that of the last refresh.
            let _ = self.wav.take().map(Wav::salvage);
            return Err(at(self.path("wav"))(error));
        }
        Ok(())
    }

    /// Puts a file in place of the one that was there.
    fn replace(&mut self, what: &str, bytes: &[u8]) -> Result<(), FileError> {
        let path = self.path(what);
        let part = self.folder.join(format!(".{}.{what}.part", self.stem));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(MODE)
            .open(&part)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&part, &path));
        if let Err(error) = written {
            // It may not be there at all.
            let _ = fs::remove_file(&part);
            return Err(at(path)(error));
        }
        if !self.kept.contains(&path) {
            self.kept.push(path);
        }
        Ok(())
    }

    fn path(&self, what: &str) -> PathBuf {
        self.folder.join(format!("{}.{what}", self.stem))
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(MODE);
    options.open(path)
}

fn at(file: PathBuf) -> impl FnOnce(io::Error) -> FileError {
    |error| FileError { file, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn document(mode: &str) -> Vec<u8> {
        format!(
            "<recording xmlns='urn:ietf:params:xml:ns:recording:1'>\
             <datamode>{mode}</datamode></recording>"
        )
        .into_bytes()
    }

    #[test]
    fn a_name_is_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("7.metadata.xml"), "of somebody else").unwrap();
        fs::write(folder.path().join("7-2.wav"), "of somebody else").unwrap();
        let begin = |keep| Files::begin(folder.path(), "7", keep).unwrap().stem;
        assert_eq!(begin(Keep::Facts), "7-3");
        assert_eq!([begin(Keep::All), begin(Keep::All)], ["7-4", "7-5"]);
    }

    #[test]
    fn the_latest_complete_document_and_each_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
        let mut files = Files::begin(folder.path(), "7", Keep::Facts).unwrap();
        let [one, two, three] = ["complete", "partial", "complete"].map(document);
        files.document(1, one.clone()).unwrap();
        assert_eq!(names(folder.path()), ["7.json", "7.metadata.xml"]);
        files.document(2, two.clone()).unwrap();
        assert_eq!(read("7.metadata.xml"), one);
        files
            .document(3, [three.clone(), b"\n".to_vec()].concat())
            .unwrap();
        assert_eq!(read("7.metadata.xml"), [three, b"\n".to_vec()].concat());
        assert_eq!(
            (read("7.metadata-1.xml"), read("7.metadata-2.xml")),
            (one, two)
        );
        let kept = files.end().unwrap();
        assert_eq!(kept.len(), names(folder.path()).len());
    }

    #[test]
    fn a_file_that_fails_is_named_and_the_others_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Files::begin(folder.path(), "7", Keep::Facts).unwrap();
        // A device that is always full.
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = Wav::new(full).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        fs::create_dir(folder.path().join("7.metadata.xml")).unwrap();
        let error = files.document(1, document("complete")).unwrap_err();
        assert_eq!(error.file, folder.path().join("7.metadata.xml"));
        assert_eq!(names(folder.path()), ["7.json", "7.metadata.xml"]);
        assert!(files.document(2, document("partial")).is_ok());
    }
}
