//! Which images of running chains to show.

/// The images to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The noisy images x̃.
    Noisy,
    /// The denoised images D(x̃, σ).
    Denoised,
}
