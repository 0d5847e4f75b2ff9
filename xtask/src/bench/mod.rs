//! Benchmarks: something is fast if it is faster than a peer timed in the same run.

mod train;
mod web;

use anyhow::Result;
use clap::Subcommand;

use crate::{
    page,
    workspace::{Workspace, step},
};

/// Each is a program of its own, which parses its own arguments, so that xtask stays quick to
/// compile.
#[derive(Subcommand)]
pub enum Bench {
    /// Training steps of the default U-Net, beside PyTorch's with the same network on the same kind
    /// of device
    Train(train::Train),
    /// The page's engines in headless Chrome, beside other runtimes with the same network
    #[command(disable_help_flag = true)]
    Web {
        /// See `--help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// The fused kernels on this machine's GPU, beside Burn and a large matrix product
    Gpu {
        /// Where to run Burn: `cuda`, `vulkan` or `metal` [default: the CPU]
        #[arg(long)]
        features: Option<String>,
        /// Arguments of the benchmark itself, after `--`: `-- --batches 1,16 --json`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// The download size of the page in `dist/`
    Size,
}

/// Runs a benchmark.
pub fn run(workspace: &Workspace, bench: &Bench) -> Result<()> {
    match bench {
        Bench::Train(arguments) => train::run(workspace, arguments),
        Bench::Web { args } => web::run(workspace, args),
        Bench::Gpu { features, args } => {
            let mut cargo = workspace.cargo(["bench", "--quiet", "--bench", "gpu"])?;
            cargo.args(features.iter().flat_map(|features| ["--features", features]));
            step("time the kernels", "minutes", cargo.arg("--").args(args))
        }
        Bench::Size => page::sizes(workspace),
    }
}
