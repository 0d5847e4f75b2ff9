// What workgroups that normalize share.

var<workgroup> scales: array<f32, NORM_CHANNELS>;
var<workgroup> shifts: array<f32, NORM_CHANNELS>;

$if KEEPS
// Whether this workgroup leaves what the gradient needs: one of those for an image does.
var<private> keeps: bool;
$end

// Scale and shift of each channel, which the workgroup computes together.
fn normalization(n: u32, index: u32) {
    gather_moments(n, index);
    let row = affine_row(n);
$if INSTANCE
    let among = among_channels();
$end
    for (var channel = index; channel < NORM_CHANNELS; channel += GROUP) {
$if INSTANCE
        let affined = instance_affine(channel, row, among);
        scales[channel] = affined.x;
        shifts[channel] = affined.y;
$else
        let first = unpadded(channel) / SIZE * SIZE;
        var mean = 0.0;
        var spread = 0.0;
$for t in SOURCES
        for (var c = max(first, REAL_$t); c < min(first + SIZE, REAL_END_$t); c++) {
            mean += moments[c - REAL_$t + BEGIN_$t].x * (1.0 / f32(SIZE));
        }
$end
$for t in SOURCES
        for (var c = max(first, REAL_$t); c < min(first + SIZE, REAL_END_$t); c++) {
            let moment = moments[c - REAL_$t + BEGIN_$t];
            let off = moment.x - mean;
            spread += moment.y + f32(POSITIONS) * off * off;
        }
$end
        let rstd = inverseSqrt(spread / f32(POSITIONS * SIZE) + EPSILON);
        let scale = affine_scale(row + channel) * rstd;
        scales[channel] = scale;
        shifts[channel] = affine[row + NORM_CHANNELS + channel] - mean * scale;
$if KEEPS
        if keeps { normalization_of[n * NORM_CHANNELS + channel] = vec2f(mean, rstd); }
$end
$end
    }
    workgroupBarrier();
}
