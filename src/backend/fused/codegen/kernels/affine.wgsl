// A normalisation's channels: the index of one without padding, and where the scales and shifts of
// an image begin.

fn unpadded(channel: u32) -> u32 {
    var real = 0u;
$for t in SOURCES
    if channel >= BEGIN_$t { real = min(channel - BEGIN_$t + REAL_$t, REAL_END_$t - 1); }
$end
    return real;
}

fn affine_row(n: u32) -> u32 {
$if MODULATED
    return (step.row + n * step.row_stride) * ROW + OFFSET;
$else
$if INDEXED
    return u32(levels[step.row + n * step.row_stride].w) * ROW;
$else
    return 0u;
$end
$end
}
