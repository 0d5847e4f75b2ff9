//! A network described as plain data: stored in the model file's card, checked before anything is
//! allocated, and the source from which each backend builds its own network.

use serde::{Deserialize, Serialize};

use super::description_error::DescriptionError;
use super::image_shape::ImageShape;
use super::precondition::Preconditioning;
use super::refinenet::RefineNetDescription;
pub use super::tensor_shape::TensorShape;
use super::unet::UNetDescription;
use crate::noise::NoiseSchedule;

/// A network's kind and sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Architecture {
    /// A U-Net conditioned on a continuous σ.
    UNet(UNetDescription),
    /// NCSN's and NCSNv2's own networks.
    RefineNet(RefineNetDescription),
}

impl Architecture {
    /// The images it is made for.
    pub fn image_shape(&self) -> ImageShape {
        match self {
            Self::UNet(unet) => unet.image_shape,
            Self::RefineNet(refinenet) => refinenet.image_shape,
        }
    }

    /// The noise levels that it is trained on; `None` if it is conditioned on a continuous σ.
    pub fn schedule(&self) -> Option<NoiseSchedule> {
        match self {
            Self::UNet(_) => None,
            Self::RefineNet(refinenet) => Some(refinenet.schedule),
        }
    }

    /// The number of classes that it is conditioned on; 0 for an unconditional network.
    pub fn classes(&self) -> usize {
        match self {
            Self::UNet(unet) => unet.classes,
            Self::RefineNet(_) => 0,
        }
    }

    /// The largest scale of classifier-free guidance that is an input; 0 if none is.
    pub fn guidance_max(&self) -> f32 {
        match self {
            Self::UNet(unet) => unet.guidance_max,
            Self::RefineNet(_) => 0.0,
        }
    }

    /// The same network with this many classes; only a U-Net can have any.
    #[must_use]
    pub fn with_classes(self, classes: usize) -> Self {
        match self {
            Self::UNet(unet) => Self::UNet(UNetDescription { classes, ..unet }),
            Self::RefineNet(_) => self,
        }
    }

    /// The same network with scales of guidance up to this one as an input, or none for 0; only a
    /// U-Net can have any.
    #[must_use]
    pub fn with_guidance_max(self, guidance_max: f32) -> Self {
        match self {
            Self::UNet(unet) => Self::UNet(UNetDescription { guidance_max, ..unet }),
            Self::RefineNet(_) => self,
        }
    }

    /// The scale of the data that it is preconditioned for, if it is.
    pub fn preconditioning(&self) -> Option<Preconditioning> {
        match self {
            Self::UNet(unet) => Some(unet.preconditioning),
            Self::RefineNet(_) => None,
        }
    }

    /// Checks that the sizes are sane and fit together.
    ///
    /// # Errors
    /// [`DescriptionError`] names the size that does not fit.
    pub fn check(&self) -> Result<(), DescriptionError> {
        match self {
            Self::UNet(unet) => unet.check(),
            Self::RefineNet(refinenet) => refinenet.check(),
        }
    }

    /// Name and shape of all tensors of the network.
    pub fn tensors(&self) -> Vec<TensorShape> {
        match self {
            Self::UNet(unet) => unet.tensors(),
            Self::RefineNet(refinenet) => refinenet.tensors(),
        }
    }

    /// The number of parameters.
    pub fn parameters(&self) -> usize {
        let sizes = self.tensors().into_iter().map(|(_, shape)| shape.iter().product());
        // On a narrow machine an absurd sum would not fit.
        sizes.fold(0, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Depth, Variant};

    #[test]
    fn networks_of_each_kind_survive_json() {
        let image_shape = ImageShape { channels: 3, height: 32, width: 32 };
        let preconditioning = Preconditioning { mean: 0.5, sigma_data: 0.25 };
        let schedule = NoiseSchedule { sigma_max: 1.0, sigma_min: 0.01, levels: 10 };
        let (variant, depth) = (Variant::Ncsnv2, Depth::Deeper);
        for (architecture, kind) in [
            (Architecture::UNet(UNetDescription::new(image_shape, preconditioning)), "unet"),
            (
                Architecture::RefineNet(RefineNetDescription {
                    variant,
                    image_shape,
                    depth,
                    ngf: 64,
                    schedule,
                }),
                "refinenet",
            ),
        ] {
            let json = serde_json::to_value(&architecture).expect("plain data");
            assert_eq!(json["kind"], kind);
            let read: Architecture = serde_json::from_value(json.clone()).expect("its own output");
            assert_eq!(read, architecture);
            // Without any one of its fields it is refused, by the field's name.
            let fields = json.as_object().expect("an object");
            for name in fields.keys() {
                let mut fields = fields.clone();
                fields.remove(name);
                let error = serde_json::from_value::<Architecture>(fields.into());
                let error = error.expect_err("must be refused").to_string();
                assert_eq!(error, format!("missing field `{name}`"));
            }
        }
    }
}
