//! `ncsn info`: what a model's card says.

use std::path::PathBuf;

use serde::Serialize;

use super::facts::{self, Row};
use super::print::ensure_delivered;
use super::{classes, model};
use crate::model_file::Card;
use crate::words::{count, one_line};

/// Say what a model is: its images, network, classes, samplers, training, quality and license.
#[derive(clap::Args)]
pub struct Info {
    #[arg(help = model::HELP)]
    model: PathBuf,
    /// Print JSON: the model's card, with the number of parameters and of the file's bytes.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    parameters: usize,
    bytes: usize,
    #[serde(flatten)]
    card: &'a Card,
}

/// Runs the command.
///
/// # Errors
/// If the model cannot be read.
pub(super) fn run(arguments: &Info) -> anyhow::Result<()> {
    let path = model::local(&arguments.model)?;
    let bytes = model::bytes(&path)?;
    let card = model::parse(&path, &bytes)?.card;
    if arguments.json {
        let parameters = card.architecture.parameters();
        let report = Report { parameters, bytes: bytes.len(), card: &card };
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        let megabytes = bytes.len() as f64 / 1e6;
        println!("{} ({}, {megabytes:.1} MB)", one_line(&card.name), path.display());
        for (heading, rows) in sections(&card) {
            heading.iter().for_each(|heading| println!("\n{heading}"));
            rows.iter().for_each(|(name, said)| println!("  {:<24}{said}", one_line(name)));
        }
    }
    Ok(ensure_delivered()?)
}

/// Rows, and what is above them.
type Section = (Option<String>, Vec<(String, String)>);

/// What the card says. There are only sections with rows.
fn sections(card: &Card) -> Vec<Section> {
    let known: Vec<_> = classes::trained(card).map(|(_, class)| class).collect();
    let of_class = |images: u32| if images > 0 { count(images, "image") } else { String::new() };
    let counted = known.iter().map(|class| (class.name.clone(), of_class(class.images)));
    let training = card.training.as_ref().map(|training| {
        let mut rows = facts::trained(training, card.architecture.guidance_max());
        rows.push(("device", training.device.clone()));
        rows
    });
    let quality = card.quality.as_ref().map(facts::judged).unwrap_or_default();
    let all = [
        (None, owned(general(card))),
        (Some(count(known.len(), "class")), counted.collect()),
        (Some("training".into()), owned(training.unwrap_or_default())),
        (Some("quality, by `ncsn eval`".into()), owned(quality)),
    ];
    all.into_iter().filter(|(_, rows)| !rows.is_empty()).collect()
}

/// What every card says.
fn general(card: &Card) -> Vec<Row> {
    let mut rows = vec![
        ("images", format!("{} (channels × height × width)", card.architecture.image_shape())),
        ("network", facts::network(&card.architecture)),
        ("recommended sampler", facts::sampler(&card.sampler, card)),
    ];
    rows.extend(card.best.as_ref().map(|best| ("best sampler", facts::sampler(best, card))));
    rows.extend(card.imported.as_ref().map(|from| ("imported from", from.clone())));
    rows.push(("license", card.license.clone()));
    rows
}

fn owned(rows: Vec<Row>) -> Vec<(String, String)> {
    rows.into_iter().map(|(name, said)| (name.to_owned(), one_line(said))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::train::test_model::model;
    use crate::model_file::Class;

    #[test]
    fn a_card_is_said_in_rows() {
        let mut card = model(false).card;
        let class = |name: &str, images| Class { name: name.into(), images };
        card.classes = vec![class("cat", 30), class("none", 0), class("dog\n", 20)];
        card.license = "a\nb".into();
        let sections = sections(&card);
        let headings: Vec<_> = sections.iter().map(|(heading, _)| heading.as_deref()).collect();
        assert_eq!(headings, [None, Some("2 classes"), Some("training")]);
        let rows = |section: usize| -> Vec<(&str, &str)> {
            sections[section].1.iter().map(|(name, said)| (&name[..], &said[..])).collect()
        };
        assert!(rows(0).contains(&("images", "1 × 8 × 8 (channels × height × width)")));
        assert!(rows(0).contains(&("license", "a b")), "{:?}", rows(0));
        let parameters = count(card.architecture.parameters(), "parameter");
        let (_, network) = rows(0)[1];
        assert!(network.starts_with("U-Net of ") && network.ends_with(&parameters), "{network}");
        assert_eq!(rows(1), [("cat", "30 images"), ("dog\n", "20 images")]);
        assert!(rows(2).contains(&("data", "noise, 50 images")));
    }
}
