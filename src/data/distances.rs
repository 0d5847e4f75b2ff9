//! Distances between images, from which the largest noise level is chosen.

use rayon::prelude::*;

use super::Images;
use crate::distance::{self, between};
use crate::net::ImageShape;
use crate::random::Key;

/// Euclidean distances between the images of a set, with pixels in \[0, 1\].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distances {
    /// The median over random pairs.
    pub median: f64,
    /// A 95 % confidence interval for the median of all pairs: order statistics of the same random
    /// pairs, valid for any distribution.
    pub median_between: (f64, f64),
    /// The number of random pairs.
    pub pairs: usize,
    /// The largest distance found, a lower bound on the largest of all.
    pub largest: f64,
    /// An upper bound on all distances.
    pub bound: f64,
}

impl Distances {
    /// Whether [`largest`](Self::largest) is the largest of all distances.
    pub fn is_exact(&self) -> bool {
        self.bound <= self.largest
    }

    /// Measures the distances between at least two images.
    ///
    /// A sample of pairs shows what is usual but not the largest distance, which a single pair in a
    /// billion may have. That one is searched for. Two images are at most as far apart as the sum
    /// of their distances to the mean image. Going from the outermost images inwards, the
    /// search measures every pair that could still beat the best one; when none is left, the best
    /// one is the largest. If that takes too long, the search stops, and the bound on the remaining
    /// pairs becomes the upper bound.
    ///
    /// # Panics
    /// If there are fewer than two images.
    pub fn measure(images: &Images) -> Self {
        Self::measure_within(images, WORK)
    }

    fn measure_within(images: &Images, work: u64) -> Self {
        assert!(images.len() > 1, "distances are between two");
        let (median, median_between) = median(images);
        let (largest, bound) = largest(images, work);
        Self { median, median_between, pairs: PAIRS, largest, bound }
    }
}

/// The number of random pairs: enough to know the median to within half a percent.
const PAIRS: usize = 20_000;
/// The most numbers that the search for the largest distance may compare, in bounds and in
/// images: some seconds on two cores for any shape of image. MNIST takes half of them.
const WORK: u64 = 10_000_000_000;

/// The distance to the nearest different image: the median over a sample of the images. `None`
/// if all images are the same.
pub fn nearest(images: &Images) -> Option<f64> {
    let some: Vec<usize> = distance::sample(images.len()).collect();
    let of = |&index: &usize| distance::to_nearest_other(images.image(index), images.iter());
    distance::median(some.par_iter().filter_map(of).collect())
}

fn median(images: &Images) -> (f64, (f64, f64)) {
    let count = images.len();
    let mut distances: Vec<f64> = (0..PAIRS as u32)
        .into_par_iter()
        .map(|pair| {
            let uniform = |index| f64::from(Key { seed: 0, stream: pair, step: 0 }.uniform(index));
            let first = (uniform(0) * count as f64) as usize;
            let second = (first + 1 + (uniform(1) * (count - 1) as f64) as usize) % count;
            between(images.image(first), images.image(second))
        })
        .collect();
    distances.sort_unstable_by(f64::total_cmp);
    // The rank of the median among n is binomial: n/2 ± 1.96 √n/2.
    let half_width = (0.98 * (PAIRS as f64).sqrt()).ceil() as usize;
    let middle = PAIRS / 2;
    (distances[middle], (distances[middle - half_width], distances[middle + half_width]))
}

/// The largest distance found, and an upper bound on all.
fn largest(images: &Images, work: u64) -> (f64, f64) {
    let mean = mean(images);
    let mut coarse: Vec<Coarse> =
        (0..images.len()).into_par_iter().map(|index| Coarse::new(images, index, &mean)).collect();
    coarse.sort_unstable_by(|a, b| b.radius.total_cmp(&a.radius).then(a.index.cmp(&b.index)));
    let image = |rank: usize| images.image(coarse[rank].index);

    // A good first guess spares most of the search: go from the outermost image to the one
    // furthest from it, and so on until the two are furthest from each other.
    let (mut best, mut from) = (0.0, 0);
    loop {
        let to = (0..coarse.len()).into_par_iter();
        let distances = to.map(|to| (between(image(from), image(to)), to));
        let further = |a: (f64, usize), b: (f64, usize)| {
            if b.0 > a.0 || (b.0 == a.0 && b.1 < a.1) { b } else { a }
        };
        let (far, to) = distances.reduce(|| (0.0, 0), further);
        if far <= best {
            break;
        }
        (best, from) = (far, to);
    }

    // Compare some rows at a time, all with the best distance of the rows before, so that the
    // result does not depend on threads. Only a few, since their full distances count toward
    // `work` only afterwards.
    const ROWS: usize = 16;
    let (mut row, mut compared) = (0, 0);
    while row + 1 < coarse.len() {
        let bound = f64::from(coarse[row].radius + coarse[row + 1].radius);
        if bound <= best {
            break;
        }
        let rows = row..(row + ROWS).min(coarse.len());
        // Radii decrease, so the images that can be far enough from a row's come first.
        let partners = |row: usize| {
            let reach = |other: &Coarse| f64::from(other.radius + coarse[row].radius) > best;
            row + 1..coarse.partition_point(reach).max(row + 1)
        };
        let pairs: usize = rows.clone().map(|row| partners(row).len()).sum();
        compared += pairs as u64 * coarse[row].sums.len() as u64;
        if compared > work {
            return (best, bound);
        }
        let furthest = |row: usize| {
            let candidates = partners(row).filter(|&at| coarse[row].bound(&coarse[at]) > best);
            let distances = candidates.map(|at| between(image(row), image(at)));
            distances.fold((0.0, 0), |(most, count), distance| (distance.max(most), count + 1))
        };
        let both = |a: (f64, u64), b: (f64, u64)| (a.0.max(b.0), a.1 + b.1);
        let (most, count) = rows.clone().into_par_iter().map(furthest).reduce(|| (best, 0), both);
        best = most;
        compared += count * images.shape.dimension() as u64;
        row = rows.end;
    }
    (best, best)
}

/// A summary of an image that bounds its distance to others.
///
/// The sums over squares of pixels are coordinates along orthogonal directions. They hold most of
/// an image, because neighboring pixels are alike. Together with the length of the rest, which at
/// worst points away from the other image's, they bound the distance. This takes a sixteenth of the
/// work and rules out all but one pair in thousands.
struct Coarse {
    index: usize,
    /// The distance to the mean image.
    radius: f32,
    sums: Vec<f32>,
    /// The length of the part that the sums do not capture.
    rest: f32,
}

/// The side of a square of pixels.
const SQUARE: usize = 4;
/// More than rounding to 32 bits can take off a bound.
const SLACK: f32 = 1.0 + 1e-4;

impl Coarse {
    fn new(images: &Images, index: usize, mean: &[f64]) -> Self {
        let ImageShape { height, width, .. } = images.shape;
        let (rows, columns) = (height.div_ceil(SQUARE), width.div_ceil(SQUARE));
        let mut sums = vec![0.0; images.shape.channels * rows * columns];
        let mut squares = 0.0;
        for (at, (&byte, mean)) in images.image(index).iter().zip(mean).enumerate() {
            let (channel, y, x) = (at / (height * width), at / width % height, at % width);
            let pixels = |at: usize, side: usize| SQUARE.min(side - at / SQUARE * SQUARE) as f64;
            let area = pixels(y, height) * pixels(x, width);
            let difference = (f64::from(byte) - mean) / 255.0;
            let sum = &mut sums[(channel * rows + y / SQUARE) * columns + x / SQUARE];
            *sum += difference / area.sqrt();
            squares += difference * difference;
        }
        let within: f64 = sums.iter().map(|sum| sum * sum).sum();
        Self {
            index,
            radius: squares.sqrt() as f32 * SLACK,
            sums: sums.into_iter().map(|sum| sum as f32).collect(),
            rest: (squares - within).max(0.0).sqrt() as f32 * SLACK,
        }
    }

    /// An upper bound on the distance to another image.
    fn bound(&self, other: &Self) -> f64 {
        let mut squares = [0.0; 8];
        let (a, a_rest) = self.sums.as_chunks::<8>();
        let (b, b_rest) = other.sums.as_chunks::<8>();
        for (a, b) in a.iter().zip(b) {
            for lane in 0..8 {
                squares[lane] += (a[lane] - b[lane]).powi(2);
            }
        }
        let end: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b).powi(2)).sum();
        let within = (squares.iter().sum::<f32>() + end) * SLACK * SLACK;
        f64::from((within + (self.rest + other.rest).powi(2)).sqrt())
    }
}

fn mean(images: &Images) -> Vec<f64> {
    let mut sums = vec![0u64; images.shape.dimension()];
    for image in images.iter() {
        for (sum, &byte) in sums.iter_mut().zip(image) {
            *sum += u64::from(byte);
        }
    }
    sums.into_iter().map(|sum| sum as f64 / images.len() as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random images, some of them faint.
    fn images(count: u32) -> Images {
        let shape = ImageShape { channels: 1, height: 5, width: 8 };
        let pixels = |stream: u32| {
            let key = Key { seed: 1, stream, step: 0 };
            let contrast = key.uniform(1000);
            (0..40).map(move |index| (255.0 * contrast * key.uniform(index)) as u8)
        };
        Images::new(shape, (0..count).flat_map(pixels).collect())
    }

    /// The distances of all pairs, in floating point.
    fn all(images: &Images) -> Vec<f64> {
        let mut distances = Vec::new();
        for (index, a) in images.iter().enumerate() {
            for b in images.iter().take(index) {
                let differences =
                    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)) / 255.0);
                distances.push(differences.map(|d| d * d).sum::<f64>().sqrt());
            }
        }
        distances.sort_unstable_by(f64::total_cmp);
        distances
    }

    #[test]
    fn the_nearest_image_is_another_one() {
        let shape = ImageShape { channels: 1, height: 1, width: 2 };
        let set = |bytes: &[u8]| Images::new(shape, bytes.to_vec());
        // 255 apart along a line, one of them twice.
        assert_eq!(nearest(&set(&[0, 0, 0, 255, 0, 255, 255, 255])), Some(1.0));
        assert_eq!(nearest(&set(&[7, 7, 7, 7])), None);

        let images = images(40);
        let of = |index: usize| {
            let others = (0..40).filter(|&other| other != index);
            let distances = others.map(|o| between(images.image(index), images.image(o)));
            distances.fold(f64::INFINITY, f64::min)
        };
        let mut every: Vec<f64> = (0..40).map(of).collect();
        every.sort_unstable_by(f64::total_cmp);
        assert_eq!(nearest(&images), Some(every[20]));
    }

    #[test]
    fn the_search_finds_what_comparing_all_pairs_finds() {
        for count in [2, 3, 300] {
            let (images, distances) = (images(count), all(&images(count)));
            let largest = distances[distances.len() - 1];
            let measured = Distances::measure(&images);
            assert!(measured.is_exact());
            assert!((measured.largest - largest).abs() < 1e-9, "{measured:?}, not {largest}");
            let median = distances[distances.len() / 2];
            let (low, high) = measured.median_between;
            assert!(low <= median + 1e-9 && median <= high + 1e-9, "{measured:?}, not {median}");
            // A search that is cut short still bounds the largest distance from both sides.
            let hasty = Distances::measure_within(&images, 0);
            assert!(hasty.largest <= largest + 1e-9 && largest <= hasty.bound + 1e-9, "{hasty:?}");
        }
    }
}
