// The numbers that one step needs; `runtime/step_row.rs` has the same fields in the same order.
struct Step {
    // The first row of the tables of noise levels for this step. Image n reads row n % row_period
    // after it. Images from number `images` on are the same images again, for guidance: they read
    // the row after all those.
    row: u32,
    row_period: u32,
    // The stream of the first chain's noise, and how much further the next chain's is: 0 if all
    // draw the same.
    first_chain: u32,
    chain_stride: u32,
    // Of the seed, and of the seed at the other end of a path: the fourth word that is hashed, and
    // what is added to the first.
    seed: vec2u,
    other: vec2u,
    images: u32,
    noise_step: u32,
    // The factors of the network's last layer: see write_score.wgsl.
    keep: f32,
    gain: f32,
    noise: f32,
    back: f32,
    // The numbers of the kernel that follows if the last layer only computes the score: see
    // update.wgsl.
    update_gain: f32,
    guidance: f32,
    previous_guidance: f32,
    update_previous: f32,
    update_noise: f32,
    earlier_1: f32,
    earlier_2: f32,
    denoise: f32,
    signal: f32,
    bound: f32,
    observed_step: u32,
    observed_sigma: f32,
    block_channels: u32,
    block_height: u32,
    block_width: u32,
}

// Where image n is among the images.
fn image_index(n: u32) -> u32 {
    return n % step.images;
}

// The row of the tables of noise levels for image n.
fn level_row(n: u32) -> u32 {
    return step.row + select(step.row_period, n % step.row_period, n < step.images);
}
