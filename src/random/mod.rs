//! A counter-based generator: a chain's noise is a pure function of where it is needed.
//!
//! Every normal number is keyed by (seed, stream, step, index), so a chain does not change with
//! batch size, backend or device, a paused chain needs no saved generator, and each pixel can be
//! drawn by its own GPU thread. The hash is `pcg4d` of Jarzynski & Olano, *Hash Functions for GPU
//! Rendering* (JCGT 9(3), 2020): 32-bit multiplications, additions, shifts and xors only, which
//! Rust, WGSL and integer tensors all have. [`streams`] says which keys are used for what.

pub mod streams;

use crate::cos_2pi::cos_2pi;

/// The hash `pcg4d`: four 32-bit words in, four well-mixed 32-bit words out.
pub fn pcg4d(v: [u32; 4]) -> [u32; 4] {
    let [mut x, mut y, mut z, mut w] = v.map(congruential);
    for round in 0..2 {
        x = x.wrapping_add(y.wrapping_mul(w));
        y = y.wrapping_add(z.wrapping_mul(x));
        z = z.wrapping_add(x.wrapping_mul(y));
        w = w.wrapping_add(y.wrapping_mul(z));
        if round == 0 {
            [x, y, z, w] = [x, y, z, w].map(|v| v ^ (v >> 16));
        }
    }
    [x, y, z, w]
}

/// The hash's first round, of each word by itself: a step of the linear congruential generator of
/// *Numerical Recipes*.
pub(crate) fn congruential(word: u32) -> u32 {
    word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)
}

/// Spreads the upper half of a seed over the index axis (2³² / the golden ratio).
const GOLDEN: u32 = 0x9E37_79B1;

/// The largest f32 below 1.
pub(crate) const BELOW_ONE: f32 = 1.0 - f32::EPSILON / 2.0;

/// The key of a stream of random numbers; only the index is left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The user's seed.
    pub seed: u64,
    /// The number of the chain, or of the example, or one of the constants in [`streams`].
    pub stream: u32,
    /// The step of the chain, or of training, or one of the constants in [`streams`].
    pub step: u32,
}

impl Key {
    /// The four words that [`pcg4d`] mixes for number `index` of this stream.
    pub(crate) fn words(self, index: u32) -> [u32; 4] {
        let [low, added] = self.seed_words();
        [index.wrapping_add(added), self.stream, self.step, low]
    }

    /// What the seed makes of the words: the fourth, and what is added to the first.
    pub(crate) fn seed_words(self) -> [u32; 2] {
        let (low, high) = (self.seed as u32, (self.seed >> 32) as u32);
        [low, high.wrapping_mul(GOLDEN)]
    }

    /// A uniform number in the open interval (0, 1).
    pub fn uniform(self, index: u32) -> f32 {
        unit(pcg4d(self.words(index))[0]).min(BELOW_ONE)
    }

    /// A standard normal number, by Box & Muller's transform of two uniform ones; |z| < 5.9.
    pub fn normal(self, index: u32) -> f32 {
        let [a, b, ..] = pcg4d(self.words(index));
        (-2.0 * unit(a).ln()).sqrt() * cos_2pi(unit(b))
    }

    /// Fills `out` with the standard normal numbers 0, 1, 2, … of this stream.
    pub fn fill_normal(self, out: &mut [f32]) {
        for (index, z) in (0..).zip(out) {
            *z = self.normal(index);
        }
    }

    /// Fills `out` with the uniform numbers 0, 1, 2, … of this stream, each in (0, 1).
    pub fn fill_uniform(self, out: &mut [f32]) {
        for (index, u) in (0..).zip(out) {
            *u = self.uniform(index);
        }
    }
}

/// The upper 24 bits of a word as a number in (0, 1], as in shaders: never 0, whose logarithm is
/// infinite, but 1 if f32 rounds the largest one up.
fn unit(word: u32) -> f32 {
    ((word >> 8) as f32 + 0.5) * (1.0 / 16_777_216.0)
}

/// A permutation of `0..n`, by Fisher & Yates' shuffle with the numbers of one stream.
pub fn permutation(n: usize, key: Key) -> Vec<u32> {
    let mut order: Vec<u32> = (0..n as u32).collect();
    for last in (1..n).rev() {
        // Multiply-shift maps 32 random bits to 0..=last; its bias is below n / 2³².
        let bits = pcg4d(key.words(last as u32))[0];
        let other = (u64::from(bits) * (last as u64 + 1)) >> 32;
        order.swap(last, other as usize);
    }
    order
}

/// `count` of the indices `0..len`, or all: random, but always the same.
pub fn fixed_sample(len: usize, count: usize) -> impl Iterator<Item = usize> {
    let order = permutation(len, Key { seed: 0, stream: 0, step: 0 });
    order.into_iter().take(count).map(|index| index as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_the_first_of_an_order() {
        let mut all: Vec<usize> = fixed_sample(9, 20).collect();
        assert_eq!(fixed_sample(9, 4).collect::<Vec<_>>(), all[..4]);
        all.sort_unstable();
        assert_eq!(all, (0..9).collect::<Vec<_>>());
    }

    const KEY: Key = Key { seed: 7, stream: 3, step: 11 };

    #[test]
    fn pcg4d_mixes_all_four_words() {
        let base = pcg4d([1, 2, 3, 4]);
        // Computed by the published shader code, in another language's integers.
        assert_eq!(base, [0x3622_cd16, 0xf114_71d8, 0xe110_9b3f, 0x02b9_4c2f]);
        for axis in 0..4 {
            let mut flipped = [1, 2, 3, 4];
            flipped[axis] ^= 1;
            let out = pcg4d(flipped);
            let changed: u32 = base.iter().zip(out).map(|(a, b)| (a ^ b).count_ones()).sum();
            // Half of 128 bits change; the binomial's standard deviation is 5.7.
            assert!((36..=92).contains(&changed), "axis {axis}: {changed} bits changed");
        }
    }

    #[test]
    fn normals_have_the_moments_of_a_normal() {
        let n = 200_000;
        let mut z = vec![0.0; n];
        KEY.fill_normal(&mut z);
        let moment = |p: i32| z.iter().map(|&z| f64::from(z).powi(p)).sum::<f64>() / n as f64;
        // Five standard errors each: Var z = 1, Var z² = 2, Var z³ = 15, Var z⁴ = 96.
        for (p, expected, variance) in
            [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)]
        {
            let bound = 5.0 * (variance / n as f64).sqrt();
            assert!((moment(p) - expected).abs() < bound, "moment {p} is {}", moment(p));
        }
    }

    #[test]
    fn streams_steps_and_seeds_are_uncorrelated() {
        let n = 100_000;
        let numbers = |key: Key| {
            let mut z = vec![0.0; n];
            key.fill_normal(&mut z);
            z
        };
        let base = numbers(KEY);
        let others = [
            Key { stream: 4, ..KEY },
            Key { step: 12, ..KEY },
            Key { seed: 8, ..KEY },
            Key { seed: KEY.seed + (1 << 32), ..KEY },
        ];
        for other in others {
            let product: f64 = base.iter().zip(numbers(other)).map(|(a, b)| f64::from(a * b)).sum();
            let correlation = product / n as f64;
            assert!(correlation.abs() < 5.0 / (n as f64).sqrt(), "{other:?}: {correlation}");
        }
    }

    #[test]
    fn a_permutation_holds_everything_once() {
        let mut order = permutation(1000, KEY);
        assert_ne!(order, permutation(1000, Key { step: 1, ..KEY }));
        order.sort_unstable();
        assert!(order.iter().copied().eq(0..1000));
    }
}
