//! `ncsn import`: a model from published weights.

use std::path::PathBuf;

use anyhow::{Context, anyhow, ensure};

use super::{apart, output};
use crate::data::Size;
use crate::import::pytorch::{self, Checkpoint, Choice};
use crate::import::{Facts, refinenet};
use crate::model_file::{Card, ModelError, ModelFile};
use crate::net::{Architecture, Depth, RefineNetDescription, Variant};
use crate::sample::Settings;
use crate::words::count;

/// Convert a PyTorch checkpoint of the published NCSN or NCSNv2 into a model.
///
/// Supports the networks of github.com/ermongroup/ncsn and ncsnv2 with InstanceNorm++ that were
/// trained on images in [0, 1] (`logit_transform: false`, `rescaled: false`). Of a checkpoint with
/// several sets of weights, the moving average is used, which is found by its name.
#[derive(clap::Args)]
pub struct Import {
    /// The checkpoint, as written by the authors' trainers or by others, or a bare state_dict.
    checkpoint: PathBuf,
    /// The model to write.
    #[arg(long, default_value = "model.safetensors")]
    out: PathBuf,
    /// Replace an existing model.
    #[arg(long)]
    overwrite: bool,
    /// Fail unless the checkpoint is of this network [default: detect it].
    #[arg(long, alias = "net")]
    arch: Option<Variant>,
    /// The size of the images, in pixels a side or as WIDTHxHEIGHT, which the weights do not tell
    /// [default: 28 for gray and 32 for color; 128 or 256 for the deeper networks].
    #[arg(long)]
    size: Option<Size>,
    /// σ₁ of NCSN, which the weights do not tell [default: 1].
    #[arg(long)]
    sigma_begin: Option<f32>,
    /// σ_L of NCSN, which the weights do not tell [default: 0.01].
    #[arg(long)]
    sigma_end: Option<f32>,
    /// Use the weights themselves, not their moving average.
    #[arg(long)]
    no_ema: bool,
    /// Use only weights at this key of the checkpoint, or within it, such as `ema` or `ema.module`
    /// [default: those whose keys say that they are a moving average, or else the only ones].
    #[arg(long)]
    key: Option<String>,
    /// Write the weights in f32, without loss, instead of f16.
    #[arg(long)]
    f32: bool,
    /// The license of the data that the network was trained on.
    #[arg(long, alias = "licence", default_value = "unknown")]
    license: String,
}

impl clap::ValueEnum for Variant {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Ncsn, Self::Ncsnv2]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.name()))
    }
}

/// Runs the command.
///
/// # Errors
/// If the checkpoint cannot be used, is of another network than --arch says, or the model cannot be
/// written.
pub(super) fn run(arguments: &Import) -> anyhow::Result<()> {
    let reads = [("<CHECKPOINT>", Some(&*arguments.checkpoint))];
    apart::ensure_replaces_none(&reads, "--out", &arguments.out)?;
    output::ensure_model(&arguments.out, arguments.overwrite)?;
    let path = arguments.checkpoint.display();
    let choice = Choice { average: !arguments.no_ema, key: arguments.key.clone() };
    let checkpoint = pytorch::read(&arguments.checkpoint, &choice)
        .with_context(|| format!("cannot read {path}"))?;
    let source = source(&checkpoint);
    let (description, weights) = refinenet(checkpoint.state, &arguments.facts())
        .with_context(|| format!("cannot use {path}"))?;
    let RefineNetDescription { variant, image_shape, depth, ngf, schedule } = description;
    ensure!(
        arguments.arch.is_none_or(|arch| arch == variant),
        "the weights in {path} are {}'s",
        variant.name()
    );

    let architecture = Architecture::RefineNet(description);
    let file = arguments.checkpoint.file_name().unwrap_or_default().to_string_lossy();
    let average = if checkpoint.averaged { ", moving average" } else { "" };
    let step = checkpoint.step.map(|step| format!(", step {step}")).unwrap_or_default();
    let card = Card {
        format: Card::FORMAT,
        name: arguments.out.file_stem().map_or("model".into(), |s| s.to_string_lossy().into()),
        sampler: Settings::for_network(&architecture, schedule),
        mean: None,
        classes: Vec::new(),
        architecture,
        training: None,
        imported: Some(format!("{file} ({}{average}{step})", variant.name())),
        best: None,
        quality: None,
        license: arguments.license.clone(),
    };
    println!(
        "{}{}: {} × {} × {} images, ngf {ngf}, σ from {} to {} in {}, {}{average}",
        variant.name(),
        match depth {
            Depth::Standard => "",
            Depth::Deeper => ", deeper",
            Depth::Deepest => ", deepest",
        },
        image_shape.channels,
        image_shape.height,
        image_shape.width,
        schedule.sigma_max,
        schedule.sigma_min,
        count(schedule.levels, "level"),
        count(card.architecture.parameters(), "parameter"),
    );
    println!("{source}");
    let model = ModelFile { card, weights };
    let bytes = if arguments.f32 { model.write_f32() } else { model.write() };
    let bytes = bytes.map_err(|error| match error {
        ModelError::BeyondF16 { .. } => anyhow!("{error}: --f32 keeps such values"),
        error => error.into(),
    })?;
    output::write(&arguments.out, &bytes)?;
    println!("model in {}", arguments.out.display());
    Ok(())
}

/// Which weights were used, and which not.
fn source(checkpoint: &Checkpoint) -> String {
    let Checkpoint { averaged, key, others, .. } = checkpoint;
    let kind = if *averaged { "the moving average" } else { "the weights" };
    let others: Vec<String> = others.iter().map(|key| format!("`{key}`")).collect();
    let others = if others.is_empty() { "".into() } else { format!(", not {}", others.join(", ")) };
    format!("{kind} at `{key}`{others}")
}

impl Import {
    fn facts(&self) -> Facts {
        let size = self.size.map(|Size { width, height }| [height, width]);
        let given = self.sigma_begin.is_some() || self.sigma_end.is_some();
        let sigmas = [self.sigma_begin.unwrap_or(1.0), self.sigma_end.unwrap_or(0.01)];
        Facts { size, sigmas: given.then_some(sigmas) }
    }
}
