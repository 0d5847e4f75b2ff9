//! The state of a run on Burn devices.

use std::sync::{Mutex, PoisonError};

use burn::module::Module;
use burn::optim::{AdamConfig, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::Device;

use crate::net::weights::{self, Weights};
use crate::net::{Architecture, DescriptionError, Network};
use crate::recipe::{BETA_1, BETA_2, EPSILON};
use crate::train::error::TrainError;
use crate::train::records::Records;
use crate::train::{DistributionMatching, Options};

/// Everything that a step changes.
#[derive(Clone)]
pub struct BurnState {
    /// The network.
    pub network: Network,
    /// The moving average of its weights.
    pub ema: Network,
    /// Adam.
    pub optimizer: ModuleOptimizer,
    /// What a run that matches a distribution trains besides.
    pub critic: Option<Critic>,
}

/// The network that learns the score of generated images; see [`DistributionMatching`].
#[derive(Clone)]
pub struct Critic {
    /// The network.
    pub network: Network,
    /// Adam.
    pub optimizer: ModuleOptimizer,
}

impl BurnState {
    /// Freshly drawn weights.
    ///
    /// # Errors
    /// [`TrainError::Description`] if there is no such network.
    pub fn new(options: &Options, device: &Device) -> Result<Self, TrainError> {
        let autodiff = device.clone().autodiff();
        let (network, ema) = drawn(&options.architecture, &autodiff, options.seed)?;
        let critic = match &options.distribution_matching {
            Some(by) => Some(Critic::new(options, by, &autodiff)?),
            None => None,
        };
        Ok(Self { network, ema, optimizer: adam(options), critic })
    }

    /// The same with the weights of a model.
    ///
    /// # Errors
    /// [`TrainError::Record`] if Burn does not accept them.
    pub fn with_weights(self, weights: Weights, device: &Device) -> Result<Self, TrainError> {
        let ema = weights::apply(self.ema, weights, device);
        // Through a record, since otherwise autodiff would not track the weights.
        let network = self.network.try_load_record(ema.clone().into_record())?;
        Ok(Self { network, ema, ..self })
    }

    /// The same with the state of a checkpoint.
    ///
    /// # Errors
    /// [`TrainError::Record`] if it is of another network, [`TrainError::Critic`] if it lacks one.
    pub fn resumed(self, records: Records) -> Result<Self, TrainError> {
        let Self { network, ema, optimizer, critic } = self;
        let critic = match (critic, <[_; 2]>::try_from(records.critic)) {
            (None, _) => None,
            (Some(Critic { network, optimizer }), Ok([weights, moments])) => Some(Critic {
                network: network.try_load_record(ModuleRecord::from_bytes(weights)?)?,
                optimizer: optimizer.from_bytes(moments)?,
            }),
            (Some(_), Err(_)) => return Err(TrainError::Critic),
        };
        Ok(Self {
            network: network.try_load_record(ModuleRecord::from_bytes(records.weights)?)?,
            ema: ema.try_load_record(ModuleRecord::from_bytes(records.ema)?)?,
            optimizer: optimizer.from_bytes(records.optimizer)?,
            critic,
        })
    }

    /// What a checkpoint stores.
    ///
    /// # Errors
    /// [`TrainError::Record`] if Burn cannot write its state.
    pub fn records(&self) -> Result<Records, TrainError> {
        let Self { network, ema, optimizer, critic } = self.clone();
        let critic = match critic {
            Some(Critic { network, optimizer }) => {
                vec![network.into_record().into_bytes()?, optimizer.into_bytes()?]
            }
            None => Vec::new(),
        };
        Ok(Records {
            weights: network.into_record().into_bytes()?,
            ema: ema.into_record().into_bytes()?,
            optimizer: optimizer.into_bytes()?,
            teacher: Vec::new(),
            critic,
        })
    }
}

impl Critic {
    /// Freshly drawn weights.
    fn new(
        options: &Options,
        by: &DistributionMatching,
        autodiff: &Device,
    ) -> Result<Self, DescriptionError> {
        // Where the generator takes a scale of guidance, so does the critic of what it draws.
        let architecture = by.model.clone().with_guidance_max(options.architecture.guidance_max());
        let (network, _) = drawn(&architecture, autodiff, options.seed)?;
        Ok(Self { network, optimizer: adam(options) })
    }

    /// A critic that starts from the weights of the model.
    ///
    /// # Errors
    /// [`TrainError::Record`] if Burn does not accept them.
    pub fn of_model(
        options: &Options,
        by: &DistributionMatching,
        model: Weights,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let Self { network, optimizer } = Self::new(options, by, &device.clone().autodiff())?;
        let weights = weights::apply(network.valid(), model, device);
        Ok(Self { network: network.try_load_record(weights.into_record())?, optimizer })
    }
}

/// Adam for a run.
fn adam(options: &Options) -> ModuleOptimizer {
    let beta_1 =
        options.distribution_matching.as_ref().map_or(BETA_1, |_| DistributionMatching::BETA_1);
    let config = AdamConfig::new().with_beta_1(beta_1).with_beta_2(BETA_2);
    config.with_epsilon(EPSILON).init()
}

/// A network with weights that are a function of the seed, and the same without autodiff.
pub fn drawn(
    architecture: &Architecture,
    device: &Device,
    seed: u64,
) -> Result<(Network, Network), DescriptionError> {
    // Burn draws weights lazily from one generator per process; two networks drawn at once would take
    // each other's numbers.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(seed);
    let network = Network::new(architecture, device)?;
    let valid = network.valid();
    Ok((network, valid))
}
