//! The weights in a checkpoint, and the choice between them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use pytorch_reader::{PytorchReader, Tensor};

use super::checkpoint_error::{CheckpointError, MOST};
use super::networks::{self, Naming, Network, Root, SIGMAS, dotless};
use super::saved_object::names;
use super::values::array;
use crate::net::weights::{Array, Weights};

/// Keys that wrappers of modules add anywhere in a name: those of `torch.compile`, fully sharded
/// training and checkpointed activations.
const WRAPPERS: [&str; 3] = ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

/// Which of a checkpoint's networks to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The moving average of the weights, if there is one, and not the weights themselves.
    pub average: bool,
    /// Only networks at this key or within it, such as `ema.module`.
    pub key: Option<String>,
}

impl Default for Choice {
    fn default() -> Self {
        Self { average: true, key: None }
    }
}

/// Everything in a checkpoint that is a tensor.
pub(super) struct Contents {
    path: PathBuf,
    root: Root,
    tensors: BTreeMap<String, Tensor>,
    networks: Vec<Network>,
}

/// The weights that were chosen.
pub(super) struct Chosen<'a> {
    pub network: &'a Network,
    pub state: Weights,
}

impl Contents {
    /// The contents of a file.
    pub fn read(path: PathBuf, root: Root) -> Result<Self, CheckpointError> {
        let saved: BTreeMap<_, _> = PytorchReader::new(&path)?.into_tensors().into_iter().collect();
        let mut tensors = BTreeMap::new();
        for (name, tensor) in saved {
            let name = unwrapped(&name);
            if tensors.insert(name.clone(), tensor).is_some() {
                return Err(CheckpointError::Twice(name));
            }
        }
        let named = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.shape().len()));
        let networks = networks::find(named, root);
        Ok(Self { path, root, tensors, networks })
    }

    /// The keys of a network, for people.
    pub fn key(&self, network: &Network) -> String {
        networks::readable(&network.prefix, self.root)
    }

    /// The keys of all networks but one.
    pub fn others(&self, chosen: &Network) -> Vec<String> {
        self.keys(self.networks.iter().filter(|other| *other != chosen))
    }

    fn keys<'a>(&self, networks: impl IntoIterator<Item = &'a Network>) -> Vec<String> {
        networks.into_iter().map(|network| self.key(network)).collect()
    }

    /// The network that is wanted.
    ///
    /// # Errors
    /// [`CheckpointError`] if there is none, or several between which nothing decides.
    pub fn choose(&self, choice: &Choice) -> Result<Chosen<'_>, CheckpointError> {
        if self.published().next().is_none() {
            return Err(match self.networks.first() {
                Some(network) => CheckpointError::Nameless(self.key(network)),
                None => CheckpointError::NoNetwork,
            });
        }
        let wanted: Vec<&Network> =
            self.networks.iter().filter(|network| self.is_at(network, choice)).collect();
        if let Some(key) = choice.key.clone().filter(|_| wanted.is_empty()) {
            return Err(CheckpointError::NoKey { key, found: self.keys(&self.networks) });
        }
        let (averages, others): (Vec<&Network>, Vec<&Network>) =
            wanted.into_iter().partition(|network| network.averaged);
        if choice.average {
            if !averages.is_empty() {
                return self.one(self.averages(averages)?, "wanted");
            }
            if choice.key.is_none() {
                self.ensure_no_other_average()?;
            }
        }
        if others.is_empty() {
            return Err(CheckpointError::OnlyAverage(self.keys(averages)));
        }
        let found = others.into_iter().map(|network| self.weights(network));
        let meant = if choice.average { "the moving average" } else { "wanted" };
        self.one(found.collect::<Result<_, _>>()?, meant)
    }

    /// Whether a network is at or within the key that was asked for.
    fn is_at(&self, network: &Network, choice: &Choice) -> bool {
        choice.key.as_ref().is_none_or(|wanted| {
            let key = self.key(network);
            key.strip_prefix(wanted.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// The networks whose tensors have the names of the published code.
    fn published(&self) -> impl Iterator<Item = &Network> {
        self.networks.iter().filter(|network| network.naming == Naming::Published)
    }

    /// Those moving averages that can be used; the reason if none can.
    fn averages<'a>(&self, networks: Vec<&'a Network>) -> Result<Vec<Chosen<'a>>, CheckpointError> {
        let (mut usable, mut refused) = (Vec::new(), None);
        for network in networks {
            match self.weights(network) {
                Ok(chosen) => usable.push(chosen),
                Err(error @ (CheckpointError::Unfit { .. } | CheckpointError::NotBegun(_))) => {
                    refused = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        match refused {
            Some(error) if usable.is_empty() => Err(error),
            _ => Ok(usable),
        }
    }

    /// The only one of these, or any if all have the same weights.
    fn one<'a>(
        &self,
        found: Vec<Chosen<'a>>,
        meant: &'static str,
    ) -> Result<Chosen<'a>, CheckpointError> {
        let same = found.windows(2).all(|pair| pair[0].state == pair[1].state);
        let keys = self.keys(found.iter().map(|chosen| chosen.network));
        match found.into_iter().next() {
            Some(chosen) if same => Ok(chosen),
            _ => Err(CheckpointError::Ambiguous { keys, meant }),
        }
    }

    /// The weights of a network. A moving average may lack the noise levels, as they are not
    /// trained.
    fn weights<'a>(&self, network: &'a Network) -> Result<Chosen<'a>, CheckpointError> {
        if let Some(count) = network.count.as_ref().and_then(|name| self.tensors.get(name))
            && count.read()?.iter().all(|&byte| byte == 0)
        {
            return Err(CheckpointError::NotBegun(self.key(network)));
        }
        let tensors = match network.naming {
            Naming::Published => self.within(network).collect(),
            Naming::Dotless => self.with_dots(network)?,
            Naming::Numbered => self.in_order(network)?,
        };
        let sizes = tensors.values().map(|tensor| tensor.num_elements());
        if sizes.fold(0, usize::saturating_add) > MOST {
            return Err(CheckpointError::TooLarge);
        }
        let mut state = Weights::new();
        for (name, tensor) in tensors {
            state.insert(name.to_owned(), array(tensor)?);
        }
        if network.averaged
            && !state.contains_key(SIGMAS)
            && let Some(sigmas) = self.sigmas(network)?
        {
            state.insert(SIGMAS.into(), sigmas);
        }
        Ok(Chosen { network, state })
    }

    /// The tensors of a network by their names in it.
    fn within(&self, network: &Network) -> impl Iterator<Item = (&str, &Tensor)> {
        let Network { prefix, .. } = network;
        // Another network can be at a key within the dictionary of this one.
        let inner = self.networks.iter().map(|other| other.prefix.as_str());
        let inner: Vec<&str> =
            inner.filter(|other| other.len() > prefix.len() && other.starts_with(prefix)).collect();
        let tensors = self.tensors.iter();
        tensors.filter_map(move |(name, tensor)| {
            let outside = !inner.iter().any(|inner| name.starts_with(inner));
            Some((name.strip_prefix(prefix)?, tensor)).filter(|_| outside)
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

    /// The noise levels, on which all networks must agree.
    fn sigmas(&self, average: &Network) -> Result<Option<Array>, CheckpointError> {
        let names = self.published().map(|network| format!("{}{SIGMAS}", network.prefix));
        let found = names.filter_map(|name| self.tensors.get(&name)).map(array);
        let found: Vec<Array> = found.collect::<Result<_, _>>()?;
        if !found.windows(2).all(|pair| pair[0] == pair[1]) {
            let reason = "the networks in the checkpoint have different noise levels".into();
            return Err(self.unfit(average, reason));
        }
        Ok(found.into_iter().next())
    }

    fn unfit(&self, average: &Network, reason: String) -> CheckpointError {
        CheckpointError::Unfit { key: self.key(average), reason }
    }

    /// Checks that the checkpoint holds no moving average of about the network's size that is
    /// neither under the network's names nor a list.
    fn ensure_no_other_average(&self) -> Result<(), CheckpointError> {
        let elements = |network| -> usize {
            self.within(network).map(|(_, tensor)| tensor.num_elements()).sum()
        };
        let most = self.published().map(elements).min().unwrap_or_default() / 2;
        let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, tensor) in &self.tensors {
            let known = self.networks.iter().any(|network| name.starts_with(&network.prefix));
            if !known
                && !networks::is_optimizer(name)
                && let Some(key) = networks::average_key(name, self.root)
            {
                let size = sizes.entry(key).or_default();
                *size = size.saturating_add(tensor.num_elements());
            }
        }
        match sizes.into_iter().find(|&(_, size)| size > most) {
            Some((key, _)) => Err(CheckpointError::Unnamed(networks::readable(key, self.root))),
            None => Ok(()),
        }
    }
}

/// A tensor's name without the keys of wrappers.
fn unwrapped(name: &str) -> String {
    let keys = name.split('.').filter(|key| !WRAPPERS.contains(key));
    keys.collect::<Vec<_>>().join(".")
}
