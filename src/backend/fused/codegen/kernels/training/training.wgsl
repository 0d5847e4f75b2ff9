// The numbers that one part of a training step needs; `runtime/training/rows.rs` has the same fields
// in the same order.
struct Training {
    // The part's images: how many, the place of the first in the batch, and of its example.
    images: u32,
    first: u32,
    example: u32,
    // The images of the whole batch.
    batch: u32,
    // Whether gradients are added to those of the parts before.
    accumulates: u32,
    // What keys the noise: the step; and of the seed the fourth word that is hashed, and what is added
    // to the first.
    noise_step: u32,
    seed: vec2u,
    // Whether images are mirrored at random, and whether bytes are spread over their gray levels.
    flip: u32,
    dequantize: u32,
    // Adam's step: the learning rate, its factor of the mean gradient that corrects the bias of the
    // mean and of the mean square, and epsilon with that correction.
    learning_rate: f32,
    correction: f32,
    epsilon: f32,
    // The largest norm of the gradient.
    most: f32,
    // Adam's memory of gradients and of their squares.
    betas: vec2f,
    // The decay of the moving average.
    decay: f32,
    padding_0: u32,
    padding_1: u32,
    padding_2: u32,
}

// One image of a batch.
struct Example {
    // Its place in the data set, and the row of its class.
    image: u32,
    class_row: u32,
    // Its noise level, and the weight of its loss.
    sigma: f32,
    ln_sigma: f32,
    weight: f32,
    // See `SigmaInput::at`.
    c_in: f32,
    score_skip: f32,
    score_out: f32,
}
