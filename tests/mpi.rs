//! Distributed training by a real MPI: `cargo test --release --features mpi --test mpi`.
#![cfg(all(feature = "mpi", unix))]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ncsn::model_file::ModelFile;

/// `ncsn train` in this folder, started as so many ranks.
fn train(folder: &Path, ranks: usize, arguments: &str) -> Command {
    let mut command = Command::new("mpirun");
    command
        .current_dir(folder)
        // In containers, where there may be fewer cores and only root.
        .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
        .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
        .args(["--oversubscribe", "-n", &ranks.to_string(), env!("CARGO_BIN_EXE_ncsn")])
        .args(["train", "--data", "train-images-idx3-ubyte", "--device", "cpu", "--threads", "1"])
        .args(arguments.split(' '));
    command
}

fn folder_with_images() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let byte = |at: u32| if at % 8 == at / 64 % 8 { 255 } else { (at % 251) as u8 };
    let mut idx = [0x803, 60, 8, 8].map(u32::to_be_bytes).concat();
    idx.extend((0..60 * 64).map(byte));
    fs::write(folder.path().join("train-images-idx3-ubyte"), idx).expect("written");
    folder
}

#[test]
fn any_number_of_ranks_learns_the_same() {
    let folder = folder_with_images();
    let weights = |ranks: usize| {
        let out = format!("{ranks}.safetensors");
        let arguments = format!("--widths 8,16 --steps 20 --batch 8 --out {out}");
        let output = train(folder.path(), ranks, &arguments).output().expect("mpirun starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let bytes = fs::read(folder.path().join(out)).expect("written");
        ModelFile::read(&bytes).expect("a model").weights
    };
    let alone = weights(1);
    for ranks in [2, 4] {
        common::assert_close(&weights(ranks), &alone, 1e-4, &format!("{ranks} ranks"));
    }
}

#[test]
fn a_killed_rank_ends_the_run_which_other_ranks_resume() {
    let folder = folder_with_images();
    let run =
        "--widths 8,16 --steps 100000 --batch 8 --checkpoint-every-seconds 1 --out m.safetensors";
    let mut running = train(folder.path(), 3, run).spawn().expect("mpirun starts");
    let checkpoint = folder.path().join("m.checkpoint");
    let patience = Instant::now();
    while !checkpoint.exists() {
        assert!(patience.elapsed() < Duration::from_secs(120), "there is no checkpoint");
        std::thread::sleep(Duration::from_millis(50));
    }
    let children = Command::new("pgrep").args(["-P", &running.id().to_string()]).output();
    let children = String::from_utf8(children.expect("pgrep starts").stdout).expect("numbers");
    let rank = children.lines().last().expect("a rank");
    let killed = Command::new("kill").args(["-KILL", rank]).status().expect("kill starts");
    assert!(killed.success() && !running.wait().expect("it ends").success());

    let resumed = "--resume --out m.safetensors --steps";
    let next = ncsn::train::Checkpoint::load(&checkpoint).expect("whole").step + 10;
    let output = train(folder.path(), 2, &format!("{resumed} {next}")).output();
    let output = output.expect("mpirun starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(folder.path().join("m.safetensors").exists());
}
