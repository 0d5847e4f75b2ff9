//! What measuring a model takes: the model, the data, what judges, and where results go.

use std::path::{Path, PathBuf};

use anyhow::Context;
use burn::tensor::Device;

use super::arguments::Eval;
use super::judge::Judge;
use crate::cli::engine::{Engine, SamplingJob};
use crate::cli::{model, output};
use crate::data::DataSet;
use crate::eval::{FeatureExtractor, Reference};
use crate::model_file::{Card, ModelFile};
use crate::pixel;
use crate::sample::{ClassConditioning, Conditioning, StepTable};
use crate::words::count;

/// Everything needed to measure a model.
pub struct Session<'a> {
    pub arguments: &'a Eval,
    pub path: &'a Path,
    pub model: ModelFile,
    pub data: DataSet,
    /// The number of samples.
    pub n: usize,
    pub judge: Judge,
    pub extractor: FeatureExtractor,
    /// The device for features and distances.
    pub device: Device,
    pub out: PathBuf,
}

impl Session<'_> {
    /// The held-out images as the extractor sees them. Warns where they or the samples are too few
    /// for their covariance.
    ///
    /// # Errors
    /// If a network from elsewhere cannot run.
    pub fn reference(&self) -> anyhow::Result<Reference<'_>> {
        let DataSet { train, held_out, .. } = &self.data;
        let reference =
            Reference::new(&self.extractor, train, held_out, &self.device).context("--features")?;
        let (features, fewest) = (reference.features(), self.n.min(held_out.len()));
        if fewest <= features {
            eprintln!(
                "warning: {} but only {}: covariances of fewer than {} images are singular, and distances \
                 of so few are too large. Compare them with those of training images and with figures for \
                 as many images, or compare MMD², which has no such bias",
                count(features, "feature"),
                count(fewest, "image"),
                features + 1
            );
        }
        Ok(reference)
    }

    /// The engine that draws the samples, guided if that was asked for.
    ///
    /// # Errors
    /// If there is no such engine, or it cannot run the guiding model.
    pub fn engine(&self) -> anyhow::Result<Engine> {
        let Eval { engine, autoguidance, .. } = self.arguments;
        let engine = engine.engine_of(self.model.clone(), autoguidance.is_guided())?;
        autoguidance.guide(engine, &self.model.card.class_names())
    }

    /// The classes that the samples of a class-conditional model show.
    fn classes(&self) -> anyhow::Result<Option<ClassConditioning>> {
        let Eval { seed, class_guidance, .. } = self.arguments;
        class_guidance.drawn(&self.model, *seed, self.n)
    }

    /// The labels of these classes in the data, by their names; `None` unless it has all of them.
    ///
    /// # Errors
    /// If guidance to classes is impossible.
    pub fn asked(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let label = |name: &String| self.data.classes.iter().position(|class| class == name);
        let labels = self.model.card.classes.iter().map(|class| label(&class.name));
        let labels: Option<Vec<usize>> = labels.collect();
        let asked = self.classes()?.zip(labels).map(|(conditioning, labels)| {
            let classes = conditioning.classes.into_iter();
            classes.map(|class| labels[class] as u8).collect()
        });
        Ok(asked)
    }

    /// Draws samples, as they are after each of the given numbers of steps of the table.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn draw<const N: usize>(
        &self,
        engine: &Engine,
        table: &StepTable,
        stops: [usize; N],
    ) -> anyhow::Result<[Vec<f32>; N]> {
        let Eval { batch, seed, .. } = *self.arguments;
        let classes = self.classes()?;
        let conditioning = Conditioning { classes, ..Conditioning::default() };
        let job = SamplingJob { table, conditioning: &conditioning, seed, n: self.n, batch };
        // Rounded to bytes, as people see them.
        Ok(engine.draw(&job, stops)?.map(|pixels| pixel::values(&pixel::bytes(&pixels))))
    }

    /// Writes a file of results.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        output::write(&self.out.join(name), bytes)
    }

    /// Adds the results to the card, then writes their files, and says where they are. If one of the
    /// two fails, the other is written all the same. `add` changes the card as it is by now, or returns
    /// how many samples its figures are of if these are more.
    ///
    /// # Errors
    /// If the card or a file cannot be written.
    pub fn finish(
        &self,
        add: impl FnOnce(&mut Card) -> Option<usize>,
        write: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let card = self.change_card(add);
        write()?;
        println!("results in {}", self.out.display());
        card
    }

    fn change_card(&self, add: impl FnOnce(&mut Card) -> Option<usize>) -> anyhow::Result<()> {
        if !self.arguments.changes_card() {
            return Ok(());
        }
        let path = self.path.display();
        match model::change_card(self.path, &self.model.weights, add)? {
            None => println!("results in the card of {path}"),
            Some(more) => println!(
                "the card of {path} keeps its figures of {more} samples; -n {more} replaces them"
            ),
        }
        Ok(())
    }
}
