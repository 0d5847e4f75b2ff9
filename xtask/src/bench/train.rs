//! Times training steps, ours and PyTorch's, in turn: on a machine whose speed drifts, ratios
//! between neighbors are meaningful where absolute times are not.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::workspace::{Workspace, step};

#[derive(Args)]
pub struct Train {
    /// A Python with PyTorch, to time its twin of the network, too
    #[arg(long)]
    torch: Option<PathBuf>,
    /// Also time our trainer on the LibTorch of that PyTorch (2.9)
    #[arg(long, requires = "torch")]
    libtorch: bool,
    /// Also time mixed precision, bf16, on LibTorch and in PyTorch, for processors that multiply
    /// bf16
    #[arg(long, requires = "torch")]
    bf16: bool,
    /// Also time our own kernels on the system's GPU, which may be software
    #[arg(long)]
    gpu: bool,
    /// Also time that PyTorch on an NVIDIA GPU, as it is and compiled
    #[arg(long, requires = "torch")]
    cuda: bool,
    /// Also time this many processes that share each batch by MPI, and the threads; several numbers
    /// are separated by commas
    #[arg(long, value_delimiter = ',', value_name = "COUNTS")]
    ranks: Vec<usize>,
    /// Images per step
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// Steps to time together, after three warm-up steps
    #[arg(long, default_value_t = 10)]
    steps: usize,
    /// Threads of each contender [default: one per core]
    #[arg(long)]
    threads: Option<usize>,
    /// How often to time each contender
    #[arg(long, default_value_t = 7)]
    runs: usize,
}

/// Seconds per step.
#[derive(Clone, Copy)]
struct Timing {
    wall: f64,
    /// Of all cores together, in one process: on a busy machine, where a step waits for its turn, this measures the
    /// work of a step.
    cpu: f64,
}

/// A trainer to time.
struct Contender {
    name: String,
    /// Whether it is ours; otherwise PyTorch's program is run.
    ours: bool,
    /// What to add to the command line.
    words: &'static [&'static str],
    narrow: bool,
    /// How many processes there are.
    ranks: usize,
    timings: Vec<Timing>,
}

/// Times all contenders in turn and prints medians and ratios.
pub fn run(workspace: &Workspace, arguments: &Train) -> Result<()> {
    ensure!(arguments.runs > 0 && arguments.steps > 0, "--runs and --steps must be at least 1");
    ensure!(!arguments.ranks.contains(&0), "--ranks must be at least 1");
    let bench = |ranks: usize| -> Result<Command> {
        let mut cargo = workspace.cargo(["bench", "--quiet", "--bench", "train"])?;
        if ranks > 1 {
            let runner = format!("[\"mpirun\", \"--oversubscribe\", \"-n\", \"{ranks}\"]");
            cargo.args(["--config", &format!("target.'cfg(all())'.runner={runner}")]);
        }
        if !arguments.ranks.is_empty() {
            cargo.args(["--features", "mpi"]);
        }
        if let Some(python) = arguments.torch.as_ref().filter(|_| arguments.libtorch) {
            use_libtorch_of(python, cargo.args(["--features", "libtorch"]))?;
        }
        Ok(cargo)
    };
    step("build the benchmark", "20 min the first time", bench(1)?.arg("--no-run"))?;
    let threads = match arguments.threads {
        Some(threads) => threads,
        None => std::thread::available_parallelism()?.get(),
    };
    let mut contenders = contenders(arguments);
    for round in 1..=arguments.runs {
        for contender in &mut contenders {
            let mut command = match &arguments.torch {
                Some(python) if !contender.ours => {
                    let mut torch = workspace.command(python)?;
                    torch.arg("benches/train_torch.py");
                    torch
                }
                _ => {
                    let mut ours = bench(contender.ranks)?;
                    ours.arg("--");
                    ours
                }
            };
            let threads = (threads / contender.ranks).max(1).to_string();
            let numbers = [arguments.batch, arguments.steps].map(|number| number.to_string());
            command.args(&numbers).arg(&threads).args(contender.words);
            if contender.narrow {
                command.arg("bf16");
            }
            // LibTorch reads OpenMP's variable, Mesa's software adapter one of its own.
            command.env("OMP_NUM_THREADS", &threads).env("LP_NUM_THREADS", &threads);
            contender.timings.push(time(&mut command)?);
        }
        eprintln!("round {round} of {}", arguments.runs);
    }

    let Train { batch, runs, .. } = arguments;
    println!("{threads} threads, {batch} images a step; medians of {runs}");
    println!("{:28}{:>12}{:>28}", "", "images/s", "images/processor second");
    for contender in &contenders {
        let per_second =
            |of: fn(&Timing) -> f64| *batch as f64 / median(contender.timings.iter().map(of));
        println!(
            "{:28}{:>12.1}{:>28.1}{}",
            contender.name,
            per_second(|timing| timing.wall),
            per_second(|timing| timing.cpu) / contender.ranks as f64,
            ratios(contender, &contenders)
        );
    }
    Ok(())
}

fn contenders(arguments: &Train) -> Vec<Contender> {
    let torch = arguments.torch.is_some();
    let (libtorch, bf16) = (arguments.libtorch, arguments.bf16);
    let all: [(bool, &str, bool, &[&str], bool); 8] = [
        (true, "ncsn on Flex", true, &[], false),
        (libtorch, "ncsn on LibTorch", true, &["libtorch"], false),
        (arguments.gpu, "ncsn on its own kernels", true, &["gpu"], false),
        (torch, "PyTorch", false, &[], false),
        (arguments.cuda, "PyTorch on CUDA", false, &["cuda"], false),
        (arguments.cuda, "PyTorch on CUDA, compiled", false, &["cuda", "compile"], false),
        (libtorch && bf16, "ncsn on LibTorch, bf16", true, &["libtorch"], true),
        (bf16, "PyTorch, bf16", false, &[], true),
    ];
    let contender = |name: String, ours, words, narrow, ranks| Contender {
        name,
        ours,
        words,
        narrow,
        ranks,
        timings: Vec::new(),
    };
    let mut found: Vec<Contender> = (all.into_iter().filter(|&(wanted, ..)| wanted))
        .map(|(_, name, ours, words, narrow)| contender(name.to_owned(), ours, words, narrow, 1))
        .collect();
    found.extend(arguments.ranks.iter().map(|&ranks| {
        contender(format!("ncsn on Flex, {ranks} ranks"), true, &["ranks"], false, ranks)
    }));
    found
}

/// Compares one of ours with PyTorch in the same precision, as the median of the ratios in each
/// round.
fn ratios(contender: &Contender, all: &[Contender]) -> String {
    let peer = all.iter().find(|peer| !peer.ours && peer.narrow == contender.narrow);
    let Some(peer) = peer.filter(|_| contender.ours) else { return String::new() };
    let ratio = |of: fn(&Timing) -> f64| {
        let pairs = contender.timings.iter().zip(&peer.timings);
        median(pairs.map(|(ours, theirs)| of(theirs) / of(ours)))
    };
    let (wall, cpu) = (ratio(|timing| timing.wall), ratio(|timing| timing.cpu));
    format!("   {wall:.2} and {cpu:.2} of PyTorch's")
}

/// Makes a build link, and its program load, the LibTorch of a Python's PyTorch.
fn use_libtorch_of(python: &Path, cargo: &mut Command) -> Result<()> {
    let script = "import os, torch; print(os.path.join(os.path.dirname(torch.__file__), 'lib'))";
    let output = Command::new(python).args(["-c", script]).output();
    let output = output.with_context(|| format!("cannot start `{}`", python.display()))?;
    ensure!(output.status.success(), "`{}` has no PyTorch", python.display());
    let libraries = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    // tch's build script runs whichever `python3` is on the PATH.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        python.parent().map(Path::to_owned).into_iter().chain(std::env::split_paths(&path));
    cargo
        .env("PATH", std::env::join_paths(folders)?)
        .env("LIBTORCH_USE_PYTORCH", "1")
        .env("LD_LIBRARY_PATH", libraries);
    Ok(())
}

/// Runs a benchmark, which prints `wall 0.5 cpu 0.9 …`.
fn time(command: &mut Command) -> Result<Timing> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{program}`"))?;
    ensure!(output.status.success(), "`{program}` failed ({})", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    let value = |name: &str| -> Option<f64> {
        let mut words = text.split_whitespace();
        words.find(|word| *word == name)?;
        words.next()?.parse().ok()
    };
    value("wall")
        .zip(value("cpu"))
        .map(|(wall, cpu)| Timing { wall, cpu })
        .with_context(|| format!("`{program}` printed no timing:\n{text}"))
}

/// The median of at least one value.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
}
