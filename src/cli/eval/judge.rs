//! What judges samples: a network in whose features they are compared, and a classifier that tells
//! their classes.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use burn::tensor::Device;
use serde::Serialize;

use super::classifier;
use crate::data::DataSet;
use crate::eval::{ClassifierFeatures, FeatureExtractor, FeatureNetwork, Preprocessing, Task};
use crate::model_file::FeatureSource;
use crate::words::count;

/// A feature network from elsewhere.
#[derive(clap::Args)]
pub struct FeatureArgs {
    /// Compare images in the features of this network, instead of those of a classifier of the
    /// data. How images become its input is read from the JSON file of the same name beside it,
    /// if there is one: docs/quality.md has its fields, and how to get FID.
    #[arg(long, value_name = "NET.onnx")]
    pub features: Option<PathBuf>,
    /// That file, if it is elsewhere.
    #[arg(long, value_name = "NET.json", requires = "features")]
    pub features_config: Option<PathBuf>,
}

/// A network and the name of its file.
pub struct Opened {
    name: String,
    network: FeatureNetwork,
}

impl FeatureArgs {
    /// Reads the network, if there is one.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn open(&self) -> anyhow::Result<Option<Opened>> {
        let Some(path) = &self.features else { return Ok(None) };
        let beside = Some(path.with_extension("json")).filter(|beside| beside.is_file());
        let preprocessing = match self.features_config.as_ref().or(beside.as_ref()) {
            Some(config) => preprocessing(config)?,
            None => Preprocessing::default(),
        };
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let network = FeatureNetwork::read(bytes, preprocessing)
            .with_context(|| format!("cannot use {} for features", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Some(Opened { name, network }))
    }
}

fn preprocessing(config: &Path) -> anyhow::Result<Preprocessing> {
    let text = fs::read(config).with_context(|| format!("cannot read {}", config.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("cannot use {}", config.display()))
}

/// What judged samples, as results name it.
#[derive(Clone, Serialize)]
pub struct Judge {
    pub features: JudgeFeatures,
    /// What told the classes, if anything did.
    pub classifier: Option<JudgeClassifier>,
}

/// The network in whose features images are compared.
#[derive(Clone, Serialize)]
pub struct JudgeFeatures {
    #[serde(flatten)]
    pub source: FeatureSource,
    /// How images become its input, if it is a network from elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preprocessing: Option<Preprocessing>,
}

/// A classifier of the data.
#[derive(Clone, Serialize)]
pub struct JudgeClassifier {
    pub task: Task,
    pub classes: Vec<String>,
    pub accuracy: f64,
    /// The checksum of its weights. Training rounds differently across devices and versions, and
    /// only figures with equal checksums are comparable.
    pub weights: String,
}

/// Makes what judges samples: the given network, with a classifier for data with classes; or a
/// classifier.
///
/// # Errors
/// If there is nothing in the data to classify, or a classifier cannot be trained or kept.
pub fn judge(
    opened: Option<Opened>,
    data: &DataSet,
    device: &Device,
) -> anyhow::Result<(Judge, FeatureExtractor)> {
    let Some(Opened { name, network }) = opened else {
        let (classifier, by_classifier) = classify(data, device)?;
        let source = FeatureSource {
            name: format!("a classifier of {}", data.name),
            checksum: format!("crc32c:{}", classifier.weights),
        };
        let features = JudgeFeatures { source, preprocessing: None };
        let judge = Judge { features, classifier: Some(classifier) };
        return Ok((judge, FeatureExtractor::Classifier(by_classifier)));
    };
    let has_classes = Task::of(&data.train, &data.held_out) == Task::Classes;
    let classified = has_classes.then(|| classify(data, device)).transpose()?;
    let (classifier, by_classifier) = classified.unzip();
    let source = FeatureSource { name, checksum: format!("sha256:{}", network.sha256()) };
    let features = JudgeFeatures { source, preprocessing: Some(network.preprocessing().clone()) };
    let extractor = FeatureExtractor::Network {
        network: Box::new(network),
        image_shape: data.train.shape,
        classifier: by_classifier,
    };
    Ok((Judge { features, classifier }, extractor))
}

/// Finds or trains the classifier of the data.
fn classify(
    data: &DataSet,
    device: &Device,
) -> anyhow::Result<(JudgeClassifier, ClassifierFeatures)> {
    let (file, task) = classifier::find_or_train(data, device)?;
    let judge = JudgeClassifier {
        task,
        classes: file.card.classes.clone(),
        accuracy: file.card.accuracy,
        weights: format!("{:08x}", file.checksum()),
    };
    Ok((judge, ClassifierFeatures::new(&file, device)?))
}

impl Judge {
    /// The names of the classes; none without a classifier.
    pub fn classes(&self) -> &[String] {
        self.classifier.as_ref().map_or(&[], |classifier| &classifier.classes)
    }
}

impl fmt::Display for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FeatureSource { name, checksum } = &self.features.source;
        match (&self.features.preprocessing, &self.classifier) {
            (None, Some(classifier)) => write!(f, "features of {classifier}"),
            (_, None) => write!(f, "features of {name} ({checksum})"),
            (Some(_), Some(classifier)) => {
                write!(f, "features of {name} ({checksum}), classes by {classifier}")
            }
        }
    }
}

impl fmt::Display for JudgeClassifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, classes, accuracy, weights } = self;
        let what = match task {
            Task::Classes => count(classes.len(), "class"),
            Task::Defects => "which way up an image is, or its defect, for want of classes".into(),
        };
        let right = 100.0 * accuracy;
        write!(f, "a classifier ({what}; right about {right:.2} % held out; {weights})")
    }
}
