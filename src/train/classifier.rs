//! Trains a classifier with cross entropy, AdamW and a moving average. This takes minutes, not
//! hours, so there are no checkpoints.

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamWConfig, GradientsAccumulator};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::shards::Shards;
use super::{OptionsError, TrainError, ema, options};
use crate::classifier::{Classifier, ClassifierDescription};
use crate::data::Images;
use crate::pixel::value;
use crate::random::Key;
use crate::recipe::{Order, ema_decay, learning_rate_share};

/// How a classifier is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassifierOptions {
    /// Optimizer steps.
    pub steps: u64,
    /// Images per step.
    pub batch: usize,
    /// Adam's peak learning rate; it is reached over a twentieth of the steps and decays along half
    /// a cosine.
    pub learning_rate: f64,
    /// σ_min and σ_max, between which noise levels are drawn evenly on a logarithmic scale; if both
    /// are the same, images get no noise.
    pub sigmas: [f32; 2],
    /// The largest random shift of an image in each direction, in pixels.
    pub shift: usize,
    /// The seed of everything random.
    pub seed: u64,
}

/// The decay of the moving average of the weights, per step.
const EMA_DECAY: f64 = 0.998;

/// AdamW's weight decay.
const WEIGHT_DECAY: f32 = 0.01;

/// Trains a classifier on labeled images; `progress` gets the number of steps done and the loss.
///
/// # Errors
/// [`TrainError`] if the description does not fit, the device fails or the loss is not finite.
///
/// # Panics
/// If the images have no labels.
pub fn train_classifier(
    description: &ClassifierDescription,
    images: &Images,
    options: &ClassifierOptions,
    device: &Device,
    progress: &dyn Fn(u64, f32),
) -> Result<Classifier, TrainError> {
    options.check()?;
    let autodiff = device.clone().autodiff();
    autodiff.seed(options.seed);
    let mut classifier = Classifier::new(description, &autodiff)?;
    let mut mean = classifier.valid();
    let mut optimizer = AdamWConfig::new().with_weight_decay(WEIGHT_DECAY).init();
    let shards = Shards::new(std::slice::from_ref(device), options.batch);
    let shards = shards.map_err(|e| TrainError::Device(e.to_string()))?;
    let mut order = Order::new(images.len(), options.seed);
    for step in 0..options.steps {
        let first = step * options.batch as u64;
        let indices: Vec<usize> =
            (first..).take(options.batch).map(|position| order.at(position)).collect();
        let mut grads = GradientsAccumulator::new();
        let part = 0..indices.len();
        let loss = shards.backward(part, &classifier, &mut grads, |part, classifier, device| {
            let key = Key { seed: options.seed, stream: part.start as u32, step: step as u32 };
            let batch = Batch::new(images, &indices[part], options, key, device);
            let share = batch.sigmas.len() as f32 / options.batch as f32;
            let logits = classifier.logits(classifier.features(batch.x, &batch.sigmas));
            let loss = CrossEntropyLossConfig::new().init(device).forward(logits, batch.labels);
            loss * share
        });
        let loss = loss.try_into_scalar::<f32>();
        let loss = loss.map_err(|e| TrainError::Device(format!("{e:?}")))?;
        if !loss.is_finite() {
            return Err(TrainError::Diverged { sound: step, step: step + 1, what: "the loss" });
        }
        let rate =
            options.learning_rate * learning_rate_share(step, options.steps / 20, options.steps);
        classifier = optimizer.step(rate, classifier, grads.grads());
        mean = ema::update(mean, &classifier.valid(), ema_decay(EMA_DECAY, step));
        progress(step + 1, loss);
    }
    Ok(mean)
}

impl ClassifierOptions {
    /// Checks every option.
    ///
    /// # Errors
    /// [`OptionsError`] names the first that is impossible.
    pub fn check(&self) -> Result<(), OptionsError> {
        let [low, high] = self.sigmas;
        options::steps(self.steps)?;
        options::batch(self.batch)?;
        options::positive("the learning rate", self.learning_rate)?;
        options::positive("the smallest noise level", f64::from(low))?;
        if high.is_finite() && low <= high {
            return Ok(());
        }
        Err(OptionsError(format!("there are no noise levels from {low} to {high}")))
    }

    /// Whether the classifier is trained with noise.
    pub fn is_noisy(&self) -> bool {
        self.sigmas[0] < self.sigmas[1]
    }
}

struct Batch {
    x: Tensor<4>,
    sigmas: Vec<f32>,
    labels: Tensor<1, Int>,
}

/// The indices of the random numbers that decide on an image's noise level and shift; noise takes
/// those from 0.
const SIGMA: u32 = 1 << 31;
const SHIFT: u32 = SIGMA + 1;

impl Batch {
    fn new(
        images: &Images,
        indices: &[usize],
        options: &ClassifierOptions,
        key: Key,
        device: &Device,
    ) -> Self {
        let shape = images.shape;
        let labels = images.labels.as_ref().expect("a classifier is trained on labeled images");
        let [low, high] = options.sigmas;
        let mut values = Vec::with_capacity(indices.len() * shape.dimension());
        let mut sigmas = Vec::with_capacity(indices.len());
        for (stream, &index) in (key.stream..).zip(indices) {
            let key = Key { stream, ..key };
            let sigma = low * (high / low).powf(key.uniform(SIGMA));
            sigmas.push(sigma);
            let [down, right] = [0, 1].map(|axis| {
                let reach = 2.0 * options.shift as f32 + 1.0;
                (key.uniform(SHIFT + axis) * reach) as isize - options.shift as isize
            });
            let image = images.image(index);
            let inside =
                |at: usize, by: isize, side: usize| at.saturating_add_signed(by).min(side - 1);
            for channel in image.chunks_exact(shape.height * shape.width) {
                for y in 0..shape.height {
                    let row = inside(y, down, shape.height) * shape.width;
                    let pixel = |x| channel[row + inside(x, right, shape.width)];
                    values.extend((0..shape.width).map(|x| value(pixel(x))));
                }
            }
            if options.is_noisy() {
                let first = values.len() - shape.dimension();
                for (at, x) in (0..).zip(&mut values[first..]) {
                    *x += sigma * key.normal(at);
                }
            }
        }
        let shape = [indices.len(), shape.channels, shape.height, shape.width];
        let labels: Vec<i32> = indices.iter().map(|&index| i32::from(labels[index])).collect();
        let labels = TensorData::new(labels, [indices.len()]);
        Self {
            x: Tensor::from_data(TensorData::new(values, shape), device),
            sigmas,
            labels: Tensor::from_data(labels, device),
        }
    }
}
