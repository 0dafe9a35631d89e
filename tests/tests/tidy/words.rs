//! Words and marks that must be there, or must not.

use super::tree::{Tree, has_word};

/// Files that may have unsafe code: each is a leaf that others use safely.
const UNSAFE: &[&str] = &[
    "dataplane/src/srtp/fast/lanes.rs",
    "dataplane/src/srtp/fast/mod.rs",
    "dataplane/src/srtp/fast/narrow.rs",
    "dataplane/src/srtp/fast/session.rs",
    "dataplane/src/srtp/fast/vector.rs",
    "dataplane/tests/no_allocation.rs",
];

/// Marks of unfinished work; in two parts, so that this file has none.
const LEFTOVERS: &[&str] = &[
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
    concat!("dbg", "!("),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
];

/// Folders of people.
const MACHINES: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("C:\\", "Users"),
];

/// Files and modules that do not say what they are.
pub(crate) fn doors(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    for file in tree.ending(".rs") {
        if !file.text.starts_with("//! ") {
            faults.push(format!(
                "{}:1: begin with a line `//! …` on what it is",
                file.path
            ));
        }
        let mut is_told = false;
        for (index, line) in file.text.lines().enumerate() {
            let line = line.trim_start();
            if line.starts_with("///") {
                is_told = true;
            } else if !line.starts_with("#[") {
                if is_module(line) && !is_told {
                    let number = index + 1;
                    faults.push(format!(
                        "{}:{number}: say in a line `/// …` above",
                        file.path
                    ));
                }
                is_told = false;
            }
        }
    }
    faults
}

/// Work that was begun and not ended.
pub(crate) fn leftovers(tree: &Tree) -> Vec<String> {
    let is_left = |line: &str, word: &&str| match word.strip_suffix("!(") {
        Some(name) => line.contains(*word) && has_word(line, name),
        None => has_word(line, word),
    };
    find(
        tree,
        LEFTOVERS,
        is_left,
        "finish it, or file it and take it out",
    )
}

/// Unsafe code outside of leaf files, and leaf files without any.
pub(crate) fn unsafe_code(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    for file in tree.ending(".rs") {
        let mut lines = file
            .code()
            .filter(|(_, line)| has_word(line, concat!("un", "safe")) && !line.contains('"'));
        let first = lines.next();
        match (first, UNSAFE.contains(&file.path.as_str())) {
            (Some((number, _)), false) => faults.push(format!(
                "{}:{number}: unsafe code is for leaf files: see UNSAFE in \
                 tests/tests/tidy/words.rs",
                file.path
            )),
            (None, true) => faults.push(format!("{}: it is safe: take it off the list", file.path)),
            (Some(_), true) | (None, false) => {}
        }
    }
    faults
}

/// Paths that only one person has.
pub(crate) fn machines(tree: &Tree) -> Vec<String> {
    let has = |line: &str, word: &&str| line.contains(*word);
    find(
        tree,
        MACHINES,
        has,
        "others have no such folder: use a path from the repository's root",
    )
}

fn find(
    tree: &Tree,
    words: &[&str],
    has: impl Fn(&str, &&str) -> bool,
    remedy: &str,
) -> Vec<String> {
    let mut faults = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| has(line, word)) {
                faults.push(format!("{}:{}: {word}: {remedy}", file.path, index + 1));
            }
        }
    }
    faults
}

/// A module that is a file of its own, other than the tests of its parent.
fn is_module(line: &str) -> bool {
    let Some((before, name)) = line
        .strip_suffix(';')
        .and_then(|line| line.split_once("mod "))
    else {
        return false;
    };
    name != "tests" && (before.is_empty() || before.starts_with("pub"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(check: impl FnOnce(&Tree) -> Vec<String>, path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn a_file_and_a_module_say_what_they_are() {
        let told = "//! A.\n\n/// B.\n#[cfg(test)]\npub(crate) mod b;\n#[cfg(test)]\nmod tests;\n";
        assert_eq!(faults(doors, "a.rs", told), 0);
        assert_eq!(faults(doors, "a.rs", "use a;\n"), 1);
        assert_eq!(faults(doors, "a.rs", "//! A.\n/// B.\nmod b;\nmod c;\n"), 1);
        assert_eq!(
            faults(doors, "a.rs", "//! A.\n#[cfg(test)]\npub mod c;\n"),
            1
        );
    }

    #[test]
    fn each_leftover_and_each_machine_is_found() {
        for word in LEFTOVERS {
            assert_eq!(
                faults(leftovers, "a.md", &format!("a {word} b")),
                1,
                "{word}"
            );
        }
        assert_eq!(faults(leftovers, "a.rs", "hacking; TODOS; my_dbg!(a)"), 0);
        for word in MACHINES {
            assert_eq!(
                faults(machines, "a.sh", &format!("cd {word}me")),
                1,
                "{word}"
            );
        }
    }

    #[test]
    fn unsafe_code_is_found_where_it_is_not_expected_and_missed_where_it_is() {
        let block = concat!("un", "safe { a() }");
        assert_eq!(faults(unsafe_code, "a.rs", block), 1);
        assert_eq!(faults(unsafe_code, "a.rs", "// unsafe\nunsafe_code()"), 0);
        assert_eq!(faults(unsafe_code, UNSAFE[0], block), 0);
        assert_eq!(faults(unsafe_code, UNSAFE[0], "safe"), 1);
    }
}
