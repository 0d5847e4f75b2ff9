//! What a card says of its model, in rows for people: those of `ncsn info`, and of the README.md that
//! `ncsn card` writes. Texts are as the card has them, which may come from a stranger's file.

use crate::model_file::{Card, Quality, TrainingRecord};
use crate::net::Architecture;
use crate::sample::Settings;
use crate::words::{count, list};

/// What something is called, and what is said of it.
pub type Row = (&'static str, String);

/// A network's kind and sizes.
pub fn network(architecture: &Architecture) -> String {
    let kind = match architecture {
        Architecture::UNet(sizes) => {
            let (widths, blocks) = (list(&sizes.widths, "and"), count(sizes.blocks, "block"));
            format!("U-Net of {widths} channels, {blocks} at each resolution")
        }
        Architecture::RefineNet(sizes) => {
            format!("{}'s RefineNet, ngf {}", sizes.variant.name(), sizes.ngf)
        }
    };
    format!("{kind}, {}", count(architecture.parameters(), "parameter"))
}

/// A sampler's name, what it costs, and its noise levels.
pub fn sampler(settings: &Settings, card: &Card) -> String {
    let schedule = settings.schedule;
    format!(
        "{}, {}, σ from {} to {}",
        settings.sampler.name(),
        evaluations(settings, card),
        schedule.sigma_max,
        schedule.sigma_min
    )
}

/// How many evaluations a sampler takes.
pub fn evaluations(settings: &Settings, card: &Card) -> String {
    count(card.step_table(settings, None).map_or(0, |table| table.nfe()), "evaluation")
}

/// How a model was trained.
pub fn trained(training: &TrainingRecord, guidance_max: f32) -> Vec<Row> {
    let mut rows = vec![
        ("data", format!("{}, {}", training.data, count(training.images, "image"))),
        ("steps", training.steps.to_string()),
        ("images seen", training.examples.to_string()),
    ];
    rows.extend(training.from.as_ref().map(|from| ("started from", from.clone())));
    if let Some((most, least)) = training.sigmas {
        rows.push(("noise levels", format!("σ from {most} to {least}")));
    }
    rows.extend(
        training.stable_targets.map(|from| ("stable targets", format!("from σ = {from:.3}"))),
    );
    if let Some(guided) = &training.autoguidance {
        rows.push(("distilled autoguidance", format!("away from {}", guided.away_from)));
    }
    if guidance_max > 0.0 {
        rows.push(("distilled guidance", format!("scales up to {guidance_max} are an input")));
    }
    if let Some(model) = &training.distribution_matching {
        let of = format!("for one to four evaluations, of {model}");
        rows.push(("distribution matching", of));
    } else if training.few_step {
        let method = match training.consistency_distillation {
            true => "consistency distillation",
            false => "consistency tuning",
        };
        rows.push((method, "for one to four evaluations".into()));
    }
    rows
}

/// How good its samples are.
pub fn judged(quality: &Quality) -> Vec<Row> {
    let error = quality.frechet_error.map(|error| format!(" ± {error:.2}")).unwrap_or_default();
    let mut rows = vec![
        ("samples", format!("{}, {} each", quality.n, count(quality.nfe, "evaluation"))),
        ("Fréchet distance", format!("{:.2}{error}", quality.frechet)),
        ("… of training images", format!("{:.2}", quality.real)),
        ("precision", format!("{:.3}", quality.precision)),
        ("recall", format!("{:.3}", quality.recall)),
    ];
    if let Some(features) = &quality.features {
        rows.push(("features", format!("{}, {}", features.name, features.checksum)));
    }
    rows
}
