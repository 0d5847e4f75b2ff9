//! Every relative link in the documentation leads somewhere.

use std::fs;
use std::path::{Path, PathBuf};

/// The pages in the root, in docs/, in docs/adr/ and in docs/models/.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = |folder| {
        let entries = fs::read_dir(root.join(folder)).expect("there are pages");
        entries.map(|entry| entry.expect("readable").path())
    };
    let files = [".", "docs", "docs/adr", "docs/models"].into_iter().flat_map(files);
    let pages: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    for name in ["README.md", "CONTRIBUTING.md", "architecture.md"] {
        assert!(pages.iter().any(|page| page.ends_with(name)), "{pages:?}");
    }
    pages
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|&c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().trim().to_lowercase().replace(' ', "-")
}

/// The targets of `[…](target)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).expect("readable");
        for link in links(&text).filter(|link| !link.contains("://")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let folder = page.parent().expect("a file is in a folder");
            let target = if path.is_empty() { page.clone() } else { folder.join(path) };
            let found = match (fs::read_to_string(&target), heading) {
                (_, "") => target.exists(),
                (Ok(text), _) => text
                    .lines()
                    .filter_map(|line| line.strip_prefix('#'))
                    .any(|line| anchor(line.trim_start_matches('#')) == heading),
                (Err(_), _) => false,
            };
            if !found {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
