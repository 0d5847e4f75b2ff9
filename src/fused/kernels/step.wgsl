// What one step of a program needs; `step.rs` has the same fields in the same order.
struct Step {
    // The row of the tables of noise levels for the first picture, and how much further the next
    // picture's is: 0 if all share it.
    row: u32,
    row_stride: u32,
    first_chain: u32,
    // The third and fourth word that the noise is keyed by, and what is added to its first.
    noise_step: u32,
    seed_low: u32,
    seed_high: u32,
    keep: f32,
    gain: f32,
    noise: f32,
    back: f32,
}
