//! Trains a classifier with cross entropy, AdamW and a moving average. This takes minutes, not
//! hours, so there are no checkpoints.

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamWConfig, GradientsAccumulator};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::shards::Shards;
use super::{OptionsError, TrainError, checks, ema};
use crate::classifier::{Classifier, ClassifierDescription};
use crate::data::Images;
use crate::net::burn_layers;
use crate::pixel::value;
use crate::random::Key;
use crate::random::streams::{CLASSIFIER_SHIFT_INDEX, CLASSIFIER_SIGMA_INDEX};
use crate::recipe::{self, Order, ema_decay, learning_rate_share};
use crate::words::one_line;

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
/// [`TrainError::Options`] if an option is impossible, or there are no images of the described shape
/// and classes; [`TrainError`] if there is no such classifier, the device fails or the loss is not
/// finite.
pub fn train_classifier(
    description: &ClassifierDescription,
    images: &Images,
    options: &ClassifierOptions,
    device: &Device,
    progress: &dyn Fn(u64, f32),
) -> Result<Classifier, TrainError> {
    options.check()?;
    checks::images(images, description.image_shape, description.classes)?;
    let autodiff = device.clone().autodiff();
    autodiff.seed(options.seed);
    let mut classifier = Classifier::new(description, &autodiff)?;
    let mut mean = classifier.valid();
    let mut optimizer = AdamWConfig::new().with_weight_decay(WEIGHT_DECAY).init();
    let shards = Shards::new(std::slice::from_ref(device), options.batch);
    let shards = shards.map_err(|e| TrainError::Device(one_line(e)))?;
    let mut order = Order::new(images.len(), options.seed);
    for step in 0..options.steps {
        let indices = order.batch(step, options.batch);
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
        let loss = loss.map_err(|e| TrainError::Device(one_line(e)))?;
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
        recipe::checks::steps(self.steps)?;
        recipe::checks::batch(self.batch)?;
        recipe::checks::positive("the learning rate", self.learning_rate)?;
        recipe::checks::positive("the smallest noise level", f64::from(low))?;
        if high.is_finite() && low <= high {
            return Ok(());
        }
        Err(OptionsError::Impossible(format!("there are no noise levels from {low} to {high}")))
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

impl Batch {
    fn new(
        images: &Images,
        indices: &[usize],
        options: &ClassifierOptions,
        key: Key,
        device: &Device,
    ) -> Self {
        let shape = images.shape;
        let labels = images.labels.as_ref().expect("`checks::images` asks for them");
        let [low, high] = options.sigmas;
        let mut values = Vec::with_capacity(indices.len() * shape.dimension());
        let mut sigmas = Vec::with_capacity(indices.len());
        for (stream, &index) in (key.stream..).zip(indices) {
            let key = Key { stream, ..key };
            let sigma = low * (high / low).powf(key.uniform(CLASSIFIER_SIGMA_INDEX));
            sigmas.push(sigma);
            let [down, right] = [0, 1].map(|axis| {
                let reach = 2.0 * options.shift as f32 + 1.0;
                (key.uniform(CLASSIFIER_SHIFT_INDEX + axis) * reach) as isize
                    - options.shift as isize
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
        let labels: Vec<i32> = indices.iter().map(|&index| i32::from(labels[index])).collect();
        let labels = TensorData::new(labels, [indices.len()]);
        Self {
            x: burn_layers::images(values, shape, device),
            sigmas,
            labels: Tensor::from_data(labels, device),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{ImageShape, Preconditioning};

    #[test]
    fn images_that_a_classifier_cannot_learn_from_are_refused() {
        let shape = ImageShape { channels: 1, height: 8, width: 8 };
        let scale = Preconditioning { mean: 0.5, sigma_data: 0.3 };
        let description = ClassifierDescription::new(shape, 2, scale);
        let (sigmas, batch) = ([0.01, 0.01], 2);
        let options =
            ClassifierOptions { steps: 1, batch, learning_rate: 1e-3, sigmas, shift: 0, seed: 0 };
        let train = |count: usize, labels: Option<Vec<u8>>| {
            let images = Images { labels, ..Images::new(shape, vec![7; 64 * count]) };
            train_classifier(&description, &images, &options, &Device::flex(), &|_, _| ())
        };
        train(2, Some(vec![0, 1])).expect("both classes are known");
        for (count, labels, what) in [
            (0, Some(Vec::new()), "no images"),
            (2, None, "have none"),
            (2, Some(vec![0, 2]), "label 2"),
        ] {
            let error = train(count, labels).expect_err("refused");
            assert!(matches!(error, TrainError::Options(_)), "{error}");
            assert!(error.to_string().contains(what), "{error}");
        }
    }
}
