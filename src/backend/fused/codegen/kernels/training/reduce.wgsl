// The gradient with respect to every weight, from what the backward launches left: sums over some of
// the images for the weights of convolutions, over one image for the scales and shifts of
// normalizations and for classes. Always in the same order, so that runs repeat bit for bit.
//
// An invocation takes every GROUP-th of the SHARE weights of its workgroup.

fn gradient(i: u32) -> f32 {
    // Where its parts begin, how far apart they are, how many there are, and what they are.
    let origin = origins[i];
    var value = 0.0;
    if origin.w == 0u {
        for (var k = 0u; k < origin.z; k++) { value += partials[origin.x + k * origin.y]; }
    }
    if origin.w == 1u {
        for (var n = 0u; n < training.images; n++) { value += affine[n * AFFINE + origin.x]; }
    }
$if CLASSES
    if origin.w == 2u {
        for (var n = 0u; n < training.images; n++) {
            if examples[training.example + n].class_row == origin.y {
                value += class_gradient[n * CLASS + origin.x];
            }
        }
    }
$end
    return value;
}

@compute @workgroup_size(GROUP)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
    let end = min(group.x * SHARE + SHARE, COUNT);
    var square = 0.0;
    for (var i = group.x * SHARE + lane; i < end; i += GROUP) {
        var value = gradient(i);
        if training.accumulates != 0u { value += gradients[i]; }
        gradients[i] = value;
        square += value * value;
    }
    let total = workgroup_sum(square, lane);
    if lane == 0u { squares[group.x] = total; }
}
