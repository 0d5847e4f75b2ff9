//! Which class each chain of a class-conditional model shows, and how strongly.

use std::ops::Range;

use super::GuidanceScale;
use super::conditioning_error::ConditioningError;
use crate::random::Key;
use crate::random::streams::CLASS_STEP;

/// The classes of the chains, with classifier-free guidance.
///
/// A class-conditional network has the score `s(x, σ | c)` of the images of a class, and the
/// score `s(x, σ)` of all images. Chains follow `s(x, σ | c) + (w − 1) (s(x, σ | c) − s(x, σ))`,
/// which for w > 1 leads to images that are more typical of their class and vary less (Ho &
/// Salimans, *Classifier-Free Diffusion Guidance*, 2022, equation 6, whose w is smaller by 1).
#[derive(Clone, Debug, PartialEq)]
pub struct ClassConditioning {
    /// The classes that chains take turns to show, and again after the last. There must be at least
    /// one.
    pub classes: Vec<usize>,
    /// The number of the chain that shows the first of them; chains before it show that class, too.
    pub first: usize,
    /// w, and the noise levels at which there is guidance. It takes a second evaluation there,
    /// unless w is 1, or an input of the network.
    pub guidance_scale: GuidanceScale,
}

impl ClassConditioning {
    /// The classes of these chains drawn at random by how often they occur; `counts` has the number
    /// of training images of each class. Chain k draws the same class whichever others there are.
    pub fn drawn(counts: &[u32], seed: u64, chains: Range<usize>) -> Self {
        let total: f64 = counts.iter().copied().map(f64::from).sum();
        let draw = |chain: usize| {
            let key = Key { seed, stream: chain as u32, step: CLASS_STEP };
            let mut left = f64::from(key.uniform(0)) * total;
            let found = counts.iter().position(|&count| {
                left -= f64::from(count);
                left <= 0.0
            });
            found.unwrap_or(counts.len().saturating_sub(1))
        };
        let first = chains.start;
        Self { classes: chains.map(draw).collect(), first, guidance_scale: GuidanceScale::NONE }
    }

    /// The class of the chain of a number; `None` if there are no classes to show.
    pub fn of(&self, chain: usize) -> Option<usize> {
        let turn = chain.saturating_sub(self.first) % self.classes.len().max(1);
        self.classes.get(turn).copied()
    }

    /// After how many of `count` chains from number `first` on their classes repeat.
    pub fn period(&self, first: usize, count: usize) -> usize {
        let all_same = (first..first + count).all(|chain| self.of(chain) == self.of(first));
        match all_same {
            true => 1,
            // Those before the first turn do not repeat.
            false if first < self.first => count,
            false => self.classes.len().min(count),
        }
    }

    /// Checks the classes against the number that the model has.
    ///
    /// # Errors
    /// [`ConditioningError`] says what does not fit.
    pub fn check(&self, classes: usize) -> Result<(), ConditioningError> {
        if classes == 0 {
            return Err(ConditioningError::Unconditional);
        }
        if self.classes.is_empty() {
            return Err(ConditioningError::NoClasses);
        }
        if let Some(&class) = self.classes.iter().find(|&&class| class >= classes) {
            return Err(ConditioningError::Class { class, classes });
        }
        Ok(self.guidance_scale.check()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_take_turns() {
        let of = |classes: &[usize]| ClassConditioning {
            classes: classes.to_vec(),
            first: 0,
            guidance_scale: GuidanceScale::NONE,
        };
        let turns = of(&[3, 1, 4]);
        assert_eq!([0, 1, 2, 3, 7].map(|chain| turns.of(chain)), [3, 1, 4, 3, 1].map(Some));
        assert_eq!((turns.period(5, 10), turns.period(5, 2), turns.period(5, 1)), (3, 2, 1));
        assert_eq!(of(&[7, 7]).period(0, 10), 1);
        let later = ClassConditioning { first: 5, ..turns.clone() };
        assert_eq!([4, 5, 6, 8].map(|chain| later.of(chain)), [3, 3, 1, 3].map(Some));
        assert_eq!((later.period(3, 10), later.period(0, 5), later.period(5, 10)), (10, 1, 3));
        assert_eq!(turns.check(5), Ok(()));
        assert_eq!(turns.check(4), Err(ConditioningError::Class { class: 4, classes: 4 }));
        assert_eq!(turns.check(0), Err(ConditioningError::Unconditional));
        assert_eq!(of(&[]).check(4), Err(ConditioningError::NoClasses));
    }

    #[test]
    fn classes_are_drawn_as_often_as_they_occur() {
        let drawn = ClassConditioning::drawn(&[100, 0, 300], 5, 0..4000);
        let count = |class| drawn.classes.iter().filter(|&&drawn| drawn == class).count();
        assert_eq!(count(1), 0);
        // Five standard deviations of a binomial.
        assert!(count(0).abs_diff(1000) < 137, "{} of 4000", count(0));
        for mut chains in [0..10, 7..20, 3990..4000, 40..41] {
            let some = ClassConditioning::drawn(&[100, 0, 300], 5, chains.clone());
            assert_eq!(some.classes.len(), chains.len());
            assert!(chains.all(|chain| some.of(chain) == drawn.of(chain)));
        }
        let last = u32::MAX as usize;
        let far = ClassConditioning::drawn(&[100, 0, 300], 5, last - 2..last);
        assert_eq!(far.classes.len(), 2, "nothing is stored for the chains before");
    }
}
