//! The tensors of a checkpoint under the names of the networks that they are of. A moving average
//! may keep them under other names, or as a list without any.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::path::PathBuf;

use pytorch_reader::{PytorchReader, Tensor};

use super::checkpoint_error::{CheckpointError, MOST_NETWORKS};
use super::networks::{self, Naming, Network, Root, SIGMAS, dotless};
use super::saved_object::names;
use super::values::array;
use crate::net::weights::Array;

/// Keys that wrappers of modules add anywhere in a name: those of `torch.compile`, fully sharded
/// training and checkpointed activations.
const WRAPPERS: [&str; 3] = ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

/// Everything in a checkpoint that is a tensor.
pub(super) struct Tensors {
    path: PathBuf,
    /// The bytes of the file.
    size: u64,
    pub root: Root,
    pub all: BTreeMap<String, Tensor>,
    pub networks: Vec<Network>,
}

impl Tensors {
    /// The tensors in a file.
    pub fn read(path: PathBuf, root: Root) -> Result<Self, CheckpointError> {
        let size = path.metadata()?.len();
        let saved: BTreeMap<_, _> = PytorchReader::new(&path)?.into_tensors().into_iter().collect();
        let mut all = BTreeMap::new();
        for (name, tensor) in saved {
            let name = unwrapped(&name);
            if all.insert(name.clone(), tensor).is_some() {
                return Err(CheckpointError::Twice(name));
            }
        }
        let named = all.iter().map(|(name, tensor)| (name.as_str(), tensor.shape().len()));
        let networks = networks::find(named, root);
        if networks.len() > MOST_NETWORKS {
            return Err(CheckpointError::Networks(networks.len()));
        }
        Ok(Self { path, size, root, all, networks })
    }

    /// The keys of a network, for people.
    pub fn key(&self, network: &Network) -> String {
        networks::readable(&network.prefix, self.root)
    }

    /// The networks whose tensors have the names of the published code.
    pub fn published(&self) -> impl Iterator<Item = &Network> {
        self.networks.iter().filter(|network| network.naming == Naming::Published)
    }

    /// The tensors of a network by their names in the published code.
    pub fn of(&self, network: &Network) -> Result<BTreeMap<&str, &Tensor>, CheckpointError> {
        let tensors = match network.naming {
            Naming::Published => self.within(network).collect(),
            Naming::Dotless => self.with_dots(network)?,
            Naming::Numbered => self.in_order(network)?,
        };
        self.ensure_stored(network, tensors.values().copied())?;
        Ok(tensors)
    }

    /// Checks that the file has as many bytes as tensors of a network together: views of one
    /// storage can have any number of elements.
    pub fn ensure_stored<'a>(
        &self,
        network: &Network,
        tensors: impl IntoIterator<Item = &'a Tensor>,
    ) -> Result<(), CheckpointError> {
        let bytes = tensors.into_iter().map(Tensor::byte_len).fold(0, usize::saturating_add);
        match bytes as u64 > self.size {
            true => Err(CheckpointError::Views(self.key(network))),
            false => Ok(()),
        }
    }

    /// The tensors of a network by their keys within it.
    pub fn within(&self, network: &Network) -> impl Iterator<Item = (&str, &Tensor)> {
        let Network { prefix, .. } = network;
        // Another network can be at a key within the dictionary of this one.
        let inner = self.networks.iter().map(|other| other.prefix.as_str());
        let mut inner: Vec<&str> =
            inner.filter(|other| other.len() > prefix.len() && other.starts_with(prefix)).collect();
        inner.sort_unstable();
        // What is in one of them is in the outermost, too.
        inner.dedup_by(|next, outer| next.starts_with(*outer));
        let tensors =
            self.all.range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded));
        let tensors = tensors.map_while(move |(name, tensor)| {
            Some((name, name.strip_prefix(prefix.as_str())?, tensor))
        });
        tensors.filter_map(move |(name, key, tensor)| {
            let before = inner.partition_point(|inner| *inner <= name.as_str());
            let outside = !inner[..before].last().is_some_and(|inner| name.starts_with(inner));
            outside.then_some((key, tensor))
        })
    }

    /// The tensors of a network whose names lack their dots, by the names of the others.
    fn with_dots(&self, network: &Network) -> Result<BTreeMap<&str, &Tensor>, CheckpointError> {
        const COUNTERS: [&str; 2] = ["decay", "num_updates"];
        let names: BTreeSet<&str> =
            self.published().flat_map(|other| self.within(other)).map(|(name, _)| name).collect();
        let mut dotted = HashMap::new();
        for name in names {
            if dotted.insert(dotless(name), name).is_some() {
                let reason = format!("without dots, `{name}` is also another tensor's name");
                return Err(self.unfit(network, reason));
            }
        }
        let tensors = self.within(network).filter(|(name, _)| !COUNTERS.contains(name));
        let named = tensors.map(|(name, tensor)| match dotted.get(name) {
            Some(&dotted) => Ok((dotted, tensor)),
            None => {
                let reason = format!("the network has no tensor `{name}`, with dots or without");
                Err(self.unfit(network, reason))
            }
        });
        named.collect()
    }

    /// The tensors of a list, by the names of the network's parameters in their order.
    fn in_order(&self, list: &Network) -> Result<BTreeMap<&str, &Tensor>, CheckpointError> {
        let unfit =
            |reason| Err(self.unfit(list, format!("it is a list without names, and {reason}")));
        let mut orders = self.orders()?.into_iter();
        let Some(parameters) = orders.next() else {
            return unfit("the order of the network's parameters is not known".into());
        };
        let names = parameters.iter().map(|(name, _)| name);
        if orders.any(|order| !names.clone().eq(order.iter().map(|(name, _)| name))) {
            return unfit("the networks in the checkpoint do not have the same parameters".into());
        }
        let mut tensors: Vec<(usize, &Tensor)> = self
            .within(list)
            .filter_map(|(index, tensor)| Some((index.parse().ok()?, tensor)))
            .collect();
        tensors.sort_by_key(|&(index, _)| index);
        if tensors.len() != parameters.len() {
            let (found, expected) = (tensors.len(), parameters.len());
            return unfit(format!("has {found} tensors for {expected} parameters"));
        }
        for (&(index, tensor), (name, parameter)) in tensors.iter().zip(&parameters) {
            let (found, expected) = (tensor.shape(), parameter.shape());
            if found != expected {
                return unfit(format!(
                    "its tensor {index} has the shape {found:?}, but `{name}` {expected:?}"
                ));
            }
        }
        let names = parameters.into_iter().map(|(name, _)| name);
        Ok(names.zip(tensors.into_iter().map(|(_, tensor)| tensor)).collect())
    }

    /// The parameters of each network in the order of the file, where that is known.
    fn orders(&self) -> Result<Vec<Vec<(&str, &Tensor)>>, CheckpointError> {
        let names = names(&self.path)?.unwrap_or_default();
        let names = names.iter().enumerate().map(|(place, name)| (unwrapped(name), place));
        let places: HashMap<String, usize> = names.collect();
        let order = |network: &Network| {
            let parameters = self.within(network).filter(|(name, _)| *name != SIGMAS);
            let placed = parameters.map(|(name, tensor)| {
                Some((*places.get(&format!("{}{name}", network.prefix))?, (name, tensor)))
            });
            let mut placed: Vec<_> = placed.collect::<Option<_>>()?;
            placed.sort_by_key(|&(place, _)| place);
            Some(placed.into_iter().map(|(_, parameter)| parameter).collect())
        };
        Ok(self.published().filter_map(order).collect())
    }

    /// The noise levels, on which all networks must agree. An average may lack them, as they are
    /// not trained.
    pub fn sigmas(&self, average: &Network) -> Result<Option<Array>, CheckpointError> {
        let names = self.published().map(|network| format!("{}{SIGMAS}", network.prefix));
        let found: Vec<&Tensor> = names.filter_map(|name| self.all.get(&name)).collect();
        self.ensure_stored(average, found.iter().copied())?;
        let found: Vec<Array> = found.into_iter().map(array).collect::<Result<_, _>>()?;
        if !found.windows(2).all(|pair| pair[0] == pair[1]) {
            let reason = "the networks in the checkpoint have different noise levels".into();
            return Err(self.unfit(average, reason));
        }
        Ok(found.into_iter().next())
    }

    fn unfit(&self, average: &Network, reason: String) -> CheckpointError {
        CheckpointError::Unfit { key: self.key(average), reason }
    }
}

/// A tensor's name without the keys of wrappers.
fn unwrapped(name: &str) -> String {
    let keys = name.split('.').filter(|key| !WRAPPERS.contains(key));
    keys.collect::<Vec<_>>().join(".")
}
