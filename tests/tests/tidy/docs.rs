//! Pages and links: each page can be reached from the README, and each link leads to a file.

use std::collections::BTreeSet;

use super::tree::{File, Tree};

/// Pages that nothing leads to, and links that lead nowhere.
pub(crate) fn links(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    for page in tree.ending(".md") {
        let dead = targets(page).filter(|target| {
            let is_folder = tree
                .files
                .iter()
                .any(|f| f.path.starts_with(&format!("{target}/")));
            tree.file(target).is_none() && !is_folder
        });
        faults.extend(dead.map(|target| format!("{}: there is no {target}", page.path)));
    }
    let mut reached = BTreeSet::from(["README.md".to_owned()]);
    let mut next = vec!["README.md".to_owned()];
    while let Some(page) = next.pop().and_then(|path| tree.file(&path)) {
        for target in targets(page) {
            if target.ends_with(".md") && reached.insert(target.clone()) {
                next.push(target);
            }
        }
    }
    let pages = tree
        .ending(".md")
        .filter(|page| page.path.starts_with("docs/"));
    let lonely = pages.filter(|page| !reached.contains(&page.path));
    faults.extend(lonely.map(|page| {
        format!(
            "{}: no page leads there from README.md: link it, or remove it",
            page.path
        )
    }));
    faults
}

/// Where a page's links lead, from the repository's root; those to other sites left out.
fn targets(page: &File) -> impl Iterator<Item = String> {
    let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    page.text.split("](").skip(1).filter_map(move |rest| {
        let link = rest.split(')').next()?.split('#').next()?;
        let is_elsewhere = link.is_empty() || link.contains("://") || link.starts_with("mailto:");
        (!is_elsewhere).then(|| resolve(folder, link))
    })
}

fn resolve(folder: &str, link: &str) -> String {
    let mut parts: Vec<_> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_from_the_readme() {
        let readme = (
            "README.md",
            "[a](docs/a.md#b) [c](https://c.example/d) [src](src/)",
        );
        let a = ("docs/a.md", "[b](./b.md) [up](../README.md)");
        let (b, src) = (("docs/b.md", ""), ("src/lib.rs", ""));
        assert_eq!(links(&Tree::of(&[readme, a, b, src])), [""; 0]);
        let lonely = links(&Tree::of(&[readme, a, b, src, ("docs/c.md", "[c](c.md)")]));
        assert_eq!(lonely.len(), 1, "{lonely:?}");
        assert!(lonely[0].starts_with("docs/c.md: "));
        let dead = links(&Tree::of(&[readme, a, src]));
        assert_eq!(dead, ["docs/a.md: there is no docs/b.md"]);
    }
}
