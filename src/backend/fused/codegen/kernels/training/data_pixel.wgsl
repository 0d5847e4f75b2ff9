// A pixel of the training images, as in `train/augment.rs`; if bytes are spread, `place` is its
// position within its gray level, from 0 to 1.
fn pixel_of_byte(byte: u32, place: f32) -> f32 {
    let level = f32(byte);
    return select(level / 255.0, (level + place) / 256.0, training.dequantize != 0u);
}

fn data_pixel(at: u32, place: f32) -> f32 {
    return pixel_of_byte((data[at / 4u] >> (at % 4u * 8u)) & 255u, place);
}

// The number of the pixel that a pixel changes places with when its image is mirrored, left for
// right.
fn mirrored(index: u32) -> u32 {
    let column = index % (WIDTH * PATCH);
    return index - column + WIDTH * PATCH - 1u - column;
}
