//! The task of the classifier in whose features samples are compared.

use std::borrow::Cow;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::defects::{Defect, spoil};
use crate::data::Images;
use crate::net::ImageShape;
use crate::pixel::{bytes, values};
use crate::random::{Key, fixed_sample, permutation};

/// What the classifier was trained to distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// The classes that the data came with.
    Classes,
    /// For data without classes, be it only of held-out images: intact images, by which way up they
    /// are (Gidaris et al. 2018, *Unsupervised Representation Learning by Predicting Image
    /// Rotations*), from images with defects. Turns alone leave a network blind to what does not
    /// matter for them, such as whether there is anything recognizable in an upright shape.
    Defects,
}

impl Task {
    /// The task for these images to train on and to hold out.
    pub fn of(train: &Images, held_out: &Images) -> Self {
        let labeled = train.labels.is_some() && held_out.labels.is_some();
        if labeled { Self::Classes } else { Self::Defects }
    }

    /// The names of the classes to tell apart, by label; those of the data are given.
    pub fn classes(self, images: &Images, names: &[String]) -> Vec<String> {
        if self == Self::Classes {
            return names.to_vec();
        }
        let turn = |&quarters: &usize| match quarters {
            0 => "upright".to_owned(),
            quarters => format!("turned by {}°", 90 * quarters),
        };
        let defects = Defect::ALL.iter().map(|defect| defect.name().to_owned());
        turns(images).iter().map(turn).chain(defects).collect()
    }

    /// The images with the labels of this task. Of a small set, several versions are made of each
    /// image; of a large one, not every image is used, so that there are at most 100,000.
    pub fn labeled(self, images: &Images) -> Cow<'_, Images> {
        const MOST: usize = 100_000;
        const VERSIONS: usize = 3;
        if self == Self::Classes {
            return Cow::Borrowed(images);
        }
        let turns = turns(images);
        let kinds = turns.len() + Defect::ALL.len();
        let count = images.len().min(MOST / kinds);
        let versions = (MOST / kinds / count.max(1)).clamp(1, VERSIONS);
        let chosen: Vec<usize> = fixed_sample(images.len(), count).collect();
        let partners = permutation(images.len(), Key { seed: 1, stream: 0, step: 0 });
        let made = (0..versions * count)
            .into_par_iter()
            .flat_map_iter(|index| (0..kinds).map(move |kind| (index, kind)));
        let made = made.map(|(index, kind)| {
            let (version, image) = (index / count, chosen[index % count]);
            let other = partner(images, &partners, image, version);
            let key = Key { seed: 0, stream: index as u32, step: kind as u32 };
            let (turn, defect) = match turns.get(kind) {
                Some(&turn) => (turn, None),
                None => (0, Some(Defect::ALL[kind - turns.len()])),
            };
            let image = values(images.image(image));
            let spoiled = spoil(defect, &image, &values(&other), images.shape, key);
            turned(bytes(&spoiled), images.shape, turn)
        });
        let made: Vec<Vec<u8>> = made.collect();
        let mut labeled = Images::new(images.shape, made.concat());
        let labels = (0..kinds as u8).cycle().take(labeled.len());
        labeled.labels = Some(labels.collect());
        Cow::Owned(labeled)
    }
}

/// What to blend a version of an image with: the next image in a random order, always the same, that
/// differs from it. If all are the same, it is the image upside down.
fn partner<'a>(
    images: &'a Images,
    partners: &[u32],
    image: usize,
    version: usize,
) -> Cow<'a, [u8]> {
    let own = images.image(image);
    let (before, after) = partners.split_at((image + version) % partners.len());
    let mut others = after.iter().chain(before).map(|&other| images.image(other as usize));
    match others.find(|other| *other != own) {
        Some(other) => Cow::Borrowed(other),
        None => Cow::Owned(turned(own.to_vec(), images.shape, 2)),
    }
}

/// The turns, in quarters, that keep the images' shape.
fn turns(images: &Images) -> &'static [usize] {
    if images.shape.height == images.shape.width { &[0, 1, 2, 3] } else { &[0, 2] }
}

/// Planes turned by a number of quarters, which must keep their shape.
fn turned(mut planes: Vec<u8>, shape: ImageShape, quarters: usize) -> Vec<u8> {
    let plane = shape.height * shape.width;
    match quarters {
        2 => planes.chunks_exact_mut(plane).for_each(<[u8]>::reverse),
        _ => (0..quarters).for_each(|_| planes = turn(&planes, shape.width)),
    }
    planes
}

/// Rotates square planes by a quarter turn.
fn turn(planes: &[u8], side: usize) -> Vec<u8> {
    let plane = |plane: &[u8]| -> Vec<u8> {
        let pixel = |at: usize| plane[at % side * side + side - 1 - at / side];
        (0..side * side).map(pixel).collect()
    };
    planes.chunks_exact(side * side).flat_map(plane).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DataSet, ReadOptions};

    /// As held-out images are that lie in none of the classes' folders.
    #[test]
    fn classes_are_told_apart_if_all_images_have_them() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let names = ["train/cat/1.png", "train/cat/2.png", "train/dog/1.png", "test/1.png"];
        for (name, gray) in names.into_iter().zip([0, 60, 120, 180]) {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            image::GrayImage::from_pixel(8, 8, image::Luma([gray])).save(path).expect("saved");
        }
        let data = DataSet::load(folder.path(), &ReadOptions::default()).expect("images");
        let DataSet { train, held_out, classes, .. } = &data;
        assert_eq!((train.len(), held_out.len(), classes.len()), (3, 1, 2));
        assert_eq!(Task::of(train, held_out), Task::Defects);
        assert_eq!(Task::of(train, train), Task::Classes);
    }

    #[test]
    fn four_quarters_are_a_whole_turn() {
        let image = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(turn(&image, 3), [3, 6, 9, 2, 5, 8, 1, 4, 7]);
        let shape = ImageShape { channels: 1, height: 3, width: 3 };
        let two = turned(image.to_vec(), shape, 2);
        assert_eq!(two, turn(&turn(&image, 3), 3));
        assert_eq!(turned(two, shape, 2), image);
        assert_eq!(turned(turned(image.to_vec(), shape, 3), shape, 1), image);
    }

    #[test]
    fn no_image_is_blended_with_itself() {
        let shape = ImageShape { channels: 1, height: 1, width: 2 };
        // The third looks like the first.
        let images = Images::new(shape, vec![1, 2, 3, 4, 1, 2, 5, 6]);
        let partners = [0, 2, 1, 3];
        let of = |image, version| partner(&images, &partners, image, version).into_owned();
        assert_eq!([of(0, 0), of(0, 1), of(0, 2)], [[3, 4], [3, 4], [3, 4]]);
        assert_eq!([of(3, 0), of(3, 1), of(3, 2)], [[1, 2], [1, 2], [1, 2]]);
        assert_eq!([of(1, 0), of(1, 1), of(1, 2)], [[1, 2], [5, 6], [5, 6]]);
        let same = Images::new(shape, vec![1, 2, 1, 2]);
        assert_eq!(partner(&same, &[1, 0], 1, 2).into_owned(), [2, 1]);
    }

    #[test]
    fn every_image_comes_in_every_kind() {
        let wide = ImageShape { channels: 3, height: 8, width: 12 };
        let square = ImageShape { channels: 1, height: 8, width: 8 };
        for (shape, kinds) in [(wide, 4), (square, 6)] {
            let mut pixels = vec![0; 5 * shape.dimension()];
            pixels.iter_mut().zip(0..).for_each(|(byte, at): (_, u32)| *byte = (37 * at) as u8);
            let images = Images::new(shape, pixels);
            let task = Task::of(&images, &images);
            assert_eq!(task, Task::Defects);
            let labeled = task.labeled(&images);
            let labels = labeled.labels.as_ref().expect("it has a task");
            assert_eq!((labeled.len(), labels.len()), (5 * 3 * kinds, 5 * 3 * kinds));
            let of = |kind| labels.iter().filter(|&&label| usize::from(label) == kind).count();
            assert!((0..kinds).all(|kind| of(kind) == 15), "{labels:?}");
            assert_eq!(task.classes(&images, &[]).len(), kinds);
            // Always the same.
            assert_eq!(labeled, task.labeled(&images));
        }
    }
}
