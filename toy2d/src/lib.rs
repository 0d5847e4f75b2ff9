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
    toy::{GaussianMixture, LearnedScore, step_table_on, two_modes},
};
use wasm_bindgen::prelude::*;

/// From noise that covers both modes, 14 apart, to noise that is small beside their deviation
/// of 1.
const SCHEDULE: NoiseSchedule = NoiseSchedule { sigma_max: 20.0, sigma_min: 0.5, levels: 100 };

/// T, Langevin's steps at each level.
const STEPS_EACH: usize = 5;

/// The deviation of the density around each point that a visitor has drawn.
const BLUR: f32 = 0.5;

/// A sampler's step table on a density, and a conditioning with the start of its chains.
fn set_up(density: &GaussianMixture, sampler: Sampler) -> (StepTable, Conditioning) {
    let recommended = Settings::recommended(SCHEDULE.sigma_max, SCHEDULE.sigma_min);
    let settings = Settings { sampler, schedule: SCHEDULE, steps_each: STEPS_EACH, ..recommended }
        .with_step_by_rule();
    let table = step_table_on(density, &settings);
    table.expect("the rules give settings that are possible")
}

/// Makes panics go to the console.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// The score that arrows show and chains follow.
#[derive(Clone)]
enum Field {
    /// That of the density.
    Exact(GaussianMixture),
    /// What a network has learned of it.
    Learned(LearnedScore),
}

impl Score for Field {
    fn dimension(&self) -> usize {
        2
    }

    fn score(&self, x: &[f32], sigma: f32, out: &mut [f32]) {
        match self {
            Self::Exact(density) => density.score(x, sigma, out),
            Self::Learned(network) => network.score(x, sigma, out),
        }
    }
}

/// The square `−side ≤ x, y ≤ side` of the plane, with the density
/// `⅕ N((−5, −5), I) + ⅘ N((5, 5), I)`, or one that a visitor draws, and chains on it. Points are
/// pairs of x and y, one after the other; y points up.
#[wasm_bindgen]
pub struct Toy2d {
    density: GaussianMixture,
    /// What a visitor has drawn.
    drawn: Vec<f32>,
    /// The network that learns the score of what is drawn, or of the two modes.
    network: Option<LearnedScore>,
    /// Whether arrows and chains follow the network's score, if there is one, and not the exact one.
    follows_network: bool,
    side: f32,
    seed: u64,
    chains: HostChains<Field>,
}

#[wasm_bindgen]
impl Toy2d {
    /// The square without chains.
    #[wasm_bindgen(constructor)]
    pub fn new(side: f32) -> Self {
        let density = GaussianMixture::two_modes();
        let (table, _) = set_up(&density, Sampler::Langevin);
        let chains = HostChains::none(Field::Exact(density.clone()), table);
        let (drawn, network, follows_network) = (Vec::new(), None, false);
        Self { density, drawn, network, follows_network, side, seed: 0, chains }
    }

    /// Adds a point to a visitor's own density, and forgets what was learned of the one before.
    pub fn draw(&mut self, x: f32, y: f32) {
        self.drawn.extend([x, y]);
        self.density = GaussianMixture::around(&self.drawn, BLUR);
        self.network = None;
    }

    /// Goes back to the density of two modes, and forgets what was learned.
    pub fn clear(&mut self) {
        self.drawn.clear();
        self.density = GaussianMixture::two_modes();
        self.network = None;
    }

    /// The number of points that are drawn.
    pub fn drawn(&self) -> usize {
        self.drawn.len() / 2
    }

    /// Lets a small network learn the score from points of the density for so many steps, and
    /// returns the number of its steps so far.
    pub fn learn(&mut self, steps: u32) -> u32 {
        const POINTS: usize = 1000;
        let (density, seed) = (&self.density, self.seed);
        let network = self.network.get_or_insert_with(|| {
            let points = density.draw(POINTS, Key { seed, stream: 2, step: 0 });
            LearnedScore::new(points, [SCHEDULE.sigma_min, SCHEDULE.sigma_max], seed)
        });
        for _ in 0..steps {
            network.learn();
        }
        network.steps()
    }

    /// Forgets what was learned; what is drawn stays.
    pub fn forget(&mut self) {
        self.network = None;
    }

    /// Whether there is a network that has learned something.
    pub fn has_network(&self) -> bool {
        self.network.is_some()
    }

    /// Whether arrows, and chains that begin from now on, are to follow the network's score. As long
    /// as there is no network they follow the exact one.
    pub fn follow_network(&mut self, network: bool) {
        self.follows_network = network;
    }

    /// How far the network's score is from the exact one, at `n` points of the density under noise:
    /// the root of the mean square of their difference, over that of the exact score. `None` without
    /// a network.
    pub fn error(&self, sigma: f32, n: usize) -> Option<f64> {
        let network = self.network.as_ref()?;
        let points = self.noisy(sigma, n);
        let (mut exact, mut learned) = (vec![0.0; points.len()], vec![0.0; points.len()]);
        self.density.score(&points, sigma, &mut exact);
        network.score(&points, sigma, &mut learned);
        let difference = sum_of_squares(exact.iter().zip(&learned).map(|(a, b)| a - b));
        Some((difference / sum_of_squares(exact.iter().copied())).sqrt())
    }

    /// The network whose score is followed.
    fn followed(&self) -> Option<&LearnedScore> {
        self.network.as_ref().filter(|_| self.follows_network)
    }

    fn field(&self) -> Field {
        match self.followed() {
            Some(network) => Field::Learned(network.clone()),
            None => Field::Exact(self.density.clone()),
        }
    }

    /// The noise level at a fraction of the way from the smallest (0) to the largest (1).
    pub fn sigma_at(&self, fraction: f32) -> f32 {
        SCHEDULE.sigma_at(fraction)
    }

    /// The inverse of [`Self::sigma_at`].
    pub fn fraction_at(&self, sigma: f32) -> f32 {
        SCHEDULE.fraction_at(sigma)
    }

    /// q_σ at the centers of n × n squares, rows from the top, relative to the largest of them.
    pub fn density(&self, sigma: f32, n: usize) -> Vec<f32> {
        let logs: Vec<f64> =
            self.centers(n).chunks_exact(2).map(|x| self.density.log_density(x, sigma)).collect();
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        logs.iter().map(|log| (log - top).exp() as f32).collect()
    }

    /// The score at the centers of n × n squares, rows from the top, times √(1 + σ²), the deviation
    /// of one of the two modes under noise: about how many deviations away the mode is, at any σ.
    pub fn arrows(&self, sigma: f32, n: usize) -> Vec<f32> {
        let centers = self.centers(n);
        let mut arrows = vec![0.0; centers.len()];
        match self.followed() {
            Some(network) => network.score(&centers, sigma, &mut arrows),
            None => self.density.score(&centers, sigma, &mut arrows),
        }
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
        let (table, conditioning) = set_up(&self.density, sampler);
        self.seed += 1;
        let (field, numbers) = (self.field(), 0..chains as usize);
        self.chains = HostChains::conditioned(field, table, &conditioning, self.seed, numbers)?;
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

fn sum_of_squares(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|value| f64::from(value).powi(2)).sum()
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
        // This density's denoiser is no consistency model.
        for sampler in Sampler::ALL.into_iter().filter(|&sampler| sampler != Sampler::Consistency) {
            let share = share(sampler);
            println!("{}: {share}", sampler.name());
            // Five standard errors, and the error of annealing with so few levels.
            let truth = if sampler == Sampler::PlainLangevin { 0.5 } else { 0.8 };
            assert!((share - truth).abs() < 0.1, "{}: {share}", sampler.name());
        }
    }

    /// Chains of a network end where the points are, on a density that is drawn.
    #[test]
    fn a_network_learns_a_density_that_is_drawn() {
        let mut toy = Toy2d::new(10.0);
        for at in -4..=4 {
            toy.draw(at as f32, 4.0);
        }
        assert_eq!(toy.drawn(), 9);
        assert_eq!(toy.learn(600), 600);
        toy.follow_network(true);
        toy.begin("heun", 300).expect("a sampler");
        toy.advance_to(usize::MAX);
        let chains = toy.chains();
        let near = chains.chunks_exact(2).filter(|x| (x[1] - 4.0).abs() < 2.0 && x[0].abs() < 6.0);
        assert!(near.count() > 250, "{chains:?}");
        toy.clear();
        assert_eq!(toy.drawn(), 0);
    }

    #[test]
    fn the_exact_score_stays_beside_the_learned_one() {
        let mut toy = Toy2d::new(10.0);
        let (sigma, n) = (1.0, 8);
        let exact = toy.arrows(sigma, n);
        assert_eq!(toy.error(sigma, n), None);
        toy.follow_network(true);
        assert_eq!(toy.arrows(sigma, n), exact, "there is no network yet");
        toy.learn(10);
        let (first, learned) = (toy.error(sigma, 400), toy.arrows(sigma, n));
        assert_ne!(learned, exact);
        toy.follow_network(false);
        assert_eq!(toy.arrows(sigma, n), exact);
        toy.learn(590);
        let last = toy.error(sigma, 400);
        assert!(Some(0.0) < last && last < first, "the error went from {first:?} to {last:?}");
        toy.follow_network(true);
        assert_ne!(toy.arrows(sigma, n), learned);

        // What is drawn outlasts what was learned of it.
        toy.draw(0.0, 0.0);
        toy.learn(10);
        toy.forget();
        assert_eq!((toy.drawn(), toy.has_network()), (1, false));
    }

    #[test]
    fn what_is_drawn_fits_together() {
        let toy = Toy2d::new(10.0);
        // Squares of 2 × 2: the mode at (5, 5) is the center of the eighth in the third row.
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
