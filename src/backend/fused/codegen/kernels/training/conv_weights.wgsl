// The gradient with respect to a convolution's weights and biases: products of its input and of the
// gradient with respect to its output, summed over images and positions.
//
// One invocation computes four input channels of a row of taps in four columns. Neighboring
// invocations read the same inputs and neighboring columns. SPLITS of them share the rows of all
// images; reduce.wgsl adds up their sums, in a fixed order.

@compute @workgroup_size(GROUP_LANES, GROUP_ROWS)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let lane = id.x;
    let split = id.z;
    if lane >= OUTPUTS / 4u { return; }
    // Where these columns are in the gradient: see conv_out.wgsl.
    let part = lane * 4u / CHANNELS;
    let corner = part / FOLD * (WIDTH * FOLD) + part % FOLD;
    let channel = lane * 4u % CHANNELS;
    let to = FIRST / 4u + split * (SIZE / 4u) + lane;
$for t in TERMS
    if id.y >= ROW_$t && id.y < ROW_$t + KERNEL_$t * QUADS_$t {
        let ky = (id.y - ROW_$t) / QUADS_$t;
        let c = (id.y - ROW_$t) % QUADS_$t;
$for k in KERNEL_$t
$for j in SPAN
        var sum$kx$j = vec4f();
$end
$end
$if BIAS_$t
        // The row of taps that is never beyond the edge.
        let biased = ky == PAD_$t && c == 0u;
        var bias = vec4f();
$end
        for (var r = split; r < training.images * HEIGHT; r += SPLITS) {
            let n = r / HEIGHT;
            let y = r % HEIGHT;
            let row = y * STRIDE_$t + ky * DILATION_$t - PAD_$t; // wraps below zero
            if row < HEIGHT_$t {
                let line = (n * HEIGHT_$t + row) * WIDTH_$t;
                let pixels = r * FOLD * WIDTH * FOLD + corner;
$if SLIDES_$t
                // The inputs under the taps move on by one from pixel to pixel.
$for k in KERNEL_$t
                var value$k = vec4f();
                if $k >= PAD_$t + 1u { value$k = vec4f(source$t[(line + $k - PAD_$t - 1u) * QUADS_$t + c]); }
$end
$end
                for (var x = 0u; x < WIDTH; x++) {
                    let d = gradient[((pixels + x * FOLD) * CHANNELS + channel) / 4u];
$if BIAS_$t
                    if biased { bias += d; }
$end
$if SLIDES_$t
$for k in LEAD_$t
                    value$k = value$[$k + 1];
$end
                    let next = x + LEAD_$t - PAD_$t;
                    value$[LEAD_$t] = vec4f();
                    if next < WIDTH_$t { value$[LEAD_$t] = vec4f(source$t[(line + next) * QUADS_$t + c]); }
$else
$for k in KERNEL_$t
                    var value$k = vec4f();
                    let column$k = x * STRIDE_$t + $k * DILATION_$t - PAD_$t;
                    if column$k < WIDTH_$t { value$k = vec4f(source$t[(line + column$k) * QUADS_$t + c]); }
$end
$end
$for k in KERNEL_$t
$for j in SPAN
                    sum$kx$j += value$k[$j] * d;
$end
$end
                }
            }
        }
$for k in KERNEL_$t
$for j in SPAN
        partials[to + (WEIGHTS_$t + ((ky * KERNEL_$t + $k) * CHANNELS_$t + c * 4u + $j) * OUTPUTS) / 4u] = sum$kx$j;
$end
$end
$if BIAS_$t
        if biased { partials[to + BIAS / 4u] = bias; }
$end
    }
$end
}
