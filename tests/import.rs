//! Checkpoints in the form of the published trainers become models that run.
//! `tests/fixtures/make.py` made the checkpoints, with PyTorch.
#![cfg(not(target_family = "wasm"))]

mod cli;
mod torch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use cli::{fail, read, succeed};
use ncsn::import::pytorch::{self, Checkpoint, CheckpointError, Choice};
use ncsn::import::{Facts, ImportError, refinenet};
use ncsn::model_file::{Card, ModelFile};
use ncsn::net::weights::{Array, Weights};
use ncsn::net::{Architecture, Depth, Variant};
use ncsn::noise::NoiseSchedule;
use ncsn::sample::Sampler;
use safetensors::tensor::SafeTensors;
use torch::{Value, count, dict, doubles, state, tensor, unnamed};

fn fixture(name: &str) -> PathBuf {
    // Programs run in other folders.
    std::path::absolute(Path::new("tests/fixtures").join(name)).expect("there is a folder")
}

/// A stream of pickles as PyTorch wrote it in 2019: `[state_dict, optimizer]`, names after
/// `DataParallel`. The fixture of the same network has the same weights.
#[test]
fn the_oldest_checkpoints_are_read_to_the_last_bit() {
    let checkpoint =
        pytorch::read(&fixture("ncsn.pth"), &Choice::default()).expect("a good checkpoint");
    assert_eq!((checkpoint.averaged, checkpoint.step), (false, None));
    let bytes = std::fs::read(fixture("ncsn-8x12x1.safetensors")).expect("there");
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let mut compared = 0;
    for (name, tensor) in file.tensors() {
        if let Some(name) = name.strip_prefix("state/") {
            let array = &checkpoint.state[name];
            let values: Vec<u8> = array.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            assert_eq!((&array.shape[..], &values[..]), (tensor.shape(), tensor.data()), "{name}");
            compared += 1;
        }
    }
    assert_eq!(compared, checkpoint.state.len());
}

/// A ZIP archive: `[state_dict, optimizer, epoch, step, moving average]`. Raw weights are all −1.
/// The moving average has γ = 1, α = 2, β = 3 and ½ everywhere else, but no levels.
#[test]
fn the_moving_average_is_taken_unless_it_is_not_wanted() {
    let read = |average| {
        let choice = Choice { average, key: None };
        pytorch::read(&fixture("ncsnv2.pth"), &choice).expect("a good checkpoint")
    };
    let (average, raw) = (read(true), read(false));
    assert_eq!((average.averaged, average.step), (true, Some(300)));
    assert_eq!((raw.averaged, raw.step), (false, Some(300)));
    assert_eq!((&average.key[..], &average.others[..]), ("[4]", &["[0].module".to_owned()][..]));
    assert_eq!((&raw.key[..], &raw.others[..]), ("[0].module", &["[4]".to_owned()][..]));

    let facts = Facts { size: Some([8, 8]), sigmas: None };
    let (description, weights) = refinenet(average.state, &facts).expect("NCSNv2");
    assert_eq!(
        (description.variant, description.depth, description.ngf, description.image_shape.channels),
        (Variant::Ncsnv2, Depth::Standard, 2, 3)
    );
    assert_eq!(description.schedule, NoiseSchedule { sigma_max: 1.0, sigma_min: 0.01, levels: 5 });
    let table = Array { shape: vec![1, 6], values: vec![1.0, 1.0, 2.0, 2.0, 3.0, 3.0] };
    assert_eq!(weights["norm.table"], table);
    assert!(weights["refinements.0.fuse.1.conv.bias"].values.iter().all(|&v| v == 0.5));
    let (_, weights) = refinenet(raw.state, &facts).expect("NCSNv2");
    assert!(weights.values().flat_map(|array| &array.values).all(|&value| value == -1.0));
    let expected: BTreeMap<_, _> =
        Architecture::RefineNet(description).tensors().into_iter().collect();
    let found = weights.into_iter().map(|(name, array)| (name, array.shape)).collect();
    assert_eq!(expected, found);
}

#[test]
fn what_is_no_published_network_is_refused_by_name() {
    assert!(matches!(
        pytorch::read(&fixture("ncsn-8x12x1.safetensors"), &Choice::default()),
        Err(CheckpointError::Safetensors)
    ));
    // A cut anywhere is noticed in both kinds of file.
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["ncsn.pth", "ncsnv2.pth"] {
        let whole = std::fs::read(fixture(name)).expect("there");
        for share in [0, 1, 50, 90, 99] {
            let cut = folder.path().join("cut.pth");
            std::fs::write(&cut, &whole[..whole.len() * share / 100]).expect("written");
            assert!(pytorch::read(&cut, &Choice::default()).is_err(), "{share} % of {name}");
        }
    }

    let state =
        pytorch::read(&fixture("ncsn.pth"), &Choice::default()).expect("a good checkpoint").state;
    let refused = |change: fn(&mut Weights), facts: &Facts| {
        let mut state = state.clone();
        change(&mut state);
        refinenet(state, facts).expect_err("must be refused")
    };
    let facts = Facts { size: Some([8, 12]), sigmas: None };
    let gone = "refine2.msf.norms.1.embed.weight";
    let error = refused(|state| drop(state.remove("refine2.msf.norms.1.embed.weight")), &facts);
    assert_eq!(error, ImportError::Missing(gone.into()));
    let more = |state: &mut Weights| {
        state.insert("res9.weight".into(), Array { shape: vec![1], values: vec![0.0] });
    };
    assert_eq!(refused(more, &facts), ImportError::Unexpected("res9.weight".into()));
    // Conditional InstanceNorm without ++ has no α.
    let narrow = |state: &mut Weights| {
        let table = state.get_mut("res1.0.normalize1.embed.weight").expect("there");
        (table.shape, table.values) = (vec![4, 4], vec![0.0; 16]);
    };
    assert!(matches!(refused(narrow, &facts), ImportError::Shape { found, .. } if found == [4, 4]));
    let odd = Facts { size: Some([9, 12]), sigmas: None };
    assert!(refused(|_| (), &odd).to_string().contains("9 × 12"));
    let levels = |state: &mut Weights| {
        let sigmas = Array { shape: vec![4], values: vec![1.0, 0.7, 0.4, 0.1] };
        state.insert("sigmas".into(), sigmas);
    };
    assert_eq!(refused(levels, &facts), ImportError::Sigmas);
}

/// The weights of NCSN's fixture.
fn ncsn() -> Weights {
    pytorch::read(&fixture("ncsn.pth"), &Choice::default()).expect("a good checkpoint").state
}

/// NCSNv2's with its levels, but no two values alike.
fn ncsnv2() -> Weights {
    let choice = Choice { average: false, key: None };
    let mut state =
        pytorch::read(&fixture("ncsnv2.pth"), &choice).expect("a good checkpoint").state;
    let trained = state.iter_mut().filter(|(name, _)| *name != "sigmas");
    let values = trained.flat_map(|(_, array)| &mut array.values);
    values.enumerate().for_each(|(number, value)| *value = number as f32);
    state
}

/// Other weights: each value is a quarter larger, as is none in the checkpoint.
fn average_of(weights: &Weights) -> Weights {
    let mut average = weights.clone();
    let trained = average.iter_mut().filter(|(name, _)| *name != "sigmas");
    trained.flat_map(|(_, array)| &mut array.values).for_each(|value| *value += 0.25);
    average
}

fn without_sigmas(mut weights: Weights) -> Weights {
    weights.remove("sigmas");
    weights
}

/// As Lightning saves averages that are buffers.
fn without_dots(weights: &Weights) -> Weights {
    weights.iter().map(|(name, array)| (name.replace('.', ""), array.clone())).collect()
}

/// Dictionaries with the entries of both.
fn both(a: Value, b: Value) -> Value {
    let (Value::Dict(mut entries), Value::Dict(more)) = (a, b) else { panic!("dictionaries") };
    entries.extend(more);
    Value::Dict(entries)
}

fn named(prefix: &str, value: Value) -> Value {
    let Value::Dict(entries) = value else { panic!("a dictionary") };
    dict(entries.into_iter().map(|(key, value)| (format!("{prefix}{key}"), value)))
}

/// Reads what was written, in both of PyTorch's formats.
fn read_back(value: &Value, choice: &Choice) -> Result<Checkpoint, CheckpointError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (archive, stream) = (folder.path().join("archive.pt"), folder.path().join("stream.pt"));
    value.save(&archive);
    value.save_stream(&stream);
    let read = pytorch::read(&archive, choice);
    match (&read, pytorch::read(&stream, choice)) {
        (Ok(read), Ok(other)) => assert_eq!(*read, other),
        (Err(read), Err(other)) => assert_eq!(read.to_string(), other.to_string()),
        (read, other) => panic!("{read:?}, but {other:?}"),
    }
    read
}

const RAW: Choice = Choice { average: false, key: None };

fn at(key: &str) -> Choice {
    Choice { average: true, key: Some(key.into()) }
}

/// What trainers save, in whatever order, and at which keys the average and the weights are.
#[test]
fn the_moving_average_is_known_by_its_name() {
    let raw = ncsn();
    let ema = average_of(&raw);
    let (r, e) = (|prefix: &str| state(prefix, &raw), |prefix: &str| state(prefix, &ema));
    let (none, two) = (|| dict([] as [(&str, Value); 0]), |a, r, b, e| dict([(a, r), (b, e)]));
    let litema = || {
        let counters = dict([("decay", doubles(&[], &[0.999])), ("num_updates", count(5))]);
        both(counters, state("", &without_dots(&ema)))
    };
    let layouts = [
        (dict([("model", r("")), ("ema", e("")), ("opt", none())]), "ema", "model"),
        (two("model", r(""), "ema_model", e("")), "ema_model", "model"),
        (two("model", r("module."), "ema_model", e("")), "ema_model", "model.module"),
        (two("state_dict", r(""), "ema_state_dict", e("")), "ema_state_dict", "state_dict"),
        (two("state_dict", r(""), "state_dict_ema", e("")), "state_dict_ema", "state_dict"),
        (two("net", r(""), "net_ema", e("")), "net_ema", "net"),
        (two("params", r(""), "params_ema", e("")), "params_ema", "params"),
        (two("model", r(""), "model_ema", e("")), "model_ema", "model"),
        (two("model", r(""), "modelEMA", e("")), "modelEMA", "model"),
        (two("zoo", r(""), "averaged", e("")), "averaged", "zoo"),
        (two("model", r(""), "ema_0.9999", e("")), "ema_0.9999", "model"),
        (two("model", r("_orig_mod."), "ema", e("module._orig_mod.")), "ema.module", "model"),
        (
            two("model", r("module."), "ema", dict([("shadow", e("module."))])),
            "ema.shadow.module",
            "model.module",
        ),
        // Names may be nested, or joined by dots.
        (two("ema", e(""), "shell", dict([("inner", r(""))])), "ema", "shell.inner"),
        (
            dict([("state_dict", both(r("model."), e("ema.module.")))]),
            "state_dict.ema.module",
            "state_dict.model",
        ),
        (dict([("model", both(r(""), e("ema.")))]), "model.ema", "model"),
        // torch.optim.swa_utils.AveragedModel.
        (
            two("model", r(""), "teacher", both(dict([("n_averaged", count(3))]), e("module."))),
            "teacher.module",
            "model",
        ),
        // Lightning with latent diffusion's LitEma, of the model and of what is in it.
        (
            dict([("state_dict", both(r("model."), named("model_ema.", litema())))]),
            "state_dict.model_ema",
            "state_dict.model",
        ),
        (
            dict([(
                "state_dict",
                both(r("model.net."), state("model_ema.net", &without_dots(&ema))),
            )]),
            "state_dict.model_ema.net",
            "state_dict.model.net",
        ),
        // A list in the order of the parameters, of torch_ema or diffusers.
        (
            two(
                "model",
                r("module."),
                "ema",
                dict([
                    ("decay", Value::Int(1)),
                    ("shadow_params", unnamed(&ema)),
                    ("collected_params", Value::None),
                ]),
            ),
            "ema.shadow_params",
            "model.module",
        ),
        (two("model", r(""), "ema_params", unnamed(&ema)), "ema_params", "model"),
    ];
    for (layout, average, weights) in layouts {
        // A list has the order of the names: it does not follow if they are reversed.
        let list = average.ends_with("params");
        let reversed = Some(layout.reversed()).filter(|_| !list);
        for layout in [Some(layout), reversed].into_iter().flatten() {
            let read = read_back(&layout, &Choice::default()).expect(average);
            assert_eq!((&read.key[..], read.averaged), (average, true));
            assert_eq!(read.others, [weights], "beside {average}");
            assert!(read.state == ema, "the weights at {average}");
            let read = read_back(&layout, &RAW).expect(weights);
            assert_eq!((&read.key[..], read.averaged), (weights, false));
            assert_eq!(read.others, [average], "beside {weights}");
            assert!(read.state == raw, "the weights at {weights}");
        }
    }
}

/// `ema_pytorch` keeps the weights beside the average, and in the model once more.
#[test]
fn weights_that_are_saved_twice_are_one_choice() {
    let (raw, other) = (ncsn(), average_of(&average_of(&ncsn())));
    let ema = average_of(&raw);
    let trainer = |online: &Weights| {
        let networks = both(state("online_model.model.", online), state("ema_model.model.", &ema));
        let counters = dict([("initted", count(1)), ("step", count(10))]);
        let model = both(dict([("betas", doubles(&[2], &[0.1, 0.2]))]), state("model.", &raw));
        dict([("step", Value::Int(10)), ("ema", both(counters, networks)), ("model", model)])
    };
    for layout in [trainer(&raw), trainer(&raw).reversed()] {
        let read = read_back(&layout, &Choice::default()).expect("an average");
        assert_eq!((&read.key[..], read.step), ("ema.ema_model.model", Some(10)));
        assert!(read.averaged && read.state == ema);
        let read = read_back(&layout, &RAW).expect("weights");
        assert!(!read.averaged && read.state == raw);
    }
    let error = read_back(&trainer(&other), &RAW).expect_err("different weights").to_string();
    assert!(error.contains("`ema.online_model.model` and `model.model`"), "{error}");
    let choice = Choice { average: false, key: Some("ema".into()) };
    let read = read_back(&trainer(&other), &choice).expect("only these are at `ema`");
    assert!(!read.averaged && read.state == other);
}

#[test]
fn what_keys_do_not_tell_is_asked() {
    let (raw, ema) = (ncsn(), average_of(&ncsn()));
    let (r, e) = (state("", &raw), state("", &ema));
    let asked = |layout: &Value, choice: &Choice, keys: &str| {
        for layout in [layout.clone(), layout.reversed()] {
            let error = read_back(&layout, choice).expect_err("several");
            assert!(matches!(error, CheckpointError::Ambiguous { .. }), "{error}");
            let error = error.to_string();
            assert!(error.contains(keys) && error.contains("--key"), "{error}");
        }
    };
    let layout = dict([("student", r.clone()), ("teacher", e.clone())]);
    asked(&layout, &Choice::default(), "`student` and `teacher`");
    asked(&layout, &RAW, "`student` and `teacher`");
    let read = read_back(&layout, &at("teacher")).expect("it is there");
    assert!(!read.averaged && read.state == ema);
    let read = read_back(&layout, &at("student")).expect("it is there");
    assert!(!read.averaged && read.state == raw);
    let error = read_back(&layout, &at("teach")).expect_err("not there").to_string();
    assert!(error.contains("`teach`") && error.contains("`student` and `teacher`"), "{error}");

    let list = Value::List(vec![r.clone(), e.clone()]);
    asked(&list, &Choice::default(), "`[0]` and `[1]`");
    assert!(read_back(&list, &at("[1]")).expect("it is there").state == ema);

    let layout = dict([("ema_fast", r.clone()), ("ema_slow", e.clone())]);
    asked(&layout, &Choice::default(), "`ema_fast` and `ema_slow`");
    let read = read_back(&layout, &at("ema_slow")).expect("it is there");
    assert!(read.averaged && read.state == ema);
    let twice = dict([("model", both(r.clone(), state("_orig_mod.", &ema)))]);
    let error = read_back(&twice, &Choice::default()).expect_err("twice");
    assert!(matches!(error, CheckpointError::Twice(_)), "{error}");
    // The same weights are the same choice.
    let layout = dict([("best", r.clone()), ("last", r.clone())]);
    assert!(read_back(&layout, &Choice::default()).expect("no choice").state == raw);
}

#[test]
fn one_set_of_weights_is_what_its_key_says() {
    let raw = ncsn();
    for (layout, key, averaged) in [
        (state("", &raw), "(top level)", false),
        (state("module.", &raw), "module", false),
        (state("_orig_mod.module.", &raw), "module", false),
        (dict([("model", state("", &raw))]), "model", false),
        (dict([("ema", state("module.", &raw))]), "ema.module", true),
        (both(dict([("n_averaged", count(2))]), state("module.", &raw)), "module", true),
    ] {
        let read = read_back(&layout, &Choice::default()).expect(key);
        assert_eq!((&read.key[..], read.averaged, &read.others[..]), (key, averaged, &[][..]));
        assert!(read.state == raw, "{key}");
        match read_back(&layout, &RAW) {
            Ok(read) => assert!(!averaged && read.state == raw, "{key}"),
            Err(error) => {
                assert!(averaged && error.to_string().contains("--no-ema"), "{key}: {error}");
            }
        }
    }
    // An average that has not begun is that of random weights.
    let begun = |number| {
        let average = both(dict([("n_averaged", count(number))]), state("module.", &raw));
        dict([("model", state("", &average_of(&raw))), ("swa", average)])
    };
    assert!(read_back(&begun(1), &Choice::default()).expect("an average").averaged);
    let error = read_back(&begun(0), &Choice::default()).expect_err("no average").to_string();
    assert!(error.contains("`swa.module`") && error.contains("--no-ema"), "{error}");
    assert!(read_back(&begun(0), &RAW).expect("weights").state == average_of(&raw));
}

/// The order is the file's, not the alphabet's, and buffers are no parameters.
#[test]
fn a_list_of_parameters_is_in_the_order_of_the_file() {
    let raw = ncsnv2();
    let ema = average_of(&raw);
    let trained = without_sigmas(ema.clone());
    let mut names: Vec<&String> = raw.keys().collect();
    names.reverse();
    // The levels are somewhere in between.
    names.sort_by_key(|name| name.len() % 3);
    let ordered = |prefix: &str| state(prefix, names.iter().map(|&name| (name, &raw[name])));
    let values = names.iter().filter_map(|&name| trained.get(name));
    let list = Value::List(values.map(tensor).collect());
    let average = dict([("shadow_params", list.clone())]);
    let lists = [
        (dict([("model", ordered("module.")), ("ema", average.clone())]), "ema.shadow_params"),
        (dict([("ema", average.clone()), ("model", ordered(""))]), "ema.shadow_params"),
        (
            Value::List(vec![
                ordered("module."),
                dict([("state", Value::None)]),
                Value::Int(7),
                Value::Int(300),
                average,
            ]),
            "[4].shadow_params",
        ),
    ];
    for (layout, key) in lists {
        let read = read_back(&layout, &Choice::default()).expect("an average");
        assert_eq!((&read.key[..], read.averaged), (key, true));
        assert!(read.state == ema, "{key}");
        assert!(read_back(&layout, &RAW).expect("weights").state == raw, "{key}");
    }

    // Named ones have the levels from the weights, too.
    let layout = dict([("model", ordered("")), ("ema", state("", &trained))]);
    assert!(read_back(&layout, &Choice::default()).expect("an average").state == ema);
    // But nothing else: half an average is none.
    let mut part = trained.clone();
    part.remove("end_conv.bias");
    let layout = dict([("model", ordered("")), ("ema", state("", &part))]);
    let read = read_back(&layout, &Choice::default()).expect("an average");
    assert_eq!(
        refinenet(read.state, &Facts { size: Some([8, 8]), sigmas: None }),
        Err(ImportError::Missing("end_conv.bias".into()))
    );
}

#[test]
fn an_average_that_cannot_be_used_is_not_passed_over() {
    let raw = ncsn();
    let ema = average_of(&raw);
    let refused = |average: Value| {
        let layout = dict([("model", state("", &raw)), ("ema", average)]);
        assert!(read_back(&layout, &RAW).expect("weights").state == raw);
        let error = read_back(&layout, &Choice::default()).expect_err("no average").to_string();
        assert!(error.contains("`ema") && error.contains("--no-ema"), "{error}");
        error
    };
    let values: Vec<Value> = ema.values().map(tensor).collect();
    let error = refused(dict([("shadow_params", Value::List(values[1..].to_vec()))]));
    let counts = format!("{} tensors for {} parameters", values.len() - 1, values.len());
    assert!(error.contains("without names") && error.contains(&counts), "{error}");
    let mut swapped = values.clone();
    swapped.swap(0, 1);
    let error = refused(Value::List(swapped));
    assert!(
        error.contains("its tensor 0 has the shape") && error.contains("begin_conv.bias"),
        "{error}"
    );
    // Other names, and all in one.
    refused(state("", &ema.iter().map(|(n, a)| (format!("x{n}"), a.clone())).collect::<Weights>()));
    let flat: Vec<f32> = ema.values().flat_map(|array| array.values.clone()).collect();
    refused(dict([("flat", tensor(&Array { shape: vec![flat.len()], values: flat }))]));

    // Names alone do not make an average: of losses, or of an optimizer.
    let losses = Value::List(vec![tensor(&Array { shape: vec![2], values: vec![1.0; 2] }); 3]);
    let moments = state(
        "",
        &ema.iter().map(|(n, a)| (format!("{n}.exp_avg"), a.clone())).collect::<Weights>(),
    );
    let moments = both(moments, dict([("exp_avg", unnamed(&ema))]));
    let moments = both(moments, dict([("exp_avg_sq", state("", &ema))]));
    let layout = dict([("avg_losses", losses), ("opt", moments), ("model", state("", &raw))]);
    let read = read_back(&layout, &Choice::default()).expect("weights");
    assert_eq!((&read.key[..], read.averaged, &read.others[..]), ("model", false, &[][..]));
    assert!(read.state == raw);
    // Without a network, a list has no names.
    let layout = dict([("ema", dict([("shadow_params", unnamed(&ema))]))]);
    let error = read_back(&layout, &Choice::default()).expect_err("no names").to_string();
    assert!(error.contains("`ema.shadow_params` holds weights without their names"), "{error}");
}

/// `tests/mutations.rs` reads such files within a limit of memory.
#[test]
fn what_could_fill_the_memory_is_refused() {
    let raw = ncsn();
    let beside = |count: usize| {
        dict([("losses", Value::List(vec![Value::None; count])), ("model", state("", &raw))])
    };
    let error = read_back(&beside(1 << 20), &Choice::default()).expect_err("a million values");
    assert!(matches!(error, CheckpointError::Memory), "{error}");
    assert!(error.to_string().contains("state_dict"), "{error}");
    assert!(read_back(&beside(1 << 19), &Choice::default()).expect("fewer").state == raw);

    // A checkpoint that something else than PyTorch packed.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("packed.pth");
    let file = std::fs::File::open(fixture("ncsnv2.pth")).expect("a fixture");
    let mut whole = zip::ZipArchive::new(file).expect("an archive");
    let mut packed = zip::ZipWriter::new(std::fs::File::create(&path).expect("created"));
    for index in 0..whole.len() {
        let mut entry = whole.by_index(index).expect("an entry");
        let options = zip::write::SimpleFileOptions::default();
        let options = options.compression_method(zip::CompressionMethod::Deflated);
        packed.start_file(entry.name(), options).expect("begun");
        std::io::copy(&mut entry, &mut packed).expect("written");
    }
    packed.finish().expect("written");
    let error = pytorch::read(&path, &Choice::default()).expect_err("compressed").to_string();
    assert!(error.contains("`data.pkl` is compressed"), "{error}");
}

/// PyTorch writes a record of ZIP64 behind the directory of an archive, in which folders are called
/// like the file: the reader looks for the directory as many bytes too late, where an entry begins if
/// the name has 21.
#[test]
fn a_checkpoint_has_a_name_of_any_length() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("checkpoint_epoch_0100.pth");
    let file = std::fs::File::open(fixture("ncsnv2.pth")).expect("a fixture");
    let mut whole = zip::ZipArchive::new(file).expect("an archive");
    let mut renamed = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for index in 0..whole.len() {
        let entry = whole.by_index_raw(index).expect("an entry");
        let name = entry.name().replacen("ncsnv2", "checkpoint_epoch_0100", 1);
        renamed.raw_copy_file_rename(entry, name).expect("in memory");
    }
    let bytes = renamed.finish().expect("in memory").into_inner();
    let (front, end) = bytes.split_at(bytes.len() - 22);
    let count = u64::from(u16::from_le_bytes([end[10], end[11]]));
    let word = |at: usize| u64::from(u32::from_le_bytes(std::array::from_fn(|i| end[at + i])));
    let words =
        |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let record = [count, count, word(12), word(16)];
    let record =
        [b"PK\x06\x06", &words(&[44])[..], b"\x2d\0\x2d\0", &[0; 8], &words(&record)].concat();
    let locator =
        [b"PK\x06\x07\0\0\0\0", &words(&[front.len() as u64])[..], b"\x01\0\0\0"].concat();
    std::fs::write(&path, [front, &record, &locator, end].concat()).expect("written");
    pytorch_reader::PytorchReader::new(&path).expect_err("no copy is needed any more");
    let read = |path: &Path| pytorch::read(path, &Choice::default()).expect("a good checkpoint");
    assert!(read(&path) == read(&fixture("ncsnv2.pth")));
}

/// Values that f16 cannot hold did not come from a training run that diverged.
#[test]
fn large_values_are_not_called_a_failed_training() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let import = |weights: Value, more: &[&str]| {
        weights.save(&folder.path().join("huge.pth"));
        let import = ["import", "huge.pth", "--size", "12x8", "--overwrite"];
        cli::ncsn(folder.path(), &[&import[..], more].concat())
    };
    let with = |value: f32| {
        let mut weights = ncsn();
        weights.get_mut("end_conv.bias").expect("there").values[0] = value;
        weights
    };
    for large in [65520.0, 1e6, f32::MAX, -1e6] {
        let said = fail(&mut import(state("", &with(large)), &[]));
        assert!(!said.contains("diverged"), "{said}");
        assert!(said.contains("`end.bias`") && said.contains("65504"), "{said}");
        assert!(said.contains("--f32"), "{said}");
        succeed(&mut import(state("", &with(large)), &["--f32"]));
        let model = read(&folder.path().join("model.safetensors"));
        assert_eq!(model.weights["end.bias"].values[0], large);
    }
    succeed(&mut import(state("", &with(65504.0)), &[]));
    let said = fail(&mut import(state("", &with(f32::NAN)), &["--f32"]));
    assert!(said.contains("`end.bias`") && said.contains("diverged"), "{said}");

    let beyond = |value: f64| {
        let Value::Dict(mut entries) = state("", &ncsn()) else { panic!("a dictionary") };
        let (_, bias) =
            entries.iter_mut().find(|(name, _)| name == "end_conv.bias").expect("there");
        *bias = doubles(&[1], &[value]);
        Value::Dict(entries)
    };
    let said = fail(&mut import(beyond(1e300), &["--f32"]));
    assert!(said.contains("`end_conv.bias` holds 1e300, which is beyond f32"), "{said}");
    succeed(&mut import(beyond(0.5), &["--f32"]));
    assert_eq!(read(&folder.path().join("model.safetensors")).weights["end.bias"].values, [0.5]);
}

/// Each error is one line, in which nothing is said twice.
#[test]
fn errors_are_said_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let said = |name: &str, content: &[u8], command: &str| {
        std::fs::write(folder.path().join(name), content).expect("written");
        let said = match command {
            "import" => fail(&mut cli::ncsn(folder.path(), &["import", name])),
            _ => fail(&mut cli::ncsn(folder.path(), &[command, "--model", name])),
        };
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        let parts: Vec<&str> = said.trim_end().split(": ").collect();
        for (number, part) in parts.iter().enumerate() {
            assert!(!parts[..number].contains(part), "`{part}` is said twice: {said}");
        }
        said
    };
    let whole = std::fs::read(fixture("ncsnv2.pth")).expect("there");
    said("empty.pth", b"", "import");
    let text = said("text.pth", b"no checkpoint\nat all\n", "import");
    assert!(text.contains("checkpoint: no ZIP"), "{text}");
    said("cut.pth", &whole[..whole.len() / 2], "import");
    said("archive.pth", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "import");
    let mut damaged = whole.clone();
    damaged[60..90].fill(0xff);
    said("damaged.pth", &damaged, "import");

    let missing = |name: &str| fail(&mut cli::ncsn(folder.path(), &["import", name]));
    let why = "No such file or directory (os error 2)\n";
    assert_eq!(missing("nowhere.pth"), format!("error: cannot read nowhere.pth: {why}"));
    // Also if a name has several.
    assert_eq!(missing("no\nwhere.pth"), format!("error: cannot read no\\nwhere.pth: {why}"));

    succeed(program_importing(folder.path()).arg("--overwrite"));
    let model = std::fs::read(folder.path().join("model.safetensors")).expect("there");
    let again = ["import", "model.safetensors", "--out", "again.safetensors"];
    let again = fail(&mut cli::ncsn(folder.path(), &again));
    assert!(again.contains("is a model already") && !again.contains("not a"), "{again}");
    let begins = "not a readable .safetensors file: ";
    let cut = said("cut.safetensors", &model[..model.len() - 1], "sample");
    assert!(cut.contains(begins) && cut.contains("cut off"), "{cut}");
    let longer = said("longer.safetensors", &[&model[..], b"\n"].concat(), "sample");
    assert!(longer.contains(begins) && longer.contains("and 1 more follow"), "{longer}");
    let page = said("page.safetensors", b"<!doctype html>\n<title>404</title>", "sample");
    assert!(page.contains(begins) && page.contains("another kind"), "{page}");
    said("header.safetensors", b"\x03\0\0\0\0\0\0\0{a}", "sample");
    said("card.safetensors", &changed(&model, r#"\"name\""#, r#"\"nome\""#), "sample");
    said("levels.safetensors", &changed(&model, r#"\"levels\":4"#, r#"\"levels\":0"#), "sample");
}

/// Of the same length, so that everything else stays in place.
fn changed(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|part| part == from.as_bytes());
    let mut bytes = bytes.to_vec();
    bytes[at.expect("in the file")..][..to.len()].copy_from_slice(to.as_bytes());
    bytes
}

fn program_importing(folder: &Path) -> Command {
    let mut command = cli::ncsn(folder, &["import", "--size", "12x8"]);
    command.arg(fixture("ncsn.pth"));
    command
}

/// What cannot be written in the folder of temporary files is not the checkpoint's fault.
#[cfg(unix)]
#[test]
fn a_copy_that_cannot_be_made_is_named_with_its_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let said = fail(program_importing(folder.path()).env("TMPDIR", "nowhere"));
    assert!(said.contains(": cannot make a temporary copy in nowhere: "), "{said}");
    // A limit on the size of files stands for a full disk. One is a stream of pickles, one an archive.
    for name in ["ncsn.pth", "ncsnv2.pth"] {
        let mut import = cli::ncsn(folder.path(), &["import"]);
        import.arg(fixture(name));
        let mut limited = Command::new("sh");
        limited.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"]);
        limited.current_dir(folder.path()).arg(import.get_program()).args(import.get_args());
        let said = fail(limited.env("TMPDIR", folder.path()));
        assert!(said.contains("File too large") && !said.contains("not a readable"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 0, "nothing is left");
}

#[test]
fn the_program_says_which_weights_it_took() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (raw, ema) = (ncsn(), average_of(&ncsn()));
    let path = folder.path().join("both.pt");
    dict([("ema", state("", &ema)), ("model", state("", &raw)), ("opt", Value::None)]).save(&path);
    let import = |more: &[&str]| {
        let import = ["import", "both.pt", "--size", "12x8", "--f32", "--overwrite"];
        let said = succeed(cli::ncsn(folder.path(), &import).args(more));
        (said, read(&folder.path().join("model.safetensors")))
    };
    for (more, line, card, weights) in [
        (
            &[][..],
            "the moving average at `ema`, not `model`\n",
            "both.pt (ncsn, moving average)",
            &ema,
        ),
        (&["--no-ema"], "the weights at `model`, not `ema`\n", "both.pt (ncsn)", &raw),
        (&["--key", "model"], "the weights at `model`, not `ema`\n", "both.pt (ncsn)", &raw),
    ] {
        let (said, model) = import(more);
        assert!(said.contains(line), "{said}");
        assert_eq!(model.card.imported.as_deref(), Some(card));
        assert_eq!(model.weights["begin.weight"], weights["begin_conv.weight"]);
        assert_eq!(model.weights["end.bias"], weights["end_conv.bias"]);
    }
}

#[test]
fn an_imported_model_is_a_model_like_any_other() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ncsn = |arguments: &[&str]| cli::ncsn(folder.path(), arguments);
    let checkpoint = fixture("ncsn.pth").display().to_string();
    let import = ["import", &checkpoint, "--size", "12x8", "--out", "m.safetensors"];
    let said = succeed(&mut ncsn(&[&import[..], &["--f32", "--sigma-begin", "2"]].concat()));
    assert!(said.contains("1 × 8 × 12 images, ngf 2, σ from 2 to 0.01 in 4 levels"), "{said}");

    let ModelFile { card, weights } = read(&folder.path().join("m.safetensors"));
    let Card { sampler, training: None, imported: Some(imported), .. } = card else {
        panic!("imported, not trained: {card:?}")
    };
    assert_eq!(imported, "ncsn.pth (ncsn)");
    assert_eq!(sampler.schedule, NoiseSchedule { sigma_max: 2.0, sigma_min: 0.01, levels: 4 });
    assert_eq!(
        (sampler.sampler, sampler.steps_each, sampler.step_lr),
        (Sampler::Langevin, 100, 2e-5)
    );
    let state =
        pytorch::read(&fixture("ncsn.pth"), &Choice::default()).expect("a good checkpoint").state;
    assert_eq!(weights["begin.weight"], state["begin_conv.weight"]);

    succeed(&mut ncsn(&["sample", "--model", "m.safetensors", "-n", "2", "--steps-each", "2"]));
    let half = std::fs::metadata(folder.path().join("m.safetensors")).expect("there").len();
    assert!(fail(&mut ncsn(&import)).contains("--overwrite"));
    let import = [&import[..], &["--overwrite"]].concat();
    succeed(&mut ncsn(&import));
    assert!(std::fs::metadata(folder.path().join("m.safetensors")).expect("there").len() < half);

    let said = fail(&mut ncsn(&[&import[..], &["--arch", "ncsnv2"]].concat()));
    assert!(said.contains("are ncsn's"), "{said}");
    let said = fail(&mut ncsn(&["import", "nowhere.pth"]));
    assert!(said.contains("nowhere.pth"), "{said}");
}
