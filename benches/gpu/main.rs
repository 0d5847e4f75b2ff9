//! Times the fused backend against Burn's, and against what the GPU can do at most, in one run.
//!
//! `cargo bench --bench gpu` prints tables in f32 and, if the adapter supports it, in f16: the time
//! of an evaluation with tiles of each shape, then the speed of a chain with the best tiles at each
//! batch size. `-- --json` prints JSON instead, `-- --profile` also the time of each launch.
//! `--batches 1,16,256` chooses the batch sizes, `--model PATH` another model than the published
//! one. Burn runs on CUDA, Vulkan and Metal if built with these features, otherwise on Flex.

mod matmul;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use clap::Parser;
use ncsn::backend::Chains;
use ncsn::backend::fused::{
    Compiler, FusedChains, Gpu, KernelConfig, KernelPrecision, Network, Timed, Tuner,
    best_kernel_config, profile,
};
use ncsn::model_file::ModelFile;
use ncsn::net;
use ncsn::random::Key;
use ncsn::sample::{Start, Step, StepTable, Update};
use pollster::block_on;
use serde::Serialize;

#[derive(Parser)]
struct Arguments {
    /// The model whose network to evaluate.
    #[arg(long, default_value = "www/models/mnist.safetensors")]
    model: std::path::PathBuf,
    /// The batch sizes, in images.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 16, 64])]
    batches: Vec<usize>,
    /// Seconds for each measurement.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Also print the time of each launch.
    #[arg(long, conflicts_with = "json")]
    profile: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Passed by Cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Serialize)]
struct Report {
    adapter: String,
    launches: usize,
    operations_per_image: u64,
    matmul_flops: f64,
    /// The devices that Burn runs on.
    burn: Vec<&'static str>,
    precisions: Vec<Measured>,
}

/// The results for one precision.
#[derive(Serialize)]
struct Measured {
    precision: &'static str,
    /// Seconds from weights to compiled pipelines.
    compile: f64,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    batch: usize,
    /// The shape of the fastest tiles.
    tiles: &'static str,
    /// Seconds per evaluation of the whole batch with these tiles.
    fused: f64,
    /// The same with Burn, on each device.
    burn: Vec<f64>,
    flops: f64,
    share_of_matmul: f64,
    /// Seconds with each distinct shape of tiles, as timed to choose among them.
    tried: Vec<(&'static str, f64)>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let bytes = std::fs::read(&arguments.model)
        .with_context(|| format!("cannot read {}", arguments.model.display()))?;
    let model = ModelFile::read(&bytes)?;
    let positive = arguments.batches.iter().all(|&batch| batch > 0);
    ensure!(positive && !arguments.batches.is_empty(), "batches must be positive");
    let limit = Duration::from_secs_f64(arguments.seconds);

    let gpu = block_on(Gpu::request())?;
    let architecture = &model.card.architecture;
    let mut burn = Vec::new();
    // For each batch size, the times on each device.
    let mut burn_seconds = vec![Vec::new(); arguments.batches.len()];
    for (name, device) in burn_devices() {
        let reference = net::Network::with_weights(architecture, model.weights.clone(), &device)?;
        let image_shape = architecture.image_shape();
        for (&batch, seconds) in arguments.batches.iter().zip(&mut burn_seconds) {
            let mut x = vec![0.0; batch * image_shape.dimension()];
            Key { seed: 1, stream: 0, step: 0 }.fill_normal(&mut x);
            let shape = [batch, image_shape.channels, image_shape.height, image_shape.width];
            let x = Tensor::<4>::from_data(TensorData::new(x, shape), &device);
            seconds.push(best(limit, || drop(reference.score(x.clone(), &[1.0]).into_data())));
        }
        burn.push(name);
    }
    let matmul_flops = matmul::measure(&gpu, limit)?;

    let (mut launches, mut operations) = (0, 0);
    let mut precisions = Vec::new();
    let plain = block_on(best_kernel_config(&gpu, KernelPrecision::F32));
    let half = gpu.has_half().then_some(KernelPrecision::F16);
    for precision in [Some(KernelPrecision::F32), half].into_iter().flatten() {
        let config = KernelConfig { precision, ..plain };
        let begun = Instant::now();
        let compiler = Compiler::new(&gpu, config)?;
        let network = block_on(Network::new(&compiler, architecture, &model.weights))?;
        let compile = begun.elapsed().as_secs_f64();
        (launches, operations) = (network.launches(), network.operations());
        let mut rows = Vec::new();
        for (&batch, burn) in arguments.batches.iter().zip(&burn_seconds) {
            let (tuned, tried) = tune(&network, batch)?;
            let fused = evaluate(&tuned, batch, limit)?;
            if arguments.profile {
                let launches = block_on(profile(&tuned, batch, 100))?;
                print_launches(precision, batch, &launches);
            }
            let flops = (operations * batch as u64) as f64 / fused;
            let share_of_matmul = flops / matmul_flops;
            let (tiles, burn) = (tuned.config().tiling.name, burn.clone());
            rows.push(Row { batch, tiles, fused, burn, flops, share_of_matmul, tried });
        }
        precisions.push(Measured { precision: precision.scalar(), compile, rows });
    }
    let report = Report {
        adapter: gpu.adapter(),
        launches,
        operations_per_image: operations,
        matmul_flops,
        burn,
        precisions,
    };
    match arguments.json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => print(&report),
    }
    Ok(())
}

fn print(report: &Report) {
    let Report { adapter, launches, burn, .. } = report;
    println!("{adapter}: {launches} launches");
    println!(
        "f32 matrix product: {:.1} GFLOP/s; one image: {:.1} MFLOP",
        report.matmul_flops / 1e9,
        report.operations_per_image as f64 / 1e6
    );
    for Measured { precision, compile, rows } in &report.precisions {
        println!("\n{precision}, compiled in {compile:.2} s\n");
        let batches: String = rows.iter().map(|row| format!(" {}, ms |", row.batch)).collect();
        println!("| tiles, at batch |{batches}\n|---|{}", "---|".repeat(rows.len()));
        for (name, _) in &rows[0].tried {
            let of = |row: &Row| row.tried.iter().find(|(other, _)| other == name).map(|one| one.1);
            let times = rows.iter().map(|row| of(row).map_or("–".to_owned(), milliseconds));
            println!("| {name} | {} |", times.collect::<Vec<_>>().join(" | "));
        }
        print!("\n| batch | tiles | fused, ms | per image, ms | GFLOP/s | of matmul |");
        let names: String =
            burn.iter().map(|name| format!(" Burn on {name}, ms | speed-up |")).collect();
        println!("{names}\n|---|---|---|---|---|---|{}", "---|---|".repeat(burn.len()));
        for Row { batch, tiles, fused, burn, flops, share_of_matmul, .. } in rows {
            print!(
                "| {batch} | {tiles} | {} | {} | {:.1} | {:.0} % |",
                milliseconds(*fused),
                milliseconds(*fused / *batch as f64),
                flops / 1e9,
                share_of_matmul * 100.0,
            );
            let beside = burn.iter().map(|&s| format!(" {} | {:.2} |", milliseconds(s), s / fused));
            println!("{}", beside.collect::<String>());
        }
    }
}

/// Prints where the time of an evaluation goes.
fn print_launches(precision: KernelPrecision, batch: usize, launches: &[Timed]) {
    println!("\n| {}, batch {batch} | workgroups | µs |\n|---|---|---|", precision.scalar());
    for Timed { source, groups: [x, y, z], seconds } in launches {
        println!("| {} | {x} × {y} × {z} | {:.2} |", summary(source), seconds * 1e6);
    }
    let all: f64 = launches.iter().map(|launch| launch.seconds).sum();
    println!("| all | | {:.2} |", all * 1e6);
}

/// The constants of a shader that say what it computes, in their alphabetical order.
fn summary(source: &str) -> String {
    const SHOWN: [&str; 9] = [
        "CHANNELS_",
        "HEIGHT",
        "KERNEL_",
        "NORM_CHANNELS",
        "OUTPUTS",
        "PIXELS",
        "POSITIONS",
        "SPLIT_K",
        "WIDTH",
    ];
    let size = |line: &str| {
        let (name, value) = line.strip_prefix("const ")?.split_once(" = ")?;
        let shown = SHOWN.iter().any(|shown| name.starts_with(shown));
        shown.then(|| format!("{name} {}", value.trim_end_matches("u;")))
    };
    source.lines().filter_map(size).collect::<Vec<_>>().join(", ")
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.3}", seconds * 1e3)
}

/// The network with the fastest tiles for this batch size, and the times of all tiles.
fn tune(network: &Network, batch: usize) -> Result<(Network, Vec<(&'static str, f64)>)> {
    let mut tuner = Tuner::new(network, batch);
    while block_on(tuner.step())? {}
    let tried = tuner.times().map(|(tiling, seconds)| (tiling.name, seconds)).collect();
    Ok((tuner.finish(), tried))
}

/// Seconds per evaluation in a chain that runs as in use, except that neither its σ nor its
/// images change.
fn evaluate(network: &Network, batch: usize, limit: Duration) -> Result<f64> {
    let step = Step { sigma: 1.0, update: Update::affine(0.0, 0.0), level: 0 };
    let start = Start::Normal { mean: 0.5, sigma: 1.0 };
    let table = StepTable { start, steps: vec![step; 1_000_000] };
    let mut chain = FusedChains::new(network, table, 1, 0..batch)?;
    // Until the size of submissions has settled.
    for _ in 0..4 {
        chain.submit(usize::MAX);
    }
    block_on(chain.wait())?;
    let (begun, done) = (Instant::now(), chain.done());
    while begun.elapsed() < limit {
        chain.submit(usize::MAX);
    }
    block_on(chain.wait())?;
    Ok(begun.elapsed().as_secs_f64() / (chain.done() - done) as f64)
}

/// The fastest of as many calls as fit in the limit, not counting the first.
fn best(limit: Duration, mut call: impl FnMut()) -> f64 {
    call();
    let begun = Instant::now();
    let mut best = f64::INFINITY;
    while begun.elapsed() < limit {
        let call_begun = Instant::now();
        call();
        best = best.min(call_begun.elapsed().as_secs_f64());
    }
    best
}

/// The devices that Burn can run on, by name.
fn burn_devices() -> Vec<(&'static str, Device)> {
    let devices = [
        #[cfg(feature = "cuda")]
        ("CUDA", Device::cuda(0_usize)),
        #[cfg(feature = "vulkan")]
        ("Vulkan", Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "metal")]
        ("Metal", Device::metal(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(not(any(feature = "cuda", feature = "vulkan", feature = "metal")))]
        ("Flex", Device::flex()),
    ];
    devices.into()
}
