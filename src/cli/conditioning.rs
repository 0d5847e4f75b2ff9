//! The flags of `ncsn sample` that steer it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};

use super::apart::Read;
use super::class_guidance::{ClassGuidanceArgs, ensure_knows_all_images};
use super::engine::Engine;
use super::{classes, classifiers, image_input};
use crate::classifier::ClassGuide;
use crate::model_file::ModelFile;
use crate::net::{Architecture, ImageShape};
use crate::noise::NoiseSchedule;
use crate::sample::conditioning::{End, Path as Way};
use crate::sample::observation::Block;
use crate::sample::parameters::default_strength;
use crate::sample::{ClassConditioning, Conditioning, GuidanceScale, Observation};

/// What images are made from besides noise.
#[derive(clap::Args)]
#[group(skip)]
pub struct ConditioningArgs {
    /// Fill in the transparent parts of an image, or those that are white in --mask; the rest is
    /// kept exactly.
    #[arg(long, value_name = "IMAGE", group = "observed", help_heading = CONDITIONING)]
    inpaint: Option<PathBuf>,
    /// The mask of --inpaint: white where the image is filled in, black where it is kept.
    #[arg(long, value_name = "IMAGE", requires = "inpaint", help_heading = CONDITIONING)]
    mask: Option<PathBuf>,
    /// Color a gray image, keeping its gray as the mean of red, green and blue.
    #[arg(long, alias = "colourise", value_name = "IMAGE", group = "observed", help_heading = CONDITIONING)]
    colorize: Option<PathBuf>,
    /// Enlarge a small image, keeping each of its pixels as the mean of a square of pixels.
    #[arg(long, value_name = "IMAGE", group = "observed", help_heading = CONDITIONING)]
    super_resolve: Option<PathBuf>,
    /// Start from this image under noise, such as a drawing of what to make.
    #[arg(long, alias = "sketch", value_name = "IMAGE", help_heading = CONDITIONING)]
    init_image: Option<PathBuf>,
    /// How far images may end from --init-image or from interpolated images: 0 keeps everything, 1
    /// forgets it. The noise added at the start grows geometrically from σ_L to σ₁ [default: where
    /// it is 0.04 times the image's side, which hides strokes but not what they draw].
    #[arg(long, alias = "wander", help_heading = CONDITIONING)]
    strength: Option<f32>,
    /// Go from one seed to another, `3:8`, or from one image to another, `a.png:b.png`, in -n
    /// images. Images are taken as --init-image takes them: see --strength.
    #[arg(long, value_name = "FROM:TO", conflicts_with = "init_image", help_heading = CONDITIONING)]
    interpolate: Option<String>,
    /// The class to show, by its name, a part of a name that no other class has, or its number,
    /// counted from 0 (where all names are numbers, a number means the name): one of the model's, or
    /// of a --classifier's for a model without classes [default: each image's is drawn, as often as
    /// it occurs in training].
    #[arg(long, help_heading = CONDITIONING)]
    class: Option<String>,
    /// The classes to show in turns: names, parts of names or numbers separated by commas, a range
    /// such as 0-9, or all.
    #[arg(long, value_name = "LIST", conflicts_with_all = ["class", "classifier"], help_heading = CONDITIONING)]
    classes: Option<String>,
    #[command(flatten, next_help_heading = CONDITIONING)]
    guidance: ClassGuidanceArgs,
    /// A classifier that guides a model without classes to --class, made by `train --classifier`.
    /// With it, --guidance 1 is Bayes' rule.
    #[arg(
        long,
        value_name = "FILE",
        requires = "class",
        conflicts_with = "guidance_interval",
        help_heading = CONDITIONING,
    )]
    classifier: Option<PathBuf>,
}

const CONDITIONING: &str = "Conditioning";

/// What the flags ask for.
pub struct Conditioned {
    /// What the chains are conditioned by.
    pub conditioning: Conditioning,
    /// Where chains start, from σ_L (0) to σ₁ (1), if they do not start from pure noise.
    pub strength: Option<f32>,
    /// The first seed, if the path goes between seeds.
    pub seed: Option<u64>,
}

impl ConditioningArgs {
    /// Whether the images form a path rather than a set.
    pub fn is_path(&self) -> bool {
        self.interpolate.is_some()
    }

    /// The files that the flags name, each with its flag.
    pub fn reads(&self) -> Vec<Read<'_>> {
        let files = [
            ("--inpaint", &self.inpaint),
            ("--mask", &self.mask),
            ("--colorize", &self.colorize),
            ("--super-resolve", &self.super_resolve),
            ("--init-image", &self.init_image),
            ("--classifier", &self.classifier),
        ];
        let files = files.into_iter().map(|(flag, path)| (flag, path.as_deref()));
        let ends = self.interpolate.as_deref().and_then(|ends| split(ends).ok());
        let ends = ends.into_iter().flat_map(|(from, to)| [from, to]);
        files.chain(ends.map(|end| ("--interpolate", Some(Path::new(end))))).collect()
    }

    /// Adds a guide toward --class, if there is a --classifier; also returns the number of that class,
    /// by the classifier.
    ///
    /// # Errors
    /// If the classifier cannot be read, is for other images or has no such class, or if the
    /// engine cannot differentiate it.
    pub fn guide(&self, engine: Engine) -> anyhow::Result<(Engine, Option<usize>)> {
        let (Some(path), Some(class)) = (&self.classifier, &self.class) else {
            return Ok((engine, None));
        };
        let GuidanceScale { weight, .. } = self.guidance.scale()?;
        let mut guided_to = None;
        let engine = engine.guided("--classifier", |shape, device| {
            let file = classifiers::open(path)?;
            let found = file.card.description.image_shape;
            ensure!(found == shape, "the classifier is for {found}, but the model makes {shape}");
            let label = classes::find(class, file.card.classes.iter().map(String::as_str))?;
            guided_to = Some(label);
            Ok(Arc::new(ClassGuide::new(&file, label, weight, device)?))
        })?;
        Ok((engine, guided_to))
    }

    /// Whether a classifier guides.
    pub fn is_guided(&self) -> bool {
        self.classifier.is_some()
    }

    /// The classes that `count` chains of a class-conditional model show.
    ///
    /// # Errors
    /// If the model has no such class, or none at all, or was not trained for what is asked.
    pub fn class_conditioning(
        &self,
        model: &ModelFile,
        seed: u64,
        count: usize,
    ) -> anyhow::Result<Option<ClassConditioning>> {
        let asked = match (&self.class, &self.classes) {
            _ if self.is_guided() => {
                // The classifier tells the class, so the model is told none.
                ensure_knows_all_images(model, "--classifier")?;
                return Ok(None);
            }
            (None, None) => {
                // A path changes little by little, and a class does not.
                let count = if self.is_path() { 1 } else { count };
                return self.guidance.drawn(model, seed, count);
            }
            (Some(class), _) => class,
            (None, Some(classes)) => classes,
        };
        let card = &model.card;
        let classes = match &self.class {
            // A name may have a comma.
            Some(class) if !card.classes.is_empty() => {
                vec![classes::find(class, card.classes.iter().map(|class| &class.name[..]))?]
            }
            _ => classes::parse(asked, card)?,
        };
        let guidance_scale = self.guidance.scale_for(model)?;
        Ok(Some(ClassConditioning { classes, first: 0, guidance_scale }))
    }

    /// Reads the images that the flags name.
    ///
    /// # Errors
    /// If one cannot be read or does not fit the model, or the noise schedule is impossible.
    pub fn read(
        &self,
        model: &Architecture,
        schedule: NoiseSchedule,
        frames: usize,
    ) -> anyhow::Result<Conditioned> {
        // Of impossible noise levels there is no strength.
        schedule.check()?;
        let shape = model.image_shape();
        // Usually the background of the training images.
        let paper = f32::from(model.preconditioning().is_some_and(|data| data.mean > 0.5));
        let opaque = |path| image_input::read_sized(path, shape).map(|given| given.on(paper));
        let (mut origin, mut path, mut seed) = (None, None, None);
        if let Some(sketch) = &self.init_image {
            origin = Some(opaque(sketch)?.pixels);
        }
        if let Some(ends) = &self.interpolate {
            let (from, to) = split(ends)?;
            let is_image = |end: &str| end.parse::<u64>().is_err() || Path::new(end).is_file();
            let to = match (from.parse(), to.parse()) {
                (Ok(from), Ok(to)) => {
                    seed = Some(from);
                    End::Seed(to)
                }
                _ => {
                    ensure!(
                        is_image(from) && is_image(to),
                        "--interpolate {ends}: both ends must be seeds, or both images"
                    );
                    origin = Some(opaque(Path::new(from))?.pixels);
                    End::Image(opaque(Path::new(to))?.pixels)
                }
            };
            path = Some(Way { frames, to });
        }
        ensure!(
            origin.is_some() || self.strength.is_none(),
            "--strength needs a --init-image or images to --interpolate"
        );
        let usual = || default_strength(&schedule, shape);
        let strength = origin.is_some().then(|| self.strength.unwrap_or_else(usual));
        let conditioning = Conditioning {
            origin,
            path,
            observation: self.observation(shape, paper)?,
            classes: None,
        };
        conditioning.check(shape.dimension())?;
        Ok(Conditioned { conditioning, strength, seed })
    }

    fn observation(&self, shape: ImageShape, paper: f32) -> anyhow::Result<Option<Observation>> {
        if let Some(path) = &self.inpaint {
            let given = image_input::read_sized(path, shape)?;
            let (pixels, known): (_, Vec<bool>) = match &self.mask {
                Some(mask) => {
                    let gray = ImageShape { channels: 1, ..shape };
                    let mask = image_input::read_sized(mask, gray)?.on(0.0).pixels;
                    (given.on(paper).pixels, mask.iter().map(|&white| white < 0.5).collect())
                }
                // A pixel that is at least half opaque is known.
                None => (given.pixels, given.opacity.iter().map(|&part| part >= 0.5).collect()),
            };
            ensure!(
                known.contains(&false),
                "{} has nothing to fill in: make a part of it transparent, or give a --mask that is \
                 partly white",
                path.display()
            );
            return Ok(Some(Observation::pixels(shape, &pixels, &known)?));
        }
        if let Some(path) = &self.colorize {
            ensure!(shape.channels > 1, "--colorize needs a model of colored images");
            let given = image_input::read_sized(path, shape)?.on(paper);
            let block = Block { channels: shape.channels, height: 1, width: 1 };
            return Ok(Some(Observation::means(shape, &given.pixels, block)?));
        }
        if let Some(path) = &self.super_resolve {
            let small = image_input::read(path)?.on(paper).channels(shape.channels);
            let ImageShape { height, width, .. } = small.shape;
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

/// Splits `FROM:TO`. File names may contain colons (`C:\a.png`), so FROM is the shortest prefix
/// that is an existing file.
fn split(ends: &str) -> anyhow::Result<(&str, &str)> {
    let splits = || ends.match_indices(':').map(|(at, _)| (&ends[..at], &ends[at + 1..]));
    let found = splits().find(|(from, _)| Path::new(from).is_file()).or_else(|| splits().next());
    found.context("--interpolate takes two seeds, `3:8`, or two images, `a.png:b.png`")
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
