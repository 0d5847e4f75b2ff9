//! Checkpoints in the form of the published trainers become models that run.
//! `tests/fixtures/make.py` made the checkpoints, with PyTorch.
#![cfg(not(target_family = "wasm"))]

mod cli;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use cli::{fail, read, succeed};
use ncsn::import::pytorch::{self, CheckpointError};
use ncsn::import::{Facts, ImportError, refinenet};
use ncsn::model_file::{Card, ModelFile};
use ncsn::net::weights::Array;
use ncsn::net::{Architecture, Depth, Variant};
use ncsn::noise::NoiseSchedule;
use ncsn::sample::Sampler;
use safetensors::tensor::SafeTensors;

fn fixture(name: &str) -> PathBuf {
    // Programs run in other folders.
    std::path::absolute(Path::new("tests/fixtures").join(name)).expect("there is a folder")
}

/// A stream of pickles as PyTorch wrote it in 2019: `[state_dict, optimiser]`, names after
/// `DataParallel`. The fixture of the same network has the same weights.
#[test]
fn the_oldest_checkpoints_are_read_to_the_last_bit() {
    let checkpoint = pytorch::read(&fixture("ncsn.pth"), true).expect("a good checkpoint");
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

/// A ZIP archive: `[state_dict, optimiser, epoch, step, moving average]`. Raw weights are all −1.
/// The moving average has γ = 1, α = 2, β = 3 and ½ everywhere else, but no levels.
#[test]
fn the_moving_average_is_taken_unless_it_is_not_wanted() {
    let read = |average| pytorch::read(&fixture("ncsnv2.pth"), average).expect("a good checkpoint");
    let (average, raw) = (read(true), read(false));
    assert_eq!((average.averaged, average.step), (true, Some(300)));
    assert_eq!((raw.averaged, raw.step), (false, Some(300)));

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
        pytorch::read(&fixture("ncsn-8x12x1.safetensors"), true),
        Err(CheckpointError::Format(_))
    ));
    // A cut anywhere is noticed in both kinds of file.
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["ncsn.pth", "ncsnv2.pth"] {
        let whole = std::fs::read(fixture(name)).expect("there");
        for share in [0, 1, 50, 90, 99] {
            let cut = folder.path().join("cut.pth");
            std::fs::write(&cut, &whole[..whole.len() * share / 100]).expect("written");
            assert!(pytorch::read(&cut, true).is_err(), "{share} % of {name}");
        }
    }

    let state = pytorch::read(&fixture("ncsn.pth"), true).expect("a good checkpoint").state;
    let refused = |change: fn(&mut ncsn::net::weights::Weights), facts: &Facts| {
        let mut state = state.clone();
        change(&mut state);
        refinenet(state, facts).expect_err("must be refused")
    };
    let facts = Facts { size: Some([8, 12]), sigmas: None };
    let gone = "refine2.msf.norms.1.embed.weight";
    let error = refused(|state| drop(state.remove("refine2.msf.norms.1.embed.weight")), &facts);
    assert_eq!(error, ImportError::Missing(gone.into()));
    let more = |state: &mut ncsn::net::weights::Weights| {
        state.insert("res9.weight".into(), Array { shape: vec![1], values: vec![0.0] });
    };
    assert_eq!(refused(more, &facts), ImportError::Unexpected("res9.weight".into()));
    // Conditional InstanceNorm without ++ has no α.
    let narrow = |state: &mut ncsn::net::weights::Weights| {
        let table = state.get_mut("res1.0.normalize1.embed.weight").expect("there");
        (table.shape, table.values) = (vec![4, 4], vec![0.0; 16]);
    };
    assert!(matches!(refused(narrow, &facts), ImportError::Shape { found, .. } if found == [4, 4]));
    let odd = Facts { size: Some([9, 12]), sigmas: None };
    assert!(refused(|_| (), &odd).to_string().contains("9 × 12"));
    let levels = |state: &mut ncsn::net::weights::Weights| {
        let sigmas = Array { shape: vec![4], values: vec![1.0, 0.7, 0.4, 0.1] };
        state.insert("sigmas".into(), sigmas);
    };
    assert_eq!(refused(levels, &facts), ImportError::Sigmas);
}

#[test]
fn an_imported_model_is_a_model_like_any_other() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ncsn = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ncsn"));
        command.current_dir(folder.path()).args(arguments);
        command
    };
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
    let state = pytorch::read(&fixture("ncsn.pth"), true).expect("a good checkpoint").state;
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
