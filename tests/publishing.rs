//! Models for others: a folder for the hub, and the same images from Python.
#![cfg(not(target_family = "wasm"))]

mod cli;
mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use ncsn::model_file::{Class, FeatureSource, Quality};
use serde_json::{Value, json};

fn ncsn(folder: &Path, arguments: &str) -> Output {
    cli::ncsn(folder, &words(arguments)).output().expect("the program starts")
}

fn succeeds(folder: &Path, arguments: &str) {
    let output = ncsn(folder, arguments);
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

fn array(path: &Path) -> (Vec<u64>, Vec<u8>) {
    let bytes = fs::read(path).expect("written");
    let file = npyz::NpyFile::new(&bytes[..]).expect("an array");
    (file.shape().to_vec(), file.into_vec().expect("bytes"))
}

#[test]
fn a_card_is_a_folder_for_the_hub() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = common::model();
    model.card.name = "a \"b\" | c".into();
    model.card.license = "MIT".into();
    model.card.best = None;
    let training = model.card.training.as_mut().expect("it has one");
    training.distribution_matching = Some("the `better` one".into());
    let features = FeatureSource { name: "net.onnx".into(), checksum: "sha256:a|b".into() };
    model.card.quality = Some(Quality {
        n: 100,
        nfe: 5,
        sampler: model.card.sampler,
        seed: 1,
        frechet: 1.25,
        frechet_error: Some(0.5),
        real: 0.75,
        precision: 0.625,
        recall: 0.375,
        classifier_accuracy: None,
        features: Some(features),
    });
    let bytes = model.write().expect("finite");
    fs::write(folder.path().join("mine.safetensors"), &bytes).expect("written");
    let card = "card mine.safetensors -n 4 --repository ada/digits";
    succeeds(folder.path(), card);

    let at = |name: &str| folder.path().join("mine.card").join(name);
    assert_eq!(fs::read(at("model.safetensors")).expect("copied"), bytes);
    assert!(fs::read(at("samples.png")).expect("drawn").starts_with(b"\x89PNG"));
    let readme = fs::read_to_string(at("README.md")).expect("written");
    let (yaml, text) = readme.trim_start_matches("---\n").split_once("\n---\n").expect("metadata");
    for line in
        ["library_name: ncsn", "pipeline_tag: unconditional-image-generation", "license: mit"]
    {
        assert!(yaml.lines().any(|each| each == line), "{line}: {yaml}");
    }
    let tags =
        "\ntags:\n- ncsn\n- score-based\n- diffusion\n- webgpu\n- safetensors\nmodel-index:\n";
    let (_, index) = yaml.split_once(tags).expect("tags, and then figures");
    let results = index.strip_prefix("- name: \"a \\\"b\\\" | c\"\n  results: ").expect("results");
    let results: Value = serde_json::from_str(results).expect("JSON");
    let metric =
        |kind: &str, name: &str, value: f64| json!({ "type": kind, "name": name, "value": value });
    let expected = json!([{
        "task": { "type": "unconditional-image-generation" },
        "dataset": { "name": "nothing", "type": "nothing" },
        "metrics": [
            metric("frechet-distance", "Fréchet distance", 1.25),
            metric("precision", "Precision", 0.625),
            metric("recall", "Recall", 0.375),
        ],
    }]);
    assert_eq!(results, expected);
    for row in [
        "| distribution matching | for one to four evaluations, of the \\`better\\` one |",
        "| samples | 100, 5 evaluations each |",
        "| Fréchet distance | 1.25 ± 0.50 |",
        "| … of training images | 0.75 |",
        "| precision | 0.625 |",
        "| recall | 0.375 |",
        "| features | net.onnx, sha256:a\\|b |",
    ] {
        assert!(text.lines().any(|line| line == row), "{row}: {text}");
    }
    assert!(text.contains("# a \"b\" \\| c\n"), "{text}");
    assert!(text.contains("--model hf:ada/digits ") && text.contains("![4 samples](samples.png)"));

    // A folder that is there is somebody's.
    fs::write(at("README.md"), "mine").expect("written");
    let refused = ncsn(folder.path(), card);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--overwrite"));
    assert_eq!(fs::read_to_string(at("README.md")).expect("there"), "mine");
    // The command draws with the settings of the grid.
    model.card.best = Some(model.card.sampler);
    let bytes = model.write().expect("finite");
    fs::write(folder.path().join("mine.safetensors"), bytes).expect("written");
    succeeds(folder.path(), &format!("{card} --overwrite"));
    let readme = fs::read_to_string(at("README.md")).expect("written");
    assert!(readme.contains("--model hf:ada/digits --best -n"), "{readme}");
    let wrong = ncsn(folder.path(), "card mine.safetensors --repository digits");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("USER/NAME"));
    // The command that publishes it is one to copy.
    let card = ["card", "mine.safetensors", "-n", "4", "--out", "my card"];
    let said = cli::succeed(&mut cli::ncsn(folder.path(), &card));
    assert!(said.contains("`hf upload USER/NAME 'my card'` publishes them"), "{said}");
}

/// The folders of classes stay what they are, and a folder that is none is written to.
#[test]
fn no_card_gets_into_a_data_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("num.safetensors"), common::model().write().expect("finite")).expect("written");
    for class in ["num/0", "num/1"] {
        fs::create_dir_all(at(class)).expect("created");
        fs::write(at(class).join("1.png"), "an image").expect("written");
    }
    succeeds(folder.path(), "card num.safetensors -n 1");
    assert!(at("num.card/samples.png").exists() && !at("num/README.md").exists());
    for refused in [
        "card num.safetensors -n 1 --out num",
        "card num.safetensors -n 1 --out num --overwrite",
        "card num.safetensors -n 1 --out num/0",
        "card num.safetensors -n 1 --out num/new",
        "export --model num.safetensors --diffusers num",
        "sample --model num.safetensors -n 1 --out num/grid.png",
    ] {
        let said = cli::fail(&mut cli::ncsn(folder.path(), &words(refused)));
        assert!(said.contains("hold") && said.contains("images"), "{refused}: {said}");
    }
    let left: Vec<_> = fs::read_dir(at("num")).expect("there").collect();
    assert_eq!(left.len(), 2, "{left:?}");
    // Both may be published together, and samples drawn beside earlier ones.
    succeeds(folder.path(), "export --model num.safetensors --diffusers num.card");
    succeeds(folder.path(), "card num.safetensors -n 1 --overwrite");
    for out in ["a.png", "b.png", "num/0/c.png"] {
        let sample = "sample --model num.safetensors -n 1 --levels 2 --engine burn --out";
        succeeds(folder.path(), &format!("{sample} {out}"));
    }
}

/// Labels with gaps have rows in the network that nothing was learned for.
#[test]
fn classes_without_images_are_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = common::model();
    model.card.architecture = model.card.architecture.with_classes(4);
    let images = [("0", 5), ("1", 6), ("2", 0), ("3", 7)];
    model.card.classes = images.map(|(name, images)| Class { name: name.into(), images }).to_vec();
    model.weights = common::weights(&model.card.architecture);
    let file = folder.path().join("m.safetensors");
    fs::write(&file, model.write().expect("finite")).expect("written");
    let classes_of = |asked: &str| -> Vec<i64> {
        let sample = "sample --model m.safetensors --levels 2 --engine burn --out c.npz";
        succeeds(folder.path(), &format!("{sample} {asked}"));
        npz_classes(&folder.path().join("c.npz"))
    };
    assert_eq!(classes_of("-n 4 --classes all"), [0, 1, 3, 0]);
    assert_eq!(classes_of("-n 3 --classes 1-3"), [1, 3, 1]);
    for asked in ["--class 2", "--classes 1,2"] {
        let sample = words("sample --model m.safetensors -n 1");
        let said = cli::fail(cli::ncsn(folder.path(), &sample).args(words(asked)));
        assert!(said.contains("no image of class 2 was trained on"), "{said}");
        assert!(said.contains("0, 1, 3"), "{said}");
    }
    succeeds(folder.path(), "card m.safetensors -n 1");
    let readme = fs::read_to_string(folder.path().join("m.card/README.md")).expect("written");
    assert!(readme.contains("## Classes\n\n0, 1, 3\n"), "{readme}");

    let info = |more: &[&str]| {
        let info = [&["info", "m.safetensors"][..], more].concat();
        cli::succeed(&mut cli::ncsn(folder.path(), &info))
    };
    let said = info(&[]);
    let parameters = model.card.architecture.parameters();
    for part in [
        "1 × 8 × 8 (channels × height × width)",
        &format!("{parameters} parameters")[..],
        "3 classes\n",
        "  1                       6 images\n",
        "evaluations, σ from",
        "nothing, ",
        "  license                 none\n",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("\n  2 "), "{said}");
    let json: Value = serde_json::from_str(&info(&["--json"])).expect("JSON");
    assert_eq!(json["parameters"], parameters);
    assert_eq!(json["bytes"], fs::metadata(&file).expect("there").len());
    assert_eq!(json["classes"][3], json!({ "name": "3", "images": 7 }));
    assert_eq!(json["architecture"]["kind"], "unet");
}

/// What cannot be sampled from, or with, is said by its own name.
#[test]
fn impossible_samples_are_refused_for_the_right_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("m.safetensors"), common::model().write().expect("finite")).expect("written");
    let fail = |arguments: &str| cli::fail(&mut cli::ncsn(folder.path(), &words(arguments)));
    for more in ["", " --init-image none.png"] {
        let said = fail(&format!("sample --model m.safetensors --sigma-min 0{more}"));
        assert!(said.contains("sigma_min") && !said.contains("strength"), "{said}");
    }
    let header = r#"{"__metadata__":{"checkpoint":"{}","checksum":"0"}}"#;
    let length = (header.len() as u64).to_le_bytes();
    let bytes = [&length[..], header.as_bytes()].concat();
    for name in ["m.checkpoint", "m.previous.checkpoint"] {
        fs::write(at(name), &bytes).expect("written");
        let said = fail(&format!("sample --model {name}"));
        assert!(said.contains("is a checkpoint") && said.contains("m.safetensors"), "{said}");
    }
    fs::write(at("other.safetensors"), &bytes).expect("written");
    let said = fail("info other.safetensors");
    assert!(said.contains("no `card`") && said.contains("a .checkpoint holds the run"), "{said}");
    let said = fail("sample --model m.safetensors --out -");
    assert!(said.contains("--out must be a path"), "{said}");
}

fn words(arguments: &str) -> Vec<&str> {
    arguments.split(' ').collect()
}

/// The classes in an archive of samples.
fn npz_classes(path: &Path) -> Vec<i64> {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).expect("written")).expect("a zip");
    let classes = archive.by_name("arr_1.npy").expect("there");
    npyz::NpyFile::new(classes).expect("an array").into_vec().expect("numbers")
}

#[test]
fn an_archive_has_the_images_and_their_classes() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = common::model();
    model.card.architecture = model.card.architecture.with_classes(3);
    let names = ["cup", "ball", "cat"];
    model.card.classes = names.map(|name| Class { name: name.into(), images: 1 }).into();
    model.weights = common::weights(&model.card.architecture);
    let bytes = model.write().expect("finite");
    fs::write(folder.path().join("m.safetensors"), bytes).expect("written");
    let sample = "sample --model m.safetensors -n 4 --classes 0-2 --levels 2 --engine burn --out";
    succeeds(folder.path(), &format!("{sample} s.npy"));
    succeeds(folder.path(), &format!("{sample} s.npz"));
    let file = fs::File::open(folder.path().join("s.npz")).expect("written");
    let mut archive = zip::ZipArchive::new(file).expect("an archive");
    let images =
        npyz::NpyFile::new(archive.by_name("arr_0.npy").expect("there")).expect("an array");
    let images = (images.shape().to_vec(), images.into_vec::<u8>().expect("bytes"));
    assert_eq!(images, array(&folder.path().join("s.npy")));
    let classes_of = |arguments: &str| -> Vec<i64> {
        let sample = "sample --model m.safetensors --levels 2 --engine burn --out c.npz";
        succeeds(folder.path(), &format!("{sample} {arguments}"));
        npz_classes(&folder.path().join("c.npz"))
    };
    assert_eq!(classes_of("-n 4 --classes 0-2"), [0, 1, 2, 0]);
    // A part of the name of one class, but no name.
    assert_eq!(classes_of("-n 4 --classes all"), [0, 1, 2, 0]);
    // Unasked, chains draw their classes, but a path leads through images of one.
    let drawn = classes_of("-n 6 --seed 3");
    assert!(drawn.iter().any(|&class| class != drawn[0]), "{drawn:?}");
    assert_eq!(classes_of("-n 6 --interpolate 3:8"), [drawn[0]; 6]);
    // What is drawn can be read as data, with its classes.
    let sample = "sample --model m.safetensors -n 40 --seed 3 --levels 2 --engine burn --out d.npz";
    succeeds(folder.path(), sample);
    let said = cli::succeed(&mut cli::ncsn(folder.path(), &["plan", "--data", "d.npz"]));
    assert!(said.contains("3 classes: 0, 1, 2; "), "{said}");
}

/// A Python with these packages: `NCSN_PYTHON`, or the system's.
fn python_with(packages: &str) -> Option<String> {
    let python = std::env::var("NCSN_PYTHON").unwrap_or("python3".into());
    let tried = Command::new(&python).args(["-c", &format!("import {packages}")]).output();
    let is_there = tried.is_ok_and(|output| output.status.success());
    if !is_there {
        eprintln!("not tried: no Python with {packages}; NCSN_PYTHON may name one");
    }
    is_there.then_some(python)
}

/// `examples/sample_onnx.py` draws the images of `ncsn sample`, whatever the sampler.
#[test]
fn python_draws_the_same_images() {
    let Some(python) = python_with("numpy, onnxruntime") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("m.safetensors"), common::model().write().expect("finite"))
        .expect("written");
    let script = Path::new("examples/sample_onnx.py").canonicalize().expect("an example");
    let seed = (3u64 << 32) + 5;
    for sampler in ncsn::sample::Sampler::ALL {
        let settings = format!("--model m.safetensors --sampler {} --levels 3", sampler.name());
        succeeds(folder.path(), &format!("export {settings} --onnx m.onnx"));
        succeeds(
            folder.path(),
            &format!("sample {settings} -n 3 --seed {seed} --engine burn --out rust.npy"),
        );
        let mut command = Command::new(&python);
        command.current_dir(folder.path()).arg(&script).args(["m.onnx", "python.npy", "-n", "3"]);
        let output = command.args(["--seed", &seed.to_string()]).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let [rust, python] =
            ["rust.npy", "python.npy"].map(|name| array(&folder.path().join(name)));
        assert_eq!(rust.0, python.0, "{}", sampler.name());
        let furthest = rust.1.iter().zip(&python.1).map(|(&a, &b)| a.abs_diff(b)).max();
        assert!(furthest <= Some(1), "{}: {furthest:?}", sampler.name());
    }
}

/// With guidance by two evaluations, with its scale as an input of the network, and beyond the scales
/// that this input has; to a class by its name or its number, or to those that are drawn.
#[test]
fn python_draws_the_same_guided_images() {
    let Some(python) = python_with("numpy, onnxruntime") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let script = Path::new("examples/sample_onnx.py").canonicalize().expect("an example");
    for (guidance_max, asked) in [
        (0.0, &["--guidance", "2.5", "--class", "1"][..]),
        (4.0, &["--guidance", "2.5", "--class", "dog"]),
        (4.0, &["--guidance", "5", "--class", "dog"]),
        (0.0, &["--guidance", "2.5"]),
        (4.0, &["--guidance", "2.5"]),
        (0.0, &[]),
    ] {
        let mut model = common::model();
        let architecture = model.card.architecture.with_classes(2);
        model.card.architecture = architecture.with_guidance_max(guidance_max);
        let images = [("cat", 100), ("dog", 200)];
        model.card.classes =
            images.map(|(name, images)| Class { name: name.into(), images }).to_vec();
        model.weights = common::weights(&model.card.architecture);
        let bytes = model.write().expect("finite");
        fs::write(folder.path().join("m.safetensors"), bytes).expect("written");
        succeeds(folder.path(), "export --model m.safetensors --levels 3 --onnx m.onnx");
        let asked = [asked, &["-n", "9", "--seed", "4294967299"]].concat();
        let sample = "sample --model m.safetensors --levels 3 --engine burn --out rust.npy";
        succeeds(folder.path(), &format!("{sample} {}", asked.join(" ")));
        let mut command = Command::new(&python);
        command.current_dir(folder.path()).arg(&script).args(["m.onnx", "python.npy"]).args(&asked);
        let output = command.output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let [rust, python] =
            ["rust.npy", "python.npy"].map(|name| array(&folder.path().join(name)));
        let furthest = rust.1.iter().zip(&python.1).map(|(&a, &b)| a.abs_diff(b)).max();
        assert!(furthest <= Some(1), "{asked:?} of {guidance_max}: {furthest:?}");
    }
}

/// The script finds the classes that the programs find, by `tests/class_names.json`.
#[test]
fn python_finds_the_same_classes() {
    let Some(python) = python_with("numpy, onnxruntime") else { return };
    let script = "\
import json
from sample_onnx import class_number

def found(card, text):
    try:
        return class_number(card, text)
    except ValueError:
        return None

for case in json.load(open('../tests/class_names.json', encoding='utf-8')):
    images = case.get('images', [1] * len(case['names']))
    classes = [{'name': name, 'images': count} for name, count in zip(case['names'], images)]
    for text, number in [*case['found'].items(), *((text, None) for text in case['refused'])]:
        assert found({'classes': classes}, text) == number, (text, case)
";
    let mut command = Command::new(python);
    command.current_dir("examples").env("PYTHONDONTWRITEBYTECODE", "1").args(["-c", script]);
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A folder that diffusers loads, which draws the images of `ncsn sample`.
#[test]
fn a_pipeline_of_diffusers_draws_the_same_images() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = common::model();
    model.card.architecture = model.card.architecture.with_classes(3);
    model.card.classes =
        ["0", "1", "cat"].map(|name| Class { name: name.into(), images: 1 }).into();
    model.weights = common::weights(&model.card.architecture);
    let at = |name: &str| folder.path().join(name);
    fs::write(at("m.safetensors"), model.write().expect("finite")).expect("written");
    let export = "export --model m.safetensors --levels 3 --diffusers pipe";
    succeeds(folder.path(), export);
    let index = fs::read_to_string(at("pipe/model_index.json")).expect("written");
    let index: serde_json::Value = serde_json::from_str(&index).expect("JSON");
    let class = index["_class_name"][1].as_str().expect("a name");
    let module = fs::read_to_string(at("pipe/pipeline.py")).expect("written");
    assert!(module.contains(&format!("class {class}(")));
    let [file, class] = [0, 1].map(|at| index["network"][at].as_str().expect("a name"));
    let module = fs::read_to_string(at(&format!("pipe/network/{file}.py"))).expect("written");
    assert!(module.contains(&format!("class {class}:")));

    // The folder may be somebody's.
    let refused = ncsn(folder.path(), export);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--overwrite"));
    succeeds(folder.path(), &format!("{export} --overwrite"));

    let Some(python) = python_with("onnxruntime, torch, diffusers") else { return };
    let script = "import numpy, torch; from diffusers import DiffusionPipeline; \
                  pipeline = DiffusionPipeline.from_pretrained('pipe', trust_remote_code=True); \
                  images = pipeline(3, torch.Generator().manual_seed(5), 'cat', 2.0).images; \
                  numpy.save('python.npy', numpy.stack([numpy.array(i) for i in images])); \
                  images = pipeline(8, torch.Generator().manual_seed(6)).images; \
                  numpy.save('drawn.npy', numpy.stack([numpy.array(i) for i in images]))";
    let mut command = Command::new(&python);
    command.current_dir(folder.path()).env("HF_HOME", at("cache")).args(["-c", script]);
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sample = "sample --model m.safetensors --levels 3 -n 3 --seed 5 --class cat --guidance 2";
    succeeds(folder.path(), &format!("{sample} --engine burn --out rust.npy"));
    let sample = "sample --model m.safetensors --levels 3 -n 8 --seed 6 --engine burn";
    succeeds(folder.path(), &format!("{sample} --out rust-drawn.npy"));
    for [rust, python] in [["rust.npy", "python.npy"], ["rust-drawn.npy", "drawn.npy"]] {
        let [rust, python] = [rust, python].map(|name| array(&at(name)));
        assert_eq!(rust.0, python.0);
        let furthest = rust.1.iter().zip(&python.1).map(|(&a, &b)| a.abs_diff(b)).max();
        assert!(furthest <= Some(1), "{furthest:?}");
    }
}
