//! The device: how it is acquired, waited for, and how it fails.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::owned_buffer::OwnedBuffer;
use super::platform;
use crate::backend::fused::codegen::Kernel;
use crate::backend::fused::error::FusedError;

/// A GPU with an open device. Clones share it.
#[derive(Clone, Debug)]
pub struct Gpu {
    instance: wgpu::Instance,
    adapter: wgpu::Adapter,
    device: wgpu::Device,
    queue: wgpu::Queue,
    /// The first fault; losing the device overrides it.
    fault: Arc<Mutex<Option<FusedError>>>,
}

impl Gpu {
    /// Acquires the fastest GPU.
    ///
    /// # Errors
    /// [`FusedError::NoAdapter`] if there is none, [`FusedError::NoDevice`] if it opens no device.
    pub async fn request() -> Result<Self, FusedError> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter = instance
            .request_adapter(&options)
            .await
            .map_err(|_| FusedError::NoAdapter(platform::NO_ADAPTER.to_owned()))?;
        let limits = adapter.limits();
        Self::on(instance, adapter, limits).await
    }

    /// Requests a device on one of several GPUs that are like the one [`Self::request`] takes, by
    /// its number, modulo how many there are. The browser has one.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub async fn request_number(number: usize) -> Result<Self, FusedError> {
        let usual = Self::request().await?;
        let info = usual.adapter.get_info();
        let mut all = usual.instance.enumerate_adapters(wgpu::Backends::all()).await;
        all.retain(|adapter| {
            let wgpu::AdapterInfo { name, backend, device_type, .. } = adapter.get_info();
            (name, backend, device_type) == (info.name.clone(), info.backend, info.device_type)
        });
        all.sort_by_key(|adapter| adapter.get_info().device_pci_bus_id);
        if all.len() < 2 {
            return Ok(usual);
        }
        let adapter = all.swap_remove(number % all.len());
        let limits = adapter.limits();
        Self::on(usual.instance, adapter, limits).await
    }

    /// As [`Self::request`], with tighter limits than the adapter's.
    #[cfg(all(test, not(target_family = "wasm")))]
    pub async fn request_limited(
        tighten: impl FnOnce(&mut wgpu::Limits),
    ) -> Result<Self, FusedError> {
        let Self { instance, adapter, .. } = Self::request().await?;
        let mut limits = adapter.limits();
        tighten(&mut limits);
        Self::on(instance, adapter, limits).await
    }

    /// Opens a device. Its limits are usually all of the adapter's, so that models may exceed
    /// WebGPU's minimum.
    async fn on(
        instance: wgpu::Instance,
        adapter: wgpu::Adapter,
        limits: wgpu::Limits,
    ) -> Result<Self, FusedError> {
        let descriptor = wgpu::DeviceDescriptor {
            required_limits: limits,
            required_features: adapter.features() & wgpu::Features::SHADER_F16,
            ..Default::default()
        };
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(|error| {
            FusedError::NoDevice { adapter: name(&adapter), reason: error.to_string() }
        })?;

        let fault = Arc::new(Mutex::new(None));
        let reported = Arc::clone(&fault);
        device.on_uncaptured_error(Arc::new(move |error| {
            lock(&reported).get_or_insert(device_error(error));
        }));
        let lost = Arc::clone(&fault);
        // Whatever the reason: browsers also destroy devices that no script has destroyed. Code
        // that destroys a device on purpose does not use it afterwards.
        device.set_device_lost_callback(move |_, message| {
            *lock(&lost) = Some(FusedError::Lost(message));
        });
        Ok(Self { instance, adapter, device, queue, fault })
    }

    /// The adapter's name, for display.
    pub fn adapter(&self) -> String {
        name(&self.adapter)
    }

    /// Whether the adapter is software running on the CPU.
    pub fn is_software(&self) -> bool {
        self.adapter.get_info().device_type == wgpu::DeviceType::Cpu
    }

    /// Whether shaders support half precision.
    pub fn has_half(&self) -> bool {
        self.device.features().contains(wgpu::Features::SHADER_F16)
    }

    /// The instance, which creates surfaces.
    pub fn instance(&self) -> &wgpu::Instance {
        &self.instance
    }

    /// How this GPU draws into a surface, in the format that suits it best; the size is still open.
    ///
    /// # Errors
    /// [`FusedError::Fault`] if it cannot.
    pub fn surface_configuration(
        &self,
        surface: &wgpu::Surface<'_>,
    ) -> Result<wgpu::SurfaceConfiguration, FusedError> {
        let configuration = surface.get_default_config(&self.adapter, 0, 0);
        configuration.ok_or_else(|| FusedError::Fault("the GPU cannot draw into it".to_owned()))
    }

    /// The device.
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// The queue.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// Fails if anything went wrong since the device was acquired. A device that ran out of memory is
    /// no longer used, either: browsers report the faults that follow from a buffer without memory
    /// later than its lack, so nobody knows when the last of them has come.
    ///
    /// # Errors
    /// The first fault, or the loss of the device.
    pub fn check(&self) -> Result<(), FusedError> {
        lock(&self.fault).clone().map_or(Ok(()), Err)
    }

    /// Waits until all submitted work is done.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub async fn idle(&self) -> Result<(), FusedError> {
        let done = Signal::default();
        let signal = done.clone();
        self.queue.on_submitted_work_done(move || signal.set());
        self.pump()?;
        done.await;
        self.check()
    }

    /// Waits for submitted work and runs callbacks, if the platform does not do so by itself.
    ///
    /// # Errors
    /// As [`Self::check`], and [`FusedError::Lost`] if it fails: some callbacks are then never
    /// called.
    fn pump(&self) -> Result<(), FusedError> {
        if platform::pump(&self.device) {
            return Ok(());
        }
        self.check()?;
        Err(FusedError::Lost("it does not finish its work".to_owned()))
    }

    /// Seconds that work takes by itself, where `submit` submits it so many times: from the
    /// shortest of some runs of `repeats` of it and of twice as many, so that the time for
    /// submitting them is left out.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(in crate::backend::fused) async fn time(
        &self,
        repeats: usize,
        submit: impl Fn(usize),
    ) -> Result<f64, FusedError> {
        const ROUNDS: usize = 5;
        let mut shortest = [f64::INFINITY; 2];
        for _ in 0..ROUNDS {
            for (times, shortest) in [1, 2].into_iter().zip(&mut shortest) {
                self.idle().await?;
                let begun = platform::now();
                submit(times * repeats);
                self.idle().await?;
                *shortest = shortest.min(platform::now() - begun);
            }
        }
        Ok((shortest[1] - shortest[0]) / repeats as f64)
    }

    /// Does work that may fail. If the device reports an error meanwhile, the result is `None` and
    /// no fault is recorded. Only errors raised on this thread are caught.
    pub(in crate::backend::fused) async fn catch_errors<T>(
        &self,
        work: impl Future<Output = Result<T, FusedError>>,
    ) -> Option<T> {
        self.isolate(work).await.ok()
    }

    /// As [`Self::catch_errors`], but the device's error is the result: for work whose failure, such
    /// as a lack of memory, must not end other work on this device.
    ///
    /// While the work waits, nothing is caught: errors of other work are none of its own, and wgpu
    /// panics where the scopes of two pieces of work overlap.
    ///
    /// # Errors
    /// The error of the device, or of the work itself.
    pub async fn isolate<T, E: From<FusedError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
        let mut work = pin!(work);
        let mut errors = Vec::new();
        let result = poll_fn(|context| {
            let scopes =
                [OutOfMemory, Validation, Internal].map(|kind| self.device.push_error_scope(kind));
            let polled = work.as_mut().poll(context);
            errors.extend(scopes.into_iter().rev().map(wgpu::ErrorScopeGuard::pop));
            polled
        })
        .await;
        let mut fault = None;
        for error in errors {
            // The first error causes those after it, and a lack of memory all others.
            match error.await.map(device_error) {
                Some(FusedError::OutOfMemory) => fault = Some(FusedError::OutOfMemory),
                Some(error) => {
                    fault.get_or_insert(error);
                }
                None => {}
            }
        }
        fault.map_or(result, |fault| Err(fault.into()))
    }

    /// Refuses all further work, as after a fault that the device itself has reported.
    pub(in crate::backend::fused) fn give_up(&self, fault: FusedError) {
        lock(&self.fault).get_or_insert(fault);
    }

    /// Creates a buffer. Sizes are in u64, since a product of sizes may be above 4 GiB, and usize
    /// has 32 bits in the browser.
    ///
    /// # Errors
    /// [`FusedError::Limit`] if it is larger than the GPU allows.
    pub(in crate::backend::fused) fn buffer(
        &self,
        what: &'static str,
        bytes: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<OwnedBuffer, FusedError> {
        let available = self.device.limits().max_buffer_size;
        FusedError::check_limit(what, "maxBufferSize", bytes, available)?;
        let size = bytes.next_multiple_of(16).max(16);
        let descriptor =
            wgpu::BufferDescriptor { label: Some(what), size, usage, mapped_at_creation: false };
        Ok(self.device.create_buffer(&descriptor).into())
    }

    /// Creates a buffer of numbers that kernels are bound to as a whole.
    ///
    /// # Errors
    /// As [`Self::buffer`] and [`Self::check_binding`].
    pub(in crate::backend::fused) fn storage(
        &self,
        what: &'static str,
        bytes: u64,
    ) -> Result<OwnedBuffer, FusedError> {
        use wgpu::BufferUsages as Usage;
        self.check_binding(what, bytes)?;
        self.buffer(what, bytes, Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC)
    }

    /// Checks that a kernel can be bound to so many bytes of a buffer.
    ///
    /// # Errors
    /// [`FusedError::Limit`] if they are more than the GPU allows.
    pub(in crate::backend::fused) fn check_binding(
        &self,
        what: &'static str,
        bytes: u64,
    ) -> Result<(), FusedError> {
        let available = self.device.limits().max_storage_buffer_binding_size;
        FusedError::check_limit(what, "maxStorageBufferBindingSize", bytes, available)
    }

    /// Checks that a kernel can be launched with so many workgroups along the third axis.
    ///
    /// # Errors
    /// [`FusedError::Limit`] if they, or its own on the other axes, are more than the GPU allows.
    pub(in crate::backend::fused) fn check_launch(
        &self,
        kernel: &Kernel,
        z: u32,
    ) -> Result<(), FusedError> {
        let [x, y] = kernel.groups;
        self.check_workgroups("a launch", x.max(y).max(z).into())
    }

    /// Checks that a kernel can be launched with so many workgroups on one axis.
    ///
    /// # Errors
    /// [`FusedError::Limit`] if they are more than the GPU allows.
    pub(in crate::backend::fused) fn check_workgroups(
        &self,
        what: &'static str,
        count: u64,
    ) -> Result<(), FusedError> {
        let available = self.device.limits().max_compute_workgroups_per_dimension.into();
        FusedError::check_limit(what, FusedError::WORKGROUPS, count, available)
    }

    /// Reads numbers back from the beginning of a buffer.
    pub(in crate::backend::fused) async fn read(
        &self,
        buffer: &wgpu::Buffer,
        count: usize,
    ) -> Result<Vec<f32>, FusedError> {
        let bytes = 4 * count as u64;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = self.buffer("reading back", bytes, usage)?;
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, bytes);
        self.queue.submit([encoder.finish()]);

        let done = Signal::default();
        let (signal, failure) = (done.clone(), Arc::new(Mutex::new(None)));
        let failed = Arc::clone(&failure);
        staging.map_async(wgpu::MapMode::Read, 0..bytes, move |result| {
            *lock(&failed) = result.err();
            signal.set();
        });
        self.pump()?;
        done.await;
        self.check()?;
        if let Some(error) = lock(&failure).take() {
            return Err(FusedError::Lost(error.to_string()));
        }
        let view = staging
            .get_mapped_range(0..bytes)
            .map_err(|error| FusedError::Fault(error.to_string()))?;
        Ok(bytemuck::pod_collect_to_vec(&view))
    }
}

/// What an error of the device means.
fn device_error(error: wgpu::Error) -> FusedError {
    match error {
        wgpu::Error::OutOfMemory { .. } => FusedError::OutOfMemory,
        other => FusedError::Fault(platform::message(&other)),
    }
}

fn name(adapter: &wgpu::Adapter) -> String {
    let wgpu::AdapterInfo { name, driver, .. } = adapter.get_info();
    match name.is_empty() {
        true if driver.is_empty() => "WebGPU".to_owned(),
        true => driver,
        false => name,
    }
}

/// Locks a mutex even if a thread panicked while holding it: the values that this backend keeps in
/// mutexes are never half-written.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A future that a callback completes.
#[derive(Clone, Debug, Default)]
struct Signal(Arc<Mutex<(bool, Option<Waker>)>>);

impl Signal {
    fn set(&self) {
        let waker = {
            let mut state = lock(&self.0);
            state.0 = true;
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for Signal {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.0);
        if state.0 {
            return Poll::Ready(());
        }
        state.1 = Some(context.waker().clone());
        Poll::Pending
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::backend::fused::runtime::TestGpu;

    #[test]
    fn what_is_isolated_fails_for_itself_alone() {
        let gpu = TestGpu::request();
        let broken = async {
            let source = wgpu::ShaderSource::Wgsl("this is no WGSL".into());
            let descriptor = wgpu::ShaderModuleDescriptor { label: None, source };
            drop(gpu.device().create_shader_module(descriptor));
            Ok::<(), FusedError>(())
        };
        let found = block_on(gpu.isolate(broken));
        assert!(matches!(found, Err(FusedError::Fault(_))), "{found:?}");
        let sound = block_on(gpu.isolate(async { Ok::<_, FusedError>(7) }));
        assert_eq!(sound, Ok(7));
        let refused = block_on(gpu.isolate(async { Err::<(), _>(FusedError::Gradients) }));
        assert_eq!(refused, Err(FusedError::Gradients), "the work's own error");
    }

    #[test]
    fn what_is_not_isolated_is_no_fault_of_what_waits() {
        let gpu = block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}"));
        let refuse = || {
            let source = wgpu::ShaderSource::Wgsl("this is no WGSL".into());
            let descriptor = wgpu::ShaderModuleDescriptor { label: None, source };
            drop(gpu.device().create_shader_module(descriptor));
        };
        // Work that waits once, and then does nothing wrong or something.
        let work = |wrong: bool| {
            let (refuse, mut waits) = (&refuse, true);
            let wait = poll_fn(move |_| match std::mem::take(&mut waits) {
                true => Poll::Pending,
                false => Poll::Ready(()),
            });
            gpu.isolate(async move {
                wait.await;
                if wrong {
                    refuse();
                }
                Ok::<_, FusedError>(())
            })
        };
        let (mut first, mut second, mut third) =
            (pin!(work(false)), pin!(work(true)), pin!(work(false)));
        let context = &mut Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(context).is_pending());
        assert!(second.as_mut().poll(context).is_pending());
        assert!(third.as_mut().poll(context).is_pending());
        // They end in another order than that of scopes within each other.
        assert_eq!(block_on(first), Ok(()));
        let found = block_on(second);
        assert!(matches!(found, Err(FusedError::Fault(_))), "{found:?}");
        assert_eq!(gpu.check(), Ok(()), "it was caught");
        refuse();
        assert!(matches!(gpu.check(), Err(FusedError::Fault(_))), "nobody has isolated this");
        assert_eq!(block_on(third), Ok(()));
    }

    #[test]
    fn a_device_that_was_destroyed_is_lost() {
        let gpu = block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(block_on(gpu.idle()), Ok(()));
        gpu.device().destroy();
        let after = block_on(gpu.idle());
        assert!(matches!(after, Err(FusedError::Lost(_))), "{after:?}");
    }

    /// wgpu panics while it waits for a device that the driver has lost. No driver can be made to
    /// lose one here, so a callback panics in its place.
    #[test]
    fn a_panic_while_waiting_is_the_loss_of_the_device() {
        let gpu = block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}"));
        let panic_next = || gpu.queue().on_submitted_work_done(|| panic!("as if it were lost"));
        panic_next();
        let idle = block_on(gpu.idle());
        assert!(matches!(idle, Err(FusedError::Lost(_))), "{idle:?}");
        let submission = gpu.queue().submit([]);
        panic_next();
        assert!(!platform::block(gpu.device(), submission));
        assert_eq!(block_on(gpu.idle()), Ok(()), "only the callbacks failed");
    }
}
