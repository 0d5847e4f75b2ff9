// The derivative of an activation.

alias Argument = $if QUADS vec4f $else f32 $end;

fn derivative(x: Argument) -> Argument {
$if OF_SILU
    let s = 1.0 / (1.0 + exp(-x));
    return s * (1.0 + x * (1.0 - s));
$else
    return Argument(1.0);
$end
}
