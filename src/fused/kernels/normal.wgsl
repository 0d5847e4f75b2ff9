// Number `index` of chain `chain` in this step's noise.
fn normal(index: u32, chain: u32) -> f32 {
    let words = vec4u(index + step.seed_high, chain, step.noise_step, step.seed_low);
    return box_muller(pcg4d(words));
}
