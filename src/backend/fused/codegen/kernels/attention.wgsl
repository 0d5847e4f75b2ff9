// Self-attention: each position's query against all keys, with an online softmax (Milakov &
// Gimelshein 2018), so that no matrix of weights is ever stored.
//
// One invocation takes one position of one head of one image. Neighboring invocations read the
// same keys and values, SPAN channels at a time. Staged, these are in workgroup memory, a BLOCK of
// positions at a time, and SPLIT_K invocations share a query, each with a part of the positions; the
// first of them combines their sums.

alias Span = $if QUADS vec4f $else f32 $end;
$if STAGED
var<workgroup> stage: array<Span, STAGE>;
var<workgroup> totals: array<vec2f, QUERIES>;
$end

@compute @workgroup_size(QUERIES, SPLIT_K)
fn main(
    @builtin(local_invocation_id) local: vec3u,
    @builtin(local_invocation_index) index: u32,
    @builtin(workgroup_id) group: vec3u,
) {
    let position = group.x * QUERIES + local.x;
    let head = group.y;
    let n = group.z;
    let base = n * POSITIONS;
    let channel = head * SIZE;

    let query = ((base + min(position, POSITIONS - 1)) * INPUTS + channel) / SPAN;
    var peak = -3.0e38;
    var total = 0.0;
$for d in SPANS
    let query$d = Span(qkv[query + $d]) * SCALE;
    var sum$d = Span(0.0);
$end
    for (var block = 0u; block < POSITIONS; block += BLOCK) {
$if STAGED
        workgroupBarrier();
        for (var i = index; i < BLOCK * SPANS * 2; i += QUERIES * SPLIT_K) {
            // Keys, then values; what lies beyond the last position is not used.
            let d = i % SPANS + i / SPANS % 2 * (OUTPUTS_REAL / SPAN);
            let key = min(block + i / SPANS / 2, POSITIONS - 1);
            stage[i] = Span(qkv[((base + key) * INPUTS + OUTPUTS_REAL + channel) / SPAN + d]);
        }
        workgroupBarrier();
$end
        for (var i = local.y; i < min(BLOCK, POSITIONS - block); i += SPLIT_K) {
$if STAGED
            let key = i * SPANS * 2;
$else
            let key = ((base + i) * INPUTS + OUTPUTS_REAL + channel) / SPAN;
$end
$for d in SPANS
            let key$d = $if STAGED stage[key + $d] $else Span(qkv[key + $d]) $end;
$end
            var logit = 0.0;
$for d in SPANS
            logit += $if QUADS dot(query$d, key$d) $else query$d * key$d $end;
$end
            let higher = max(peak, logit);
            let keep = exp(peak - higher);
            let weight = exp(logit - higher);
            peak = higher;
            total = total * keep + weight;
$for d in SPANS
            let value$d = $if STAGED stage[key + SPANS + $d] $else Span(qkv[key + OUTPUTS_REAL / SPAN + $d]) $end;
            sum$d = sum$d * keep + weight * value$d;
$end
        }
    }
$if STAGED
    for (var split = 1u; split < SPLIT_K; split++) {
        workgroupBarrier();
        if local.y == split {
            totals[local.x] = vec2f(peak, total);
$for d in SPANS
            stage[local.x * SPANS + $d] = sum$d;
$end
        }
        workgroupBarrier();
        if local.y == 0 {
            let other = totals[local.x];
            let higher = max(peak, other.x);
            let keep = exp(peak - higher);
            let weight = exp(other.x - higher);
            peak = higher;
            total = total * keep + other.y * weight;
$for d in SPANS
            sum$d = sum$d * keep + stage[local.x * SPANS + $d] * weight;
$end
        }
    }
    if local.y > 0 { return; }
$end
    if position >= POSITIONS { return; }
    let row = (base + position) * OUTPUTS;
$for d in SPANS
    to[(row + channel) / SPAN + $d] = $if QUADS convert4 $else convert $end(sum$d / total);
$end
$if QUADS
$else
    // The weights of padding are 0, but 0 times leftover memory may be NaN.
    if head == 0u {
        for (var pad = OUTPUTS_REAL; pad < OUTPUTS; pad++) { to[row + pad] = convert(0.0); }
    }
$end
}
