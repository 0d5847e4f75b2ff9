// The derivative of an activation.
fn derivative(x: f32) -> f32 {
$if OF_SILU
    let s = 1.0 / (1.0 + exp(-x));
    return s * (1.0 + x * (1.0 - s));
$else
    return 1.0;
$end
}
