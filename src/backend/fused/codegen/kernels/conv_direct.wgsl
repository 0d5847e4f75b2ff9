// A sum of convolutions over one or more sources, all in registers; conv_out.wgsl writes it.
//
// One invocation computes PIXELS neighbors of a row in COLUMNS output channels that are LANES
// apart. Neighboring invocations read neighboring weights and the same inputs, and every weight
// is used PIXELS times. There is no workgroup memory and no barrier.

@compute @workgroup_size(GROUP_LANES, GROUP_TILES)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let lane = id.x;
    let tile = id.y;
    let n = id.z;
    if tile >= TILES { return; }
    let y = tile / TILES_ACROSS;
    let x = (tile % TILES_ACROSS) * PIXELS;

$for s in COLUMNS
    let bias$s = 0.0$for b in BIASES  + f32(parameters[BIAS + $b * OUTPUTS + lane + $s * LANES])$end;
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
                let in$i = f32(source$t[(line + column + $i) * CHANNELS_$t + c]);
$end
$if EDGE_$t_$i
                let inside$i = column + $i < WIDTH_$t;
                let at$i = select(0u, (line + column + $i) * CHANNELS_$t + c, inside$i);
                let in$i = select(0.0, f32(source$t[at$i]), inside$i);
$end
$end
$for k in KERNEL_$t
$for s in COLUMNS
                let w$kx$s = f32(parameters[w + $k * CHANNELS_$t * OUTPUTS + $s * LANES]);
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
