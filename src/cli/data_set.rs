//! The flags that choose images and how to read them, and what was found.

use std::cell::OnceCell;
use std::path::PathBuf;

use anyhow::{bail, ensure};
use clap::Args;

use super::print::in_one_line;
use super::progress;
use crate::data::{DataSet, LoadReport, ReadOptions, Size, built_in};
use crate::net::ImageShape;
use crate::words::{count, first_few};

/// Where the images are, and how to read them.
#[derive(Args)]
pub struct ImageArgs {
    /// The images: a folder of PNG, JPEG, GIF, WebP or BMP files; IDX files (MNIST and its
    /// relatives), CIFAR-10 or CIFAR-100 (binary or for Python), .npy arrays or an .npz; an archive
    /// of any of these (.zip, or .tar, also as .gz, .xz, .bz2 or .zst); or a folder of such archives
    /// (WebDataset's shards).
    /// If there is no such path, mnist, fashion-mnist and cifar10 are downloaded into the user's
    /// cache (from NCSN_MIRROR, if set).
    #[arg(long, value_name = "PATH")]
    pub data: PathBuf,
    /// Crop to the center and resize to this many pixels a side, or to WIDTHxHEIGHT [default: the
    /// most common size].
    #[arg(long)]
    pub size: Option<Size>,
    /// Convert to gray.
    #[arg(long, alias = "grey")]
    pub grayscale: bool,
    /// The color behind transparent pixels: black, gray, white or #RRGGBB.
    #[arg(long, default_value = "white", value_parser = color)]
    pub background: [u8; 3],
    /// Stop at a file that cannot be read, instead of skipping it.
    #[arg(long)]
    pub strict: bool,
    /// A folder on a disk with room for images whose pixels take more than 2 GiB. They are kept
    /// there in a file without a name, which is gone with the program.
    #[arg(long, value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,
}

impl ImageArgs {
    /// Loads the images. `accepts` may refuse their shape, saying why, before all of them are
    /// read.
    ///
    /// # Errors
    /// If there are none; in words for the user.
    pub fn load(
        &self,
        accepts: &dyn Fn(ImageShape) -> Result<(), String>,
    ) -> anyhow::Result<DataSet> {
        let path = self.path()?;
        // Most formats are read in one go; the bar is for folders of many images.
        let bar = OnceCell::new();
        let show = |done: usize, total: usize| {
            let new = || progress::bar(0, "{bar:30} {pos}/{len} files, {eta} left");
            let bar = bar.get_or_init(new);
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        };
        let Self { size, grayscale, background, strict, .. } = *self;
        let scratch = self.scratch.clone();
        let usual =
            ReadOptions { size, grayscale, background, strict, scratch, ..ReadOptions::default() };
        let options = ReadOptions { accepts, progress: &show, ..usual };
        let loaded = DataSet::load(&path, &options);
        if let Some(bar) = bar.get() {
            bar.finish_and_clear();
        }
        Ok(loaded?)
    }

    /// Loads images for a model of this shape.
    ///
    /// # Errors
    /// As [`Self::load`], and if the images have another shape.
    pub fn load_shaped(&self, shape: ImageShape) -> anyhow::Result<DataSet> {
        let other = |found: ImageShape| {
            format!(
                "the images are {found} (channels × height × width), but the model's are {shape}; see \
                 --size and --grayscale"
            )
        };
        // Whether there are colors is only known once all images are read.
        let sides = |image_shape: ImageShape| (image_shape.height, image_shape.width);
        let fits = |found| if sides(found) == sides(shape) { Ok(()) } else { Err(other(found)) };
        let data = self.load(&fits)?;
        ensure!(data.train.shape == shape, other(data.train.shape));
        Ok(data)
    }

    /// The path of the images. An existing path wins over the name of a data set.
    fn path(&self) -> anyhow::Result<PathBuf> {
        let name = self.data.to_str().and_then(built_in::find);
        match name {
            Some(set) if !self.data.exists() => Ok(set.fetch(&progress::download)?),
            None if !self.data.exists() => {
                let names: Vec<_> = built_in::names().collect();
                bail!(
                    "--data {}: there is no such path or data set ({})",
                    self.data.display(),
                    names.join(", ")
                )
            }
            _ => Ok(self.data.clone()),
        }
    }
}

/// Prints what was found: a line of numbers, one of classes, then one line for each thing that may
/// need attention.
pub fn say(data: &DataSet) {
    let ImageShape { channels, height, width } = data.train.shape;
    println!(
        "{}: {} of {channels} × {height} × {width}, and {} held out ({})",
        data.name,
        count(data.train.len(), "image"),
        data.held_out.len(),
        data.found.kind
    );
    let classes = [classes_of(data), classes_held_out(data)].into_iter().flatten();
    // The names of files may have line breaks.
    classes.chain(notes(&data.found)).for_each(|line| println!("  {}", in_one_line(&line)));
}

/// The classes of the training images; `None` if they have none.
fn classes_of(data: &DataSet) -> Option<String> {
    const SHOWN: usize = 5;
    let counts = data.train.class_counts(data.classes.len());
    // Labels may have gaps.
    let found = data.classes.iter().zip(&counts).filter(|(_, images)| **images > 0);
    let (names, counts): (Vec<&str>, Vec<u32>) =
        found.map(|(name, images)| (&name[..], images)).unzip();
    let (fewest, most) = (counts.iter().min()?, counts.iter().max()?);
    let each = if fewest == most { String::new() } else { format!("{fewest} to ") };
    Some(format!(
        "{}: {}; {each}{} each",
        count(names.len(), "class"),
        first_few(names.iter(), SHOWN),
        count(*most, "image")
    ))
}

/// Says which classes have held-out images only; `None` if there are none.
fn classes_held_out(data: &DataSet) -> Option<String> {
    const SHOWN: usize = 5;
    let [train, held_out] =
        [&data.train, &data.held_out].map(|images| images.class_counts(data.classes.len()));
    let lost = data.classes.iter().zip(train.iter().zip(held_out));
    let lost: Vec<&str> = lost
        .filter(|&(_, (&train, held_out))| train == 0 && held_out > 0)
        .map(|(name, _)| &name[..])
        .collect();
    let names = first_few(lost.iter(), SHOWN);
    (!lost.is_empty()).then(|| format!("no image to train on, only held-out ones: {names}"))
}

fn notes(found: &LoadReport) -> Vec<String> {
    let mut notes = Vec::new();
    if found.resized > 0 {
        notes.push(format!("{} had another size: cropped and resized", found.resized));
    }
    if found.duplicates > 0 {
        notes.push(format!("{} dropped", count(found.duplicates, "duplicate")));
    }
    if !found.unreadable.is_empty() {
        notes.push(found.cannot_read());
    }
    notes.extend(found.split_ignored());
    if let Some(name) = &found.unclassed {
        notes.push(format!("folders are not used as classes, since {name} is in none"));
    }
    notes.extend(found.notes.iter().cloned());
    notes.extend(found.others());
    notes
}

fn color(text: &str) -> Result<[u8; 3], String> {
    match text {
        "black" => return Ok([0; 3]),
        "gray" | "grey" => return Ok([128; 3]),
        "white" => return Ok([255; 3]),
        _ => {}
    }
    // A number could begin with a sign.
    let are_digits = |text: &&str| text.len() == 6 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let digits = text.strip_prefix('#').filter(are_digits);
    let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let [_, red, green, blue] =
        number.map(u32::to_be_bytes).ok_or("a color is black, gray, white or #RRGGBB")?;
    Ok([red, green, blue])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Images;

    #[test]
    fn classes_are_said_in_one_line() {
        let shape = ImageShape { channels: 1, height: 1, width: 1 };
        let said = |labels: &[u8], classes: usize| {
            let images = Images::new(shape, vec![0; labels.len()]);
            let train = Images { labels: Some(labels.to_vec()), ..images };
            let classes = (0..classes).map(|class| class.to_string()).collect();
            let (name, held_out, found) = ("d".into(), train.clone(), LoadReport::default());
            classes_of(&DataSet { name, train, held_out, classes, found })
        };
        let twelve: Vec<u8> = (0..12).chain(0..9).collect();
        let expected = "12 classes: 0, 1, 2, 3, 4 and 7 more; 1 to 2 images each";
        assert_eq!(said(&twelve, 12).as_deref(), Some(expected));
        let gaps = said(&[0, 0, 1, 1, 7, 7], 8);
        assert_eq!(gaps.as_deref(), Some("3 classes: 0, 1, 7; 2 images each"));
        assert_eq!(said(&[0, 1], 2).as_deref(), Some("2 classes: 0, 1; 1 image each"));
        assert_eq!(said(&[], 0), None);
    }

    #[test]
    fn a_color_is_a_name_or_six_digits() {
        assert_eq!(color("gray"), Ok([128; 3]));
        assert_eq!(color("#0a10FF"), Ok([10, 16, 255]));
        for wrong in ["blue", "0a10ff", "#0a10f", "#+a10ff"] {
            color(wrong).expect_err("no color");
        }
    }
}
