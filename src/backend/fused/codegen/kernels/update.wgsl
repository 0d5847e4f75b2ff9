// The steps that the network's last layer cannot take: those that are guided, whose size is measured,
// that use the score or the denoised images of steps before, that mix the noise of two seeds, or that
// impose an observation. The network has written the score to a buffer. One workgroup takes one
// image.

// Noise as `Conditioning::fill_normal` mixes it.
fn mixed_normal(index: u32, n: u32, noise_step: u32) -> f32 {
    var z = normal(index, n, noise_step, step.seed);
    let mixture = mixtures[n];
    if mixture.y != 0.0 {
        z = mixture.x * z + mixture.y * normal(index, n, noise_step, step.other);
    }
    return z;
}

// The score with classifier-free guidance: s(x | c) + (w - 1) (s(x | c) - s(x)), where s(x) follows
// the scores of the images.
fn guided_score(at: u32) -> f32 {
    let s = score[at];
    if step.guidance == 0.0 { return s; }
    return s + step.guidance * (s - score[step.images * DIMENSION + at]);
}

// The same for the step before.
fn guided_before(at: u32) -> f32 {
    let s = before[at];
    if step.previous_guidance == 0.0 { return s; }
    return s + step.previous_guidance * (s - before[step.images * DIMENSION + at]);
}

// ‖s‖² of an image.
fn norm2(base: u32, lane: u32) -> f32 {
    var sum = 0.0;
    for (var i = lane; i < DIMENSION; i += GROUP) {
        let s = guided_score(base + i);
        sum += s * s;
    }
    return workgroup_sum(sum, lane);
}

@compute @workgroup_size(GROUP)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
    let n = group.z;
    let base = n * DIMENSION;

    // x' = x + gain s + previous s₋ + a₁ (D₋₁ − x) + a₂ (D₋₂ − x) + noise z.
    var gain = step.update_gain;
    var noise = step.update_noise;
    if step.signal > 0.0 {
        gain = step.signal / max(norm2(base, lane), step.bound);
        noise = sqrt(2.0 * gain);
    }
    for (var i = lane; i < DIMENSION; i += GROUP) {
        let x = image[base + i];
        let s = guided_score(base + i);
        var next = x + gain * s;
        if step.update_previous != 0.0 {
            next += step.update_previous * guided_before(base + i);
        }
        if step.denoise > 0.0 {
            // Where the factor is 0, `denoised` may hold numbers of an earlier run, and 0 times NaN
            // is NaN.
            let earlier = denoised[base + i];
            if step.earlier_1 != 0.0 { next += step.earlier_1 * (earlier.x - x); }
            if step.earlier_2 != 0.0 { next += step.earlier_2 * (earlier.y - x); }
            denoised[base + i] = vec2f(x + step.denoise * s, earlier.x);
        }
        if noise > 0.0 {
            next += noise * mixed_normal(i, n, step.noise_step);
        }
        to[base + i] = next;
    }

    // x' ← (I − P) x' + P (y + σ z): P replaces each pixel by the mean of its block.
    if step.block_width == 0u { return; }
    storageBarrier();
    let columns = WIDTH / step.block_width;
    let rows = HEIGHT / step.block_height;
    let size = step.block_channels * step.block_height * step.block_width;
    for (var block = lane; block < COLORS / step.block_channels * rows * columns; block += GROUP) {
        let color = block / (rows * columns) * step.block_channels;
        let y = block / columns % rows * step.block_height;
        let first = (color * HEIGHT + y) * WIDTH + block % columns * step.block_width;
        let observed = observation[first];
        if observed.y == 0.0 { continue; }
        var mean = 0.0;
        var z = 0.0;
        for (var i = 0u; i < size; i++) {
            let at = first + in_block(i);
            mean += to[base + at];
            if step.observed_sigma > 0.0 {
                z += mixed_normal(at, n, step.observed_step);
            }
        }
        mean /= f32(size);
        z /= f32(size);
        for (var i = 0u; i < size; i++) {
            let at = base + first + in_block(i);
            // In this order it is exact for blocks of a single pixel.
            to[at] = (to[at] - mean) + (observed.x + step.observed_sigma * z);
        }
    }
}

// The offset of a block's pixel from its first.
fn in_block(i: u32) -> u32 {
    let row = i / step.block_width;
    let color = row / step.block_height;
    return (color * HEIGHT + row % step.block_height) * WIDTH + i % step.block_width;
}
