// The gradient with respect to queries, keys and values. The weights w of attention are computed
// again, so no matrix of them is ever stored: with p = w ∘ (∂v − D), where ∂v is the product of the
// values and the gradient and D its mean under w, the gradient is p k for queries, pᵀ q for keys
// and wᵀ ∂ for values (Dao et al. 2022, section B.2).
//
// A workgroup takes one head of one image.

alias Span = $if QUADS vec4f $else f32 $end;

// For each query, the logarithm of the sum of its weights, and D.
var<workgroup> totals: array<vec2f, POSITIONS>;

fn product(a: Span, b: Span) -> f32 {
    return $if QUADS dot(a, b) $else a * b $end;
}

@compute @workgroup_size(GROUP)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
    let base = group.z * POSITIONS;
    let channel = group.x * SIZE;

    for (var i = lane; i < POSITIONS; i += GROUP) {
        let at = ((base + i) * INPUTS + channel) / SPAN;
        let row = ((base + i) * OUTPUTS + channel) / SPAN;
$for d in SPANS
        let query$d = Span(qkv[at + $d]) * SCALE;
        let given$d = gradient[row + $d];
        var sum$d = Span(0.0);
$end
        var peak = -3.0e38;
        var total = 0.0;
        var mean = 0.0;
        for (var j = 0u; j < POSITIONS; j++) {
            let key = ((base + j) * INPUTS + OUTPUTS_REAL + channel) / SPAN;
            let value = key + OUTPUTS_REAL / SPAN;
            let logit = 0.0$for d in SPANS  + product(query$d, Span(qkv[key + $d]))$end;
            let change = 0.0$for d in SPANS  + product(given$d, Span(qkv[value + $d]))$end;
            let higher = max(peak, logit);
            let keep = exp(peak - higher);
            let weight = exp(logit - higher);
            peak = higher;
            total = total * keep + weight;
            mean = mean * keep + weight * change;
        }
        mean /= total;
        total = peak + log(total);
        totals[i] = vec2f(total, mean);
        for (var j = 0u; j < POSITIONS; j++) {
            let key = ((base + j) * INPUTS + OUTPUTS_REAL + channel) / SPAN;
            let value = key + OUTPUTS_REAL / SPAN;
            let logit = 0.0$for d in SPANS  + product(query$d, Span(qkv[key + $d]))$end;
            let change = 0.0$for d in SPANS  + product(given$d, Span(qkv[value + $d]))$end;
            let p = exp(logit - total) * (change - mean) * SCALE;
$for d in SPANS
            sum$d += p * Span(qkv[key + $d]);
$end
        }
$for d in SPANS
        to[at + $d] = sum$d;
$end
    }
    workgroupBarrier();

    for (var j = lane; j < POSITIONS; j += GROUP) {
        let at = ((base + j) * INPUTS + OUTPUTS_REAL + channel) / SPAN;
        let behind = at + OUTPUTS_REAL / SPAN;
$for d in SPANS
        let key$d = Span(qkv[at + $d]) * SCALE;
        let value$d = Span(qkv[behind + $d]);
        var keys$d = Span(0.0);
        var values$d = Span(0.0);
$end
        for (var i = 0u; i < POSITIONS; i++) {
            let query = ((base + i) * INPUTS + channel) / SPAN;
            let row = ((base + i) * OUTPUTS + channel) / SPAN;
            let logit = 0.0$for d in SPANS  + product(key$d, Span(qkv[query + $d]))$end;
            let change = 0.0$for d in SPANS  + product(value$d, gradient[row + $d])$end;
            let weight = exp(logit - totals[i].x);
            let p = weight * (change - totals[i].y) * SCALE;
$for d in SPANS
            keys$d += p * Span(qkv[query + $d]);
            values$d += weight * gradient[row + $d];
$end
        }
$for d in SPANS
        to[at + $d] = keys$d;
        to[behind + $d] = values$d;
$end
    }
$if QUADS
$else
    // The weights of padding are 0, but 0 times leftover memory may be NaN.
    if group.x == 0u {
        for (var i = lane; i < POSITIONS; i += GROUP) {
            for (var pad = 3u * OUTPUTS_REAL; pad < INPUTS; pad++) { to[(base + i) * INPUTS + pad] = 0.0; }
        }
    }
$end
}
