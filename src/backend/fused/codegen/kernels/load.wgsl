// The image as the network takes it: centered, scaled by c_in, each PATCH × PATCH square of pixels
// folded into the channels of one position. One invocation writes one number.

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= HEIGHT * WIDTH * CHANNELS { return; }
    let n = id.z;
    let channel = id.x % CHANNELS;
    let x = id.x / CHANNELS % WIDTH;
    let y = id.x / CHANNELS / WIDTH;
    // Channels are ordered as (row in the square, column in the square, color).
    let color = channel % COLORS;
    let part = channel / COLORS;
    var value = 0.0;
    if part < PATCH * PATCH {
        let line = (image_index(n) * COLORS + color) * HEIGHT * PATCH + y * PATCH + part / PATCH;
        let pixel = image[line * WIDTH * PATCH + x * PATCH + part % PATCH];
        value = (pixel - MEAN) * levels[level_row(n)].x;
    }
    to[n * HEIGHT * WIDTH * CHANNELS + id.x] = value;
}
