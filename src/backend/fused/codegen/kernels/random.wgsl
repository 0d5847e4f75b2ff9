// The functions of `random/` in WGSL: integers agree bit for bit, normal numbers up to rounding.

fn pcg4d(words: vec4u) -> vec4u {
    var v = words * 1664525u + 1013904223u;
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    v ^= v >> vec4u(16u);
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    return v;
}

// A word's upper 24 bits as a number in (0, 1].
fn unit(word: u32) -> f32 {
    return (f32(word >> 8u) + 0.5) * (1.0 / 16777216.0);
}

// WGSL guarantees only 11 bits of cos and 21 of log; these have 23 everywhere.

// ln u for u in (0, 1], by the polynomial of Cephes' logf.
fn ln(u: f32) -> f32 {
    let bits = bitcast<u32>(u);
    // u = 2^e m with m in [√½, √2).
    let e = i32((bits + 0x004AFB0Du) >> 23u) - 127;
    let t = bitcast<f32>(bits - (u32(e) << 23u)) - 1.0;
    var p = 7.0376836292e-2;
    p = p * t - 1.1514610310e-1;
    p = p * t + 1.1676998740e-1;
    p = p * t - 1.2420140846e-1;
    p = p * t + 1.4249322787e-1;
    p = p * t - 1.6668057665e-1;
    p = p * t + 2.0000714765e-1;
    p = p * t - 2.4999993993e-1;
    p = p * t + 3.3333331174e-1;
    return t * t * (t * p - 0.5) + t + f32(e) * 0.6931471806;
}

// cos 2πu for u in (0, 1]: folded into the first eighth of a turn, then Taylor's series.
fn cos_2pi(u: f32) -> f32 {
    let quarter = floor(u * 4.0 + 0.5);
    let a = (u - quarter * 0.25) * 6.283185307;
    let b = a * a;
    let cosine = 1.0 + b * (-0.5 + b * (4.1666667e-2 + b * (-1.3888889e-3 + b * 2.4801587e-5)));
    let sine = a * (1.0 + b * (-1.6666667e-1 + b * (8.3333333e-3 + b * (-1.9841270e-4 + b * 2.7557319e-6))));
    let q = u32(quarter) & 3u;
    let value = select(cosine, sine, (q & 1u) == 1u);
    return select(value, -value, q == 1u || q == 2u);
}

// Box & Muller's transform of the first two words. The logarithm is at most 0; where it is, -2 ln u
// would be -0, whose root need not be 0: WGSL defines roots by their inverse.
fn box_muller(words: vec4u) -> f32 {
    return sqrt(2.0 * abs(ln(unit(words.x)))) * cos_2pi(unit(words.y));
}
