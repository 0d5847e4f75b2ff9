// Stable targets, last of three kernels: the noise as the mean over all images that the noisy one
// can have come from, E[z | x̃] = (x̃ − Σ w x)/σ. One invocation takes one pixel.

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let n = id.z;
    let example = examples[training.example + n];
    if id.x >= DIMENSION || example.sigma < FROM { return; }
    var sum = 0.0;
    var total = 0.0;
    for (var k = 0u; k < selected_counts[n]; k++) {
        let entry = selected[n * REFERENCES + k];
        let m = entry.x;
        let weight = bitcast<f32>(entry.y);
        var at = id.x;
$if MIRRORED
        if m >= ORIGINALS { at = mirrored(id.x); }
$end
        sum += weight * data_pixel(m % ORIGINALS * DIMENSION + at, 0.5);
        total += weight;
    }
    let at = n * DIMENSION + id.x;
    noise[at] = (image[at] - sum / total) / example.sigma;
}
