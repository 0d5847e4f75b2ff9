// Turns the network's raw output F at one pixel into the score, s = skip (x − μ) + output F, and
// that into x' = keep x + gain s + noise z + back x₋. The factors (1, α, √2α, 0) make a Langevin
// step, (1, σ², 0, 0) the denoiser, and (0, 1, 0, 0) the score itself. x₋ is the image before the
// last step, which is still in the buffer that x' is written to.

fn write_score(n: u32, y: u32, x: u32, column: u32, raw: f32) {
    if is_padding(column) { return; }
    let index = pixel_of(y, x, column);
    let at = n * DIMENSION + index;

    let level = levels[level_row(n)];
    let pixel = image[image_index(n) * DIMENSION + index];
    let score = level.y * (pixel - MEAN) + level.z * raw;
    var next = step.keep * pixel + step.gain * score;
    if step.noise > 0.0 {
        next += step.noise * normal(index, n, step.noise_step, step.seed);
    }
    if step.back != 0.0 {
        next += step.back * to[at];
    }
    to[at] = next;
}
