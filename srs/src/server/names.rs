//! Names of files, whatever a call is called.

/// Characters of a name; what makes it unique comes on top.
const LENGTH_MAX: usize = 100;

/// What the files of a call are called: letters, digits and a few signs of ASCII, so that no call
/// can choose a folder, hide a file or command a terminal.
pub(super) fn stem(call: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
    let stem: String = call
        .chars()
        .take(LENGTH_MAX)
        .map(|c| if safe(c) { c } else { '_' })
        .collect();
    // A leading dot hides a file, and a leading hyphen is an option to many a tool.
    match stem.strip_prefix(['.', '-']) {
        Some(rest) => format!("_{rest}"),
        None if stem.is_empty() => "unnamed".to_owned(),
        None => stem,
    }
}

/// The same for the `number`th call of that name.
pub(super) fn numbered(stem: &str, number: u32) -> String {
    if number < 2 {
        return stem.to_owned();
    }
    format!("{stem}-{number}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_stay_what_they_are_as_far_as_possible() {
        assert_eq!(stem("7_a@host-1.example"), "7_a@host-1.example");
        assert_eq!(stem("../../etc/passwd"), "_._.._etc_passwd");
        assert_eq!(stem("a/b\\c d\0e\u{202e}"), "a_b_c_d_e_");
        assert_eq!(
            [stem(""), stem(".."), stem("-rf")],
            ["unnamed", "_.", "_rf"]
        );
        assert_eq!([numbered("7", 1), numbered("7", 2)], ["7", "7-2"]);
        assert_eq!(stem(&"ä".repeat(300)).len(), LENGTH_MAX);
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_folder(call in any::<String>()) {
            let stem = stem(&call);
            prop_assert!((1..=LENGTH_MAX).contains(&stem.len()));
            prop_assert!(!stem.starts_with(['.', '-']));
            prop_assert!(stem.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'));
        }
    }
}
