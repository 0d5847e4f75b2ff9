//! The score in two dimensions, for the page: images of two pixels are points of a plane, where
//! one can see the density, its noise, its score and whole chains.
//!
//! It runs the samplers of [`ncsn`] on the paper's toy, without a network or a GPU. It is a bundle
//! of its own because most visits do without it: the page fetches it when somebody scrolls there.

#![warn(missing_docs)]

use ncsn::{
    backend::{Chains, HostChains},
    noise::{NoiseSchedule, perturb},
    random::Key,
    sample::{Conditioning, Sampler, Settings, StepTable},
    score::Score,
    toy::{GaussianMixture, two_modes},
};
use wasm_bindgen::prelude::*;

/// From noise that covers both modes, 14 apart, to noise that is small beside their deviation
/// of 1.
const SCHEDULE: NoiseSchedule = NoiseSchedule { sigma_max: 20.0, sigma_min: 0.5, levels: 100 };

/// T, Langevin's steps at each level.
const STEPS_EACH: usize = 5;

/// A sampler's step table here, and a conditioning with the start of its chains.
fn set_up(sampler: Sampler) -> (StepTable, Conditioning) {
    let recommended = Settings::recommended(SCHEDULE.sigma_max, SCHEDULE.sigma_min);
    let settings = Settings { sampler, schedule: SCHEDULE, steps_each: STEPS_EACH, ..recommended }
        .with_step_by_rule();
    two_modes::step_table(&settings).expect("the rules give settings that are possible")
}

/// Makes panics go to the console.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// The square `−side ≤ x, y ≤ side` of the plane, with the density
/// `⅕ N((−5, −5), I) + ⅘ N((5, 5), I)` and chains on it. Points are pairs of x and y, one after the
/// other; y points up.
#[wasm_bindgen]
pub struct Toy2d {
    density: GaussianMixture,
    side: f32,
    seed: u64,
    chains: HostChains<GaussianMixture>,
}

#[wasm_bindgen]
impl Toy2d {
    /// The square without chains.
    #[wasm_bindgen(constructor)]
    pub fn new(side: f32) -> Self {
        let (table, _) = set_up(Sampler::Langevin);
        let density = GaussianMixture::two_modes();
        let chains = HostChains::new(density.clone(), table, 0, 0..0);
        Self { density, side, seed: 0, chains }
    }

    /// The noise level at a fraction of the way from the smallest (0) to the largest (1).
    pub fn sigma_at(&self, fraction: f32) -> f32 {
        SCHEDULE.sigma_at(fraction)
    }

    /// The inverse of [`Self::sigma_at`].
    pub fn fraction_at(&self, sigma: f32) -> f32 {
        SCHEDULE.fraction_at(sigma)
    }

    /// q_σ at the centres of n × n squares, rows from the top, relative to the largest of them.
    pub fn density(&self, sigma: f32, n: usize) -> Vec<f32> {
        let logs: Vec<f64> =
            self.centers(n).chunks_exact(2).map(|x| self.density.log_density(x, sigma)).collect();
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        logs.iter().map(|log| (log - top).exp() as f32).collect()
    }

    /// The score at the centres of n × n squares, rows from the top, times the deviation of a noisy
    /// mode: how many deviations away the mode is, at any σ.
    pub fn arrows(&self, sigma: f32, n: usize) -> Vec<f32> {
        let centers = self.centers(n);
        let mut arrows = vec![0.0; centers.len()];
        self.density.score(&centers, sigma, &mut arrows);
        arrows.iter().map(|s| s * (1.0 + sigma * sigma).sqrt()).collect()
    }

    /// `n` points of the density under noise, `x + σ z`: the same ones at each σ.
    pub fn noisy(&self, sigma: f32, n: usize) -> Vec<f32> {
        let key = |stream| Key { seed: self.seed, stream, step: 0 };
        let mut points = self.density.draw(n, key(0));
        let mut z = vec![0.0; points.len()];
        key(1).fill_normal(&mut z);
        perturb(&mut points, sigma, &z);
        points
    }

    /// Starts `chains` chains of a sampler, other ones each time.
    ///
    /// # Errors
    /// An `Error` if there is no sampler of that name.
    pub fn begin(&mut self, sampler: &str, chains: u32) -> Result<(), JsError> {
        let sampler = Sampler::ALL.into_iter().find(|known| known.name() == sampler);
        let sampler = sampler.ok_or_else(|| JsError::new("there is no such sampler"))?;
        let (table, conditioning) = set_up(sampler);
        self.seed += 1;
        let density = self.density.clone();
        let numbers = 0..chains as usize;
        self.chains = HostChains::conditioned(density, table, &conditioning, self.seed, numbers)?;
        Ok(())
    }

    /// The number of steps of the chains.
    pub fn steps(&self) -> usize {
        self.chains.step_table().nfe()
    }

    /// Advances all chains until they have done `step` steps.
    pub fn advance_to(&mut self, step: usize) {
        while self.chains.done() < step && self.chains.step() {}
    }

    /// Whether the chains have taken all steps.
    pub fn finished(&self) -> bool {
        self.chains.next().is_none()
    }

    /// σ of the chains' next step; 0 after the last.
    pub fn sigma(&self) -> f32 {
        self.chains.step_table().sigma_at(self.chains.done())
    }

    /// The positions of the chains.
    pub fn chains(&self) -> Vec<f32> {
        self.chains.x()
    }

    /// The share of chains nearer to (5, 5), which has four fifths of the density.
    pub fn upper_share(&self) -> f64 {
        two_modes::upper_share(&self.chains())
    }

    fn centers(&self, n: usize) -> Vec<f32> {
        let at = |i: usize| self.side * ((2 * i + 1) as f32 / n as f32 - 1.0);
        (0..n).flat_map(|row| (0..n).flat_map(move |column| [at(column), -at(row)])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annealed_chains_find_the_shares_of_both_modes_and_those_at_one_sigma_do_not() {
        let mut toy = Toy2d::new(10.0);
        let mut share = |sampler: Sampler| {
            toy.begin(sampler.name(), 2_000).expect("a sampler");
            toy.advance_to(usize::MAX);
            assert!(toy.finished() && toy.sigma() == 0.0);
            toy.upper_share()
        };
        for sampler in Sampler::ALL {
            let share = share(sampler);
            println!("{}: {share}", sampler.name());
            // Five standard errors, and the error of annealing with so few levels.
            let truth = if sampler == Sampler::PlainLangevin { 0.5 } else { 0.8 };
            assert!((share - truth).abs() < 0.1, "{}: {share}", sampler.name());
        }
    }

    #[test]
    fn what_is_drawn_fits_together() {
        let toy = Toy2d::new(10.0);
        // Squares of 2 × 2: the mode at (5, 5) is the centre of the eighth in the third row.
        let (n, sigma) = (10, 0.5);
        let density = toy.density(sigma, n);
        let highest = (0..n * n).max_by(|&a, &b| density[a].total_cmp(&density[b]));
        assert_eq!(highest, Some(2 * n + 7));
        assert_eq!(density[2 * n + 7], 1.0);
        // From the upper right corner arrows point to it: to the left, and down.
        let arrows = toy.arrows(sigma, n);
        assert!(arrows[2 * (n - 1)] < 0.0 && arrows[2 * (n - 1) + 1] < 0.0);
        let distance =
            |points: Vec<f32>| points.iter().map(|x| f64::from(x.abs() - 5.0).powi(2)).sum::<f64>();
        assert!(distance(toy.noisy(20.0, 100)) > distance(toy.noisy(sigma, 100)));
    }
}
