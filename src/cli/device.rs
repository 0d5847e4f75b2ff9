//! `--device`: where to compute.

use anyhow::bail;
use burn::tensor::Device;

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
/// If the name is unknown, or this build lacks the device.
pub fn parse(name: &str) -> anyhow::Result<Device> {
    if name.contains(',') {
        bail!("--device {name}: only training a model takes several devices; choose one");
    }
    let (kind, index) = name.split_once(':').unwrap_or((name, "0"));
    let Ok(_index) = index.parse::<usize>() else {
        bail!("--device {name}: `{index}` is not a device number");
    };
    if kind != "cuda" && name != kind {
        bail!("--device {name}: only devices of cuda are numbered here");
    }
    match kind {
        "cpu" => Ok(Device::flex()),
        #[cfg(feature = "libtorch")]
        #[expect(deprecated, reason = "on the CPU it trains several times as fast as Flex")]
        "libtorch" => Ok(Device::libtorch()),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(_index)),
        #[cfg(feature = "vulkan")]
        "vulkan" => Ok(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "metal")]
        "metal" => Ok(Device::metal(burn::tensor::DeviceKind::DefaultDevice)),
        _ if FEATURES.contains(&kind) => bail!(
            "this program was built without {kind}; build it again with `cargo run --release \
             --features {kind} --bin train …`, or `--bin ncsn`"
        ),
        _ => bail!("no such device: {name}; there are cpu, cuda[:N], vulkan, metal and libtorch"),
    }
}
