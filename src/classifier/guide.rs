//! A classifier that guides toward one of its classes.

use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;

use super::{Classifier, ClassifierFile};
use crate::model_file::ModelError;
use crate::sample::guidance::Guide;

/// `w ∇ log p(y | x̃, σ)` for a class y (Dhariwal & Nichol 2021, section 4).
#[derive(Clone, Debug)]
pub struct ClassGuide {
    classifier: Classifier,
    class: usize,
    weight: f32,
    sigmas: [f32; 2],
}

impl ClassGuide {
    /// A guide toward the class with this label. Weight 1 is Bayes' rule; more makes images more
    /// typical and less varied.
    ///
    /// # Errors
    /// [`ModelError::Description`] if the classifier's sizes do not fit together.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn new(
        file: &ClassifierFile,
        class: usize,
        weight: f32,
        device: &burn::tensor::Device,
    ) -> Result<Self, ModelError> {
        assert!(class < file.card.classes.len(), "a class that the classifier knows");
        let sigmas = [file.card.sigma_min, file.card.sigma_max];
        Ok(Self { classifier: file.network(device)?, class, weight, sigmas })
    }
}

impl Guide for ClassGuide {
    fn pull(
        &self,
        x: &Tensor<4>,
        sigma: f32,
        _classes: &[Option<usize>],
        _score: &Tensor<4>,
    ) -> Tensor<4> {
        // Outside its range of noise levels, the classifier is evaluated at the nearest.
        let sigma = sigma.clamp(self.sigmas[0], self.sigmas[1]);
        let x = x.clone().autodiff().require_grad();
        let logits = self.classifier.logits(self.classifier.features(x.clone(), &[sigma]));
        let [n, _] = logits.dims();
        let log_probability = log_softmax(logits, 1).slice([0..n, self.class..self.class + 1]);
        // The images of a batch are independent, so one gradient serves all of them.
        let grads = log_probability.sum().backward();
        match x.grad(&grads) {
            Some(gradient) => gradient * self.weight,
            None => x.inner().zeros_like(),
        }
    }
}
