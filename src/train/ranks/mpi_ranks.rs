//! Ranks that MPI started, on one machine or on several.

use mpi::collective::SystemOperation;
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::*;

use super::Ranks;

/// The processes that `mpirun` started. If one of them ends, MPI ends all.
pub struct MpiRanks {
    world: SimpleCommunicator,
    /// Ends MPI when it is dropped, so it comes last.
    _universe: Universe,
}

impl MpiRanks {
    /// Joins the others. `None` if this process has done so before.
    pub fn join() -> Option<Self> {
        let universe = mpi::initialize()?;
        Some(Self { world: universe.world(), _universe: universe })
    }
}

impl Ranks for MpiRanks {
    fn rank(&self) -> usize {
        self.world.rank() as usize
    }

    fn world_size(&self) -> usize {
        self.world.size() as usize
    }

    fn another_step(&self, there_is: bool) -> bool {
        let mut answer = [u8::from(there_is)];
        self.world.process_at_rank(0).broadcast_into(&mut answer);
        answer == [1]
    }

    fn all_reduce_sum(&self, values: &mut [f32]) {
        // Not MPI's all-reduce, which may add in another order on each rank: the weights would drift
        // apart.
        let leader = self.world.process_at_rank(0);
        if self.rank() == 0 {
            let mut sums = vec![0.0; values.len()];
            leader.reduce_into_root(values, &mut sums, SystemOperation::sum());
            values.copy_from_slice(&sums);
        } else {
            leader.reduce_into(values, SystemOperation::sum());
        }
        leader.broadcast_into(values);
    }

    fn abort(&self, code: i32) -> ! {
        self.world.abort(code)
    }
}
