//! Why a feature network cannot be used.

use thiserror::Error;

/// Why a feature network cannot be used, and what to do.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum FeatureNetworkError {
    /// The bytes are not an ONNX file.
    #[error("it is not an ONNX file; export the network as one .onnx file")]
    NotOnnx,
    /// The weights are in another file.
    #[error(
        "its weights are in another file, so its checksum would not identify it; export it with \
         the weights inside ({0})"
    )]
    ExternalWeights(String),
    /// The runtime lacks something that the graph needs.
    #[error(
        "the ONNX runtime `rten` cannot run it ({0}); try exporting it with another opset, or simplified"
    )]
    Unsupported(String),
    /// The preprocessing is impossible.
    #[error("its preprocessing: {0}")]
    Preprocessing(&'static str),
    /// A graph with other inputs than one image.
    #[error("it has {0} inputs; a feature network takes nothing but the images")]
    Inputs(usize),
    /// An input that is not a batch of images.
    #[error(
        "its input is {0}; it must be 32-bit floats of four axes: images, channels, height and width, or \
         with \"layout\": \"nhwc\" images, height, width and channels"
    )]
    Input(String),
    /// An input with another number of channels than the preprocessing says.
    #[error(
        "its input has {found} channels where \"channels\" and \"layout\" say {expected}; \
         \"channels\" is \"rgb\", \"bgr\" or \"gray\", \"layout\" \"nchw\" or \"nhwc\""
    )]
    Channels {
        /// Those of the network.
        found: usize,
        /// Those of the preprocessing.
        expected: usize,
    },
    /// An input of any size, and no size chosen.
    #[error(
        "it takes images of any size; say to which they are resized, such as \"size\": [299, 299]"
    )]
    AnySize,
    /// A size that the network does not take.
    #[error("it takes images of {found:?} (height, width), not of the \"size\" {asked:?}")]
    Size {
        /// The network's.
        found: [usize; 2],
        /// The preprocessing's.
        asked: [usize; 2],
    },
    /// A graph that computes nothing.
    #[error("it has no output")]
    Outputs,
    /// An input that would not fit in memory.
    #[error("its input of {batch} images of {size:?} (height, width) is too large")]
    TooLarge {
        /// How many images it takes at once.
        batch: usize,
        /// Their height and width.
        size: [usize; 2],
    },
    /// An output that is not there.
    #[error("it has no value {asked:?} for \"output\"; its outputs are {found}")]
    Output {
        /// The one asked for.
        asked: String,
        /// Their names.
        found: String,
    },
    /// An output that is not features.
    #[error(
        "its output {name:?} is {found}; features have two axes (images, features), or four, \
         whose mean over all positions is taken; \"output\" chooses another output"
    )]
    Features {
        /// The output.
        name: String,
        /// What it is.
        found: String,
    },
    /// Features that are infinite or not numbers.
    #[error("its features are not finite; is its preprocessing right (range, mean, std)?")]
    NotFinite,
    /// The runtime failed on images.
    #[error("the ONNX runtime `rten` failed to run it: {0}")]
    Run(String),
}
