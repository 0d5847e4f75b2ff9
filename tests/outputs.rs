//! What a command writes never replaces what it reads, nor files that are not its own, and never
//! becomes an image to train on.
#![cfg(not(target_family = "wasm"))]

mod cli;
mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use cli::{fail, folder_with_bars, ncsn, read, succeed, train, training};
use ncsn::net::Architecture;

/// Every file in a folder and those below, and what it holds.
fn contents(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all: Vec<_> = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.expect("readable").into_path())
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(path).expect("readable")))
        .collect();
    all.sort_unstable();
    all
}

/// Runs a command that must be refused before it changes anything.
fn refuse(folder: &Path, mut command: Command, words: &[&str]) {
    let before = contents(folder);
    let said = fail(&mut command);
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(contents(folder) == before, "{said}");
}

/// The names by which a file can be given: its own, a roundabout one, and those of links to it.
fn names(folder: &Path, name: &str) -> Vec<String> {
    let hard = format!("hard-{name}");
    fs::hard_link(folder.join(name), folder.join(&hard)).expect("linked");
    let mut names = vec![name.to_owned(), format!("./{name}"), hard];
    #[cfg(unix)]
    {
        let soft = format!("soft-{name}");
        std::os::unix::fs::symlink(name, folder.join(&soft)).expect("linked");
        names.push(soft);
    }
    names
}

#[test]
fn no_output_replaces_an_input() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    // Nothing is read before the check, so they may hold anything.
    for name in ["m.safetensors", "p.png", "q.png", "a.npy", "c.png"] {
        fs::write(at.join(name), name).expect("written");
    }
    for name in names(at, "m.safetensors") {
        let export = ["export", "--model", "m.safetensors", "--onnx", &name];
        refuse(at, ncsn(at, &export), &["--onnx", "--model"]);
        let import = ["import", "m.safetensors", "--overwrite", "--out", &name];
        refuse(at, ncsn(at, &import), &["--out", "CHECKPOINT"]);
        let run = ["--data", "a.npy", "--overwrite", "--out", &name, "--init-from"];
        let tuned = [&run[..], &["m.safetensors"]].concat();
        refuse(at, train(at, &tuned), &["--out", "--init-from"]);
        let guided = [&run[..], &["n.safetensors", "--guiding-model", "m.safetensors"]].concat();
        refuse(at, train(at, &guided), &["--out", "--guiding-model"]);
    }
    for name in names(at, "p.png") {
        let sample = ["sample", "--model", "m.safetensors", "--out", &name];
        for flag in
            ["--inpaint", "--init-image", "--colorize", "--super-resolve", "--guiding-model"]
        {
            let sample = [&sample[..], &[flag, "p.png"]].concat();
            refuse(at, ncsn(at, &sample), &["--out", flag]);
        }
        let mask = [&sample[..], &["--inpaint", "q.png", "--mask", "p.png"]].concat();
        refuse(at, ncsn(at, &mask), &["--out", "--mask"]);
        for ends in ["p.png:q.png", "q.png:p.png"] {
            let path = [&sample[..], &["--interpolate", ends]].concat();
            refuse(at, ncsn(at, &path), &["--out", "--interpolate"]);
        }
        let class = [&sample[..], &["--classifier", "p.png", "--class", "0"]].concat();
        refuse(at, ncsn(at, &class), &["--out", "--classifier"]);
        let model = ["sample", "--model", "p.png", "--out", &name];
        refuse(at, ncsn(at, &model), &["--out", "--model"]);
    }
    for name in names(at, "a.npy") {
        refuse(
            at,
            ncsn(at, &["plan", "--data", "a.npy", "--preview", &name]),
            &["--preview", "--data"],
        );
        let sample = ["sample", "--model", "m.safetensors", "--inpaint", "a.npy", "--out", &name];
        refuse(at, ncsn(at, &sample), &["--out", "--inpaint"]);
    }
    // A model and its checkpoint, where the images are.
    for data in ["x.safetensors", "x.checkpoint", "x.previous.checkpoint"] {
        fs::write(at.join(data), data).expect("written");
        for more in [&["--overwrite"][..], &["--overwrite", "--classifier"]] {
            if more.len() == 1 || data == "x.safetensors" {
                let run = [&["--data", data, "--out", "x.safetensors"][..], more].concat();
                refuse(at, train(at, &run), &["--out", "--data"]);
            }
        }
    }
    // The files of an evaluation.
    fs::create_dir(at.join("m.eval")).expect("created");
    fs::write(at.join("m.eval/samples.png"), "images").expect("written");
    let eval = ["eval", "--model", "m.safetensors", "--data", "m.eval/samples.png"];
    refuse(at, ncsn(at, &eval), &["--out", "--data"]);
    refuse(at, ncsn(at, &[&eval[..], &["--out", "p.png"]].concat()), &["--out", "folder"]);
}

#[test]
fn no_output_becomes_an_image_to_train_on() {
    let folder = folder_with_bars();
    let at = folder.path();
    fs::create_dir_all(at.join("images/a")).expect("created");
    for gray in 0..40u8 {
        let image = image::GrayImage::from_pixel(8, 8, image::Luma([6 * gray]));
        image.save(at.join(format!("images/a/{gray}.png"))).expect("written");
    }
    let refuse = |command: Command, flag: &str| refuse(at, command, &[flag, "--data"]);
    for out in ["images/m.safetensors", "images/a/m.safetensors"] {
        refuse(train(at, &["--data", "images", "--steps", "2", "--out", out]), "--out");
    }
    let mut inside = train(at, &["--data", ".", "--steps", "2"]);
    inside.current_dir(at.join("images"));
    refuse(inside, "--out");
    for preview in ["images/p.png", "images/a/../p.PNG"] {
        refuse(ncsn(at, &["plan", "--data", "images", "--preview", preview]), "--preview");
    }
    fs::write(at.join("images/m.safetensors"), "").expect("written");
    let eval = ["eval", "--model", "images/m.safetensors", "--data", "images"];
    refuse(ncsn(at, &eval), "--out");

    // Elsewhere, and beside arrays, which are read by their names.
    succeed(&mut ncsn(at, &["plan", "--data", "images", "--preview", "p.png"]));
    let run = ["--data", "images", "--steps", "2", "--out", "m.safetensors"];
    succeed(&mut train(at, &run));
    fs::create_dir(at.join("arrays")).expect("created");
    fs::copy(at.join("bars"), at.join("arrays/train-images-idx3-ubyte")).expect("copied");
    let run = ["--data", "arrays", "--steps", "2", "--out", "arrays/m.safetensors"];
    succeed(&mut train(at, &run));
    succeed(&mut train(at, &[&run[..], &["--resume"]].concat()));
}

/// The log goes to a folder that shares the model's name, and may be somebody else's.
#[test]
fn a_log_replaces_no_files_but_those_of_a_log() {
    let folder = folder_with_bars();
    let at = folder.path();
    let run =
        |more: &[&str]| train(at, &[&["--out", "m.safetensors", "--steps", "10"], more].concat());
    let log = at.join("m.log");

    // As after `train … > m.log`.
    fs::write(&log, "output").expect("written");
    refuse(at, run(&[]), &["m.log", "--out"]);
    fs::remove_file(&log).expect("removed");

    fs::create_dir(&log).expect("created");
    for (name, text) in [
        ("losses.csv", "epoch,loss\n1,0.5\n"),
        ("held-out.csv", "1,2,3\n"),
        ("samples-00000100.png", "an image"),
    ] {
        fs::write(log.join(name), text).expect("written");
        for more in [&[][..], &["--overwrite"]] {
            refuse(at, run(more), &[name, "--out"]);
        }
        fs::remove_file(log.join(name)).expect("removed");
    }

    // What is in nobody's way stays.
    let others = ["notes.txt", "samples-1.png", "samples-final.png", "events.out.tfevents.1.host"];
    for name in others {
        fs::write(log.join(name), name).expect("written");
    }
    succeed(&mut run(&["--eval-every-steps", "10"]));
    let ours = fs::read(log.join("samples-00000001.png")).expect("drawn");

    // The model was moved to where it is used; its log stays until it is said to go.
    for name in ["m.safetensors", "m.checkpoint", "m.previous.checkpoint"] {
        fs::rename(at.join(name), at.join(name.replace("m.", "moved."))).expect("moved");
    }
    refuse(at, run(&[]), &["m.log", "--out", "--overwrite"]);
    assert_eq!(fs::read(log.join("samples-00000001.png")).expect("still there"), ours);
    succeed(&mut run(&["--overwrite", "--eval-every-steps", "0"]));
    assert!(!log.join("samples-00000001.png").exists());
    for name in others {
        assert_eq!(fs::read_to_string(log.join(name)).expect("there"), name);
    }

    // A resumed run adds to its own tables only.
    fs::write(log.join("losses.csv"), "mine\n7,8\n").expect("written");
    refuse(at, run(&["--resume"]), &["losses.csv", "--out"]);
}

/// A link to where there is room, say, is written through.
#[cfg(unix)]
#[test]
fn links_stay_links() {
    use std::os::unix::fs::symlink;

    let folder = folder_with_bars();
    let at = folder.path();
    fs::create_dir(at.join("disk")).expect("created");
    for name in ["m.safetensors", "m.checkpoint", "m.log", "m.onnx", "g.png"] {
        symlink(Path::new("disk").join(name), at.join(name)).expect("linked");
    }
    let run = ["--out", "m.safetensors", "--checkpoint-every-seconds", "0"];
    succeed(&mut train(at, &[&run[..], &["--steps", "10"]].concat()));
    succeed(&mut train(at, &[&run[..], &["--resume", "--steps", "20"]].concat()));
    succeed(&mut ncsn(at, &["export", "--model", "m.safetensors", "--onnx", "m.onnx"]));
    let sample = ["sample", "--model", "m.safetensors", "-n", "1", "--levels", "2"];
    for _ in 0..2 {
        succeed(&mut ncsn(at, &[&sample[..], &["--out", "g.png"]].concat()));
    }
    for name in ["m.safetensors", "m.checkpoint", "m.log", "m.onnx", "g.png"] {
        assert!(at.join(name).is_symlink(), "{name}");
        assert!(!at.join("disk").join(name).is_symlink(), "{name}");
    }
    assert_eq!(training(&at.join("disk/m.safetensors")).steps, 20);
    let mut left: Vec<_> = fs::read_dir(at.join("disk"))
        .expect("there")
        .map(|entry| entry.expect("readable").file_name())
        .collect();
    left.sort_unstable();
    let expected =
        ["g.png", "m.checkpoint", "m.log", "m.onnx", "m.previous.checkpoint", "m.safetensors"];
    assert_eq!(left, expected);

    // Links to nowhere, and in a circle.
    symlink("nowhere/x.png", at.join("x.png")).expect("linked");
    symlink("y.png", at.join("y.png")).expect("linked");
    for name in ["x.png", "y.png"] {
        let said = fail(&mut ncsn(at, &[&sample[..], &["--out", name]].concat()));
        assert!(said.contains("cannot write") && said.contains(name), "{said}");
        assert!(at.join(name).is_symlink());
    }
}

/// A device is written to, not replaced by a file.
#[cfg(unix)]
#[test]
fn devices_stay_devices() {
    let folder = folder_with_bars();
    let at = folder.path();
    succeed(&mut train(at, &["--out", "m.safetensors", "--steps", "2"]));
    let export = |onnx: &str| {
        let mut command = ncsn(at, &["export", "--model", "m.safetensors", "--onnx", onnx]);
        command.output().expect("starts")
    };
    assert!(export("m.onnx").status.success());
    let output = export("/dev/stdout");
    let model = fs::read(at.join("m.onnx")).expect("written");
    // What is said goes elsewhere.
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && output.stdout == model, "{said}");
    assert!(said.contains("in /dev/stdout"), "{said}");
    let plan = ["plan", "--data", "bars", "--preview"];
    let preview = |out: &str| ncsn(at, &[&plan[..], &[out]].concat()).output().expect("starts");
    let (file, output) = (preview("p.png"), preview("/dev/stdout"));
    assert_eq!(output.stdout, fs::read(at.join("p.png")).expect("written"));
    let text = |bytes| String::from_utf8(bytes).expect("text");
    assert_eq!(text(output.stderr), text(file.stdout).replace("p.png", "/dev/stdout"));
    let made = Command::new("mkfifo").arg(at.join("pipe")).status().expect("there");
    assert!(made.success());
    let pipe = at.join("pipe");
    let reader = std::thread::spawn(move || fs::read(pipe).expect("read"));
    assert!(export("pipe").status.success());
    assert_eq!(reader.join().expect("no panic"), model);
}

#[test]
fn extensions_may_be_in_capitals() {
    let folder = folder_with_bars();
    let at = folder.path();
    succeed(&mut train(at, &["--out", "m.SafeTensors", "--steps", "2"]));
    assert_eq!(training(&at.join("m.SafeTensors")).steps, 2);
    read(&at.join("m.SafeTensors"));
    for (name, first) in
        [("g.PNG", "\u{89}PNG"), ("g.Gif", "GIF"), ("g.NPY", "\u{93}NUMPY"), ("g.Npz", "PK")]
    {
        let sample = ["sample", "--model", "m.SafeTensors", "-n", "2", "--levels", "2"];
        succeed(&mut ncsn(at, &[&sample[..], &["--out", name]].concat()));
        let bytes = fs::read(at.join(name)).expect("written");
        let first: Vec<u8> = first.chars().map(|c| c as u8).collect();
        assert!(bytes.starts_with(&first), "{name}");
    }
    let sample = ["sample", "--model", "m.SafeTensors", "--out", "g.jpg"];
    assert!(fail(&mut ncsn(at, &sample)).contains(".png, .gif, .npy or .npz"));
}

/// A file's name says what is in it.
#[test]
fn other_extensions_are_refused() {
    let folder = folder_with_bars();
    let at = folder.path();
    for (command, words) in [
        (&["plan", "--data", "bars", "--preview", "p.jpg"][..], ["--preview", ".png"]),
        (&["thumbnails", "--data", "bars", "--out", "t.jpg"], ["--out", ".png"]),
        (&["export", "--model", "bars", "--onnx", "e.txt"], ["--onnx", ".onnx"]),
        (&["sample", "--model", "bars", "--out", "none/g.png"], ["none/g.png", "no folder none"]),
    ] {
        refuse(at, ncsn(at, command), &words);
    }
}

/// Neither are two channels, but an array holds any.
#[test]
fn channels_that_no_png_shows_are_refused_before_images_are_drawn() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let model = common::model_of(Architecture::UNet(common::unet((4, 8, 8), &[8])));
    fs::write(at.join("m.safetensors"), model.write().expect("finite")).expect("written");
    let sample = ["sample", "--model", "m.safetensors", "-n", "1", "--out"];
    for command in [&[&sample[..], &["g.png"]].concat()[..], &["card", "m.safetensors"]] {
        refuse(at, ncsn(at, command), &["channels, these have 4", ".npy"]);
    }
    succeed(&mut ncsn(at, &[&sample[..], &["g.npy"]].concat()));
}

/// More images than a file can hold are refused before they are drawn.
#[test]
fn grids_that_no_file_can_hold_are_refused() {
    let folder = folder_with_bars();
    let at = folder.path();
    succeed(&mut train(at, &["--out", "m.safetensors", "--steps", "2"]));
    for (out, n) in [("g.png", "9000000"), ("g.gif", "9000000")] {
        let sample = ["sample", "--model", "m.safetensors", "-n", n, "--out", out];
        let said = fail(&mut ncsn(at, &sample));
        assert!(said.contains(".npy") && said.contains("pixels"), "{said}");
    }
    // A path is a single row.
    let path = ["sample", "--model", "m.safetensors", "--interpolate", "3:4", "-n", "9000000"];
    assert!(fail(&mut ncsn(at, &[&path[..], &["--out", "g.png"]].concat())).contains("pixels"));
}
