//! Network descriptions drawn at random, and smaller ones to look for what a failure needs.

use ncsn::net::{Architecture, Depth, ImageShape, RefineNetDescription, UNetDescription, Variant};
use ncsn::noise::NoiseSchedule;
use ncsn::random::Key;

/// Random numbers of one network.
pub struct Rolls {
    key: Key,
    count: u32,
}

impl Rolls {
    pub fn new(seed: u32) -> Self {
        Self { key: Key { seed: 77, stream: seed, step: 0 }, count: 0 }
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.count += 1;
        (self.key.uniform(self.count) * end as f32) as usize
    }

    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// A U-Net of one to three resolutions, with up to four channels and three classes.
pub fn unet(rolls: &mut Rolls) -> UNetDescription {
    let resolutions = 1 + rolls.below(3);
    let patch = 1 + rolls.below(2);
    let groups = 1 + rolls.below(4);
    let heads = 1 + rolls.below(2);
    // Widths of whole groups and heads.
    let mut width = || groups * heads * (1 + rolls.below(6)).max(2 / groups);
    let widths: Vec<usize> = (0..resolutions).map(|_| width()).collect();
    let mut side = || (patch << (resolutions - 1)) * (1 + rolls.below(3)).max(2);
    let [height, width] = [side(), side()];
    let image_shape = ImageShape { channels: 1 + rolls.below(4), height, width };
    UNetDescription {
        patch,
        groups,
        heads,
        blocks: 1 + rolls.below(2),
        attention: widths.iter().map(|_| rolls.below(2) == 0).collect(),
        embedding: 2 * (1 + rolls.below(8)),
        classes: rolls.below(3),
        widths,
        ..UNetDescription::new(image_shape, super::SCALE)
    }
}

/// NCSN's network, or NCSNv2's.
pub fn refinenet(rolls: &mut Rolls) -> RefineNetDescription {
    let mut side = || 4 * (2 + rolls.below(4));
    let [height, width] = [side(), side()];
    RefineNetDescription {
        variant: rolls.one_of(&[Variant::Ncsn, Variant::Ncsnv2]),
        depth: rolls.one_of(&[Depth::Standard, Depth::Standard, Depth::Deeper]),
        image_shape: ImageShape { channels: 1 + rolls.below(4), height, width },
        ngf: 2 + rolls.below(5),
        schedule: NoiseSchedule { sigma_max: 4.0, sigma_min: 0.05, levels: 8 },
    }
}

/// One of both: a RefineNet, whose shaders take longer to compile, now and then.
pub fn architecture(rolls: &mut Rolls) -> Architecture {
    match rolls.below(8) {
        0 => Architecture::RefineNet(refinenet(rolls)),
        _ => Architecture::UNet(unet(rolls)),
    }
}

/// Networks with one part less than this one.
pub fn smaller(architecture: &Architecture) -> Vec<Architecture> {
    let candidates: Vec<Architecture> = match architecture {
        Architecture::UNet(unet) => {
            smaller_unets(unet).into_iter().map(Architecture::UNet).collect()
        }
        Architecture::RefineNet(refinenet) => {
            smaller_refinenets(refinenet).into_iter().map(Architecture::RefineNet).collect()
        }
    };
    candidates.into_iter().filter(|each| each != architecture && each.check().is_ok()).collect()
}

fn smaller_unets(unet: &UNetDescription) -> Vec<UNetDescription> {
    let mut found = Vec::new();
    let mut with = |change: &dyn Fn(&mut UNetDescription)| {
        let mut changed = unet.clone();
        change(&mut changed);
        found.push(changed);
    };
    if unet.widths.len() > 1 {
        with(&|unet| {
            unet.widths.pop();
            unet.attention.pop();
        });
    }
    for level in 0..unet.widths.len() {
        with(&|unet| unet.attention[level] = false);
        with(&|unet| unet.widths[level] = (unet.widths[level] / 2).max(1));
        // Never a larger width: with halving, that would go round in circles.
        with(&|unet| unet.widths[level] = unet.widths[level].min(unet.groups * unet.heads));
    }
    with(&|unet| unet.blocks = 1);
    with(&|unet| unet.classes = 0);
    with(&|unet| unet.heads = 1);
    with(&|unet| unet.groups = 1);
    with(&|unet| unet.patch = 1);
    with(&|unet| unet.embedding = 2);
    with(&|unet| unet.image_shape.channels = 1);
    with(&|unet| unet.image_shape.height /= 2);
    with(&|unet| unet.image_shape.width /= 2);
    found
}

fn smaller_refinenets(refinenet: &RefineNetDescription) -> Vec<RefineNetDescription> {
    let mut found = Vec::new();
    let mut with = |change: &dyn Fn(&mut RefineNetDescription)| {
        let mut changed = refinenet.clone();
        change(&mut changed);
        found.push(changed);
    };
    with(&|refinenet| refinenet.depth = Depth::Standard);
    with(&|refinenet| refinenet.ngf = 2);
    with(&|refinenet| refinenet.image_shape.channels = 1);
    with(&|refinenet| refinenet.image_shape.height /= 2);
    with(&|refinenet| refinenet.image_shape.width /= 2);
    found
}

/// The smallest case that still fails, and how, beginning with one that fails: of the cases that
/// `smaller` gives, the first that fails takes its place, until none does.
pub fn shrink<T>(
    case: T,
    failure: String,
    smaller: impl Fn(&T) -> Vec<T>,
    fails: impl Fn(&T) -> Result<(), String>,
) -> (T, String) {
    let mut least = (case, failure);
    while let Some(next) = smaller(&least.0).into_iter().find_map(|case| {
        let failure = fails(&case).err()?;
        Some((case, failure))
    }) {
        least = next;
    }
    least
}
