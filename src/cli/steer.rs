//! The flags of `ncsn sample` that steer it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};

use super::engine::Engine;
use super::{classifiers, picture};
use crate::classifier::ClassGuide;
use crate::net::{Architecture, Picture};
use crate::noise::Ladder;
use crate::sample::steering::{End, Path as Way};
use crate::sample::{Observation, Steering};

/// What pictures are made from, beside noise.
#[derive(clap::Args)]
#[group(skip)]
pub struct Steer {
    /// Complete a picture: what is transparent in it, or white in --mask, is made up; the
    /// rest is kept to the last bit.
    #[arg(long, value_name = "PICTURE", group = "observed", help_heading = STEERING)]
    inpaint: Option<PathBuf>,
    /// White where --inpaint makes the picture up, black where it is kept.
    #[arg(long, value_name = "PICTURE", requires = "inpaint", help_heading = STEERING)]
    mask: Option<PathBuf>,
    /// Colour a grey picture: its grey is kept as the mean of red, green and blue.
    #[arg(long, value_name = "PICTURE", group = "observed", help_heading = STEERING)]
    colourise: Option<PathBuf>,
    /// Enlarge a small picture: its pixels are kept as the means of squares of pixels.
    #[arg(long, value_name = "PICTURE", group = "observed", help_heading = STEERING)]
    super_resolve: Option<PathBuf>,
    /// Make a picture from a sketch of one.
    #[arg(long, value_name = "PICTURE", help_heading = STEERING)]
    sketch: Option<PathBuf>,
    /// How far from a sketch or from interpolated pictures chains may wander: 0 keeps everything,
    /// 1 forgets it. Between, the noise that covers it grows from σ_L to σ₁ geometrically [default: where
    /// that is 0.04 times a side of the picture: strokes are covered, and what they draw is not].
    #[arg(long, help_heading = STEERING)]
    wander: Option<f32>,
    /// Go in -n steps from one seed to another, `3:8`, or from one picture to another,
    /// `a.png:b.png` (those as sketches: see --wander).
    #[arg(long, value_name = "FROM:TO", conflicts_with = "sketch", help_heading = STEERING)]
    interpolate: Option<String>,
    /// A classifier that `train --classifier` made, for --class.
    #[arg(long, value_name = "FILE", requires = "class", help_heading = STEERING)]
    classifier: Option<PathBuf>,
    /// Guide towards a class of --classifier: its name, or its number from 0.
    #[arg(long, requires = "classifier", help_heading = STEERING)]
    class: Option<String>,
    /// How strongly: 1 is Bayes' rule, more is more typical and less varied.
    #[arg(long, default_value_t = 1.0, requires = "class", help_heading = STEERING)]
    guidance: f32,
}

const STEERING: &str = "Steering";

/// What the flags come to.
pub struct Steered {
    /// For the chains.
    pub steering: Steering,
    /// Where a program begins that does not begin at noise alone: σ from σ_L (0) to σ₁ (1).
    pub wander: Option<f32>,
    /// The seed, where a path between seeds says it.
    pub seed: Option<u64>,
}

impl Steer {
    /// Whether the pictures are a path rather than a heap.
    pub fn is_path(&self) -> bool {
        self.interpolate.is_some()
    }

    /// Guides an engine towards the class that the flags name, where they do.
    ///
    /// # Errors
    /// Where the classifier cannot be read, is for other pictures, or knows no such class, and where
    /// the engine cannot differentiate one.
    pub fn guide(&self, engine: Engine) -> anyhow::Result<Engine> {
        let (Some(path), Some(class)) = (&self.classifier, &self.class) else { return Ok(engine) };
        ensure!(self.guidance.is_finite(), "--guidance must be a number");
        engine.guided("--class", |shape, device| {
            let file = classifiers::open(path)?;
            let found = file.card.description.picture;
            ensure!(found == shape, "the classifier is for {found}, but the model makes {shape}");
            let classes = &file.card.classes;
            let number = || class.parse().ok().filter(|&number| number < classes.len());
            let label = classes.iter().position(|name| name == class).or_else(number);
            let Some(label) = label else {
                bail!("there is no class {class}; there are {}", classes.join(", "));
            };
            Ok(Arc::new(ClassGuide::new(&file, label, self.guidance, device)?))
        })
    }

    /// Whether there is a class to guide towards.
    pub fn is_guided(&self) -> bool {
        self.class.is_some()
    }

    /// Reads the pictures that the flags name.
    ///
    /// # Errors
    /// Where one cannot be read or does not fit the model.
    pub fn read(
        &self,
        model: &Architecture,
        ladder: Ladder,
        frames: usize,
    ) -> anyhow::Result<Steered> {
        let shape = model.picture();
        let usual = 0.04 * ((shape.height * shape.width) as f32).sqrt();
        let wander = self.wander.unwrap_or_else(|| ladder.fraction_at(usual));
        ensure!((0.0..=1.0).contains(&wander), "--wander must be from 0 to 1");
        // The data's own background, more often than not.
        let paper = f32::from(model.preconditioning().is_some_and(|data| data.mean > 0.5));
        let opaque = |path| picture::read_sized(path, shape).map(|given| given.on(paper));
        let (mut origin, mut path, mut seed) = (None, None, None);
        if let Some(sketch) = &self.sketch {
            origin = Some(opaque(sketch)?.pixels);
        }
        if let Some(ends) = &self.interpolate {
            let (from, to) = split(ends)?;
            let to = match (from.parse(), to.parse()) {
                (Ok(from), Ok(to)) => {
                    seed = Some(from);
                    End::Seed(to)
                }
                _ => {
                    origin = Some(opaque(Path::new(from))?.pixels);
                    End::Picture(opaque(Path::new(to))?.pixels)
                }
            };
            path = Some(Way { frames, to });
        }
        ensure!(
            origin.is_some() || self.wander.is_none(),
            "--wander is of chains that begin at a --sketch or at pictures to --interpolate"
        );
        let wander = origin.is_some().then_some(wander);
        let steering = Steering { origin, path, observation: self.observation(shape, paper)? };
        steering.check(shape.dimension())?;
        Ok(Steered { steering, wander, seed })
    }

    fn observation(&self, shape: Picture, paper: f32) -> anyhow::Result<Option<Observation>> {
        if let Some(path) = &self.inpaint {
            let given = picture::read_sized(path, shape)?;
            let (pixels, known): (_, Vec<bool>) = match &self.mask {
                Some(mask) => {
                    let mask = picture::read_sized(mask, shape)?.on(0.0).grey();
                    (given.on(paper).pixels, mask.iter().map(|&white| white < 0.5).collect())
                }
                // What is half there is there.
                None => (given.pixels, given.opacity.iter().map(|&part| part >= 0.5).collect()),
            };
            ensure!(
                known.contains(&false),
                "nothing of {} is to be made up: make a part of it transparent, or give a --mask \
                 that is white there",
                path.display()
            );
            return Ok(Some(Observation::pixels(shape, &pixels, &known)?));
        }
        if let Some(path) = &self.colourise {
            ensure!(shape.channels > 1, "--colourise needs a model of coloured pictures");
            let given = picture::read_sized(path, shape)?.on(paper);
            return Ok(Some(Observation::grey(shape, &given.grey())?));
        }
        if let Some(path) = &self.super_resolve {
            let small = picture::read(path)?.on(paper).channels(shape.channels);
            let Picture { height, width, .. } = small.shape;
            let factor = shape.height / height.max(1);
            ensure!(
                (height * factor, width * factor) == (shape.height, shape.width),
                "{} is {width} × {height}, which is not the model's {} × {} divided by a whole \
                 number",
                path.display(),
                shape.width,
                shape.height
            );
            return Ok(Some(Observation::downsampled(shape, &small.pixels, factor)?));
        }
        Ok(None)
    }
}

/// The two ends of a path, `FROM:TO`. Names of files may have colons in them (`C:\a.png`): then FROM is
/// the shortest that is there.
fn split(ends: &str) -> anyhow::Result<(&str, &str)> {
    let splits = || ends.match_indices(':').map(|(at, _)| (&ends[..at], &ends[at + 1..]));
    let found = splits().find(|(from, _)| Path::new(from).is_file()).or_else(|| splits().next());
    found.context("--interpolate takes two seeds, `3:8`, or two pictures, `a.png:b.png`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_a_path_may_have_colons_in_their_names() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let from = folder.path().join("c:a.png");
        std::fs::write(&from, "").expect("a file");
        let from = from.to_str().expect("a name in Unicode");
        let ends = format!("{from}:d:b.png");
        assert_eq!(split(&ends).expect("two ends"), (from, "d:b.png"));
        assert_eq!(split("3:8").expect("two ends"), ("3", "8"));
        split("3").expect_err("one end");
    }
}
