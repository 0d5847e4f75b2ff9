//! The images of a run: the distances between them, and how near others come to them.

use serde::Serialize;

use crate::distance::{between, median, of_square, sample, square_below, to_nearest_other};
use crate::net::ImageShape;
use crate::pixel;
use crate::recipe::stable_sigma;

/// The training image that is nearest to each of some images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Nearest {
    /// Its number.
    pub numbers: Vec<u32>,
    /// The distance to it, over the median distance between an original and its nearest other. Far
    /// below 1 it is a copy.
    pub ratios: Vec<f32>,
}

/// Training images, N × C × H × W bytes.
pub(super) struct TrainingImages {
    pub bytes: Vec<u8>,
    shape: ImageShape,
    /// How many of them, from the first on, are a visitor's own; the others are variants of these.
    pub originals: usize,
    /// The distance between an original image and its nearest other: the median. 1 if that is not
    /// known.
    usual_distance: f32,
    /// The same of all images, with their variants; `None` if all are the same.
    median_nearest: Option<f32>,
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
        let median_nearest = match originals == count {
            true => usual_distance,
            false => nearest_distance(&bytes, dimension),
        };
        let usual_distance = usual_distance.unwrap_or(1.0);
        Some(Self { bytes, shape, originals, usual_distance, median_nearest })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.shape.dimension()
    }

    /// The largest distance between two images, among the pairs of the 256 that are farthest from the
    /// mean image: two images are at most as far apart as the sum of their
    /// distances to it. The native program goes on until no other pair can be farther apart.
    pub fn largest_distance(&self) -> f32 {
        const OUTERMOST: usize = 256;
        let dimension = self.shape.dimension();
        let mut mean = vec![0.0; dimension];
        for image in self.bytes.chunks_exact(dimension) {
            mean.iter_mut().zip(values(image)).for_each(|(sum, value)| *sum += value);
        }
        let count = self.len() as f32;
        mean.iter_mut().for_each(|sum| *sum /= count);
        let images = self.bytes.chunks_exact(dimension);
        let to_mean = |image| {
            let squares = values(image).zip(&mean).map(|(value, mean)| (value - mean).powi(2));
            (squares.sum::<f32>(), image)
        };
        let mut outermost: Vec<(f32, &[u8])> = images.map(to_mean).collect();
        outermost.sort_unstable_by(|(a, _), (b, _)| b.total_cmp(a));
        outermost.truncate(OUTERMOST);
        let all = || outermost.iter().map(|&(_, image)| image);
        let distances = all().flat_map(|one| all().map(move |other| between(one, other)));
        distances.fold(0.0, f64::max) as f32
    }

    /// The σ from which targets are stable, if that is known.
    pub fn stable_sigma(&self) -> Option<f32> {
        self.median_nearest.map(stable_sigma)
    }

    /// The nearest of these to each of some images. With `mirrored`, a mirrored copy counts as well.
    pub fn nearest(&self, images: &[u8], mirrored: bool) -> Nearest {
        let (width, dimension) = (self.shape.width, self.shape.dimension());
        let nearest = |image: &[u8]| {
            let mirrored: Option<Vec<u8>> = mirrored
                .then(|| image.chunks(width).flat_map(|row| row.iter().rev().copied()).collect());
            let (mut number, mut least) = (0, u64::MAX);
            for (index, other) in (0u32..).zip(self.bytes.chunks_exact(dimension)) {
                for image in std::iter::once(image).chain(mirrored.as_deref()) {
                    if let Some(square) = square_below(image, other, least) {
                        (number, least) = (index, square);
                    }
                }
            }
            (number, of_square(least) as f32 / self.usual_distance)
        };
        let (numbers, ratios) = images.chunks_exact(dimension).map(nearest).unzip();
        Nearest { numbers, ratios }
    }
}

/// The pixels of an image, in \[0, 1\].
fn values(image: &[u8]) -> impl Iterator<Item = f32> {
    image.iter().map(|&byte| pixel::value(byte))
}

/// The distance between an image and the nearest one that differs from it: the median over some of
/// the images, the same as natively (`data::distances::nearest`, which wasm does not have). `None` if
/// all are the same.
fn nearest_distance(bytes: &[u8], dimension: usize) -> Option<f32> {
    let nearest = |index: usize| {
        let image = &bytes[index * dimension..][..dimension];
        to_nearest_other(image, bytes.chunks_exact(dimension))
    };
    let some = sample(bytes.len() / dimension);
    median(some.filter_map(nearest).collect()).map(|distance| distance as f32)
}
