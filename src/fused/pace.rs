//! How much to submit at a time: enough to keep the GPU busy, little enough that a page stays
//! responsive and that a system does not take a long submission for a hang.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::gpu::lock;
use super::platform;

/// What is known of the submissions so far.
#[derive(Debug, Default)]
pub struct Pace {
    under_way: VecDeque<Submission>,
    /// When the last submission that is done was done.
    finished: f64,
    /// How many seconds a step takes.
    seconds: Option<f64>,
    /// Steps of the largest submission so far.
    largest: usize,
}

/// Some steps that the GPU was given at once.
#[derive(Debug)]
struct Submission {
    index: wgpu::SubmissionIndex,
    steps: usize,
    started: f64,
    /// Set when the GPU is done.
    finished: Arc<Mutex<Option<f64>>>,
}

impl Pace {
    /// Seconds that a submission should take.
    const TARGET: f64 = 0.006;
    /// The most steps of a submission.
    const MOST: usize = 64;
    /// No submission takes fewer seconds: the ends of two were heard of at once.
    const TIE: f64 = 1e-4;

    /// How many steps to submit: at most twice as many as ever before, for a single time may be wrong.
    pub fn steps(&self) -> usize {
        let count = self.seconds.map_or(1.0, |seconds| Self::TARGET / seconds);
        (count as usize).clamp(1, Self::MOST.min(2 * self.largest.max(1)))
    }

    /// Whether there is room for one more submission: never are more than
    /// [`platform::UNDER_WAY`] under way. Waits for it where that is possible.
    pub fn make_room(&mut self, device: &wgpu::Device) -> bool {
        self.collect();
        while self.under_way.len() >= platform::UNDER_WAY {
            if !platform::block(device, self.under_way[0].index.clone()) {
                return false;
            }
            self.collect();
        }
        true
    }

    /// Takes note of a submission.
    pub fn submitted(&mut self, queue: &wgpu::Queue, index: wgpu::SubmissionIndex, steps: usize) {
        self.largest = self.largest.max(steps);
        let finished = Arc::new(Mutex::new(None));
        let done = Arc::clone(&finished);
        self.under_way.push_back(Submission { index, steps, started: platform::now(), finished });
        queue.on_submitted_work_done(move || *lock(&done) = Some(platform::now()));
    }

    /// Learns from the submissions that are done.
    fn collect(&mut self) {
        while let Some(first) = self.under_way.front() {
            let Some(finished) = *lock(&first.finished) else { return };
            // It began when it was submitted, or when the one before it was done.
            let seconds = finished - first.started.max(self.finished);
            if seconds > Self::TIE {
                // The quickest counts: the others waited for something else.
                let seconds = seconds / first.steps as f64;
                self.seconds = Some(self.seconds.map_or(seconds, |s| (s * 1.1).min(seconds)));
            }
            self.finished = finished;
            self.under_way.pop_front();
        }
    }
}
