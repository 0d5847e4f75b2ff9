// The mean or maximum of the (2 REACH + 1)² positions around each. Beyond the edge the mean counts
// zeros, the maximum nothing. One invocation writes four channels of one position.

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= WIDTH * QUADS { return; }
    let quad = id.x % QUADS;
    let x = id.x / QUADS;
    let y = id.y;
    let base = id.z * HEIGHT * WIDTH;
    var pool = vec4f($if MAXIMUM -3.0e38 $else 0.0 $end);
    for (var row = max(y, REACH) - REACH; row <= min(y + REACH, HEIGHT - 1u); row++) {
        for (var column = max(x, REACH) - REACH; column <= min(x + REACH, WIDTH - 1u); column++) {
            let value = vec4f(source[(base + row * WIDTH + column) * QUADS + quad]);
            pool = $if MAXIMUM max(pool, value) $else pool + value $end;
        }
    }
    let side = f32(2u * REACH + 1u);
    to[(base + y * WIDTH) * QUADS + id.x] = convert4(pool$if MAXIMUM $else  * (1.0 / (side * side))$end);
}
