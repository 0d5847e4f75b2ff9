// The image as the network takes it: centered, scaled by c_in, in patches. One invocation writes one
// number.

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= WIDTH * CHANNELS { return; }
    let n = id.z;
    let channel = id.x % CHANNELS;
    let x = id.x / CHANNELS;
    let y = id.y;
    var value = 0.0;
    if !is_padding(channel) {
        let pixel = image[image_index(n) * DIMENSION + pixel_of(y, x, channel)];
        value = (pixel - MEAN) * levels[level_row(n)].x;
    }
    to[(n * HEIGHT + y) * WIDTH * CHANNELS + id.x] = value;
}
