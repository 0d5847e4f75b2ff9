//! What a new run starts from, and what it learns from.

use super::autoguidance::Autoguidance;
use super::distribution_matching::DistributionMatching;
use super::error::TrainError;
use super::options::Options;
use super::options_error::OptionsError;
use crate::net::weights::Weights;

/// The weights that a new run starts from and, if it learns from a model instead of from the images,
/// that model. Noise is added to the images in either case.
///
/// Weights are those of the options' network, for which the rows of classes may be missing: they then
/// begin at zero. Adam has no moments yet, so warm up.
#[derive(Clone, Debug)]
pub enum Start {
    /// From weights drawn at random.
    Random,
    /// From the weights of a model.
    From(Weights),
    /// From the weights of a model, to learn what that model does.
    ///
    /// - If the network takes a scale of guidance: what the model does with classifier-free guidance,
    ///   for every scale from 1 to `guidance_max`. Afterwards a single evaluation has the guided score
    ///   (Meng et al. 2023, section 3.1).
    /// - With consistency distillation (Song et al. 2023, section 4): to lead to the end of the model's
    ///   flow, guided or not. [`Self::Autoguided`] does so for one that is guided by another model.
    Distilled(Weights),
    /// From the weights of a model, to learn its score guided away from a worse model's.
    Autoguided {
        /// The weights of the model.
        better: Weights,
        /// How it is guided, which becomes [`Options::autoguidance`].
        by: Autoguidance,
        /// The weights of the worse model, of the network of [`Autoguidance::worse`].
        worse: Weights,
    },
    /// From the weights of a model, best of a consistency model, to learn to draw in few evaluations
    /// from the distribution of another, or of the same.
    Matched {
        /// The weights that the run starts from.
        generator: Weights,
        /// How they are trained, which becomes [`Options::distribution_matching`].
        by: DistributionMatching,
        /// The weights of the model to match, of the network of [`DistributionMatching::model`].
        model: Weights,
    },
}

impl Start {
    /// The options of a run that starts so.
    ///
    /// # Errors
    /// [`TrainError::Teacher`] if the options ask for what is learned from a model, but this is none to
    /// learn from, [`TrainError::Options`] if they are impossible, or do not ask for what is distilled.
    pub(super) fn complete(&self, options: Options) -> Result<Options, TrainError> {
        let options = match self {
            Self::Random | Self::From(_) | Self::Distilled(_) => options,
            Self::Autoguided { by, .. } => Options { autoguidance: Some(by.clone()), ..options },
            Self::Matched { by, .. } => {
                Options { distribution_matching: Some(by.clone()), ..options }
            }
        };
        options.check()?;
        let Options { autoguidance, distribution_matching, .. } = &options;
        match (self, options.teacher_method()) {
            (Self::Random | Self::From(_), Some(method)) => Err(TrainError::Teacher(method)),
            (Self::Distilled(_), _)
                if autoguidance.is_some() || distribution_matching.is_some() =>
            {
                let problem = "this run learns from another model than the one that it starts from";
                Err(OptionsError::Impossible(problem.into()).into())
            }
            (Self::Distilled(_), None) => {
                Err(OptionsError::Impossible("this run distills no model".into()).into())
            }
            _ => Ok(options),
        }
    }
}
