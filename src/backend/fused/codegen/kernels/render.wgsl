// Draws images as a grid, with nearest-neighbor sampling, clamped to [0, 1].

struct Grid {
    // Images in a row of the grid, its rows, and how many images there are.
    columns: u32,
    rows: u32,
    count: u32,
    // The gap between images, in their pixels; it stays transparent.
    gap: u32,
    // The target's size in pixels.
    width: u32,
    height: u32,
}

@vertex
fn cover(@builtin(vertex_index) index: u32) -> @builtin(position) vec4f {
    // One triangle, larger than the target.
    let corner = vec2f(f32(index & 1u), f32(index >> 1u));
    return vec4f(corner * 4.0 - 1.0, 0.0, 1.0);
}

@fragment
fn shade(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let cell = vec2u(WIDTH, HEIGHT) + grid.gap;
    let whole = vec2u(grid.columns, grid.rows) * cell - grid.gap;
    let pixel = vec2u(position.xy * vec2f(whole) / vec2f(f32(grid.width), f32(grid.height)));
    let place = pixel / cell;
    let inside = pixel % cell;
    let n = place.y * grid.columns + place.x;
    if n >= grid.count || inside.x >= WIDTH || inside.y >= HEIGHT { return vec4f(0.0); }
    let at = n * CHANNELS * HEIGHT * WIDTH + inside.y * WIDTH + inside.x;
    var color = vec3f(images[at]);
$if COLOR
    color.y = images[at + HEIGHT * WIDTH];
    color.z = images[at + 2 * HEIGHT * WIDTH];
$end
    return vec4f(clamp(color, vec3f(0.0), vec3f(1.0)), 1.0);
}
