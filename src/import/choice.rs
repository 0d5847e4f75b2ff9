//! The choice between the networks in a checkpoint.

use std::collections::BTreeMap;

use super::checkpoint_error::{CheckpointError, MOST};
use super::networks::{self, Network, SIGMAS};
use super::tensors::Tensors;
use super::values::array;
use crate::net::weights::Weights;

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

/// The weights that were chosen.
pub(super) struct Chosen<'a> {
    pub network: &'a Network,
    pub state: Weights,
}

impl Tensors {
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
        let networks = &self.networks;
        if self.published().next().is_none() {
            return Err(match networks.first() {
                Some(network) => CheckpointError::Nameless(self.key(network)),
                None => CheckpointError::NoNetwork,
            });
        }
        let wanted: Vec<&Network> =
            networks.iter().filter(|network| self.is_at(network, choice)).collect();
        if let Some(key) = choice.key.clone().filter(|_| wanted.is_empty()) {
            return Err(CheckpointError::NoKey { key, found: self.keys(networks) });
        }
        let (averages, others): (Vec<&Network>, Vec<&Network>) =
            wanted.into_iter().partition(|network| network.averaged);
        if choice.average {
            if !averages.is_empty() {
                return self.one(&averages, "wanted");
            }
            if choice.key.is_none() {
                self.ensure_no_other_average()?;
            }
        }
        if others.is_empty() {
            return Err(CheckpointError::OnlyAverage(self.keys(averages)));
        }
        self.one(&others, if choice.average { "the moving average" } else { "wanted" })
    }

    /// Whether a network is at or within the key that was asked for.
    fn is_at(&self, network: &Network, choice: &Choice) -> bool {
        choice.key.as_ref().is_none_or(|wanted| {
            let key = self.key(network);
            key.strip_prefix(wanted.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// The only one of these networks that can be used, or any if all have the same weights. They
    /// are read one after another, as there may be many.
    fn one<'a>(
        &self,
        networks: &[&'a Network],
        meant: &'static str,
    ) -> Result<Chosen<'a>, CheckpointError> {
        let mut chosen: Option<Chosen<'a>> = None;
        let (mut keys, mut same, mut refused) = (Vec::new(), true, None);
        for &network in networks {
            match self.weights(network) {
                Ok(found) => {
                    keys.push(self.key(network));
                    match &chosen {
                        Some(first) => same &= first.state == found.state,
                        None => chosen = Some(found),
                    }
                }
                // Another average may be usable.
                Err(error @ (CheckpointError::Unfit { .. } | CheckpointError::NotBegun(_))) => {
                    refused = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        match (chosen, refused) {
            (Some(chosen), _) if same => Ok(chosen),
            (None, Some(error)) => Err(error),
            _ => Err(CheckpointError::Ambiguous { keys, meant }),
        }
    }

    /// The weights of a network. A moving average may lack the noise levels, as they are not
    /// trained.
    fn weights<'a>(&self, network: &'a Network) -> Result<Chosen<'a>, CheckpointError> {
        let count = network.count.as_ref().and_then(|name| self.all.get(name));
        if let Some(count) = count {
            self.ensure_stored(network, [count])?;
            if count.read()?.iter().all(|&byte| byte == 0) {
                return Err(CheckpointError::NotBegun(self.key(network)));
            }
        }
        let tensors = self.of(network)?;
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

    /// Checks that the checkpoint holds no moving average of about the network's size that is
    /// neither under the network's names nor a list.
    fn ensure_no_other_average(&self) -> Result<(), CheckpointError> {
        let Self { all, networks, root, .. } = self;
        let elements = |network| -> usize {
            self.within(network).map(|(_, tensor)| tensor.num_elements()).sum()
        };
        let most = self.published().map(elements).min().unwrap_or_default() / 2;
        let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, tensor) in all {
            let known = networks.iter().any(|network| name.starts_with(&network.prefix));
            if !known
                && !networks::is_optimizer(name)
                && let Some(key) = networks::average_key(name, *root)
            {
                let size = sizes.entry(key).or_default();
                *size = size.saturating_add(tensor.num_elements());
            }
        }
        match sizes.into_iter().find(|&(_, size)| size > most) {
            Some((key, _)) => Err(CheckpointError::Unnamed(networks::readable(key, *root))),
            None => Ok(()),
        }
    }
}
