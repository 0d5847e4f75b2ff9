//! Other models than ours on the page.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Where the page's models are, in the checkout and in the built page.
const FOLDER: &str = "www/models";
/// Where those are that it is only to be tried with; git ignores them.
const TRIED: &str = "www/tried";
/// Between these `index.html` links to them; what it links to first, it loads first.
const BEGIN: &str = r#"<nav class="models" id="models" aria-label="Models">"#;
const END: &str = "</nav>";

/// Puts a model where the page can load it from, and returns the query that has the page load it.
pub fn try_with(root: &Path, model: &Path) -> Result<String> {
    Ok(query(&copy(root, TRIED, model)?))
}

/// Takes from a built page what was only to be tried.
pub fn forget_tried(dist: &Path) -> Result<()> {
    remove(&dist.join(TRIED))
}

fn copy(root: &Path, folder: &str, model: &Path) -> Result<String> {
    let name = model.file_name().and_then(|name| name.to_str());
    let name = name.filter(|name| name.ends_with(".safetensors")).with_context(|| {
        format!("{}: the name of a model is UTF-8 and ends in .safetensors", model.display())
    })?;
    let to = root.join(folder);
    fs::create_dir_all(&to).with_context(|| format!("cannot make {}", to.display()))?;
    let to = to.join(name);
    fs::copy(model, &to)
        .with_context(|| format!("cannot copy {} to {}", model.display(), to.display()))?;
    Ok(format!("{folder}/{name}"))
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Makes a built page one of these models instead of ours.
pub fn replace(dist: &Path, models: &[PathBuf]) -> Result<()> {
    let index = dist.join("index.html");
    let page =
        fs::read_to_string(&index).with_context(|| format!("cannot read {}", index.display()))?;
    remove(&dist.join(FOLDER))?;
    let link = |model: &PathBuf| Ok(link(&copy(dist, FOLDER, model)?));
    let links = models.iter().map(link).collect::<Result<_>>()?;
    let page = linking(&page, links).context("index.html has no list of models")?;
    fs::write(&index, page).with_context(|| format!("cannot write {}", index.display()))
}

/// A link to the page with a model at an address, under the name of its file.
fn link(address: &str) -> String {
    let name = address.rsplit('/').next().unwrap_or(address);
    let name = name.trim_end_matches(".safetensors");
    let name = name.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    format!(r#"<a href="./{}">{name}</a>"#, query(address))
}

/// What follows the page's address where it is to load the model at an address.
fn query(address: &str) -> String {
    const ENCODED: AsciiSet =
        NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'_').remove(b'-').remove(b'~');
    format!("?model={}", utf8_percent_encode(address, &ENCODED))
}

/// The page with these links instead of those that it has.
fn linking(page: &str, links: Vec<String>) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some([before, BEGIN, &links.concat(), END, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_links_to_other_models() {
        let page = include_str!("../../index.html");
        let links = ["www/models/a.safetensors", "www/models/my \"b\" & c.safetensors"].map(link);
        let other = linking(page, links.to_vec()).expect("it has a list");
        assert!(other.contains(r#"<a href="./?model=www/models/a.safetensors">a</a>"#), "{other}");
        let quoted =
            r#"model=www/models/my%20%22b%22%20%26%20c.safetensors">my &quot;b&quot; &amp; c</a>"#;
        assert!(other.contains(quoted), "{other}");
        assert!(!other.contains("mnist.safetensors"));
        assert_eq!(linking("<p>", Vec::new()), None);
    }
}
