//! What makes the built page an application that works without a network: a service worker, and a
//! manifest.
//!
//! The worker is `www/service-worker.js` with the page's version, the names of the files that are not
//! in the version's folder, and the text of the module that it imports. What every visit fetches it
//! finds in the page, when it is installed. It must lie beside `index.html`, since it may only
//! answer for what is below itself, and not every browser lets such a worker import modules.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

use crate::{preload, script, write};

/// Where Trunk has put the worker's script, which has moved since.
const SCRIPT: &str = "www/service-worker.js";
/// What stands in it for the version, the files and the module.
const VERSION: &str = "const VERSION = \"\";";
const BESIDE: &str = "const BESIDE = [];";
const IMPORT: &str = "import { deleteOldest, match, put } from \"./model/checked-cache.js\";";
const IMPORTED: &str = include_str!("../../../www/model/checked-cache.js");
/// The worker and the manifest of a built page.
pub const WORKER: &str = "service-worker.js";
const MANIFEST: &str = "manifest.webmanifest";
/// The links of the page that a visit fetches before anything else.
const LINKS: [&str; 2] = ["href=\"./", "src=\"./"];

/// Writes the worker and the manifest, and returns `index.html` with links to them.
pub fn with_worker(page: &str, dist: &Path, version: &str) -> Result<String> {
    // The copy there is minified, and of no use to a page.
    let copy = dist.join(version).join(SCRIPT);
    fs::remove_file(&copy).with_context(|| format!("cannot remove {}", copy.display()))?;
    let beside = beside(page, dist, version)?;
    let worker = filled(include_str!("../../../www/service-worker.js"), version, &beside)?;
    let worker = script::minified(&worker).context("cannot understand the service worker")?;
    write(&dist.join(WORKER), worker.as_bytes())?;
    write(&dist.join(MANIFEST), manifest(page, version).as_bytes())?;
    let links = format!(
        "<link rel=\"manifest\" href=\"./{MANIFEST}\">\n  \
         <link rel=\"apple-touch-icon\" href=\"./{version}/www/icon-512.png\">\n  \
         <link rel=\"service-worker\" href=\"./{WORKER}\">\n</head>"
    );
    ensure!(page.contains("</head>"), "index.html has no head");
    Ok(page.replacen("</head>", &links, 1))
}

/// The files that the page links to and that are not in the folder of its version.
fn beside(page: &str, dist: &Path, version: &str) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for start in LINKS {
        for (at, _) in page.match_indices(start) {
            let file = page[at + start.len()..].split('"').next().unwrap_or_default();
            // Links to models are pages with other settings.
            if !file.starts_with('?')
                && dist.join(file).is_file()
                && !files.contains(&file.to_owned())
            {
                files.push(file.to_owned());
            }
        }
    }
    let entry = preload::entry(page)?;
    ensure!(files.iter().any(|file| file == entry), "{entry} is not among {files:?}");
    files.retain(|file| !file.starts_with(&format!("{version}/")));
    files.sort();
    Ok(files)
}

/// The worker's script with a version, the files beside its folder, and the module that it imports.
fn filled(script: &str, version: &str, beside: &[String]) -> Result<String> {
    for place in [VERSION, BESIDE, IMPORT] {
        ensure!(script.matches(place).count() == 1, "the service worker lacks {place}");
    }
    // Addresses of the page need no escapes, or they would need some in index.html, too.
    let version = format!("const VERSION = \"{version}\";");
    let beside = format!("const BESIDE = {beside:?};");
    Ok(script
        .replace(VERSION, &version)
        .replace(BESIDE, &beside)
        .replace(IMPORT, &without_exports(IMPORTED)?))
}

/// The text of a module that imports nothing, for a place inside another script.
fn without_exports(module: &str) -> Result<String> {
    ensure!(script::imports(module)?.is_empty(), "a module of the service worker imports others");
    Ok(module.lines().flat_map(|line| [line.trim_start_matches("export "), "\n"]).collect())
}

/// What systems show of the page when it is installed like a program.
fn manifest(page: &str, version: &str) -> String {
    let between = |start: &str, end: &str| {
        let rest = page.split_once(start).map(|(_, rest)| rest);
        rest.and_then(|rest| rest.split_once(end)).map(|(text, _)| text).unwrap_or_default()
    };
    let description = between("<meta name=\"description\" content=\"", "\"");
    let color = between("<meta name=\"theme-color\" content=\"", "\"");
    let icons = [
        ("icon-192.png", "192x192", "any"),
        ("icon-512.png", "512x512", "any"),
        ("icon-maskable.png", "512x512", "maskable"),
        ("icon.svg", "any", "any"),
    ];
    let icons = icons.map(|(file, sizes, purpose)| {
        format!(r#"{{"src":"./{version}/www/{file}","sizes":"{sizes}","purpose":"{purpose}"}}"#)
    });
    format!(
        r#"{{"id":"./","name":"ncsn: images out of noise","short_name":"ncsn","description":"{description}","start_url":"./","scope":"./","display":"standalone","background_color":"{color}","theme_color":"{color}","icons":[{}]}}"#,
        icons.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_text;

    const PAGE: &str = concat!(
        r##"<head><meta name="theme-color" content="#fff"><link href="./v/www/style.css">"##,
        r#"<link href="./ncsn.js"><link href="./none.js">"#,
        r#"<script type="module" src="./v/www/main.js"></script>"#,
        r#"</head><a href="./?model=a">"#
    );

    #[test]
    fn a_worker_has_what_it_does_not_find_in_the_page() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let www = folder.path().join("v/www");
        fs::create_dir_all(&www)?;
        for name in ["main.js", "style.css", "service-worker.js"] {
            fs::write(www.join(name), "")?;
        }
        fs::write(folder.path().join("ncsn.js"), "")?;
        let page = with_worker(PAGE, folder.path(), "v")?;
        assert!(
            page.contains(r#"<link rel="service-worker" href="./service-worker.js">"#),
            "{page}"
        );
        let worker = read_text(&folder.path().join(WORKER))?;
        assert!(worker.contains("ncsn.js"), "{worker}");
        for absent in ["v/www/", "none.js"] {
            assert!(!worker.contains(absent), "{absent} is in {worker}");
        }
        assert!(worker.contains("x-sha256") && !worker.contains("checked-cache"), "{worker}");
        let imports = script::imports(&worker)?;
        assert!(imports.is_empty() && !worker.contains("export"), "{worker}");
        assert!(!www.join("service-worker.js").exists());
        let manifest = read_text(&folder.path().join(MANIFEST))?;
        assert!(manifest.contains(r##""theme_color":"#fff""##), "{manifest}");
        Ok(())
    }

    #[test]
    fn a_script_without_places_for_them_is_refused() {
        assert!(filled("const VERSION = \"\";", "v", &[]).is_err());
        assert!(without_exports("import './other.js';").is_err());
    }
}
