//! The images of a data set.

use super::pixels::Pixels;
use crate::net::{ImageShape, Preconditioning};
use crate::random::fixed_sample;
use crate::recipe;

/// Images of one shape, as bytes: 255 is 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// The shape of each image.
    pub shape: ImageShape,
    /// The pixels, one image after another, C × H × W each.
    pub bytes: Pixels,
    /// The class of each image, from 0; `None` if they have no classes.
    pub labels: Option<Vec<u8>>,
}

/// One image in this many is held out if the data set does not say which.
const HELD_OUT: usize = 20;

impl Images {
    /// Images without classes.
    pub fn new(shape: ImageShape, bytes: Vec<u8>) -> Self {
        Self { shape, bytes: bytes.into(), labels: None }
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.shape.dimension()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The pixels of image `index`.
    ///
    /// # Panics
    /// If there are fewer images.
    pub fn image(&self, index: usize) -> &[u8] {
        let dimension = self.shape.dimension();
        &self.bytes[index * dimension..][..dimension]
    }

    /// The class of image `index`, if the images have classes.
    ///
    /// # Panics
    /// If there are fewer images.
    pub fn label(&self, index: usize) -> Option<usize> {
        self.labels.as_ref().map(|labels| usize::from(labels[index]))
    }

    /// The number of classes: one more than the largest label. 0 if the images have no labels, or all
    /// have the same.
    pub fn classes(&self) -> usize {
        let labels = self.labels.as_deref().unwrap_or_default();
        match labels.iter().max() {
            Some(&most) if labels.iter().any(|&label| label != most) => usize::from(most) + 1,
            _ => 0,
        }
    }

    /// The number of images of each of `classes` classes.
    pub fn class_counts(&self, classes: usize) -> Vec<u32> {
        let mut counts = vec![0; classes];
        for &label in self.labels.iter().flatten() {
            if let Some(count) = counts.get_mut(usize::from(label)) {
                *count += 1;
            }
        }
        counts
    }

    /// All images, one after another.
    pub fn iter(&self) -> std::slice::ChunksExact<'_, u8> {
        self.bytes.chunks_exact(self.shape.dimension())
    }

    /// `count` images, or all: random but always the same, because data sets may be sorted by
    /// class, or cycle through the classes.
    pub fn some(&self, count: usize) -> Self {
        self.select(fixed_sample(self.len(), count))
    }

    /// The mean and standard deviation of all pixels, in \[0, 1\].
    pub fn statistics(&self) -> Preconditioning {
        recipe::statistics(&self.bytes)
    }

    /// Holds out every twentieth image in the order of their classes, and at least one of
    /// several. Images may be sorted by name or by class, or cycle through the classes, so
    /// neither the last twentieth nor every twentieth of all would cover every class. In place of a
    /// class's last image it is one before it, unless every class has a single one.
    pub(super) fn hold_out(self) -> (Self, Self) {
        let count = self.len();
        let every = HELD_OUT.min(count).max(1);
        let mut by_class: Vec<usize> = (0..count).collect();
        by_class.sort_by_key(|&index| self.labels.as_ref().map(|labels| labels[index]));
        let mut apart = vec![false; count];
        let mut left = self.class_counts(usize::from(u8::MAX) + 1);
        for twenty in by_class.chunks_exact(every).filter(|_| count > 1) {
            let may_go = |&&index: &&usize| self.label(index).is_none_or(|label| left[label] > 1);
            if let Some(&index) = twenty.iter().rev().find(may_go) {
                apart[index] = true;
                self.label(index).into_iter().for_each(|label| left[label] -= 1);
            }
        }
        if count > 1 && !apart.contains(&true) {
            apart[by_class[every - 1]] = true;
        }
        let (train, held_out) = self.partition(|index| apart[index]);
        (train, held_out.mixed())
    }

    /// The same images in the order of [`fixed_sample`], so that the first so many held-out images
    /// include every kind even if they were sorted. Published test sets need this too: the halves
    /// of MNIST's are by different writers.
    pub(super) fn mixed(self) -> Self {
        self.select(fixed_sample(self.len(), self.len()))
    }

    /// The images with these indices, in this order, in memory.
    fn select(&self, indices: impl Iterator<Item = usize>) -> Self {
        let mut bytes = Vec::new();
        let mut some = self.labels.as_ref().map(|_| Vec::new());
        for index in indices {
            bytes.extend_from_slice(self.image(index));
            if let (Some(some), Some(labels)) = (&mut some, &self.labels) {
                some.push(labels[index]);
            }
        }
        Self { labels: some, ..Self::new(self.shape, bytes) }
    }

    /// Splits the images into those that are not `apart` and those that are. The former, which
    /// may be gigabytes, stay where they are.
    pub(super) fn partition(mut self, apart: impl Fn(usize) -> bool) -> (Self, Self) {
        let (count, dimension) = (self.len(), self.shape.dimension());
        let others = self.select((0..count).filter(|&index| apart(index)));
        let mut kept = 0;
        for index in (0..count).filter(|&index| !apart(index)) {
            self.bytes.copy_within(index * dimension..(index + 1) * dimension, kept * dimension);
            if let Some(labels) = &mut self.labels {
                labels[kept] = labels[index];
            }
            kept += 1;
        }
        self.bytes.truncate(kept * dimension);
        if let Some(labels) = &mut self.labels {
            labels.truncate(kept);
        }
        (self, others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_those_of_the_pixels() {
        let shape = ImageShape { channels: 1, height: 1, width: 2 };
        let images = Images::new(shape, vec![0, 255, 255, 0]);
        assert_eq!(images.statistics(), Preconditioning { mean: 0.5, sigma_data: 0.5 });
        assert_eq!((images.len(), images.image(1)), (2, &[255, 0][..]));
    }

    #[test]
    fn one_image_in_twenty_is_held_out() {
        let shape = ImageShape { channels: 1, height: 1, width: 1 };
        let split = |count: u8| {
            let labels = Some((0..count).map(|index| index / 4).collect());
            let images = Images { labels, ..Images::new(shape, (0..count).collect()) };
            let (train, held_out) = images.hold_out();
            assert_eq!(train.len() + held_out.len(), usize::from(count));
            let labels: Vec<u8> = held_out.bytes.iter().map(|index| index / 4).collect();
            assert_eq!(held_out.labels, Some(labels));
            held_out.bytes.to_vec()
        };
        let mut held_out = split(240);
        assert!(!held_out.is_sorted(), "{held_out:?}");
        held_out.sort_unstable();
        assert_eq!(held_out, (19..240).step_by(20).collect::<Vec<u8>>());
        assert_eq!((split(3), split(1), split(0)), (vec![2], vec![], vec![]));
    }

    #[test]
    fn a_class_keeps_its_last_image() {
        let shape = ImageShape { channels: 1, height: 1, width: 1 };
        let held_out = |labels: Vec<u8>| {
            let images = Images::new(shape, (0..labels.len() as u8).collect());
            let (train, held_out) = Images { labels: Some(labels), ..images }.hold_out();
            (train.classes(), held_out.bytes.to_vec())
        };
        assert_eq!(held_out([vec![0; 15], vec![1]].concat()), (2, vec![14]));
        // Nineteen classes of one image, and one of two.
        assert_eq!(held_out((0..20).chain([5]).collect()), (20, vec![20]));
        // With two images each, the same ones as of larger classes.
        let (classes, mut two) = held_out((0..60).map(|index| index / 2).collect());
        two.sort_unstable();
        assert_eq!((classes, two), (30, vec![19, 39, 59]));
        assert_eq!(held_out((0..60).collect()).1, [19]);
    }

    #[test]
    fn as_many_of_each_class_are_held_out_where_classes_take_turns() {
        let shape = ImageShape { channels: 1, height: 1, width: 1 };
        let labels = Some((0..200).map(|index| index % 10).collect());
        let images = Images { labels, ..Images::new(shape, (0..200).collect()) };
        let (_, held_out) = images.hold_out();
        let mut labels = held_out.labels.expect("as before");
        labels.sort_unstable();
        assert_eq!(labels, (0..10).collect::<Vec<u8>>());
    }
}
