//! Times training steps of the default U-Net: `cargo bench --bench train -- --help` lists the flags.
//!
//! Prints wall and processor seconds per step, like `train_torch.py`; `cargo xtask bench train`
//! alternates between the two.

#[cfg(not(target_family = "wasm"))]
fn main() {
    bench::main();
}

#[cfg(target_family = "wasm")]
fn main() {}

#[cfg(not(target_family = "wasm"))]
#[path = "gpu/matmul.rs"]
mod matmul;

#[cfg(not(target_family = "wasm"))]
mod bench {
    use std::time::{Duration, Instant};

    use burn::tensor::Device;
    use clap::Parser;
    use ncsn::backend::fused::{
        Compiler, DataSet, Example, Gpu, KernelPrecision, TimedTraining, Training, TrainingStep,
        best_kernel_config,
    };
    use ncsn::data::Images;
    use ncsn::loss::Weighting;
    use ncsn::net::{Architecture, ImageShape, Preconditioning, UNetDescription};
    use ncsn::random::Key;
    use ncsn::sample::Settings;
    use ncsn::train::{Augmentation, Options, Precision, Ranks, Start, Trainer};
    use pollster::block_on;

    use super::matmul;

    #[derive(Parser)]
    struct Arguments {
        /// Images per step.
        #[arg(long, default_value_t = 64)]
        batch: usize,
        /// Steps to time together, after three warm-up steps.
        #[arg(long, default_value_t = 10)]
        steps: usize,
        /// Threads [default: one per core].
        #[arg(long, default_value_t = 0, hide_default_value = true)]
        threads: usize,
        /// Train on LibTorch instead of Flex.
        #[arg(long)]
        libtorch: bool,
        /// Multiply in bf16.
        #[arg(long)]
        bf16: bool,
        /// Train by this crate's own kernels, on this one of the GPUs like the fastest.
        #[arg(long, value_name = "NUMBER", num_args = 0..=1, default_missing_value = "0")]
        gpu: Option<usize>,
        /// Share each batch among all processes that mpirun started.
        #[arg(long)]
        ranks: bool,
        /// Print the time of each launch, and what bounds it, instead.
        #[arg(long, requires = "gpu")]
        profile: bool,
        /// Print the GPU's name, how many there are of its kind, and what bounds a step, instead.
        #[arg(long, requires = "gpu")]
        describe: bool,
        /// Passed by Cargo.
        #[arg(long, hide = true)]
        bench: bool,
    }

    pub fn main() {
        let arguments = Arguments::parse();
        let Arguments { batch, steps, threads, .. } = arguments;
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("threads");

        let shape = ImageShape { channels: 1, height: 28, width: 28 };
        let key = Key { seed: 1, stream: 0, step: 0 };
        let bytes = (0..4096 * 784).map(|i| (key.uniform(i) * 256.0) as u8).collect();
        let images = Images::new(shape, bytes);
        let scale = Preconditioning { mean: 0.1307, sigma_data: 0.3081 };
        let options = Options {
            architecture: Architecture::UNet(UNetDescription::new(shape, scale)),
            license: None,
            from: None,
            sampler: None,
            best: None,
            stable_targets: None,
            consistency: None,
            distribution_matching: None,
            images: None,
            autoguidance: None,
            seed: 0,
            steps: 1000,
            batch,
            grad_accum_steps: 1,
            precision: if arguments.bf16 { Precision::Bf16 } else { Precision::F32 },
            learning_rate: 1e-4,
            warmup_steps: 1,
            max_grad_norm: 1.0,
            ema_decay: 0.999,
            weighting: Weighting::Edm,
            sigma_max: 20.0,
            sigma_min: 0.01,
            sigma_median: 0.4,
            p_std: 1.5,
            levels: Settings::LEVELS,
            augmentation: Augmentation::default(),
            label_dropout: 0.0,
        };
        let gpu = arguments.gpu.map(|number| {
            block_on(Gpu::request_number(number)).unwrap_or_else(|error| panic!("{error}"))
        });
        let mut trainer = match gpu {
            Some(gpu) if arguments.profile => return print_launches(&gpu, &options, &images),
            Some(gpu) if arguments.describe => return describe(&gpu, &options, &images),
            Some(gpu) => Trainer::on_gpu(options, Start::Random, &images, &gpu).expect("possible"),
            None => {
                let device = if arguments.libtorch { libtorch() } else { Device::flex() };
                Trainer::new(options, Start::Random, &images, &[device]).expect("possible")
            }
        };
        if arguments.ranks
            && let Some(ranks) = joined()
        {
            let rank = ranks.rank();
            trainer = trainer.distributed(ranks).expect("enough images for all");
            if rank > 0 {
                return trainer.follow(&images).expect("it works");
            }
        }
        let mut steps_done = |steps: usize| {
            for _ in 0..steps {
                trainer.step(&images);
            }
            trainer.take_loss().expect("finite");
        };
        steps_done(3);
        let (wall, cpu) = (Instant::now(), processor_time());
        steps_done(steps);
        let each = |time: Duration| time.as_secs_f64() / steps as f64;
        let (wall, cpu) = (each(wall.elapsed()), each(processor_time() - cpu));
        println!("wall {wall:.6} cpu {cpu:.6} batch {batch}");
    }

    /// The time, operations and bytes of each launch of a step.
    fn profile(gpu: &Gpu, options: &Options, images: &Images) -> Vec<TimedTraining> {
        let Architecture::UNet(sizes) = &options.architecture else { panic!("it is a U-Net") };
        let config = block_on(best_kernel_config(gpu, KernelPrecision::F32));
        let compiler = Compiler::new(gpu, config).expect("f32");
        let data = DataSet {
            bytes: &images.bytes,
            labels: &[],
            images: images.len(),
            stable_from: None,
            mirrored: false,
        };
        let training = Training::new(&compiler, sizes, &data, options.batch, 1);
        let mut training = training.expect("it fits");
        // A step, so that all buffers hold what they usually do.
        let example = |index| Example { index, sigma: 0.5, class: None };
        let examples = (0..options.batch).map(example);
        let step = TrainingStep::new(&options.recipe(), sizes, 0, examples);
        training.submit(&[step]).expect("a step of this run");
        block_on(training.profile(options.batch as u32, 2)).expect("it works")
    }

    /// Prints the GPU's name, how many there are of its kind, the operations of a step for each image,
    /// and the rate of operations in a large product of matrices.
    fn describe(gpu: &Gpu, options: &Options, images: &Images) {
        let alone = Options { batch: 1, ..options.clone() };
        let launches = profile(gpu, &alone, images);
        let operations: u64 = launches.iter().map(|launch| launch.operations).sum();
        let matmul = matmul::measure(gpu, Duration::from_secs(1)).expect("it works");
        let info = gpu.device().adapter_info();
        let all = block_on(gpu.instance().enumerate_adapters(wgpu::Backends::all()));
        let kind = |info: &wgpu::AdapterInfo| (info.name.clone(), info.backend, info.device_type);
        let alike = all.iter().filter(|other| kind(&other.get_info()) == kind(&info)).count();
        println!(
            "alike {alike} software {} operations {operations} matmul {matmul:.0} adapter {}",
            u8::from(gpu.is_software()),
            gpu.adapter()
        );
    }

    /// Prints what bounds each launch of a step.
    fn print_launches(gpu: &Gpu, options: &Options, images: &Images) {
        let launches = profile(gpu, options, images);
        println!("{}, {} launches, batch {}", gpu.adapter(), launches.len(), options.batch);
        println!("| launch | µs | MFLOP | MB | GFLOP/s | GB/s |\n|---|---|---|---|---|---|");
        let row = |name: &str, seconds: f64, operations: u64, bytes: u64| {
            let (operations, bytes) = (operations as f64, bytes as f64);
            println!(
                "| {name} | {:.1} | {:.2} | {:.2} | {:.1} | {:.1} |",
                seconds * 1e6,
                operations / 1e6,
                bytes / 1e6,
                operations / seconds / 1e9,
                bytes / seconds / 1e9
            );
        };
        let mut kinds: Vec<(&str, f64, u64, u64)> = Vec::new();
        for TimedTraining { name, seconds, operations, bytes, .. } in launches {
            row(name, seconds, operations, bytes);
            match kinds.iter_mut().find(|kind| kind.0 == name) {
                Some(kind) => {
                    *kind = (name, kind.1 + seconds, kind.2 + operations, kind.3 + bytes);
                }
                None => kinds.push((name, seconds, operations, bytes)),
            }
        }
        println!("| **by kind** | | | | | |");
        kinds.sort_by(|a, b| b.1.total_cmp(&a.1));
        kinds.iter().for_each(|&(name, seconds, operations, bytes)| {
            row(name, seconds, operations, bytes);
        });
    }

    #[cfg(feature = "mpi")]
    fn joined() -> Option<Box<dyn Ranks>> {
        ncsn::train::MpiRanks::join().map(|ranks| Box::new(ranks) as Box<dyn Ranks>)
    }

    #[cfg(not(feature = "mpi"))]
    fn joined() -> Option<Box<dyn Ranks>> {
        panic!("built without --features mpi")
    }

    #[cfg(feature = "libtorch")]
    #[expect(deprecated, reason = "on the CPU it trains several times as fast as Flex")]
    fn libtorch() -> Device {
        Device::libtorch()
    }

    #[cfg(not(feature = "libtorch"))]
    fn libtorch() -> Device {
        panic!("built without --features libtorch")
    }

    /// The processor time used by all threads of this process.
    fn processor_time() -> Duration {
        cpu_time::ProcessTime::now().as_duration()
    }
}
