// Stable targets, second of three kernels: which training images have a probability that counts,
// and their weights. One workgroup takes one noisy image; each invocation has a share of the
// training images, so that their order stays the same.

// Weights below e to minus this, 10⁻⁷ of the largest, are left out.
const REACH: f32 = 16.118096;

var<workgroup> parts: array<f32, GROUP>;
var<workgroup> counts: array<u32, GROUP>;

@compute @workgroup_size(GROUP)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
    let n = group.z;
    let example = examples[training.example + n];
    if example.sigma < FROM { return; }
    let base = n * REFERENCES;
    let share = (REFERENCES + GROUP - 1u) / GROUP;
    let begin = min(lane * share, REFERENCES);
    let end = min(begin + share, REFERENCES);
    var peak = -3.0e38;
    for (var m = begin; m < end; m++) { peak = max(peak, logits[base + m]); }
    parts[lane] = peak;
    workgroupBarrier();
    for (var half = GROUP / 2u; half > 0u; half /= 2u) {
        if lane < half { parts[lane] = max(parts[lane], parts[lane + half]); }
        workgroupBarrier();
    }
    let highest = parts[0];
    workgroupBarrier();
    // Stored numbers are compared: a result of `exp` may differ between the two loops.
    let least = highest - REACH;
    var count = 0u;
    for (var m = begin; m < end; m++) { count += u32(logits[base + m] >= least); }
    counts[lane] = count;
    workgroupBarrier();
    var place = 0u;
    for (var before = 0u; before < lane; before++) { place += counts[before]; }
    if lane == GROUP - 1u { selected_counts[n] = place + count; }
    for (var m = begin; m < end; m++) {
        let logit = logits[base + m];
        if logit >= least {
            // As integers: the bits of a small m are those of a subnormal f32, which a GPU may
            // round to 0.
            selected[base + place] = vec2u(m, bitcast<u32>(exp(logit - highest)));
            place++;
        }
    }
}
