// Self-attention: each position's query against all keys, with the softmax taken on the way
// (Milakov & Gimelshein 2018), so that no matrix of weights is ever stored.
//
// One invocation takes QUERIES positions, TILES apart, of one head of one picture; neighbouring
// invocations read the same keys and values.

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
$for d in SIZE
    let query$qx$d = f32(qkv[(base + position$q) * INPUTS + channel + $d]) * SCALE;
    var sum$qx$d = 0.0;
$end
$end
    for (var i = 0u; i < POSITIONS; i++) {
        let key = (base + i) * INPUTS + OUTPUTS_REAL + channel;
$for d in SIZE
        let key$d = f32(qkv[key + $d]);
$end
$for q in QUERIES
        var logit$q = 0.0;
$for d in SIZE
        logit$q += query$qx$d * key$d;
$end
        let higher$q = max(peak$q, logit$q);
        let keep$q = exp(peak$q - higher$q);
        let weight$q = exp(logit$q - higher$q);
        peak$q = higher$q;
        total$q = total$q * keep$q + weight$q;
$end
$for d in SIZE
        let value$d = f32(qkv[key + OUTPUTS_REAL + $d]);
$for q in QUERIES
        sum$qx$d = sum$qx$d * keep$q + weight$q * value$d;
$end
$end
    }
$for q in QUERIES
    if tile + $q * TILES < POSITIONS {
$for d in SIZE
        to[(base + position$q) * OUTPUTS + channel + $d] = stored(sum$qx$d / total$q);
$end
        // Weights of padding are 0, but 0 times what was left there may be NaN.
        if head == 0u {
            for (var pad = OUTPUTS_REAL; pad < OUTPUTS; pad++) {
                to[(base + position$q) * OUTPUTS + pad] = stored(0.0);
            }
        }
    }
$end
}
