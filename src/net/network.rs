//! A network on a Burn device, whatever its architecture.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::burn_layers::column;
use super::class_input::ClassInput;
use super::description::Architecture;
use super::description_error::DescriptionError;
use super::network_error::NetworkError;
use super::refinenet::RefineNet;
use super::unet::UNet;
use super::weights::{self, Weights};

/// A noise-conditional score network on a Burn device: any of the architectures.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one network, or two, at a time")]
pub enum Network {
    /// See [`UNet`].
    UNet(UNet),
    /// See [`RefineNet`].
    RefineNet(RefineNet),
}

impl Network {
    /// A network with freshly drawn weights (call [`Device::seed`] first to make them
    /// reproducible).
    ///
    /// # Errors
    /// [`DescriptionError`] if the sizes do not fit together.
    pub fn new(architecture: &Architecture, device: &Device) -> Result<Self, DescriptionError> {
        architecture.check()?;
        Ok(match architecture {
            Architecture::UNet(description) => Self::UNet(UNet::new(description, device)),
            Architecture::RefineNet(description) => {
                Self::RefineNet(RefineNet::new(description, device))
            }
        })
    }

    /// A network with the weights of a model: all tensors of [`Architecture::tensors`], and no others.
    /// Only the rows of classes may be missing; they are then 0, as in a model that had no classes.
    ///
    /// # Errors
    /// [`NetworkError::Description`] if the sizes do not fit together, [`NetworkError::Weights`] with
    /// the name of a tensor that does not fit.
    pub fn with_weights(
        architecture: &Architecture,
        weights: Weights,
        device: &Device,
    ) -> Result<Self, NetworkError> {
        // Before the tensors are listed, since there are none of sizes that do not fit together.
        architecture.check()?;
        weights::check_weights(architecture, &weights)?;
        Ok(weights::apply(Self::new(architecture, device)?, weights, device))
    }

    /// The score `s(x, σ)`, N × C × H × W like `x`, of images of no class in particular.
    ///
    /// `sigmas` holds one σ > 0 for each of the N images, or a single one for all.
    pub fn score(&self, x: Tensor<4>, sigmas: &[f32]) -> Tensor<4> {
        self.class_score(x, sigmas, &[None])
    }

    /// The score `s(x, σ | c)` of images of classes, N × C × H × W like `x`. A network without
    /// classes ignores them.
    ///
    /// `sigmas` and `classes` hold one for each of the N images, or a single one for all.
    pub fn class_score(
        &self,
        x: Tensor<4>,
        sigmas: &[f32],
        classes: &[Option<usize>],
    ) -> Tensor<4> {
        let classes: Vec<ClassInput> = classes.iter().map(|&class| class.into()).collect();
        self.conditional_score(x, sigmas, &classes)
    }

    /// As [`Self::class_score`], but each class comes with a scale of guidance, which is 1 for the score
    /// without guidance. Only networks with a [`Self::guidance_max`] were trained for scales above 1.
    pub fn conditional_score(
        &self,
        x: Tensor<4>,
        sigmas: &[f32],
        classes: &[ClassInput],
    ) -> Tensor<4> {
        match self {
            Self::UNet(unet) => unet.score(x, sigmas, classes),
            Self::RefineNet(refinenet) => refinenet.score(x, sigmas),
        }
    }

    /// The number of classes that it is conditioned on; 0 for an unconditional network.
    pub fn classes(&self) -> usize {
        match self {
            Self::UNet(unet) => unet.classes(),
            Self::RefineNet(_) => 0,
        }
    }

    /// The largest scale of guidance that is an input; 0 if none is.
    pub fn guidance_max(&self) -> f32 {
        match self {
            Self::UNet(unet) => unet.guidance_max(),
            Self::RefineNet(_) => 0.0,
        }
    }

    /// The denoiser `D(x, σ) = x + σ² s(x, σ)` of N images, N × C × H × W: the network's estimate of
    /// the clean images. Each image has its own σ and class, or all have the same.
    pub fn denoise(&self, x: Tensor<4>, sigmas: &[f32], classes: &[ClassInput]) -> Tensor<4> {
        let device = x.device();
        let score = self.conditional_score(x.clone(), sigmas, classes);
        x + score * column(sigmas.iter().map(|sigma| sigma * sigma), &device)
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::super::weights::WeightsMismatch::{Missing, Shape, Unexpected};
    use super::*;
    use crate::net::weights::collect;
    use crate::net::{
        Depth, ImageShape, Preconditioning, RefineNetDescription, UNetDescription, Variant,
    };
    use crate::noise::NoiseSchedule;

    /// One of each kind.
    fn architectures() -> [Architecture; 2] {
        let image_shape = ImageShape { channels: 1, height: 16, width: 16 };
        let scale = Preconditioning { mean: 0.5, sigma_data: 0.3 };
        let sizes = UNetDescription::new(image_shape, scale);
        let unet = UNetDescription { widths: vec![8, 8], attention: vec![false, true], ..sizes };
        let schedule = NoiseSchedule { sigma_max: 1.0, sigma_min: 0.01, levels: 3 };
        let (variant, depth) = (Variant::Ncsnv2, Depth::Standard);
        let refinenet = RefineNetDescription { variant, image_shape, depth, ngf: 8, schedule };
        [Architecture::UNet(unet), Architecture::RefineNet(refinenet)]
    }

    #[test]
    fn weights_of_another_network_are_refused_by_the_name_of_a_tensor() {
        let device = Device::flex();
        for architecture in architectures() {
            let network = Network::new(&architecture, &device).expect("the sizes fit together");
            let whole = collect(&network);
            let with = |weights: &Weights| {
                let network = Network::with_weights(&architecture, weights.clone(), &device);
                network.map(|network| collect(&network))
            };
            assert_eq!(with(&whole).as_ref(), Ok(&whole));
            let refused = |mismatch| Err(NetworkError::Weights(mismatch));
            for name in [whole.keys().next(), whole.keys().next_back()] {
                let name = name.expect("it has tensors");

                let mut missing = whole.clone();
                missing.remove(name);
                assert_eq!(with(&missing), refused(Missing(name.clone())));

                let mut reshaped = whole.clone();
                let array = reshaped.get_mut(name).expect("a tensor of the network");
                let expected = array.shape.clone();
                array.shape.insert(0, 1);
                let found = array.shape.clone();
                // As many values in another shape.
                assert_eq!(with(&reshaped), refused(Shape { name: name.clone(), expected, found }));
            }
            let mut more = whole.clone();
            let any = whole.values().next().expect("it has tensors").clone();
            more.insert("head.another".into(), any);
            assert_eq!(with(&more), refused(Unexpected("head.another".into())));
        }
    }

    #[test]
    fn rows_of_classes_may_be_missing_and_are_zero() {
        let [unet, _] = architectures();
        let device = Device::flex();
        let weights = collect(&Network::new(&unet, &device).expect("the sizes fit together"));
        let network = Network::with_weights(&unet.with_classes(2), weights, &device);
        let rows = &collect(&network.expect("all others are there"))["embedding.classes"];
        assert!(rows.values.iter().all(|&value| value == 0.0), "{rows:?}");
    }
}
