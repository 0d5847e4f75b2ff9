//! Lets browsers fetch all of the page's modules at once.
//!
//! A browser learns what a module imports only when it has the module. So `index.html` gets a link
//! of the kind `modulepreload` for each that the first module imports, directly or not.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{import_path, read_text, script};

/// What the element that loads the first module begins with.
const ENTRY: &str = r#"<script type="module" src="./"#;

/// The path of the first module, relative to the page.
pub fn entry(page: &str) -> Result<&str> {
    let (_, rest) = page.split_once(ENTRY).context("index.html loads no module")?;
    let (path, _) = rest.split_once('"').context("index.html is cut short")?;
    Ok(path)
}

/// The modules that a module imports statically, directly or not, each once.
pub fn imported(entry: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![entry.to_path_buf()];
    for next in 0.. {
        let Some(path) = found.get(next).cloned() else { break };
        let text = read_text(&path)?;
        let imports = script::imports(&text)
            .with_context(|| format!("cannot understand {}", path.display()))?;
        for address in imports {
            let import = import_path::resolved(&path, &address);
            if !found.contains(&import) {
                found.push(import);
            }
        }
    }
    Ok(found.split_off(1))
}

/// The page with a link for each module that its first module needs. Their priority is low, as that
/// of `main.js` itself: what can be read comes first, which is the style sheet.
pub fn with_links(page: &str, dist: &Path) -> Result<String> {
    let mut links = String::new();
    for module in imported(&dist.join(entry(page)?))? {
        let path = module.strip_prefix(dist).context("a module imports from outside the page")?;
        let names: Vec<_> = path.iter().map(|name| name.to_string_lossy()).collect();
        links.push_str(&format!(
            "<link rel=\"modulepreload\" fetchpriority=\"low\" href=\"./{}\">\n",
            names.join("/")
        ));
    }
    Ok(page.replacen(ENTRY, &format!("{links}{ENTRY}"), 1))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_page_names_every_module_that_it_needs_once() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text);
        fs::create_dir_all(folder.path().join("www/b"))?;
        write("www/main.js", "import { a } from './a.js'; import('./later.js');")?;
        write("www/a.js", "import { b } from './b/b.js'; import './main.js'; export const a = b;")?;
        write("www/b/b.js", "import '../a.js'; export const b = 1;")?;
        let page = r#"<head><script type="module" src="./www/main.js"></script></head>"#;
        let expected = "<head>\
                        <link rel=\"modulepreload\" fetchpriority=\"low\" href=\"./www/a.js\">\n\
                        <link rel=\"modulepreload\" fetchpriority=\"low\" href=\"./www/b/b.js\">\n\
                        <script type=\"module\" src=\"./www/main.js\"></script></head>";
        assert_eq!(with_links(page, folder.path())?, expected);
        write("www/b/b.js", "import './none.js';")?;
        let error =
            format!("{:#}", with_links(page, folder.path()).expect_err("a part is missing"));
        assert!(error.contains("none.js"), "{error}");
        assert!(with_links("<head></head>", folder.path()).is_err());
        Ok(())
    }
}
