//! The order in which images are seen.

use crate::random::streams::ORDER_STREAM;
use crate::random::{Key, permutation};

/// The order in which images are seen: each once per epoch, in an order that depends only on the
/// seed and the epoch, so that training can be resumed anywhere.
#[derive(Clone, Debug)]
pub struct Order {
    images: usize,
    seed: u64,
    epoch: u64,
    order: Vec<u32>,
}

impl Order {
    /// The order of `images` ≥ 1 images under a seed.
    pub fn new(images: usize, seed: u64) -> Self {
        Self { images, seed, epoch: u64::MAX, order: Vec::new() }
    }

    /// The images of a step's batch of this size.
    pub fn batch(&mut self, step: u64, size: usize) -> Vec<usize> {
        let first = step * size as u64;
        (first..).take(size).map(|position| self.at(position)).collect()
    }

    /// The image that is seen at `position`, counted from the start of training.
    fn at(&mut self, position: u64) -> usize {
        let (epoch, index) = (position / self.images as u64, position % self.images as u64);
        if epoch != self.epoch {
            let key = Key { seed: self.seed, stream: ORDER_STREAM, step: epoch as u32 };
            self.order = permutation(self.images, key);
            self.epoch = epoch;
        }
        self.order[index as usize] as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_sees_everything_once_in_an_order_of_its_own() {
        let mut order = Order::new(50, 3);
        let mut epoch = |epoch| order.batch(epoch, 50);
        let (first, second, again) = (epoch(0), epoch(1), epoch(0));
        assert_eq!(first, again);
        assert_ne!(first, second);
        // Smaller batches, one of which reaches into the second epoch.
        let parts: Vec<usize> = (0..4).flat_map(|step| order.batch(step, 20)).collect();
        assert_eq!(parts, [&first[..], &second[..30]].concat());
        let mut sorted = second;
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..50));
    }
}
