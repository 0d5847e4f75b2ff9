//! Distributed training: several processes, *ranks*, compute a share of every batch each.
//!
//! All ranks hold the same weights, the same moments and the same average, and draw the same
//! numbers, since both are functions of (seed, step, place in the batch). In each step the gradients
//! of their shares are added up over all of them, and each makes the same update. So a run's
//! checkpoints are those of one process, and it can be resumed by any number of ranks.

pub(super) mod gradients;
#[cfg(feature = "mpi")]
pub(super) mod mpi_ranks;

use std::ops::Range;
use std::rc::Rc;

/// The processes of a distributed run, from the view of one of them. Rank 0 leads: it alone decides how
/// many steps there are, and writes files.
pub trait Ranks {
    /// The number of this process, from 0.
    fn rank(&self) -> usize;

    /// How many there are, the *world size*.
    fn world_size(&self) -> usize;

    /// Rank 0 says whether there is another step; the others wait for what it says, whatever they
    /// say themselves. All ranks get the answer.
    fn another_step(&self, there_is: bool) -> bool;

    /// Adds numbers up over all ranks: an *all-reduce*. Afterwards all have the same sums, to the last bit.
    fn all_reduce_sum(&self, values: &mut [f32]);

    /// Ends the processes of all ranks with this exit code. A rank that fails has to do so, since the
    /// others wait for it.
    fn abort(&self, code: i32) -> !;
}

/// For whoever still needs the ranks while a [`super::Trainer`] has them.
impl Ranks for Rc<dyn Ranks> {
    fn rank(&self) -> usize {
        (**self).rank()
    }

    fn world_size(&self) -> usize {
        (**self).world_size()
    }

    fn another_step(&self, there_is: bool) -> bool {
        (**self).another_step(there_is)
    }

    fn all_reduce_sum(&self, values: &mut [f32]) {
        (**self).all_reduce_sum(values);
    }

    fn abort(&self, code: i32) -> ! {
        (**self).abort(code)
    }
}

/// This process among those of a distributed run, if it is one of several.
#[derive(Default)]
pub(super) struct Membership(Option<Box<dyn Ranks>>);

impl Membership {
    /// Membership in this group.
    pub fn of(ranks: Box<dyn Ranks>) -> Self {
        Self(Some(ranks))
    }

    /// The processes, if there are several.
    pub fn ranks(&self) -> Option<&dyn Ranks> {
        self.0.as_deref()
    }

    /// The places in a batch that this rank computes.
    pub fn share(&self, batch: usize) -> Range<usize> {
        let (rank, size) = self.ranks().map_or((0, 1), |ranks| (ranks.rank(), ranks.world_size()));
        batch * rank / size..batch * (rank + 1) / size
    }

    /// Rank 0 tells the others that there is another step.
    pub fn begin_step(&self) {
        if let Some(leader) = self.leader() {
            leader.another_step(true);
        }
    }

    /// The others wait for another step. `false` if the run has ended, or is not distributed.
    pub fn another_step(&self) -> bool {
        self.ranks().is_some_and(|ranks| ranks.another_step(true))
    }

    fn leader(&self) -> Option<&dyn Ranks> {
        self.ranks().filter(|ranks| ranks.rank() == 0)
    }
}

impl Drop for Membership {
    /// The other ranks wait for another step.
    fn drop(&mut self) {
        if let Some(leader) = self.leader() {
            leader.another_step(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Rank(usize, usize);

    impl Ranks for Rank {
        fn rank(&self) -> usize {
            self.0
        }

        fn world_size(&self) -> usize {
            self.1
        }

        fn another_step(&self, there_is: bool) -> bool {
            there_is
        }

        fn all_reduce_sum(&self, _: &mut [f32]) {}

        fn abort(&self, _: i32) -> ! {
            unreachable!("nothing fails here")
        }
    }

    #[test]
    fn every_place_is_computed_once() {
        assert_eq!(Membership::default().share(7), 0..7);
        let share = |rank, count| Membership::of(Box::new(Rank(rank, count))).share(7);
        for count in 1..=7 {
            let places: Vec<_> = (0..count).flat_map(|rank| share(rank, count)).collect();
            assert_eq!(places, (0..7).collect::<Vec<_>>(), "{count}");
        }
    }
}
