//! The images of a run: their statistics, and how near others come to them.

use crate::net::{ImageShape, Preconditioning};
use crate::pixel;

/// Training images, N × C × H × W bytes.
pub(super) struct TrainingImages {
    pub bytes: Vec<u8>,
    shape: ImageShape,
    /// How many of them, from the first on, are a visitor's own; the others are variants of these.
    pub originals: usize,
    /// The distance between an original image and its nearest other: the median. 1 if that is not
    /// known.
    usual_distance: f32,
}

impl TrainingImages {
    /// `None` if these are not whole images. All of them are originals unless a number is given.
    pub fn new(bytes: Vec<u8>, shape: ImageShape, originals: Option<usize>) -> Option<Self> {
        let dimension = shape.dimension();
        if bytes.is_empty() || !bytes.len().is_multiple_of(dimension) {
            return None;
        }
        let count = bytes.len() / dimension;
        let originals = originals.map_or(count, |originals| originals.clamp(1, count));
        let usual_distance = nearest_distance(&bytes[..dimension * originals], dimension);
        Some(Self { bytes, shape, originals, usual_distance: usual_distance.unwrap_or(1.0) })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.shape.dimension()
    }

    /// The mean and standard deviation of all pixels, in \[0, 1\].
    pub fn scale(&self) -> Preconditioning {
        let n = self.bytes.len() as f64;
        let value = |&byte: &u8| f64::from(pixel::value(byte));
        let mean = self.bytes.iter().map(value).sum::<f64>() / n;
        let variance = self.bytes.iter().map(|byte| (value(byte) - mean).powi(2)).sum::<f64>() / n;
        Preconditioning { mean: mean as f32, sigma_data: variance.max(1e-4).sqrt() as f32 }
    }

    /// The largest distance between two images.
    pub fn largest_distance(&self) -> f32 {
        let all = || some(&self.bytes, self.shape.dimension());
        all().flat_map(|one| all().map(|other| distance(one, other))).fold(0.0, f32::max)
    }

    /// The σ from which targets are stable: see `train::stable_from`.
    pub fn stable_from(&self) -> Option<f32> {
        nearest_distance(&self.bytes, self.shape.dimension()).map(|distance| distance / 8.0)
    }

    /// For each of some images, the number of the nearest of these, and in the second half the
    /// distance to it, over the median distance between an original and its nearest other. Far
    /// below 1 it is a copy. With `mirrored`, a mirrored copy is one, too.
    pub fn nearest(&self, images: &[u8], mirrored: bool) -> Vec<f32> {
        let (width, dimension) = (self.shape.width, self.shape.dimension());
        let nearest = |image: &[u8]| {
            let mirrored: Option<Vec<u8>> = mirrored
                .then(|| image.chunks(width).flat_map(|row| row.iter().rev().copied()).collect());
            let distance = |other: &[u8]| {
                let turned =
                    mirrored.as_ref().map_or(f32::INFINITY, |image| distance(image, other));
                distance(image, other).min(turned)
            };
            let distances = self.bytes.chunks_exact(dimension).map(distance);
            let nearest = (0..).zip(distances).min_by(|(_, a), (_, b)| a.total_cmp(b));
            nearest.unwrap_or((0, f32::INFINITY))
        };
        let found: Vec<(u32, f32)> = images.chunks_exact(dimension).map(nearest).collect();
        let numbers = found.iter().map(|(number, _)| *number as f32);
        numbers.chain(found.iter().map(|(_, distance)| distance / self.usual_distance)).collect()
    }
}

/// Euclid's distance between two images.
fn distance(one: &[u8], other: &[u8]) -> f32 {
    let square = |(&a, &b): (&u8, &u8)| (pixel::value(a) - pixel::value(b)).powi(2);
    one.iter().zip(other).map(square).sum::<f32>().sqrt()
}

/// The images among which distances are measured: every so many, since all pairs of thousands would
/// take seconds.
fn some(bytes: &[u8], dimension: usize) -> impl Iterator<Item = &[u8]> {
    const MOST: usize = 256;
    let step = (bytes.len() / dimension).div_ceil(MOST).max(1);
    bytes.chunks_exact(dimension).step_by(step)
}

/// The distance between an image and the nearest other one: the median. `None` if all are the same.
fn nearest_distance(bytes: &[u8], dimension: usize) -> Option<f32> {
    let nearest = |one: &[u8]| {
        let distances = some(bytes, dimension).map(|other| distance(one, other));
        distances.filter(|&distance| distance > 0.0).min_by(f32::total_cmp)
    };
    let mut all: Vec<f32> = some(bytes, dimension).filter_map(nearest).collect();
    all.sort_unstable_by(f32::total_cmp);
    all.get(all.len() / 2).copied()
}
