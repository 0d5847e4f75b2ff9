// A batch of noisy images, x + sigma z, and their noise: the numbers of `train/batch.rs`. Also the
// images as the network takes them, as load.wgsl does. One invocation makes one pixel, in the order
// of the patches.

// Number `index` of the image's stream, as in `random/`.
fn words(index: u32, n: u32) -> vec4u {
    let stream = training.first + n;
    return pcg4d(vec4u(index + training.seed.y, stream, training.noise_step, training.seed.x));
}

fn uniform_number(index: u32, n: u32) -> f32 {
    return min(unit(words(index, n).x), 0.99999994);
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= HEIGHT * WIDTH * CHANNELS { return; }
    let n = id.z;
    let example = examples[training.example + n];
    let channel = id.x % CHANNELS;
    let patch_at = n * HEIGHT * WIDTH * CHANNELS + id.x;
    if is_padding(channel) {
        patches[patch_at] = 0.0;
        return;
    }
    let index = pixel_of(id.x / CHANNELS / WIDTH, id.x / CHANNELS % WIDTH, channel);

    // Changes to the image are keyed by numbers from 2^31 on, which no pixel has (random/streams.rs).
    var source = index;
    if training.flip != 0u && uniform_number(0x80000000u, n) < 0.5 {
        source = mirrored(index);
    }
    var place = 0.0;
    if training.dequantize != 0u { place = uniform_number(0x80000001u + source, n); }
    let pixel = data_pixel(example.image * DIMENSION + source, place);
    let z = box_muller(words(index, n));
    let noisy = pixel + example.sigma * z;
    noise[n * DIMENSION + index] = z;
    to[n * DIMENSION + index] = noisy;
    patches[patch_at] = (noisy - MEAN) * example.c_in;
}
