//! Distillation: one network learns what a model does, guided or not (Meng et al., *On Distillation of
//! Guided Diffusion Models*, 2023, section 3.1; Song et al., *Consistency Models*, 2023, section 4).

use burn::module::Module;
use burn::tensor::Tensor;

use super::batch::Batch;
use super::consistency_loss::finite_levels;
use super::{Options, Precision};
use crate::net::burn_layers::column;
use crate::net::{Architecture, ClassInput, Network};
use crate::sample::guidance::Autoguide;

/// A model. A run learns its score or flow instead of that of the images, so that afterwards a single
/// evaluation of one network has it.
pub(super) struct Teacher {
    /// The model.
    pub network: Network,
    /// How it is guided.
    pub guidance: Guidance,
}

/// How a teacher is guided.
pub(super) enum Guidance {
    /// Away from a worse model.
    Auto(Box<Autoguide>),
    /// Toward the class of each image, each with a scale of its own.
    Class,
    /// Not at all.
    None,
}

impl Teacher {
    /// The networks that a run with these options learns from: the model's and, if that is guided away
    /// from a worse one, the latter's. Empty if the run learns from the images.
    pub fn architectures(options: &Options) -> Vec<&Architecture> {
        if options.teacher_method().is_none() {
            return Vec::new();
        }
        match (&options.distribution_matching, &options.autoguidance) {
            (Some(by), _) => vec![&by.model],
            (None, Some(by)) => vec![&options.architecture, &by.worse],
            (None, None) => vec![&options.architecture],
        }
    }

    /// The teacher of a run with these options, from the networks of [`Self::architectures`]; `None` if
    /// one of them is missing.
    pub fn new(options: &Options, networks: Vec<Network>) -> Option<Self> {
        let mut networks = networks.into_iter();
        let network = networks.next()?;
        let guidance = match &options.autoguidance {
            Some(by) => {
                let (worse, guidance_scale) = (networks.next()?, by.guidance_scale);
                Guidance::Auto(Box::new(Autoguide { worse, guidance_scale }))
            }
            // The scale is an input of the network that learns.
            None if options.architecture.guidance_max() > 0.0 => Guidance::Class,
            None => Guidance::None,
        };
        Some(Self { network, guidance })
    }

    /// Its networks, in that order.
    pub fn networks(&self) -> impl Iterator<Item = &Network> {
        let worse = match &self.guidance {
            Guidance::Auto(guide) => Some(&guide.worse),
            Guidance::Class | Guidance::None => None,
        };
        std::iter::once(&self.network).chain(worse)
    }

    /// The noise that it predicts in the noisy images of a batch, `−σ s(x̃, σ)`: N × C × H × W. As the
    /// target of denoising score matching in place of the added noise, it is without the latter's
    /// variance.
    pub fn noise(&self, batch: &Batch, precision: Precision) -> Tensor<4> {
        self.noise_in(batch.noisy.clone().inner(), &batch.sigmas, &batch.classes, precision)
    }

    /// The mean noise along the model's flow from each x̃ to a smaller noise level, by a step of Heun's
    /// method (Karras et al. 2022, algorithm 1), which for level 0 is Euler's: x̃ plus the difference of
    /// the levels times it is the point of the flow there.
    pub fn noise_along(&self, batch: &Batch, ends: &[f32], precision: Precision) -> Tensor<4> {
        let Batch { noisy, sigmas, classes, .. } = batch;
        let (x, first) = (noisy.clone().inner(), self.noise(batch, precision));
        let device = x.device();
        let levels = || sigmas.iter().zip(ends);
        let end = x + first.clone() * column(levels().map(|(from, to)| to - from), &device);
        let second = self.noise_in(end, &finite_levels(ends, sigmas), classes, precision);
        let share = column(ends.iter().map(|&to| if to > 0.0 { 0.5 } else { 0.0 }), &device);
        first.clone() + (second - first) * share
    }

    /// As [`Self::noise`], the noise that it predicts in noisy images `x`, N × C × H × W, each with its
    /// own σ and class.
    pub fn noise_in(
        &self,
        x: Tensor<4>,
        sigmas: &[f32],
        classes: &[ClassInput],
        precision: Precision,
    ) -> Tensor<4> {
        let device = x.device();
        let here = |network: &Network| precision.cast(network.clone().to_device(&device));
        let network = here(&self.network);
        let labels: Vec<Option<usize>> = classes.iter().map(|input| input.class).collect();
        let score = network.class_score(x.clone(), sigmas, &labels);
        let difference = match &self.guidance {
            Guidance::Auto(guide) => {
                let guide = Autoguide { worse: here(&guide.worse), ..Autoguide::clone(guide) };
                Some(guide.difference(&x, sigmas, &labels, &score))
            }
            Guidance::Class => {
                let factors = classes.iter().map(|ClassInput { guidance, .. }| guidance - 1.0);
                Some((score.clone() - network.score(x, sigmas)) * column(factors, &device))
            }
            Guidance::None => None,
        };
        let guided = match difference {
            Some(difference) => score + difference,
            None => score,
        };
        guided * column(sigmas.iter().map(|sigma| -sigma), &device)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::data::Images;
    use crate::net::{ImageShape, weights};
    use crate::random::Key;
    use crate::train::Augmentation;
    use crate::train::test_network::tiny;

    /// Karras et al. 2022, algorithm 1, lines 4 to 8, with d = −σ s for dx/dσ.
    #[test]
    fn the_mean_noise_leads_where_a_step_of_heuns_method_does() {
        let shape = ImageShape { channels: 1, height: 4, width: 4 };
        let images = Images::new(shape, (0..3 * 16).map(|i| (i * 37 % 256) as u8).collect());
        let device = Device::flex();
        let sizes = tiny(shape);
        let architecture = Architecture::UNet(sizes.clone());
        let drawn = weights::initial(&sizes, 1);
        let network = Network::with_weights(&architecture, drawn, &device).expect("possible");
        let (from, to) = (vec![2.0, 0.5, 0.05], vec![1.0, 0.3, 0.0]);
        let key = Key { seed: 1, stream: 0, step: 0 };
        let change = Augmentation::default();
        let batch = Batch::new(&images, &[0, 1, 2], change, from.clone(), key, &device);
        let teacher = Teacher { network: network.clone(), guidance: Guidance::None };
        let along = teacher.noise_along(&batch, &to, Precision::F32);
        let read = |tensor: Tensor<4>| tensor.into_data().iter::<f32>().collect::<Vec<f32>>();
        let dx_dsigma = |x: Tensor<4>, sigmas: &[f32]| {
            network.score(x, sigmas) * column(sigmas.iter().map(|sigma| -sigma), &device)
        };
        let first = read(dx_dsigma(batch.noisy.clone(), &from));
        let step = column(from.iter().zip(&to).map(|(from, to)| to - from), &device);
        let euler = batch.noisy.clone() + dx_dsigma(batch.noisy.clone(), &from) * step;
        let second = read(dx_dsigma(euler, &[1.0, 0.3, 0.05]));
        let mut apart: f32 = 0.0;
        for (at, found) in read(along).into_iter().enumerate() {
            let expected = match at / 16 {
                2 => first[at],
                _ => 0.5 * (first[at] + second[at]),
            };
            assert!((found - expected).abs() < 1e-5, "{at}: {found} instead of {expected}");
            apart = apart.max((first[at] - second[at]).abs());
        }
        assert!(apart > 1e-3, "the two derivatives are the same");
    }
}
