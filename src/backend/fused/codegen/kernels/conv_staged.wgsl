// A sum of convolutions over one or more sources, as an implicit matrix product; conv_out.wgsl
// writes it.
//
// A workgroup takes GROUP_TILES rows of GROUP_ACROSS tiles of PIXELS neighbors. It loads their
// shared inputs into workgroup memory, 4 CHUNK channels at a time, and normalizes and activates them
// as it does so: a normalization needs no pass of its own. Weights are read through the cache, four
// columns at a time.
//
// SPLIT_K invocations share a tile, each with a part of the channels (split-K): while one of them
// waits for its loads, the GPU computes for another. The first of them adds up their sums.

$if HALF_STAGE
alias Staged = vec4h;
// Clamps as convert.wgsl does, without a branch: what was scaled may be too large for f16, and an
// infinity times a weight of 0 is NaN.
fn staged(x: vec4f) -> Staged { return Staged(clamp(x, vec4f(-65504.0), vec4f(65504.0))); }
$else
alias Staged = vec4f;
fn staged(x: vec4f) -> Staged { return x; }
$end
var<workgroup> stage: array<Staged, STAGE>;
$if SPLIT
var<workgroup> shares: array<vec4f, SHARES>;
$end

@compute @workgroup_size(GROUP_LANES, GROUP_ACROSS, GROUP_TILES * SPLIT_K)
fn main(
    @builtin(local_invocation_id) local: vec3u,
    @builtin(local_invocation_index) index: u32,
    @builtin(workgroup_id) group: vec3u,
) {
    let lane = group.x * GROUP_LANES + local.x;
    let n = group.z;
    // The first of the workgroup's rows, and of its tiles in each.
    let first = group.y / (TILES_ACROSS / GROUP_ACROSS) * GROUP_TILES;
    let left = group.y % (TILES_ACROSS / GROUP_ACROSS) * GROUP_ACROSS;
    let below = local.z % GROUP_TILES;
    let split = local.z / GROUP_TILES;
    let y = first + below;
    let x = (left + local.y) * PIXELS;
    let tile = y * TILES_ACROSS + left + local.y;
$if NORM
    normalization(n, index);
$end

    let bias = vec4f()$for b in BIASES  + vec4f(parameters[(BIAS + $b * OUTPUTS) / 4 + lane])$end;
$for p in PIXELS
    var sum$px0 = $if SPLIT select(vec4f(), bias, split == 0) $else bias $end;
$end

$for t in TERMS
    for (var chunk = 0u; chunk < CHANNELS_$t / 4; chunk += CHUNK_$t) {
        workgroupBarrier();
        for (var i = index; i < CHUNK_$t * SPREAD_$t * DEPTH_$t; i += GROUP) {
            let c = chunk + i % CHUNK_$t;
            let column = left * PIXELS * STRIDE_$t + i / CHUNK_$t % SPREAD_$t - PAD_$t; // wraps below zero
            let row = first * STRIDE_$t + i / CHUNK_$t / SPREAD_$t - PAD_$t;
            var value = vec4f();
            if row < HEIGHT_$t && column < WIDTH_$t {
                let position = (n * HEIGHT_$t + row) * WIDTH_$t + column;
$for u in PARTS_$t
                if c >= PART_$tx$u && c < PART_$tx$u + PART_CHANNELS_$tx$u {
                    value = vec4f(source$tx$u[position * PART_CHANNELS_$tx$u + c - PART_$tx$u]);
                }
$end
$if NORM_$t
                let scale = vec4f(scales[c * 4], scales[c * 4 + 1], scales[c * 4 + 2], scales[c * 4 + 3]);
                let shift = vec4f(shifts[c * 4], shifts[c * 4 + 1], shifts[c * 4 + 2], shifts[c * 4 + 3]);
                value = value * scale + shift;
$end
$if PREPARED_$t
                value = prepared(value);
$end
            }
            stage[i] = staged(value);
        }
        workgroupBarrier();
        for (var ky = 0u; ky < KERNEL_$t; ky++) {
            let line = ((below * STRIDE_$t + ky * DILATION_$t) * SPREAD_$t
                + local.y * PIXELS * STRIDE_$t) * CHUNK_$t;
            let weights = WEIGHTS_$t / 4 + (ky * KERNEL_$t * CHANNELS_$t + chunk * 4) * (OUTPUTS / 4) + lane;
            for (var c = split; c < CHUNK_$t; c += SPLIT_K) {
                let w = weights + c * OUTPUTS;
$for i in REACH_$t
                let in$i = vec4f(stage[line + $i * CHUNK_$t + c]);
$end
$for k in KERNEL_$t
$for j in SPAN
                let w$kx$j = vec4f(parameters[w + ($k * CHANNELS_$t + $j) * (OUTPUTS / 4)]);
$for p in PIXELS
                sum$px0 += in$[$p * STRIDE_$t + $k * DILATION_$t][$j] * w$kx$j;
$end
$end
$end
            }
        }
    }
$end
$if SPLIT
    let share = (below * GROUP_ACROSS + local.y) * GROUP_LANES + local.x;
$for p in PIXELS
    workgroupBarrier();
    if split > 0 { shares[(split - 1) * GROUP / SPLIT_K + share] = sum$px0; }
    workgroupBarrier();
    if split == 0 {
        for (var other = share; other < SHARES; other += GROUP / SPLIT_K) { sum$px0 += shares[other]; }
    }
$end
    if split > 0 { return; }
$end
    if y >= HEIGHT { return; }
