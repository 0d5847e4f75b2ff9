//! Times training steps of the default U-Net on the CPU: `cargo bench --bench train -- BATCH STEPS
//! THREADS [libtorch] [bf16]`. Prints wall and processor seconds per step, like `train_torch.py`;
//! `cargo xtask bench train` alternates between the two.

#[cfg(not(target_family = "wasm"))]
fn main() {
    bench::main();
}

#[cfg(target_family = "wasm")]
fn main() {}

#[cfg(not(target_family = "wasm"))]
mod bench {
    use std::time::{Duration, Instant};

    use burn::tensor::Device;
    use ncsn::data::Images;
    use ncsn::loss::Weighting;
    use ncsn::net::{Architecture, ImageShape, Preconditioning, UNetDescription};
    use ncsn::random::Key;
    use ncsn::sample::Settings;
    use ncsn::train::{Augmentation, Options, Precision, Trainer};

    pub fn main() {
        // `cargo bench` adds an argument of its own.
        let numbers: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
        let [batch, steps, threads] = numbers[..] else { panic!("BATCH STEPS THREADS") };
        let asked = |word: &str| std::env::args().any(|argument| argument == word);
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
            images: None,
            autoguidance: None,
            seed: 0,
            steps: 1000,
            batch,
            grad_accum_steps: 1,
            precision: if asked("bf16") { Precision::Bf16 } else { Precision::F32 },
            learning_rate: 1e-4,
            warmup_steps: 1,
            max_grad_norm: 1.0,
            ema_decay: 0.999,
            weighting: Weighting::Edm,
            sigma_max: 20.0,
            sigma_min: 0.01,
            p_mean: 0.4,
            p_std: 1.5,
            levels: Settings::LEVELS,
            augmentation: Augmentation::default(),
        };
        let device = if asked("libtorch") { libtorch() } else { Device::flex() };
        let mut trainer = Trainer::new(options, &images, &[device]).expect("possible");
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
