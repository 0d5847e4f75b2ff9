//! Packages for others to build on: `pkg/` for npm, and the crate ([`publish`]).
//!
//! The npm package's own modules are in `npm/`. They import some of the page's by relative addresses,
//! so both keep their places beside each other, and nothing has to be rewritten or bundled.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use clap::Subcommand;

use crate::{
    engines,
    files::{copy, read, remove_folder, write},
    import_path, page, publish,
    tools::{self, Tool},
    workspace::{Workspace, step},
};

/// A kind of package.
#[derive(Subcommand)]
pub enum Package {
    /// An npm package with the page's engine and a web component, in `pkg/`
    Npm,
    /// Check what `cargo publish` would upload to crates.io; nothing is uploaded
    Crate {
        /// Also compile it from what is in the package alone
        #[arg(long)]
        verify: bool,
    },
}

/// The package's output folder.
const FOLDER: &str = "pkg";
/// Its own modules, and where they are in it, beside what wasm-bindgen writes: so in a bundle, too, the
/// wasm file has one place.
const SOURCE: &str = "npm";
const LIB: &str = "lib";
/// The page's modules, and their types.
const WWW: &str = "www";
/// What is not at the package's root, but describes it.
const ROOT: [&str; 2] = ["package.json", "README.md"];
/// Types that only matter in this repository.
const INTERNAL: [&str; 2] = ["wasm.d.ts", "check.ts"];
const LICENSES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];
/// Stands for the version in `npm/package.json`.
const VERSION: &str = "\"version\": \"0.0.0\"";

/// Builds a package.
pub fn build(workspace: &Workspace, package: &Package) -> Result<()> {
    match package {
        Package::Npm => npm(workspace),
        Package::Crate { verify } => publish::check(workspace, *verify),
    }
}

fn npm(workspace: &Workspace) -> Result<()> {
    tools::install(workspace, &[Tool::WasmBindgen])?;
    let root = &workspace.root;
    let package = root.join(FOLDER);
    remove_folder(&package)?;
    step(
        "compile the page's wasm module",
        "3 min the first time",
        workspace
            .cargo(["build", "--profile", "page", "--lib", "--target", "wasm32-unknown-unknown"])?
            .args(["--no-default-features", "--features=fused"]),
    )?;
    let wasm = workspace.target().join("wasm32-unknown-unknown/page/ncsn.wasm");
    step("bind it", "seconds", &mut engines::bindgen(workspace, &wasm, &package.join(LIB))?)?;
    step(
        "make it smaller",
        "2 min the first time",
        page::minify(workspace)?.arg("--bindings").arg(package.join(LIB)),
    )?;

    let own = files(&root.join(SOURCE))?;
    for name in own.iter().filter(|name| !ROOT.contains(&&***name)) {
        copy(&root.join(SOURCE).join(name), &package.join(LIB).join(name))?;
    }
    for name in shared(root, &own)? {
        copy(&root.join(WWW).join(&name), &package.join(WWW).join(&name))?;
    }
    copy(&root.join(SOURCE).join("README.md"), &package.join("README.md"))?;
    for name in LICENSES {
        copy(&root.join(name), &package.join(name))?;
    }
    let description = read(&root.join(SOURCE).join("package.json"))?;
    ensure!(description.contains(VERSION), "{SOURCE}/package.json lacks {VERSION}");
    let [version, repository] = [env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_REPOSITORY")];
    write(&package.join("package.json"), &described(&description, version, repository))?;
    println!("{FOLDER}/ is the package: `npm pack ./{FOLDER}` makes a file of it");
    Ok(())
}

/// The package's description, with its version and the address of this repository, if there is one.
fn described(description: &str, version: &str, repository: &str) -> String {
    let mut fields = format!("\"version\": \"{version}\"");
    if !repository.is_empty() {
        fields += &format!(",\n  \"repository\": \"{repository}\"");
    }
    description.replace(VERSION, &fields)
}

/// The names of the files of the package in a folder, in alphabetical order.
fn files(folder: &Path) -> Result<Vec<String>> {
    let list = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in list {
        let name = entry?.file_name();
        let name = name.to_str().with_context(|| format!("{} is not Unicode", name.display()))?;
        if !INTERNAL.contains(&name) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The modules of the page that the package's modules import, directly or not, and their types.
fn shared(root: &Path, own: &[String]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = own.iter().map(|name| Path::new(SOURCE).join(name)).collect();
    while let Some(module) = open.pop() {
        if module.extension().is_none_or(|end| end != "js" && end != "ts") {
            continue;
        }
        for address in imports(&read(&root.join(&module))?) {
            let script = import_path::resolved(&module, address);
            let Ok(name) = script.strip_prefix(WWW) else {
                // A module of the package, or what wasm-bindgen makes.
                ensure!(!module.starts_with(WWW), "{} imports {address}", module.display());
                continue;
            };
            // Types are beside scripts of which there are none.
            let types = name.with_extension("d.ts");
            let name = if root.join(&script).exists() { name } else { &types };
            let text = name.to_str().context("the names of scripts are ASCII")?.replace('\\', "/");
            if !found.contains(&text) {
                open.push(Path::new(WWW).join(name));
                found.push(text);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The addresses that a module imports, also later, and also only in types.
fn imports(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for start in ["from \"", "import(\""] {
        for (_, rest) in text.match_indices(start).map(|(at, _)| text.split_at(at + start.len())) {
            let address = rest.split('"').next().unwrap_or_default();
            if address.starts_with('.') {
                found.push(address);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page's modules that come along need no page around them.
    #[test]
    fn the_package_has_what_it_imports_and_nothing_of_the_page_itself() -> Result<()> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a checkout")?;
        let shared = shared(root, &files(&root.join(SOURCE))?)?;
        for name in ["engine/queue.js", "model/hub.js", "model/read-bytes.js", "types.d.ts"] {
            assert!(shared.iter().any(|found| found == name), "{name} is not in {shared:?}");
        }
        for name in &shared {
            let text = read(&root.join(WWW).join(name))?;
            assert!(!text.contains("getElementById"), "{name} looks for the page's elements");
        }
        Ok(())
    }

    #[test]
    fn the_package_names_the_repository_once_there_is_one() {
        let description = format!("{{\n  {VERSION},\n  \"a\": 1\n}}");
        let without = described(&description, "1.2.3", "");
        assert_eq!(without, "{\n  \"version\": \"1.2.3\",\n  \"a\": 1\n}");
        let with = described(&description, "1.2.3", "https://a.example/b");
        assert!(with.contains("\"1.2.3\",\n  \"repository\": \"https://a.example/b\",\n  \"a\""));
    }

    #[test]
    fn imports_are_found_whenever_they_happen() {
        let text = "import { a } from \"./a.js\";\nconst b = await import(\"../b.js\");\n\
                    /** @param {import(\"./c.js\").C} c */ import d from \"d\";";
        assert_eq!(imports(text), ["./a.js", "../b.js", "./c.js"]);
    }
}
