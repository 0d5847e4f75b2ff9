//! Training on the visitor's GPU, for pages: a bundle of its own, fetched when it is wanted.

mod checkpoint;
mod compile;
mod error;
mod images;
mod start;

use checkpoint::Checkpoint;
pub use compile::CompileTexts;
use error::TrainerError;
use images::TrainingImages;
use js_sys::Uint8Array;
use serde::Serialize;
use start::{TrainingPlan, start};
use wasm_bindgen::prelude::*;

use crate::backend::fused::{
    Compiler, DataSet, Example, FusedChains, FusedError, Gpu, KernelPrecision, Network, Training,
    TrainingState, TrainingStep, best_kernel_config, check_training_with, training_test_texts,
};
use crate::backend::{Chains, View};
use crate::model_file::{Card, ModelFile};
use crate::net::weights::{Weights, flat, unflat};
use crate::net::{Architecture, UNetDescription};
use crate::pixel;
use crate::recipe::{Order, Recipe};
use crate::sample::Conditioning;

/// The steps since the last report.
#[derive(Clone, Copy, Debug, Serialize)]
struct Report {
    /// Steps done.
    step: u64,
    /// The mean weighted loss over D/2; about 1 for a network whose output is 0.
    loss: f32,
}

/// A training run on the visitor's GPU.
#[wasm_bindgen]
pub struct Trainer {
    compiler: Compiler,
    training: Training,
    sizes: UNetDescription,
    recipe: Recipe,
    order: Order,
    card: Card,
    /// To measure how near samples come to them.
    images: TrainingImages,
    /// Steps done.
    step: u64,
    /// The time that these steps took, also in earlier visits.
    seconds: f64,
}

#[wasm_bindgen]
impl Trainer {
    /// Prepares a run on images, N × C × H × W bytes: from the weights of a model, given by its
    /// file, or from drawn ones. Its kernels are given to `compile` first: otherwise the browser
    /// compiles them one after the other, and shows nothing meanwhile.
    ///
    /// # Errors
    /// An `Error` that says what is impossible, or what the GPU cannot do; with the code
    /// `out-of-memory` if the GPU has no room.
    pub async fn create(
        #[wasm_bindgen(unchecked_param_type = "TrainingPlan")] plan: JsValue,
        images: Vec<u8>,
        model: Option<Vec<u8>>,
        compile: Option<CompileTexts>,
    ) -> Result<Trainer, TrainerError> {
        let plan: TrainingPlan = serde_wasm_bindgen::from_value(plan)?;
        let images = TrainingImages::new(images, plan.image_shape, plan.originals)
            .ok_or_else(|| TrainerError::new("these are not whole images"))?;
        let model = model.map(|bytes| ModelFile::read(&bytes)).transpose()?;
        let (recipe, card, weights) = start(&plan, &images, model)?;
        let Architecture::UNet(sizes) = card.architecture.clone() else {
            return Err(TrainerError::new("only U-Nets can be trained here"));
        };
        let data = DataSet {
            bytes: &images.bytes,
            labels: &[],
            images: images.len(),
            stable_from: card.training.as_ref().and_then(|training| training.stable_targets),
            mirrored: plan.flip,
        };
        let gpu = Gpu::request().await?;
        let prepared = prepare(&gpu, &sizes, &data, &recipe, compile).await;
        // As when a trainer is dropped.
        let (compiler, training) = prepared.inspect_err(|_| gpu.device().destroy())?;
        let recipe = Recipe { grad_accum_steps: training.parts(), ..recipe };
        let values = flat(&card.architecture, &weights);
        training.write(&TrainingState::new(values))?;
        training.keep();
        let order = Order::new(images.len(), recipe.seed);
        let (step, seconds) = (0, 0.0);
        let trainer =
            Self { compiler, training, sizes, recipe, order, card, images, step, seconds };
        gpu.idle().await?;
        Ok(trainer)
    }

    /// Whether the GPU is software, on which training takes long.
    pub fn is_software(&self) -> bool {
        self.compiler.gpu().is_software()
    }

    /// Steps done.
    pub fn step(&self) -> f64 {
        self.step as f64
    }

    /// Trains `steps` steps, or what is left of the run, and waits for them.
    ///
    /// # Errors
    /// An `Error` if the GPU fails, with the code `out-of-memory` if it has no room; or with the code
    /// `diverged` if the loss or a weight is not finite: the run is then back where it last
    /// reported.
    #[wasm_bindgen(unchecked_return_type = "TrainingReport")]
    pub async fn train(&mut self, steps: u32) -> Result<JsValue, TrainerError> {
        let (before, start) = (self.step, js_sys::Date::now());
        let end = self.recipe.steps.min(before + u64::from(steps));
        while self.step < end {
            let room = self.training.room() as u64;
            if room == 0 {
                self.compiler.gpu().idle().await?;
                continue;
            }
            let next: Vec<TrainingStep> =
                (self.step..end).take(room as usize).map(|step| self.next(step)).collect();
            self.training.submit(&next)?;
            self.step += next.len() as u64;
        }
        let report = self.training.report().await.inspect_err(|_| {
            self.training.restore();
            self.step = before;
        })?;
        if !report.loss.is_finite() || !report.weight_squares.is_finite() {
            self.training.restore();
            self.step = before;
            return Err(TrainerError::diverged());
        }
        self.training.keep();
        self.seconds += (js_sys::Date::now() - start) / 1000.0;
        let steps = (self.step - before).max(1) as f32;
        let dimension = self.sizes.image_shape.dimension() as f32;
        let report = Report { step: self.step, loss: 2.0 * report.loss / steps / dimension };
        Ok(serde_wasm_bindgen::to_value(&report)?)
    }

    /// The model as it is now, a model file like any other.
    ///
    /// # Errors
    /// An `Error` if the GPU fails.
    pub async fn model(&self) -> Result<Vec<u8>, TrainerError> {
        let weights = unflat(&self.card.architecture, &self.training.average().await?);
        let mut card = self.card.clone();
        let training = card.training.take();
        card.training = training.map(|record| record.after(self.step, &self.recipe, self.seconds));
        Ok(ModelFile { card, weights }.write()?)
    }

    /// Images that the model draws now, always from the same seed: N × C × H × W bytes.
    ///
    /// # Errors
    /// An `Error` if the GPU fails, with the code `out-of-memory` if it has no room for them; the run
    /// can then still go on.
    pub async fn samples(&self, count: u32, levels: u32) -> Result<Vec<u8>, TrainerError> {
        let weights = unflat(&self.card.architecture, &self.training.average().await?);
        self.compiler.gpu().isolate(self.draw(&weights, count, levels)).await
    }

    async fn draw(
        &self,
        weights: &Weights,
        count: u32,
        levels: u32,
    ) -> Result<Vec<u8>, TrainerError> {
        let network = Network::new(&self.compiler, &self.card.architecture, weights).await?;
        let mut settings = self.card.sampler;
        settings.schedule.levels = levels.max(2) as usize;
        let table = settings.step_table()?.around(self.card.start_mean());
        let (conditioning, chains) = (Conditioning::default(), 0..count.clamp(1, 256) as usize);
        let mut chains = FusedChains::conditioned(&network, table, &conditioning, 1, chains)?;
        while chains.next().is_some() {
            chains.advance(usize::MAX).await?;
            chains.wait().await?;
        }
        Ok(pixel::bytes(&chains.read(View::Noisy).await?))
    }

    /// For each image of some, N × C × H × W bytes, the number of the nearest training image, and the
    /// distance to it, over the median distance between an original and its nearest other. Far below
    /// 1 it is a copy. Where training images are mirrored at random, a mirrored copy is one, too.
    ///
    /// # Errors
    /// None.
    #[wasm_bindgen(unchecked_return_type = "NearestImages")]
    pub fn nearest(&self, images: &[u8]) -> Result<JsValue, TrainerError> {
        Ok(serde_wasm_bindgen::to_value(&self.images.nearest(images, self.recipe.flip))?)
    }

    /// Everything needed to continue with [`Trainer::restore`].
    ///
    /// # Errors
    /// An `Error` if the GPU fails.
    pub async fn checkpoint(&self) -> Result<Uint8Array, TrainerError> {
        let state = self.training.read().await?;
        let checkpoint = Checkpoint { step: self.step, seconds: self.seconds, state };
        Ok(Uint8Array::from(&checkpoint.bytes()[..]))
    }

    /// Continues from a checkpoint of the same run.
    ///
    /// # Errors
    /// An `Error` if it is of another network, or damaged.
    pub fn restore(&mut self, checkpoint: &[u8]) -> Result<(), TrainerError> {
        let Checkpoint { step, seconds, state } =
            Checkpoint::read(checkpoint, self.training.weights())?;
        self.training.write(&state)?;
        self.training.keep();
        self.step = step.min(self.recipe.steps);
        self.seconds = seconds;
        Ok(())
    }

    fn next(&mut self, step: u64) -> TrainingStep {
        let recipe = &self.recipe;
        let images = self.order.batch(step, recipe.batch).into_iter().enumerate();
        let example = |(i, index)| Example { index, sigma: recipe.sigma(step, i), class: None };
        TrainingStep::new(recipe, &self.sizes, step, images.map(example))
    }
}

/// Tests the GPU, compiles the kernels of a training step, and uploads the images.
async fn prepare(
    gpu: &Gpu,
    sizes: &UNetDescription,
    data: &DataSet<'_>,
    recipe: &Recipe,
    compile: Option<CompileTexts>,
) -> Result<(Compiler, Training), FusedError> {
    let best = best_kernel_config(gpu, KernelPrecision::F32).await;
    if let Some(compile) = compile {
        let compiler = Compiler::new(gpu, best)?;
        let [test, run] =
            [training_test_texts(&compiler)?, Training::texts(&compiler, sizes, data)?];
        let compiling = async {
            compile.compile(test.iter().chain(&run)).await;
            Ok::<(), FusedError>(())
        };
        // A kernel that the browser refuses is left to the test, which then tries simpler ones.
        let _ = gpu.isolate(compiling).await;
    }
    let compiler = Compiler::new(gpu, check_training_with(gpu, best).await?)?;
    let training = Training::new(&compiler, sizes, data, recipe.batch, recipe.grad_accum_steps)?;
    Ok((compiler, training))
}

impl Drop for Trainer {
    /// Gives the GPU's memory back now: JavaScript may collect garbage much later, and whoever watches
    /// devices would take that for the loss of one in use.
    fn drop(&mut self) {
        self.compiler.gpu().device().destroy();
    }
}
