//! The accuracy of a classifier.

use burn::tensor::Device;

use super::Classifier;
use crate::data::Images;
use crate::net::burn_layers;
use crate::pixel::value;
use crate::random::Key;

/// The share of images whose label the classifier predicts at σ > 0. With `noise`, first adds
/// noise of that level, from one stream per image, starting at the key's.
///
/// # Panics
/// If the images have no labels.
pub fn accuracy(
    classifier: &Classifier,
    images: &Images,
    sigma: f32,
    noise: Option<Key>,
    device: &Device,
) -> f64 {
    const BATCH: usize = 500;
    let labels = images.labels.as_ref().expect("accuracy is asked of labeled images");
    let dimension = images.shape.dimension();
    let mut right = 0;
    for (batch, labels) in labels.chunks(BATCH).enumerate() {
        let mut x = Vec::with_capacity(labels.len() * dimension);
        for index in batch * BATCH..batch * BATCH + labels.len() {
            let pixels = images.image(index).iter().map(|&byte| value(byte));
            let key = noise.map(|key| Key { stream: key.stream + index as u32, ..key });
            x.extend((0..).zip(pixels).map(|(at, x)| match key {
                Some(key) => x + sigma * key.normal(at),
                None => x,
            }));
        }
        let x = burn_layers::images(x, images.shape, device);
        let features = classifier.features(x, &[sigma]);
        let told = classifier.logits(features).argmax(1).into_data();
        let told = told.iter::<i64>().zip(labels);
        right += told.filter(|&(told, &label)| told == i64::from(label)).count();
    }
    right as f64 / labels.len().max(1) as f64
}
