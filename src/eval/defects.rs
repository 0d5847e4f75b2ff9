//! Images with the defects of poor samples: shapes that are warped, and several images in one.
//!
//! A network that distinguishes these from intact images must represent what intact ones look like,
//! since nothing else distinguishes them: all images, with defects and without, are slightly blurred
//! and noisy to random degrees, since warping blurs, too.

use crate::net::ImageShape;
use crate::random::Key;

/// A defect that a person sees at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// Moved by a smooth random field, so that nothing is straight, round or symmetric.
    Warped,
    /// Mixed with another image, by a smooth random mask.
    Blended,
}

impl Defect {
    pub const ALL: [Self; 2] = [Self::Warped, Self::Blended];

    pub fn name(self) -> &'static str {
        match self {
            Self::Warped => "warped",
            Self::Blended => "blended",
        }
    }
}

// The indices of single random numbers; nodes of fields and noise take those from 0. A field draws
// its offset by the first two of these indices, too, with the key of its part. Part 0 has the key of
// the image, so the offset of the first field follows from its spacing and strength: harmless, since
// nodes are drawn by other indices.
const SPACING: u32 = 1 << 31;
const STRENGTH: u32 = SPACING + 1;
const BLUR: u32 = SPACING + 2;
const NOISE: u32 = SPACING + 3;

/// An image with a defect, if any, in values from 0 to 1: C × H × W, as are the image itself and
/// another one to blend it with. The random numbers are those of the key.
pub(super) fn spoil(
    defect: Option<Defect>,
    image: &[f32],
    other: &[f32],
    shape: ImageShape,
    key: Key,
) -> Vec<f32> {
    let uniform = |index, low: f32, high: f32| low + (high - low) * key.uniform(index);
    let side = shape.height.min(shape.width) as f32;
    let mut spoiled = match defect {
        None => image.to_vec(),
        Some(Defect::Warped) => {
            let spacing = side * uniform(SPACING, 0.09, 0.28);
            // By a fifth to a half of a node's distance: more would fold the image.
            let strength = spacing * uniform(STRENGTH, 0.22, 0.5);
            let [down, right] = [0, 1].map(|axis| field(shape, spacing, part(key, axis)));
            warped(image, shape, strength, &down, &right)
        }
        Some(Defect::Blended) => {
            let mask = field(shape, side * uniform(SPACING, 0.15, 0.4), part(key, 0));
            let share = |z: f32| 1.0 / (1.0 + (-6.0 * z).exp());
            let planes = image.iter().zip(other).zip(mask.iter().cycle());
            planes.map(|((x, y), &z)| y + share(z) * (x - y)).collect()
        }
    };
    for plane in spoiled.chunks_exact_mut(shape.height * shape.width) {
        blur(plane, shape.width, uniform(BLUR, 0.0, 0.15));
    }
    let sigma = uniform(NOISE, 0.0, 0.03);
    for (index, value) in (0..).zip(&mut spoiled) {
        *value = (*value + sigma * part(key, 2).normal(index)).clamp(0.0, 1.0);
    }
    spoiled
}

/// The key of one of several parts of an image's random numbers; that of part 0 is the key itself.
fn part(key: Key, part: u64) -> Key {
    Key { seed: key.seed + part, ..key }
}

/// A smooth random field, H × W: normal numbers at the nodes of a grid, interpolated between them
/// (Perlin's value noise).
fn field(shape: ImageShape, spacing: f32, key: Key) -> Vec<f32> {
    let spacing = spacing.max(1.0);
    let ImageShape { height, width, .. } = shape;
    let columns = (width as f32 / spacing) as u32 + 3;
    let offset = [key.uniform(SPACING), key.uniform(STRENGTH)];
    let place = |pixel: usize, axis: usize| {
        let at = pixel as f32 / spacing + offset[axis];
        let between = at.fract();
        (at as u32, between * between * (3.0 - 2.0 * between))
    };
    let node = |row: u32, column: u32| key.normal(row * columns + column);
    let mut values = Vec::with_capacity(height * width);
    for y in 0..height {
        let (row, down) = place(y, 0);
        for x in 0..width {
            let (column, right) = place(x, 1);
            let along = |row| {
                let left = node(row, column);
                left + right * (node(row, column + 1) - left)
            };
            let above = along(row);
            values.push(above + down * (along(row + 1) - above));
        }
    }
    values
}

/// Takes each pixel from where a field points, `strength` pixels for 1, linearly between pixels.
fn warped(
    image: &[f32],
    shape: ImageShape,
    strength: f32,
    down: &[f32],
    right: &[f32],
) -> Vec<f32> {
    let ImageShape { height, width, .. } = shape;
    let split = |at: f32, side: usize| {
        let at = at.clamp(0.0, (side - 1) as f32);
        let first = at as usize;
        (first, (first + 1).min(side - 1), at.fract())
    };
    let mut moved = Vec::with_capacity(image.len());
    for plane in image.chunks_exact(height * width) {
        for pixel in 0..height * width {
            let (y, x) = ((pixel / width) as f32, (pixel % width) as f32);
            let (above, below, low) = split(y + strength * down[pixel], height);
            let (left, next, far) = split(x + strength * right[pixel], width);
            let row = |y: usize| {
                let value = plane[y * width + left];
                value + far * (plane[y * width + next] - value)
            };
            moved.push(row(above) + low * (row(below) - row(above)));
        }
    }
    moved
}

/// Blurs a plane: each pixel takes a share of its neighbors' values, first along rows, then columns.
fn blur(plane: &mut [f32], width: usize, share: f32) {
    let height = plane.len() / width;
    let mut along = |count: usize, length: usize, start: usize, step: usize| {
        for line in 0..count {
            let at = |place: usize| line * start + place * step;
            let mut before = plane[at(0)];
            for place in 0..length {
                let (here, after) = (plane[at(place)], plane[at((place + 1).min(length - 1))]);
                plane[at(place)] = here + share * (before - 2.0 * here + after);
                before = here;
            }
        }
    };
    along(height, width, width, 1);
    along(width, height, 1, width);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { channels: 3, height: 12, width: 20 };
    const KEY: Key = Key { seed: 3, stream: 5, step: 7 };

    #[test]
    fn fields_are_smooth_and_of_about_unit_size() {
        let large = ImageShape { channels: 1, height: 200, width: 200 };
        let values = field(large, 10.0, KEY);
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let square = values.iter().map(|z| (z - mean).powi(2)).sum::<f32>() / values.len() as f32;
        // Nodes have variance 1, and points between them less: 0.74² in the mean over a cell.
        assert!(mean.abs() < 0.2 && (square - 0.55).abs() < 0.12, "{mean} {square}");
        // Smoothstep rises by at most 1.5 / spacing of the difference of two nodes.
        let steps = values.windows(2).enumerate().filter(|(at, _)| at % 200 != 199);
        let steepest = steps.map(|(_, pair)| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.15 * 8.0, "{steepest}");
    }

    #[test]
    fn a_warp_by_a_constant_is_a_shift() {
        let pixels = SHAPE.height * SHAPE.width;
        let mut image = vec![0.0; SHAPE.dimension()];
        KEY.fill_uniform(&mut image);
        let moved = warped(&image, SHAPE, 2.0, &vec![0.5; pixels], &vec![1.0; pixels]);
        for channel in 0..3 {
            let at =
                |values: &[f32], y: usize, x: usize| values[channel * pixels + y * SHAPE.width + x];
            assert!((at(&moved, 3, 4) - at(&image, 4, 6)).abs() < 1e-6);
            // Beyond the edge, the edge goes on.
            assert!((at(&moved, 11, 19) - at(&image, 11, 19)).abs() < 1e-6);
        }
        let still = warped(&image, SHAPE, 2.0, &vec![0.0; pixels], &vec![0.0; pixels]);
        assert_eq!(still, image);
    }

    #[test]
    fn a_blur_keeps_what_is_even_and_spreads_a_point() {
        let mut point = [0.0; 25];
        point[12] = 1.0;
        blur(&mut point, 5, 0.1);
        assert!((point.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        let expected =
            [(12, 0.64), (11, 0.08), (7, 0.08), (13, 0.08), (6, 0.01), (18, 0.01), (10, 0.0)];
        assert!(expected.iter().all(|&(at, value)| (point[at] - value).abs() < 1e-6), "{point:?}");
        let mut even = [0.5f32; 12];
        blur(&mut even, 4, 0.15);
        assert!(even.iter().all(|value| (value - 0.5).abs() < 1e-6));
    }

    /// A blend of black and white shows the mask: some of each, and little between.
    #[test]
    fn a_blend_has_parts_of_both_images() {
        let (black, white) = (vec![0.0; SHAPE.dimension()], vec![1.0; SHAPE.dimension()]);
        let mut shares = [0; 2];
        for stream in 0..50 {
            let key = Key { stream, ..KEY };
            let blended = spoil(Some(Defect::Blended), &white, &black, SHAPE, key);
            shares[0] += blended.iter().filter(|&&value| value < 0.2).count();
            shares[1] += blended.iter().filter(|&&value| value > 0.8).count();
        }
        let all = 50 * SHAPE.dimension();
        assert!(shares.iter().all(|&count| count > all / 5), "{shares:?} of {all}");
    }
}
