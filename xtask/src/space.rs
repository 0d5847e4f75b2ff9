//! A static Space on the Hugging Face hub: the page, and what the hub wants to know of it.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};

use crate::{page, workspace::Workspace};

/// The folder, beside `dist/`.
const FOLDER: &str = "space";

/// Files that the hub's git stores apart.
const LARGE: [&str; 5] = ["safetensors", "wasm", "png", "gif", "webm"];

/// Builds the page, with these models instead of ours if any are given, as a folder that
/// `hf upload USER/NAME space --repo-type space` publishes.
pub fn build(workspace: &Workspace, models: &[PathBuf], title: &str) -> Result<()> {
    page::build(workspace, models, &["--dist".into(), FOLDER.into()])?;
    let folder = workspace.root.join(FOLDER);
    for (name, text) in [("README.md", readme(title)), (".gitattributes", attributes())] {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("`hf upload USER/NAME {FOLDER} --repo-type space` publishes the page");
    Ok(())
}

/// The Space's card.
fn readme(title: &str) -> String {
    // What Rust escapes in a text, YAML escapes alike.
    format!(
        "---\ntitle: {title:?}\nemoji: 🎲\ncolorFrom: gray\ncolorTo: indigo\nsdk: static\n\
         app_file: index.html\npinned: false\n---\n\n\
         A score-based generative model that samples on every visitor's own GPU, by WebGPU.\n"
    )
}

fn attributes() -> String {
    LARGE.map(|end| format!("*.{end} filter=lfs diff=lfs merge=lfs -text\n")).concat()
}

#[cfg(test)]
mod tests {
    use super::{attributes, readme};

    #[test]
    fn titles_are_no_syntax() {
        let text = readme("mine: \"a\"");
        assert!(text.starts_with("---\ntitle: \"mine: \\\"a\\\"\"\n"), "{text}");
        assert_eq!(text.matches("\n---\n").count(), 1);
        assert!(attributes().contains("*.wasm filter=lfs diff=lfs merge=lfs -text\n"));
    }
}
