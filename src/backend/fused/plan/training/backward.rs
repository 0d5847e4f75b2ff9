//! The backward launches, from the loss to the first layer.

use super::placement::{self, Place};
use super::transpose::transposed;
use super::{Backward, ClassGradient, NormGradient, TrainingPlan};
use crate::backend::fused::error::FusedError;
use crate::backend::fused::plan::channel_layout::ChannelLayout;
use crate::backend::fused::plan::{
    Activation, Affine, Conv, Id, Launch, Norm, Plan, Scaling, Shape, Slice, Target, Tensor,
};
use crate::net::{Architecture, UNetDescription};

impl TrainingPlan {
    /// The training step of a U-Net.
    ///
    /// # Errors
    /// [`FusedError::Description`] if there is no such network.
    pub fn new(sizes: &UNetDescription) -> Result<Self, FusedError> {
        let architecture = Architecture::UNet(sizes.clone());
        let (plan, places) = placement::plan(&architecture)?;
        let tensors = architecture.tensors();
        let weights = tensors.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        let pending = vec![Vec::new(); plan.tensors.len()];
        let mut backward = Backwards {
            plan,
            places,
            pending,
            launches: vec![],
            affine: 0,
            affine_columns: vec![],
        };
        backward.keep_sums();
        let affine_gradients = backward.affine_tensor();
        backward.steps(affine_gradients);
        let class_gradient = backward.levels().map(|gradient| {
            let before = tensors.iter().take_while(|(name, _)| name != "embedding.classes");
            let first = before.map(|(_, shape)| shape.iter().product::<usize>()).sum();
            ClassGradient { gradient, first, rows: sizes.classes + 1 }
        });
        let Backwards { plan, places, launches, affine_columns, .. } = backward;
        Ok(Self {
            plan,
            places,
            weights,
            backward: launches,
            affine_gradients: (affine_gradients, affine_columns),
            class_gradient,
        })
    }
}

/// Backward launches under construction.
struct Backwards {
    plan: Plan,
    places: Vec<Vec<Place>>,
    /// For each tensor, tensors whose sum is the gradient with respect to it, as far as known.
    pending: Vec<Vec<Id>>,
    launches: Vec<Backward>,
    /// The columns of gradients with respect to scales and shifts that are parameters.
    affine: usize,
    affine_columns: Vec<(Slice, usize)>,
}

impl Backwards {
    /// Stores the sums that are activated, which are those that embed σ: their gradient needs them.
    fn keep_sums(&mut self) {
        let mut levels = std::mem::take(&mut self.plan.levels);
        for launch in &mut levels {
            if let Launch::Conv(Conv { activation, kept_sum, to: Target::Tensor(to), .. }) = launch
                && *activation != Activation::None
            {
                *kept_sum = Some(self.like(*to));
            }
        }
        self.plan.levels = levels;
    }

    /// If a tensor is an activated sum: the activation, and where the sum is kept.
    fn kept_sum(&self, id: Id) -> Option<(Activation, Id)> {
        self.plan.levels.iter().find_map(|launch| match *launch {
            Launch::Conv(Conv { activation, kept_sum, to: Target::Tensor(to), .. }) if to == id => {
                kept_sum.map(|sum| (activation, sum))
            }
            _ => None,
        })
    }

    /// The tensor for gradients with respect to scales and shifts that are parameters.
    fn affine_tensor(&mut self) -> Id {
        let mut columns = 0;
        for launch in &self.plan.steps {
            if let Launch::Norm(Norm {
                scaling: Scaling::Group { affine: Affine::Parameters(slice), .. },
                to,
                ..
            }) = launch
            {
                self.affine_columns.push((*slice, columns));
                columns += 2 * self.plan.tensors[*to].shape.channels();
            }
        }
        self.affine = columns;
        self.tensor(Shape { segments: vec![columns.max(4)], height: 1, width: 1 })
    }

    /// Goes through the launches of an evaluation, last first.
    fn steps(&mut self, affine_gradients: Id) {
        let table = self.plan.embedding.map(|embedding| embedding.table);
        let table_gradient = table.map(|table| self.like(table));
        if let (Some(table), Some(gradient)) = (table, table_gradient) {
            self.pending[table].push(gradient);
        }
        for launch in self.plan.steps.clone().into_iter().rev() {
            match launch {
                Launch::Conv(conv) => self.conv(conv),
                Launch::Norm(norm) => {
                    let sums = match &norm.scaling {
                        Scaling::None => None,
                        Scaling::Group { affine, .. } | Scaling::Instance(affine) => {
                            match *affine {
                                Affine::Table(column) => table_gradient.map(|id| (id, column)),
                                Affine::Parameters(slice) | Affine::Rows(slice) => {
                                    let found =
                                        self.affine_columns.iter().find(|(of, _)| *of == slice);
                                    found.map(|&(_, column)| (affine_gradients, column))
                                }
                            }
                        }
                    };
                    self.norm(norm, sums);
                }
                Launch::Attention { qkv, heads, to } => {
                    let gradient = self.gradient(to);
                    let to = self.like(qkv);
                    self.launches.push(Backward::Attention { qkv, heads, gradient, to });
                    self.pending[qkv].push(to);
                }
                // Images have no gradient, and no U-Net pools.
                Launch::Load { .. } | Launch::Pool { .. } => {}
            }
        }
    }

    /// Goes through the launches that embed σ, last first. Returns the gradient with respect to
    /// what classes add, if there are any.
    fn levels(&mut self) -> Option<Id> {
        for launch in self.plan.levels.clone().into_iter().rev() {
            if let Launch::Conv(conv) = launch {
                self.conv(conv);
            }
        }
        let class = self.plan.embedding?.class?;
        Some(self.gradient(class))
    }

    fn conv(&mut self, conv: Conv) {
        let gradient = match conv.to {
            Target::Tensor(id) => self.gradient(conv.kept_sum.unwrap_or(id)),
            Target::Image => {
                // The raw output as columns at each position.
                let [height, width] = conv.grid;
                let (channels, patch) = (self.plan.image_shape.channels, conv.fold);
                let segments = vec![channels * patch * patch];
                let to = self.tensor(Shape { segments, height, width });
                self.plan.tensors[to].layout = ChannelLayout::folded(channels, patch, 1);
                self.launches.push(Backward::Loss { to, patch });
                to
            }
        };
        for &residual in &conv.residuals {
            self.pending[residual].push(gradient);
        }
        // The columns of the last layer, unlike those of others, are never unfolded in memory.
        let shape = match conv.to {
            Target::Tensor(_) => conv.clone(),
            Target::Image => Conv { fold: 1, ..conv.clone() },
        };
        for term in 0..conv.terms.len() {
            let source = conv.terms[term].source;
            if !self.has_gradient(source) {
                continue;
            }
            // Other gradients with respect to a sum are not to be multiplied by the derivative.
            let derivative = self.kept_sum(source);
            let (of, others) = match derivative {
                Some((_, sum)) => (sum, Vec::new()),
                None => (source, std::mem::take(&mut self.pending[source])),
            };
            let to = self.like(source);
            let Self { plan, places, .. } = self;
            let launch = transposed(plan, places, &shape, term, gradient, others, to);
            self.launches.push(Backward::Conv(Conv { derivative, ..launch }));
            self.pending[of].push(to);
        }
        self.launches.push(Backward::Weights { conv: shape, gradient });
    }

    /// Whether anything trained comes before a tensor.
    fn has_gradient(&self, id: Id) -> bool {
        let loads = |launch: &Launch| matches!(*launch, Launch::Load { to, .. } if to == id);
        let features = self.plan.embedding.map(|embedding| embedding.features);
        !self.plan.steps.iter().any(loads) && features != Some(id)
    }

    fn norm(&mut self, norm: Norm, sums: Option<(Id, usize)>) {
        let gradient = self.gradient(norm.to);
        let norm = NormGradient { norm, gradient, sums };
        if sums.is_some() {
            self.launches.push(Backward::NormSums(norm.clone()));
        }
        for source in 0..norm.norm.from.len() {
            let id = norm.norm.from[source];
            let others = std::mem::take(&mut self.pending[id]);
            let to = self.like(id);
            self.launches.push(Backward::NormInput { norm: norm.clone(), source, others, to });
            self.pending[id].push(to);
        }
    }

    /// The gradient with respect to a tensor, all of whose readers have been seen.
    fn gradient(&mut self, id: Id) -> Id {
        match *self.pending[id] {
            [gradient] => gradient,
            _ => {
                // Adds them up, by the gradient of a launch that changes nothing.
                let mut others = std::mem::take(&mut self.pending[id]);
                let gradient = others.pop().expect("every tensor has a reader");
                let (from, scaling) = (vec![id], Scaling::None);
                let norm = Norm { from, scaling, activation: Activation::None, to: id };
                let norm = NormGradient { norm, gradient, sums: None };
                let to = self.like(id);
                self.launches.push(Backward::NormInput { norm, source: 0, others, to });
                self.pending[id].push(to);
                to
            }
        }
    }

    /// A tensor for a gradient with respect to another.
    fn like(&mut self, id: Id) -> Id {
        let layout = self.plan.tensors[id].layout.clone();
        let to = self.tensor(self.plan.tensors[id].shape.clone());
        self.plan.tensors[to].layout = layout;
        to
    }

    /// A tensor in f32: gradients are too small for f16.
    fn tensor(&mut self, shape: Shape) -> Id {
        let layout = ChannelLayout::segments(&shape.segments);
        self.plan.tensors.push(Tensor { shape, layout, statistics: false, exact: true });
        self.pending.push(Vec::new());
        self.plan.tensors.len() - 1
    }
}
