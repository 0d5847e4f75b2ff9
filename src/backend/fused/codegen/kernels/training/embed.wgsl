// What depends on the noise level and the class of each image: the features of sigma for its
// embedding, the row of its class, and the coefficients of the preconditioning. One invocation
// writes one feature.

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= SIZE { return; }
    let n = id.z;
    let example = examples[training.example + n];
    // Sines, then cosines; a sine is a cosine a quarter turn earlier.
    let turn = example.ln_sigma * frequencies[id.x % PAIRS] / 6.2831855 - select(0.0, 0.25, id.x < PAIRS);
    features[n * STRIDE + id.x] = cos_2pi(turn - floor(turn));
$if CLASSES
    class_rows[n * STRIDE + id.x] = weights[CLASS_ROWS + example.class_row * SIZE + id.x];
$end
    if id.x == 0u {
        levels[n] = vec4f(example.c_in, example.score_skip, example.score_out, 0.0);
$for p in PADDING
        features[n * STRIDE + SIZE + $p] = 0.0;
$if CLASSES
        class_rows[n * STRIDE + SIZE + $p] = 0.0;
$end
$end
    }
}
