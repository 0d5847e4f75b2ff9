//! What differs between native builds and the browser: waiting, clocks, threads, messages, and how
//! much is checked. Outside of tests, of this backend only `counter.rs` tells them apart as well.

#[cfg(not(target_family = "wasm"))]
pub use native::*;
#[cfg(target_family = "wasm")]
pub use wasm::*;

#[cfg(not(target_family = "wasm"))]
mod native {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::OnceLock;
    use std::thread;
    use std::time::Instant;

    use crate::words;

    /// The message if there is no adapter.
    pub const NO_ADAPTER: &str = "there is no Vulkan, Metal or DirectX 12 driver. On Linux install \
        one (Debian and Ubuntu: mesa-vulkan-drivers, which also holds a driver for the CPU)";

    /// Submissions in flight: one that runs, and one that follows it without a gap.
    pub const UNDER_WAY: usize = 2;

    /// Waits until all submitted work is done and runs the device's callbacks. Returns false if
    /// that fails, as it does if the device is lost.
    pub fn pump(device: &wgpu::Device) -> bool {
        poll(device, wgpu::PollType::wait_indefinitely())
    }

    /// Waits until a submission is done, which the browser cannot. Returns false as [`pump`] does.
    pub fn block(device: &wgpu::Device, submission: wgpu::SubmissionIndex) -> bool {
        let submission_index = Some(submission);
        poll(device, wgpu::PollType::Wait { submission_index, timeout: None })
    }

    fn poll(device: &wgpu::Device, until: wgpu::PollType) -> bool {
        // wgpu panics here if the device is lost, and then calls no callback of the work that was
        // waited for. (The panic's message is still printed: whether it is belongs to the program.)
        catch_unwind(AssertUnwindSafe(|| device.poll(until))).is_ok_and(|polled| polled.is_ok())
    }

    /// The outcome of a check for which a page's visitors would have to wait: natively there is time.
    pub async fn thoroughly<C: Future<Output = bool>>(check: impl FnOnce() -> C) -> bool {
        check().await
    }

    /// What an error says, in one line as in all that the programs print: messages of validation have
    /// several.
    pub fn message(error: &wgpu::Error) -> String {
        words::one_line(error)
    }

    /// Seconds since an arbitrary moment.
    pub fn now() -> f64 {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed().as_secs_f64()
    }

    /// Compiles a kernel without the counters that end every loop and the checks of indices that
    /// wgpu adds to shaders of unknown origin: they make an evaluation a sixth slower.
    pub fn module(device: &wgpu::Device, text: &str) -> wgpu::ShaderModule {
        let source = wgpu::ShaderSource::Wgsl(text.into());
        let descriptor = wgpu::ShaderModuleDescriptor { label: None, source };
        let checks = wgpu::ShaderRuntimeChecks::unchecked();
        // SAFETY: all text is generated from `codegen/kernels/`. Its loops and indices follow from
        // constants, from the invocation's number and from tables of steps, noise levels, examples
        // and places of weights, which this crate writes itself, or checks (`TrainingStep::check`,
        // `Training::profile`). Images and weights decide none of them, except how many training
        // images a stable target counts: at most all.
        unsafe { device.create_shader_module_trusted(descriptor, checks) }
    }

    /// Maps in parallel: compiling shaders takes most of the start-up time.
    pub fn parallel<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let share = items.len().div_ceil(threads).max(1);
        let f = &f;
        thread::scope(|scope| {
            let start = |part| {
                scope.spawn(move || -> Vec<R> { Iterator::map(<[T]>::iter(part), f).collect() })
            };
            let parts: Vec<_> = items.chunks(share).map(start).collect();
            // Propagate a thread's panic.
            let join = |part: thread::ScopedJoinHandle<'_, Vec<R>>| {
                part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            parts.into_iter().flat_map(join).collect()
        })
    }
}

#[cfg(target_family = "wasm")]
mod wasm {
    use std::future::{Ready, ready};

    use wasm_bindgen::prelude::wasm_bindgen;

    /// The message if there is no adapter.
    pub const NO_ADAPTER: &str = "this browser has no WebGPU, or its GPU is blocked";

    /// Submissions in flight. Some browsers report the end of one much later; the page limits how
    /// much it asks for (`www/engine/steps-per-request.js`).
    pub const UNDER_WAY: usize = 16;

    /// The browser runs callbacks by itself.
    pub fn pump(_: &wgpu::Device) -> bool {
        true
    }

    /// The browser's main thread must not wait.
    pub fn block(_: &wgpu::Device, _: wgpu::SubmissionIndex) -> bool {
        false
    }

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_namespace = performance, js_name = now)]
        fn milliseconds() -> f64;
    }

    /// Does without a check for which visitors would have to wait.
    pub fn thoroughly<C: Future<Output = bool>>(_: impl FnOnce() -> C) -> Ready<bool> {
        ready(true)
    }

    /// What an error says. The page shows it with its lines.
    pub fn message(error: &wgpu::Error) -> String {
        error.to_string()
    }

    /// Seconds since an arbitrary moment.
    pub fn now() -> f64 {
        milliseconds() / 1e3
    }

    /// Compiles a kernel.
    pub fn module(device: &wgpu::Device, text: &str) -> wgpu::ShaderModule {
        let source = wgpu::ShaderSource::Wgsl(text.into());
        device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source })
    }

    /// The browser compiles in processes of its own.
    pub fn parallel<T, R>(items: &[T], f: impl Fn(&T) -> R) -> Vec<R> {
        items.iter().map(f).collect()
    }
}
