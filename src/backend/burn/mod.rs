//! The Burn backend: runs a step table on a network, on any Burn device.
//!
//! Network, noise and updates all run on the device; only what is asked for is read back.

mod model;
mod noise;
mod observed;

use std::ops::Range;

use burn::tensor::{Tensor, TensorData};

pub use self::model::BurnModel;
use self::noise::Noise;
use self::observed::Observed;
use super::{BackendError, ChainSource, Chains, Pending, State, View};
use crate::net::{ClassInput, ImageShape};
use crate::sample::step_table::corrector_signal;
use crate::sample::{Conditioning, GuidanceScale, StepTable, Update};
use crate::words::one_line;

/// The most steps that a device may have in its queue. In the browser it costs milliseconds to
/// hear of their end, so the page asks for few enough at a time and waits once for them all.
const MOST_QUEUED: usize = if cfg!(target_family = "wasm") { 64 } else { 16 };

/// A batch of chains on a Burn device.
#[derive(Clone, Debug)]
pub struct BurnChains {
    model: BurnModel,
    table: StepTable,
    noise: Noise,
    observed: Option<Observed>,
    /// The class of each chain, or a single one for all.
    classes: Vec<Option<usize>>,
    /// Classifier-free guidance toward these classes.
    guidance_scale: GuidanceScale,
    /// The step whose noise was drawn last.
    last_noise: u32,
    /// The number of steps done.
    done: usize,
    /// The noisy images x̃: N × C × H × W.
    x: Tensor<4>,
    /// The score of the step before, N × C × H × W, if the next step needs it.
    previous: Option<Tensor<4>>,
    /// The denoised images of the latest steps, the last step's first, N × C × H × W each: as many
    /// as the next steps need.
    denoised: Vec<Tensor<4>>,
}

impl BurnChains {
    /// Chains at the start of a step table.
    ///
    /// `chains` are the numbers of the chains: chain 7 is the same whether it runs alone or in a
    /// batch from 0 to 100.
    ///
    /// # Errors
    /// [`BackendError::Chains`] if there are none or a number is too large.
    pub fn new(
        model: &BurnModel,
        table: StepTable,
        seed: u64,
        chains: Range<usize>,
    ) -> Result<Self, BackendError> {
        Self::conditioned(model, table, &Conditioning::default(), seed, chains)
    }

    /// As [`Self::new`], with a conditioning.
    ///
    /// # Errors
    /// As [`Self::new`], and if the conditioning does not fit the network's images or classes.
    pub fn conditioned(
        model: &BurnModel,
        table: StepTable,
        conditioning: &Conditioning,
        seed: u64,
        chains: Range<usize>,
    ) -> Result<Self, BackendError> {
        let BurnModel { network, image_shape, device, .. } = model;
        BackendError::check_chains(&chains)?;
        conditioning.check_shape(*image_shape)?;
        conditioning.check_classes(network.classes())?;
        let (classes, guidance_scale) = match &conditioning.classes {
            Some(asked) => (chains.clone().map(|k| asked.of(k)).collect(), asked.guidance_scale),
            None => (vec![None], GuidanceScale::NONE),
        };
        let noise = Noise::new(seed, conditioning, *image_shape, chains, device);
        let observed = conditioning.observation.as_ref().map(|o| Observed::new(o, device));
        let mut chains = Self {
            x: noise.start(table.start),
            model: model.clone(),
            table,
            noise,
            observed,
            classes,
            guidance_scale,
            last_noise: StepTable::START,
            done: 0,
            previous: None,
            denoised: Vec::new(),
        };
        chains.observe();
        Ok(chains)
    }

    /// Submits one step; false once the step table is over.
    fn step(&mut self) -> bool {
        let Some(step) = self.next() else { return false };
        let score = self.score(step.sigma);
        let (x, index) = (self.x.clone(), self.done as u32);
        let moved = |drift: f32, previous: f32, earlier: [f32; 2], noise: f32| {
            let mut moved = x.clone() + score.clone() * drift;
            if let Some(before) = &self.previous {
                moved = moved + before.clone() * previous;
            }
            for (denoised, a) in self.denoised.iter().zip(earlier).filter(|&(_, a)| a != 0.0) {
                moved = moved + (denoised.clone() - x.clone()) * a;
            }
            if noise > 0.0 {
                moved = moved + self.noise.normal(index) * noise;
            }
            moved
        };
        self.x = match step.update {
            Update::Affine { drift, previous, noise } => moved(drift, previous, [0.0; 2], noise),
            Update::Multistep { drift, earlier, noise } => moved(drift, 0.0, earlier, noise),
            Update::Corrector { snr } => {
                let size = corrector_sizes(snr, step.sigma, &score);
                let z = self.noise.normal(index);
                x.clone() + score.clone() * size.clone() + z * (size * 2.0).sqrt()
            }
        };
        if step.update.is_noisy() {
            self.last_noise = index;
        }
        self.done += 1;
        let kept = self.table.denoised_kept(self.done);
        if kept > 0 {
            self.denoised.insert(0, x + score.clone() * (step.sigma * step.sigma));
        }
        self.denoised.truncate(kept);
        // Keep the score only for a step that looks back: it is as large as x.
        self.previous = self.table.looks_back(self.done).then_some(score);
        self.observe();
        true
    }

    /// s(x, σ | c) with its guidance, plus what the guides add.
    fn score(&self, sigma: f32) -> Tensor<4> {
        let BurnModel { network, guides, .. } = &self.model;
        let x = || self.x.clone();
        let parts = self.guidance_scale.split(network.guidance_max());
        let [input, guidance] = parts.map(|scale| scale.at(sigma));
        let with_guidance = |&class| ClassInput { class, guidance: input };
        let classes: Vec<ClassInput> = self.classes.iter().map(with_guidance).collect();
        let first = network.conditional_score(x(), &[sigma], &classes);
        let mut score = first.clone();
        if guidance != 1.0 {
            let unconditional = network.score(x(), &[sigma]);
            score = first.clone() + (first.clone() - unconditional) * (guidance - 1.0);
        }
        if guides.is_empty() {
            return score;
        }
        // Guides add to the network's own score, so that two kinds of guidance do not multiply.
        let own = match input {
            1.0 => first,
            _ => network.class_score(x(), &[sigma], &self.classes),
        };
        let pulls = guides.iter().map(|guide| guide.pull(&self.x, sigma, &self.classes, &own));
        pulls.fold(score, |sum, pull| sum + pull)
    }

    /// Replaces the observed component of x by the observation, at the current noise level.
    fn observe(&mut self) {
        if let Some(observed) = &self.observed {
            let z = self.noise.normal(self.last_noise);
            self.x = observed.impose(self.x.clone(), self.table.sigma_at(self.done), z);
        }
    }

    /// As [`Chains::read`], left on the device.
    fn images(&self, view: View) -> Tensor<4> {
        let x = self.x.clone();
        match (view, self.next()) {
            (View::Denoised, Some(step)) => x + self.score(step.sigma) * (step.sigma * step.sigma),
            (View::Noisy, _) | (View::Denoised, None) => x,
        }
    }
}

impl ChainSource for BurnModel {
    fn image_shape(&self) -> ImageShape {
        self.image_shape
    }

    fn chains(
        &self,
        table: StepTable,
        conditioning: &Conditioning,
        seed: u64,
        numbers: Range<usize>,
    ) -> Result<Box<dyn Chains>, BackendError> {
        Ok(Box::new(BurnChains::conditioned(self, table, conditioning, seed, numbers)?))
    }
}

impl Chains for BurnChains {
    fn step_table(&self) -> &StepTable {
        &self.table
    }

    fn done(&self) -> usize {
        self.done
    }

    fn advance(&mut self, steps: usize) -> Pending<'_, usize> {
        Box::pin(async move {
            if steps == 0 || !self.step() {
                return Ok(0);
            }
            if self.done.is_multiple_of(MOST_QUEUED) {
                self.wait().await?;
            }
            Ok(1)
        })
    }

    fn wait(&mut self) -> Pending<'_, ()> {
        // One number that depends on every step so far.
        let mark = self.x.clone().slice([0..1, 0..1, 0..1, 0..1]);
        Box::pin(async { read(mark).await.map(drop) })
    }

    fn read(&mut self, view: View) -> Pending<'_, Vec<f32>> {
        Box::pin(read(self.images(view)))
    }

    fn save(&mut self) -> Pending<'_, State> {
        let (done, x, previous) = (self.done, self.x.clone(), self.previous.clone());
        let earlier = self.denoised.clone();
        Box::pin(async move {
            let previous = match previous {
                Some(previous) => Some(read(previous).await?),
                None => None,
            };
            let mut denoised = Vec::with_capacity(earlier.len());
            for image in earlier {
                denoised.push(read(image).await?);
            }
            Ok(State { done, x: read(x).await?, previous, denoised })
        })
    }

    fn restore(&mut self, state: &State) -> Result<(), BackendError> {
        let (shape, device) = (self.x.dims(), self.x.device());
        state.check(&self.table, shape.iter().product())?;
        let tensor =
            |values: &Vec<f32>| Tensor::from_data(TensorData::new(values.clone(), shape), &device);
        (self.done, self.x) = (state.done, tensor(&state.x));
        self.previous = state.previous.as_ref().map(tensor);
        self.denoised = state.denoised.iter().map(tensor).collect();
        self.last_noise = self.table.last_noise(state.done);
        Ok(())
    }
}

/// The values of a tensor, once the device has computed them.
async fn read(images: Tensor<4>) -> Result<Vec<f32>, BackendError> {
    let data = images.into_data_async().await;
    let data = data.map_err(|error| BackendError::Device(one_line(error)))?;
    Ok(data.iter::<f32>().collect())
}

/// [`crate::sample::step_table::corrector_size`] of each chain: N × 1 × 1 × 1.
fn corrector_sizes(snr: f32, sigma: f32, score: &Tensor<4>) -> Tensor<4> {
    let [n, channels, height, width] = score.dims();
    let signal = corrector_signal(snr, channels * height * width);
    let norm2: Tensor<2> = score.clone().square().flatten::<2>(1, 3).sum_dim(1);
    let norm2 = norm2.clamp_min(signal / (sigma * sigma)).reshape([n, 1, 1, 1]);
    norm2.recip() * signal
}
