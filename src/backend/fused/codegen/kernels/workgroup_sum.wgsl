// The sum over a workgroup of one number of each invocation; GROUP is a power of two.

var<workgroup> parts: array<f32, GROUP>;

fn workgroup_sum(part: f32, lane: u32) -> f32 {
    parts[lane] = part;
    workgroupBarrier();
    for (var half = GROUP / 2u; half > 0u; half /= 2u) {
        if lane < half {
            parts[lane] += parts[lane + half];
        }
        workgroupBarrier();
    }
    let sum = parts[0];
    // The next sum must not overwrite this one before all have read it.
    workgroupBarrier();
    return sum;
}
