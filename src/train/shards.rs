//! A batch on all cores of a CPU.
//!
//! Burn's Flex runs what is not a matrix product on one thread, which is half of a step. So a batch
//! is computed in shards, each with an autodiff graph of its own, on threads of their own. The size
//! of a shard does not depend on the number of threads, and gradients are added up in the order of
//! the shards: the weights are the same on any number of cores.

use std::ops::Range;

use burn::tensor::Device;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// The threads that compute shards; none on a device that computes a batch as a whole.
pub(super) struct Shards {
    pools: Vec<ThreadPool>,
}

impl Shards {
    /// Pictures in a shard: enough for the matrix products to be efficient, few enough for the
    /// usual batch to keep four cores busy.
    const SIZE: usize = 16;

    /// Threads for a batch on a device, as many altogether as rayon's global pool has.
    pub fn new(device: &Device, batch: usize) -> Result<Self, ThreadPoolBuildError> {
        if *device != Device::flex() {
            return Ok(Self { pools: Vec::new() });
        }
        let threads = rayon::current_num_threads();
        let pools = batch.div_ceil(Self::SIZE).min(threads);
        // A pool for each shard under way: its operations then neither wait for those of another
        // nor, by stealing, run them while they hold a lock of the autodiff graph.
        let pool = |index| {
            let threads = threads / pools + usize::from(index < threads % pools);
            ThreadPoolBuilder::new().num_threads(threads).build()
        };
        Ok(Self { pools: (0..pools).map(pool).collect::<Result<_, _>>()? })
    }

    /// Cuts a part of a batch into shards.
    pub fn cut(&self, part: Range<usize>) -> Vec<Range<usize>> {
        if self.pools.is_empty() {
            return vec![part];
        }
        let end = part.end;
        part.step_by(Self::SIZE).map(|start| start..end.min(start + Self::SIZE)).collect()
    }

    /// Computes something for each shard; results are in the order of the shards.
    pub fn map<S: Send, T: Send>(&self, shards: Vec<S>, compute: impl Fn(S) -> T + Sync) -> Vec<T> {
        if self.pools.len() < 2 || shards.len() < 2 {
            return shards.into_iter().map(compute).collect();
        }
        let mut work: Vec<Vec<(usize, S)>> = self.pools.iter().map(|_| Vec::new()).collect();
        let count = shards.len();
        for (index, shard) in shards.into_iter().enumerate() {
            work[index % self.pools.len()].push((index, shard));
        }
        let compute = &compute;
        let mut results: Vec<(usize, T)> = Vec::with_capacity(count);
        std::thread::scope(|scope| {
            let run = |(pool, work): (_, Vec<(usize, S)>)| {
                let run = move || work.into_iter().map(|(i, shard)| (i, compute(shard))).collect();
                scope.spawn(move || ThreadPool::install(pool, run))
            };
            let threads: Vec<_> = self.pools.iter().zip(work).map(run).collect();
            for thread in threads {
                let computed: Vec<(usize, T)> =
                    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                results.extend(computed);
            }
        });
        results.sort_unstable_by_key(|&(index, _)| index);
        results.into_iter().map(|(_, result)| result).collect()
    }
}
