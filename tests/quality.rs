//! Classifiers, guidance and `ncsn eval`, as a user runs them, on images of two kinds of bars.
#![cfg(not(target_family = "wasm"))]

mod cli;
mod onnx_file;

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use ncsn::classifier::ClassifierFile;
use ncsn::eval::ClassifierFeatures;
use ncsn::random::Key;
use serde_json::Value;
use sha2::{Digest, Sha256};

use cli::{fail, ncsn, read, succeed, train};
use onnx_file::Axis;

/// 400 images of 8 × 8 and 100 to hold out: a bar of some gray that lies (class 0) or stands
/// (class 1).
fn write_bars(folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    for (name, count) in [("train", 400u32), ("t10k", 100)] {
        let big = |words: &[u32]| words.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<u8>>();
        let mut images = big(&[0x0803, count, 8, 8]);
        let mut labels = big(&[0x0801, count]);
        for image in 0..count {
            let key = Key { seed: 1, stream: image, step: count };
            let at = (key.uniform(0) * 8.0) as usize;
            let gray = 128 + (key.uniform(1) * 127.0) as u8;
            let stands = image % 2 == 1;
            let on = |pixel: usize| if stands { pixel % 8 == at } else { pixel / 8 == at };
            images.extend((0..64).map(|pixel| if on(pixel) { gray } else { 0 }));
            labels.push(u8::from(stands));
        }
        fs::write(folder.join(format!("{name}-images-idx3-ubyte")), images).expect("written");
        fs::write(folder.join(format!("{name}-labels-idx1-ubyte")), labels).expect("written");
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("there")).expect("JSON")
}

#[test]
fn samples_are_measured_and_guided() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    write_bars(&at.join("bars"));
    let quick = ["--steps", "300", "--warmup-steps", "10", "--batch", "16"];
    // Without classes of its own: a classifier is to guide it.
    let model = [&quick[..], &["--labels", "off", "--out", "m.safetensors"]].concat();
    succeed(&mut train(at, &model));

    // Measured.
    let eval = ["eval", "--model", "m.safetensors", "--data", "bars", "--engine", "burn"];
    let drawn = ["-n", "100", "--sampler", "ancestral", "--levels", "20"];
    let said = succeed(ncsn(at, &eval).args(drawn));
    assert!(said.contains("2 classes") && said.contains("training images"), "{said}");
    assert!(said.contains("training a classifier of the data (once;"), "{said}");
    let report = json(&at.join("m.eval/report.json"));
    let number = |path: &str| report.pointer(path).and_then(Value::as_f64).expect(path);
    assert!(number("/classifier/accuracy") > 0.97, "{report}");
    assert_eq!((number("/nfe"), number("/denoised/n"), number("/seed")), (20.0, 100.0, 1.0));
    // After 300 steps, samples are not yet as good as training images.
    assert!(number("/floor/frechet") < number("/denoised/frechet"), "{report}");
    assert!(number("/floor/precision") > 0.7 && number("/floor/recall") > 0.7, "{report}");
    assert!((number("/denoised/classes/0") + number("/denoised/classes/1") - 1.0).abs() < 1e-9);
    for name in ["report.svg", "samples.png", "nearest.png"] {
        assert!(at.join("m.eval").join(name).metadata().expect(name).len() > 500, "{name}");
    }
    let card = read(&at.join("m.safetensors")).card;
    let trained = card.schedule();
    let quality = card.quality.expect("written into the card");
    assert_eq!((quality.n, quality.nfe), (100, 20));
    assert!((quality.frechet - number("/denoised/frechet")).abs() < 1e-9);

    // The report says which classifier it was, and more samples than training images are refused.
    let weights =
        report.pointer("/classifier/weights").and_then(Value::as_str).expect("a checksum");
    assert!(weights.len() == 8 && said.contains(weights), "{weights}: {said}");
    assert!(fail(ncsn(at, &eval).args(["-n", "401"])).contains("-n 400 is the most"));

    // The same classifier and the same samples give the same numbers. Names of classes and the accuracy
    // are those of the data, whatever they were when the classifier was trained.
    let classifiers = fs::read_dir(at.join("cache/ncsn/classifiers")).expect("kept");
    let kept: Vec<_> = classifiers.map(|entry| entry.expect("readable").path()).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let mut cached = ClassifierFile::read(&fs::read(&kept[0]).expect("readable")).expect("its own");
    cached.card.classes = ["former", "names"].map(String::from).into();
    cached.card.accuracy = 0.1;
    fs::write(&kept[0], cached.write().expect("finite")).expect("written");
    let said = succeed(ncsn(at, &eval).args(drawn).args(["--keep-card", "--out", "again"]));
    assert!(!said.contains("training a classifier"), "{said}");
    assert_eq!(json(&at.join("again/report.json")), report);

    // At several numbers of evaluations; the card then has the best settings and the fastest good
    // ones.
    let sweep = ["--sweep", "-n", "50", "--nfe", "5,9", "--samplers", "ancestral,heun"];
    succeed(ncsn(at, &eval).args(sweep));
    let found = json(&at.join("m.eval/sweep.json"));
    let points = found["points"].as_array().expect("a table");
    let best = points.iter().map(|point| point["frechet"].as_f64().expect("a number"));
    let best = best.fold(f64::MAX, f64::min);
    assert_eq!(points.len(), 10, "two samplers in two and three variants, at two numbers");
    let short = points.iter().filter(|point| point["name"] == "ancestral, short");
    let ends =
        short.map(|point| (&point["settings"]["sigma_max"], &point["settings"]["sigma_min"]));
    let within =
        |(max, min): (&Value, &Value)| max.as_f64() < Some(20.0) && min.as_f64() > Some(0.01);
    assert!(ends.map(within).eq([true; 2]), "{points:?}");
    assert_eq!(found["best"]["frechet"].as_f64(), Some(best));
    assert!(found["fast"]["frechet"].as_f64() <= Some(1.1 * best));
    let card = read(&at.join("m.safetensors")).card;
    let nfe = |settings: ncsn::sample::Settings| settings.step_table().expect("possible").nfe();
    assert_eq!(Some(nfe(card.sampler) as u64), found["fast"]["nfe"].as_u64());
    assert_eq!(card.best.map(|best| nfe(best) as u64), found["best"]["nfe"].as_u64());
    // Whatever its sampler does, the card knows what the network was trained for.
    assert_eq!(card.schedule(), trained);

    // Guided.
    assert!(
        fail(&mut train(at, &["--classifier", "--warmup-steps", "9"])).contains("--warmup-steps")
    );
    let quick = ["--steps", "300", "--batch", "16"];
    let classifier = [&quick[..], &["--classifier", "--out", "c.safetensors"]].concat();
    let said = succeed(&mut train(at, &classifier));
    let over_a_model = [&quick[..], &["--classifier", "--out", "m.safetensors"]].concat();
    assert!(fail(&mut train(at, &over_a_model)).contains("--overwrite"));
    let none = [&classifier[..], &["--sigma-min", "30", "--overwrite"]].concat();
    assert!(fail(&mut train(at, &none)).contains("sigma_min (30)"));
    assert!(said.contains("whose class it tells"), "{said}");
    let extractor = ClassifierFeatures::new(&cached, &Device::flex()).expect("its own");
    let share = |class: &str| {
        let guide = ["--classifier", "c.safetensors", "--class", class, "--guidance", "2"];
        let sample = ["sample", "--model", "m.safetensors", "-n", "60", "--out", "g.npy"];
        succeed(ncsn(at, &sample).args(guide).args(&drawn[2..]));
        let bytes = fs::read(at.join("g.npy")).expect("written");
        let pixels: Vec<f32> =
            bytes[bytes.len() - 60 * 64..].iter().map(|&b| f32::from(b) / 255.0).collect();
        let stands = extractor.features(&pixels).probabilities.into_iter().skip(1).step_by(2);
        stands.filter(|&p| p > 0.5).count() as f64 / 60.0
    };
    let (lying, standing) = (share("0"), share("1"));
    println!("{lying} {standing}");
    assert!(lying < 0.2 && standing > 0.8, "{lying} {standing}");

    let guide = ["--classifier", "c.safetensors", "--class", "1", "--out", "g.npz"];
    let sample = ["sample", "--model", "m.safetensors", "-n", "3", "--levels", "2"];
    succeed(ncsn(at, &sample).args(guide));
    let file = fs::File::open(at.join("g.npz")).expect("written");
    let mut archive = zip::ZipArchive::new(file).expect("an archive");
    let classes = npyz::NpyFile::new(archive.by_name("arr_1.npy").expect("there"));
    let classes = classes.expect("an array").into_vec::<i64>();
    assert_eq!(classes.expect("numbers"), [1, 1, 1], "those that it was guided to");

    let bad = |arguments: &[&str]| fail(&mut ncsn(at, arguments));
    let sample = ["sample", "--model", "m.safetensors", "--class", "7", "--classifier"];
    assert!(bad(&[&sample[..], &["c.safetensors"]].concat()).contains("2 classes: 0, 1"));
    assert!(bad(&[&sample[..], &["m.safetensors"]].concat()).contains("train --classifier"));
    assert!(bad(&["eval", "--model", "c.safetensors", "--data", "bars"]).contains("card"));
}

/// The features of a network from elsewhere: here, the mean gray of an image.
#[test]
fn samples_are_judged_in_the_features_of_a_given_network() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    write_bars(&at.join("bars"));
    // Without classes, so that no classifier is needed.
    for name in ["train", "t10k"] {
        fs::remove_file(at.join("bars").join(format!("{name}-labels-idx1-ubyte"))).expect("there");
    }
    let quick = ["--steps", "20", "--warmup-steps", "2", "--batch", "8"];
    succeed(&mut train(at, &[&quick[..], &["--out", "m.safetensors"]].concat()));
    let any = [Axis::Symbol("H"), Axis::Symbol("W")];
    let bytes = onnx_file::channel_means(Axis::Symbol("N"), any);
    fs::write(at.join("net.onnx"), &bytes).expect("written");

    let eval = ["eval", "--model", "m.safetensors", "--data", "bars", "--engine", "burn"];
    let judged = ["-n", "40", "--sampler", "ancestral", "--levels", "3", "--features", "net.onnx"];
    // How large images should be is not known until the file beside the network says it.
    assert!(fail(ncsn(at, &eval).args(judged)).contains("\"size\""));
    fs::write(at.join("net.json"), r#"{"size": [16, 16], "range": [0, 255]}"#).expect("written");
    let said = succeed(ncsn(at, &eval).args(judged));
    let sha256: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    assert!(said.contains("features of net.onnx") && said.contains(&sha256), "{said}");
    let report = json(&at.join("m.eval/report.json"));
    assert_eq!(report["features"]["name"], "net.onnx");
    assert_eq!(report["features"]["checksum"], format!("sha256:{sha256}"));
    assert_eq!(report["features"]["preprocessing"]["size"], serde_json::json!([16, 16]));
    assert_eq!((&report["classifier"], &report["denoised"]["sure"]), (&Value::Null, &Value::Null));
    assert!(!at.join("cache").exists(), "no classifier was trained");
    let quality = read(&at.join("m.safetensors")).card.quality.expect("in the card");
    assert_eq!(quality.classifier_accuracy, None);
    assert_eq!(quality.features.expect("named").checksum, format!("sha256:{sha256}"));

    // Figures of fewer samples do not replace these.
    let before = fs::read(at.join("m.safetensors")).expect("there");
    let fewer = [&judged[2..], &["-n", "30", "--out", "fewer"]].concat();
    let said = succeed(ncsn(at, &eval).args(fewer));
    assert!(said.contains("keeps its figures of 40 samples; -n 40 replaces them"), "{said}");
    assert_eq!(fs::read(at.join("m.safetensors")).expect("there"), before);
    assert_eq!(json(&at.join("fewer/report.json"))["denoised"]["n"], 30);

    // The distance of training images is the one worked out from the mean grays themselves. Three
    // equal features of deviation s are one along (1, 1, 1), of deviation √3 s.
    let grays = |name: &str| -> Vec<f64> {
        let bytes = fs::read(at.join("bars").join(format!("{name}-images-idx3-ubyte")));
        let mean = |image: &[u8]| image.iter().map(|&b| f64::from(b)).sum::<f64>() / 64.0;
        bytes.expect("there")[16..].chunks_exact(64).map(mean).collect()
    };
    let moments = |grays: &[f64]| {
        let mean = grays.iter().sum::<f64>() / grays.len() as f64;
        let squares: f64 = grays.iter().map(|gray| (gray - mean).powi(2)).sum();
        (mean, (squares / (grays.len() - 1) as f64).sqrt())
    };
    let all = [&judged[2..], &["-n", "400", "--keep-card", "--out", "all"]].concat();
    succeed(ncsn(at, &eval).args(all));
    let [(mean, deviation), (other_mean, other)] =
        ["train", "t10k"].map(|name| moments(&grays(name)));
    let truth = 3.0 * ((mean - other_mean).powi(2) + (deviation - other).powi(2));
    let floor = json(&at.join("all/report.json"))["floor"]["frechet"].as_f64().expect("a number");
    assert!((floor / truth - 1.0).abs() < 0.01, "{floor} for {truth}");

    // In a sweep, too; and with another file of preprocessing.
    fs::write(at.join("bgr.json"), r#"{"size": [8, 8], "channels": "bgr"}"#).expect("written");
    let sweep = ["--sweep", "-n", "20", "--nfe", "5", "--samplers", "ancestral", "--keep-card"];
    let with = ["--features", "net.onnx", "--features-config", "bgr.json"];
    succeed(ncsn(at, &eval).args(sweep).args(with));
    let swept = json(&at.join("m.eval/sweep.json"));
    assert_eq!(swept["features"]["preprocessing"]["channels"], "bgr");

    // The card has the results even where their plots cannot be written.
    for name in ["report.svg", "sweep.svg"] {
        fs::create_dir_all(at.join("full").join(name)).expect("created");
    }
    let once = [&judged[2..], &["-n", "50", "--out", "full"]].concat();
    assert!(fail(ncsn(at, &eval).args(once)).contains("report.svg"));
    let sweep = [&sweep[..7], &["--features", "net.onnx", "--out", "full"]].concat();
    assert!(fail(ncsn(at, &eval).args(sweep)).contains("sweep.svg"));
    let card = read(&at.join("m.safetensors")).card;
    assert_eq!((card.quality.map(|quality| quality.n), card.best.is_some()), (Some(50), true));

    // Where the results themselves cannot be written, that is said before anything is drawn.
    fs::create_dir_all(at.join("closed/report.json")).expect("created");
    let closed = [&judged[2..], &["-n", "40", "--out", "closed"]].concat();
    let output = ncsn(at, &eval).args(closed).output().expect("starts");
    let [said, refusal] =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(refusal.contains("report.json") && refusal.contains("folder"), "{refusal}");
    assert!(!said.contains("features of"), "{said}");

    fs::write(at.join("no.onnx"), "no network").expect("written");
    let said = fail(ncsn(at, &eval).args(["--features", "no.onnx"]));
    assert!(said.contains("no.onnx") && said.contains("not an ONNX file"), "{said}");
    fs::write(at.join("no.json"), "{\"sise\": 3}").expect("written");
    let said =
        fail(ncsn(at, &eval).args(["--features", "net.onnx", "--features-config", "no.json"]));
    assert!(said.contains("no.json") && said.contains("sise"), "{said}");
}

#[test]
fn the_toy_is_sampled_as_its_paper_says() {
    let said = succeed(&mut ncsn(Path::new("."), &["toy", "-n", "2000"]));
    let share = |name: &str, nfe: &str| -> f64 {
        let of = |line: &&str| {
            let mut words = line.split_whitespace();
            words.next() == Some(name) && words.next() == Some(nfe)
        };
        let line = said.lines().find(of).expect("a row");
        line.split_whitespace().next_back().expect("a share").parse().expect("a number")
    };
    // Langevin without annealing cannot tell the weights of distant modes, and keeps the halves
    // that it begins with (section 3.2.1, figure 3).
    assert!((0.45..0.6).contains(&share("plain-langevin", "1000")), "{said}");
    assert!((share("ancestral", "1000") - 0.8).abs() < 0.05, "{said}");
}
