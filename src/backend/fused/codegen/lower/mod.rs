//! Launches as shaders: each kernel's text, its bindings and its number of workgroups.

mod attention;
mod conv;
mod image;
mod lowering;
mod norm;
mod pool;
mod text;
mod tiles;
#[cfg(feature = "training")]
pub mod training;

use super::kernel::Kernel;
use super::kernel_config::KernelConfig;
use super::strategy::Strategy;
use crate::backend::fused::plan::{Conv, Launch, Norm, Plan, Scaling, Target};
use lowering::{Lowering, MOMENTS};

/// The kernels of a plan.
#[derive(Debug)]
pub struct Lowered {
    /// The kernels of [`Plan::levels`].
    pub levels: Vec<Kernel>,
    /// The kernels of [`Plan::steps`].
    pub steps: Vec<Kernel>,
    /// The kernel after a step that only computes the score: `kernels/update.wgsl`.
    pub update: Kernel,
    /// For each tensor, the number of tiles with moments of their own; 0 if nothing needs them.
    pub tiles: Vec<usize>,
}

impl Lowered {
    /// All kernels.
    pub fn kernels(&self) -> impl Iterator<Item = &Kernel> {
        self.levels.iter().chain(&self.steps).chain([&self.update])
    }
}

/// Turns a plan into kernels whose workgroups share at most `memory` bytes.
pub fn lower(plan: &Plan, config: KernelConfig, memory: usize) -> Lowered {
    let memory = memory.min(config.tiling.memory);
    // Whether a normalization's moments, scales and shifts leave enough memory for its input.
    let fits = |norm: &&Norm| {
        matches!(norm.scaling, Scaling::None)
            || MOMENTS * plan.tensors[norm.to].shape.channels() <= memory / 2
    };
    let pooled = |norm: &&Norm| {
        let pools =
            |launch: &Launch| matches!(*launch, Launch::Pool { from, .. } if from == norm.to);
        plan.steps.iter().any(pools)
    };
    let mut norms = vec![None; plan.tensors.len()];
    if config.strategy == Strategy::Staged {
        for norm in plan.steps.iter().filter_map(norm).filter(fits).filter(|norm| !pooled(norm)) {
            norms[norm.to] = Some(norm);
        }
    }
    let tiles = vec![0; plan.tensors.len()];
    // Noise levels have no neighbors to share, and are computed once for a whole table.
    let single_position = KernelConfig::new(Strategy::Direct, config.precision);
    let mut lowering =
        Lowering { plan, config: single_position, memory, norms, tiles, keeps_norms: false };
    let levels = plan.levels.iter().map(|launch| lowering.launch(launch)).collect();
    lowering.config = config;
    let mut steps = Vec::with_capacity(plan.steps.len());
    for launch in &plan.steps {
        if norm(launch).is_none_or(|norm| lowering.norms[norm.to].is_none()) {
            steps.push(lowering.launch(launch));
        }
        if let Launch::Conv(Conv { to: Target::Tensor(id), .. }) = *launch
            && lowering.reduces_moments(id)
        {
            steps.push(lowering.reduce_moments(id));
        }
    }
    let update = lowering.update();
    Lowered { levels, steps, update, tiles: lowering.tiles }
}

fn norm(launch: &Launch) -> Option<&Norm> {
    match launch {
        Launch::Norm(norm) => Some(norm),
        _ => None,
    }
}

impl Lowering<'_> {
    fn launch(&mut self, launch: &Launch) -> Kernel {
        match launch {
            Launch::Load { to, patch } => self.load(*to, *patch),
            Launch::Norm(norm) => self.norm(norm),
            Launch::Conv(conv) => match self.config.strategy {
                Strategy::Direct => self.direct(conv),
                Strategy::Staged => self.staged(conv),
            },
            Launch::Attention { qkv, heads, to } => self.attention(*qkv, *heads, *to),
            Launch::Pool { from, pooling, reach, to } => self.pool(*from, *pooling, *reach, *to),
        }
    }
}

/// Checks that every device that runs WebGPU has as many bindings as a kernel needs.
#[cfg(test)]
fn check_bindings(kernel: &Kernel) {
    use super::kernel::Access;

    let storage = kernel.bindings.iter().filter(|binding| binding.access != Access::Row).count();
    assert!(storage <= 8, "{storage} buffers:\n{}", kernel.source);
}

#[cfg(test)]
mod tests {
    use super::super::kernel_precision::KernelPrecision;
    use super::super::tiling::Tiling;
    use super::*;
    use crate::backend::fused::plan::builder::{Builder, Output};
    use crate::backend::fused::plan::conv_layer::ConvLayer;
    use crate::backend::fused::plan::{Activation, SigmaInput, Term, network};
    use crate::net::weights::{Array, Weights};
    use crate::net::{
        Architecture, Depth, ImageShape, Preconditioning, RefineNetDescription, UNetDescription,
        Variant,
    };
    use crate::noise::NoiseSchedule;

    const IMAGE: ImageShape = ImageShape { channels: 3, height: 64, width: 64 };

    fn plan(architecture: &Architecture) -> Plan {
        let zeros = |shape: Vec<usize>| Array { values: vec![0.0; shape.iter().product()], shape };
        let tensors = architecture.tensors();
        let weights: Weights =
            tensors.into_iter().map(|(name, shape)| (name, zeros(shape))).collect();
        network::plan(architecture, &weights).expect("all weights are there")
    }

    /// Lowers a network with both strategies and checks its kernels against what WebGPU guarantees
    /// on every device. Returns the number of launches in each.
    fn launches(plan: &Plan) -> [usize; 2] {
        [Strategy::Direct, Strategy::Staged].map(|strategy| {
            let precisions = [KernelPrecision::F32, KernelPrecision::F16];
            let configs = precisions.map(|precision| KernelConfig::new(strategy, precision));
            let tilings = Tiling::of(strategy).iter().copied();
            let configs =
                tilings.flat_map(|tiling| configs.map(|config| KernelConfig { tiling, ..config }));
            let counts: Vec<usize> = configs.map(|config| launches_of(plan, config)).collect();
            counts[0]
        })
    }

    fn launches_of(plan: &Plan, config: KernelConfig) -> usize {
        let lowered = lower(plan, config, 1 << 14);
        for kernel in lowered.kernels() {
            check_bindings(kernel);
            let size = |name: &str| {
                let constant = format!("const {name} = ");
                let rest = kernel.source.split(&constant).nth(1)?;
                rest.split('u').next()?.parse::<usize>().ok()
            };
            let invocations = size("GROUP_LANES").or_else(|| size("QUERIES")).unwrap_or(1)
                * size("GROUP_ACROSS").unwrap_or(1)
                * size("GROUP_TILES").unwrap_or_else(|| size("GROUP").unwrap_or(1))
                * size("SPLIT_K").unwrap_or(1);
            assert!(invocations <= 256, "{invocations} invocations");
            let holds = |text| kernel.source.contains(text);
            let number = match (holds("alias Staged = vec4h"), holds("alias Span =  f32")) {
                (true, _) => 8,
                (_, true) => 4,
                _ => 16,
            };
            let stage = size("STAGE").map_or(0, |stage| number * stage);
            let totals = if holds("var<workgroup> totals") { size("QUERIES") } else { None };
            let stage = stage + 16 * size("SHARES").unwrap_or(0) + 8 * totals.unwrap_or(0);
            let norm = size("NORM_CHANNELS").unwrap_or(0);
            let norm = norm * if stage > 0 { 16 } else { 8 };
            let most = if stage > 0 { config.tiling.memory } else { 1 << 14 };
            assert!(stage + norm <= most, "{stage} + {norm} bytes of workgroup memory");
            assert!(kernel.groups.iter().all(|&count| (1..=65_535).contains(&count)));
        }
        lowered.steps.len()
    }

    #[test]
    fn every_kernel_of_a_unet_fits_every_device() {
        let scale = Preconditioning { mean: 0.5, sigma_data: 0.2 };
        for widths in [vec![48, 96], vec![64, 128, 512], vec![8, 24], vec![1024]] {
            let attention = vec![true; widths.len()];
            // Normalizations of very many channels remain separate passes.
            let narrow = widths[0] < 1024;
            let sizes = UNetDescription { widths, attention, ..UNetDescription::new(IMAGE, scale) };
            let [direct, staged] = launches(&plan(&Architecture::UNet(sizes)));
            assert_eq!(staged < direct, narrow);
        }
    }

    /// A key and its value fill more than the memory of a workgroup.
    #[test]
    fn attention_of_thousands_of_channels_fits_every_device() {
        const COLUMNS: usize = 3 * 2048;
        let tensor = |name: &str, shape: &[usize]| {
            let values = vec![0.0; shape.iter().product()];
            (name.to_owned(), Array { values, shape: shape.to_vec() })
        };
        let weights = [tensor("qkv.weight", &[COLUMNS, 3, 1, 1]), tensor("qkv.bias", &[COLUMNS])];
        let weights = Weights::from(weights);
        let scale = Preconditioning { mean: 0.5, sigma_data: 0.2 };
        let mut b = Builder::new(&weights, IMAGE, SigmaInput::Continuous(scale, 0));
        let layer = [ConvLayer::new("qkv", [Term::pointwise(b.load(1))])];
        let qkv = b.conv(Output::Channels(COLUMNS), &layer, &[], Activation::None);
        b.attention(qkv.expect("all weights are there"), 1);
        launches(&b.finish());
    }

    #[test]
    fn every_kernel_of_a_refinenet_fits_every_device() {
        let schedule = NoiseSchedule { sigma_max: 1.0, sigma_min: 0.01, levels: 3 };
        let large = ImageShape { channels: 3, height: 256, width: 256 };
        let largest = ImageShape { channels: 3, height: 1024, width: 1024 };
        for (image_shape, depth, ngf) in [
            (IMAGE, Depth::Standard, 128),
            (IMAGE, Depth::Deeper, 128),
            (IMAGE, Depth::Deepest, 128),
            (IMAGE, Depth::Standard, 6),
            (large, Depth::Standard, 256),
            (largest, Depth::Standard, 8),
        ] {
            for variant in [Variant::Ncsn, Variant::Ncsnv2] {
                let sizes = RefineNetDescription { variant, image_shape, depth, ngf, schedule };
                let [direct, staged] = launches(&plan(&Architecture::RefineNet(sizes)));
                assert!(staged < direct);
            }
        }
    }
}
