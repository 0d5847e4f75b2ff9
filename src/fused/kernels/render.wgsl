// Pictures as a grid on a texture, by nearest neighbours, clamped to [0, 1].

struct Grid {
    // Pictures in a row of the grid, its rows, and how many pictures there are.
    columns: u32,
    rows: u32,
    count: u32,
    // The target's size in pixels.
    width: u32,
    height: u32,
}

@vertex
fn cover(@builtin(vertex_index) index: u32) -> @builtin(position) vec4f {
    // One triangle that is larger than the target.
    let corner = vec2f(f32(index & 1u), f32(index >> 1u));
    return vec4f(corner * 4.0 - 1.0, 0.0, 1.0);
}

@fragment
fn shade(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let across = u32(position.x * f32(grid.columns * WIDTH) / f32(grid.width));
    let down = u32(position.y * f32(grid.rows * HEIGHT) / f32(grid.height));
    let n = down / HEIGHT * grid.columns + across / WIDTH;
    if n >= grid.count || across / WIDTH >= grid.columns { return vec4f(0.0); }
    let at = n * CHANNELS * HEIGHT * WIDTH + down % HEIGHT * WIDTH + across % WIDTH;
    var colour = vec3f(pictures[at]);
$if COLOUR
    colour.y = pictures[at + HEIGHT * WIDTH];
    colour.z = pictures[at + 2 * HEIGHT * WIDTH];
$end
    return vec4f(clamp(colour, vec3f(0.0), vec3f(1.0)), 1.0);
}
