//! `cargo xtask`: every chore of this repository that needs more than one tool. It is a Rust
//! program, so no shell is assumed, and to build the page a machine needs nothing but Rust.
//!
//! The tools that the page needs are installed on first use, at pinned versions, outside the
//! checkout (see [`tools`]). The tests also need a browser (see [`chrome`]).

mod bench;
mod chrome;
mod dependencies;
mod engines;
mod files;
mod fuzz;
mod import_path;
mod models;
mod package;
mod page;
mod publish;
mod scripts;
mod soak;
mod space;
mod test;
mod tools;
mod workspace;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, bail};
use bench::Bench;
use clap::{Parser, Subcommand};
use package::Package;
use tools::Tool;
use workspace::Workspace;

/// Build, serve and test ncsn.
///
/// Only Rust must be installed; for the tests, also Chrome or Chromium with its chromedriver.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the page and serve it on http://127.0.0.1:8080, rebuilding when a file changes
    Serve {
        /// Also offer this model, written by `train`, on the page
        #[arg(long)]
        model: Option<PathBuf>,
        /// Further arguments for `trunk serve`, such as `--port 9000` or `--open`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        trunk_args: Vec<String>,
    },
    /// Build the engines that the page loads on demand: all, or those named
    Engines {
        /// The engines to build
        #[arg(value_enum)]
        engines: Vec<engines::Engine>,
    },
    /// Build the page with all engines into `dist/`, a folder for any file server and any path
    Build {
        /// Make a page of this model, written by `train`, instead of ours; give several to let
        /// visitors choose, starting with the first
        #[arg(long)]
        model: Vec<PathBuf>,
        /// Further arguments for `trunk build`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        trunk_args: Vec<String>,
    },
    /// Build the page as `space/`, a folder for a static Space on the Hugging Face hub
    Space {
        /// Make a page of this model instead of ours, as `build` does
        #[arg(long)]
        model: Vec<PathBuf>,
        /// What the Space is called
        #[arg(long, default_value = "ncsn")]
        title: String,
    },
    /// Build or check a package for others to build on
    Package {
        #[command(subcommand)]
        package: Package,
    },
    /// Check formatting and lints, then run all tests: native, in headless Chrome, and of the page
    Test,
    /// Run the tests of faults and long runs with more of everything, for hours
    Soak {
        /// Only those whose names contain this
        filter: Option<String>,
    },
    /// Look for files that crash a reader, with cargo-fuzz
    Fuzz {
        /// Only this reader
        reader: Option<String>,
        /// How long to look, for each reader
        #[arg(long, default_value_t = 10)]
        minutes: u32,
    },
    /// Time what must be fast beside its competitors; without a name, list the benchmarks
    #[command(arg_required_else_help = true)]
    Bench {
        #[command(subcommand)]
        bench: Bench,
    },
    /// Install the pinned tools and stop, for example to fill a cache
    Setup,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    if let Task::Serve { trunk_args, .. } | Task::Build { trunk_args, .. } = &task {
        ensure_for_trunk(trunk_args)?;
    }
    let workspace = Workspace::locate()?;
    match task {
        Task::Serve { model, trunk_args } => page::serve(&workspace, model.as_deref(), &trunk_args),
        Task::Engines { engines } => engines::build(&workspace, &engines),
        Task::Build { model, trunk_args } => page::build(&workspace, &model, &trunk_args),
        Task::Space { model, title } => space::build(&workspace, &model, &title),
        Task::Package { package } => package::build(&workspace, &package),
        Task::Test => test::run(&workspace),
        Task::Soak { filter } => soak::run(&workspace, filter.as_deref()),
        Task::Fuzz { reader, minutes } => fuzz::run(&workspace, reader.as_deref(), minutes),
        Task::Bench { bench } => bench::run(&workspace, &bench),
        Task::Setup => tools::install(&workspace, &Tool::ALL),
    }
}

/// Checks that none of the arguments for Trunk is ours: everything goes to Trunk from the first
/// argument on that is not.
fn ensure_for_trunk(arguments: &[String]) -> Result<()> {
    if arguments.iter().any(|argument| argument.split('=').next() == Some("--model")) {
        bail!(
            "put --model first: what follows {} goes to Trunk, which has no models",
            arguments[0]
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_among_the_arguments_for_trunk_is_refused() {
        let trunk_args = |arguments: &[&str]| {
            let all = ["cargo xtask"].iter().chain(arguments);
            match Cli::try_parse_from(all).map(|cli| cli.task) {
                Ok(Task::Serve { trunk_args, .. } | Task::Build { trunk_args, .. }) => trunk_args,
                _ => panic!("{arguments:?}"),
            }
        };
        for task in ["build", "serve"] {
            let first = trunk_args(&[task, "--model", "m", "--public-url", "/a/"]);
            assert_eq!(first, ["--public-url", "/a/"]);
            ensure_for_trunk(&first).expect("for Trunk");
            for model in [&["--model", "m"][..], &["--model=m"]] {
                let last = trunk_args(&[&[task, "--public-url", "/a/"][..], model].concat());
                let error = ensure_for_trunk(&last).expect_err("not for Trunk").to_string();
                assert!(error.contains("--public-url"), "{error}");
            }
        }
    }
}
