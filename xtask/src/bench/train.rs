//! Training steps, ours and PyTorch's, in turn: the ratio of neighbours holds on a machine whose
//! speed drifts, where absolute times do not.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::workspace::{Workspace, step};

#[derive(Args)]
pub struct Train {
    /// A Python that has PyTorch, to time its twin of the network beside ours
    #[arg(long)]
    torch: Option<PathBuf>,
    /// Pictures a step
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// Steps that are timed together, after three that are not
    #[arg(long, default_value_t = 10)]
    steps: usize,
    /// Threads of each
    #[arg(long)]
    threads: Option<usize>,
    /// How often each is timed
    #[arg(long, default_value_t = 7)]
    runs: usize,
}

/// Seconds of a step.
#[derive(Clone, Copy)]
struct Timing {
    wall: f64,
    /// Of all cores together: on a busy machine, where a step waits for its turn, this is what
    /// says how much work it is.
    cpu: f64,
}

/// Times both in turn and prints medians and ratios.
pub fn run(workspace: &Workspace, arguments: &Train) -> Result<()> {
    ensure!(arguments.runs > 0 && arguments.steps > 0, "--runs and --steps must be at least 1");
    step("build the benchmark", &mut workspace.cargo(["bench", "--bench", "train", "--no-run"])?)?;
    let threads = match arguments.threads {
        Some(threads) => threads,
        None => std::thread::available_parallelism()?.get(),
    };
    let numbers = [arguments.batch, arguments.steps, threads].map(|number| number.to_string());

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=arguments.runs {
        let mut cargo = workspace.cargo(["bench", "--quiet", "--bench", "train", "--"])?;
        ours.push(time(cargo.args(&numbers))?);
        if let Some(python) = &arguments.torch {
            let mut torch = workspace.command(python)?;
            theirs.push(time(torch.arg("benches/train_torch.py").args(&numbers))?);
        }
        eprintln!("round {round} of {}", arguments.runs);
    }

    println!("{threads} threads, {} pictures a step; medians of {}", numbers[0], arguments.runs);
    print("ncsn, Flex", arguments.batch, &ours);
    if !theirs.is_empty() {
        print("PyTorch", arguments.batch, &theirs);
        let ratio = |of: fn(Timing) -> f64| {
            median(ours.iter().zip(&theirs).map(|(&ours, &theirs)| of(theirs) / of(ours)))
        };
        println!(
            "ncsn has {:.2} of PyTorch's pictures/s, and {:.2} of its pictures a processor second",
            ratio(|timing| timing.wall),
            ratio(|timing| timing.cpu)
        );
    }
    Ok(())
}

fn print(name: &str, batch: usize, timings: &[Timing]) {
    let wall = median(timings.iter().map(|timing| timing.wall));
    let cpu = median(timings.iter().map(|timing| timing.cpu));
    println!(
        "{name:12} {:7.1} pictures/s   {:7.1} pictures a processor second",
        batch as f64 / wall,
        batch as f64 / cpu
    );
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

/// The middle value of at least one.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
}
