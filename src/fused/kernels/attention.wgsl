// Self-attention: each position's query against all keys, with an online softmax (Milakov &
// Gimelshein 2018), so that no matrix of weights is ever stored.
//
// One invocation takes QUERIES positions, TILES apart, of one head of one picture. Neighbouring
// invocations read the same keys and values, SPAN channels at a time.

alias Span = $if QUADS vec4f $else f32 $end;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let tile = id.x;
    let head = id.y;
    let n = id.z;
    if tile >= TILES { return; }
    let base = n * POSITIONS;
    let channel = head * SIZE;

$for q in QUERIES
    let position$q = min(tile + $q * TILES, POSITIONS - 1);
    var peak$q = -3.0e38;
    var total$q = 0.0;
$for d in SPANS
    let query$qx$d = Span(qkv[((base + position$q) * INPUTS + channel) / SPAN + $d]) * SCALE;
    var sum$qx$d = Span(0.0);
$end
$end
    for (var i = 0u; i < POSITIONS; i++) {
        let key = ((base + i) * INPUTS + OUTPUTS_REAL + channel) / SPAN;
$for d in SPANS
        let key$d = Span(qkv[key + $d]);
$end
$for q in QUERIES
        var logit$q = 0.0;
$for d in SPANS
        logit$q += $if QUADS dot(query$qx$d, key$d) $else query$qx$d * key$d $end;
$end
        let higher$q = max(peak$q, logit$q);
        let keep$q = exp(peak$q - higher$q);
        let weight$q = exp(logit$q - higher$q);
        peak$q = higher$q;
        total$q = total$q * keep$q + weight$q;
$end
$for d in SPANS
        let value$d = Span(qkv[key + OUTPUTS_REAL / SPAN + $d]);
$for q in QUERIES
        sum$qx$d = sum$qx$d * keep$q + weight$q * value$d;
$end
$end
    }
$for q in QUERIES
    if tile + $q * TILES < POSITIONS {
$for d in SPANS
        to[((base + position$q) * OUTPUTS + channel) / SPAN + $d] = $if QUADS stored4 $else stored $end(sum$qx$d / total$q);
$end
$if QUADS
$else
        // The weights of padding are 0, but 0 times leftover memory may be NaN.
        if head == 0u {
            for (var pad = OUTPUTS_REAL; pad < OUTPUTS; pad++) {
                to[(base + position$q) * OUTPUTS + pad] = stored(0.0);
            }
        }
$end
    }
$end
}
