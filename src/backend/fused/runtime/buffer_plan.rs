//! Decides which tensors share a buffer.
//!
//! A tensor is in use from the launch that writes it to the last launch that reads it. Then its
//! buffer is free for another tensor, so a network of any depth needs only a few buffers.

use crate::backend::fused::codegen::{Kernel, Operand};

/// Which buffer each tensor is in, and how large the buffers are.
#[derive(Clone, Debug, Default)]
pub struct BufferPlan {
    /// The operands that need memory.
    places: Vec<Place>,
    /// The size of each buffer for one image, in bytes.
    pub sizes: Vec<usize>,
}

/// An operand, and where it is.
#[derive(Clone, Debug)]
struct Place {
    operand: Operand,
    /// Its buffer.
    slot: usize,
    /// Its own bytes for one image.
    #[cfg(feature = "training")]
    bytes: usize,
}

impl BufferPlan {
    /// Finds a buffer for every operand of some kernels. `size` is an operand's bytes for one
    /// image, 0 if it has a buffer of its own elsewhere; operands that are `kept` are never
    /// overwritten.
    pub fn new(
        kernels: &[Kernel],
        size: impl Fn(&Operand) -> usize,
        kept: impl Fn(&Operand) -> bool,
    ) -> Self {
        let last_use = |operand: &Operand| {
            let uses = |kernel: &Kernel| kernel.operands().any(|other| other == operand);
            let last = kernels.iter().rposition(uses);
            if kept(operand) { usize::MAX } else { last.unwrap_or(0) }
        };
        let mut plan = Self::default();
        // The launch after which each buffer is free.
        let mut busy: Vec<usize> = Vec::new();
        for (now, kernel) in kernels.iter().enumerate() {
            for operand in kernel.operands() {
                let needed = size(operand);
                if needed == 0 || plan.find(operand).is_some() {
                    continue;
                }
                let free = (0..busy.len()).filter(|&slot| busy[slot] < now);
                // Prefer the buffer that grows least, then the one that wastes least.
                let cost = |slot: &usize| {
                    let has = plan.sizes[*slot];
                    (needed.saturating_sub(has), has.saturating_sub(needed))
                };
                let slot = free.min_by_key(cost).unwrap_or_else(|| {
                    busy.push(0);
                    plan.sizes.push(0);
                    busy.len() - 1
                });
                plan.sizes[slot] = plan.sizes[slot].max(needed);
                busy[slot] = last_use(operand);
                plan.places.push(Place {
                    operand: operand.clone(),
                    slot,
                    #[cfg(feature = "training")]
                    bytes: needed,
                });
            }
        }
        plan
    }

    /// The buffer of an operand.
    pub fn find(&self, operand: &Operand) -> Option<usize> {
        self.places.iter().find(|place| place.operand == *operand).map(|place| place.slot)
    }

    /// The bytes of an operand for one image; 0 if it is in none of these buffers.
    #[cfg(feature = "training")]
    pub fn bytes(&self, operand: &Operand) -> usize {
        let found = self.places.iter().find(|place| place.operand == *operand);
        found.map_or(0, |place| place.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::fused::codegen::{Access, Binding};

    fn kernel(ids: &[usize]) -> Kernel {
        let binding = |&id: &usize| Binding { operand: Operand::Tensor(id), access: Access::Read };
        Kernel { source: "".into(), bindings: ids.iter().map(binding).collect(), groups: [1, 1] }
    }

    /// 0 → 1 → 2 → 3, where 3 also reads 0: three buffers suffice, and none is overwritten too
    /// early.
    #[test]
    fn buffers_are_reused_after_the_last_read() {
        let kernels =
            [kernel(&[0]), kernel(&[0, 1]), kernel(&[1, 2]), kernel(&[2, 0, 3]), kernel(&[3, 4])];
        let plan = BufferPlan::new(&kernels, |_| 5, |_| false);
        assert_eq!(plan.sizes, [5; 3]);
        let slot = |id| plan.find(&Operand::Tensor(id)).expect("placed");
        for kernel in &kernels {
            let mut slots: Vec<usize> = kernel
                .operands()
                .map(|operand| match operand {
                    Operand::Tensor(id) => slot(*id),
                    _ => unreachable!(),
                })
                .collect();
            slots.sort_unstable();
            slots.dedup();
            assert_eq!(slots.len(), kernel.bindings.len());
        }
        let kept = BufferPlan::new(&kernels, |_| 5, |operand| *operand == Operand::Tensor(1));
        assert_eq!(kept.sizes.len(), 4);
    }
}
