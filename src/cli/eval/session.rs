//! What measuring a model takes: the model, the data, the classifier that judges, and where results go.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;

use super::arguments::Eval;
use super::report::Judge;
use crate::cli::engine::{Choice, Engine, SamplingJob};
use crate::cli::output;
use crate::data::DataSet;
use crate::eval::FeatureExtractor;
use crate::model_file::ModelFile;
use crate::pixel;
use crate::sample::{Conditioning, StepTable};

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
    /// The engine that draws the samples, guided if that was asked for.
    ///
    /// # Errors
    /// If there is no such engine, or it cannot run the guiding model.
    pub fn engine(&self) -> anyhow::Result<Engine> {
        let Eval { engine, ref device, ref autoguidance, .. } = *self.arguments;
        let choice = engine.or(autoguidance.is_guided().then_some(Choice::Burn));
        autoguidance.guide(Engine::new(choice, device.as_deref(), self.model.clone())?)
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
        let job =
            SamplingJob { table, conditioning: &Conditioning::default(), seed, n: self.n, batch };
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

    /// Writes the card and says where the results are.
    ///
    /// # Errors
    /// If the card cannot be written.
    pub fn finish(self) -> anyhow::Result<()> {
        // With autoguidance, the results are not those of the model alone.
        if !(self.arguments.keep_card || self.arguments.autoguidance.is_guided()) {
            let bytes = fs::read(self.path)?;
            let bytes = ModelFile::with_card(&bytes, &self.model.card)?;
            output::write(self.path, &bytes)?;
            println!("results in the card of {}", self.path.display());
        }
        println!("results in {}", self.out.display());
        Ok(())
    }
}
