//! Times training steps, ours and PyTorch's, in turn: on a machine whose speed drifts, ratios
//! between neighbors are meaningful where absolute times are not. A contender is compared with
//! PyTorch on the same kind of device alone.

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
    /// Also time our own kernels: on each GPU like the fastest and, beside it, on Mesa's software
    /// adapter; and say which share of the adapter's rate of a matrix product they reach
    #[arg(long)]
    gpu: bool,
    /// Also time that PyTorch on an NVIDIA GPU, as it is and compiled
    #[arg(long, requires = "torch")]
    cuda: bool,
    /// Also time this many processes that share each batch by MPI, and the threads; several numbers
    /// are separated by commas
    #[arg(long, value_delimiter = ',', value_name = "COUNTS")]
    ranks: Vec<usize>,
    /// Images per step; several numbers, each with a table of its own, are separated by commas
    #[arg(long, value_delimiter = ',', value_name = "SIZES", default_value = "64")]
    batch: Vec<usize>,
    /// Steps to time together, after three warm-up steps
    #[arg(long, default_value_t = 10)]
    steps: usize,
    /// Threads of each contender [default: one per core]
    #[arg(long)]
    threads: Option<usize>,
    /// How often to time each contender
    #[arg(long, default_value_t = 7)]
    runs: usize,
    /// Print the time of each launch of a step by our own kernels instead, and what bounds it
    #[arg(long)]
    profile: bool,
    /// The program of the benchmark, built elsewhere by `cargo bench --no-run --bench train`, for
    /// machines without Rust
    #[arg(long)]
    program: Option<PathBuf>,
}

/// Seconds per step.
#[derive(Clone, Copy)]
struct Timing {
    wall: f64,
    /// Of all cores together, in one process: on a busy machine, where a step waits for its turn,
    /// this measures the work of a step.
    cpu: f64,
}

/// Whose program a contender is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Program {
    Ncsn,
    PyTorch,
}

/// What a contender computes on. A software adapter is the CPU.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Hardware {
    Cpu,
    Gpu,
}

/// A trainer to time.
struct Contender {
    name: String,
    program: Program,
    hardware: Hardware,
    /// Whether it multiplies in bf16.
    bf16: bool,
    /// What to add to the command line.
    arguments: Vec<String>,
    /// How many processes share a batch.
    ranks: usize,
    /// Where it runs, if on our own kernels.
    adapter: Option<Adapter>,
    timings: Vec<Timing>,
}

impl Contender {
    fn new(name: impl Into<String>, program: Program, hardware: Hardware) -> Self {
        Self {
            name: name.into(),
            program,
            hardware,
            bf16: false,
            arguments: Vec::new(),
            ranks: 1,
            adapter: None,
            timings: Vec::new(),
        }
    }

    fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }
}

/// A GPU, or a software adapter.
#[derive(Clone)]
struct Adapter {
    name: String,
    is_software: bool,
    /// Its number among those of the same kind.
    number: usize,
    /// How many of the same kind there are.
    alike: usize,
    /// Floating-point operations of a training step, for each image.
    operations: f64,
    /// Floating-point operations per second in a large product of matrices.
    matmul: f64,
    /// Which drivers Vulkan's loader may use, if not all.
    drivers: Option<&'static str>,
}

impl Adapter {
    /// The manifest of Mesa's software adapter, lavapipe, for Vulkan's loader.
    const LAVAPIPE: &str = "lvp*";

    /// All on which our kernels are timed.
    fn all(bench: &Bench<'_>) -> Result<Vec<Self>> {
        let fastest = Self::describe(bench, 0, None)?;
        let others = (1..fastest.alike).map(|number| Self::describe(bench, number, None));
        let mut found = others.collect::<Result<Vec<_>>>()?;
        if !fastest.is_software {
            // Many machines have no software adapter, or no loader that can choose it.
            let software = Self::describe(bench, 0, Some(Self::LAVAPIPE)).ok();
            found.extend(software.filter(|adapter| adapter.is_software));
        }
        found.insert(0, fastest);
        Ok(found)
    }

    fn describe(bench: &Bench<'_>, number: usize, drivers: Option<&'static str>) -> Result<Self> {
        let mut command = bench.command(1)?;
        command.args(["--describe", "--gpu", &number.to_string()]);
        select(&mut command, drivers);
        let text = output(&mut command)?;
        let described = || -> Option<Self> {
            let (_, name) = text.split_once("adapter ")?;
            Some(Self {
                name: name.trim().to_owned(),
                is_software: value(&text, "software")? > 0.0,
                number,
                alike: value(&text, "alike")? as usize,
                operations: value(&text, "operations")?,
                matmul: value(&text, "matmul")?,
                drivers,
            })
        };
        described().with_context(|| format!("the benchmark describes no adapter:\n{text}"))
    }

    fn contender(&self) -> Contender {
        let hardware = if self.is_software { Hardware::Cpu } else { Hardware::Gpu };
        let name = match self.alike {
            0 | 1 => format!("ncsn's kernels, {}", self.name),
            _ => format!("ncsn's kernels, {} {}", self.name, self.number),
        };
        Contender {
            adapter: Some(self.clone()),
            ..Contender::new(name, Program::Ncsn, hardware)
                .with(&["--gpu", &self.number.to_string()])
        }
    }
}

/// Restricts Vulkan's loader to some drivers.
fn select(command: &mut Command, drivers: Option<&str>) {
    if let Some(drivers) = drivers {
        command.env("VK_LOADER_DRIVERS_SELECT", drivers);
    }
}

/// How our program is started.
struct Bench<'a> {
    workspace: &'a Workspace,
    arguments: &'a Train,
}

impl Bench<'_> {
    /// Our program as so many processes, to which arguments can be added.
    fn command(&self, ranks: usize) -> Result<Command> {
        let ranks_text = ranks.to_string();
        let runner = ["mpirun", "--oversubscribe", "-n", &ranks_text];
        let mut command = match &self.arguments.program {
            Some(program) => {
                let program = program.canonicalize();
                let program = program.context("there is no program of this name")?;
                if ranks == 1 {
                    self.workspace.command(program)?
                } else {
                    let mut command = self.workspace.command(runner[0])?;
                    command.args(&runner[1..]).arg(program);
                    command
                }
            }
            None => {
                let mut cargo = self.cargo()?;
                if ranks > 1 {
                    let runner = format!("target.'cfg(all())'.runner={runner:?}");
                    cargo.args(["--config", &runner]);
                }
                cargo.arg("--");
                cargo
            }
        };
        if let Some(python) = self.arguments.torch.as_ref().filter(|_| self.arguments.libtorch) {
            use_libtorch_of(python, &mut command)?;
        }
        Ok(command)
    }

    fn cargo(&self) -> Result<Command> {
        let mut cargo = self.workspace.cargo(["bench", "--quiet", "--bench", "train"])?;
        if !self.arguments.ranks.is_empty() {
            cargo.args(["--features", "mpi"]);
        }
        if self.arguments.libtorch {
            cargo.args(["--features", "libtorch"]);
        }
        Ok(cargo)
    }

    fn build(&self) -> Result<()> {
        if self.arguments.program.is_some() {
            return Ok(());
        }
        let mut cargo = self.cargo()?;
        if let Some(python) = self.arguments.torch.as_ref().filter(|_| self.arguments.libtorch) {
            use_libtorch_of(python, &mut cargo)?;
        }
        step("build the benchmark", "20 min the first time", cargo.arg("--no-run"))
    }
}

/// Times all contenders in turn and prints medians and ratios.
pub fn run(workspace: &Workspace, arguments: &Train) -> Result<()> {
    let Train { runs, steps, batch, ranks, .. } = arguments;
    ensure!(*runs > 0 && *steps > 0, "--runs and --steps must be at least 1");
    ensure!(!ranks.contains(&0) && !batch.contains(&0), "--ranks and --batch must be at least 1");
    let bench = Bench { workspace, arguments };
    bench.build()?;
    let threads = match arguments.threads {
        Some(threads) => threads,
        None => std::thread::available_parallelism()?.get(),
    };
    if arguments.profile {
        for batch in batch {
            let mut profile = bench.command(1)?;
            profile.args(["--profile", "--gpu", "--batch", &batch.to_string()]);
            step("time each launch of a step", "a minute", &mut profile)?;
        }
        return Ok(());
    }
    let adapters = if arguments.gpu { Adapter::all(&bench)? } else { Vec::new() };
    for &batch in batch {
        let mut contenders = contenders(arguments, &adapters);
        for round in 1..=*runs {
            for contender in &mut contenders {
                let timing = time(&bench, contender, batch, threads)?;
                contender.timings.push(timing);
            }
            eprintln!("batch {batch}: round {round} of {runs}");
        }
        println!("{threads} threads, {batch} images a step; medians of {runs}");
        print(&contenders, batch);
    }
    Ok(())
}

/// The trainers that the flags ask for.
fn contenders(arguments: &Train, adapters: &[Adapter]) -> Vec<Contender> {
    use Hardware::{Cpu, Gpu};
    use Program::{Ncsn, PyTorch};
    let Train { libtorch, bf16, cuda, .. } = *arguments;
    let mut found = vec![Contender::new("ncsn on Flex", Ncsn, Cpu)];
    if libtorch {
        found.push(Contender::new("ncsn on LibTorch", Ncsn, Cpu).with(&["--libtorch"]));
    }
    found.extend(adapters.iter().map(Adapter::contender));
    if arguments.torch.is_some() {
        found.push(Contender::new("PyTorch", PyTorch, Cpu));
    }
    if cuda {
        found.push(Contender::new("PyTorch on CUDA", PyTorch, Gpu).with(&["cuda"]));
        let compiled = Contender::new("PyTorch on CUDA, compiled", PyTorch, Gpu);
        found.push(compiled.with(&["cuda", "compile"]));
    }
    if bf16 && libtorch {
        let ours = Contender::new("ncsn on LibTorch, bf16", Ncsn, Cpu);
        found.push(Contender { bf16: true, ..ours.with(&["--libtorch", "--bf16"]) });
    }
    if bf16 {
        let theirs = Contender::new("PyTorch, bf16", PyTorch, Cpu);
        found.push(Contender { bf16: true, ..theirs.with(&["bf16"]) });
    }
    found.extend(arguments.ranks.iter().map(|&ranks| {
        let ours = Contender::new(format!("ncsn on Flex, {ranks} ranks"), Ncsn, Cpu);
        Contender { ranks, ..ours.with(&["--ranks"]) }
    }));
    found
}

/// Runs a contender once.
fn time(bench: &Bench<'_>, contender: &Contender, batch: usize, threads: usize) -> Result<Timing> {
    let threads = (threads / contender.ranks).max(1).to_string();
    let [batch, steps] = [batch, bench.arguments.steps].map(|number| number.to_string());
    let mut command = match (contender.program, &bench.arguments.torch) {
        (Program::PyTorch, Some(python)) => {
            let mut torch = bench.workspace.command(python)?;
            torch.args(["benches/train_torch.py", &batch, &steps, &threads]);
            torch
        }
        _ => {
            let mut ours = bench.command(contender.ranks)?;
            ours.args(["--batch", &batch, "--steps", &steps, "--threads", &threads]);
            ours
        }
    };
    command.args(&contender.arguments);
    // LibTorch reads OpenMP's variable, Mesa's software adapter one of its own.
    command.env("OMP_NUM_THREADS", &threads).env("LP_NUM_THREADS", &threads);
    select(&mut command, contender.adapter.as_ref().and_then(|adapter| adapter.drivers));
    let text = output(command.stderr(Stdio::inherit()))?;
    let timing = value(&text, "wall").zip(value(&text, "cpu"));
    let timing = timing.map(|(wall, cpu)| Timing { wall, cpu });
    timing.with_context(|| format!("{} printed no timing:\n{text}", contender.name))
}

/// Prints the figures of each contender, and compares ours with PyTorch's.
fn print(contenders: &[Contender], batch: usize) {
    println!("{:44}{:>12}{:>28}", "", "images/s", "images/processor second");
    for contender in contenders {
        let seconds = |of: fn(&Timing) -> f64| median(contender.timings.iter().map(of));
        let (wall, cpu) = (seconds(|timing| timing.wall), seconds(|timing| timing.cpu));
        let batch = batch as f64;
        let mut line = format!(
            "{:44}{:>12.1}{:>28.1}",
            contender.name,
            batch / wall,
            batch / cpu / contender.ranks as f64
        );
        if let Some(Adapter { operations, matmul, .. }) = contender.adapter {
            let share = 100.0 * operations * batch / wall / matmul;
            line += &format!("   {share:.0} % of a matrix product's rate");
        }
        for peer in peers(contender, contenders) {
            let [wall, cpu] = ratios(contender, peer);
            line += &format!("   {wall:.2} and {cpu:.2} of {}'s", peer.name);
        }
        println!("{line}");
    }
}

/// PyTorch's contenders on the same kind of device and in the same precision, for one of ours.
fn peers<'a>(
    contender: &'a Contender,
    all: &'a [Contender],
) -> impl Iterator<Item = &'a Contender> {
    all.iter().filter(move |peer| {
        let kind = |it: &Contender| (it.hardware, it.bf16);
        contender.program == Program::Ncsn
            && peer.program == Program::PyTorch
            && kind(peer) == kind(contender)
    })
}

/// The speed of a contender relative to a peer's, in images per second and per processor second, as
/// the medians of the ratios in each round.
fn ratios(contender: &Contender, peer: &Contender) -> [f64; 2] {
    [|timing: &Timing| timing.wall, |timing: &Timing| timing.cpu].map(|of| {
        let pairs = contender.timings.iter().zip(&peer.timings);
        median(pairs.map(|(ours, theirs)| of(theirs) / of(ours)))
    })
}

/// Makes a build link, and its program load, the LibTorch of a Python's PyTorch.
fn use_libtorch_of(python: &Path, command: &mut Command) -> Result<()> {
    let script = "import os, torch; print(os.path.join(os.path.dirname(torch.__file__), 'lib'))";
    let output = Command::new(python).args(["-c", script]).output();
    let output = output.with_context(|| format!("cannot start `{}`", python.display()))?;
    ensure!(output.status.success(), "`{}` has no PyTorch", python.display());
    let libraries = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    // tch's build script runs whichever `python3` is on the PATH.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        python.parent().map(Path::to_owned).into_iter().chain(std::env::split_paths(&path));
    command
        .env("PATH", std::env::join_paths(folders)?)
        .env("LIBTORCH_USE_PYTORCH", "1")
        .env("LD_LIBRARY_PATH", libraries);
    Ok(())
}

/// What a program prints.
fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot start `{program}`"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{program}` failed ({}) {said}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The number that follows a name in `wall 0.5 cpu 0.9 …`.
fn value(text: &str, name: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    words.find(|word| *word == name)?;
    words.next()?.parse().ok()
}

/// The median of at least one value.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Train,
    }

    fn arguments(words: &[&str]) -> Train {
        let line = Line::try_parse_from(["train"].iter().chain(words));
        line.expect("flags of this benchmark").arguments
    }

    fn adapter(name: &str, is_software: bool) -> Adapter {
        let name = name.to_owned();
        let (number, alike, operations, matmul) = (0, 1, 1.0, 1.0);
        Adapter { name, is_software, number, alike, operations, matmul, drivers: None }
    }

    #[test]
    fn each_is_compared_with_pytorch_on_the_same_kind_of_device() {
        let words =
            ["--torch", "python", "--libtorch", "--bf16", "--gpu", "--cuda", "--ranks", "2"];
        let adapters = [adapter("H200", false), adapter("llvmpipe", true)];
        let all = contenders(&arguments(&words), &adapters);
        let peers_of = |name: &str| -> Vec<&str> {
            let found = all.iter().find(|contender| contender.name == name);
            let found = found.unwrap_or_else(|| panic!("there is no {name}"));
            peers(found, &all).map(|peer| &*peer.name).collect()
        };
        for name in [
            "ncsn on Flex",
            "ncsn on LibTorch",
            "ncsn on Flex, 2 ranks",
            "ncsn's kernels, llvmpipe",
        ] {
            assert_eq!(peers_of(name), ["PyTorch"], "{name}");
        }
        let on_cuda = ["PyTorch on CUDA", "PyTorch on CUDA, compiled"];
        assert_eq!(peers_of("ncsn's kernels, H200"), on_cuda);
        assert_eq!(peers_of("ncsn on LibTorch, bf16"), ["PyTorch, bf16"]);
        assert!(peers_of("PyTorch on CUDA").is_empty());
    }

    #[test]
    fn ratios_are_of_neighbors_in_time() {
        let mut ours = Contender::new("ours", Program::Ncsn, Hardware::Cpu);
        let mut theirs = Contender::new("theirs", Program::PyTorch, Hardware::Cpu);
        // The machine is ten times as slow in the second round.
        for slow in [1.0, 10.0, 1.0] {
            ours.timings.push(Timing { wall: slow, cpu: 2.0 * slow });
            theirs.timings.push(Timing { wall: 3.0 * slow, cpu: slow });
        }
        assert_eq!(ratios(&ours, &theirs), [3.0, 0.5]);
    }

    #[test]
    fn several_sizes_of_a_batch_are_separated_by_commas() {
        assert_eq!(arguments(&[]).batch, [64]);
        assert_eq!(arguments(&["--batch", "64,256"]).batch, [64, 256]);
    }
}
