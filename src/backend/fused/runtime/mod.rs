//! Runs compiled kernels on a GPU.
//!
//! [`Gpu`] is the device, [`Compiler`] turns kernels into pipelines, [`Network`] has its parameters
//! on the GPU, and [`FusedChains`] submits the steps of a step table. Everything about a chain is
//! allocated before its first step: each step replays the same launches with a different row of a
//! table.

mod activations;
mod bound_buffers;
mod buffer_plan;
mod buffer_pool;
mod buffers;
mod chains;
mod compiled_plan;
mod compiler;
mod counter;
mod gpu;
mod level_rows;
mod network;
mod owned_buffer;
mod parameters;
mod pipelines;
pub mod platform;
mod precompile;
#[cfg(all(test, not(target_family = "wasm")))]
mod random_test;
mod recorder;
mod render;
mod row_table;
mod step_row;
mod step_rows;
#[cfg(all(test, not(target_family = "wasm")))]
mod test_gpu;
mod throttle;
#[cfg(feature = "training")]
mod training;

pub use chains::FusedChains;
pub use compiler::Compiler;
pub use gpu::Gpu;
pub use network::Network;
pub use precompile::Precompile;
pub use recorder::Flow;
pub use step_row::{StepRow, UpdateRow};
#[cfg(all(test, not(target_family = "wasm")))]
pub use test_gpu::TestGpu;
pub use throttle::Throttle;
#[cfg(feature = "training")]
pub use training::{
    DataSet, Example, ExampleRow, PartRow, TimedTraining, Training, TrainingReport, TrainingState,
    TrainingStep,
};
