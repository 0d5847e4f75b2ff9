//! Builds and serves the page with Trunk, which is configured in `Trunk.toml`.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{
    engines, files, models,
    tools::{self, Tool},
    workspace::{Workspace, step},
};

/// Builds the page and serves it until the user stops it, with whatever engines have been built.
pub fn serve(workspace: &Workspace, model: Option<&Path>, args: &[String]) -> Result<()> {
    tools::install(workspace, &[Tool::WasmBindgen, Tool::Trunk])?;
    if let Some(model) = model {
        let query = models::try_with(&workspace.root, &absolute(model)?)?;
        println!("the model is at the page's address with {query}");
    }
    step("build and serve the page", FIRST_BUILD, trunk(workspace, "serve")?.args(args))
}

/// Builds the page with all its engines into `dist/`, as small as possible.
///
/// If models are given, they replace ours.
pub fn build(workspace: &Workspace, models: &[PathBuf], args: &[String]) -> Result<()> {
    let models: Vec<PathBuf> = models.iter().map(|model| absolute(model)).collect::<Result<_>>()?;
    models::ensure_distinct(&models)?;
    tools::install(workspace, &[Tool::WasmBindgen, Tool::Trunk])?;
    engines::build(workspace, &[])?;
    step("build the page into dist/", FIRST_BUILD, trunk(workspace, "build")?.args(args))?;
    let dist = workspace.root.join(dist(args));
    models::remove_local(&dist)?;
    if !models.is_empty() {
        models::replace(&dist, &models)?;
    }
    step("make it smaller", "2 min the first time", minify(workspace)?.arg(&dist))?;
    let index = dist.join("index.html");
    let page = with_repository(&files::read(&index)?, env!("CARGO_PKG_REPOSITORY"));
    let page = shared_at(&page, option(args, &["--public-url"]).unwrap_or("./"));
    files::write(&index, &page)
}

/// The page with the address of the source code, to which its story links; there may be none yet.
fn with_repository(page: &str, address: &str) -> String {
    let meta = |address: &str| format!("<meta name=\"repository\" content=\"{address}\">");
    page.replace(&meta(""), &meta(address))
}

/// The page with the address of the image that chats show of it made absolute, if `url` is.
fn shared_at(page: &str, url: &str) -> String {
    match url.starts_with("http") {
        true => page.replace("content=\"./", &format!("content=\"{}/", url.trim_end_matches('/'))),
        false => page.to_owned(),
    }
}

/// Makes a path that the user gave absolute, since commands run elsewhere; the file must exist.
fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize().with_context(|| format!("cannot read {}", path.display()))
}

/// Prints the size of each part of the page in `dist/`.
pub fn sizes(workspace: &Workspace) -> Result<()> {
    step("measure dist/", "2 min the first time", minify(workspace)?.args(["--sizes", DIST]))
}

/// The most bytes that a first visit downloads besides the model, compressed (docs/performance.md,
/// "Size policy").
const MOST: usize = 200_000;

/// Checks that the page in `dist/` is as small as it should be.
pub fn ensure_small(workspace: &Workspace) -> Result<()> {
    let output = minify(workspace)?.args(["--sizes", DIST]).stderr(Stdio::inherit()).output();
    let output = output.context("cannot start `cargo`")?;
    ensure!(output.status.success(), "cannot measure {DIST}/");
    ensure_small_in(&String::from_utf8(output.stdout).context("the sizes are no text")?)
}

/// The same for a table of the parts' sizes.
fn ensure_small_in(table: &str) -> Result<()> {
    let bundle = table.lines().find_map(|line| line.strip_prefix("main bundle"));
    let size = bundle.and_then(|sizes| sizes.split_whitespace().next_back()?.parse::<usize>().ok());
    let size =
        size.with_context(|| format!("the main bundle is missing in this table:\n{table}"))?;
    ensure!(
        size <= MOST,
        "the main bundle has {size} bytes, and by docs/performance.md at most {MOST}: make it smaller, \
         or load a part of it when it is used\n{table}"
    );
    Ok(())
}

/// How long it usually takes to compile the page.
const FIRST_BUILD: &str = "3 min the first time, then seconds";

/// Trunk's default output folder.
const DIST: &str = "dist";

/// The output folder according to Trunk's arguments.
fn dist(args: &[String]) -> &str {
    option(args, &["--dist", "-d"]).unwrap_or(DIST)
}

/// The value of an option with one of these names: the next argument, what follows `=`, or what
/// follows a name of one letter.
fn option<'a>(args: &'a [String], names: &[&str]) -> Option<&'a str> {
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        for name in names {
            let Some(rest) = arg.strip_prefix(name) else { continue };
            match rest.strip_prefix('=') {
                Some(value) => return Some(value),
                None if rest.is_empty() => return args.next().map(String::as_str),
                None if !name.starts_with("--") => return Some(rest),
                None => {}
            }
        }
    }
    None
}

/// The program that makes a built page smaller.
pub fn minify(workspace: &Workspace) -> Result<Command> {
    // It runs for a second, but an optimized build would take minutes.
    workspace.cargo(["run", "--quiet", "--profile", "quick", "--package", "minify", "--"])
}

fn trunk(workspace: &Workspace, subcommand: &str) -> Result<Command> {
    let mut trunk = workspace.command("trunk")?;
    trunk.args([subcommand, "--release"]);
    // By convention any value means "no color", but Trunk only accepts booleans.
    if env::var_os("NO_COLOR").is_some() {
        trunk.env("NO_COLOR", "true");
    }
    Ok(trunk)
}

#[cfg(test)]
mod tests {
    use super::{MOST, dist, ensure_small_in, shared_at, with_repository};

    #[test]
    fn the_page_links_to_the_repository_once_there_is_one() {
        let page = include_str!("../../index.html");
        assert_eq!(with_repository(page, ""), page);
        let linked = with_repository(page, "https://a.example/b");
        assert!(linked.contains("name=\"repository\" content=\"https://a.example/b\""));
    }

    #[test]
    fn a_page_that_is_too_large_is_refused_with_its_parts() {
        let check = |bytes: usize| {
            let line = |name: &str, size: usize| format!("{name:24}{:>12}{size:>12}\n", 3 * size);
            let parts = line("wasm module", bytes / 2) + &line("main bundle", bytes);
            ensure_small_in(&(parts + &line("engine cpu", 2 * MOST)))
        };
        check(MOST).expect("small enough");
        let error = check(MOST + 1).expect_err("too large").to_string();
        assert!(error.contains("200001") && error.contains("wasm module"), "{error}");
        ensure_small_in("").expect_err("no sizes");
        let policy = format!("downloads at most {} kB", MOST / 1000);
        assert!(include_str!("../../docs/performance.md").contains(&policy));
    }

    #[test]
    fn the_folder_is_found_among_trunks_arguments() {
        let of =
            |args: &[&str]| dist(&args.iter().map(|&a| a.into()).collect::<Vec<_>>()).to_owned();
        assert_eq!(of(&["--public-url", "/a/"]), "dist");
        assert_eq!(of(&["--dist", "there"]), "there");
        assert_eq!(of(&["--quiet", "-d", "there"]), "there");
        assert_eq!(of(&["--dist=there"]), "there");
        assert_eq!(of(&["-dthere"]), "there");
        assert_eq!(of(&["-d=there"]), "there");
        assert_eq!(of(&["--distant"]), "dist");
    }

    #[test]
    fn chats_are_told_where_the_image_is() {
        let page = include_str!("../../index.html");
        let there = "og:image\" content=\"https://a.example/b/www/share.png\"";
        for url in ["https://a.example/b/", "https://a.example/b"] {
            assert!(shared_at(page, url).contains(there));
        }
        assert_eq!(shared_at(page, "./"), page);
        assert_eq!(shared_at(page, "/b/"), page);
    }
}
