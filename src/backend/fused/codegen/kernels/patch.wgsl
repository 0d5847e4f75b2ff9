// Networks take an image in patches: each PATCH × PATCH square of pixels is folded into the channels
// of one position, in the order (row in the patch, column in the patch, color). The channels after
// those are padding.

fn is_padding(channel: u32) -> bool {
    return channel >= COLORS * PATCH * PATCH;
}

// The number in its image of the pixel that a channel of the patch at row y and column x holds.
fn pixel_of(y: u32, x: u32, channel: u32) -> u32 {
    let part = channel / COLORS;
    let row = y * PATCH + part / PATCH;
    return (channel % COLORS * HEIGHT * PATCH + row) * WIDTH * PATCH + x * PATCH + part % PATCH;
}
