//! Distillation: one network learns what guided ones do (Meng et al., *On Distillation of Guided
//! Diffusion Models*, 2023, section 3.1).

use burn::module::Module;
use burn::tensor::Tensor;

use super::Precision;
use super::batch::Batch;
use crate::net::layers::column;
use crate::net::{ClassInput, Network};
use crate::sample::guidance::Autoguide;

/// A guided model. A run learns its score instead of that of the images, so that afterwards a single
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
    /// Towards the class of each image, each with a scale of its own.
    Class,
}

impl Teacher {
    /// Its networks.
    pub fn networks(&self) -> impl Iterator<Item = &Network> {
        let worse = match &self.guidance {
            Guidance::Auto(guide) => Some(&guide.worse),
            Guidance::Class => None,
        };
        std::iter::once(&self.network).chain(worse)
    }

    /// The noise that it sees in noisy images, `−σ s(x̃, σ)`. Denoising score matching asks for
    /// this instead of the added noise, and so without the latter's variance.
    pub fn noise(&self, batch: &Batch, precision: Precision) -> Tensor<4> {
        let Batch { noisy, sigmas, classes, .. } = batch;
        let x = noisy.clone().inner();
        let device = x.device();
        let here = |network: &Network| precision.cast(network.clone().to_device(&device));
        let network = here(&self.network);
        let told: Vec<Option<usize>> = classes.iter().map(|input| input.class).collect();
        let score = network.class_score(x.clone(), sigmas, &told);
        let difference = match &self.guidance {
            Guidance::Auto(guide) => {
                let guide = Autoguide { worse: here(&guide.worse), ..Autoguide::clone(guide) };
                guide.difference(&x, sigmas, &told, &score)
            }
            Guidance::Class => {
                let factors = classes.iter().map(|ClassInput { guidance, .. }| guidance - 1.0);
                (score.clone() - network.score(x, sigmas)) * column(factors, &device)
            }
        };
        (score + difference) * column(sigmas.iter().map(|sigma| -sigma), &device)
    }
}
