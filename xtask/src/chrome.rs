//! Chrome and its driver, which the page's tests need.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::workspace::{Workspace, step};

/// Where chromedriver itself looks for a browser: on the `PATH`, and in the usual places of systems
/// that do not put it there.
const BROWSERS: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const APPLICATIONS: [&str; 3] = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
];

/// The command to type for each package manager.
const INSTALL: [(&str, &str); 4] = [
    ("apt-get", "sudo apt-get install chromium chromium-driver"),
    ("brew", "brew install --cask google-chrome chromedriver"),
    ("dnf", "sudo dnf install chromium chromedriver"),
    ("pacman", "sudo pacman -S chromium"),
];

/// The path of chromedriver. If it or the browser is missing, installs Debian's packages if this is
/// Debian and the user is root; otherwise the error names the command to type.
pub fn driver(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(driver) = find() {
        return Ok(driver);
    }
    if is_debian() && is_root() {
        step(
            "update the list of packages",
            "seconds",
            workspace.command("apt-get")?.args(["update", "-qq"]),
        )?;
        step(
            "install chromium and chromium-driver",
            "1 min",
            workspace
                .command("apt-get")?
                .args(["install", "-y", "-qq", "chromium", "chromium-driver"])
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )?;
        if let Some(driver) = find() {
            return Ok(driver);
        }
    }
    let line = INSTALL.iter().find(|(manager, _)| on_path(manager).is_some());
    let line = line.map_or("https://googlechromelabs.github.io/chrome-for-testing/", |(_, l)| l);
    bail!("the tests need Chrome or Chromium and its chromedriver on the PATH: {line}")
}

/// The driver, if the browser is there, too. `CHROMEDRIVER` takes precedence over the `PATH`.
fn find() -> Option<PathBuf> {
    let browser = BROWSERS.iter().any(|name| on_path(name).is_some())
        || APPLICATIONS.iter().any(|path| Path::new(path).exists());
    let driver = env::var_os("CHROMEDRIVER").map(PathBuf::from).or_else(|| on_path("chromedriver"));
    driver.filter(|_| browser)
}

fn on_path(program: &str) -> Option<PathBuf> {
    let file = format!("{program}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(&file))
        .find(|path| path.is_file())
}

fn is_debian() -> bool {
    fs::read_to_string("/etc/os-release")
        .is_ok_and(|text| text.lines().any(|line| line == "ID=debian"))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}
