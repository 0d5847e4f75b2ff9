//! The order in which images are seen.

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

    /// The image that is seen at `position`, counted from the start of training.
    pub fn at(&mut self, position: u64) -> usize {
        let (epoch, index) = (position / self.images as u64, position % self.images as u64);
        if epoch != self.epoch {
            let key = Key { seed: self.seed, stream: ORDER_STREAM, step: epoch as u32 };
            self.order = permutation(self.images, key);
            self.epoch = epoch;
        }
        self.order[index as usize] as usize
    }
}

/// The streams of a training step are its examples; this one is not among them.
const ORDER_STREAM: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_sees_everything_once_in_an_order_of_its_own() {
        let mut order = Order::new(50, 3);
        let mut epoch = |e: u64| (0..50).map(|i| order.at(e * 50 + i)).collect::<Vec<_>>();
        let (first, second, again) = (epoch(0), epoch(1), epoch(0));
        assert_eq!(first, again);
        assert_ne!(first, second);
        let mut sorted = second;
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..50));
    }
}
