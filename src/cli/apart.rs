//! What a command writes must be apart from what it reads: no input is replaced, and no image is
//! added to those to train on.

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{bail, ensure};
use same_file::is_same_file;
use walkdir::WalkDir;

use crate::data::{DataSet, is_hidden};
use crate::files::link_target;

/// A file that a command reads, with the flag that names it; `None` if the flag is not given.
pub type Read<'a> = (&'a str, Option<&'a Path>);

/// Checks, before anything is read, that writing to `out` replaces no input. `flag` is what chooses
/// the output; an input may be named by another path, or through links.
///
/// # Errors
/// Names both flags.
pub fn ensure_replaces_none(reads: &[Read<'_>], flag: &str, out: &Path) -> anyhow::Result<()> {
    for &(input, path) in reads {
        let Some(path) = path else { continue };
        // Only files: to open a pipe is to read from it.
        if path.is_file() && out.is_file() && is_same_file(path, out).unwrap_or(false) {
            bail!(
                "{flag} {} would replace {}, which {input} reads; choose another {flag}",
                out.display(),
                path.display()
            );
        }
    }
    Ok(())
}

/// Checks that images written to the file or folder `out` are not among those that `--data` names:
/// the next command would train on them.
///
/// # Errors
/// Names the folder and the flag that chooses another place.
pub fn ensure_outside_data(data: &Path, flag: &str, out: &Path) -> anyhow::Result<()> {
    ensure!(
        !(data.is_dir() && is_read_with(data, out) && DataSet::has_images(data)),
        "{} is inside --data {}, so the next command would read what is drawn there as images; \
         choose another {flag}, outside that folder",
        out.display(),
        data.display()
    );
    Ok(())
}

/// Whether a file or folder at `out` is found when the folder `data` is read.
fn is_read_with(data: &Path, out: &Path) -> bool {
    let Some(out) = real(out) else { return false };
    let inside = |folder: &Path| {
        let Ok(folder) = fs::canonicalize(folder) else { return false };
        let Ok(rest) = out.strip_prefix(folder) else { return false };
        // Hidden files and folders are not read.
        let hidden =
            |part| matches!(part, Component::Normal(name) if is_hidden(&name.to_string_lossy()));
        !rest.components().any(hidden)
    };
    if inside(data) {
        return true;
    }
    // Links to folders elsewhere are followed, too.
    let entries = WalkDir::new(data).follow_links(true).into_iter().filter_map(Result::ok);
    let mut linked = entries.filter(|entry| entry.path_is_symlink() && entry.file_type().is_dir());
    linked.any(|entry| inside(entry.path()))
}

/// The path without links that something at `path` has, or will have once it is written.
fn real(path: &Path) -> Option<PathBuf> {
    let path = link_target(path).ok()?;
    // Of folders that are still to be created, the first one that is there says where they will be.
    let there = path.ancestors().find(|path| !path.as_os_str().is_empty() && path.exists());
    let there = there.unwrap_or(Path::new("."));
    let rest = path.strip_prefix(there).unwrap_or(&path);
    Some(fs::canonicalize(there).ok()?.join(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_recognized_by_any_of_its_names() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("model"), "").expect("written");
        fs::hard_link(at("model"), at("hard")).expect("linked");
        fs::create_dir(at("sub")).expect("created");
        let check = |out: &str| {
            let (model, out) = (at("model"), at(out));
            ensure_replaces_none(&[("--mask", None), ("--model", Some(&model))], "--out", &out)
        };
        for same in ["model", "./model", "sub/../model", "hard"] {
            let refused = check(same).expect_err("the same file").to_string();
            assert!(refused.contains("--model") && refused.contains("--out"), "{refused}");
        }
        check("other").expect("another file");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("model", at("soft")).expect("linked");
            check("soft").expect_err("the same file");
        }
    }

    #[test]
    fn outputs_among_the_images_are_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["images/a", "elsewhere"] {
            fs::create_dir_all(at(name)).expect("created");
        }
        fs::write(at("images/1.png"), "").expect("written");
        let check = |out: &str| ensure_outside_data(&at("images"), "--out", &at(out));
        for inside in ["images/m.log", "images/a/2.png", "images/new/x/y", "images/1.png"] {
            let refused = check(inside).expect_err("inside").to_string();
            assert!(refused.contains("--data") && refused.contains("--out"), "{refused}");
        }
        for outside in ["m.log", "images2/1.png", "images/../m.log", "images/.runs/m.log"] {
            check(outside).expect("outside");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            check("elsewhere/m.log").expect("outside");
            symlink("images", at("linked")).expect("linked");
            check("linked/m.log").expect_err("inside");
            symlink("../elsewhere", at("images/b")).expect("linked");
            check("elsewhere/m.log").expect_err("found through a link");
        }
        // Arrays are read by name, and an image beside them is not.
        fs::write(at("images/train-images-idx3-ubyte"), "").expect("written");
        check("images/m.log").expect("not read");
    }
}
