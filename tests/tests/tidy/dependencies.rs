//! Dependencies: each of the workspace's is used by a crate, and docs/ARCHITECTURE.md says what
//! for.

use super::tree::Tree;

const PAGE: &str = "docs/ARCHITECTURE.md";

/// Dependencies that no crate has or no line explains, and explanations of what is not there.
pub(crate) fn explained(tree: &Tree) -> Vec<String> {
    let Some(manifest) = tree.file("Cargo.toml") else {
        return vec!["Cargo.toml: there is no such file".to_owned()];
    };
    let names: Vec<_> = section(&manifest.text, "[workspace.dependencies]")
        .filter_map(|line| line.split_once('=').map(|(name, _)| name.trim()))
        .filter(|name| !name.starts_with("sixreel"))
        .collect();
    let page = tree.file(PAGE).map_or("", |page| page.text.as_str());
    let rows: Vec<_> = section(page, "## Dependencies")
        .filter_map(|line| {
            line.strip_prefix("| `")?
                .split_once('`')
                .map(|(name, _)| name)
        })
        .collect();
    let mut faults = Vec::new();
    for name in &names {
        let inherits = format!("{name}.workspace = true");
        let table = format!("{name} = {{ workspace = true");
        let is_used = tree.ending("/Cargo.toml").any(|manifest| {
            let mut lines = manifest.text.lines();
            lines.any(|line| line == inherits || line.starts_with(&table))
        });
        if !is_used {
            faults.push(format!("Cargo.toml: no crate uses {name}: take it out"));
        }
        if !rows.contains(name) {
            faults.push(format!(
                "{PAGE}: say under Dependencies what {name} is for: | `{name}` | …"
            ));
        }
    }
    let gone = rows.iter().filter(|row| !names.contains(row));
    faults.extend(gone.map(|row| format!("{PAGE}: {row} is no dependency: take its line out")));
    faults
}

/// The lines below a headline, up to the next of its kind.
fn section<'a>(text: &'a str, headline: &str) -> impl Iterator<Item = &'a str> {
    let mark = if headline.starts_with('[') {
        "["
    } else {
        "## "
    };
    let lines = text
        .lines()
        .skip_while(move |line| *line != headline)
        .skip(1);
    lines.take_while(move |line| !line.starts_with(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace]\n[workspace.dependencies]\nsixreel = { path = \"sixreel\" }\n\
                        mio = \"1\"\nnix = { version = \"1\" }\n[profile.dev]\na = 1\n";
    const A: &str = "[dependencies]\nmio.workspace = true\n";
    const B: &str = "[dependencies]\nnix = { workspace = true, features = [] }\n";
    const ROWS: &str =
        "| `c` |\n## Dependencies\n\n| `mio` | x |\n| `nix` | y |\n## More\n| `d` |\n";

    #[test]
    fn each_dependency_is_used_and_explained() {
        let root = ("Cargo.toml", ROOT);
        let (a, b, page) = (("a/Cargo.toml", A), ("b/Cargo.toml", B), (PAGE, ROWS));
        assert_eq!(explained(&Tree::of(&[root, a, b, page])), [""; 0]);
        let unused = explained(&Tree::of(&[root, a, page]));
        assert_eq!(unused, ["Cargo.toml: no crate uses nix: take it out"]);
        let fewer = ROWS.replace("`nix`", "`six`");
        let faults = explained(&Tree::of(&[root, a, b, (PAGE, &fewer)]));
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("nix is for") && faults[1].contains("six is no dependency"));
    }
}
