//! What takes hours and therefore is not part of `cargo xtask test`: the same tests, with more of
//! everything. docs/reliability.md has the results.

use anyhow::Result;

use crate::{
    test,
    tools::{self, Tool},
    workspace::{Workspace, step},
};

/// A test file, the tests in it, and the environment variable that says how much.
struct Soak {
    name: &'static str,
    usually: &'static str,
    file: &'static str,
    tests: &'static str,
    amount: (&'static str, &'static str),
}

const SOAKS: [Soak; 5] = [
    Soak {
        name: "damaged files",
        usually: "1 h",
        file: "mutations",
        tests: "damaged",
        amount: ("NCSN_MUTATIONS", "20000"),
    },
    Soak {
        name: "random networks against Burn",
        usually: "1 h",
        file: "random_networks",
        tests: "random",
        amount: ("NCSN_NETWORKS", "1000"),
    },
    Soak {
        name: "random networks against autodiff",
        usually: "1 h",
        file: "fused_training",
        tests: "random",
        amount: ("NCSN_NETWORKS", "1000"),
    },
    Soak {
        name: "killed runs",
        usually: "10 min",
        file: "crashes",
        tests: "killed",
        amount: ("NCSN_KILLS", "1000"),
    },
    Soak {
        name: "long runs",
        usually: "10 min",
        file: "soak",
        tests: "many",
        amount: ("NCSN_SOAK", "50"),
    },
];

/// What runs in Chrome.
const IN_BROWSER: &str = "random networks in the browser";

/// Runs all of them, or those whose names contain `filter`.
pub fn run(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    let chosen = |soak: &&Soak| filter.is_none_or(|filter| soak.name.contains(filter));
    for Soak { name, usually, file, tests, amount } in SOAKS.iter().filter(chosen) {
        let mut cargo = workspace.cargo(["test", "--release", "--package=ncsn", "--test", file])?;
        cargo.args([tests, "--", "--nocapture"]).env(amount.0, amount.1);
        step(name, usually, &mut cargo)?;
    }
    if filter.is_none_or(|filter| IN_BROWSER.contains(filter)) {
        tools::install(workspace, &Tool::ALL)?;
        let mut cargo = test::browser(workspace, "7200")?;
        // How many is compiled into the test: it has no environment.
        cargo.args(["--test", "web", "random"]).env("NCSN_NETWORKS", "100");
        step(IN_BROWSER, "1 h", &mut cargo)?;
    }
    Ok(())
}
