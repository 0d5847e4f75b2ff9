//! Where a checkpoint has weights, and which of them are a moving average.
//!
//! Trainers agree on no layout, so this goes by the keys that lead to a network's tensors: in
//! `ema.ema_model.module.begin_conv.weight` they are `ema`, `ema_model` and `module`. The words in
//! a key tell whether the weights are an average; their place in the file or in the alphabet does
//! not.

use std::collections::{BTreeMap, HashSet};

/// The tensor by which a network is recognized.
pub(super) const FIRST: &str = "begin_conv.weight";
/// The noise levels of NCSNv2, the only tensor of a network that is not trained.
pub(super) const SIGMAS: &str = "sigmas";
/// The key of the file's original root in a copy whose root is a dictionary.
pub(super) const ROOT: &str = "root";

/// What the tensors of a network are called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Naming {
    /// `begin_conv.weight`, as in a `state_dict`.
    Published,
    /// `begin_convweight`: the averages that Lightning modules keep as buffers, in whose names
    /// there can be no dots (`LitEma` of latent diffusion).
    Dotless,
    /// `0`, `1`, …: a list in the order of the network's parameters (`shadow_params` of `torch_ema`
    /// and of diffusers).
    Numbered,
}

/// A set of weights in a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Network {
    /// What the names of its tensors begin with.
    pub prefix: String,
    pub naming: Naming,
    /// Whether they are a moving average.
    pub averaged: bool,
    /// The tensor that says of how many sets of weights it is the average, if there is one.
    pub count: Option<String>,
}

/// The root of a checkpoint, as far as it tells networks apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Root {
    Dictionary,
    List,
    /// NCSNv2's list of network, optimizer, epoch, step and moving average.
    Published,
}

/// The keys that a prefix consists of, for people. If the file's root is a list, the first of them
/// is an index.
pub(super) fn readable(prefix: &str, root: Root) -> String {
    let keys = prefix.strip_suffix('.').unwrap_or(prefix);
    if keys.is_empty() {
        return "(top level)".into();
    }
    if root == Root::Dictionary {
        return keys.into();
    }
    let keys = keys.strip_prefix(ROOT).and_then(|keys| keys.strip_prefix('.')).unwrap_or(keys);
    match keys.split_once('.') {
        Some((index, keys)) => format!("[{index}].{keys}"),
        None => format!("[{keys}]"),
    }
}

/// The networks among tensors of these names and numbers of dimensions.
pub(super) fn find<'a>(
    tensors: impl Iterator<Item = (&'a str, usize)> + Clone,
    root: Root,
) -> Vec<Network> {
    let names: HashSet<&str> = tensors.clone().map(|(name, _)| name).collect();
    let has = |name: &str| names.contains(name);
    let mut networks: Vec<Network> = Vec::new();
    let mut lists: BTreeMap<&str, (Vec<usize>, bool)> = BTreeMap::new();
    for (name, dimensions) in tensors {
        if let Some(prefix) = name.strip_suffix(FIRST).filter(|p| p.is_empty() || p.ends_with('.'))
        {
            let count = count(prefix, has);
            let averaged = count.is_some() || is_average(prefix, root);
            let naming = Naming::Published;
            networks.push(Network { prefix: prefix.into(), naming, averaged, count });
        } else if let Some(prefix) = name.strip_suffix(&dotless(FIRST)) {
            let naming = Naming::Dotless;
            networks.push(Network { prefix: prefix.into(), naming, averaged: true, count: None });
        } else if let Some((prefix, Ok(index))) =
            name.rsplit_once('.').map(|(prefix, index)| (prefix, index.parse()))
        {
            // Convolutions have four dimensions; a list without any is of losses, say.
            let (indices, weights) = lists.entry(prefix).or_default();
            indices.push(index);
            *weights |= dimensions == 4;
        }
    }
    for (prefix, (mut indices, weights)) in lists {
        indices.sort_unstable();
        let whole = indices.iter().enumerate().all(|(expected, &index)| index == expected);
        let prefix = format!("{prefix}.");
        if weights && whole && is_average(&prefix, root) {
            let naming = Naming::Numbered;
            networks.push(Network { prefix, naming, averaged: true, count: None });
        }
    }
    networks.retain(|network| !is_optimizer(&network.prefix));
    networks
}

/// A name as `LitEma` writes it.
pub(super) fn dotless(name: &str) -> String {
    name.replace('.', "")
}

/// The tensor that `torch.optim.swa_utils.AveragedModel` has beside its `module`.
fn count(prefix: &str, has: impl Fn(&str) -> bool) -> Option<String> {
    let ends = prefix.match_indices("module.").map(|(at, _)| at);
    let mut outer = ends.map(|at| &prefix[..at]).filter(|p| p.is_empty() || p.ends_with('.'));
    outer.find_map(|outer| Some(format!("{outer}n_averaged")).filter(|name| has(name)))
}

/// Whether weights that these keys lead to are a moving average.
pub(super) fn is_average(prefix: &str, root: Root) -> bool {
    average_key(prefix, root).is_some()
}

/// How much of a prefix it takes to tell that the weights are a moving average, if they are. The
/// innermost key that says anything decides: `ema.online_model` is none.
pub(super) fn average_key(prefix: &str, root: Root) -> Option<&str> {
    const AVERAGE: [&str; 10] = [
        "ema", "emas", "ewma", "swa", "avg", "average", "averages", "averaged", "polyak", "shadow",
    ];
    const NO_AVERAGE: [&str; 8] =
        ["raw", "online", "backup", "collected", "no", "non", "not", "without"];
    // `best_avg_loss` is the best by an average, and no average of weights.
    const MEASURES: [&str; 9] =
        ["loss", "losses", "fid", "psnr", "acc", "accuracy", "metric", "error", "reward"];
    let mut keys = prefix.trim_end_matches('.');
    loop {
        let (outer, key) = keys.rsplit_once('.').unwrap_or(("", keys));
        let words = words(key);
        let is = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        if is(&NO_AVERAGE) {
            return None;
        }
        if (is(&AVERAGE) && !is(&MEASURES))
            || (root == Root::Published && outer == ROOT && key == "4")
        {
            return Some(keys);
        }
        if outer.is_empty() {
            return None;
        }
        keys = outer;
    }
}

/// Whether these keys lead to what an optimizer keeps for each parameter.
pub(super) fn is_optimizer(prefix: &str) -> bool {
    const MOMENTS: [&str; 4] = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer"];
    prefix.split('.').any(|key| MOMENTS.contains(&key))
}

/// The words of a key, in small letters: `model`, `ema` in `model_ema2`, `modelEMA` or `EMAModel`.
fn words(key: &str) -> Vec<String> {
    let letters: Vec<char> = key.chars().collect();
    let is = |at: Option<usize>, kind: fn(char) -> bool| {
        at.and_then(|at| letters.get(at)).is_some_and(|&letter| kind(letter))
    };
    let mut words: Vec<String> = Vec::new();
    let mut within = false;
    for (at, &letter) in letters.iter().enumerate() {
        // A capital begins a word after a small letter, and as the last of several before one.
        let begins = letter.is_uppercase()
            && (is(at.checked_sub(1), char::is_lowercase) || is(Some(at + 1), char::is_lowercase));
        within &= !begins;
        match words.last_mut().filter(|_| within) {
            _ if !letter.is_alphabetic() => within = false,
            Some(word) => word.extend(letter.to_lowercase()),
            None => {
                words.push(letter.to_lowercase().collect());
                within = true;
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_word_by_word() {
        for average in [
            "ema.",
            "model_ema.",
            "ema_model.module.",
            "modelEMA.",
            "EMAModel.net.",
            "ema_0.9999.",
            "ema.ema_model.",
            "ema.shadow.module.",
            "state_dict.swa_model.",
            "G_ema.",
            "params-ema.",
            "avg_model.",
            "averaged.",
            "optimizer_states.0.ema.",
            "root.1.ema.",
        ] {
            assert!(is_average(average, Root::Dictionary), "{average}");
        }
        for other in [
            "",
            "model.",
            "module.",
            "ema.online_model.",
            "ema.backup.",
            "ema.collected_params.",
            "non_ema.",
            "model_no_ema.",
            "schema.",
            "emanuel.",
            "cinema_net.",
            "teacher.",
            "best_avg_loss.model.",
            "root.4.",
        ] {
            assert!(!is_average(other, Root::Dictionary), "{other}");
        }
        assert!(
            is_average("root.4.", Root::Published) && is_average("root.4.module.", Root::Published)
        );
        assert!(!is_average("root.0.module.", Root::Published));
        assert!(!is_average("model.4.", Root::Published));
    }

    #[test]
    fn keys_are_shown_as_people_write_them() {
        assert_eq!(readable("ema.module.", Root::Dictionary), "ema.module");
        assert_eq!(readable("module.", Root::Dictionary), "module");
        assert_eq!(readable("", Root::Dictionary), "(top level)");
        assert_eq!(readable("root.4.", Root::Published), "[4]");
        assert_eq!(readable("root.0.module.", Root::List), "[0].module");
        assert_eq!(readable("model_ema.net", Root::Dictionary), "model_ema.net");
    }
}
