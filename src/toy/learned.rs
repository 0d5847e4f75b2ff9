//! A score that is learned from points: a small network in two dimensions, on the host.

use crate::cos_2pi::cos_2pi;
use crate::loss::Weighting;
use crate::net::Preconditioning;
use crate::net::precondition::sigma_features;
use crate::random::Key;
use crate::random::streams::WEIGHTS_STEP;
use crate::recipe::{BETA_1, BETA_2, EPSILON, ema_decay};
use crate::score::Score;

/// Coordinates of a point.
const D: usize = 2;
/// Features of σ, in pairs of a sine and a cosine.
const PAIRS: usize = 4;
/// Likewise of each coordinate: without them a small network is slow to learn anything but smooth
/// functions (Tancik et al. 2020).
const WAVES: usize = 4;
const INPUTS: usize = D + 2 * D * WAVES + 2 * PAIRS;
const WIDTH: usize = 48;
/// The network's layers, as (inputs, outputs).
const LAYERS: [(usize, usize); 3] = [(INPUTS, WIDTH), (WIDTH, WIDTH), (WIDTH, D)];
/// Points in a step.
const BATCH: usize = 64;
const LEARNING_RATE: f32 = 4e-3;
const EMA: f64 = 0.99;

/// A score network of two hidden layers for points of a plane, preconditioned as the networks for
/// images ([`crate::net::precondition`]), and its training by denoising score matching with Adam.
#[derive(Clone, Debug)]
pub struct LearnedScore {
    points: Vec<f32>,
    sigmas: [f32; 2],
    data: Preconditioning,
    /// For each layer its weights, outputs × inputs, then its biases.
    parameters: Vec<f32>,
    average: Vec<f32>,
    moments: Vec<[f32; 2]>,
    seed: u64,
    steps: u32,
}

impl LearnedScore {
    /// A network that has learned nothing yet, for points (x, y), one after the other, and noise
    /// levels from the smallest to the largest. Its score is that of a Gaussian.
    ///
    /// # Panics
    /// If there are no points.
    pub fn new(points: Vec<f32>, sigmas: [f32; 2], seed: u64) -> Self {
        assert!(points.len() >= D, "there are points");
        let count = points.len() as f32;
        let mean = points.iter().sum::<f32>() / count;
        let variance = points.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / count;
        let data = Preconditioning { mean, sigma_data: variance.max(1e-2).sqrt() };
        let mut parameters = Vec::new();
        for (layer, (inputs, outputs)) in (0..).zip(LAYERS) {
            let mut values = vec![0.0; (inputs + 1) * outputs];
            Key { seed, stream: layer, step: WEIGHTS_STEP }.fill_uniform(&mut values);
            // The last layer is zero at first.
            let most = if outputs == D { 0.0 } else { (inputs as f32).sqrt().recip() };
            parameters.extend(values.into_iter().map(|value| most * (2.0 * value - 1.0)));
        }
        let moments = vec![[0.0; 2]; parameters.len()];
        let average = parameters.clone();
        Self { points, sigmas, data, parameters, average, moments, seed, steps: 0 }
    }

    /// Steps done.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Makes one step, and returns its mean loss ½ ‖σ s + z‖², weighted as in EDM.
    pub fn learn(&mut self) -> f32 {
        let mut gradient = vec![0.0; self.parameters.len()];
        let mut loss = 0.0;
        for n in 0..BATCH as u32 {
            let key = Key { seed: self.seed, stream: n, step: self.steps };
            let index = (key.uniform(0) * (self.points.len() / D) as f32) as usize;
            let [smallest, largest] = self.sigmas.map(f32::ln);
            let sigma = (smallest + (largest - smallest) * key.uniform(1)).exp();
            let z = [key.normal(2), key.normal(3)];
            let x = [0, 1].map(|i| self.points[D * index + i] + sigma * z[i]);
            let c = self.data.at(sigma);
            let pass = Pass::new(&self.parameters, &self.data, x, sigma);
            let score = pass.score(&self.data, x, sigma);
            let error = [0, 1].map(|i| sigma * score[i] + z[i]);
            let weight = Weighting::Edm.factor(sigma, &self.data) / BATCH as f32;
            loss += 0.5 * weight * error.iter().map(|e| e * e).sum::<f32>();
            let raw = error.map(|error| weight * error * sigma * c.score_out);
            pass.backward(&self.parameters, raw, &mut gradient);
        }
        self.steps += 1;
        let time = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let [first, second] = [BETA_1, BETA_2].map(|beta| 1.0 - beta.powi(time));
        let decay = ema_decay(EMA, u64::from(self.steps)) as f32;
        let all = self.parameters.iter_mut().zip(&mut self.average).zip(&mut self.moments);
        for (((parameter, average), [mean, square]), gradient) in all.zip(gradient) {
            *mean = BETA_1 * *mean + (1.0 - BETA_1) * gradient;
            *square = BETA_2 * *square + (1.0 - BETA_2) * gradient * gradient;
            let change = *mean / first / ((*square / second).sqrt() + EPSILON);
            *parameter -= LEARNING_RATE * change;
            *average = decay * *average + (1.0 - decay) * *parameter;
        }
        loss
    }
}

impl Score for LearnedScore {
    fn dimension(&self) -> usize {
        D
    }

    /// σ below the smallest noise level counts as that.
    fn score(&self, x: &[f32], sigma: f32, out: &mut [f32]) {
        let sigma = sigma.max(self.sigmas[0]);
        for (x, score) in x.chunks_exact(D).zip(out.chunks_exact_mut(D)) {
            let x = [x[0], x[1]];
            let pass = Pass::new(&self.average, &self.data, x, sigma);
            score.copy_from_slice(&pass.score(&self.data, x, sigma));
        }
    }
}

/// An evaluation of the network, with what its gradient needs: the inputs of each layer, and the
/// sums before each activation.
struct Pass {
    inputs: [Vec<f32>; 3],
    sums: [Vec<f32>; 3],
}

impl Pass {
    fn new(parameters: &[f32], data: &Preconditioning, x: [f32; D], sigma: f32) -> Self {
        let c_in = data.at(sigma).c_in;
        let centered = x.map(|x| c_in * (x - data.mean));
        let mut input = centered.to_vec();
        for x in centered {
            for turns in (1..=WAVES).map(|wave| 0.25 * wave as f32 * x) {
                input.extend([cos_2pi(turns), cos_2pi(turns - 0.25)]);
            }
        }
        input.extend(sigma_features(sigma, PAIRS));
        let (mut inputs, mut sums) = ([const { Vec::new() }; 3], [const { Vec::new() }; 3]);
        let mut rest = parameters;
        for (layer, (width, outputs)) in LAYERS.into_iter().enumerate() {
            let (weights, after) = rest.split_at(width * outputs);
            let (biases, after) = after.split_at(outputs);
            rest = after;
            let dot = |row: &[f32]| row.iter().zip(&input).map(|(w, x)| w * x).sum::<f32>();
            let sum = |(row, bias): (&[f32], &f32)| dot(row) + bias;
            let sum: Vec<f32> = weights.chunks_exact(width).zip(biases).map(sum).collect();
            let next = sum.iter().map(|&x| silu(x)).collect();
            inputs[layer] = std::mem::replace(&mut input, next);
            sums[layer] = sum;
        }
        Self { inputs, sums }
    }

    /// The score at x, from the raw output of the last layer.
    fn score(&self, data: &Preconditioning, x: [f32; D], sigma: f32) -> [f32; D] {
        let c = data.at(sigma);
        [0, 1].map(|i| c.score_skip * (x[i] - data.mean) + c.score_out * self.sums[2][i])
    }

    /// Adds the gradient with respect to all parameters, given that with respect to the raw output.
    fn backward(&self, parameters: &[f32], raw: [f32; D], gradient: &mut [f32]) {
        let mut above = raw.to_vec();
        let mut end = parameters.len();
        for (layer, (width, outputs)) in LAYERS.into_iter().enumerate().rev() {
            let begin = end - (width + 1) * outputs;
            let weights = &parameters[begin..end];
            let mut below = vec![0.0; width];
            for (o, above) in above.iter().enumerate() {
                let row = o * width..(o + 1) * width;
                for (i, gradient) in gradient[begin..][row.clone()].iter_mut().enumerate() {
                    *gradient += above * self.inputs[layer][i];
                }
                gradient[begin + width * outputs + o] += above;
                below.iter_mut().zip(&weights[row]).for_each(|(below, w)| *below += above * w);
            }
            if layer > 0 {
                let sums = &self.sums[layer - 1];
                below.iter_mut().zip(sums).for_each(|(below, &x)| *below *= silu_slope(x));
            }
            (above, end) = (below, begin);
        }
    }
}

fn silu(x: f32) -> f32 {
    x / (1.0 + (-x).exp())
}

fn silu_slope(x: f32) -> f32 {
    let s = 1.0 / (1.0 + (-x).exp());
    s * (1.0 + x * (1.0 - s))
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;
    use crate::toy::GaussianMixture;

    const SIGMAS: [f32; 2] = [0.3, 20.0];

    /// Points on a circle of radius 5.
    fn ring(count: usize) -> Vec<f32> {
        let point = |i: usize| {
            let angle = TAU * i as f32 / count as f32;
            [5.0 * angle.cos(), 5.0 * angle.sin()]
        };
        (0..count).flat_map(point).collect()
    }

    fn score(density: &impl Score, x: [f32; 2], sigma: f32) -> [f32; 2] {
        let mut score = [0.0; 2];
        density.score(&x, sigma, &mut score);
        score
    }

    #[test]
    fn it_begins_with_the_score_of_a_gaussian() {
        let points = ring(40);
        let learned = LearnedScore::new(points, SIGMAS, 1);
        let [x, y] = score(&learned, [3.0, -1.0], 2.0);
        // The variance of each coordinate is 12.5.
        assert!((x + 3.0 / 16.5).abs() < 1e-3 && (y - 1.0 / 16.5).abs() < 1e-3, "{x}, {y}");
    }

    /// Backpropagation against central differences of the loss.
    #[test]
    fn gradients_are_what_the_output_changes_by() {
        let mut learned = LearnedScore::new(ring(40), SIGMAS, 2);
        for _ in 0..20 {
            learned.learn();
        }
        let (x, sigma, weights) = ([1.0, 2.0], 0.7, [0.3, -1.2]);
        let output = |parameters: &[f32]| -> f64 {
            let pass = Pass::new(parameters, &learned.data, x, sigma);
            pass.sums[2].iter().zip(weights).map(|(raw, w)| f64::from(raw * w)).sum()
        };
        let mut gradient = vec![0.0; learned.parameters.len()];
        let pass = Pass::new(&learned.parameters, &learned.data, x, sigma);
        pass.backward(&learned.parameters, weights, &mut gradient);
        for at in (0..gradient.len()).step_by(97) {
            let moved = |by: f32| {
                let mut parameters = learned.parameters.clone();
                parameters[at] += by;
                output(&parameters)
            };
            let difference = (moved(1.0 / 64.0) - moved(-1.0 / 64.0)) * 32.0;
            assert!((difference - f64::from(gradient[at])).abs() < 1e-3, "{at}: {difference}");
        }
    }

    /// On average over the plane, the learned score approaches the exact one.
    #[test]
    fn it_learns_the_score_of_its_points() {
        let points = ring(60);
        let exact = GaussianMixture::around(&points, 1e-3);
        let mut learned = LearnedScore::new(points, SIGMAS, 3);
        let error = |learned: &LearnedScore| {
            let places =
                (-3..=3).flat_map(|x| (-3..=3).map(move |y| [2.0 * x as f32, 2.0 * y as f32]));
            let error = |x| {
                let [a, b] = [score(learned, x, 2.0), score(&exact, x, 2.0)];
                4.0 * ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2))
            };
            places.map(error).sum::<f32>()
        };
        let before = error(&learned);
        let mut losses = Vec::new();
        for _ in 0..1500 {
            losses.push(learned.learn());
        }
        let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
        let [first, last] = [mean(&losses[..50]), mean(&losses[1400..])];
        assert!(last < first, "the loss fell from {first} to {last}");
        let after = error(&learned);
        assert!(after < 0.1 * before, "{after} after {before}");
    }
}
