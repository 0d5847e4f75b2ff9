// A normalization's channels: the index of one without padding, and where the scales and shifts of
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
    return level_row(n) * ROW + OFFSET;
$else
$if INDEXED
    return u32(levels[level_row(n)].w) * ROW;
$else
    return 0u;
$end
$end
}

// The scale of a channel. Modulation is by how much it differs from 1.
fn affine_scale(at: u32) -> f32 {
    return $if MODULATED 1.0 + $end affine[at];
}
