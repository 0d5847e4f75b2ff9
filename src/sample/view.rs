//! Which pictures of running chains to show.

/// The pictures to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The noisy pictures x̃.
    Noisy,
    /// The denoised pictures D(x̃, σ).
    Denoised,
}
