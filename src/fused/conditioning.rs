//! How σ enters and leaves a network.

use crate::net::precondition::sigma_features;
use crate::net::{Preconditioning, RefineNetDescription};

/// See the module.
#[derive(Clone, Debug)]
pub enum Conditioning {
    /// By preconditioning, and by an embedding of so many features of ln σ.
    Continuous(Preconditioning, usize),
    /// By the row of each normalisation's table, and by a factor of the output.
    Rows(RefineNetDescription),
}

impl Conditioning {
    /// What is taken off pixels before all else.
    pub fn mean(&self) -> f32 {
        match self {
            Self::Continuous(preconditioning, _) => preconditioning.mean,
            // RefineNets see 2x − 1, which is 2 (x − ½).
            Self::Rows(_) => 0.5,
        }
    }

    /// What shaders know of σ: the factor of centred pixels on their way in, their factor in the
    /// score, that of the raw output, and the row of the normalisations' tables.
    pub fn at(&self, sigma: f32) -> [f32; 4] {
        match self {
            Self::Continuous(preconditioning, _) => {
                let c = preconditioning.at(sigma);
                [c.input, c.skip, c.output, 0.0]
            }
            Self::Rows(description) => {
                let at = description.at(sigma);
                [2.0, 0.0, at.factor, at.row as f32]
            }
        }
    }

    /// Features of σ for the embedding; none where there is no embedding.
    pub fn features(&self, sigma: f32) -> Vec<f32> {
        match self {
            Self::Continuous(_, size) => sigma_features(sigma, size / 2),
            Self::Rows(_) => Vec::new(),
        }
    }
}
