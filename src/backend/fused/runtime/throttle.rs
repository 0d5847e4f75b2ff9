//! How many steps to submit at a time: enough to keep the GPU busy, but so few that a page stays
//! responsive and the system does not take a long submission for a hang: Windows resets a GPU after
//! two seconds, macOS aborts. A step that is itself too long for that is submitted in pieces of a few
//! launches. A single launch is not divided: only a smaller batch makes it shorter.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::gpu::lock;
use super::platform;

/// Tracks submissions and how long their steps take.
#[derive(Debug, Default)]
pub struct Throttle {
    under_way: VecDeque<Submission>,
    /// When the latest finished submission ended.
    finished: f64,
    /// Seconds per step.
    seconds: Option<f64>,
    /// Steps of the largest submission so far.
    largest: usize,
}

/// Launches that were submitted, in one piece or several.
#[derive(Debug)]
pub struct Submitted {
    /// How many pieces.
    pub pieces: u32,
    /// When the first was submitted.
    started: f64,
    last: Option<wgpu::SubmissionIndex>,
}

impl Submitted {
    /// Submits launches by `submit`, at most so many at a time.
    pub fn in_pieces<L>(
        launches: &[L],
        most: usize,
        submit: impl Fn(&[L]) -> wgpu::SubmissionIndex,
    ) -> Self {
        let mut submitted = Self { pieces: 0, started: f64::INFINITY, last: None };
        for launches in launches.chunks(most) {
            submitted.last = Some(submit(launches));
            submitted.started = submitted.started.min(platform::now());
            submitted.pieces += 1;
        }
        submitted
    }
}

/// Steps that were submitted, and whose end is awaited.
#[derive(Debug)]
struct Submission {
    index: wgpu::SubmissionIndex,
    steps: usize,
    started: f64,
    /// Set when the GPU is done.
    finished: Arc<Mutex<Option<f64>>>,
}

impl Throttle {
    /// Seconds that a submission should take.
    const TARGET: f64 = 0.006;
    /// The most steps of a submission.
    const MOST: usize = 64;
    /// Seconds from which a step is submitted in pieces. Some systems stop what takes two.
    const LONG: f64 = 0.25;
    /// The launches of such a piece.
    pub const FEW: usize = 8;
    /// A shorter time is not measured: the ends of two submissions were reported together.
    const TIE: f64 = 1e-4;

    /// How many steps to submit: at most twice as many as before, since a single time may be wrong.
    pub fn steps(&self) -> usize {
        let count = self.seconds.map_or(1.0, |seconds| Self::TARGET / seconds);
        (count as usize).clamp(1, Self::MOST.min(2 * self.largest.max(1)))
    }

    /// The most launches of a submission: few while a step takes long, or may do so because none has
    /// been timed.
    pub fn launches(&self) -> usize {
        match self.seconds {
            Some(seconds) if seconds <= Self::LONG => usize::MAX,
            _ => Self::FEW,
        }
    }

    /// Whether there is room for one more submission: at most [`platform::UNDER_WAY`] are in
    /// flight. Waits for room if the platform can.
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

    /// Records what was submitted for some steps.
    pub fn submitted(&mut self, queue: &wgpu::Queue, submitted: Submitted, steps: usize) {
        let Submitted { started, last: Some(index), .. } = submitted else { return };
        self.largest = self.largest.max(steps);
        let finished = Arc::new(Mutex::new(None));
        let done = Arc::clone(&finished);
        self.under_way.push_back(Submission { index, steps, started, finished });
        queue.on_submitted_work_done(move || *lock(&done) = Some(platform::now()));
    }

    /// Updates the estimate from finished submissions.
    fn collect(&mut self) {
        while let Some(first) = self.under_way.front() {
            let Some(finished) = *lock(&first.finished) else { return };
            let (steps, started) = (first.steps, first.started);
            self.under_way.pop_front();
            self.measure(steps, started, finished);
        }
    }

    /// Updates the estimate from a submission: when it was submitted, and when it ended.
    fn measure(&mut self, steps: usize, submitted: f64, finished: f64) {
        // It began when it was submitted, or when the one before it ended.
        let seconds = finished - submitted.max(self.finished);
        if seconds > Self::TIE {
            // The shortest time counts: longer times include waiting for other work.
            let seconds = seconds / steps as f64;
            self.seconds = Some(self.seconds.map_or(seconds, |s| (s * 1.1).min(seconds)));
        }
        self.finished = finished;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn submissions_grow_to_the_time_that_they_should_take() {
        let mut throttle = Throttle::default();
        assert_eq!(throttle.steps(), 1, "nothing is known");
        // A step takes a millisecond, and every submission waits for the one before it.
        let mut end = 0.0;
        for expected in [1, 2, 4, 6, 6] {
            let steps = throttle.steps();
            assert_eq!(steps, expected);
            throttle.largest = throttle.largest.max(steps);
            end += 0.001 * steps as f64 * 0.999;
            throttle.measure(steps, 0.0, end);
        }
    }

    #[test]
    fn a_step_is_submitted_in_pieces_until_one_was_fast() {
        let mut throttle = Throttle::default();
        assert_eq!(throttle.launches(), Throttle::FEW, "nothing is known");
        throttle.measure(1, 0.0, 2.0);
        assert_eq!(throttle.launches(), Throttle::FEW);
        throttle.measure(1, 2.0, 2.1);
        assert_eq!(throttle.launches(), usize::MAX);
    }

    #[test]
    fn a_submission_that_waited_for_other_work_changes_little() {
        let mut throttle = Throttle { largest: 64, ..Throttle::default() };
        throttle.measure(10, 0.0, 0.010);
        let before = throttle.steps();
        throttle.measure(10, 0.010, 1.0);
        assert!(throttle.steps() >= before - 1, "{} after {before}", throttle.steps());
        // The end of the next one was reported together with it: no step takes so little time.
        throttle.measure(10, 0.010, 1.0);
        assert!(throttle.steps() <= before, "{} after {before}", throttle.steps());
    }
}
