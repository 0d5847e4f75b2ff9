//! Puts models other than ours on the page.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::files;

/// The folder of the page's models, in the checkout and in the built page.
const FOLDER: &str = "www/models";
/// The folder of models that are only tried out on this machine; git ignores it.
const LOCAL: &str = "www/local-models";
/// The ends of the list of links to models in `index.html`; the page first loads the first one.
const BEGIN: &str = r#"<nav class="models" id="models" aria-label="Models">"#;
const END: &str = "</nav>";

/// Copies a model to where the page can load it, and returns the query that makes the page do so.
pub fn try_with(root: &Path, model: &Path) -> Result<String> {
    Ok(query(&copy(root, LOCAL, model)?))
}

/// Removes models that were only tried out from a built page.
pub fn remove_local(dist: &Path) -> Result<()> {
    files::remove_folder(&dist.join(LOCAL))
}

fn copy(root: &Path, folder: &str, model: &Path) -> Result<String> {
    let name = model.file_name().and_then(|name| name.to_str());
    let name = name.filter(|name| name.ends_with(".safetensors")).with_context(|| {
        format!("{}: the name of a model is UTF-8 and ends in .safetensors", model.display())
    })?;
    files::copy(model, &root.join(folder).join(name))?;
    Ok(format!("{folder}/{name}"))
}

/// Checks that models can be in one folder.
pub fn ensure_distinct(models: &[PathBuf]) -> Result<()> {
    for (index, model) in models.iter().enumerate() {
        let same = models[..index].iter().find(|other| other.file_name() == model.file_name());
        if let Some(same) = same {
            bail!(
                "{} and {} have the same file name, which is their address on the page: rename one",
                same.display(),
                model.display()
            );
        }
    }
    Ok(())
}

/// Replaces our models in a built page by these.
pub fn replace(dist: &Path, models: &[PathBuf]) -> Result<()> {
    let index = dist.join("index.html");
    let page = files::read(&index)?;
    files::remove_folder(&dist.join(FOLDER))?;
    let link = |model: &PathBuf| Ok(link(&copy(dist, FOLDER, model)?));
    let links = models.iter().map(link).collect::<Result<_>>()?;
    let page = linking(&page, links).context("index.html has no list of models")?;
    files::write(&index, &page)
}

/// A link to the page with the model at an address, labeled with its file name.
fn link(address: &str) -> String {
    let name = address.rsplit('/').next().unwrap_or(address);
    let name = name.trim_end_matches(".safetensors");
    let name = name.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    format!(r#"<a href="./{}">{name}</a>"#, query(address))
}

/// The query that makes the page load the model at an address.
fn query(address: &str) -> String {
    const ENCODED: AsciiSet =
        NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'_').remove(b'-').remove(b'~');
    format!("?model={}", utf8_percent_encode(address, &ENCODED))
}

/// The page with its links replaced by these.
fn linking(page: &str, links: Vec<String>) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some([before, BEGIN, &links.concat(), END, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_of_one_file_name_are_refused() {
        let ensure = |models: &[&str]| {
            ensure_distinct(&models.iter().map(PathBuf::from).collect::<Vec<_>>())
        };
        ensure(&["a/x.safetensors", "a/y.safetensors", "b/z.safetensors"]).expect("three names");
        let models = ["a/x.safetensors", "a/y.safetensors", "b/x.safetensors"];
        let error = ensure(&models).expect_err("two names").to_string();
        assert!(error.contains(models[0]) && error.contains(models[2]), "{error}");
    }

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
