//! How σ enters a network and scales its output.

use crate::net::precondition::sigma_features;
use crate::net::{Preconditioning, RefineNetDescription};

/// How a network depends on σ.
#[derive(Clone, Debug)]
pub enum SigmaInput {
    /// Through preconditioning, and an embedding of this many features of ln σ.
    Continuous(Preconditioning, usize),
    /// Through the row of each normalization's table, and a factor of the output.
    Rows(RefineNetDescription),
}

impl SigmaInput {
    /// What is subtracted from pixels before anything else.
    pub fn mean(&self) -> f32 {
        match self {
            Self::Continuous(preconditioning, _) => preconditioning.mean,
            // RefineNets see 2x − 1, which is 2 (x − ½).
            Self::Rows(_) => 0.5,
        }
    }

    /// What shaders need to know of σ: the factor of centered pixels in the input, their factor in
    /// the score, the factor of the raw output, and the row of the normalizations' tables.
    pub fn at(&self, sigma: f32) -> [f32; 4] {
        match self {
            Self::Continuous(preconditioning, _) => {
                let c = preconditioning.at(sigma);
                [c.c_in, c.score_skip, c.score_out, 0.0]
            }
            Self::Rows(description) => {
                let at = description.at(sigma);
                [2.0, 0.0, at.factor, at.row as f32]
            }
        }
    }

    /// The features of σ for the embedding; empty if there is none.
    pub fn features(&self, sigma: f32) -> Vec<f32> {
        match self {
            Self::Continuous(_, size) => sigma_features(sigma, size / 2),
            Self::Rows(_) => Vec::new(),
        }
    }
}
