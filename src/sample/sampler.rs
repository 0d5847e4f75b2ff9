//! The names of the samplers.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The samplers. In JSON, one is its [name](Sampler::name); [aliases](Sampler::aliases) are read, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampler {
    /// Annealed Langevin dynamics (Song & Ermon 2019).
    Langevin,
    /// Annealed Langevin dynamics whose noise is exactly that of each level, for steps of any size
    /// ([`super::exact_langevin`]).
    ExactLangevin,
    /// Langevin dynamics at the smallest noise level alone, with as many steps as the annealed one:
    /// the baseline that shows why there are many levels.
    PlainLangevin,
    /// Consistent annealed sampling (Jolicoeur-Martineau et al. 2020).
    ConsistentAnnealed,
    /// Ancestral sampling of the reverse diffusion (Song et al. 2021).
    Ancestral,
    /// The reverse diffusion, discretized like the forward one (Song et al. 2021).
    ReverseDiffusion,
    /// Reverse diffusion with Langevin corrections (Song et al. 2021).
    PredictorCorrector,
    /// Euler's method on the probability-flow ODE (Song et al. 2021), which is DDIM. Its name is `ode`.
    Euler,
    /// Heun's method on the probability-flow ODE, with or without churn (Karras et al. 2022).
    Heun,
    /// DPM-Solver++(2M) on the probability-flow ODE (Lu et al. 2022).
    DpmSolverPp,
    /// SDE-DPM-Solver++(2M) on the reverse diffusion (Lu et al. 2022).
    SdeDpmSolverPp,
    /// UniPC-2 on the probability-flow ODE (Zhao et al. 2023).
    UniPc,
    /// Multistep consistency sampling, for models that are tuned for it (Song et al. 2023).
    Consistency,
}

impl Sampler {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Langevin,
        Self::ExactLangevin,
        Self::PlainLangevin,
        Self::ConsistentAnnealed,
        Self::Ancestral,
        Self::ReverseDiffusion,
        Self::PredictorCorrector,
        Self::Euler,
        Self::Heun,
        Self::DpmSolverPp,
        Self::SdeDpmSolverPp,
        Self::UniPc,
        Self::Consistency,
    ];

    /// The names of all of them, in the same order.
    const NAMES: &[&str] = &{
        let mut names = [""; Self::ALL.len()];
        let mut at = 0;
        while at < names.len() {
            names[at] = Self::ALL[at].name();
            at += 1;
        }
        names
    };

    /// Its name on the command line, in cards and in links.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Langevin => "langevin",
            Self::ExactLangevin => "exact-langevin",
            Self::PlainLangevin => "plain-langevin",
            Self::ConsistentAnnealed => "consistent",
            Self::Ancestral => "ancestral",
            Self::ReverseDiffusion => "reverse-diffusion",
            Self::PredictorCorrector => "predictor-corrector",
            Self::Euler => "ode",
            Self::Heun => "heun",
            Self::DpmSolverPp => "dpm-solver++",
            Self::SdeDpmSolverPp => "sde-dpm-solver++",
            Self::UniPc => "unipc",
            Self::Consistency => "consistency",
        }
    }

    /// Other names that are understood in its place: what others call the same method.
    pub const fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Euler => &["euler", "ddim"],
            _ => &[],
        }
    }

    /// The sampler of a name or alias; `None` if there is none.
    pub fn named(name: &str) -> Option<Self> {
        let is = |sampler: &Self| sampler.name() == name || sampler.aliases().contains(&name);
        Self::ALL.into_iter().find(is)
    }
}

impl Serialize for Sampler {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Sampler {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| D::Error::unknown_variant(&name, Self::NAMES))
    }
}
