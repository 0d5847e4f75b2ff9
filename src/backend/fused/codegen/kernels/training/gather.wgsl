// The parameters of all launches, from the weights: in the order of memory, transposed for backward
// launches, and padded. One invocation writes one word: an f32, or two numbers in f16.

fn number(place: u32) -> f32 {
    if place == NONE { return 0.0; }
    return weights[place];
}

@compute @workgroup_size(GROUP)
fn main(
    @builtin(local_invocation_index) lane: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let word = (group.y * groups.x + group.x) * GROUP + lane;
    if word >= COUNT { return; }
    let place = places[word];
    if place.y == SINGLE {
        parameters[word] = bitcast<u32>(number(place.x));
    } else {
        let pair = clamp(vec2f(number(place.x), number(place.y)), vec2f(-65504.0), vec2f(65504.0));
        parameters[word] = pack2x16float(pair);
    }
}
