//! What the network learns to predict of a noisy image: the noise in it, according to one of three
//! sources.

use burn::tensor::activation::softmax;
use burn::tensor::{Device, IndexingUpdateOp, Tensor, TensorData};

use super::batch::Batch;
use super::teacher::Teacher;
use super::{Augmentation, Precision};
use crate::data::{Images, distances};
use crate::recipe;

/// The source of the noise that denoising score matching asks the network for.
pub(super) enum Target {
    /// The noise that was added, z.
    Added,
    /// The mean over all images.
    Stable(StableTargets),
    /// The noise that a model predicts.
    Teacher(Box<Teacher>),
}

impl Target {
    /// The noise of each image of a batch, according to this source.
    pub fn noise(&self, batch: &Batch, precision: Precision) -> Tensor<4> {
        match self {
            Self::Added => batch.noise.clone(),
            Self::Stable(targets) => targets.noise(batch),
            Self::Teacher(teacher) => teacher.noise(batch, precision),
        }
    }

    /// The noise that leads each image of a batch along the flow of this source to a smaller noise
    /// level: see [`super::consistency_loss::distances`].
    pub fn noise_along(&self, batch: &Batch, ends: &[f32], precision: Precision) -> Tensor<4> {
        match self {
            Self::Teacher(teacher) => teacher.noise_along(batch, ends, precision),
            Self::Added | Self::Stable(_) => self.noise(batch, precision),
        }
    }
}

/// The stable target field (Xu, Tong & Jaakkola 2023). The target is not the noise between x̃ and
/// the image it was made from, but its mean over all images x that x̃ can have been made from,
/// `E[z | x̃] = (x̃ − Σ w x)/σ` with `w ∝ exp(−‖x̃ − x‖²/2σ²)`.
///
/// If the network is conditioned on the image's class, the mean is over the images of that class.
///
/// Both have the same minimizer, since they have the same mean given x̃. The added noise scatters
/// about that mean, the more so the larger σ is, and makes the gradients scatter; the mean does
/// not. All training images serve as the reference, so nothing is biased.
pub(super) struct StableTargets {
    /// Below this σ, a noisy image shows what it was made from, and the mean is the added noise.
    from: f32,
    references: Vec<Reference>,
}

/// The reference images on a device.
struct Reference {
    device: Device,
    /// M × D.
    images: Tensor<2>,
    /// ½ ‖x‖²: 1 × M.
    half_norms: Tensor<2>,
    /// Which class each image has: C × M, 0 for the class and [`ANOTHER`] elsewhere. `None` without
    /// classes.
    classes: Option<Tensor<2>>,
}

/// What is added to the logarithm of an image's weight if it is of another class: e to this is 0.
const ANOTHER: f32 = -1e30;

/// The σ from which targets are stable for these images; `None` if all of them are the same.
pub fn stable_sigma(images: &Images) -> Option<f32> {
    distances::nearest(images).map(|distance| recipe::stable_sigma(distance as f32))
}

impl StableTargets {
    /// The targets for these images, put through changes, at σ from `from` up, on one or more
    /// devices, for a network with this many classes.
    pub fn new(
        images: &Images,
        change: Augmentation,
        from: f32,
        classes: usize,
        devices: &[Device],
    ) -> Self {
        let dimension = images.shape.dimension();
        let values = change.every(images);
        let half_norm = |image: &[f32]| {
            // In f64, or what many pixels add up to would be lost against the differences.
            (0.5 * image.iter().map(|v| f64::from(v * v)).sum::<f64>()) as f32
        };
        let half_norms: Vec<f32> = values.chunks_exact(dimension).map(half_norm).collect();
        let count = half_norms.len();
        let first = &devices[0];
        let half_norms = Tensor::<2>::from_data(TensorData::new(half_norms, [1, count]), first);
        let classes = (classes > 0).then(|| {
            let class_of = |image: usize| images.label(image % images.len());
            let row = |class| (0..count).map(move |image| (class, image));
            let other = |(class, image)| if class_of(image) == Some(class) { 0.0 } else { ANOTHER };
            let values: Vec<f32> = (0..classes).flat_map(row).map(other).collect();
            Tensor::<2>::from_data(TensorData::new(values, [classes, count]), first)
        });
        // The largest thing that a run keeps, so never copy it, even for a moment.
        let images = Tensor::<2>::from_data(TensorData::new(values, [count, dimension]), first);
        let reference = |device: &Device| Reference {
            device: device.clone(),
            images: images.clone().to_device(device),
            half_norms: half_norms.clone().to_device(device),
            classes: classes.clone().map(|classes| classes.to_device(device)),
        };
        Self { from, references: devices.iter().map(reference).collect() }
    }

    fn noise(&self, batch: &Batch) -> Tensor<4> {
        let (noisy, noise) = (batch.noisy.clone().inner(), batch.noise.clone().inner());
        let device = noisy.device();
        let sigmas = batch.sigmas.iter().enumerate().filter(|(_, sigma)| **sigma >= self.from);
        let (rows, sigmas): (Vec<i32>, Vec<f32>) = sigmas.map(|(row, &s)| (row as i32, s)).unzip();
        let count = rows.len();
        if count == 0 {
            return noise;
        }
        let reference = self.references.iter().find(|reference| reference.device == device);
        let Reference { images, half_norms, classes, .. } =
            reference.expect("batches are on the devices of the run");
        let others = classes.as_ref().map(|classes| {
            // A row of zeros for an image whose class is dropped.
            let [count, images] = classes.dims();
            let zeros = Tensor::<2>::zeros([1, images], &device);
            let known =
                |&row: &i32| batch.classes[row as usize].class.map_or(count, |c| c.min(count));
            let known: Vec<i32> = rows.iter().map(|row| known(row) as i32).collect();
            let known = TensorData::new(known, [rows.len()]);
            let all = Tensor::cat(vec![classes.clone(), zeros], 0);
            all.select(0, Tensor::from_data(known, &device))
        });
        let rows = Tensor::from_data(TensorData::new(rows, [count]), &device);
        let sigmas = Tensor::<2>::from_data(TensorData::new(sigmas, [count, 1]), &device);
        let noisy: Tensor<2> = noisy.select(0, rows.clone()).flatten(1, 3);
        // −‖x̃ − x‖²/2 without ‖x̃‖²/2, which is the same for all x.
        let logits = noisy.clone().matmul(images.clone().swap_dims(0, 1)) - half_norms.clone();
        let logits = logits / sigmas.clone().square();
        let weights = softmax(others.map_or(logits.clone(), |others| logits + others), 1);
        let mean = (noisy - weights.matmul(images.clone())) / sigmas;
        let [_, channels, height, width] = noise.dims();
        let mean = mean.reshape([count, channels, height, width]);
        let change = mean - noise.clone().select(0, rows.clone());
        noise.select_assign(0, rows, change, IndexingUpdateOp::Add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{ClassInput, ImageShape};
    use crate::random::Key;

    /// At that σ the targets are nearly the added noise; well above it, they are not.
    #[test]
    fn stable_targets_begin_where_they_make_a_difference() {
        let shape = ImageShape { channels: 1, height: 6, width: 6 };
        let byte = |at: u32| {
            let key = Key { seed: 2, stream: at / 36, step: 0 };
            (256.0 * key.uniform(at % 36)) as u8
        };
        let images = Images::new(shape, (0..300 * 36).map(byte).collect());
        let change = Augmentation::default();
        let from = stable_sigma(&images).expect("they differ");
        let device = Device::flex();
        let targets = StableTargets::new(&images, change, 0.0, 0, std::slice::from_ref(&device));
        let targets = Target::Stable(targets);
        let indices: Vec<usize> = (0..100).collect();
        let key = Key { seed: 1, stream: 0, step: 0 };
        // The relative difference from the added noise.
        let difference = |sigma: f32| {
            let sigmas = vec![sigma; indices.len()];
            let batch = Batch::new(&images, &indices, change, sigmas, key, &device);
            let apart = targets.noise(&batch, Precision::F32) - batch.noise.clone();
            let squares = |tensor: Tensor<4>| tensor.square().sum().into_scalar::<f32>();
            (squares(apart) / squares(batch.noise)).sqrt()
        };
        assert!(difference(from) < 0.1, "{} at {from}", difference(from));
        assert!(difference(3.0 * from) > 0.2, "{} at {}", difference(3.0 * from), 3.0 * from);
        let black = Images::new(shape, vec![0; 3 * 36]);
        assert_eq!(stable_sigma(&black), None);
    }

    /// The definition, applied image by image, with images close enough for several to count: for a
    /// network without classes, and for one that is conditioned on some of them.
    #[test]
    fn stable_targets_are_means_over_all_images_that_fit() {
        let shape = ImageShape { channels: 2, height: 2, width: 3 };
        let dimension = shape.dimension();
        let bytes = (0..20 * dimension).map(|i| (i * i * 7 % 251) as u8).collect();
        let labels = Some((0..20).map(|image| image % 3).collect());
        let images = Images { labels, ..Images::new(shape, bytes) };
        let change = Augmentation { flip: true, dequantize: false };
        let sigmas = vec![0.2, 0.5, 1.0, 4.0];
        let key = Key { seed: 1, stream: 0, step: 0 };
        let device = Device::flex();
        let every = change.every(&images);
        assert_eq!(every.len(), 2 * images.bytes.len());
        let host = |tensor: Tensor<4>| tensor.into_data().iter::<f32>().collect::<Vec<f32>>();

        for (classes, labels) in [(0, [None; 4]), (3, [Some(0), None, Some(1), Some(0)])] {
            let devices = std::slice::from_ref(&device);
            let targets = StableTargets::new(&images, change, 0.4, classes, devices);
            let autodiff = device.clone().autodiff();
            let batch = Batch::new(&images, &[0, 3, 7, 9], change, sigmas.clone(), key, &autodiff);
            let batch = Batch { classes: labels.map(ClassInput::from).to_vec(), ..batch };
            let (noisy, added) = (host(batch.noisy.clone()), host(batch.noise.clone()));
            let found = host(Target::Stable(targets).noise(&batch, Precision::F32));
            for (row, (&sigma, class)) in sigmas.iter().zip(labels).enumerate() {
                let [noisy, added, found] =
                    [&noisy, &added, &found].map(|all| &all[row * dimension..][..dimension]);
                if sigma < 0.4 {
                    assert_eq!(found, added);
                    continue;
                }
                let weight = |(index, image): (usize, &[f32])| {
                    let fits = class.is_none() || class == images.label(index % 20);
                    let square: f32 = noisy.iter().zip(image).map(|(a, b)| (a - b).powi(2)).sum();
                    let weight = (-f64::from(square) / 2.0 / f64::from(sigma).powi(2)).exp();
                    if fits { weight } else { 0.0 }
                };
                let all = || every.chunks_exact(dimension).enumerate();
                let sum: f64 = all().map(weight).sum();
                for (pixel, found) in found.iter().enumerate() {
                    let share = |(index, image): (usize, &[f32])| {
                        let noise = f64::from((noisy[pixel] - image[pixel]) / sigma);
                        weight((index, image)) / sum * noise
                    };
                    let truth: f64 = all().map(share).sum();
                    let apart = (f64::from(*found) - truth).abs();
                    assert!(apart < 1e-4, "{found} for {truth} at {sigma}");
                }
                // They must differ from the added noise, or the test shows nothing.
                let apart = found.iter().zip(added).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(apart > 0.01, "{apart} at {sigma}");
            }
        }
    }
}
