//! For data without classes, too, images are ordered as a person would order them.
#![cfg(not(target_family = "wasm"))]

use burn::tensor::Device;
use ncsn::classifier::{ClassifierCard, ClassifierDescription, ClassifierFile};
use ncsn::data::{DataSet, Images, ReadOptions};
use ncsn::eval::{ClassifierFeatures, FeatureExtractor, Reference, Task};
use ncsn::net::ImageShape;
use ncsn::pixel::{bytes, value, values};
use ncsn::random::Key;
use ncsn::train::{ClassifierOptions, train_classifier};

const SIDE: usize = 24;

/// A face on white, of random shape, color, size and mood: round or square, with two eyes, a mouth
/// that smiles or not, and perhaps a hat.
fn face(stream: u32) -> Vec<f32> {
    let key = Key { seed: 5, stream, step: 0 };
    let uniform = |index, low: f32, high: f32| low + (high - low) * key.uniform(index);
    let one_of =
        |index, colors: &[[f32; 3]]| colors[(key.uniform(index) * colors.len() as f32) as usize];
    let middle = [uniform(0, 11.0, 13.0), uniform(1, 12.0, 14.0)];
    let radius = uniform(2, 7.0, 9.5);
    let skin =
        one_of(3, &[[1.0, 0.8, 0.2], [0.9, 0.7, 0.55], [0.5, 0.33, 0.22], [0.45, 0.7, 0.95]]);
    let (square, has_hat) = (key.uniform(4) < 0.3, key.uniform(5) < 0.4);
    let (apart, eye, bend) = (uniform(6, 2.5, 4.0), uniform(7, 0.8, 1.6), uniform(8, -0.12, 0.2));
    let hat = one_of(9, &[[0.8, 0.1, 0.15], [0.15, 0.2, 0.6], [0.2, 0.2, 0.2]]);
    let mut image = vec![1.0; 3 * SIDE * SIDE];
    for pixel in 0..SIDE * SIDE {
        let (x, y) = ((pixel % SIDE) as f32 - middle[0], (pixel / SIDE) as f32 - middle[1]);
        let round = (x * x + y * y).sqrt() - radius;
        let head = if square { x.abs().max(y.abs()) - 0.85 * radius } else { round };
        let eyes = ((x.abs() - apart).powi(2) + (y + 1.5).powi(2)).sqrt() - eye;
        let mouth = (y - 3.0 + bend * x * x).abs().max(x.abs() - 3.5) - 0.6;
        let brim = (y + 0.75 * radius).abs().max(x.abs() - radius) - 1.5;
        let parts = [(head, skin), (eyes, [0.1; 3]), (mouth, [0.3, 0.1, 0.1]), (brim, hat)];
        for (distance, paint) in &parts[..if has_hat { 4 } else { 3 }] {
            // Each part covers as much of the pixel as its edge leaves.
            let share = (0.5 - distance).clamp(0.0, 1.0);
            for (channel, paint) in paint.iter().enumerate() {
                let value = &mut image[channel * SIDE * SIDE + pixel];
                *value += share * (paint - *value);
            }
        }
    }
    image
}

fn noisy(image: &[f32], stream: u32) -> Vec<f32> {
    let key = Key { seed: 6, stream, step: 0 };
    let noise = |(index, value): (u32, &f32)| (value + 0.1 * key.normal(index)).clamp(0.0, 1.0);
    (0..).zip(image).map(noise).collect()
}

/// The mean of 3 × 3 pixels.
fn blurred(image: &[f32], shape: ImageShape) -> Vec<f32> {
    let ImageShape { height, width, .. } = shape;
    let near = |at: usize, side: usize| at.saturating_sub(1)..(at + 2).min(side);
    let mean = |plane: &[f32], pixel: usize| {
        let (y, x) = (pixel / width, pixel % width);
        let near = near(y, height).flat_map(|y| near(x, width).map(move |x| y * width + x));
        near.clone().map(|at| plane[at]).sum::<f32>() / near.count() as f32
    };
    let planes = image.chunks_exact(height * width);
    planes.flat_map(|plane| (0..height * width).map(|pixel| mean(plane, pixel))).collect()
}

/// The image's own colors in patches without meaning: each pixel that is not white has the color of
/// the nearest of six random ones.
fn blob(image: &[f32], shape: ImageShape, stream: u32) -> Vec<f32> {
    let key = Key { seed: 7, stream, step: 0 };
    let (width, plane) = (shape.width, shape.height * shape.width);
    let is_white = |pixel: usize| (0..shape.channels).all(|c| image[c * plane + pixel] > 0.95);
    let inside: Vec<usize> = (0..plane).filter(|&pixel| !is_white(pixel)).collect();
    let point =
        |index: u32| inside.get((key.uniform(index) * inside.len() as f32) as usize).copied();
    let points: Vec<usize> = (0..6).filter_map(point).collect();
    let mut blob = image.to_vec();
    for &pixel in &inside {
        let squared = |other: &usize| {
            let down = (pixel / width).abs_diff(other / width);
            let right = (pixel % width).abs_diff(other % width);
            down * down + right * right
        };
        let nearest = points.iter().copied().min_by_key(squared).expect("there are six");
        (0..shape.channels).for_each(|c| blob[c * plane + pixel] = image[c * plane + nearest]);
    }
    blob
}

/// A classifier of turns and defects, trained for so many steps.
fn extractor(train: &Images, steps: u64, batch: usize) -> FeatureExtractor {
    let task = Task::of(train, train);
    assert_eq!(task, Task::Defects);
    let labeled = task.labeled(train);
    let classes = task.classes(train, &[]);
    let description = ClassifierDescription::new(train.shape, classes.len(), train.statistics());
    let sigma = 0.01;
    let options = ClassifierOptions {
        steps,
        batch,
        learning_rate: 3e-3,
        sigmas: [sigma, sigma],
        shift: 2,
        seed: 0,
    };
    let device = Device::flex();
    let classifier = train_classifier(&description, &labeled, &options, &device, &|_, _| ());
    let (format, data) = (ClassifierCard::FORMAT, "images".into());
    let (sigma_min, sigma_max, accuracy) = (sigma, sigma, 0.0);
    let card =
        ClassifierCard { format, data, description, classes, sigma_min, sigma_max, accuracy };
    let file = ClassifierFile::new(card, &classifier.expect("it trains"));
    FeatureExtractor::Classifier(ClassifierFeatures::new(&file, &device).expect("valid"))
}

/// The distances of real images, noisy ones, blurred ones, a third blobs, and blobs.
fn distances(reference: &Reference<'_>, real: &Images) -> [f64; 5] {
    type Change<'a> = &'a dyn Fn(&[f32], u32) -> Vec<f32>;
    let shape = real.shape;
    let blobs: Change<'_> = &|image, stream| blob(image, shape, stream);
    let changes: [Change<'_>; 5] = [
        &|image, _| image.to_vec(),
        &noisy,
        &|image, _| blurred(image, shape),
        &|image, stream| if stream % 3 == 0 { blobs(image, stream) } else { image.to_vec() },
        blobs,
    ];
    let found = changes.map(|change| {
        let changed = real.iter().zip(0..).flat_map(|(image, at)| change(&values(image), at));
        reference.measure(&changed.collect::<Vec<f32>>(), None).expect("it runs").frechet
    });
    println!("real, noisy, blurred, a third blobs, blobs: {found:.2?}");
    found
}

#[test]
fn noise_is_better_than_blur_and_blur_than_blobs() {
    let shape = ImageShape { channels: 3, height: SIDE, width: SIDE };
    let faces = |streams: std::ops::Range<u32>| {
        Images::new(shape, bytes(&streams.flat_map(face).collect::<Vec<f32>>()))
    };
    let (train, held_out, others) = (faces(0..600), faces(600..900), faces(1000..1300));
    let extractor = extractor(&train, 300, 64);
    let reference = Reference::new(&extractor, &train, &held_out, &Device::flex());
    let [real, noisy, blurred, third, blobs] = distances(&reference.expect("it runs"), &others);
    assert!(real < noisy && 1.5 * noisy < blurred && 1.5 * blurred < blobs);
    // Even where two thirds are real.
    assert!(third > 3.0 * real);
}

/// The same of real images, and samples of a model of them if there are any: an array of bytes, N ×
/// C × H × W, as `ncsn sample --out samples.npy` writes it.
#[test]
#[ignore = "takes many minutes; NCSN_IMAGES names the images, and NCSN_SAMPLES the samples"]
fn real_images_are_ordered_so_too() {
    let path = std::env::var_os("NCSN_IMAGES").expect("NCSN_IMAGES");
    let data = DataSet::load(path.as_ref(), &ReadOptions::default()).expect("images");
    let extractor = extractor(&data.train, 1500, 128);
    let reference = Reference::new(&extractor, &data.train, &data.held_out, &Device::flex());
    let reference = reference.expect("it runs");
    let [real, noisy, blurred, third, blobs] = distances(&reference, &data.train.some(400));
    if let Some(samples) = std::env::var_os("NCSN_SAMPLES") {
        let file = std::fs::read(samples).expect("samples");
        let header = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
        let pixels: Vec<f32> = file[header..].iter().map(|&byte| value(byte)).collect();
        let samples = reference.measure(&pixels, None).expect("it runs");
        let floor = reference.real(samples.n).expect("it runs").frechet;
        println!("{} samples: {:.2} × real", samples.n, samples.frechet / floor);
    }
    assert!(real < noisy && noisy < blurred && blurred < blobs && third > 1.5 * real);
}
