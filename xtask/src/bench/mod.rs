//! Benchmarks: what is fast is so beside a peer, timed in the same run.

mod train;

use anyhow::Result;
use clap::Subcommand;

use crate::workspace::Workspace;

/// What there is to time.
#[derive(Subcommand)]
pub enum Bench {
    /// Training steps of the default U-Net on the CPU, beside PyTorch's on the same network
    Train(train::Train),
}

/// Runs one of them.
pub fn run(workspace: &Workspace, bench: &Bench) -> Result<()> {
    match bench {
        Bench::Train(arguments) => train::run(workspace, arguments),
    }
}
