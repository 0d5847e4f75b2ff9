//! Cosines of angles in turns, the same function as in the shaders
//! (`backend/fused/codegen/kernels/random.wgsl`).
//!
//! The noise of a chain must be the same on every device, up to rounding. Shaders need a series of
//! their own, since WGSL guarantees only 11 bits of `cos`; and the standard library's result may
//! differ between platforms and versions of Rust. This one uses only operations that IEEE 754
//! defines to the last bit. It also reduces turns exactly, where `f32::cos` would be given a
//! rounded multiple of 2π: at a thousand turns, that is an error of up to 2 · 10⁻⁴.

use std::f32::consts::TAU;

/// cos 2πu for at most a few thousand turns u: folded into the first eighth of a turn, then
/// Taylor's series.
pub fn cos_2pi(u: f32) -> f32 {
    let quarter = (u * 4.0 + 0.5).floor();
    let a = (u - quarter * 0.25) * TAU;
    let b = a * a;
    let even = [2.480_158_7e-5, -1.388_888_9e-3, 4.166_666_7e-2, -0.5];
    let odd = [2.755_731_9e-6, -1.984_127e-4, 8.333_333e-3, -1.666_666_7e-1];
    let horner = |terms: [f32; 4]| terms.iter().fold(0.0, |sum, term| sum * b + term) * b + 1.0;
    match quarter as i32 & 3 {
        0 => horner(even),
        1 => -a * horner(odd),
        2 => -horner(even),
        _ => a * horner(odd),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_are_those_of_the_standard_library() {
        for u in (-2000..=2000).map(|k| k as f32 * 0.00731) {
            let truth = (f64::from(u) * std::f64::consts::TAU).cos();
            assert!((f64::from(cos_2pi(u)) - truth).abs() < 2e-6, "{u} turns");
        }
    }
}
