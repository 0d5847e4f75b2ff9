//! What a command writes must be apart from what it reads, and from what other commands read: no
//! input is replaced, and no image is added to those to train on.

use std::fs::{self, FileType};
use std::path::{Component, Path, PathBuf};

use anyhow::{bail, ensure};
use same_file::is_same_file;
use walkdir::WalkDir;

use super::output;
use crate::data::{DataSet, is_hidden, is_image_name};
use crate::files::{folder_of, link_target};

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

/// Checks, before long work, that an image to be written to `out`, or a new folder of images there, gets
/// into no data set. Beside the folders of classes, an image has no class, so that there are none any
/// more, and a folder is one more. `flag` is what chooses it.
///
/// # Errors
/// Names the folders, and the flag that chooses another place.
pub fn ensure_beside_no_classes(flag: &str, out: &Path) -> anyhow::Result<()> {
    let is_hidden = out.file_name().is_some_and(|name| is_hidden(&name.to_string_lossy()));
    // What is replaced is no new image.
    if is_hidden || out.exists() {
        return Ok(());
    }
    let Ok(out_at) = link_target(out) else { return Ok(()) };
    let Contents { images: 0, folders, is_workplace: false } = Contents::of(folder_of(&out_at))
    else {
        return Ok(());
    };
    if let [first, second, ..] = &folders[..] {
        bail!(
            "{} would be beside {first} and {second}, which hold images: whoever reads these folders as \
             classes would read what is drawn there, too; choose another {flag}",
            out.display()
        );
    }
    Ok(())
}

/// Checks, before long work, that a folder to write files into is none of a data set: neither with
/// images, nor with folders of them. `flag` is what chooses it.
///
/// # Errors
/// Names the folder, and the flag that chooses another one.
pub fn ensure_holds_no_data(flag: &str, folder: &Path) -> anyhow::Result<()> {
    let Contents { images, folders, is_workplace } = Contents::of(folder);
    ensure!(
        is_workplace || (images == 0 && folders.len() < 2),
        "{} holds images, which are read as a data set; choose another folder with {flag}",
        folder.display()
    );
    // The folder itself may be one that is new among the folders of a data set.
    if folder.exists() { Ok(()) } else { ensure_beside_no_classes(flag, folder) }
}

/// What is in a folder, as far as it tells a data set from a place to work in.
#[derive(Default)]
struct Contents {
    /// The number of images directly in it.
    images: usize,
    /// The folders in it, if each of them holds images: those of classes do.
    folders: Vec<String>,
    /// Whether there are models, which nobody keeps among their images.
    is_workplace: bool,
}

impl Contents {
    fn of(folder: &Path) -> Self {
        const MODELS: [&str; 3] = ["safetensors", "checkpoint", "onnx"];
        let mut found = Self::default();
        let mut are_all = true;
        // A folder that cannot be listed, or is not there, is no data set that can be read.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
            if is_hidden(&name) {
                continue;
            }
            let is_link = |kind: FileType| kind.is_symlink() && path.is_dir();
            if entry.file_type().is_ok_and(|kind| kind.is_dir() || is_link(kind)) {
                are_all = are_all && holds_an_image(&path);
                found.folders.push(name);
                continue;
            }
            found.images += usize::from(is_image_name(&name));
            // The last is of what `export --diffusers` writes.
            found.is_workplace |= MODELS.iter().any(|model| output::ends_in(&path, model))
                || name == "model_index.json";
        }
        if !are_all {
            found.folders.clear();
        }
        found.folders.sort_unstable();
        found
    }
}

/// Whether there is an image in a folder, or in one of the folders in it.
fn holds_an_image(folder: &Path) -> bool {
    // Enough to find one where there are some; other folders may hold millions of files.
    const LOOKED_AT: usize = 1000;
    let entries = WalkDir::new(folder).max_depth(3).into_iter().take(LOOKED_AT).flatten();
    let mut files = entries.filter(|entry| !entry.file_type().is_dir());
    files.any(|entry| is_image_name(&entry.file_name().to_string_lossy()))
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
    fn no_image_gets_between_the_folders_of_classes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str| {
            let path = at(name);
            fs::create_dir_all(folder_of(&path)).and_then(|()| fs::write(path, "")).expect("made");
        };
        for name in ["data/0/1.png", "data/10/a.JPG", "data/README.md", "m.safetensors"] {
            write(name);
        }
        write("set/train/cat/1.png");
        write("set/test/dog/2.webp");
        let file = |out: &str| ensure_beside_no_classes("--out", &at(out));
        for out in ["data/grid.png", "data/0/../grid.png", "set/grid.gif"] {
            let refused = file(out).expect_err("no classes any more").to_string();
            assert!(refused.contains("--out") && refused.contains(out), "{refused}");
        }
        assert!(file("data/grid.png").expect_err("as before").to_string().contains("0 and 10"));
        // Elsewhere, also among images that have no classes, or beside a single folder of images.
        for out in ["data/.grid.png", "data/0/grid.png", "nowhere/grid.png", "grid.png"] {
            file(out).expect("no data set, or nothing is lost");
        }
        let folder = |out: &str| ensure_holds_no_data("--out", &at(out));
        for out in ["data", "data/0", "data/m.card", "set"] {
            let refused = folder(out).expect_err("a data set").to_string();
            assert!(refused.contains("--out") && refused.contains(out), "{refused}");
        }
        for out in ["m.card", "data/0/m.card", "nowhere"] {
            folder(out).expect("no data set");
        }

        // A place to work in, as far as can be told.
        write("work/a/1.png");
        file("work/grid.png").expect("a single data set");
        write("work/b/1.png");
        file("work/grid.png").expect_err("the same as classes");
        for other in ["work/notes/1.txt", "work/hub.safetensors", "work/earlier.png"] {
            write(other);
            file("work/grid.png").expect("a place to work in");
            fs::remove_file(at(other)).expect("it is there");
            let _ = fs::remove_dir(at("work/notes"));
        }
        write("pipeline/model_index.json");
        write("pipeline/preview.png");
        folder("pipeline").expect("such as what `export` made");
        write("work/hub.safetensors");
        write("work/samples.png");
        folder("work").expect("such as what `card` made");
        write("data/old.png");
        file("data/old.png").expect("it is replaced");
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
