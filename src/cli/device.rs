//! `--device`: where to compute.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::bail;
use burn::tensor::{Device, Tensor};

/// The devices other than the CPU, each of which is a feature of the build.
const FEATURES: [&str; 4] = ["cuda", "vulkan", "metal", "libtorch"];

/// Parses device names separated by commas.
///
/// # Errors
/// As [`parse`].
pub fn parse_list(names: &str) -> anyhow::Result<Vec<Device>> {
    names.split(',').map(parse).collect()
}

/// Parses the name of a device.
///
/// # Errors
/// If the name is unknown, this build lacks the device, or this machine does.
pub fn parse(name: &str) -> anyhow::Result<Device> {
    let device = named(name)?;
    // Backends panic if there is no such device, or no driver for it.
    let try_it = || drop(Tensor::<1>::zeros([1], &device).into_data());
    match catch_unwind(AssertUnwindSafe(try_it)) {
        Ok(()) => Ok(device),
        Err(_) => bail!("--device {name}: there is no such device here, or no driver for it"),
    }
}

fn named(name: &str) -> anyhow::Result<Device> {
    if name.contains(',') {
        bail!("--device {name}: only training a model takes several devices; choose one");
    }
    let (kind, index) = name.split_once(':').unwrap_or((name, "0"));
    let Ok(_index) = index.parse::<usize>() else {
        bail!("--device {name}: `{index}` is not a device number");
    };
    if !matches!(kind, "cuda" | "libtorch-cuda") && name != kind {
        bail!("--device {name}: only devices of cuda and libtorch-cuda are numbered here");
    }
    let feature = if kind == "libtorch-cuda" { "libtorch" } else { kind };
    match kind {
        "cpu" => Ok(Device::flex()),
        #[cfg(feature = "libtorch")]
        #[expect(deprecated, reason = "on the CPU it trains several times as fast as Flex")]
        "libtorch" => Ok(Device::libtorch()),
        #[cfg(feature = "libtorch")]
        #[expect(deprecated, reason = "it has the kernels of NVIDIA itself")]
        "libtorch-cuda" => Ok(Device::libtorch_cuda(_index)),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(_index)),
        #[cfg(feature = "vulkan")]
        "vulkan" => Ok(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "metal")]
        "metal" => Ok(Device::metal(burn::tensor::DeviceKind::DefaultDevice)),
        _ if FEATURES.contains(&feature) => bail!(
            "this program was built without {feature}; in the folder of its source, `cargo install \
             --path . --features {feature}` installs an `ncsn` that has it"
        ),
        "gpu" => bail!("--device gpu is for training a model; here, choose a device of Burn"),
        _ => bail!(
            "no such device: {name}; there are cpu, cuda[:N], vulkan, metal, libtorch and \
             libtorch-cuda[:N], and for training a model also gpu and auto"
        ),
    }
}
