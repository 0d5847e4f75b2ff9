//! Imports published weights: makes a network of ours from tensors under PyTorch's names.
//!
//! [`pytorch`] reads checkpoints. A [`RefineNetDescription`] determines the names and shapes of
//! tensors; this module finds the description that fits the tensors.

mod checkpoint_error;
mod choice;
mod footprint;
mod networks;
pub mod pytorch;
mod saved_object;
mod tensor_names;
mod tensors;
mod values;

use thiserror::Error;

use crate::net::refinenet::description::{Layer, LayerKind};
use crate::net::weights::{Array, Weights};
use crate::net::{Depth, DescriptionError, ImageShape, RefineNetDescription, Variant};
use crate::noise::NoiseSchedule;

/// What the tensors of a RefineNet do not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Facts {
    /// Height and width of the images it was trained on.
    pub size: Option<[usize; 2]>,
    /// σ₁ and σ_L of NCSN; NCSNv2 has its noise levels among its tensors.
    pub sigmas: Option<[f32; 2]>,
}

/// Why tensors are not a network that can be run.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ImportError {
    /// It is neither of the networks.
    #[error(
        "there is no tensor `{0}`: these are not the weights of ermongroup's NCSN or NCSNv2 with \
         InstanceNorm++"
    )]
    Missing(String),
    /// The network does not have this tensor.
    #[error("the tensor `{0}` is not part of the published networks")]
    Unexpected(String),
    /// A tensor has another shape than the network needs.
    #[error("the tensor `{name}` has the shape {found:?}, but the network needs {expected:?}")]
    Shape {
        /// The tensor's name.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that the network needs.
        expected: Vec<usize>,
    },
    /// The noise levels are not a geometric noise schedule.
    #[error(
        "the noise levels in `sigmas` are not geometric from large to small: only such are run"
    )]
    Sigmas,
    /// σ₁ and σ_L were given, although the tensors include them.
    #[error("the noise levels are among the tensors: they cannot be given")]
    SigmasGiven,
    /// The sizes do not fit together.
    #[error(transparent)]
    Description(#[from] DescriptionError),
}

/// The network of these tensors, named as in the published code's `state_dict`, and the same
/// tensors under our names.
///
/// Networks trained with the code's options `logit_transform` or `rescaled` look the same, but are
/// for images on another scale.
///
/// # Errors
/// [`ImportError`] names the tensor that does not fit.
pub fn refinenet(
    mut state: Weights,
    facts: &Facts,
) -> Result<(RefineNetDescription, Weights), ImportError> {
    let description = describe(&mut state, facts)?;
    let mut weights = Weights::new();
    for layer in description.layers() {
        take(&mut state, &layer, &description, &mut weights)?;
    }
    match state.into_keys().next() {
        Some(name) => Err(ImportError::Unexpected(name)),
        None => Ok((description, weights)),
    }
}

/// Moves a layer's tensors from `state` to `weights`.
fn take(
    state: &mut Weights,
    Layer { name, published, kind }: &Layer,
    description: &RefineNetDescription,
    weights: &mut Weights,
) -> Result<(), ImportError> {
    let mut tensor = |end: &str, shape: &[usize]| {
        let name = format!("{published}.{end}");
        let array = state.remove(&name).ok_or_else(|| ImportError::Missing(name.clone()))?;
        if array.shape != shape {
            let (found, expected) = (array.shape, shape.to_vec());
            return Err(ImportError::Shape { name, found, expected });
        }
        Ok(array)
    };
    match *kind {
        LayerKind::Conv { inputs, outputs, kernel, bias } => {
            let weight = tensor("weight", &[outputs, inputs, kernel, kernel])?;
            weights.insert(format!("{name}.weight"), weight);
            if bias {
                weights.insert(format!("{name}.bias"), tensor("bias", &[outputs])?);
            }
        }
        LayerKind::Norm { channels } => {
            let shape = vec![description.rows(), 3 * channels];
            let values = match description.variant {
                Variant::Ncsn => tensor("embed.weight", &shape)?.values,
                Variant::Ncsnv2 => {
                    let parts = ["gamma", "alpha", "beta"].map(|part| tensor(part, &[channels]));
                    let [gamma, alpha, beta] = parts;
                    [gamma?.values, alpha?.values, beta?.values].concat()
                }
            };
            weights.insert(format!("{name}.table"), Array { shape, values });
        }
    }
    Ok(())
}

/// Finds the kind of network and its sizes.
fn describe(state: &mut Weights, facts: &Facts) -> Result<RefineNetDescription, ImportError> {
    const TABLE: &str = "normalizer.embed.weight";
    let levels = state.get(TABLE).and_then(|table| table.shape.first().copied());
    let variant = if levels.is_some() { Variant::Ncsn } else { Variant::Ncsnv2 };
    let schedule = match (state.remove("sigmas"), facts.sigmas, levels) {
        (Some(_), Some(_), _) => return Err(ImportError::SigmasGiven),
        (Some(sigmas), None, _) => schedule(&sigmas.values)?,
        (None, given, Some(levels)) => {
            let [sigma_max, sigma_min] = given.unwrap_or([1.0, 0.01]);
            NoiseSchedule { sigma_max, sigma_min, levels }
        }
        (None, _, None) => return Err(ImportError::Missing(TABLE.into())),
    };
    let depth = if state.contains_key("res31.0.conv1.weight") {
        Depth::Deepest
    } else if state.contains_key("res5.0.conv1.weight") {
        Depth::Deeper
    } else {
        Depth::Standard
    };
    let name = "begin_conv.weight";
    let first = state.get(name).ok_or_else(|| ImportError::Missing(name.into()))?;
    let [ngf, channels, ..] = first.shape[..] else {
        let (found, expected) = (first.shape.clone(), vec![64, 3, 3, 3]);
        return Err(ImportError::Shape { name: name.into(), found, expected });
    };
    let [height, width] = facts.size.unwrap_or_else(|| usual_size(depth, channels));
    let image_shape = ImageShape { channels, height, width };
    let description = RefineNetDescription { variant, image_shape, depth, ngf, schedule };
    description.check()?;
    Ok(description)
}

/// The geometric noise schedule of these levels.
fn schedule(sigmas: &[f32]) -> Result<NoiseSchedule, ImportError> {
    let (Some(&sigma_max), Some(&sigma_min)) = (sigmas.first(), sigmas.last()) else {
        return Err(ImportError::Sigmas);
    };
    let schedule = NoiseSchedule { sigma_max, sigma_min, levels: sigmas.len() };
    schedule.check().map_err(|_| ImportError::Sigmas)?;
    let close = |(found, sigma): (&f32, &f32)| (found / sigma - 1.0).abs() < 1e-3;
    if !sigmas.iter().zip(&schedule.sigmas()).all(close) {
        return Err(ImportError::Sigmas);
    }
    Ok(schedule)
}

/// The size of the images that the published networks of these sizes were trained on. The
/// networks are all convolutions, so their tensors fit any size.
fn usual_size(depth: Depth, channels: usize) -> [usize; 2] {
    match (depth, channels) {
        (Depth::Standard, 1) => [28, 28],
        (Depth::Standard, _) => [32, 32],
        (Depth::Deeper, _) => [128, 128],
        (Depth::Deepest, _) => [256, 256],
    }
}
