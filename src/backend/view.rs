//! Which images of chains under way to read or draw.

/// The images to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The noisy images x̃.
    Noisy,
    /// The denoised images D(x̃, σ).
    Denoised,
}
