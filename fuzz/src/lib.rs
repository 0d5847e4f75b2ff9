//! What all fuzz targets share: the readers of the crate's tests.
#![expect(missing_docs, reason = "the tests' modules")]

#[path = "../../tests/common/mod.rs"]
pub mod common;
#[path = "../../tests/data_files/mod.rs"]
pub mod data_files;
#[path = "../../tests/onnx_file/mod.rs"]
pub mod onnx_file;
#[path = "../../tests/readers/mod.rs"]
pub mod readers;

pub use libfuzzer_sys::fuzz_target;

/// The fuzzer's own limit counts the whole process; this one is the reader's.
#[global_allocator]
static ALLOCATOR: readers::memory::Counting = readers::memory::Counting;

/// Reads what the fuzzer makes up. A panic, a hang or too much memory is a fault.
#[macro_export]
macro_rules! target {
    ($reader:ident) => {
        // Pickles of CIFAR are told by such a name, all other files by their content.
        static PLACE: std::sync::LazyLock<$crate::readers::Place> =
            std::sync::LazyLock::new(|| $crate::readers::Place::new("data_batch"));

        $crate::fuzz_target!(|bytes: &[u8]| {
            PLACE.read_within_limit(&$crate::readers::$reader, bytes);
        });
    };
}
