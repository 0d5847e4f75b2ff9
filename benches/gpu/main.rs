//! The fused executor against Burn's in one run, and against what the GPU can do at all.
//!
//! `cargo bench --bench gpu` prints a table, and `-- --json` the same as JSON. `--batches 1,4`
//! chooses batches, `--model PATH` another model than the published one. Burn runs on Flex, or on
//! Vulkan or Metal where this was built with that feature.

mod matmul;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use clap::Parser;
use ncsn::fused::{Chain, Gpu, Network};
use ncsn::model_file::ModelFile;
use ncsn::net::{self, weights};
use ncsn::random::Key;
use ncsn::sample::{Program, Start, Step, Update};
use pollster::block_on;
use serde::Serialize;

#[derive(Parser)]
struct Arguments {
    /// The model whose network is evaluated.
    #[arg(long, default_value = "www/models/mnist.safetensors")]
    model: std::path::PathBuf,
    /// Pictures at a time.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 16, 64])]
    batches: Vec<usize>,
    /// Seconds for each measurement.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Cargo passes it.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Serialize)]
struct Report {
    adapter: String,
    launches: usize,
    /// Seconds from weights to compiled pipelines.
    compile: f64,
    operations_per_picture: u64,
    matmul_flops: f64,
    burn: &'static str,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    batch: usize,
    /// Seconds for one evaluation of the whole batch.
    fused: f64,
    burn: f64,
    flops: f64,
    share_of_matmul: f64,
    speedup: f64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let bytes = std::fs::read(&arguments.model)
        .with_context(|| format!("cannot read {}", arguments.model.display()))?;
    let model = ModelFile::read(&bytes)?;
    ensure!(arguments.batches.iter().all(|&batch| batch > 0), "batches must be positive");
    let limit = Duration::from_secs_f64(arguments.seconds);

    let gpu = block_on(Gpu::request())?;
    let begun = Instant::now();
    let network = block_on(Network::new(&gpu, &model.card.architecture, &model.weights))?;
    let compile = begun.elapsed().as_secs_f64();
    let (burn, device) = burn_device();
    let reference = net::Network::new(&model.card.architecture, &device)?;
    let reference = weights::apply(reference, model.weights, &device);

    let picture = model.card.architecture.picture();
    let operations = network.operations();
    let matmul_flops = matmul::measure(&gpu, limit)?;
    let mut rows = Vec::new();
    for &batch in &arguments.batches {
        let fused = evaluate(&network, batch, limit)?;
        let mut x = vec![0.0; batch * picture.dimension()];
        Key { seed: 1, stream: 0, step: 0 }.fill_normal(&mut x);
        let shape = [batch, picture.channels, picture.height, picture.width];
        let x = Tensor::<4>::from_data(TensorData::new(x, shape), &device);
        let burn = best(limit, || {
            let score = reference.score(x.clone(), &[1.0]);
            drop(score.into_data());
        });
        let flops = (operations * batch as u64) as f64 / fused;
        let (share_of_matmul, speedup) = (flops / matmul_flops, burn / fused);
        rows.push(Row { batch, fused, burn, flops, share_of_matmul, speedup });
    }
    let adapter = gpu.adapter();
    let launches = network.launches();
    let report = Report {
        adapter,
        launches,
        compile,
        operations_per_picture: operations,
        matmul_flops,
        burn,
        rows,
    };
    match arguments.json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => print(&report),
    }
    Ok(())
}

fn print(report: &Report) {
    let Report { adapter, launches, compile, burn, .. } = report;
    println!("{adapter}: {launches} launches, compiled in {compile:.2} s");
    println!(
        "matrix product: {:.1} GFLOP/s; one picture: {:.1} MFLOP",
        report.matmul_flops / 1e9,
        report.operations_per_picture as f64 / 1e6
    );
    println!(
        "| batch | fused, ms | per picture, ms | GFLOP/s | of matmul | {burn}, ms | speed-up |"
    );
    println!("|---|---|---|---|---|---|---|");
    for Row { batch, fused, burn, flops, share_of_matmul, speedup } in &report.rows {
        println!(
            "| {batch} | {:.3} | {:.3} | {:.1} | {:.0} % | {:.3} | {speedup:.2} |",
            fused * 1e3,
            fused * 1e3 / *batch as f64,
            flops / 1e9,
            share_of_matmul * 100.0,
            burn * 1e3,
        );
    }
}

/// Seconds for one evaluation while a chain runs as it does in use. Its σ never changes, nor do its
/// pictures.
fn evaluate(network: &Network, batch: usize, limit: Duration) -> Result<f64> {
    let step = Step { sigma: 1.0, update: Update::affine(0.0, 0.0), level: 0 };
    let start = Start::Normal { mean: 0.5, sigma: 1.0 };
    let program = Program { start, steps: vec![step; 1_000_000] };
    let mut chain = Chain::new(network, program, 1, 0..batch)?;
    // Until the chain has found its pace.
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

/// The quickest of as many calls as fit; the first is not counted.
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

fn burn_device() -> (&'static str, Device) {
    #[cfg(feature = "vulkan")]
    return ("Burn on Vulkan", Device::vulkan(burn::tensor::DeviceKind::DefaultDevice));
    #[cfg(all(feature = "metal", not(feature = "vulkan")))]
    return ("Burn on Metal", Device::metal(burn::tensor::DeviceKind::DefaultDevice));
    #[cfg(not(any(feature = "vulkan", feature = "metal")))]
    ("Burn on Flex", Device::flex())
}
