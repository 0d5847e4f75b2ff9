//! In which order a tensor's channels are stored.

/// The order of channels in memory: for each place the network's channel, or `None` for padding.
#[derive(Clone, Debug)]
pub struct ChannelLayout(Vec<Option<usize>>);

impl ChannelLayout {
    /// Segments one after the other, each padded by itself to a multiple of four.
    pub fn segments(widths: &[usize]) -> Self {
        let mut places = Vec::new();
        let mut first = 0;
        for &width in widths {
            places.extend((first..first + width).map(Some));
            places.resize(places.len().next_multiple_of(4), None);
            first += width;
        }
        Self(places)
    }

    /// The channels of `fold × fold` pixels in the order (pixel, channel), where the network's
    /// order is (channel, pixel). Each pixel's channels are padded to a multiple of `multiple`.
    pub fn folded(channels: usize, fold: usize, multiple: usize) -> Self {
        let squares = fold * fold;
        let pixel = |pixel: usize| {
            (0..channels.next_multiple_of(multiple))
                .map(move |c| (c < channels).then_some(c * squares + pixel))
        };
        let mut places: Vec<_> = (0..squares).flat_map(pixel).collect();
        places.resize(places.len().next_multiple_of(4), None);
        Self(places)
    }

    /// The number of places.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The number of channels without padding.
    pub fn channels(&self) -> usize {
        self.0.iter().flatten().count()
    }

    /// Values in the order of memory, with zeros as padding.
    pub fn vector(&self, value: impl Fn(usize) -> f32) -> Vec<f32> {
        self.0.iter().map(|place| place.map_or(0.0, &value)).collect()
    }

    /// A matrix of weights, inputs × outputs, with zeros where either has padding; `value` takes
    /// (output, input).
    pub fn matrix(
        &self,
        outputs: &Self,
        value: impl Fn(usize, usize) -> f32,
    ) -> impl Iterator<Item = f32> {
        let pairs = self.0.iter().flat_map(|&i| outputs.0.iter().map(move |&o| (i, o)));
        pairs.map(move |pair| match pair {
            (Some(i), Some(o)) => value(o, i),
            _ => 0.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_zero_and_order_is_kept() {
        let value = |channel: usize| channel as f32 + 1.0;
        assert_eq!(
            ChannelLayout::segments(&[2, 1]).vector(value),
            [1.0, 2.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0]
        );
        let folded = ChannelLayout::folded(2, 2, 1);
        assert_eq!(folded.vector(value), [1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 4.0, 8.0]);
        let padded = ChannelLayout::folded(1, 2, 4).vector(value);
        assert_eq!(padded[..5], [1.0, 0.0, 0.0, 0.0, 2.0]);
        let one = ChannelLayout::segments(&[1]);
        let matrix: Vec<f32> = one.matrix(&one, |o, i| (10 * o + i) as f32 + 5.0).collect();
        assert_eq!(matrix, [vec![5.0], vec![0.0; 15]].concat());
    }
}
