//! The fused executor: a network as a static plan of WGSL compute passes.
