// The parameters of all launches, from the weights: in the order of memory, transposed for backward
// launches, and padded. One invocation writes one number.

@compute @workgroup_size(GROUP)
fn main(
    @builtin(local_invocation_index) lane: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let at = (group.y * groups.x + group.x) * GROUP + lane;
    if at >= COUNT { return; }
    let place = places[at];
    var value = 0.0;
    if place != NONE { value = weights[place]; }
    parameters[at] = value;
}
