//! Networks from elsewhere whose features judge samples.
#![cfg(not(target_family = "wasm"))]

mod onnx_file;

use ncsn::eval::{
    Channels, FeatureNetwork, FeatureNetworkError as Error, Layout, Points, Preprocessing,
};
use ncsn::net::ImageShape;
use ncsn::random::Key;

use onnx_file::{Axis, Node, channel_means, file};

const N: Axis = Axis::Symbol("N");
const ANY: [Axis; 2] = [Axis::Symbol("H"), Axis::Symbol("W")];
const SHAPE: ImageShape = ImageShape { channels: 3, height: 4, width: 6 };

fn sized(size: [usize; 2]) -> Preprocessing {
    Preprocessing { size: Some(size), ..Preprocessing::default() }
}

fn refused(bytes: Vec<u8>, preprocessing: Preprocessing) -> Error {
    FeatureNetwork::read(bytes, preprocessing).expect_err("must be refused")
}

/// Images of uniform noise, and the mean of each channel.
fn images(count: usize) -> (Vec<f32>, Vec<f32>) {
    let mut pixels = vec![0.0; count * SHAPE.dimension()];
    Key { seed: 1, stream: 0, step: 0 }.fill_uniform(&mut pixels);
    let mean = |plane: &[f32]| plane.iter().sum::<f32>() / plane.len() as f32;
    let means = pixels.chunks_exact(SHAPE.height * SHAPE.width).map(mean).collect();
    (pixels, means)
}

fn near(found: &Points, expected: &[f32]) {
    assert_eq!((found.dimension, found.values.len()), (3, expected.len()));
    let pairs = found.values.iter().zip(expected);
    assert!(pairs.clone().all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {expected:?}");
}

#[test]
fn features_are_the_networks_whatever_its_batch() {
    let (pixels, means) = images(70);
    let fixed = [Axis::Size(4), Axis::Size(6)];
    let networks = [
        (channel_means(N, ANY), sized([4, 6])),
        (channel_means(N, fixed), Preprocessing::default()),
        // Batches of one, and of a number that does not divide the images'.
        (channel_means(Axis::Size(1), fixed), Preprocessing::default()),
        (channel_means(Axis::Size(16), ANY), sized([4, 6])),
    ];
    for (bytes, preprocessing) in networks {
        let network = FeatureNetwork::read(bytes, preprocessing).expect("valid");
        near(&network.features(&pixels, SHAPE).expect("it runs"), &means);
    }
}

/// A value inside the graph can be asked for; its mean over all positions is taken.
#[test]
fn maps_are_averaged_over_their_positions() {
    let (pixels, means) = images(3);
    let inside = Preprocessing { output: Some("maps".into()), ..sized([4, 6]) };
    let network = FeatureNetwork::read(channel_means(N, ANY), inside).expect("valid");
    near(&network.features(&pixels, SHAPE).expect("it runs"), &means);

    let axes = [N, ANY[0], ANY[1], Axis::Size(3)];
    let relu = Node { op: "Relu", inputs: &["images"], output: "maps", attribute: None };
    let last = Preprocessing { layout: Layout::Nhwc, ..sized([4, 6]) };
    let network = FeatureNetwork::read(file(&[("images", &axes)], &[relu]), last).expect("valid");
    near(&network.features(&pixels, SHAPE).expect("it runs"), &means);
}

/// Means stay what they are when images grow, but for the pixels at the edge.
#[test]
fn images_are_resized_and_gray_is_repeated() {
    let network = FeatureNetwork::read(channel_means(N, ANY), sized([32, 48])).expect("valid");
    let (pixels, means) = images(1);
    let found = network.features(&pixels, SHAPE).expect("it runs");
    assert!(found.values.iter().zip(&means).all(|(a, b)| (a - b).abs() < 0.05), "{found:?}");
    let gray = ImageShape { channels: 1, ..SHAPE };
    let found = network.features(&[0.25; 24], gray).expect("it runs");
    near(&found, &[0.25; 3]);
}

#[test]
fn what_cannot_be_used_says_what_to_do() {
    let relu = |attribute| Node { op: "Relu", inputs: &["x"], output: "y", attribute };
    let with = |axes: &[Axis]| file(&[("x", axes)], &[relu(None)]);
    let small = || sized([4, 6]);

    assert_eq!(refused(b"not a network".to_vec(), small()), Error::NotOnnx);
    assert_eq!(refused(Vec::new(), small()), Error::NotOnnx);
    let mut cut = channel_means(N, ANY);
    cut.truncate(cut.len() / 2);
    let said = refused(cut, small());
    assert!(matches!(said, Error::NotOnnx | Error::Unsupported(_) | Error::Inputs(0)), "{said:?}");

    let odd = Node { op: "NoSuchOperator", inputs: &["x"], output: "y", attribute: None };
    let said = refused(file(&[("x", &[N, Axis::Size(3), ANY[0], ANY[1]])], &[odd]), small());
    assert!(said.to_string().contains("NoSuchOperator"), "{said}");

    let two = [N, Axis::Size(3)];
    assert_eq!(refused(with(&two), small()), Error::Input("of 2 axes".into()));
    assert_eq!(refused(channel_means(N, ANY), Preprocessing::default()), Error::AnySize);
    let fixed = channel_means(N, [Axis::Size(8), Axis::Size(8)]);
    assert_eq!(refused(fixed, small()), Error::Size { found: [8, 8], asked: [4, 6] });
    let huge = channel_means(Axis::Size(1 << 40), [Axis::Size(4), Axis::Size(6)]);
    assert_eq!(refused(huge, small()), Error::TooLarge { batch: 1 << 40, size: [4, 6] });
    let gray = Preprocessing { channels: Channels::Gray, ..small() };
    let said = refused(channel_means(N, ANY), gray);
    assert_eq!(said, Error::Channels { found: 3, expected: 1 });
    let axes = [N, Axis::Size(3), ANY[0], ANY[1]];
    let add = Node { op: "Add", inputs: &["x", "z"], output: "y", attribute: None };
    let said = refused(file(&[("x", &axes), ("z", &axes)], &[add]), small());
    assert_eq!(said, Error::Inputs(2));

    let named = Preprocessing { output: Some("logits".into()), ..small() };
    let said = refused(channel_means(N, ANY), named).to_string();
    assert!(said.contains("logits") && said.contains("features"), "{said}");
    let squeeze = Node {
        op: "ReduceMean",
        inputs: &["x"],
        output: "y",
        attribute: Some(("axes", &[0, 1, 2, 3])),
    };
    let said = refused(file(&[("x", &axes)], &[squeeze]), small());
    assert!(matches!(said, Error::Features { .. }), "{said:?}");
    let log = Node { op: "Log", inputs: &["x"], output: "y", attribute: None };
    let network = FeatureNetwork::read(file(&[("x", &axes)], &[log]), small()).expect("valid");
    assert_eq!(network.features(&[0.0; 72], SHAPE).expect_err("infinite"), Error::NotFinite);

    for (json, wrong) in [
        (r#"{"size": [0, 8]}"#, "size"),
        (r#"{"range": [1, 1]}"#, "range"),
        (r#"{"std": [0.2, 0, 0.2]}"#, "std"),
    ] {
        let preprocessing = serde_json::from_str(json).expect("the right types");
        let said = refused(channel_means(N, ANY), preprocessing).to_string();
        assert!(said.contains(wrong), "{said}");
    }
    for json in [r#"{"scale": 2}"#, r#"{"mean": [1e99, 0, 0]}"#] {
        assert!(serde_json::from_str::<Preprocessing>(json).is_err(), "{json}");
    }
}
