//! A static Space on the Hugging Face hub: the page, and what the hub wants to know of it.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{files, page, workspace::Workspace};

/// The folder, beside `dist/`.
const FOLDER: &str = "space";

/// Files that the hub's git stores apart.
const LARGE: [&str; 5] = ["safetensors", "wasm", "png", "gif", "webm"];

/// Builds the page, with these models instead of ours if any are given, as a folder that
/// `hf upload USER/NAME space --repo-type space` publishes.
pub fn build(workspace: &Workspace, models: &[PathBuf], title: &str) -> Result<()> {
    page::build(workspace, models, &["--dist".into(), FOLDER.into()])?;
    describe(&workspace.root.join(FOLDER), title)?;
    println!("`hf upload USER/NAME {FOLDER} --repo-type space` publishes the page");
    Ok(())
}

/// Writes what the hub wants to know beside the page.
fn describe(folder: &Path, title: &str) -> Result<()> {
    for (name, text) in [("README.md", readme(title)), (".gitattributes", attributes())] {
        files::write(&folder.join(name), &text)?;
    }
    Ok(())
}

/// The Space's card.
fn readme(title: &str) -> String {
    // In YAML, a text in single quotes has no other syntax.
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ").replace('\'', "''");
    format!(
        "---\ntitle: '{title}'\nemoji: 🎲\ncolorFrom: gray\ncolorTo: indigo\nsdk: static\n\
         app_file: index.html\npinned: false\n---\n\n\
         A score-based generative model that samples on every visitor's own GPU, by WebGPU.\n"
    )
}

fn attributes() -> String {
    LARGE.map(|end| format!("*.{end} filter=lfs diff=lfs merge=lfs -text\n")).concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_is_described_and_its_page_works_at_any_path() -> Result<()> {
        let folder = tempfile::tempdir()?;
        describe(folder.path(), "mine")?;
        let card = files::read(&folder.path().join("README.md"))?;
        assert!(card.contains("title: 'mine'\n") && card.contains("sdk: static\n"), "{card}");
        assert!(card.contains("app_file: index.html\n"), "{card}");
        let large = files::read(&folder.path().join(".gitattributes"))?;
        assert_eq!(large.lines().count(), LARGE.len());
        // Trunk makes the other addresses relative, too.
        let page = include_str!("../../index.html");
        for root in ["href=\"/", "src=\"/"] {
            assert!(!page.contains(root), "an address begins with /");
        }
        assert!(include_str!("../../Trunk.toml").contains("public_url = \"./\""));
        Ok(())
    }

    #[test]
    fn titles_are_no_syntax() {
        for (title, line) in [
            ("mine: \"a\\\"", "'mine: \"a\\\"'"),
            ("I \u{2764}\u{fe0f} digits", "'I \u{2764}\u{fe0f} digits'"),
            ("it's\n---\nmine", "'it''s --- mine'"),
        ] {
            let text = readme(title);
            assert!(text.starts_with(&format!("---\ntitle: {line}\n")), "{text}");
            assert_eq!(text.matches("\n---\n").count(), 1);
        }
        assert!(attributes().contains("*.wasm filter=lfs diff=lfs merge=lfs -text\n"));
    }
}
