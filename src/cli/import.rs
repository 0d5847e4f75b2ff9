//! `ncsn import`: a model from published weights.

use std::path::PathBuf;

use anyhow::{Context, ensure};

use super::out;
use crate::data::Size;
use crate::import::{Facts, pytorch, refinenet};
use crate::model_file::{Card, ModelFile};
use crate::net::{Architecture, Depth, RefineNetDescription, Variant};
use crate::sample::Settings;

/// Convert a PyTorch checkpoint of the published NCSN or NCSNv2 into a model.
///
/// Supports the networks of github.com/ermongroup/ncsn and ncsnv2 with InstanceNorm++ that were
/// trained on pictures in [0, 1] (`logit_transform: false`, `rescaled: false`).
#[derive(clap::Args)]
pub struct Import {
    /// The checkpoint, as written by the authors' trainers, or a bare state_dict.
    checkpoint: PathBuf,
    /// The model to write.
    #[arg(long, default_value = "model.safetensors")]
    out: PathBuf,
    /// Replace an existing model.
    #[arg(long)]
    overwrite: bool,
    /// Fail unless the checkpoint is of this network [default: detect it].
    #[arg(long)]
    arch: Option<Variant>,
    /// The size of the pictures, in pixels a side or as WIDTHxHEIGHT, which the weights do not tell
    /// [default: 28 for grey and 32 for colour; 128 or 256 for the deeper networks].
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
    /// Write the weights in f32, without loss, instead of f16.
    #[arg(long)]
    f32: bool,
    /// The licence of the data that the network was trained on.
    #[arg(long, default_value = "unknown")]
    licence: String,
}

impl clap::ValueEnum for Variant {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Ncsn, Self::Ncsnv2]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.name()))
    }
}

/// Imports a checkpoint.
///
/// # Errors
/// Whatever the user should know; one line.
pub fn import(arguments: &Import) -> anyhow::Result<()> {
    out::ensure_model(&arguments.out, arguments.overwrite)?;
    let path = arguments.checkpoint.display();
    let checkpoint = pytorch::read(&arguments.checkpoint, !arguments.no_ema)
        .with_context(|| format!("cannot read {path}"))?;
    let (description, weights) = refinenet(checkpoint.state, &arguments.facts())
        .with_context(|| format!("cannot use {path}"))?;
    let RefineNetDescription { variant, picture, depth, ngf, ladder } = description;
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
        sampler: Settings::for_network(&architecture, ladder),
        mean: None,
        architecture,
        training: None,
        imported: Some(format!("{file} ({}{average}{step})", variant.name())),
        best: None,
        quality: None,
        licence: arguments.licence.clone(),
    };
    println!(
        "{}{}: {} × {} × {} pictures, ngf {ngf}, σ from {} to {} in {} levels, {} parameters{average}",
        variant.name(),
        match depth {
            Depth::Standard => "",
            Depth::Deeper => ", deeper",
            Depth::Deepest => ", deepest",
        },
        picture.channels,
        picture.height,
        picture.width,
        ladder.sigma_max,
        ladder.sigma_min,
        ladder.levels,
        card.architecture.parameters(),
    );
    let model = ModelFile { card, weights };
    let bytes = if arguments.f32 { model.write_f32()? } else { model.write()? };
    out::write(&arguments.out, &bytes)?;
    println!("model in {}", arguments.out.display());
    Ok(())
}

impl Import {
    fn facts(&self) -> Facts {
        let size = self.size.map(|Size { width, height }| [height, width]);
        let given = self.sigma_begin.is_some() || self.sigma_end.is_some();
        let sigmas = [self.sigma_begin.unwrap_or(1.0), self.sigma_end.unwrap_or(0.01)];
        Facts { size, sigmas: given.then_some(sigmas) }
    }
}
