//! Samplers and conditioning on densities with exact scores, against closed forms. What remains is
//! the sampler's bias at finite steps, which is stated, and chance.
#![cfg(not(target_family = "wasm"))]

use ncsn::backend::host;
use ncsn::net::ImageShape;
use ncsn::noise::NoiseSchedule;
use ncsn::sample::conditioning::{End, Path};
use ncsn::sample::dpm_solver::dpm_solver_pp;
use ncsn::sample::edm::{self, Churn};
use ncsn::sample::observation::Block;
use ncsn::sample::unipc::unipc;
use ncsn::sample::{Conditioning, Observation, Sampler, Settings, StepTable, score_sde};
use ncsn::score::Score;
use ncsn::toy::{Component, FactorGaussian, GaussianMixture};

/// Every sampler, with and without churn, except the baseline that has to fail, and the one for
/// consistency models, which these densities' denoisers are not.
fn samplers(schedule: NoiseSchedule) -> Vec<(Sampler, String, StepTable)> {
    let NoiseSchedule { sigma_max, sigma_min, .. } = schedule;
    let step_lr = 0.3 * sigma_min * sigma_min;
    let base = Settings { schedule, step_lr, ..Settings::recommended(sigma_max, sigma_min) };
    let churn = Some(Churn { s_churn: 20.0, ..Churn::NONE });
    let others = [Sampler::PlainLangevin, Sampler::Consistency];
    let samplers = Sampler::ALL.into_iter().filter(|sampler| !others.contains(sampler));
    let settings = |sampler| match sampler {
        // Annealed Langevin is right only if it stays at each level long enough.
        Sampler::Langevin => Settings {
            sampler,
            schedule: NoiseSchedule { levels: schedule.levels / 3, ..schedule },
            steps_each: 25,
            step_lr: step_lr / 3.0,
            ..base
        },
        Sampler::ExactLangevin => {
            Settings { sampler, steps_each: 5, step_lr: step_lr / 3.0, ..base }
        }
        _ => Settings { sampler, steps_each: 2, ..base },
    };
    let mut settings: Vec<_> = samplers.map(settings).collect();
    settings.push(Settings { sampler: Sampler::Heun, churn, ..base });
    let table = |settings: Settings| {
        let name = format!("{:?}, churn {:?}", settings.sampler, settings.churn.map(|c| c.s_churn));
        (settings.sampler, name, settings.step_table().expect("possible"))
    };
    settings.into_iter().map(table).collect()
}

/// The page's form and the types of the npm package list the samplers themselves.
#[test]
fn the_page_and_its_types_have_every_sampler() {
    let listed = |name: &str, begin: &str, end: &str, open: &str| {
        let text = std::fs::read_to_string(name).expect("there");
        let (_, list) = text.split_once(begin).expect("a list of samplers");
        let (list, _) = list.split_once(end).expect("its end");
        let quoted = list.split(open).skip(1).filter_map(|rest| rest.split_once('"'));
        let mut names: Vec<String> = quoted.map(|(name, _)| name.into()).collect();
        names.sort();
        names
    };
    let mut all = Sampler::ALL.map(Sampler::name);
    all.sort_unstable();
    assert_eq!(listed("index.html", "id=\"sampler\"", "</select>", "value=\""), all);
    assert_eq!(listed("www/types.d.ts", "type SamplerName =", ";", "| \""), all);
}

fn mean(x: impl Iterator<Item = f32> + Clone) -> f64 {
    let n = x.clone().count() as f64;
    x.map(f64::from).sum::<f64>() / n
}

fn variance(x: impl Iterator<Item = f32> + Clone) -> f64 {
    let mean = mean(x.clone());
    self::mean(x.map(|x| (f64::from(x) - mean).powi(2) as f32))
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

const IMAGE: ImageShape = ImageShape { channels: 3, height: 4, width: 4 };

/// A Gaussian of 48 coordinates, an image of 3 × 4 × 4, that follow one factor in many ways.
fn factor_gaussian() -> FactorGaussian {
    let d = IMAGE.dimension();
    FactorGaussian {
        mean: (0..d).map(|i| 0.3 + 0.01 * i as f32).collect(),
        std: 0.3,
        loadings: (0..d).map(|i| 0.3 * (0.9 * i as f32).sin() + 0.1).collect(),
    }
}

#[test]
fn every_sampler_reaches_mean_and_covariance() {
    let (density, n) = (factor_gaussian(), 600);
    let d = density.dimension();
    let length = dot(&density.loadings, &density.loadings).sqrt();
    let along: Vec<f32> = density.loadings.iter().map(|a| a / length).collect();
    // A direction across, without a share of the factor.
    let mut across: Vec<f32> = (0..d).map(|i| (1.7 * i as f32).cos()).collect();
    let shadow = dot(&across, &along);
    across.iter_mut().zip(&along).for_each(|(v, a)| *v -= shadow * a);
    let norm = dot(&across, &across).sqrt();
    across.iter_mut().for_each(|v| *v /= norm);

    for (_, name, table) in
        samplers(NoiseSchedule { sigma_max: 30.0, sigma_min: 0.01, levels: 200 })
    {
        let x = host::run(&table, &density, 4, n);
        for (direction, truth) in
            [(&along, length.powi(2) + 0.09), (&across, 0.09)].map(|(v, t)| (v, f64::from(t)))
        {
            let offset = |x: &[f32]| dot(x, direction) - dot(&density.mean, direction);
            let offsets = x.chunks_exact(d).map(offset);
            let error = mean(offsets.clone()) / (truth / n as f64).sqrt();
            // Four standard errors, and one of bias: the start's mean is not quite forgotten.
            assert!(error.abs() < 5.0, "{name}: the mean is off by {error} standard errors");
            let ratio = variance(offsets) / truth;
            // Four standard errors of 5.8 %, and 6 % bias from finite steps.
            assert!((ratio - 1.0).abs() < 0.29, "{name}: variance {ratio} of the truth");
        }
        // All 48 together: the mean square across all directions but one.
        let total = x.chunks_exact(d).flat_map(|x| {
            let offset: Vec<f32> = x.iter().zip(&density.mean).map(|(x, m)| x - m).collect();
            let part = dot(&offset, &along);
            offset.into_iter().zip(along.clone()).map(move |(o, a)| (o - part * a).powi(2))
        });
        let ratio = mean(total.collect::<Vec<_>>().into_iter()) * 48.0 / 47.0 / 0.09;
        println!("{name}: {ratio}");
        // Chance is 0.8 %. Consistent sampling and exact Langevin steps are exact for data at a
        // point, and for wide data too narrow by about half of η = 0.3 and of a = 0.1.
        let bias = match &name[..3] {
            "Con" => 0.16,
            "Exa" => 0.08,
            _ => 0.06,
        };
        assert!((ratio - 1.0).abs() < bias, "{name}: variance {ratio} of the truth in all");
    }
}

/// ⅕ to ⅘, which only a chain that begins where both modes are one can tell.
#[test]
fn every_sampler_recovers_the_weights_of_modes() {
    let n = 4_000;
    for (_, name, table) in
        samplers(NoiseSchedule { sigma_max: 200.0, sigma_min: 0.1, levels: 200 })
    {
        let x = host::run(&table, &GaussianMixture::two_modes(), 2, n);
        let upper: Vec<_> = x.chunks_exact(2).filter(|x| x[0] + x[1] > 0.0).collect();
        let share = upper.len() as f64 / n as f64;
        println!("{name}: {share}");
        // Five standard errors.
        assert!((share - 0.8).abs() < 0.032, "{name}: {share}");
        let at = mean(upper.iter().flat_map(|x| x.iter().copied()));
        assert!((at - 5.0).abs() < 0.07, "{name}: the upper mode is at {at}");
    }
}

/// Langevin at one small σ does not find its way: it keeps the halves of its start.
#[test]
fn plain_langevin_never_learns_the_weights() {
    let mode = |weight, at: f32| Component { weight, mean: vec![at; 2], std: 0.05 };
    let toy = GaussianMixture::new(vec![mode(0.2, 0.1), mode(0.8, 0.9)]);
    let settings = Settings {
        sampler: Sampler::PlainLangevin,
        steps_each: 10,
        step_lr: 0.3 * 0.01 * 0.01,
        ..Settings::recommended(10.0, 0.01)
    };
    let share = |settings: Settings| {
        let x = host::run(&settings.step_table().expect("possible"), &toy, 2, 2_000);
        x.chunks_exact(2).filter(|x| x[0] + x[1] > 1.0).count() as f64 / 2_000.0
    };
    let (plain, annealed) =
        (share(settings), share(Settings { sampler: Sampler::Langevin, ..settings }));
    assert!((0.40..0.60).contains(&plain), "{plain}");
    assert!((annealed - 0.8).abs() < 0.05, "{annealed}");
}

/// The exact flow of a Gaussian stretches each eigendirection by √((λ + σ_L²)/(λ + σ₁²)). Halving
/// the steps halves Euler's error, quarters Heun's and DPM-Solver++(2M)'s, and divides UniPC-2's by
/// eight.
#[test]
fn the_orders_of_the_ode_solvers_are_one_two_and_three() {
    let density = factor_gaussian();
    let (d, a2) = (density.dimension(), dot(&density.loadings, &density.loadings));
    let schedule = NoiseSchedule { sigma_max: 8.0, sigma_min: 0.05, levels: 0 };
    let shrink = |eigenvalue: f32| {
        ((eigenvalue + schedule.sigma_min.powi(2)) / (eigenvalue + schedule.sigma_max.powi(2)))
            .sqrt()
    };
    let (along, across) = (shrink(0.09 + a2), shrink(0.09));
    type Solver = fn(&[f32]) -> StepTable;
    let error = |levels, solver: Solver| {
        let mut table = solver(&edm::karras_sigmas(&NoiseSchedule { levels, ..schedule }, 7.0));
        // All end with a step to σ = 0.
        table.steps.pop();
        let x0 = host::start(&table, d, 6, 1);
        let x = host::run(&table, &density, 6, 1);
        let offset: Vec<f32> = x0.iter().zip(&density.mean).map(|(x, m)| x - m).collect();
        let share = dot(&offset, &density.loadings) / a2;
        let truth = |i: usize| {
            let part = share * density.loadings[i];
            density.mean[i] + along * part + across * (offset[i] - part)
        };
        let square: f64 = (0..d).map(|i| f64::from(x[i] - truth(i)).powi(2)).sum();
        square.sqrt()
    };
    let solvers: [(Solver, f64, [usize; 2]); 4] = [
        (score_sde::euler, 1.0, [33, 65]),
        (|sigmas: &[f32]| edm::heun(sigmas, Churn::NONE, sigmas.len()), 2.0, [33, 65]),
        (dpm_solver_pp, 2.0, [65, 129]),
        (unipc, 3.0, [17, 33]),
    ];
    for (solver, order, levels) in solvers {
        let [coarse, fine] = levels.map(|levels| error(levels, solver));
        let found = (coarse / fine).log2();
        println!("order {found} instead of {order}: {coarse}, {fine}");
        assert!((found - order).abs() < 0.2, "order {found} instead of {order}: {coarse}, {fine}");
    }
}

/// With ten evaluations of the exact score of a mixture, methods of higher order are closer to the
/// ends of the flow, which Heun's method finds with a thousand.
#[test]
fn multistep_methods_need_few_evaluations() {
    let density = GaussianMixture::new(vec![
        Component { weight: 0.3, mean: vec![0.1, 0.8, 0.4], std: 0.1 },
        Component { weight: 0.7, mean: vec![0.9, 0.2, 0.5], std: 0.2 },
    ]);
    let ends = |table: &StepTable| host::run(table, &density, 6, 200);
    let sigmas = |levels| {
        edm::karras_sigmas(&NoiseSchedule { sigma_max: 10.0, sigma_min: 0.02, levels }, 7.0)
    };
    let truth = ends(&edm::heun(&sigmas(500), Churn::NONE, 500));
    let error = |table: &StepTable| {
        assert!(table.nfe() <= 10);
        let errors = ends(table).into_iter().zip(&truth).map(|(a, b)| (a - b).powi(2));
        mean(errors.collect::<Vec<_>>().into_iter()).sqrt()
    };
    let euler = error(&score_sde::euler(&sigmas(10)));
    let heun = error(&edm::heun(&sigmas(5), Churn::NONE, 5));
    let (multistep, unipc) = (error(&dpm_solver_pp(&sigmas(10))), error(&unipc(&sigmas(10))));
    println!("Euler {euler}, Heun {heun}, DPM-Solver++ {multistep}, UniPC {unipc}");
    assert!(multistep < 0.5 * euler && multistep < 0.5 * heun);
    assert!(unipc < multistep);
}

/// On the data of a single point every denoised image is the point, so steps of any size are exact:
/// deterministic chains keep their direction, and stochastic ones have the noise of their level.
#[test]
fn multistep_methods_are_exact_at_a_point() {
    let point = GaussianMixture::gaussian(vec![0.5; 4], 0.0);
    let schedule = NoiseSchedule { sigma_max: 20.0, sigma_min: 0.1, levels: 7 };
    for sampler in [Sampler::DpmSolverPp, Sampler::SdeDpmSolverPp, Sampler::UniPc] {
        let settings = Settings { sampler, schedule, ..Settings::recommended(20.0, 0.1) };
        let whole = settings.step_table().expect("possible");
        for done in 1..7 {
            let mut table = whole.clone();
            table.steps.truncate(done);
            let n = 4_000;
            let x = host::run(&table, &point, 5, n);
            let sigma = whole.sigma_at(done);
            let ratio = variance(x.iter().copied()).sqrt() as f32 / sigma;
            assert!((ratio - 1.0).abs() < 0.03, "{sampler:?} after {done} steps: {ratio}");
            if sampler != Sampler::SdeDpmSolverPp {
                let starts = host::start(&table, 4, 5, n);
                let along = |(x, start): (&f32, f32)| (x - 0.5) - sigma / 20.0 * (start - 0.5);
                let worst = x.iter().zip(starts).map(along).fold(0.0, |a: f32, b| a.max(b.abs()));
                assert!(worst < 1e-4 * sigma.max(1.0), "{sampler:?} after {done} steps: {worst}");
            }
        }
        let ends = host::run(&whole, &point, 5, 10);
        assert!(ends.iter().all(|x| (x - 0.5).abs() < 1e-5), "{sampler:?}: {ends:?}");
    }
}

/// Churn is exact on the data of a single point: noise is added and removed again, at any σ.
#[test]
fn churned_chains_have_the_noise_of_their_level() {
    let point = GaussianMixture::gaussian(vec![0.5; 4], 0.0);
    let sigmas =
        edm::karras_sigmas(&NoiseSchedule { sigma_max: 10.0, sigma_min: 0.1, levels: 12 }, 7.0);
    let churn = Churn { s_churn: 4.0, s_tmin: 0.3, s_tmax: 5.0, s_noise: 1.0 };
    let whole = edm::heun(&sigmas, churn, 12);
    let churned = sigmas.iter().filter(|sigma| (0.3..=5.0).contains(*sigma)).count();
    assert_eq!(whole.steps.iter().filter(|step| step.update.is_noisy()).count(), churned);
    for done in [0, 8, 14, 20] {
        let mut table = whole.clone();
        table.steps.truncate(done);
        let x = host::run(&table, &point, 5, 5_000);
        let ratio = variance(x.iter().copied()).sqrt() as f32 / whole.sigma_at(done);
        assert!((ratio - 1.0).abs() < 0.03, "after {done} steps: {ratio}");
    }
}

/// What is seen of an image of 3 × 4 × 4: the block that each coordinate is in, of which only the
/// mean is known.
type Blocks = fn(usize) -> Option<usize>;

const LEFT_HALF: Blocks = |i| (i % 4 < 2).then_some(i);
const GRAY: Blocks = |i| Some(i % 16);
const SMALLER: Blocks = |i| Some(i / 16 * 4 + i % 16 / 8 * 2 + i % 4 / 2);

/// P x, from its definition: where something is seen, the mean over the block.
fn project(x: &[f32], blocks: Blocks) -> Vec<f32> {
    let in_block = |block| (0..x.len()).filter(move |&i| blocks(i) == Some(block)).map(|i| x[i]);
    (0..x.len()).map(|i| blocks(i).map_or(0.0, |block| mean(in_block(block)) as f32)).collect()
}

/// The distribution of a factor Gaussian along (I − P) a, given P x.
struct Conditional {
    /// (I − P) a: the unseen part of the factor's loadings.
    free: Vec<f32>,
    /// E and deviation of ⟨(I − P) a, x − m⟩.
    expected: f64,
    deviation: f64,
}

impl Conditional {
    /// For x = m + a f + τ z, given P x = y.
    fn new(density: &FactorGaussian, y: &[f32], blocks: Blocks) -> Self {
        let own = density.std.powi(2);
        let seen = project(&density.loadings, blocks);
        let free: Vec<f32> = density.loadings.iter().zip(&seen).map(|(a, s)| a - s).collect();
        let (seen2, free2) = (dot(&seen, &seen), dot(&free, &free));
        let offset: Vec<f32> =
            y.iter().zip(project(&density.mean, blocks)).map(|(y, m)| y - m).collect();
        // f given P x is normal; the unseen part follows it, with noise of its own.
        let factor = dot(&seen, &offset) / (own + seen2);
        let variance = own / (own + seen2) * free2 * free2 + own * free2;
        let expected = f64::from(factor * free2);
        Self { free, expected, deviation: f64::from(variance).sqrt() }
    }
}

/// How exact the projection is: by how many deviations the mean may be off, and the range of the
/// chains' deviation relative to the truth. Chains that are corrected at each level adapt to the
/// observation; a flow without noise hardly does, and stays nearly as wide as it was.
fn bias(sampler: Sampler) -> (f64, std::ops::Range<f64>) {
    match sampler {
        Sampler::Langevin | Sampler::PlainLangevin => (0.15, 0.9..1.25),
        Sampler::ExactLangevin | Sampler::ConsistentAnnealed | Sampler::PredictorCorrector => {
            (0.25, 0.85..1.35)
        }
        Sampler::Ancestral | Sampler::ReverseDiffusion | Sampler::SdeDpmSolverPp => (0.4, 1.0..1.9),
        Sampler::Euler | Sampler::Heun | Sampler::DpmSolverPp | Sampler::UniPc => (0.6, 1.0..2.4),
        Sampler::Consistency => unreachable!("it is for consistency models"),
    }
}

/// The observed part is kept, and the rest follows E\[x | y\] of the Gaussian.
#[test]
fn observations_are_kept_and_the_rest_follows_from_them() {
    let (density, n) = (factor_gaussian(), 300);
    let d = density.dimension();
    let image: Vec<f32> = (0..d).map(|i| 0.5 + 0.6 * (2.3 * i as f32).sin()).collect();
    let known: Vec<bool> = (0..16).map(|pixel| LEFT_HALF(pixel).is_some()).collect();
    let gray = Block { channels: IMAGE.channels, height: 1, width: 1 };
    let small = project(&image, SMALLER);
    let small: Vec<f32> = (0..12).map(|i| small[i / 4 * 16 + i % 4 / 2 * 8 + i % 2 * 2]).collect();
    let schedule = NoiseSchedule { sigma_max: 30.0, sigma_min: 0.01, levels: 150 };
    for (what, blocks, exact, observation) in [
        ("half", LEFT_HALF, 0.0, Observation::pixels(IMAGE, &image, &known)),
        ("gray", GRAY, 2e-6, Observation::means(IMAGE, &image, gray)),
        ("smaller", SMALLER, 2e-6, Observation::downsampled(IMAGE, &small, 2)),
    ] {
        let y = project(&image, blocks);
        let Conditional { free, expected, deviation } = Conditional::new(&density, &y, blocks);
        let observation = Some(observation.expect("of the right size"));
        let conditioning = Conditioning { observation, ..Conditioning::default() };
        for (sampler, name, table) in samplers(schedule) {
            let x = host::run_conditioned(&table, &conditioning, &density, 3, n).expect("it fits");
            let along = |x: &[f32]| {
                let seen = project(x, blocks);
                let error = seen.iter().zip(&y).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(error <= exact, "{name}, {what}: {error}");
                x.iter().zip(&density.mean).zip(&free).map(|((x, m), free)| (x - m) * free).sum()
            };
            let along: Vec<f32> = x.chunks_exact(d).map(along).collect();
            let off = (mean(along.iter().copied()) - expected).abs() / deviation;
            let ratio = variance(along.iter().copied()).sqrt() / deviation;
            println!("{what}, {name}: mean off by {off} deviations, {ratio} of the deviation");
            let (most, between) = bias(sampler);
            assert!(off < most, "{name}, {what}: the mean is off by {off} deviations");
            assert!(between.contains(&ratio), "{name}, {what}: {ratio} of the deviation");
        }
    }
}

#[test]
fn a_path_between_seeds_ends_at_the_seeds() {
    let toy = factor_gaussian();
    let d = toy.dimension();
    for (_, name, table) in samplers(NoiseSchedule { sigma_max: 5.0, sigma_min: 0.1, levels: 20 }) {
        let path = Path { frames: 9, to: End::Seed(12) };
        let conditioning = Conditioning { path: Some(path), ..Conditioning::default() };
        let x = host::run_conditioned(&table, &conditioning, &toy, 11, 9).expect("it fits");
        let difference =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        for (frame, seed) in [(0, 11), (8, 12)] {
            let end = host::run(&table, &toy, seed, 1);
            let difference = difference(&x[frame * d..][..d], &end);
            assert!(difference < 1e-4, "{name}, frame {frame}: {difference}");
        }
        // There are no leaps on the way: each step is a part of the whole.
        let way = difference(&x[..d], &x[8 * d..]);
        let leap = x.chunks_exact(d).zip(x[d..].chunks_exact(d)).map(|(a, b)| difference(a, b));
        assert!(leap.fold(0.0, f32::max) < 0.5 * way, "{name}");
    }
}

/// With a single level, too, the strength says how much of an image is left. (Langevin's steps stay
/// at the smallest level.)
#[test]
fn a_single_step_keeps_as_much_of_an_image_as_its_strength_says() {
    let toy = GaussianMixture::two_modes();
    let conditioning = Conditioning { origin: Some(vec![-4.0, -6.0]), ..Conditioning::default() };
    let schedule = NoiseSchedule { sigma_max: 100.0, sigma_min: 0.01, levels: 1 };
    let langevin = [Sampler::Langevin, Sampler::ExactLangevin, Sampler::PlainLangevin];
    for sampler in Sampler::ALL.into_iter().filter(|sampler| !langevin.contains(sampler)) {
        let settings = Settings { sampler, schedule, ..Settings::recommended(100.0, 0.01) };
        let distances = |strength| {
            let table = settings.step_table_from(Some(strength)).expect("possible");
            let x = host::run_conditioned(&table, &conditioning, &toy, 8, 100).expect("it fits");
            x.chunks_exact(2).map(|x| (x[0] + 4.0).hypot(x[1] + 6.0)).collect::<Vec<f32>>()
        };
        let (kept, forgotten) = (distances(0.0), distances(1.0));
        // Noise of 0.01 in either coordinate, and the mean of both modes.
        assert!(kept.iter().all(|&distance| distance < 0.1), "{sampler:?}: {kept:?}");
        assert!(forgotten.iter().all(|&distance| distance > 5.0), "{sampler:?}: {forgotten:?}");
    }
}

/// A sketch keeps what is coarser than its noise, and loses what is finer.
#[test]
fn a_sketch_is_kept_as_far_as_its_noise_allows() {
    let toy = GaussianMixture::two_modes();
    let settings = Settings {
        schedule: NoiseSchedule { sigma_max: 100.0, sigma_min: 0.1, levels: 100 },
        ..Settings::recommended(100.0, 0.1)
    };
    // Near the rare mode, but far out for one of its points.
    let conditioning = Conditioning { origin: Some(vec![-9.0, -5.0]), ..Conditioning::default() };
    let n = 2_000;
    let run = |sampler, strength| {
        let settings = Settings { sampler, ..settings };
        let table = settings.step_table_from(Some(strength)).expect("possible");
        host::run_conditioned(&table, &conditioning, &toy, 8, n).expect("it fits")
    };
    for sampler in [Sampler::Ancestral, Sampler::Heun, Sampler::UniPc] {
        let rare = |x: &[f32]| x.chunks(2).filter(|x| x[0] + x[1] < 0.0).count() as f64 / n as f64;
        let coordinate =
            |x: &[f32]| mean(x.iter().step_by(2).copied().collect::<Vec<_>>().into_iter());
        let (close, some, far) = (run(sampler, 0.05), run(sampler, 0.5), run(sampler, 1.0));
        assert_eq!(rare(&close), 1.0, "{sampler:?}");
        assert!((coordinate(&close) + 9.0).abs() < 0.3, "{sampler:?}: {}", coordinate(&close));
        assert!(rare(&some) > 0.95, "{sampler:?}: {}", rare(&some));
        assert!(coordinate(&some) > -7.0, "{sampler:?}: {}", coordinate(&some));
        assert!(rare(&far) < 0.3, "{sampler:?}: {}", rare(&far));
    }
}
