// The numbers that one step needs; `runtime/step_row.rs` has the same fields in the same order.
struct Step {
    // The row of the tables of noise levels for the first image, and how much further the next
    // image's is: 0 if all share it.
    row: u32,
    row_stride: u32,
    // Likewise the stream of the noise: 0 if all draw the same.
    first_chain: u32,
    chain_stride: u32,
    // What the seed, and the seed at the other end of a path, add to the words that noise is keyed
    // by: (to the fourth, to the first).
    seed: vec2u,
    other: vec2u,
    noise_step: u32,
    // The factors of the network's last layer: see write_score.wgsl.
    keep: f32,
    gain: f32,
    noise: f32,
    back: f32,
    // The numbers of the kernel that follows if the last layer only computes the score: see
    // update.wgsl.
    update_gain: f32,
    update_previous: f32,
    update_noise: f32,
    signal: f32,
    bound: f32,
    observed_step: u32,
    observed_sigma: f32,
    block_channels: u32,
    block_height: u32,
    block_width: u32,
}
