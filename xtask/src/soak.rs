//! What takes hours and therefore is not part of `cargo xtask test`: the same tests, with more of
//! everything. docs/reliability.md says what each looks for, with the results of shorter runs.

use anyhow::{Result, ensure};

use crate::{
    test,
    tools::{self, Tool},
    workspace::{Workspace, step},
};

/// Where tests run.
enum Place {
    Native,
    /// In headless Chrome. How much is done is compiled into these tests, which have no
    /// environment.
    Browser,
}

/// A test file, the tests in it, and the environment variable that says how much.
struct Soak {
    name: &'static str,
    usually: &'static str,
    place: Place,
    file: &'static str,
    tests: &'static str,
    amount: (&'static str, &'static str),
}

const SOAKS: [Soak; 7] = [
    Soak {
        name: "damaged files",
        usually: "1 h",
        place: Place::Native,
        file: "mutations",
        tests: "damaged",
        amount: ("NCSN_MUTATIONS", "20000"),
    },
    Soak {
        name: "random networks against Burn",
        usually: "1 h",
        place: Place::Native,
        file: "random_networks",
        tests: "random",
        amount: ("NCSN_NETWORKS", "1000"),
    },
    Soak {
        name: "random networks against autodiff",
        usually: "1 h",
        place: Place::Native,
        file: "fused_training",
        tests: "random",
        amount: ("NCSN_NETWORKS", "1000"),
    },
    Soak {
        name: "killed runs",
        usually: "10 min",
        place: Place::Native,
        file: "crashes",
        tests: "killed",
        amount: ("NCSN_KILLS", "1000"),
    },
    Soak {
        name: "long runs",
        usually: "20 min",
        place: Place::Native,
        file: "soak",
        tests: "many",
        amount: ("NCSN_SOAK", "50"),
    },
    Soak {
        name: "random networks in the browser",
        usually: "1 h",
        place: Place::Browser,
        file: "web",
        tests: "random",
        amount: ("NCSN_NETWORKS", "100"),
    },
    Soak {
        name: "long runs in the browser",
        usually: "1 h",
        place: Place::Browser,
        file: "web_soak",
        tests: "many",
        amount: ("NCSN_SOAK", "100"),
    },
];

/// Seconds that the tests of one file may take in the browser.
const BROWSER_TIMEOUT: &str = "14400";

/// Runs all of them, or those whose names contain `filter`.
pub fn run(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    let chosen = |soak: &&Soak| filter.is_none_or(|filter| soak.name.contains(filter));
    let names = SOAKS.map(|soak| soak.name).join(", ");
    ensure!(SOAKS.iter().any(|soak| chosen(&soak)), "none has such a name, but {names}");
    for Soak { name, usually, place, file, tests, amount } in SOAKS.iter().filter(chosen) {
        let mut cargo = match place {
            Place::Native => workspace.cargo(["test", "--release", "--package=ncsn"])?,
            Place::Browser => {
                tools::install(workspace, &Tool::ALL)?;
                test::browser(workspace, BROWSER_TIMEOUT)?
            }
        };
        cargo.args(["--test", file, tests, "--", "--nocapture"]).env(amount.0, amount.1);
        step(name, usually, &mut cargo)?;
    }
    Ok(())
}
