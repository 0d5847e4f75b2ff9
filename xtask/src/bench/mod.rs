//! Benchmarks: what is fast is so beside a peer, timed in the same run.

mod train;
mod web;

use anyhow::Result;
use clap::Subcommand;

use crate::{
    page,
    workspace::{Workspace, step},
};

/// Each is a program of its own, so that this one stays quick to compile, and reads its own
/// arguments.
#[derive(Subcommand)]
pub enum Bench {
    /// Training steps of the default U-Net on the CPU, beside PyTorch's on the same network
    Train(train::Train),
    /// The page's engines in headless Chrome, against onnxruntime-web on the same network
    #[command(disable_help_flag = true)]
    Web {
        /// See `--help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// The fused kernels on this machine's GPU, against Burn and a large product of matrices
    Gpu {
        /// Where Burn runs beside them, of `cuda`, `vulkan` and `metal`; without it on the CPU
        #[arg(long)]
        features: Option<String>,
        /// What the benchmark itself takes, after `--`: `-- --batches 1,16 --json`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// How much of the page in `dist/` there is to download
    Size,
}

/// Runs one of them.
pub fn run(workspace: &Workspace, bench: &Bench) -> Result<()> {
    match bench {
        Bench::Train(arguments) => train::run(workspace, arguments),
        Bench::Web { args } => web::run(workspace, args),
        Bench::Gpu { features, args } => {
            let mut cargo = workspace.cargo(["bench", "--quiet", "--bench", "gpu"])?;
            cargo.args(features.iter().flat_map(|features| ["--features", features]));
            step("time the kernels", cargo.arg("--").args(args))
        }
        Bench::Size => page::sizes(workspace),
    }
}
