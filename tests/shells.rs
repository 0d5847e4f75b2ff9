//! Programs as shells and machines run them: signals, closed pipes, full disks, terminals that are
//! gone, file systems that cannot sync.
#![cfg(unix)]

mod cli;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use cli::{as_subcommand, fail, folder_with_bars, ncsn, read, succeed, train, training, wait_for};

/// More steps than any machine does before it is interrupted.
const LONG: [&str; 6] = ["--out", "m.safetensors", "--steps", "4000000", "--eval-every-steps", "0"];

/// A model that has hardly learned anything.
fn write_model(folder: &Path) {
    succeed(&mut train(folder, &["--out", "model.safetensors", "--steps", "2"]));
}

/// The number of rows in the log of [`LONG`].
fn rows(folder: &Path) -> usize {
    let table = fs::read_to_string(folder.join("m.log/losses.csv"));
    table.map_or(0, |table| table.lines().skip(1).count())
}

/// Starts a run, and waits until it is in the midst of training.
fn start(folder: &Path, command: &mut Command) -> Child {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let before = rows(folder);
    wait_for(&mut child, || rows(folder) > before);
    child
}

/// Sends signals to a process, all in one go.
fn send(pid: u32, signals: &[&str]) {
    let kills: Vec<_> = signals.iter().map(|signal| format!("kill -{signal} {pid}")).collect();
    let status = Command::new("sh").args(["-c", &kills.join("; ")]).status().expect("a shell");
    assert!(status.success());
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The same program with the same arguments, started by a shell whose script is given: `"$@"` there
/// is the program.
fn by_shell(script: &str, program: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(program.get_program()).args(program.get_args());
    shell.current_dir(program.get_current_dir().expect("set"));
    for (name, value) in program.get_envs() {
        shell.env(name, value.expect("set"));
    }
    shell
}

#[test]
fn an_interrupted_run_keeps_what_it_learned_and_exits_with_the_signals_code() {
    for (signal, code) in [("INT", 130), ("HUP", 129), ("TERM", 143)] {
        let folder = folder_with_bars();
        let at = folder.path();
        let program = train(at, &LONG);
        let mut command = if signal == "TERM" { as_subcommand(&program) } else { program };
        let child = start(at, &mut command);
        send(child.id(), &[signal]);
        let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
        let said = text(&stdout);
        assert_eq!(status.code(), Some(code), "{signal}: {said}{}", text(&stderr));
        assert!(said.contains("stopped at step") && said.contains("--resume"), "{said}");
        assert!(said.contains("checkpoint in m.checkpoint"), "{said}");
        let steps = training(&at.join("m.safetensors")).steps;
        let resume =
            |last: &str| train(at, &["--out", "m.safetensors", "--resume", "--steps", last]);
        let said = fail(&mut resume("1"));
        assert!(
            said.contains(&format!("already at step {steps}: --steps must be larger")),
            "{said}"
        );
        let said = succeed(&mut resume(&steps.to_string()));
        assert!(said.contains(&format!("step {steps} of {steps}")), "{said}");
    }
}

/// `timeout` signals its child and then the whole group; a closing terminal and its shell each send
/// SIGHUP. Of two different signals, either may reach the program first, on whichever of its threads.
#[test]
fn signals_that_come_in_pairs_are_one() {
    for (signals, codes) in
        [(["INT", "INT"], &[130][..]), (["HUP", "HUP"], &[129]), (["HUP", "TERM"], &[129, 143])]
    {
        let folder = folder_with_bars();
        let at = folder.path();
        let child = start(at, &mut train(at, &LONG));
        send(child.id(), &signals);
        let Output { status, stdout, .. } = child.wait_with_output().expect("it ends");
        assert!(text(&stdout).contains("stopped at step"), "{signals:?}: {}", text(&stdout));
        let code = status.code().expect("it ends by itself");
        assert!(codes.contains(&code), "{signals:?}: {code}");
        assert!(at.join("m.checkpoint").exists());
    }
}

/// The step takes half a minute at least, and the end would come after it.
#[cfg(target_os = "linux")]
#[test]
fn a_second_ctrl_c_ends_at_once() {
    let folder = folder_with_bars();
    let at = folder.path();
    let slow = ["--batch", "65536", "--grad-accum-steps", "4096", "--widths", "32,64"];
    let mut run = train(at, &[&LONG[..], &slow].concat());
    let mut child = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    wait_for(&mut child, || catches_ctrl_c(&status));
    send(child.id(), &["INT"]);
    let mut said = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("press Ctrl-C again") {
        assert!(said.read_line(&mut line).expect("text") > 0, "{line}");
    }
    // A person's second Ctrl-C.
    std::thread::sleep(std::time::Duration::from_secs(1));
    send(child.id(), &["INT"]);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    assert!(!text(&output.stdout).contains("stopped at step"), "{}", text(&output.stdout));
}

/// Whether a process has a handler for SIGINT.
#[cfg(target_os = "linux")]
fn catches_ctrl_c(status: &Path) -> bool {
    let status = fs::read_to_string(status).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|m| m & 2 != 0)
}

#[test]
fn ignored_signals_stay_ignored() {
    let scripts = [
        ("exec nohup \"$@\"", "HUP"),
        ("trap '' HUP INT; exec \"$@\"", "HUP"),
        ("trap '' HUP INT; exec \"$@\"", "INT"),
        // What a script starts in the background ignores Ctrl-C.
        ("\"$@\" & echo $! > pid; wait $!; exit $?", "INT"),
    ];
    for (script, ignored) in scripts {
        let folder = folder_with_bars();
        let at = folder.path();
        let mut child = start(at, &mut by_shell(script, &train(at, &LONG)));
        let pid = fs::read_to_string(at.join("pid")).ok().and_then(|pid| pid.trim().parse().ok());
        let pid = pid.unwrap_or(child.id());
        send(pid, &[ignored]);
        // It goes on: a run that had heard the signal would stop after its step.
        let before = rows(at);
        wait_for(&mut child, || rows(at) > before + 20);
        send(pid, &["TERM"]);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(143), "{script}: {output:?}");
        assert!(training(&at.join("m.safetensors")).steps > 200, "{script}");
    }
}

/// Where output goes that nobody gets.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Gone {
    /// A pipe whose reader has ended, as in `train | head -1`.
    ClosedPipe,
    /// A full disk.
    #[cfg(target_os = "linux")]
    Full,
}

impl Gone {
    const ALL: &[Self] = &[
        Self::ClosedPipe,
        #[cfg(target_os = "linux")]
        Self::Full,
    ];

    fn stdio(self) -> Stdio {
        match self {
            Self::ClosedPipe => std::io::pipe().expect("a pipe").1.into(),
            #[cfg(target_os = "linux")]
            Self::Full => File::options().write(true).open("/dev/full").expect("there").into(),
        }
    }
}

/// Every command, and whether its result is what it prints: if that is lost, so is the result.
fn commands(at: &Path) -> Vec<(Command, bool)> {
    let checkpoint = fs::canonicalize("tests/fixtures/ncsn.pth").expect("there");
    let checkpoint = checkpoint.to_str().expect("a name in Unicode");
    let model = ["--model", "model.safetensors"];
    let data = ["--data", "bars"];
    let run = ["--overwrite", "--steps", "20", "--out", "m.safetensors"];
    let sample = ["sample", "-n", "2", "--levels", "2", "--engine", "burn"];
    let eval = ["eval", "-n", "4", "--levels", "2", "--engine", "burn", "--sampler", "ancestral"];
    let ncsn = |parts: &[&[&str]]| ncsn(at, &parts.concat());
    vec![
        (train(at, &run), false),
        (train(at, &["--dry-run"]), true),
        (ncsn(&[&sample, &model]), false),
        (ncsn(&[&eval, &model, &["--data", "sides"]]), false),
        (ncsn(&[&["likelihood", "-n", "2", "--levels", "2"], &model, &data]), true),
        (ncsn(&[&["plan"], &data]), true),
        (ncsn(&[&["plan", "--json"], &data]), true),
        (ncsn(&[&["toy", "-n", "10"]]), true),
        (ncsn(&[&["export", "--onnx", "m.onnx"], &model]), false),
        (
            ncsn(&[
                &["import", checkpoint, "--size", "12x8", "--overwrite"],
                &["--out", "i.safetensors"],
            ]),
            false,
        ),
    ]
}

#[test]
fn output_that_nobody_gets_ends_no_command() {
    let folder = folder_with_bars();
    let at = folder.path();
    write_model(at);
    // Enough to hold out the four that `eval` compares with.
    fs::create_dir(at.join("sides")).expect("created");
    let bars = fs::read(at.join("bars")).expect("there");
    fs::write(at.join("sides/train-images-idx3-ubyte"), &bars).expect("written");
    fs::write(at.join("sides/t10k-images-idx3-ubyte"), &bars).expect("written");

    for &gone in Gone::ALL {
        for (mut command, is_result) in commands(at) {
            let name = format!("{gone:?} {:?}", command.get_args().collect::<Vec<_>>());
            let output = command.stdout(gone.stdio()).output().expect("starts");
            let said = text(&output.stderr);
            let lost = is_result && gone != Gone::ClosedPipe;
            assert_eq!(output.status.code(), Some(if lost { 2 } else { 0 }), "{name}: {said}");
            assert_eq!(said.contains("cannot write to standard output"), lost, "{name}: {said}");
        }
        for (mut command, _) in commands(at) {
            let name = format!("{gone:?} {:?}", command.get_args().collect::<Vec<_>>());
            let output = command.stderr(gone.stdio()).output().expect("starts");
            assert!(output.status.success(), "{name}: {}", text(&output.stdout));
        }
        let output = ncsn(at, &["sample", "--model", "nowhere"]).stderr(gone.stdio()).output();
        assert_eq!(output.expect("starts").status.code(), Some(2), "an error that nobody reads");
    }
    assert_eq!(training(&at.join("m.safetensors")).steps, 20);
    for (command, _) in commands(at) {
        succeed(&mut by_shell("\"$@\" >&- 2>&-", &command));
    }
}

/// As in `train | head -1`: the reader leaves in the midst of the run.
#[test]
fn a_run_goes_on_without_its_reader() {
    let folder = folder_with_bars();
    let at = folder.path();
    let mut run =
        train(at, &["--out", "m.safetensors", "--steps", "60", "--checkpoint-every-seconds", "0"]);
    let mut child = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    assert!(line.contains("57 images"), "{line}");
    drop(child.stderr.take());
    assert!(child.wait().expect("it ends").success());
    assert_eq!(training(&at.join("m.safetensors")).steps, 60);
}

/// A run that ignores SIGHUP outlives its terminal, where it was drawing its progress bar.
#[test]
fn a_run_outlives_its_terminal() {
    let folder = folder_with_bars();
    let at = folder.path();
    let nix::pty::OpenptyResult { master, slave } = nix::pty::openpty(None, None).expect("opened");
    // The clone is closed in the child.
    let mut terminal = File::from(master.try_clone().expect("open"));
    drop(master);
    let clone = || Stdio::from(slave.try_clone().expect("open"));
    let mut run = train(at, &["--out", "m.safetensors", "--steps", "300"]);
    let mut child = run.stdin(clone()).stdout(clone()).stderr(clone()).spawn().expect("starts");
    drop((run, slave));
    let mut seen = vec![0; 1000];
    let length = terminal.read(&mut seen).expect("the run prints something");
    assert!(length > 0);
    drop(terminal);
    assert!(child.wait().expect("it ends").success());
    assert_eq!(training(&at.join("m.safetensors")).steps, 300);
}

/// Some network and user-space file systems write well but refuse to sync folders, or anything.
#[cfg(target_os = "linux")]
#[test]
fn a_file_system_that_cannot_sync_is_written_to() {
    let folder = folder_with_bars();
    let at = folder.path();
    let library = |name: &str, refuses: &str| {
        let source = format!(
            "#define _GNU_SOURCE\n\
             #include <dlfcn.h>\n#include <errno.h>\n#include <sys/stat.h>\n\
             int fsync(int fd) {{\n\
                 struct stat s;\n\
                 if (fstat(fd, &s) == 0 && ({refuses}) return -1;\n\
                 return ((int (*)(int))dlsym(RTLD_NEXT, \"fsync\"))(fd);\n\
             }}\n"
        );
        fs::write(at.join("sync.c"), source).expect("written");
        let mut cc = Command::new("cc");
        cc.current_dir(at).args(["-shared", "-fPIC", "-o", name, "sync.c", "-ldl"]);
        assert!(cc.status().expect("a C compiler, which Rust links with").success());
        at.join(name)
    };
    let run = |out: &str, library: &Path| {
        let mut run = train(at, &["--out", out, "--steps", "5", "--checkpoint-every-seconds", "0"]);
        run.env("LD_PRELOAD", library);
        run
    };
    for (name, refuses) in [
        ("folders.so", "S_ISDIR(s.st_mode)) && (errno = EINVAL)"),
        ("all.so", "1) && (errno = EINVAL)"),
        ("unsupported.so", "1) && (errno = EOPNOTSUPP)"),
    ] {
        let out = format!("{name}.safetensors");
        succeed(&mut run(&out, &library(name, refuses)));
        assert_eq!(training(&at.join(out)).steps, 5);
    }
    // A disk that fails is another matter.
    let said = fail(&mut run("bad.safetensors", &library("bad.so", "1) && (errno = EIO)")));
    assert!(said.contains("cannot write"), "{said}");
}

/// A flag that a resumed run cannot follow is not ignored; repeating the command is fine.
#[test]
fn a_resumed_run_refuses_what_it_cannot_change() {
    let folder = folder_with_bars();
    let at = folder.path();
    let begun = [
        ["--seed", "3"],
        ["--ema-decay", "0.99"],
        ["--max-grad-norm", "0.7"],
        ["--warmup-steps", "2"],
        ["--sigma-min", "0.02"],
        ["--stable-targets", "0.6"],
        ["--sigmas", "auto"],
    ];
    let begun = [&["--out", "m.safetensors", "--flip"][..], &begun.concat()].concat();
    succeed(&mut train(at, &[&begun[..], &["--steps", "3"]].concat()));
    let resume =
        |more: &[&str]| train(at, &[&["--out", "m.safetensors", "--resume"], more].concat());
    let refused = |more: &[&str]| {
        let said = fail(&mut resume(more));
        assert!(said.contains("--resume cannot change") && said.contains(more[0]), "{said}");
    };
    let checkpoint = fs::read(at.join("m.checkpoint")).expect("there");
    for more in [
        ["--batch", "16"],
        ["--widths", "8,24"],
        ["--seed", "4"],
        ["--ema-decay", "0.999"],
        ["--max-grad-norm", "1"],
        ["--grad-accum-steps", "2"],
        ["--warmup-steps", "500"],
        ["--sigma-min", "0.01"],
        ["--sigma-max", "9"],
        ["--levels", "7"],
        ["--sigma-median", "0.5"],
        ["--p-std", "2"],
        ["--weighting", "paper"],
        ["--stable-targets", "off"],
        ["--stable-targets", "auto"],
        ["--arch", "ncsnv2"],
        ["--ngf", "64"],
        ["--blocks", "2"],
        ["--patch", "1"],
        ["--sigmas", "given"],
    ] {
        refused(&more);
    }
    refused(&["--dequantize"]);
    for more in [
        &["--consistency"][..],
        &["--consistency=distillation", "--first-gap", "0.5"],
        &["--last-gap", "0.1"],
        &["--distill-guidance", "3"],
        &["--guiding-model", "m.safetensors"],
        &["--guidance-scale", "4"],
        &["--distribution-matching", "m.safetensors", "--critic-steps", "2"],
        &["--critic-steps", "2"],
    ] {
        let said = fail(&mut resume(more));
        let flag = more[0].split('=').next().expect("a flag");
        assert!(said.contains(flag) && said.contains("--resume"), "{said}");
    }
    assert_eq!(fs::read(at.join("m.checkpoint")).expect("there"), checkpoint);

    // The whole command again; and what can be changed.
    succeed(&mut train(at, &[&begun[..], &["--resume", "--steps", "5"]].concat()));
    let changed =
        ["--steps", "6", "--lr", "1e-4", "--license", "CC0-1.0", "--checkpoint-every-seconds", "1"];
    succeed(&mut resume(&changed));
    let card = read(&at.join("m.safetensors")).card;
    assert_eq!((card.training.expect("trained").steps, &card.license[..]), (6, "CC0-1.0"));

    // One that began without --flip, with NCSN's network.
    let net = ["--arch", "ncsn", "--ngf", "4", "--levels", "2", "--size", "16"];
    let run = [&["--out", "m.safetensors", "--overwrite", "--steps", "2"][..], &net].concat();
    succeed(&mut train(at, &run));
    let resume = |more: &[&str]| {
        let run = ["--out", "m.safetensors", "--resume", "--size", "16", "--arch", "ncsn"];
        train(at, &[&run[..], more].concat())
    };
    succeed(&mut resume(&["--ngf", "4", "--steps", "3"]));
    for more in [&["--flip"][..], &["--ngf", "16"], &["--widths", "8,16"]] {
        let said = fail(&mut resume(more));
        assert!(said.contains("--resume cannot change") && said.contains(more[0]), "{said}");
    }
}

/// No number is so large, small or odd that a program panics, aborts or never ends.
#[test]
fn absurd_numbers_are_refused_in_words() {
    let folder = folder_with_bars();
    let at = folder.path();
    write_model(at);
    let model = ["--model", "model.safetensors"];
    let data = ["--data", "bars"];
    let huge = ["999999999999999999", "18446744073709551615", "99999999999999999999999", "-1", "0"];
    let integers: [(&[&str], &[&str]); 8] = [
        (
            &["train"],
            &[
                "--batch",
                "--grad-accum-steps",
                "--steps",
                "--widths",
                "--blocks",
                "--patch",
                "--levels",
                "--size",
                "--threads",
            ],
        ),
        (&["train", "--classifier"], &["--batch", "--steps", "--levels"]),
        (&["train", "--arch", "ncsn", "--size", "16"], &["--ngf", "--levels"]),
        (&["sample", "--levels", "2", "-n", "1"], &["--batch"]),
        (&["likelihood", "-n", "2"], &["--batch", "--levels"]),
        (&["eval"], &["--batch", "-n"]),
        (&["export", "--onnx", "m.onnx"], &["--batch", "--opset"]),
        (&["plan"], &["--steps-each", "--size"]),
    ];
    let command = |start: &[&str], flag: &str, value: &str| {
        let value = if flag == "-n" { format!("-n{value}") } else { format!("{flag}={value}") };
        match start {
            ["train", more @ ..] => {
                train(at, &[more, &["--dry-run", "--out", "x.safetensors", &value]].concat())
            }
            [name, ..] => {
                let mut inputs = Vec::new();
                if *name != "plan" && *name != "toy" {
                    inputs.extend(model);
                }
                if ["likelihood", "eval", "plan"].contains(name) {
                    inputs.extend(data);
                }
                ncsn(at, &[start, &inputs, &[&value]].concat())
            }
            [] => unreachable!("every command has a name"),
        }
    };
    for (start, flags) in integers {
        for flag in flags {
            for value in huge {
                // A classifier has no dry run.
                let start: Vec<_> = start.to_vec();
                let mut command = command(&start, flag, value);
                if start.contains(&"--classifier") {
                    let without: Vec<_> =
                        command.get_args().filter(|&a| a != "--dry-run").collect();
                    let mut other = Command::new(command.get_program());
                    other.current_dir(at).args(without);
                    command = other;
                }
                fail(&mut command);
            }
        }
    }
    for (start, flags) in [
        (&["sample"][..], &["-n", "--levels", "--steps-each"][..]),
        (&["toy"], &["-n"]),
        (&["plan"], &["--overlap", "--sigma-min"]),
        (&["sample", "-n", "1", "--sampler", "heun"], &["--sigma-max", "--sigma-min", "--rho"]),
        (
            &["train"],
            &["--lr", "--max-grad-norm", "--ema-decay", "--sigma-max", "--sigma-median", "--p-std"],
        ),
    ] {
        for flag in flags {
            for value in ["99999999999999999999999999999999999999999999999", "nan", "-1"] {
                fail(&mut command(start, flag, value));
            }
        }
    }
}

/// Without a desktop, Mesa's layer used to complain about the display that nobody asked for.
#[test]
fn samples_are_drawn_without_a_word_about_displays() {
    let folder = folder_with_bars();
    let at = folder.path();
    write_model(at);
    let mut sample =
        ncsn(at, &["sample", "--model", "model.safetensors", "-n", "1", "--levels", "2"]);
    for name in ["XDG_RUNTIME_DIR", "WAYLAND_DISPLAY", "DISPLAY"] {
        sample.env_remove(name);
    }
    let Output { status, stdout, stderr } = sample.output().expect("starts");
    let (said, errors) = (text(&stdout), text(&stderr));
    assert!(status.success() && said.contains("1 image in grid.png"), "{said}{errors}");
    assert!(!errors.contains("XDG_RUNTIME_DIR"), "{errors}");
}

/// Bash itself completes a command, a flag, and a flag's value.
#[test]
fn shells_complete_commands_and_flags() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let complete = r#"eval "$1"; shift; COMP_WORDS=(ncsn "$@"); COMP_CWORD=$#
        _ncsn ncsn "${!#}" "${@:$#-1:1}"; echo "${COMPREPLY[@]}""#;
    let script = succeed(&mut ncsn(folder.path(), &["completions", "bash"]));
    for (typed, completed) in [
        (&["samp"][..], "sample"),
        (&["sample", "--guidance-i"], "--guidance-interval"),
        (&["sample", "--sampler", "exact"], "exact-langevin"),
    ] {
        let mut bash = Command::new("bash");
        let said = succeed(bash.args(["-c", complete, "bash", &script]).args(typed));
        assert_eq!(said.trim(), completed);
    }
}

#[test]
fn one_of_a_kind_is_not_plural() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    fs::create_dir(at.join("two")).expect("created");
    for (name, gray) in [("train", 0u8), ("t10k", 255)] {
        let header = [0x0803u32, 1, 8, 8].map(u32::to_be_bytes).concat();
        let file = at.join(format!("two/{name}-images-idx3-ubyte"));
        fs::write(file, [header, vec![gray; 64]].concat()).expect("written");
    }
    let run = ["--data", "two", "--sigma-max", "5", "--batch", "1"];
    let first = ["--steps", "1", "--out", "m.safetensors"];
    let said = succeed(&mut train(at, &[&run[..], &first].concat()));
    assert!(said.contains("two: 1 image of 1 × 8 × 8, and 1 held out"), "{said}");
    assert!(said.contains("step 0 of 1, 1 image a step"), "{said}");
    let run = [&run[..], &["--steps", "1", "--dry-run"]].concat();
    let said = succeed(&mut train(at, &run));
    assert!(said.contains(" for 1 step\n"), "{said}");
    let sample = ["sample", "--model", "m.safetensors", "-n", "1", "--levels", "1"];
    assert!(succeed(&mut ncsn(at, &sample)).contains("1 image in grid.png"));
}

/// How long a run takes is seen also where there is no progress bar.
#[test]
fn a_run_says_once_how_long_it_takes() {
    let folder = folder_with_bars();
    // The second report, after which it is known, is also the last of a run of 20 steps.
    for (steps, lines) in [("20", 0), ("60", 1)] {
        let run = ["--out", "m.safetensors", "--overwrite", "--steps", steps, "--device", "cpu"];
        let said = succeed(&mut train(folder.path(), &run));
        let found = said
            .lines()
            .filter(|line| line.contains(" images/s on cpu; about ") && line.ends_with(" left"));
        assert_eq!(found.count(), lines, "{said}");
    }
}

/// Without --consistency, a few-step model becomes a score model again; `train` warns.
#[test]
fn a_model_for_few_evaluations_is_warned_of_when_it_learns_the_score_again() {
    let folder = folder_with_bars();
    let at = folder.path();
    write_model(at);
    let run = |from: &str, more: &[&str]| {
        let run = ["--init-from", from, "--steps", "1", "--overwrite"];
        let output = train(at, &[&run[..], more].concat()).output().expect("starts");
        assert!(output.status.success(), "{output:?}");
        text(&output.stderr).contains("this trains the score again")
    };
    assert!(!run("model.safetensors", &["--consistency", "--out", "few.safetensors"]));
    assert!(!run("few.safetensors", &["--consistency", "--out", "more.safetensors"]));
    assert!(run("few.safetensors", &["--out", "score.safetensors"]));
    let [few, score] =
        ["few", "score"].map(|name| read(&at.join(name).with_extension("safetensors")).card);
    assert!(few.is_few_step() && !score.is_few_step());
    assert_ne!(few.sampler.sampler, score.sampler.sampler);
}
