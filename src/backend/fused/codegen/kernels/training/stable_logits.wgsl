// Stable targets (Xu, Tong & Jaakkola 2023), first of three kernels: the logarithm of the
// probability of each training image given a noisy one, −‖x̃ − x‖²/2σ², up to what is the same for
// all. One invocation takes one training image; those after ORIGINALS are the same mirrored.

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let n = id.z;
    let example = examples[training.example + n];
    if id.x >= REFERENCES || example.sigma < FROM { return; }
    let original = id.x % ORIGINALS;
$if CLASSES
    // A network that is told a class learns the mean over its images.
    if example.class_row < CLASSES && labels[original] != example.class_row {
        logits[n * REFERENCES + id.x] = -1.0e30;
        return;
    }
$end
    let base = original * DIMENSION;
    var sum = 0.0;
    for (var i = 0u; i < DIMENSION; i++) {
        var at = i;
$if MIRRORED
        if id.x >= ORIGINALS { at = mirrored(i); }
$end
        let off = image[n * DIMENSION + i] - data_pixel(base + at, 0.5);
        sum += off * off;
    }
    logits[n * REFERENCES + id.x] = -0.5 * sum / (example.sigma * example.sigma);
}
