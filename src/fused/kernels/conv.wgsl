// A sum of convolutions over one or more sources, plus bias and residual, all in registers.
//
// One invocation computes PIXELS neighbours of a row in COLUMNS output channels that are LANES
// apart: neighbouring invocations read neighbouring weights and the very same inputs, and every
// weight is used PIXELS times. There is no workgroup memory and no barrier.

@compute @workgroup_size(GROUP_LANES, GROUP_TILES)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let lane = id.x;
    let tile = id.y;
    let n = id.z;
$if RAGGED
    if tile >= TILES { return; }
$end
    let y = tile / TILES_ACROSS;
    let x = (tile % TILES_ACROSS) * PIXELS;

$for s in COLUMNS
    let bias$s = parameters[BIAS + lane + $s * LANES];
$for p in PIXELS
    var sum$px$s = bias$s;
$end
$end

$for t in TERMS
    for (var ky = 0u; ky < KERNEL_$t; ky++) {
        let row = y * STRIDE_$t + ky * DILATION_$t - PAD_$t; // wraps below zero
        if row < HEIGHT_$t {
            let line = (n * HEIGHT_$t + row) * WIDTH_$t;
            let column = x * STRIDE_$t - PAD_$t;
            for (var c = 0u; c < CHANNELS_$t; c++) {
                let w = WEIGHTS_$t + (ky * KERNEL_$t * CHANNELS_$t + c) * OUTPUTS + lane;
$for i in REACH_$t
$if INSIDE_$t_$i
                let in$i = source$t[(line + column + $i) * CHANNELS_$t + c];
$end
$if EDGE_$t_$i
                let inside$i = column + $i < WIDTH_$t;
                let at$i = select(0u, (line + column + $i) * CHANNELS_$t + c, inside$i);
                let in$i = select(0.0, source$t[at$i], inside$i);
$end
$end
$for k in KERNEL_$t
$for s in COLUMNS
                let w$kx$s = parameters[w + $k * CHANNELS_$t * OUTPUTS + $s * LANES];
$for p in PIXELS
$if REACHED_$t_$[$p * STRIDE_$t + $k * DILATION_$t]
                sum$px$s += in$[$p * STRIDE_$t + $k * DILATION_$t] * w$kx$s;
$end
$end
$end
$end
            }
        }
    }
$end

$if HEAD
$for s in COLUMNS
$for p in PIXELS
    finish(n, y, x + $p, lane + $s * LANES, sum$px$s);
$end
$end
$else
$for s in COLUMNS
    {
        // Where the output goes: the columns of an unfolding convolution are FOLD × FOLD pixels.
        let column = lane + $s * LANES;
        let part = column / CHANNELS;
        let channel = column % CHANNELS;
        let line = (n * HEIGHT + y) * FOLD + part / FOLD;
        let at = ((line * WIDTH + x) * FOLD + part % FOLD) * CHANNELS + channel;
$for p in PIXELS
        let value$p = $if SILU silu(sum$px$s) $else sum$px$s $end $if RESIDUAL + residual[at + $p * FOLD * CHANNELS] $end;
        to[at + $p * FOLD * CHANNELS] = value$p;
$end
$if STATISTICS
        // Mean and squared deviations of this tile, for the normalisation that follows.
        var mean = 0.0;
        var spread = 0.0;
$for p in PIXELS
        mean += value$p;
$end
        mean *= 1.0 / f32(PIXELS);
$for p in PIXELS
        spread += (value$p - mean) * (value$p - mean);
$end
        let entry = (n * TILES + tile) * FOLD * FOLD + part;
        statistics[entry * CHANNELS + channel] = vec2f(mean, spread);
$end
    }
$end
$end
}
