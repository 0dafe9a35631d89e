//! How long files, functions and lines are.
//!
//! What is longer stands in exceptions.txt with its length. The list is a ratchet: an exception may
//! shrink, and then the list says so; it may not grow.

use super::tree::{File, Tree};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 60;
const COLUMNS_MAX: usize = 100;
const BYTES_MAX: u64 = 1 << 20;

/// Each line `WHAT LINES`; WHAT is a path, or a path and the name of a function.
const EXCEPTIONS: &str = include_str!("exceptions.txt");

/// Files, functions and lines that are too long.
pub(crate) fn lengths(tree: &Tree) -> Vec<String> {
    let mut long = Vec::new();
    for file in tree.ending(".rs") {
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX {
            long.push((file.path.clone(), lines));
        }
        let functions = functions(file).into_iter();
        let functions = functions.filter(|(_, lines)| *lines > FUNCTION_LINES_MAX);
        long.extend(functions.map(|(name, lines)| (format!("{} {name}", file.path), lines)));
    }
    let mut faults = ratchet(&long, EXCEPTIONS);
    faults.extend(
        tree.files
            .iter()
            .filter(|file| has_columns(file))
            .flat_map(wide_lines),
    );
    faults
}

/// Files that are too large for a repository.
pub(crate) fn bytes(tree: &Tree) -> Vec<String> {
    let large = tree.files.iter().filter(|file| file.bytes > BYTES_MAX);
    large
        .map(|file| {
            format!(
                "{}: {} bytes are more than {BYTES_MAX}: make it smaller, or generate it",
                file.path, file.bytes
            )
        })
        .collect()
}

/// Holds what is long against the exceptions.
fn ratchet(long: &[(String, usize)], exceptions: &str) -> Vec<String> {
    let exceptions: Vec<(&str, usize)> = exceptions
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.rsplit_once(' ').expect("an exception is WHAT LINES"))
        .map(|(what, lines)| (what, lines.parse().expect("LINES is a number")))
        .collect();
    let mut faults = Vec::new();
    for (what, lines) in long {
        match exceptions.iter().find(|(exception, _)| exception == what) {
            None => faults.push(format!(
                "{what}: {lines} lines: the limit is {FILE_LINES_MAX} for a file and \
                 {FUNCTION_LINES_MAX} for a function: divide it"
            )),
            Some((_, limit)) if lines > limit => {
                faults.push(format!(
                    "{what}: it has grown from {limit} to {lines} lines: divide it"
                ));
            }
            Some((_, limit)) if lines < limit => faults.push(format!(
                "{what}: it has shrunk: write {lines} in tests/tests/tidy/exceptions.txt"
            )),
            Some(_) => {}
        }
    }
    let gone = exceptions
        .iter()
        .filter(|(what, _)| !long.iter().any(|(long, _)| long == what));
    faults.extend(gone.map(|(what, _)| {
        format!("{what}: it is short: take it out of tests/tests/tidy/exceptions.txt")
    }));
    faults
}

/// Names of functions and their lines, from `fn` to the closing brace as rustfmt places it.
fn functions(file: &File) -> Vec<(&str, usize)> {
    let lines: Vec<_> = file.text.lines().collect();
    let mut functions = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else {
            continue;
        };
        let indent = &line[..line.len() - line.trim_start().len()];
        let is_end = |line: &&str| {
            let rest = line.strip_prefix(indent);
            rest.is_some_and(|rest| {
                rest.starts_with('}') || rest.ends_with(';') && rest.starts_with(')')
            })
        };
        if line.ends_with('}') || line.ends_with(';') {
            continue;
        }
        if let Some(length) = lines[start..].iter().position(is_end) {
            functions.push((name, length + 1));
        }
    }
    functions
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let is_qualifier = |word: &str| {
        word.starts_with("pub")
            || ["const", "unsafe", "async", "extern", "\"C\""].contains(&word)
            || word.ends_with(')')
    };
    if !before.split_whitespace().all(is_qualifier) {
        return None;
    }
    let end = after.find(['(', '<'])?;
    Some(&after[..end])
}

/// What people read line by line.
fn has_columns(file: &File) -> bool {
    [".rs", ".py"].iter().any(|end| file.path.ends_with(end)) || file.text.starts_with("#!")
}

fn wide_lines(file: &File) -> Vec<String> {
    let lines = file.text.lines().enumerate();
    lines
        .filter(|(_, line)| line.chars().count() > COLUMNS_MAX)
        .map(|(index, _)| {
            format!(
                "{}:{}: it is longer than {COLUMNS_MAX} columns",
                file.path,
                index + 1
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        format!(
            "    pub(super) const fn long<T>(\n{}    }}\n",
            "        x\n".repeat(lines - 2)
        )
    }

    #[test]
    fn functions_are_measured_from_fn_to_brace() {
        let text = format!(
            "impl A {{\n{}}}\nfn short() {{}}\nfn of_a_trait(\n);\n",
            function(9)
        );
        let tree = Tree::of(&[("a.rs", &text)]);
        assert_eq!(functions(&tree.files[0]), [("long", 9), ("of_a_trait", 2)]);
        assert_eq!(function_name("let f: fn (u8) = a;"), None);
        assert_eq!(function_name("// the fn (x)"), None);
    }

    #[test]
    fn what_is_long_and_no_exception_is_a_fault() {
        let limit = Tree::of(&[("b.rs", &function(FUNCTION_LINES_MAX))]);
        let beyond = Tree::of(&[("b.rs", &function(FUNCTION_LINES_MAX + 1))]);
        let faults = |tree| {
            let faults: Vec<_> = lengths(tree);
            faults
                .into_iter()
                .filter(|fault| fault.starts_with("b.rs"))
                .count()
        };
        assert_eq!((faults(&limit), faults(&beyond)), (0, 1));
        let limit = Tree::of(&[("b.rs", &"x\n".repeat(FILE_LINES_MAX))]);
        let beyond = Tree::of(&[("b.rs", &"x\n".repeat(FILE_LINES_MAX + 1))]);
        assert_eq!((faults(&limit), faults(&beyond)), (0, 1));
        let limit = Tree::of(&[("b.rs", &"\u{fc}".repeat(COLUMNS_MAX))]);
        let beyond = Tree::of(&[("b.rs", &"x".repeat(COLUMNS_MAX + 1))]);
        assert_eq!((faults(&limit), faults(&beyond)), (0, 1));
    }

    #[test]
    fn exceptions_only_shrink() {
        let exceptions = "# why\n\na.rs 700\na.rs long 80\n";
        let long = |file, function| {
            [
                ("a.rs".to_owned(), file),
                ("a.rs long".to_owned(), function),
            ]
        };
        assert_eq!(ratchet(&long(700, 80), exceptions), [""; 0]);
        assert!(ratchet(&long(701, 80), exceptions)[0].contains("grown"));
        assert!(ratchet(&long(700, 79), exceptions)[0].contains("write 79"));
        assert!(ratchet(&long(700, 80)[..1], exceptions)[0].contains("a.rs long: it is short"));
    }

    #[test]
    fn a_large_file_is_a_fault() {
        let mut tree = Tree::of(&[("a.wav", "")]);
        tree.files[0].bytes = BYTES_MAX;
        assert_eq!(bytes(&tree), [""; 0]);
        tree.files[0].bytes += 1;
        assert_eq!(bytes(&tree).len(), 1);
    }
}
