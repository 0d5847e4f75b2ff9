//! A batch on several devices, or on all cores of a CPU.
//!
//! A batch is computed in shards, each with its own autodiff graph, on several threads. Several
//! devices, with copies of the network, take turns at them. Burn's Flex gets smaller shards,
//! because it runs everything but matrix products, half of a step, on one thread. The size of a
//! shard does not depend on the number of threads, and gradients are added up in the order of the
//! shards, so the weights are the same on any number of cores.

use std::ops::Range;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// The threads that compute shards, and their devices.
pub(super) struct Shards {
    workers: Vec<Worker>,
    /// Images per shard.
    size: usize,
}

/// One of n workers, which computes every n-th shard.
struct Worker {
    device: Device,
    /// The threads that Flex computes on. Each concurrent shard has a pool of its own, so its
    /// operations neither wait for another's nor, by stealing, run them while holding a lock of the
    /// autodiff graph.
    pool: Option<ThreadPool>,
}

impl Shards {
    /// Images per shard on a CPU: enough for efficient matrix products, few enough for the usual
    /// batch to keep four cores busy.
    const SIZE: usize = 16;

    /// Makes workers for a batch on one or more devices. Those on CPUs have as many threads
    /// altogether as rayon's global pool.
    pub fn new(devices: &[Device], batch: usize) -> Result<Self, ThreadPoolBuildError> {
        let each = batch.div_ceil(devices.len());
        let is_cpu = |device: &&Device| **device == Device::flex();
        let cpus = devices.iter().filter(is_cpu).count();
        let mut workers = Vec::new();
        for device in devices {
            if !is_cpu(&device) {
                workers.push(Worker { device: device.clone(), pool: None });
                continue;
            }
            let threads = (rayon::current_num_threads() / cpus).max(1);
            let pools = each.div_ceil(Self::SIZE).min(threads);
            for index in 0..pools {
                let threads = threads / pools + usize::from(index < threads % pools);
                let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
                workers.push(Worker { device: device.clone(), pool: Some(pool) });
            }
        }
        Ok(Self { workers, size: if cpus > 0 { Self::SIZE } else { each } })
    }

    /// Returns the loss of a part of a batch and adds its gradients to `grads`, both on the first
    /// device. `loss` computes a shard's loss with a copy of the module on an autodiff device; the
    /// sum over the shards is the part's.
    pub fn backward<M: Module + Send>(
        &self,
        part: Range<usize>,
        module: &M,
        grads: &mut GradientsAccumulator<M>,
        loss: impl Fn(Range<usize>, &M, &Device) -> Tensor<1> + Sync,
    ) -> Tensor<1> {
        let first = &self.workers[0].device;
        let end = part.end;
        let parts = part.step_by(self.size).map(|start| start..end.min(start + self.size));
        let shard = |(part, worker): (_, &Worker)| {
            let autodiff = worker.device.clone().autodiff();
            let module = module.clone().fork(&autodiff);
            (part, module, autodiff)
        };
        let shards = parts.zip(self.workers.iter().cycle()).map(shard).collect();
        let compute = |(part, module, autodiff): (_, M, Device)| {
            let loss = loss(part, &module, &autodiff);
            let grads = GradientsParams::from_grads(loss.backward(), &module);
            (loss.inner().to_device(first), grads.to_device(first, &module))
        };
        let mut sum = Tensor::zeros([1], first);
        for (loss, shard) in self.map(shards, compute) {
            grads.accumulate(module, shard);
            sum = sum + loss;
        }
        sum
    }

    /// Computes something for each shard, the i-th on worker i modulo their number. Results are in
    /// the order of the shards.
    fn map<S: Send, T: Send>(&self, shards: Vec<S>, compute: impl Fn(S) -> T + Sync) -> Vec<T> {
        if self.workers.len() < 2 || shards.len() < 2 {
            return shards.into_iter().map(compute).collect();
        }
        let mut work: Vec<Vec<(usize, S)>> = self.workers.iter().map(|_| Vec::new()).collect();
        let count = shards.len();
        for (index, shard) in shards.into_iter().enumerate() {
            work[index % self.workers.len()].push((index, shard));
        }
        let compute = &compute;
        let mut results: Vec<(usize, T)> = Vec::with_capacity(count);
        std::thread::scope(|scope| {
            let pools = self.workers.iter().map(|worker| worker.pool.as_ref());
            let run = |(pool, work): (Option<_>, Vec<(usize, S)>)| {
                let run = move || work.into_iter().map(|(i, shard)| (i, compute(shard))).collect();
                scope.spawn(move || match pool {
                    Some(pool) => ThreadPool::install(pool, run),
                    None => run(),
                })
            };
            let threads: Vec<_> = pools.zip(work).map(run).collect();
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
