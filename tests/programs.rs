//! `train` and `ncsn` as a user runs them.
#![cfg(not(target_family = "wasm"))]

mod cli;

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Stdio};

use burn::tensor::{Device, Tensor, TensorData};
use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder, Frame, Rgb, RgbImage, RgbaImage};
use ncsn::backend::fused::Gpu;
use ncsn::model_file::ModelFile;
use ncsn::net::Network;
use ncsn::random::Key;
use ncsn::sample::GuidanceScale;
use ncsn::sample::guidance::Autoguide;
use pollster::block_on;

use cli::{as_subcommand, fail, folder_with_bars, ncsn, read, succeed, train, training, wait_for};

/// The pixels of [`write_half`]'s image.
fn half_pixel(index: usize) -> u8 {
    (index * 3) as u8
}

/// A gray PNG of 8 × 8 whose right half is transparent.
fn write_half(path: &Path) {
    let mut encoder = png::Encoder::new(fs::File::create(path).expect("created"), 8, 8);
    encoder.set_color(png::ColorType::GrayscaleAlpha);
    let mut writer = encoder.write_header().expect("written");
    let pixel = |i: usize| [half_pixel(i), if i % 8 < 4 { 255 } else { 0 }];
    let pixels: Vec<u8> = (0..64).flat_map(pixel).collect();
    writer.write_image_data(&pixels).expect("written");
}

/// The frames of a GIF.
fn frames(bytes: &[u8]) -> Vec<RgbaImage> {
    let decoder = GifDecoder::new(Cursor::new(bytes)).expect("a GIF");
    let frames = decoder.into_frames().collect_frames().expect("whole frames");
    frames.into_iter().map(Frame::into_buffer).collect()
}

#[test]
fn training_learns_and_its_model_can_be_sampled() {
    let folder = folder_with_bars();
    let at = folder.path();
    let said = succeed(&mut train(
        at,
        &["--out", "m.safetensors", "--steps", "60", "--warmup-steps", "5"],
    ));
    assert!(said.contains("57 images of 1 × 8 × 8, and 3 held out"), "{said}");
    let training = training(&at.join("m.safetensors"));
    assert_eq!((training.steps, training.examples), (60, 480));
    // A network whose output is 0 has 32 at every σ; at σ = 0.31 one that has learned nothing has 17,
    // from the data's Gaussian alone.
    let (_, loss) = training.held_out[3];
    assert!(loss < 16.0, "{:?}", training.held_out);

    let sample = |out: &str, more: &[&str]| {
        let sample = ["sample", "--model", "m.safetensors", "-n", "5", "--levels", "3"];
        succeed(ncsn(at, &sample).args(["--out", out]).args(more));
        fs::read(at.join(out)).expect("written")
    };
    let grid = sample("grid.png", &[]);
    assert!(grid.starts_with(b"\x89PNG"));
    let array = sample("s.npy", &[]);
    let header = String::from_utf8_lossy(&array[..128]);
    assert!(header.contains("'descr': '|u1'") && header.contains("(5, 8, 8"), "{header}");
    assert_eq!(
        array[array.len() - 5 * 64..],
        sample("t.npy", &["--batch", "2"])[array.len() - 5 * 64..]
    );
    assert_ne!(array, sample("u.npy", &["--seed", "2"]));
    assert_ne!(array, sample("v.npy", &["--sampler", "reverse-diffusion"]));
    let langevin = ["--sampler", "langevin"];
    let noisy = sample("w.npy", &[&langevin[..], &["--no-denoise"]].concat());
    assert_ne!(sample("x.npy", &langevin), noisy);
    let exact = ["--sampler", "exact-langevin"];
    let noisy = sample("y.npy", &[&exact[..], &["--no-denoise"]].concat());
    assert_ne!(sample("z.npy", &exact), noisy);

    // The left half is kept to the last bit, the right half is filled in.
    write_half(&at.join("half.png"));
    let images = sample("i.npy", &["--inpaint", "half.png"]);
    let images = &images[images.len() - 5 * 64..];
    for (index, pixel) in images.iter().enumerate().filter(|(index, _)| index % 8 < 4) {
        assert_eq!(*pixel, half_pixel(index % 64));
    }
    let made_up = |image: usize| {
        let right = |index: &usize| index % 8 >= 4;
        let indices = (image * 64..(image + 1) * 64).filter(right);
        indices.map(|index| images[index]).collect::<Vec<_>>()
    };
    assert_ne!(made_up(0), made_up(1));
    let close = sample("k.npy", &["--init-image", "half.png", "--strength", "0"]);
    let close = &close[close.len() - 64..];
    let error: i32 = (0..64)
        .filter(|i| i % 8 < 4)
        .map(|i| (i32::from(close[i]) - i32::from(half_pixel(i))).abs())
        .sum();
    assert!(error / 32 < 10, "nothing wanders at 0: {error}");
    let chain = sample("p.npy", &["--interpolate", "3:4"]);
    let end = sample("e.npy", &["--seed", "3"]);
    assert_eq!(chain[chain.len() - 5 * 64..][..64], end[end.len() - 5 * 64..][..64]);

    // From noise to the PNG's grid, whose pixels are twice as large; and along a path.
    let way = frames(&sample("w.gif", &["--sampler", "reverse-diffusion", "--batch", "2"]));
    let last = image::load_from_memory(&sample("l.png", &["--sampler", "reverse-diffusion"]));
    let last = last.expect("a PNG").into_rgba8();
    assert_eq!(way.len(), 4);
    assert_ne!(way[0], way[3]);
    let zoom = way[3].width() / last.width() * 2;
    for (x, y, pixel) in last.enumerate_pixels() {
        assert_eq!(way[3][(x / 2 * zoom, y / 2 * zoom)], *pixel, "({x}, {y})");
    }
    let path = frames(&sample("p.gif", &["--interpolate", "3:4"]));
    assert_eq!(path.len(), 5);
    assert_ne!(path[0], path[4]);

    let likelihood = ["likelihood", "--data", "bars", "--model"];
    let said = succeed(ncsn(at, &likelihood).args(["m.safetensors", "--levels", "30"]));
    let line = said.lines().find(|line| line.contains("bits/dim")).expect("a line of bits");
    let bits: f64 = line.split_whitespace().next().and_then(|b| b.parse().ok()).expect("a number");
    // A Gaussian of the bars' deviation needs 8 + log₂(0.33 √(2πe)) = 8.45, and no code can do with
    // less than it takes to tell 8 places apart.
    assert!((3.0 / 64.0..8.3).contains(&bits), "{said}");
    let mut tuned = read(&at.join("m.safetensors"));
    tuned.card.training.iter_mut().for_each(|training| training.few_step = true);
    fs::write(at.join("tuned.safetensors"), tuned.write().expect("sound")).expect("written");
    let said = fail(ncsn(at, &likelihood).arg("tuned.safetensors"));
    assert!(said.contains("few evaluations") && said.contains("made of"), "{said}");

    // `tests/onnx.rs` checks what the file computes.
    let export = ["export", "--model", "m.safetensors", "--onnx", "m.onnx", "--batch", "2"];
    assert!(succeed(&mut ncsn(at, &export)).contains("m.onnx"));
    assert!(fs::metadata(at.join("m.onnx")).expect("written").len() > 10_000);
}

/// `train` records where chains begin, and `ncsn mean` does so for a model that lacks it.
#[test]
fn chains_begin_around_the_mean_of_the_training_images() {
    let folder = folder_with_bars();
    let at = folder.path();
    succeed(&mut train(at, &["--out", "m.safetensors", "--steps", "5", "--warmup-steps", "1"]));
    let path = at.join("m.safetensors");
    // One column of eight is white in every image.
    let new = read(&path);
    assert_eq!(new.card.mean, Some(0.125));

    let ncsn = |arguments: &[&str]| ncsn(at, arguments);
    let sample = |out: &str| {
        succeed(&mut ncsn(&["sample", "--model", "m.safetensors", "-n", "5", "--out", out]));
        fs::read(at.join(out)).expect("written")
    };
    let around_the_mean = sample("a.npy");
    let mut old = new.clone();
    old.card.mean = None;
    let bytes = fs::read(&path).expect("there");
    fs::write(&path, ModelFile::with_card(&bytes, &old.card).expect("its own")).expect("written");
    assert_ne!(sample("b.npy"), around_the_mean, "older models begin around ½");

    let said = succeed(&mut ncsn(&["mean", "--model", "m.safetensors", "--data", "bars"]));
    assert!(said.contains("around 0.125"), "{said}");
    assert_eq!((read(&path).card.mean, read(&path).weights), (Some(0.125), new.weights));
    assert_eq!(sample("c.npy"), around_the_mean);

    // Other images of that shape.
    let mut others = fs::read(at.join("bars")).expect("there");
    others[16..16 + 64].fill(255);
    fs::write(at.join("others"), others).expect("written");
    let bytes = fs::read(&path).expect("there");
    let said = fail(&mut ncsn(&["mean", "--model", "m.safetensors", "--data", "others"]));
    assert!(said.contains("other images") && said.contains("57 of bars"), "{said}");
    assert_eq!(fs::read(&path).expect("there"), bytes);
}

/// What is known of an image, its gray, its small version or a part of it, its samples have
/// exactly.
#[test]
fn what_is_known_of_an_image_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    // Far from black and white, so that nothing is cut off there.
    let level =
        |stream, index| (96.0 + 64.0 * Key { seed: 3, stream, step: 0 }.uniform(index)) as u8;
    let colors = |stream| {
        let pixel = |x, y| Rgb([0, 1, 2].map(|channel| level(stream, 3 * (8 * y + x) + channel)));
        RgbImage::from_fn(8, 8, pixel)
    };
    fs::create_dir(at.join("colors")).expect("made");
    for image in 0..30 {
        colors(image).save(at.join(format!("colors/{image}.png"))).expect("saved");
    }
    succeed(&mut train(at, &["--data", "colors", "--out", "m.safetensors", "--steps", "1"]));
    let sample = |out: &str, known: &[&str]| -> Vec<Vec<u8>> {
        let sample = ["sample", "--model", "m.safetensors", "-n", "3", "--levels", "5"];
        succeed(ncsn(at, &sample).args(["--out", out]).args(known));
        let array = fs::read(at.join(out)).expect("written");
        array[array.len() - 3 * 192..].chunks_exact(192).map(<[u8]>::to_vec).collect()
    };
    let mean = |bytes: &[u8]| bytes.iter().map(|&b| f32::from(b)).sum::<f32>() / bytes.len() as f32;

    let gray = image::GrayImage::from_fn(8, 8, |x, y| image::Luma([level(40, 8 * y + x)]));
    gray.save(at.join("gray.png")).expect("saved");
    let colored = sample("c.npy", &["--colorize", "gray.png"]);
    for image in &colored {
        for (pixel, gray) in image.chunks_exact(3).zip(gray.iter()) {
            assert!((mean(pixel) - f32::from(*gray)).abs() <= 1.0, "{pixel:?} is not {gray}");
        }
    }
    assert_ne!(colored[0], colored[1]);

    let small = RgbImage::from_fn(4, 4, |x, y| *colors(41).get_pixel(x, y));
    small.save(at.join("small.png")).expect("saved");
    for image in sample("s.npy", &["--super-resolve", "small.png"]) {
        for (x, y, known) in small.enumerate_pixels() {
            for channel in 0..3 {
                let of = |dx, dy| image[((2 * y + dy) * 8 + 2 * x + dx) as usize * 3 + channel];
                let found = mean(&[of(0, 0), of(1, 0), of(0, 1), of(1, 1)]);
                assert!((found - f32::from(known[channel])).abs() <= 1.0, "{found}, not {known:?}");
            }
        }
    }

    let whole = colors(42);
    whole.save(at.join("whole.png")).expect("saved");
    let mask = image::GrayImage::from_fn(8, 8, |x, _| image::Luma([if x < 4 { 255 } else { 0 }]));
    mask.save(at.join("mask.png")).expect("saved");
    for image in sample("i.npy", &["--inpaint", "whole.png", "--mask", "mask.png"]) {
        let same = |left: bool| {
            let pixels = image.chunks_exact(3).zip(whole.pixels()).enumerate();
            pixels
                .filter(|(at, _)| (at % 8 < 4) == left)
                .all(|(_, (found, known))| found == known.0)
        };
        assert!(same(false) && !same(true));
    }
}

#[test]
fn the_same_seed_trains_the_same_weights() {
    let folder = folder_with_bars();
    for (out, seed) in [("a.safetensors", "3"), ("b.safetensors", "3"), ("c.safetensors", "4")] {
        succeed(&mut train(folder.path(), &["--out", out, "--steps", "5", "--seed", seed]));
    }
    let [a, b, c] = ["a", "b", "c"]
        .map(|name| read(&folder.path().join(name).with_extension("safetensors")).weights);
    assert_eq!(a, b);
    assert_ne!(a, c);
}

/// The subcommand is the program: the same help, refusals and weights.
#[test]
fn ncsn_train_is_train() {
    let folder = folder_with_bars();
    let at = folder.path();
    let both = |arguments: &[&str]| {
        let program = train(at, arguments);
        [as_subcommand(&program), program]
    };
    let [subcommand, program] = both(&["--help"]).map(|mut command| succeed(&mut command));
    assert!(program.contains("--eval-every-steps"), "{program}");
    assert_eq!(subcommand.replace("Usage: ncsn train", "Usage: train"), program);
    for refused in [&["--ngf", "32"][..], &["--batch", "0"], &["--data", "nowhere"]] {
        let [subcommand, program] = both(refused).map(|mut command| fail(&mut command));
        assert_eq!(subcommand, program);
    }
    let weights = |mut command: Command| {
        let said = succeed(&mut command);
        assert!(said.contains("model in m.safetensors"), "{said}");
        read(&at.join("m.safetensors")).weights
    };
    let [subcommand, program] = both(&["--out", "m.safetensors", "--steps", "5", "--overwrite"]);
    assert_eq!(weights(subcommand), weights(program));
}

/// A run that begins with a model has its network, levels and weights, and then changes the
/// weights.
#[test]
fn a_run_begins_with_a_models_weights() {
    let folder = folder_with_bars();
    let at = folder.path();
    let levels = ["--sigmas", "auto", "--steps", "40", "--warmup-steps", "5"];
    succeed(&mut train(at, &[&levels[..], &["--out", "a.safetensors"]].concat()));
    // As if these levels had been measured to sample it best.
    let mut measured = read(&at.join("a.safetensors"));
    measured.card.sampler.schedule.levels = 7;
    fs::write(at.join("a.safetensors"), measured.write().expect("sound")).expect("written");
    let from = ["--init-from", "a.safetensors", "--out", "b.safetensors"];
    let run = |more: &[&str]| train(at, &[&from[..], more].concat());
    // The first step of a long warm-up changes next to nothing.
    succeed(&mut run(&["--steps", "1", "--warmup-steps", "1000000"]));
    let [a, b] = ["a", "b"].map(|name| read(&at.join(name).with_extension("safetensors")));
    assert_eq!(a.card.architecture, b.card.architecture);
    assert_eq!(a.card.sampler, b.card.sampler);
    assert_eq!(b.card.sampler.schedule.levels, 7);
    let from = training(&at.join("b.safetensors")).from.expect("its origin");
    assert_eq!(from, "a, 320 images of bars");
    for (name, array) in &a.weights {
        for (a, b) in array.values.iter().zip(&b.weights[name].values) {
            assert!((a - b).abs() < 1e-3 * a.abs().max(1.0), "{name}: {a} and {b}");
        }
    }
    succeed(&mut run(&["--steps", "10", "--overwrite", "--warmup-steps", "1"]));
    assert_ne!(a.weights, read(&at.join("b.safetensors")).weights);

    assert!(fail(&mut run(&["--widths", "8,16"])).contains("--init-from"));
    assert!(fail(&mut run(&["--size", "16", "--overwrite"])).contains("1 × 8 × 8"));
}

/// Autoguidance takes two networks to sample with, or one that has learned it: its score is nearer
/// to the guided one than that of the model it began with.
#[test]
fn one_network_learns_what_two_do() {
    let folder = folder_with_bars();
    let at = folder.path();
    succeed(&mut train(
        at,
        &["--out", "better.safetensors", "--steps", "60", "--warmup-steps", "5"],
    ));
    succeed(&mut train(
        at,
        &["--out", "worse.safetensors", "--steps", "20", "--warmup-steps", "5"],
    ));
    let guidance_scale = GuidanceScale { weight: 2.0, sigmas: [0.0, 4.0] };
    let both = ["--init-from", "better.safetensors", "--guiding-model", "worse.safetensors"];
    let both = [&both[..], &["--autoguide-max", "4"]].concat();
    let run =
        [&both[..], &["--out", "one.safetensors", "--steps", "60", "--warmup-steps", "5"]].concat();
    succeed(&mut train(at, &run));
    let learned = training(&at.join("one.safetensors")).autoguidance.expect("noted");
    assert_eq!(learned.guidance_scale, guidance_scale);
    assert_eq!(learned.away_from, "worse, 160 images of bars");

    let device = Device::flex();
    let [better, worse, one] = ["better", "worse", "one"].map(|name| {
        let model = read(&at.join(name).with_extension("safetensors"));
        Network::with_weights(&model.card.architecture, model.weights, &device).expect("possible")
    });
    let guide = Autoguide { worse, guidance_scale };
    for sigma in [0.1, 0.5, 2.0] {
        let mut x = vec![0.0; 20 * 64];
        Key { seed: 1, stream: 0, step: 0 }.fill_normal(&mut x);
        let x = Tensor::<4>::from_data(TensorData::new(x, [20, 1, 8, 8]), &device) * sigma + 0.1;
        let score = better.score(x.clone(), &[sigma]);
        let guided = score.clone() + guide.difference(&x, &[sigma], &[None], &score);
        let error = |score: Tensor<4>| (score - guided.clone()).square().sum().into_scalar::<f32>();
        let (before, after) = (error(score.clone()), error(one.score(x, &[sigma])));
        assert!(after < 0.5 * before, "σ = {sigma}: {before}, and after learning {after}");
    }

    let sample = ["sample", "--model", "better.safetensors", "-n", "2", "--levels", "3"];
    let guided = ["--guiding-model", "worse.safetensors"];
    assert!(succeed(ncsn(at, &sample).args(guided)).contains("Burn on cpu"));
    let refused =
        fail(&mut train(at, &[&both[..], &["--size", "8", "--guidance-scale", "nan"]].concat()));
    assert!(refused.contains("must be a number"), "{refused}");
}

/// Computing a batch in parts changes the order of sums and nothing else.
#[test]
fn a_batch_in_parts_trains_the_same_weights() {
    let folder = folder_with_bars();
    let weights = |out: &str, parts: &str| {
        succeed(&mut train(
            folder.path(),
            &["--out", out, "--steps", "6", "--grad-accum-steps", parts],
        ));
        read(&folder.path().join(out)).weights
    };
    let whole = weights("whole.safetensors", "1");
    // Eight images in parts of 3, 3 and 2.
    let parts = weights("parts.safetensors", "3");
    for (name, array) in &whole {
        for (a, b) in array.values.iter().zip(&parts[name].values) {
            assert!((a - b).abs() < 2e-3 * a.abs().max(0.01), "{name}: {a} and {b}");
        }
    }
    assert!(fail(&mut train(folder.path(), &["--grad-accum-steps", "9"])).contains("9 parts"));
}

/// The order of sums must not depend on how many threads or devices there are.
#[test]
fn any_number_of_threads_and_devices_trains_the_same_weights() {
    let folder = folder_with_bars();
    let weights = |device: &str, threads: &str| {
        let out = format!("{device}-{threads}.safetensors");
        let run = ["--out", &out, "--steps", "5", "--batch", "40", "--threads", threads];
        succeed(&mut train(folder.path(), &[&run[..], &["--device", device]].concat()));
        read(&folder.path().join(out)).weights
    };
    let alone = weights("cpu", "1");
    assert_eq!(alone, weights("cpu", "2"));
    assert_eq!(alone, weights("cpu", "3"));
    assert_eq!(alone, weights("cpu,cpu", "1"));
    assert_eq!(alone, weights("cpu,cpu,cpu", "2"));
}

/// bf16 has 8 bits of precision: the losses are within a tenth of those of f32, but not the same.
#[test]
fn mixed_precision_learns_what_f32_learns() {
    let folder = folder_with_bars();
    let held_out = |precision: &str| {
        let out = format!("{precision}.safetensors");
        let run = ["--out", &out, "--steps", "60", "--warmup-steps", "5", "--precision", precision];
        succeed(&mut train(folder.path(), &run));
        training(&folder.path().join(out)).held_out
    };
    let (full, mixed) = (held_out("f32"), held_out("bf16"));
    assert_ne!(full, mixed);
    for ((sigma, full), (_, mixed)) in full.into_iter().zip(mixed) {
        assert!((full - mixed).abs() < 0.1 * full, "σ = {sigma}: {full} in f32, {mixed} in bf16");
    }
}

/// A table of a run's log, as numbers, without its header.
fn rows(path: &Path) -> Vec<Vec<f64>> {
    let text = fs::read_to_string(path).expect("written");
    let number = |field: &str| field.parse().expect("a number");
    text.lines().skip(1).map(|row| row.split(',').map(number).collect()).collect()
}

/// The sums of a run's losses over ten steps at a time. A row has the mean over the steps since the
/// row before, and a slow machine writes more rows.
fn losses_of_ten_steps(table: &Path) -> Vec<f64> {
    let (mut sums, mut sum, mut before) = (Vec::new(), 0.0, 0.0);
    for row in rows(table) {
        sum += row[1] * (row[0] - before);
        before = row[0];
        if before % 10.0 == 0.0 {
            sums.push(std::mem::take(&mut sum));
        }
    }
    sums
}

/// A run that begins on the GPU, goes on on the CPU and ends on the GPU learns what one on the CPU
/// learns.
#[test]
fn a_run_is_the_same_on_the_gpu_and_moves_between_devices() {
    let gpu = match block_on(Gpu::request()) {
        Ok(gpu) => gpu,
        Err(error) => {
            eprintln!("not tested: `train --device gpu`: {error}");
            return;
        }
    };
    let folder = folder_with_bars();
    let at = folder.path();
    let run = |name: &str, devices: [&str; 3]| {
        let out = format!("{name}.safetensors");
        for (part, device) in devices.into_iter().enumerate() {
            let steps = (20 * (part + 1)).to_string();
            let to = ["--out", &out, "--device", device, "--steps", &steps];
            let new = ["--lr", "5e-4", "--warmup-steps", "5"];
            let how = if part == 0 { &new[..] } else { &["--resume"][..] };
            let said = succeed(&mut train(at, &[&to[..], how].concat()));
            let on = if device == "gpu" { gpu.adapter() } else { "cpu".into() };
            let begins = format!(" parameters on {on}; step {} of {steps},", 20 * part);
            assert!(said.contains(&begins), "{begins}: {said}");
            assert_eq!(training(&at.join(&out)).device, on);
        }
        let log = at.join(name).with_extension("log");
        (losses_of_ten_steps(&log.join("losses.csv")), rows(&log.join("held-out.csv")).concat())
    };
    let (losses, held_out) = run("cpu", ["cpu"; 3]);
    assert_eq!((losses.len(), held_out.first()), (6, Some(&20.0)));
    let (moved_losses, moved_held_out) = run("moved", ["gpu", "cpu", "gpu"]);
    for (found, expected) in [(moved_losses, losses), (moved_held_out, held_out)] {
        assert_eq!(found.len(), expected.len());
        let close = |(found, expected): (&f64, &f64)| (found / expected - 1.0).abs() < 1e-3;
        assert!(found.iter().zip(&expected).all(close), "{found:?} for {expected:?}");
    }
}

/// What `--device gpu` cannot train is refused by its name, before images are read.
#[test]
fn what_needs_burn_is_said_before_images_are_read() {
    let folder = folder_with_bars();
    let at = folder.path();
    succeed(&mut train(at, &["--out", "m.safetensors", "--steps", "1", "--device", "cpu"]));
    let run = ["--device", "gpu", "--data", "nowhere", "--out", "n.safetensors"];
    for (needs, flags) in [
        ("--precision bf16", &["--precision", "bf16"][..]),
        ("an NCSN or NCSNv2 RefineNet", &["--arch", "ncsn"][..]),
        ("--consistency", &["--init-from", "m.safetensors", "--consistency"][..]),
    ] {
        let said = fail(&mut train(at, &[&run[..], flags].concat()));
        assert!(said.contains(&format!("{needs} needs Burn")), "{said}");
        assert!(!said.contains("nowhere"), "{said}");
    }
    let half = ["--device", "auto", "--precision", "bf16", "--out", "n.safetensors"];
    let said = succeed(&mut train(at, &[&half[..], &["--steps", "1"]].concat()));
    assert!(said.contains("on the CPU: --precision bf16 needs Burn"), "{said}");
}

#[test]
fn auto_is_the_gpu_or_says_why_it_is_the_cpu() {
    let folder = folder_with_bars();
    let run = ["--out", "m.safetensors", "--steps", "1", "--device", "auto"];
    let said = succeed(&mut train(folder.path(), &run));
    let expected = match block_on(Gpu::request()) {
        Ok(gpu) if gpu.is_software() => {
            format!("on the CPU: {} is software, which is slower", gpu.adapter())
        }
        Ok(gpu) => format!(" parameters on {};", gpu.adapter()),
        Err(error) => format!("on the CPU: {error}"),
    };
    assert!(said.contains(&expected), "{expected}: {said}");
}

#[test]
fn a_dry_run_says_what_it_would_cost_and_writes_nothing() {
    let folder = folder_with_bars();
    let run = ["--dry-run", "--out", "m.safetensors", "--steps", "70"];
    let said = succeed(&mut train(folder.path(), &run));
    assert!(said.contains("parameters: 73428"), "{said}");
    assert!(said.contains("images/s") && said.contains("Adam"), "{said}");
    // Those that it makes itself are not of the run.
    assert!(
        said.contains("training 5 steps to measure") && said.contains(" for 70 steps\n"),
        "{said}"
    );
    let left: Vec<_> = fs::read_dir(folder.path()).expect("there").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// A run that is interrupted and resumed has the weights of an uninterrupted one, also if it learns
/// from two models, or from one image at a time.
#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on_to_the_same_weights() {
    let folder = folder_with_bars();
    let at = folder.path();
    for out in ["better.safetensors", "worse.safetensors"] {
        succeed(&mut train(at, &["--out", out, "--steps", "2", "--seed", "5"]));
    }
    let autoguided = ["--init-from", "better.safetensors", "--guiding-model", "worse.safetensors"];
    for kind in [&[][..], &autoguided, &["--stable-targets", "off"]] {
        let options = ["--steps", "1000", "--license", "CC0-1.0"];
        let run = |out: &str| train(at, &[kind, &["--out", out], &options].concat());
        succeed(run("whole.safetensors").arg("--overwrite"));

        let mut parts = run("parts.safetensors");
        let log = at.join("parts.log/losses.csv");
        if log.exists() {
            fs::remove_file(&log).expect("it is a file");
        }
        let child = parts.arg("--overwrite").stdout(Stdio::piped()).spawn();
        let mut child = child.expect("the program starts");
        wait_for(&mut child, || {
            fs::read_to_string(&log).is_ok_and(|text| text.lines().count() > 1)
        });
        let pid = child.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status().expect("there is a kill");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(130), "Ctrl-C is a clean end: {output:?}");
        let interrupted = training(&at.join("parts.safetensors")).steps;
        assert!((1..1000).contains(&interrupted), "interrupted at {interrupted}");

        let said = succeed(&mut train(at, &["--out", "parts.safetensors", "--resume"]));
        assert!(said.contains(&format!("step {interrupted} of 1000")), "{said}");
        let [whole, parts] =
            ["whole.safetensors", "parts.safetensors"].map(|name| read(&at.join(name)));
        assert_eq!(parts.card.training.as_ref().expect("trained here").steps, 1000);
        assert_eq!(parts.card.license, "CC0-1.0");
        assert_eq!(whole.weights, parts.weights);
    }
}

/// No model is lost by mistake, and no run goes on with other images unnoticed.
#[test]
fn what_is_there_is_not_replaced_unasked() {
    let folder = folder_with_bars();
    let at = folder.path();
    let run = ["--out", "m.safetensors", "--steps", "2"];
    succeed(&mut train(at, &run));
    let model = fs::read(at.join("m.safetensors")).expect("written");
    assert!(fail(&mut train(at, &run)).contains("--resume"));
    for end in ["checkpoint", "previous.checkpoint"] {
        let _ = fs::remove_file(at.join("m").with_extension(end));
    }
    for kind in [&[][..], &["--classifier"]] {
        assert!(fail(&mut train(at, &[&run[..], kind].concat())).contains("--overwrite"));
    }
    // Not even when asked to, if it starts from it.
    let tune = [&run[..], &["--init-from", "m.safetensors", "--overwrite"]].concat();
    assert!(fail(&mut train(at, &tune)).contains("would replace m.safetensors, which --init-from"));
    assert_eq!(fs::read(at.join("m.safetensors")).expect("still there"), model);
    assert!(fail(&mut train(at, &["--out", "lr-0.1"])).contains(".safetensors"));

    succeed(&mut train(at, &["--out", "n.safetensors", "--steps", "2"]));
    let resume = |steps| resumed(at, "n.safetensors", steps);
    assert!(!resume("3").contains("warning"));
    let mut images = fs::read(at.join("bars")).expect("there");
    let first = images.len() - 60 * 64;
    images[first] ^= 1;
    fs::write(at.join("bars"), images).expect("written");
    assert!(resume("4").contains("not the images that the run began with"));
}

/// Goes on with a run to a step, and returns what it says on standard error.
fn resumed(folder: &Path, out: &str, steps: &str) -> String {
    let mut command = train(folder, &["--out", out, "--resume", "--steps", steps]);
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A class-conditional run must not go on with other labels unnoticed, either.
#[test]
fn other_labels_than_before_are_warned_of() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let data = at.join("bars");
    fs::create_dir(&data).expect("created");
    let labels = |first: u8| {
        let header = [0x0801u32, 60].map(u32::to_be_bytes).concat();
        let labels: Vec<u8> = (0..60).map(|image| (image + first) % 2).collect();
        [header, labels].concat()
    };
    for split in ["train", "t10k"] {
        cli::write_bars(&data.join(format!("{split}-images-idx3-ubyte")));
        fs::write(data.join(format!("{split}-labels-idx1-ubyte")), labels(0)).expect("written");
    }
    succeed(&mut train(at, &["--out", "m.safetensors", "--steps", "2"]));
    let resume = |steps| resumed(at, "m.safetensors", steps);
    assert!(!resume("3").contains("warning"));
    fs::write(data.join("train-labels-idx1-ubyte"), labels(1)).expect("written");
    let said = resume("4");
    assert!(said.contains("other labels than when the run began"), "{said}");
    assert!(!said.contains("not the images"), "{said}");
}

#[test]
fn the_noise_is_planned_and_trained_with() {
    let folder = folder_with_bars();
    let at = folder.path();
    let plan = |arguments: &[&str]| succeed(ncsn(at, &["plan", "--data", "bars"]).args(arguments));
    let report = plan(&["--json", "--preview", "preview.png"]);
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    // Two bars at different places differ in 2 × 8 pixels: they are 4 apart.
    assert_eq!(
        (report["distances"]["largest"].as_f64(), report["pictures"].as_u64()),
        (Some(4.0), Some(57))
    );
    assert_eq!(report["ladder"]["sigma_max"], 4.0);
    let levels = report["ladder"]["levels"].as_u64().expect("a number");
    assert!(fs::read(at.join("preview.png")).expect("written").starts_with(b"\x89PNG"));
    let other = plan(&["--overlap", "0.9"]);
    assert!(other.contains("--sigma-max 4 --levels"), "{other}");
    let said = plan(&[]);
    assert!(
        said.contains(&format!("L   = {levels} ")) && said.contains("ncsn train --data bars "),
        "{said}"
    );

    let auto = ["--flip", "--dequantize", "--steps", "2", "--out", "a.safetensors"];
    succeed(&mut train(at, &auto));
    let schedule = read(&at.join("a.safetensors")).card.sampler.schedule;
    assert_eq!((schedule.sigma_max, schedule.levels), (4.0, 100));
    assert!(
        fail(&mut train(at, &["--sigmas", "auto", "--sigma-max", "9"])).contains("--sigma-max")
    );
}

#[test]
fn what_cannot_work_is_said_in_one_line() {
    let folder = folder_with_bars();
    let at = folder.path();
    let train = |arguments: &[&str]| fail(&mut train(at, arguments));
    assert!(train(&["--data", "nowhere"]).contains("nowhere"));
    // Before images are read.
    for (flag, value) in [
        ("--steps", "0"),
        ("--lr", "nan"),
        ("--lr", "-1"),
        ("--label-dropout", "2"),
        ("--ema-decay", "1"),
        ("--sigma-max", "-1"),
    ] {
        let said = train(&["--data", "nowhere", flag, value]);
        assert!(said.contains(&format!("{flag} must be")), "{said}");
    }
    assert!(train(&["--batch", "0"]).contains("batch"));
    assert!(train(&["--widths", "8,15"]).contains("15"));
    let odd = train(&["--patch", "3"]);
    assert!(odd.contains("multiples of 6") && odd.contains("--size 6 or --size 12"), "{odd}");
    assert!(train(&["--size", "30"]).contains("--size 28 or --size 32"));
    assert!(train(&["--background", "blue"]).contains("#RRGGBB"));
    assert!(train(&["--sigma-min", "30"]).contains("sigma_min"));
    assert!(train(&["--device", "cpu,tpu"]).contains("no such device: tpu"));
    assert!(train(&["--device", "abacus"]).contains("no such device"));
    assert!(train(&["--device", "cpu:1"]).contains("only devices of cuda"));
    if cfg!(not(feature = "cuda")) {
        assert!(train(&["--device", "cuda"]).contains("cargo install --path . --features cuda"));
    }
    assert!(train(&["--widths", "256,512,1024", "--blocks", "2"]).contains("at most 268435456"));
    assert!(train(&["--classifier", "--dry-run"]).contains("--dry-run"));
    let said = train(&["--out", "no/such/folder/m.safetensors"]);
    assert!(
        said.contains("cannot write") && said.ends_with("no folder no/such/folder\n"),
        "{said}"
    );
    assert!(train(&["--resume", "--out", "never.safetensors"]).contains("never.checkpoint"));
    fs::write(at.join("short"), [0, 0, 8, 3, 0, 0, 0, 9]).expect("written");
    assert!(train(&["--data", "short"]).contains("truncated"));
    fs::write(at.join("torn.checkpoint"), vec![7; 1000]).expect("written");
    assert!(train(&["--resume", "--out", "torn.safetensors"]).contains("damaged"));

    let ncsn = |arguments: &[&str]| fail(&mut ncsn(at, arguments));
    assert!(ncsn(&["sample", "--model", "nowhere"]).contains("cannot read nowhere"));
    assert!(ncsn(&["sample", "--model", "bars"]).contains("cannot use bars"));
    assert!(ncsn(&["sample", "--mod", "bars"]).contains("--mod"));
    let said = ncsn(&["sample", "--model", "bars", "-n", "-3"]);
    assert!(said.contains("--n <N> must be a whole number") && said.contains("-3"), "{said}");
    let eval = ["eval", "--model", "bars", "--data", "bars"];
    assert!(ncsn(&[&eval[..], &["--sweep", "--rho", "5"]].concat()).contains("--rho"));
    assert!(ncsn(&[&eval[..], &["--sweep", "--nfe", "10,0"]].concat()).contains("--nfe"));
    assert!(ncsn(&[&eval[..], &["-n", "3"]].concat()).contains("at least 4"));
    assert!(ncsn(&["export", "--model", "bars", "--onnx", "m.onnx"]).contains("cannot use bars"));
}

/// The networks of NCSN and NCSNv2, on their own noise levels.
#[test]
fn the_published_networks_learn() {
    for net in ["ncsn", "ncsnv2"] {
        let folder = folder_with_bars();
        let at = folder.path();
        let sizes = ["--arch", net, "--ngf", "8", "--levels", "10", "--sigma-max", "1"];
        let steps =
            ["--out", "m.safetensors", "--steps", "80", "--warmup-steps", "5", "--size", "16"];
        succeed(&mut train(at, &[&sizes[..], &steps].concat()));
        let training = training(&at.join("m.safetensors"));
        assert_eq!(training.held_out.len(), 10, "at each level");
        // A network whose output is 0 has 128.
        let (sigma, loss) = training.held_out[0];
        assert!(sigma > 0.9 && loss < 60.0, "{net}: {:?}", training.held_out);
        let sample = ["sample", "--model", "m.safetensors", "-n", "2", "--steps-each", "2"];
        succeed(ncsn(at, &sample).args(["--out", "s.npy"]));
        let array = fs::read(at.join("s.npy")).expect("written");
        assert!(array.len() > 2 * 256, "two images of 16 × 16");
    }
}
