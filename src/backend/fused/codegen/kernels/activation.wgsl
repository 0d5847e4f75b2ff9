// The activations of a sum before it is written, and of what a convolution reads.

// The type of one write.
alias Written = $if QUADS vec4f $else f32 $end;

fn activated(x: Written) -> Written {
$if SILU
    return x / (1.0 + exp(-x));
$else
$if ELU
    return max(x, Written(0.0)) + (exp(min(x, Written(0.0))) - 1.0);
$else
    return x;
$end
$end
}

fn prepared(x: vec4f) -> vec4f {
$if READS_SILU
    return x / (1.0 + exp(-x));
$else
$if READS_ELU
    return max(x, vec4f()) + (exp(min(x, vec4f())) - 1.0);
$else
    return x;
$end
$end
}
