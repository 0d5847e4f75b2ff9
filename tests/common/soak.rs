//! What long runs, natively and in the browser, must hold: memory does not grow, and the last part
//! is as fast as those before it.

/// A run in ten equal parts.
pub struct LongRun {
    what: &'static str,
    /// What caches and the allocator may still take after a fifth of the run, in bytes.
    room: usize,
    /// What was done per second in each part.
    rates: Vec<f64>,
    /// The memory after the second part: by then caches are filled.
    settled: Option<usize>,
}

impl LongRun {
    pub fn new(what: &'static str, room: usize) -> Self {
        Self { what, room, rates: Vec::new(), settled: None }
    }

    /// How much of `count` is done after part number `part`, from 1 to 10.
    pub fn until(count: usize, part: usize) -> usize {
        count * part / 10
    }

    /// Records a part, and returns a line to print about it.
    ///
    /// # Panics
    /// If memory has grown.
    pub fn record(&mut self, done: usize, seconds: f64, memory: usize) -> String {
        let rate = done as f64 / seconds;
        self.rates.push(rate);
        let (what, part) = (self.what, self.rates.len());
        if part == 2 {
            self.settled = Some(memory);
        }
        let most = self.settled.map_or(usize::MAX, |settled| settled + self.room);
        assert!(memory <= most, "{what}: memory grew to {memory} bytes");
        format!("{what}: part {part} of 10, {rate:.1} per second, {} MiB", memory >> 20)
    }

    /// Checks that the last part was at most 5 % slower than the median of those since memory
    /// settled. This depends on what else the machine does, so only soaks ask for it.
    ///
    /// # Panics
    /// If it was slower.
    pub fn check_speed(&self) {
        let Some((last, before)) = self.rates.split_last() else { panic!("nothing was done") };
        let mut before = before[1..].to_vec();
        before.sort_by(f64::total_cmp);
        let median = before[before.len() / 2];
        assert!(
            *last >= 0.95 * median,
            "{}: {last:.1} per second at the end, {median:.1} before; was the machine idle?",
            self.what
        );
    }
}
