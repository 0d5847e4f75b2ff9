// Normalizes one tensor, or several whose channels follow each other, then activates: as norm.wgsl,
// but a workgroup finds all scales and shifts together, and then takes BLOCK positions of one image.

@compute @workgroup_size(GROUP)
fn main(@builtin(local_invocation_index) index: u32, @builtin(workgroup_id) group: vec3u) {
    let n = group.z;
    keeps = group.x == 0u;
    normalization(n, index);
    let end = min(group.x * BLOCK + BLOCK, POSITIONS) * NORM_CHANNELS;
    for (var i = group.x * BLOCK * NORM_CHANNELS + index; i < end; i += GROUP) {
        let channel = i % NORM_CHANNELS;
        let position = n * POSITIONS + i / NORM_CHANNELS;
        var value = 0.0;
$for t in SOURCES
        if channel >= BEGIN_$t && channel < BEGIN_$t + STRIDE_OF_$t {
            value = f32(source$t[position * STRIDE_OF_$t + channel - BEGIN_$t]);
        }
$end
        to[n * POSITIONS * NORM_CHANNELS + i] = convert(activated(value * scales[channel] + shifts[channel]));
    }
}
