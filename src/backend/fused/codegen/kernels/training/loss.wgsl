// Denoising score matching: the loss of each image, w ½ ‖σ s + z‖² (loss.rs), and its gradient with
// respect to the network's raw output, w σ (σ s + z) score_out, in patches. One workgroup takes one
// image.

@compute @workgroup_size(GROUP)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
    let n = group.z;
    let example = examples[training.example + n];
    var sum = 0.0;
    for (var i = lane; i < HEIGHT * WIDTH * CHANNELS; i += GROUP) {
        let channel = i % CHANNELS;
        let x = i / CHANNELS % WIDTH;
        let y = i / CHANNELS / WIDTH;
        var gradient = 0.0;
        if !is_padding(channel) {
            let at = n * DIMENSION + pixel_of(y, x, channel);
            let error = example.sigma * score[at] + noise[at];
            sum += error * error;
            gradient = example.weight * example.sigma * error * example.score_out;
        }
        to[n * HEIGHT * WIDTH * CHANNELS + i] = gradient;
    }
    let total = workgroup_sum(sum, lane);
    if lane == 0u {
        losses[training.first + n] = 0.5 * example.weight * total;
    }
}
