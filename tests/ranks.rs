//! Several processes that train together, here threads: the weights of one process, but for the
//! order in which gradients are added up.
#![cfg(not(target_family = "wasm"))]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use burn::tensor::Device;
use ncsn::backend::fused::Gpu;
use ncsn::data::Images;
use ncsn::net::ImageShape;
use ncsn::net::weights::Weights;
use ncsn::random::Key;
use ncsn::sample::GuidanceScale;
use ncsn::train::{Autoguidance, Options, Ranks, Start, TrainError, Trainer};
use pollster::block_on;

/// What threads have in common.
struct Meeting {
    barrier: Barrier,
    another: AtomicBool,
    shares: Mutex<Vec<Option<Vec<f32>>>>,
}

impl Meeting {
    fn of(count: usize) -> Arc<Self> {
        let (barrier, another) = (Barrier::new(count), AtomicBool::new(false));
        Arc::new(Self { barrier, another, shares: Mutex::new(vec![None; count]) })
    }
}

struct Rank {
    rank: usize,
    count: usize,
    meeting: Arc<Meeting>,
}

impl Ranks for Rank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn world_size(&self) -> usize {
        self.count
    }

    fn another_step(&self, there_is: bool) -> bool {
        if self.rank == 0 {
            self.meeting.another.store(there_is, Ordering::SeqCst);
        }
        self.meeting.barrier.wait();
        let answer = self.meeting.another.load(Ordering::SeqCst);
        self.meeting.barrier.wait();
        answer
    }

    fn all_reduce_sum(&self, values: &mut [f32]) {
        self.meeting.shares.lock().expect("alive")[self.rank] = Some(values.to_vec());
        self.meeting.barrier.wait();
        values.fill(0.0);
        for share in self.meeting.shares.lock().expect("alive").iter() {
            let share = share.as_ref().expect("every rank's");
            assert_eq!(share.len(), values.len());
            values.iter_mut().zip(share).for_each(|(sum, value)| *sum += value);
        }
        self.meeting.barrier.wait();
    }

    fn abort(&self, _: i32) -> ! {
        panic!("rank {} has failed", self.rank)
    }
}

fn images() -> Images {
    let shape = ImageShape { channels: 1, height: 8, width: 8 };
    let byte = |at| (Key { seed: 1, stream: 0, step: 0 }.uniform(at) * 256.0) as u8;
    Images::new(shape, (0..50 * 64).map(byte).collect())
}

/// Where ranks compute.
#[derive(Clone, Copy, Debug)]
enum Place {
    Cpu,
    Gpu,
}

fn options(images: &Images) -> Options {
    Options {
        architecture: common::tiny(),
        batch: 10,
        steps: 30,
        warmup_steps: 5,
        grad_accum_steps: 2,
        ..Options::for_images(images).expect("images that differ")
    }
}

fn on_cpu(options: Options, start: Start, images: &Images) -> Trainer {
    Trainer::new(options, start, images, &[Device::flex()]).expect("possible")
}

fn trainer(images: &Images, place: Place) -> Trainer {
    let options = options(images);
    match place {
        Place::Cpu => on_cpu(options, Start::Random, images),
        Place::Gpu => {
            let gpu = block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}"));
            Trainer::on_gpu(options, Start::Random, images, &gpu).expect("possible")
        }
    }
}

/// The mean loss of the last two of twelve steps, and the averaged weights after them. Other ranks
/// than the first drop the losses of every ten steps.
fn train(trainer: &mut Trainer, images: &Images) -> (f32, Weights) {
    let [_, loss] = [10, 2].map(|steps| {
        (0..steps).for_each(|_| trainer.step(images));
        trainer.take_loss().expect("finite").expect("there were steps")
    });
    (loss, trainer.ema_weights().expect("on the CPU"))
}

fn by_ranks(count: usize, place: Place) -> Vec<(f32, Weights)> {
    let meeting = Meeting::of(count);
    let run = |rank: usize| {
        let images = images();
        let ranks = Rank { rank, count, meeting: meeting.clone() };
        let mut trainer =
            trainer(&images, place).distributed(Box::new(ranks)).expect("enough images");
        if rank == 0 {
            return train(&mut trainer, &images);
        }
        trainer.follow(&images).expect("it works");
        assert_eq!(trainer.done(), 12);
        (
            trainer.take_loss().expect("finite").expect("steps"),
            trainer.ema_weights().expect("there"),
        )
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|rank| scope.spawn(move || run(rank))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

#[test]
fn ranks_learn_what_one_process_learns() {
    let images = images();
    for (place, count) in [(Place::Cpu, 2), (Place::Cpu, 3), (Place::Gpu, 2), (Place::Gpu, 3)] {
        let (loss, alone) = train(&mut trainer(&images, place), &images);
        let all = by_ranks(count, place);
        for (other, weights) in &all {
            assert!((other, weights) == (&all[0].0, &all[0].1), "ranks are not the same");
        }
        let (together, weights) = &all[0];
        assert!((together / loss - 1.0).abs() < 1e-4, "{place:?}: {together} for {loss}");
        common::assert_close(weights, &alone, 1e-4, &format!("{place:?}, {count} ranks"));
    }
}

#[test]
fn a_batch_is_not_shared_by_more_ranks_than_it_has_images() {
    let images = images();
    let ranks = Rank { rank: 0, count: 11, meeting: Meeting::of(11) };
    let refused = trainer(&images, Place::Cpu).distributed(Box::new(ranks)).err().expect("refused");
    assert!(refused.to_string().contains("a batch of 10"), "{refused}");
}

/// What makes a rank's trainer.
type Make = fn(&Images) -> Trainer;

/// Weights of the tiny network, times this factor.
fn weights(factor: f32) -> Weights {
    let mut weights = common::weights(&common::tiny());
    let values = weights.values_mut().flat_map(|array| &mut array.values);
    values.for_each(|value| *value *= factor);
    weights
}

/// A run that learns from a model guided away from a worse one, which has these weights.
fn guided_away_from(worse: Weights, images: &Images) -> Trainer {
    let guidance_scale = GuidanceScale { weight: 2.0, ..GuidanceScale::NONE };
    let by = Autoguidance { worse: common::tiny(), name: "worse".into(), guidance_scale };
    let options = Options { stable_targets: None, ..options(images) };
    on_cpu(options, Start::Autoguided { better: weights(1.0), by, worse }, images)
}

/// Otherwise gradients of different runs would be added up, or vectors of different lengths; or ranks
/// would apply the same updates to different weights.
#[test]
fn ranks_that_do_not_agree_are_refused() {
    let ahead = |images: &Images| {
        let mut trainer = trainer(images, Place::Cpu);
        trainer.step(images);
        trainer
    };
    let other_seed =
        |images: &Images| on_cpu(Options { seed: 1, ..options(images) }, Start::Random, images);
    let usual = |images: &Images| trainer(images, Place::Cpu);
    // As another kind of device would draw them, or as another file of the same name has them.
    let other_weights =
        |images: &Images| on_cpu(options(images), Start::From(weights(0.9)), images);
    let pairs: [(Make, Make); 5] = [
        (usual, |images| trainer(images, Place::Gpu)),
        (usual, ahead),
        (usual, other_seed),
        (usual, other_weights),
        (
            |images| guided_away_from(weights(1.0), images),
            |images| guided_away_from(weights(0.9), images),
        ),
    ];
    for (one, other) in pairs {
        let meeting = Meeting::of(2);
        let join = |rank: usize| {
            let images = images();
            let trainer = if rank == 0 { one(&images) } else { other(&images) };
            let ranks = Rank { rank, count: 2, meeting: meeting.clone() };
            // A rank that has joined waits for the others when it is dropped.
            trainer.distributed(Box::new(ranks)).map(std::mem::forget).err()
        };
        let join = &join;
        std::thread::scope(|scope| {
            for thread in [0, 1].map(|rank| scope.spawn(move || join(rank))) {
                let error = thread.join().expect("no panic");
                assert!(matches!(error, Some(TrainError::Ranks)), "{error:?}");
            }
        });
    }
}
