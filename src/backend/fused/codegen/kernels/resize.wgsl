// Resizes residuals by bilinear interpolation with aligned corners.
$for r in RESIDUALS
$if RESIZED_$r

fn resized$r(n: u32, y: u32, x: u32, channel: u32) -> Written {
    let row = y * (HEIGHT_OF_$r - 1u);
    let column = x * (WIDTH_OF_$r - 1u);
    let top = row / (HEIGHT - 1u);
    let left = column / (WIDTH - 1u);
    let bottom = min(top + 1u, HEIGHT_OF_$r - 1u);
    let right = min(left + 1u, WIDTH_OF_$r - 1u);
    let down = f32(row % (HEIGHT - 1u)) / f32(HEIGHT - 1u);
    let across = f32(column % (WIDTH - 1u)) / f32(WIDTH - 1u);
    let above = ((n * HEIGHT_OF_$r + top) * WIDTH_OF_$r * CHANNELS + channel) / SPAN;
    let below = ((n * HEIGHT_OF_$r + bottom) * WIDTH_OF_$r * CHANNELS + channel) / SPAN;
    let start = left * CHANNELS / SPAN;
    let end = right * CHANNELS / SPAN;
    return mix(
        mix(Written(residual$r[above + start]), Written(residual$r[above + end]), across),
        mix(Written(residual$r[below + start]), Written(residual$r[below + end]), across),
        down,
    );
}
$end
$end
