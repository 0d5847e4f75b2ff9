//! The flags of `ncsn eval`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use super::judge::FeatureArgs;
use crate::cli::apart;
use crate::cli::autoguidance::AutoguidanceArgs;
use crate::cli::class_guidance::ClassGuidanceArgs;
use crate::cli::data_set::ImageArgs;
use crate::cli::engine::EngineArgs;
use crate::cli::model;
use crate::cli::output;
use crate::cli::settings::SettingArgs;
use crate::cli::trials;
use crate::model_file::Card;
use crate::sample::Sampler;

/// The results of a single sampler, as JSON.
pub const REPORT: &str = "report.json";
/// Those of a sweep.
pub const SWEEP: &str = "sweep.json";
/// The files written to the folder of results.
const RESULTS: [&str; 6] = [REPORT, "report.svg", "samples.png", "nearest.png", SWEEP, "sweep.svg"];

/// Measure how good a model's samples are.
///
/// Prints each measure beside what as many training images score (real-vs-real). Writes the
/// results as JSON, with plots and images, to a folder beside the model, and adds a summary to
/// the model's card, unless the card has one of more samples.
///
/// The distance is Fréchet's, in the features of a classifier that is trained once on this very
/// data and then cached, or of the network that --features names; with Inception's weights it is
/// FID. Compare it only with that of training images and with other models measured by the same
/// network, which a checksum identifies.
#[derive(clap::Args)]
pub struct Eval {
    #[arg(long, help = model::HELP)]
    pub model: PathBuf,
    /// How many samples, at most as many as there are training images [default: 10000, or all of
    /// them].
    #[arg(short, long)]
    pub n: Option<usize>,
    /// The seed; the same seed gives the same samples on every device. Below 2⁵³, so that
    /// JavaScript can read it from the card.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(..1 << 53))]
    pub seed: u64,
    /// Try every sampler at several numbers of evaluations instead. Records the best settings in
    /// the model's card, and recommends those that did nearly as well with the fewest evaluations.
    #[arg(long, conflicts_with = "SettingArgs")]
    pub sweep: bool,
    /// The numbers of evaluations to try each sampler with.
    #[arg(long, value_delimiter = ',', default_values_t = trials::NFE, requires = "sweep")]
    pub nfe: Vec<usize>,
    /// The samplers to try [default: all but plain-langevin and, unless the model is tuned for
    /// it, consistency].
    #[arg(long, value_delimiter = ',', requires = "sweep")]
    pub samplers: Vec<Sampler>,
    /// The folder for the results [default: the model's path, or the name of its repository on the
    /// hub, ending in .eval].
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Do not change the model's card. That of a model on the hub is never changed.
    #[arg(long)]
    pub keep_card: bool,
    /// How many images to compute at once.
    #[arg(long, default_value_t = 250)]
    pub batch: usize,
    #[command(flatten)]
    pub engine: EngineArgs,
    #[command(flatten)]
    pub features: FeatureArgs,
    // Last: a heading applies to all flags that follow it.
    #[command(flatten, next_help_heading = "Images")]
    pub images: ImageArgs,
    #[command(flatten, next_help_heading = "Sampler")]
    pub settings: SettingArgs,
    #[command(flatten, next_help_heading = "Guidance")]
    pub autoguidance: AutoguidanceArgs,
    #[command(flatten, next_help_heading = "Guidance")]
    pub class_guidance: ClassGuidanceArgs,
}

impl Eval {
    /// Whether results go into the model's card. With guidance they are not those of the model alone;
    /// and the files of the hub are its own.
    pub fn changes_card(&self) -> bool {
        let is_guided = self.autoguidance.is_guided() || self.class_guidance.is_guided();
        !self.keep_card && !is_guided && model::on_hub(&self.model).is_none()
    }

    /// Makes the folder of results, and checks, before long work, that they can be written, also into
    /// the card unless that has figures of more than `n` samples.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub fn make_folder(&self, out: &Path, card: &Card, n: usize) -> anyhow::Result<()> {
        fs::create_dir_all(out).with_context(|| format!("cannot write to {}", out.display()))?;
        output::ensure_writable(&out.join(if self.sweep { SWEEP } else { REPORT }))?;
        let has_more = card.quality.as_ref().is_some_and(|quality| quality.n > n);
        if self.changes_card() && (self.sweep || !has_more) {
            output::ensure_writable(&self.model)
                .context("results go into the model's card, unless --keep-card is given")?;
        }
        Ok(())
    }

    /// Checks, before long work, that results in this folder replace nothing but earlier ones, and are
    /// not read as images.
    pub fn ensure_results(&self, out: &Path) -> anyhow::Result<()> {
        ensure!(out.is_dir() || !out.exists(), "--out {}: it is no folder", out.display());
        let data = &self.images.data;
        let reads = [
            ("--model", Some(&*self.model)),
            ("--data", Some(&**data)),
            ("--guiding-model", self.autoguidance.worse()),
            ("--features", self.features.features.as_deref()),
            ("--features-config", self.features.features_config.as_deref()),
        ];
        for name in RESULTS {
            apart::ensure_replaces_none(&reads, "--out", &out.join(name))?;
        }
        let mut there = RESULTS.iter().map(|name| out.join(name)).filter(|file| file.is_file());
        if let Some(file) = there.next().filter(|_| !has_results(out)) {
            bail!(
                "{} is not of `ncsn eval` and would be replaced: choose another folder with --out",
                file.display()
            );
        }
        apart::ensure_outside_data(data, "--out", out)
    }
}

/// Whether the reports in a folder, of which there are some, are of this command.
fn has_results(out: &Path) -> bool {
    let mut reports =
        [REPORT, SWEEP].iter().map(|name| out.join(name)).filter(|file| file.is_file());
    let is_report = |file: PathBuf| {
        let report = fs::read(file).ok().and_then(|json| serde_json::from_slice(&json).ok());
        report.is_some_and(|report: serde_json::Value| {
            ["model", "data", "seed", "floor"].iter().all(|key| report.get(key).is_some())
        })
    };
    reports.next().is_some_and(is_report) && reports.all(is_report)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        eval: Eval,
    }

    #[test]
    fn only_earlier_results_are_replaced() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = folder.path();
        let write = |name: &str, text: &str| fs::write(out.join(name), text).expect("written");
        let words = ["ncsn", "--model", "m.safetensors", "--data", "images"];
        let ensure = || Program::parse_from(words).eval.ensure_results(out);
        ensure().expect("an empty folder");
        write("notes.txt", "");
        ensure().expect("nothing would be replaced");
        write("samples.png", "");
        let refused = ensure().expect_err("someone's image").to_string();
        assert!(refused.contains("samples.png") && refused.contains("--out"), "{refused}");
        write("report.json", r#"{"model": "m", "data": "d", "seed": 1, "floor": {}}"#);
        ensure().expect("earlier results");
        write("report.json", r#"{"tests": 3}"#);
        ensure().expect_err("a report of something else");
    }
}
