//! Distributed training by a real MPI: `cargo test --release --features mpi --test mpi`.
#![cfg(all(feature = "mpi", unix))]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ncsn::model_file::ModelFile;
use ncsn::net::weights::Weights;

/// What `ncsn train` is told in every test.
const TRAIN: [&str; 7] =
    ["train", "--data", "train-images-idx3-ubyte", "--device", "cpu", "--threads", "1"];

/// `ncsn train` in this folder, started as so many ranks.
fn train(folder: &Path, ranks: usize, arguments: &str) -> Command {
    let mut command = Command::new("mpirun");
    as_root(command.current_dir(folder))
        .args(["--oversubscribe", "-n", &ranks.to_string(), env!("CARGO_BIN_EXE_ncsn")])
        .args(TRAIN)
        .args(arguments.split(' '));
    command
}

/// Lets Open MPI run as root: in containers, there may be nobody else.
fn as_root(command: &mut Command) -> &mut Command {
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
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
        let arguments = format!("{SHORT} --out {out}");
        let output = train(folder.path(), ranks, &arguments).output().expect("mpirun starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        weights_in(&folder.path().join(out))
    };
    let alone = weights(1);
    for ranks in [2, 4] {
        common::assert_close(&weights(ranks), &alone, 1e-4, &format!("{ranks} ranks"));
    }
}

/// A run of twenty steps.
const SHORT: &str = "--widths 8,16 --steps 20 --batch 8";

fn weights_in(path: &Path) -> Weights {
    ModelFile::read(&fs::read(path).expect("written")).expect("a model").weights
}

/// Starts `$@` as two ranks in two network namespaces, which are two hosts to MPI: between them
/// are a virtual cable and TCP. What begins a program on the second host, elsewhere ssh, is a
/// script that enters its namespace. The file `hosts` says that there are such namespaces, and
/// `received` how many bytes came to the second.
#[cfg(target_os = "linux")]
const TWO_HOSTS: &str = r#"
set -e
ip link set lo up
hostname first
unshare --net --uts sleep 600 &
second=$!
trap 'kill $second' EXIT
until [ "$(readlink /proc/$second/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.05; done
enter="nsenter --net=/proc/$second/ns/net --uts=/proc/$second/ns/uts"
ip link add eth0 type veth peer name eth1
ip link set eth1 netns $second
ip address add 10.99.0.1/24 dev eth0
ip link set eth0 up
$enter sh -c 'hostname second; ip link set lo up; ip address add 10.99.0.2/24 dev eth1; ip link set eth1 up'
printf '#!/bin/sh\nshift\nexec %s sh -c "$*"\n' "$enter" > remote-shell
chmod +x remote-shell
touch hosts
network=10.99.0.0/24
mpirun --host 10.99.0.1,10.99.0.2 -n 2 --mca plm_rsh_agent "$PWD/remote-shell" --mca btl tcp,self \
    --mca btl_tcp_if_include $network --mca oob_tcp_if_include $network "$@"
$enter cat /proc/net/dev | awk '/eth1/ { print $2 }' > received
"#;

#[cfg(target_os = "linux")]
#[test]
fn ranks_on_two_hosts_learn_the_same() {
    let folder = folder_with_images();
    let at = folder.path();
    let alone = format!("{SHORT} --out alone.safetensors");
    assert!(train(at, 1, &alone).status().expect("mpirun starts").success());

    // Ranks that do not find each other wait forever.
    let mut shell = Command::new("timeout");
    shell.args(["120", "unshare", "--map-root-user", "--net", "--uts"]);
    shell.args(["sh", "-c", TWO_HOSTS, "sh"]);
    shell.arg(env!("CARGO_BIN_EXE_ncsn")).args(TRAIN).args(SHORT.split(' '));
    let output = as_root(shell.args(["--out", "two.safetensors"]).current_dir(at)).output();
    if !at.join("hosts").exists() {
        eprintln!("skipped: there can be no network namespaces here: {output:?}");
        return;
    }
    let output = output.expect("it has begun");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let [alone, two] =
        ["alone", "two"].map(|name| weights_in(&at.join(format!("{name}.safetensors"))));
    common::assert_close(&two, &alone, 1e-4, "two hosts");
    // Every step sends the gradients of all weights at least once.
    let received = fs::read_to_string(at.join("received")).expect("written");
    let received: usize = received.trim().parse().expect("a number");
    let count: usize = two.values().map(|tensor| tensor.values.len()).sum();
    assert!(received > 20 * 4 * count, "{received} bytes for {count} weights");
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

/// Rank 0 alone looks at the files that a run would replace. The others wait for it meanwhile.
#[test]
fn what_one_rank_refuses_ends_all_of_them() {
    let folder = folder_with_images();
    let run = format!("{SHORT} --out m.safetensors");
    assert!(train(folder.path(), 1, &run).status().expect("mpirun starts").success());
    let again = train(folder.path(), 2, &run);
    let mut limited = Command::new("timeout");
    limited.arg("60").arg(again.get_program()).args(again.get_args());
    let output = as_root(limited.current_dir(folder.path())).output().expect("timeout starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.matches("m.checkpoint already exists").count(), 1, "{said}");
}

/// As on two hosts that have different models of the same name: their runs differ in nothing but weights.
#[test]
fn ranks_that_start_from_different_weights_are_refused() {
    let folder = folder_with_images();
    for seed in ["1", "2"] {
        fs::create_dir(folder.path().join(seed)).expect("created");
        let run = format!("{SHORT} --seed {seed} --out {seed}/m.safetensors");
        assert!(train(folder.path(), 1, &run).status().expect("mpirun starts").success());
    }
    let mut both = Command::new("timeout");
    both.args(["60", "mpirun", "--oversubscribe"]);
    for (from, end) in [("1/m.safetensors", &[":"][..]), ("2/m.safetensors", &[])] {
        both.args(["-n", "1", env!("CARGO_BIN_EXE_ncsn")]).args(TRAIN);
        both.args(["--steps", "20", "--batch", "8", "--out", "both.safetensors"]);
        both.args(["--init-from", from]).args(end);
    }
    let output = as_root(both.current_dir(folder.path())).output().expect("timeout starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("the ranks do not agree"), "{said}");
}
