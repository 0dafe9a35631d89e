//! The files of the repository, and of made-up ones.

use std::fs;
use std::path::Path;

/// Files by path, in order.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

/// A file.
#[derive(Debug)]
pub(crate) struct File {
    /// From the repository's root, with slashes.
    pub(crate) path: String,
    /// Empty for a file that is not text.
    pub(crate) text: String,
    pub(crate) bytes: u64,
}

impl Tree {
    /// The files of this repository, without what builds and runs leave behind.
    pub(crate) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let ignored = fs::read_to_string(root.join(".gitignore")).expect("it is there");
        let ignored: Vec<_> = ignored.lines().map(|line| line.trim_matches('/')).collect();
        let mut tree = Self::default();
        tree.read_folder(&root, "", &ignored);
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        assert!(tree.files.len() > 50, "the repository was not found");
        tree
    }

    /// A made-up tree.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
            bytes: text.len() as u64,
        };
        Self {
            files: files.iter().map(file).collect(),
        }
    }

    /// The file of this path.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The files whose names end so.
    pub(crate) fn ending(&self, end: &str) -> impl Iterator<Item = &File> {
        self.files
            .iter()
            .filter(move |file| file.path.ends_with(end))
    }

    fn read_folder(&mut self, folder: &Path, at: &str, ignored: &[&str]) {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let entry = entry.expect("the folder can be read");
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{at}{name}");
            if path == ".git" || name == "__pycache__" || ignored.contains(&path.as_str()) {
                continue;
            }
            let kind = entry.file_type().expect("its kind is known");
            if kind.is_dir() {
                self.read_folder(&entry.path(), &format!("{path}/"), ignored);
            } else if kind.is_file() {
                let bytes = fs::read(entry.path()).expect("the file can be read");
                self.files.push(File {
                    path,
                    bytes: bytes.len() as u64,
                    text: String::from_utf8(bytes).unwrap_or_default(),
                });
            }
        }
    }
}

impl File {
    /// Numbered lines without comments.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines.map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default()))
    }

    /// The same up to the tests of the file.
    pub(crate) fn code_before_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code().take_while(|(_, line)| *line != "mod tests {")
    }
}

/// Whether `line` has `word` with no letter, digit or underscore beside it.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(is_part) && !line[at + word.len()..].starts_with(is_part)
    })
}

/// What follows each `path::` in a line: the next identifier, or `{` of a list.
pub(crate) fn after<'a>(line: &'a str, path: &str) -> Vec<&'a str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let starts = line
        .match_indices(path)
        .filter(|(at, _)| !line[..*at].ends_with(is_part));
    starts
        .filter_map(|(at, _)| line[at + path.len()..].strip_prefix("::"))
        .map(|rest| {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            match end {
                Some(0) => &rest[..1],
                Some(end) => &rest[..end],
                None => rest,
            }
        })
        .collect()
}

#[test]
fn words_and_paths_are_found_whole() {
    assert!(has_word("a unsafe { b", "unsafe"));
    assert!(!has_word("unsafe_code unsafely", "unsafe"));
    assert_eq!(after("use crate::sip::uri;", "crate"), ["sip"]);
    assert_eq!(after("crate::a, (crate::b_2::c)", "crate"), ["a", "b_2"]);
    assert_eq!(after("use crate::{a, b};", "crate"), ["{"]);
    assert!(after("my_crate::a, x::crate::b", "crate").is_empty());
    assert_eq!(
        after("use sixreel_dataplane::api::{A}", "sixreel_dataplane"),
        ["api"]
    );
}

#[test]
fn code_is_what_is_no_comment_and_no_test() {
    let tree = Tree::of(&[("a.rs", "a // b\n#[cfg(test)]\nmod tests {\n    c\n}\n")]);
    let all: Vec<_> = tree.files[0].code().collect();
    assert_eq!(all[0], (1, "a "));
    assert_eq!(all.len(), 5);
    assert_eq!(tree.files[0].code_before_tests().count(), 2);
}
