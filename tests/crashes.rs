//! Accidents that must not cost a user hours of work: a killed process, a damaged file, a full
//! disk, a training that diverges.
#![cfg(unix)]

mod cli;
mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cli::{fail, folder_with_bars, read, succeed, train, training, wait_for};

const RUN: [&str; 6] =
    ["--out", "m.safetensors", "--checkpoint-every-seconds", "0", "--eval-every-steps", "50"];

fn steps(folder: &Path, table: &str) -> Vec<u64> {
    let text = fs::read_to_string(folder.join(table)).expect("a log");
    let step = |line: &str| line.split(',').next().and_then(|step| step.parse().ok());
    text.lines().skip(1).map(|line| step(line).expect("a whole line")).collect()
}

/// How many files in a folder, not those below, were begun and not completed.
fn partial_files(folder: &Path) -> usize {
    let names = fs::read_dir(folder).expect("there").map(|entry| entry.expect("read").file_name());
    names.filter(|name| name.to_string_lossy().ends_with("partial")).count()
}

/// A run that is killed at random moments while it saves as often as it can, and resumed each time,
/// has the weights of an uninterrupted run, and every step once in the log. `NCSN_KILLS=1000 cargo
/// test --release --test crashes killed` kills it more often than usual.
#[test]
fn a_killed_run_can_always_go_on() {
    let folder = folder_with_bars();
    let at = folder.path();
    let kills: u64 = common::amount("NCSN_KILLS", 15);
    // Long enough that it does not end before it is killed as often.
    let last = 400 * kills.div_ceil(15);
    let last_text = last.to_string();
    let length = ["--steps", &last_text, "--grad-accum-steps", "2"];
    let whole = ["--out", "whole.safetensors"];
    succeed(&mut train(at, &[&whole[..], &length].concat()));

    let newest = || fs::metadata(at.join("m.checkpoint")).and_then(|file| file.modified()).ok();
    let mut went_on = 0;
    for kill in 0..kills {
        let saved =
            || ["m.checkpoint", "m.previous.checkpoint"].iter().any(|name| at.join(name).exists());
        let resume: &[&str] = if saved() { &["--resume"] } else { &[] };
        let before = newest();
        let mut run = train(at, &[&RUN[..], &length, resume].concat());
        let mut child = run.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
        // Else it would be killed before it does anything, on a slow machine each time. Every third
        // is killed at any moment.
        if kill % 3 != 2 {
            wait_for(&mut child, || newest().is_some_and(|time| Some(time) != before));
        }
        let chance = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        std::thread::sleep(Duration::from_millis(u64::from(chance.subsec_nanos() % 400)));
        let _ended_before = child.kill();
        let output = child.wait_with_output().expect("it ends");
        went_on += u64::from(output.status.code().is_none() && newest() != before);
        // It ends by a signal or well, but never fails because of what an earlier kill left.
        assert!(output.status.code().is_none_or(|code| code == 0), "kill {kill}: {output:?}");
    }
    assert!(went_on >= kills / 3, "only {went_on} of {kills} kills came during training");
    // Twice, the second time from its end, as after a kill between the last checkpoint and the log.
    for _ in 0..2 {
        succeed(&mut train(at, &[&RUN[..], &["--resume"]].concat()));
    }
    assert_eq!(
        read(&at.join("m.safetensors")).weights,
        read(&at.join("whole.safetensors")).weights
    );

    let rows = steps(at, "m.log/losses.csv");
    assert!(rows.is_sorted_by(|a, b| a < b), "{rows:?}");
    assert_eq!(rows.last(), Some(&last));
    let held_out = steps(at, "m.log/held-out.csv");
    let expected = [5].into_iter().chain((50..=last).step_by(50));
    assert_eq!(held_out, expected.flat_map(|step| [step; 8]).collect::<Vec<_>>());
    assert!(at.join(format!("m.log/samples-{last:08}.png")).exists());
}

/// Whoever resumes a run that is still under way, perhaps in the background, would write over its
/// checkpoints. When it has ended, however it has, the run can go on.
#[test]
fn a_run_that_is_under_way_cannot_be_resumed() {
    let folder = folder_with_bars();
    let at = folder.path();
    let mut run = train(at, &[&RUN[..], &["--steps", "100000"]].concat());
    let mut child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
    wait_for(&mut child, || at.join("m.checkpoint").exists());
    for also in [&["--resume"][..], &["--overwrite", "--steps", "5"]] {
        let said = fail(&mut train(at, &[&RUN[..], also].concat()));
        assert!(said.contains("another process trains this model"), "{said}");
    }
    child.kill().expect("it was running");
    child.wait().expect("it ends");
    let step = steps(at, "m.log/losses.csv").last().expect("some steps") + 10;
    succeed(&mut train(at, &[&RUN[..], &["--resume", "--steps", &step.to_string()]].concat()));
}

/// A flipped bit anywhere in the newest checkpoint is found, and the one before is used.
#[test]
fn a_damaged_checkpoint_gives_way_to_the_one_before() {
    let folder = folder_with_bars();
    let at = folder.path();
    succeed(&mut train(at, &[&RUN[..], &["--steps", "30"]].concat()));
    let [newest, previous] = ["m.checkpoint", "m.previous.checkpoint"].map(|name| at.join(name));
    let (good, before) = (fs::read(&newest).expect("saved"), fs::read(&previous).expect("saved"));
    let weights = read(&at.join("m.safetensors")).weights;

    let flip = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let option = good.windows(5).position(|word| word == b"batch").expect("options are in it");
    let damaged = [
        good[..good.len() / 2].to_vec(),
        Vec::new(),
        flip(good.len() / 2),
        flip(good.len() - 1),
        flip(option),
    ];
    for bytes in damaged {
        fs::write(&newest, bytes).expect("written");
        fs::write(&previous, &before).expect("written");
        let mut resume = train(at, &[&RUN[..], &["--resume"]].concat());
        let output = resume.output().expect("starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("damaged"), "{said}");
        // That of step 20 or, as a slow machine saves after fewer steps, too, a later one.
        assert!(said.contains("m.previous.checkpoint, which is of step 2"), "{said}");
        assert_eq!(read(&at.join("m.safetensors")).weights, weights);
    }

    // Only a run sets it aside.
    fs::write(&newest, &good[..100]).expect("written");
    fs::write(&previous, &before).expect("written");
    fs::remove_file(at.join("m.damaged")).expect("the one before");
    succeed(&mut train(at, &[&RUN[..], &["--resume", "--dry-run"]].concat()));
    assert_eq!(fs::read(&newest).expect("still there"), good[..100]);
    assert!(!at.join("m.damaged").exists());

    for path in [&newest, &previous] {
        fs::write(path, &good[..100]).expect("written");
    }
    let said = fail(&mut train(at, &[&RUN[..], &["--resume"]].concat()));
    assert!(said.contains("m.checkpoint is damaged"), "{said}");
}

/// A limit on the size of files stands for a full disk: writing fails in the middle of a file.
#[test]
fn a_write_that_fails_names_the_file_and_loses_nothing() {
    let folder = folder_with_bars();
    let at = folder.path();
    succeed(&mut train(at, &[&RUN[..], &["--steps", "20"]].concat()));
    let contents = || {
        ["m.checkpoint", "m.previous.checkpoint", "m.safetensors"]
            .map(|name| fs::read(at.join(name)).expect("there"))
    };
    let saved = contents();

    let run = train(at, &[&RUN[..], &["--resume", "--steps", "60"]].concat());
    let blocks = saved[0].len() / 512 / 2;
    let mut limited = Command::new("sh");
    // Without the trap the signal would end the process before it hears of the error.
    limited.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""), "sh"]);
    limited.current_dir(at).arg(run.get_program()).args(run.get_args());
    let said = fail(&mut limited);
    assert!(said.contains("cannot write m.checkpoint"), "{said}");
    assert_eq!(contents(), saved);
    assert_eq!(partial_files(at), 0, "what fills the disk is removed");

    succeed(&mut train(at, &[&RUN[..], &["--resume", "--steps", "60"]].concat()));
}

/// Runs a shell script in a folder, with file systems that it alone sees; `$@` is the command of a
/// run. Returns what its last failing run said, or `None` where nobody may mount file systems, as
/// in many containers.
#[cfg(target_os = "linux")]
fn with_own_mounts(at: &Path, mount: &str, script: &str) -> Option<String> {
    let run = train(at, &["--data", "../bars", "--out", "m.safetensors"]);
    // What a test expects to fail must do so with exit code 2.
    let fails = "fails() { code=0; \"$@\" 2> ../said || code=$?; [ $code = 2 ]; }";
    let script = format!("set -e; mkdir disk; {mount}; touch mounted; cd disk; {fails}; {script}");
    let mut shell = Command::new("unshare");
    shell.args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"]);
    shell.current_dir(at).arg(run.get_program()).args(run.get_args());
    shell.args(["--checkpoint-every-seconds", "0", "--eval-every-steps", "50"]);
    let output = shell.output();
    if !at.join("mounted").exists() {
        eprintln!("skipped: no file system can be mounted here");
        return None;
    }
    let output = output.expect("it has begun");
    let said = fs::read_to_string(at.join("said")).unwrap_or_default();
    assert!(output.status.success(), "{said}{output:?}");
    Some(said)
}

/// A file system with room for half a checkpoint more. The log's small files still fit.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_names_the_file_and_loses_nothing() {
    let folder = folder_with_bars();
    let at = folder.path();
    let said = with_own_mounts(
        at,
        "mount -t tmpfs -o size=16m tmpfs disk",
        r#"
        "$@" --steps 20
        mkdir ../before ../after
        cp m.checkpoint m.previous.checkpoint m.safetensors ../before
        free=$(df -Pk . | awk 'NR == 2 { print $4 }')
        head -c $((free * 1024 - $(wc -c < m.checkpoint) / 2)) /dev/zero > others
        fails "$@" --resume --steps 60
        cp m.checkpoint m.previous.checkpoint m.safetensors ../after
        [ -z "$(find . -name '*partial')" ]
        rm others
        "$@" --resume --steps 60
        cp m.safetensors ..
        "#,
    );
    let Some(said) = said else { return };
    assert!(said.contains("cannot write m.checkpoint"), "{said}");
    for name in ["m.checkpoint", "m.previous.checkpoint", "m.safetensors"] {
        let [before, after] =
            ["before", "after"].map(|folder| fs::read(at.join(folder).join(name)));
        assert_eq!(before.expect("copied"), after.expect("copied"), "{name}");
    }
    assert_eq!(training(&at.join("m.safetensors")).steps, 60);
}

/// A folder on a file system that has become read-only, which stops root, too.
#[cfg(target_os = "linux")]
#[test]
fn a_read_only_folder_is_said_before_training_and_loses_nothing() {
    let folder = folder_with_bars();
    let at = folder.path();
    let said = with_own_mounts(
        at,
        "mount --bind disk disk",
        r#"
        "$@" --steps 20
        cp -r . ../before
        mount -o remount,bind,ro .
        fails "$@" --resume --steps 60
        cp -r . ../after
        mount -o remount,bind,rw .
        "$@" --resume --steps 60
        "#,
    );
    let Some(said) = said else { return };
    assert!(said.contains("cannot write m.") && said.contains("Read-only"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for name in ["m.checkpoint", "m.previous.checkpoint", "m.safetensors"] {
        let [before, after] =
            ["before", "after"].map(|folder| fs::read(at.join(folder).join(name)));
        assert_eq!(before.expect("copied"), after.expect("copied"), "{name}");
    }
    assert_eq!(training(&at.join("disk/m.safetensors")).steps, 60);
}

/// The loss is read only every few steps; what is saved must be from before the divergence.
#[test]
fn a_diverging_run_stops_and_keeps_its_last_good_state() {
    let folder = folder_with_bars();
    let at = folder.path();
    let sane = ["--steps", "40", "--warmup-steps", "1"];
    succeed(&mut train(at, &[&RUN[..], &sane].concat()));
    let resume = [&RUN[..], &["--resume", "--steps", "80"]].concat();
    let said = fail(&mut train(at, &[&resume[..], &["--lr", "1e30"]].concat()));
    // Between 40 and 50 or, as a slow machine reads the loss after fewer steps, too, closer.
    assert!(said.contains("diverged between steps 4"), "{said}");
    assert!(said.contains("m.checkpoint") && said.contains("--lr"), "{said}");

    // Weights that are finite, but too large for a model's file, are no better.
    let large = ["--overwrite", "--steps", "6", "--lr", "1e9", "--warmup-steps", "1"];
    let said = fail(&mut train(at, &[&["--out", "large.safetensors"][..], &large].concat()));
    assert!(said.contains("large.checkpoint") && said.contains("--lr below"), "{said}");

    // The advice works, and nothing of the divergence is left.
    succeed(&mut train(at, &[&resume[..], &["--lr", "1e-3"]].concat()));
    let training = training(&at.join("m.safetensors"));
    assert_eq!(training.steps, 80);
    let (_, loss) = training.held_out[4];
    assert!(loss < 32.0, "worse than a network whose output is 0: {loss}");
}

/// Forgetting --resume must not cost an existing run.
#[test]
fn a_new_run_does_not_replace_an_old_one_unasked() {
    let folder = folder_with_bars();
    let at = folder.path();
    succeed(&mut train(at, &[&RUN[..], &["--steps", "10"]].concat()));
    let said = fail(&mut train(at, &[&RUN[..], &["--steps", "10"]].concat()));
    assert!(said.contains("--resume") && said.contains("--overwrite"), "{said}");
    succeed(&mut train(at, &[&RUN[..], &["--steps", "20", "--overwrite"]].concat()));
    let rows = steps(at, "m.log/losses.csv");
    // A slow machine has more rows.
    assert!([5, 10, 20].iter().all(|step| rows.contains(step)), "{rows:?}");
    assert!(rows.is_sorted_by(|a, b| a < b) && rows.last() == Some(&20), "{rows:?}");
}

/// A run that replaces another and has written no model yet does not take the settings of the other's.
#[test]
fn a_run_that_replaced_another_is_resumed_without_the_others_settings() {
    let folder = folder_with_bars();
    let at = folder.path();
    succeed(&mut train(at, &[&RUN[..], &["--steps", "10"]].concat()));
    let before = read(&at.join("m.safetensors")).card;
    let new = ["--steps", "20", "--sigma-max", "5"];
    let diverges = ["--overwrite", "--lr", "1e30"];
    let said = fail(&mut train(at, &[&RUN[..], &new, &diverges].concat()));
    assert!(said.contains("diverged"), "{said}");
    assert_eq!(read(&at.join("m.safetensors")).card, before, "it is still there");

    succeed(&mut train(at, &[&RUN[..], &["--resume", "--lr", "1e-3"]].concat()));
    succeed(&mut train(at, &[&["--out", "n.safetensors"][..], &new].concat()));
    let [resumed, alone] = ["m", "n"].map(|name| {
        let card = read(&at.join(name).with_extension("safetensors")).card;
        (card.sampler, card.best)
    });
    assert_eq!(resumed, alone);
    assert_ne!(resumed.0, before.sampler);
}
