// Number `index` of image n in the noise of a step, under one of the two seeds.
fn normal(index: u32, n: u32, noise_step: u32, seed: vec2u) -> f32 {
    let chain = step.first_chain + n * step.chain_stride;
    return box_muller(pcg4d(vec4u(index + seed.y, chain, noise_step, seed.x)));
}
