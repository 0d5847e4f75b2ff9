//! Memory that threads share.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A number of bytes of which threads take shares, each waiting until there are enough.
#[derive(Debug)]
pub(super) struct Budget {
    left: Mutex<u64>,
    returned: Condvar,
}

/// Bytes that are returned when this is dropped.
#[derive(Debug)]
pub(super) struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    /// Memory of so many bytes.
    pub fn new(bytes: u64) -> Self {
        Self { left: Mutex::new(bytes), returned: Condvar::new() }
    }

    /// Takes bytes, at most as many as there are in all. Who holds a share must not wait for
    /// another one.
    pub fn take(&self, bytes: u64) -> Share<'_> {
        let enough = self.returned.wait_while(self.left(), |left| *left < bytes);
        *enough.unwrap_or_else(PoisonError::into_inner) -= bytes;
        Share { budget: self, bytes }
    }

    fn left(&self) -> MutexGuard<'_, u64> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.budget.left() += self.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn no_more_is_taken_than_there_is() {
        let budget = Budget::new(10);
        let (taken, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for bytes in [1, 4, 7, 10, 3, 6] {
                let (budget, taken, most) = (&budget, &taken, &most);
                scope.spawn(move || {
                    for _ in 0..200 {
                        let share = budget.take(bytes);
                        let now = taken.fetch_add(bytes, Ordering::SeqCst) + bytes;
                        most.fetch_max(now, Ordering::SeqCst);
                        std::thread::yield_now();
                        taken.fetch_sub(bytes, Ordering::SeqCst);
                        drop(share);
                    }
                });
            }
        });
        assert_eq!((taken.into_inner(), *budget.left()), (0, 10));
        assert!(most.into_inner() <= 10);
    }
}
