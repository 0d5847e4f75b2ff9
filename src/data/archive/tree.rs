//! The files of an archive as they would be in a folder after unpacking: of two entries with one
//! name the last counts, and links lead to what they link to.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Bound;

use crate::data::entry::{Listing, Source, shown};

/// The entries of an archive by their paths: bytes, as names need not be text, with `/` between
/// folders. Folders are those that have something in them.
#[derive(Default)]
pub(super) struct Tree {
    leaves: BTreeMap<Vec<u8>, Leaf>,
    problems: Vec<(String, String)>,
    /// What is left for further entries, in bytes.
    left: u64,
}

#[derive(Clone)]
enum Leaf {
    File(u64),
    /// A symbolic link, and what it says.
    Link(Vec<u8>),
}

/// What a path is once all links in it are followed.
enum Target {
    File(u64),
    /// A folder, with its own path.
    Folder(Vec<u8>),
}

/// The longest path in Linux, in bytes, and so the longest name or target of a link.
pub(super) const LONGEST_PATH: usize = 4096;
/// The most symbolic links on the way to a file, as in Linux.
const HOPS: usize = 40;
/// The most folders inside one another that are entered through a link.
const DEEPEST: usize = 100;
/// How many bytes the names may have that links to folders add, as such links can multiply: about a
/// million names.
const LINKED: usize = 1 << 27;
/// How many bytes a name counts besides its own, for what is kept beside it.
const BESIDE: usize = 100;

/// How many folders may be gone through to follow all links of an archive; long paths count more.
const STEPS: usize = 1 << 24;

/// How many bytes the names of an archive may have, besides as many as the archive itself. Each
/// entry counts [`BESIDE`] bytes more.
const NAMES: u64 = 1 << 27;
/// What an archive with more entries says.
pub(super) const TOO_MANY: &str = "it has more entries than an archive of its size should";

impl Tree {
    /// The tree of an archive of so many bytes.
    pub fn of(packed: u64) -> Self {
        Self { left: packed.saturating_add(NAMES), ..Self::default() }
    }

    /// Counts an entry whose name, and target if it is a link, have so many bytes.
    ///
    /// # Errors
    /// If it is one too many.
    pub fn count(&mut self, bytes: usize) -> io::Result<()> {
        let left = self.left.checked_sub((bytes + BESIDE) as u64);
        self.left = left.ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, TOO_MANY))?;
        Ok(())
    }

    /// Adds a file. `entry` is where the archive has it.
    pub fn file(&mut self, path: &[u8], entry: u64) {
        self.put(path, Leaf::File(entry));
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &[u8], target: &[u8]) {
        if target.len() > LONGEST_PATH {
            return self.problem(path, "a link to a name that is too long".into());
        }
        self.put(path, Leaf::Link(target.to_vec()));
    }

    /// Adds a hard link: another name for an entry before it.
    pub fn hard_link(&mut self, path: &[u8], target: &[u8]) {
        match normal(target).and_then(|target| self.leaves.get(&target)).cloned() {
            Some(leaf) => self.put(path, leaf),
            None => {
                let problem = format!("a link to {}, which is not before it", shown(target));
                self.problem(path, problem);
            }
        }
    }

    /// Notes that an entry cannot be read.
    pub fn problem(&mut self, path: &[u8], problem: String) {
        self.problems.push((shown(&path[..path.len().min(LONGEST_PATH)]), problem));
    }

    fn put(&mut self, path: &[u8], leaf: Leaf) {
        if path.len() > LONGEST_PATH {
            return self.problem(path, TOO_LONG.into());
        }
        let Some(path) = normal(path) else {
            return self.problem(path, "outside of the archive's folder".into());
        };
        // What was a file or a link before gives way to a folder.
        for (at, _) in path.iter().enumerate().filter(|&(_, &byte)| byte == b'/') {
            self.leaves.remove(&path[..at]);
        }
        if self.is_folder(&path) {
            return self.problem(&path, "a folder has the same name".into());
        }
        self.leaves.insert(path, leaf);
    }

    /// The files, and what cannot be read.
    pub fn list(mut self) -> Listing {
        let problems = std::mem::take(&mut self.problems);
        // Each link is followed once, however often its folder is entered.
        let mut left = STEPS;
        let targets = self.leaves.iter().filter_map(|(path, leaf)| match leaf {
            Leaf::File(_) => None,
            Leaf::Link(_) => Some((&path[..], self.resolve(path, &mut left))),
        });
        let mut listing = Listing { files: vec![], problems };
        let targets = targets.collect();
        let mut expansion = Expansion { tree: &self, targets, left: LINKED, listing: &mut listing };
        // Only names that are added can be too many, and those in the root are not.
        let _ = expansion.folder(b"", b"", &[]);
        listing
    }

    /// Follows the links in a path. `left` is what is left of [`STEPS`].
    fn resolve(&self, path: &[u8], left: &mut usize) -> Result<Target, String> {
        let missing = || "which is not in the archive".to_owned();
        let mut rest: Vec<&[u8]> = path.rsplit(|&byte| byte == b'/').collect();
        let mut at = Vec::new();
        let mut hops = 0;
        while let Some(part) = rest.pop() {
            let steps = 1 + at.len() / 64;
            *left = left.checked_sub(steps).ok_or("after too many other links")?;
            let parent = at.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
            match part {
                b"" | b"." => {}
                b".." if at.is_empty() => return Err(missing()),
                b".." => at.truncate(parent),
                _ => {
                    let outer = at.len();
                    at = joined(&at, part);
                    if let Some(Leaf::Link(target)) = self.leaves.get(&at) {
                        hops += 1;
                        if hops > HOPS {
                            return Err("in a circle of links".into());
                        }
                        // In the archive, its own folder is the root.
                        at.truncate(if target.starts_with(b"/") { 0 } else { outer });
                        rest.extend(target.rsplit(|&byte| byte == b'/'));
                    }
                }
            }
        }
        match self.leaves.get(&at) {
            Some(&Leaf::File(entry)) => Ok(Target::File(entry)),
            _ if self.is_folder(&at) => Ok(Target::Folder(at)),
            _ => Err(missing()),
        }
    }

    fn is_folder(&self, path: &[u8]) -> bool {
        self.inside(path).next().is_some()
    }

    /// What is in a folder and its subfolders. The root is empty.
    fn inside<'a>(&'a self, folder: &[u8]) -> impl Iterator<Item = (&'a Vec<u8>, &'a Leaf)> {
        let start = if folder.is_empty() { Vec::new() } else { [folder, b"/"].concat() };
        let prefix = start.clone();
        let range = self.leaves.range((Bound::Included(start), Bound::Unbounded));
        range.take_while(move |(path, _)| path.starts_with(&prefix))
    }
}

const TOO_LONG: &str = "its name is too long";

/// The names of a tree's files, also those that links add.
struct Expansion<'a> {
    tree: &'a Tree,
    /// What each link leads to, or why to nothing.
    targets: HashMap<&'a [u8], Result<Target, String>>,
    /// What is left of [`LINKED`].
    left: usize,
    listing: &'a mut Listing,
}

impl Expansion<'_> {
    /// Lists the files of a folder, which is shown as `name`. `above` are the folders by which it
    /// was reached, so that no circle is followed.
    ///
    /// # Errors
    /// If links have added as many names as they may.
    fn folder(&mut self, folder: &[u8], name: &[u8], above: &[&[u8]]) -> Result<(), String> {
        let tree = self.tree;
        for (path, leaf) in tree.inside(folder) {
            let inner = if folder.is_empty() { path } else { &path[folder.len() + 1..] };
            let name = joined(name, inner);
            if !above.is_empty() {
                let said = if let Leaf::Link(target) = leaf { target.len() } else { 0 };
                let left = self.left.checked_sub(name.len() + said + BESIDE);
                self.left = left.unwrap_or(0);
                left.ok_or("a link to a folder, after too many such links")?;
            }
            let result = match leaf {
                _ if name.len() > LONGEST_PATH => Err(TOO_LONG.into()),
                Leaf::File(entry) => {
                    self.listing.files.push((name.clone(), Source::Entry(*entry)));
                    Ok(())
                }
                Leaf::Link(said) => self.link(folder, path, &name, said, above),
            };
            if let Err(problem) = result {
                self.listing.problems.push((shown(&name), problem));
            }
        }
        Ok(())
    }

    /// Lists what a link leads to, which says `said`.
    ///
    /// # Errors
    /// Why it leads nowhere, or where it leads cannot be listed.
    fn link(
        &mut self,
        folder: &[u8],
        path: &[u8],
        name: &[u8],
        said: &[u8],
        above: &[&[u8]],
    ) -> Result<(), String> {
        let target = match &self.targets[path] {
            Ok(Target::Folder(target)) => target.clone(),
            Ok(Target::File(entry)) => {
                self.listing.files.push((name.to_vec(), Source::Entry(*entry)));
                return Ok(());
            }
            Err(problem) => return Err(format!("a link to {}, {problem}", shown(said))),
        };
        let here = folders(path).filter(|parent| parent.len() >= folder.len());
        let above: Vec<&[u8]> = above.iter().copied().chain(here).collect();
        if above.contains(&&target[..]) {
            return Err("a link to a folder that it is in".into());
        }
        if above.len() > DEEPEST {
            return Err("a link to a folder, after too many such links".into());
        }
        self.folder(&target, name, &above)
    }
}

/// A path without `.` and `..`, from the folder into which the archive would be unpacked; `None`
/// for what is outside of it.
fn normal(path: &[u8]) -> Option<Vec<u8>> {
    let mut parts = Vec::new();
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => parts.pop().map(|_| ())?,
            _ => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join(&b'/'))
}

fn joined(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}

/// All folders above a path, from the root.
fn folders(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = path.iter().enumerate().filter(|&(_, &byte)| byte == b'/').map(|(at, _)| at);
    std::iter::once(0).chain(ends).map(|end| &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(tree: Tree) -> (Vec<(String, u64)>, Vec<String>) {
        let Listing { files, problems } = tree.list();
        let entry = |source| match source {
            Source::Entry(entry) => entry,
            Source::Path(path) => panic!("{path:?}"),
        };
        let files = files.into_iter().map(|(name, source)| (shown(&name), entry(source)));
        (
            files.collect(),
            problems.into_iter().map(|(name, why)| format!("{name}: {why}")).collect(),
        )
    }

    fn files(of: &[(&str, u64)]) -> Vec<(String, u64)> {
        of.iter().map(|&(name, entry)| (name.to_owned(), entry)).collect()
    }

    #[test]
    fn the_last_of_a_name_counts_and_hard_links_keep_what_they_named() {
        let mut tree = Tree::default();
        tree.file(b"./set//a.png", 1);
        tree.hard_link(b"set/b.png", b"set/a.png");
        tree.file(b"set/a.png", 2);
        tree.hard_link(b"/set/c.png", b"./set/a.png");
        tree.hard_link(b"set/d.png", b"set/e.png");
        tree.file(b"set/x/../e.png", 3);
        tree.file(b"../f.png", 4);
        let (names, problems) = listed(tree);
        assert_eq!(
            names,
            files(&[("set/a.png", 2), ("set/b.png", 1), ("set/c.png", 2), ("set/e.png", 3)])
        );
        assert_eq!(
            problems,
            [
                "set/d.png: a link to set/e.png, which is not before it",
                "../f.png: outside of the archive's folder"
            ]
        );
    }

    #[test]
    fn links_are_followed_inside_and_listed_outside() {
        let mut tree = Tree::default();
        tree.link(b"a/one", b"../set/1");
        tree.link(b"a/two", b"/set/2");
        tree.link(b"a/chain", b"one");
        tree.link(b"a/through", b"../folder/1");
        tree.link(b"folder", b"set/.");
        tree.link(b"a/out", b"../../etc/passwd");
        tree.link(b"a/gone", b"/etc/passwd");
        tree.link(b"a/self", b"self");
        tree.file(b"set/1", 1);
        tree.file(b"set/2", 2);
        let (names, problems) = listed(tree);
        assert_eq!(
            names,
            files(&[
                ("a/chain", 1),
                ("a/one", 1),
                ("a/through", 1),
                ("a/two", 2),
                ("folder/1", 1),
                ("folder/2", 2),
                ("set/1", 1),
                ("set/2", 2)
            ])
        );
        assert_eq!(
            problems,
            [
                "a/gone: a link to /etc/passwd, which is not in the archive",
                "a/out: a link to ../../etc/passwd, which is not in the archive",
                "a/self: a link to self, in a circle of links"
            ]
        );
    }

    #[test]
    fn circles_and_multiplying_links_end() {
        let mut tree = Tree::default();
        tree.file(b"a/1", 1);
        tree.link(b"a/up", b"..");
        tree.link(b"a/b", b"../b");
        tree.link(b"b/a", b"../a");
        let (names, problems) = listed(tree);
        assert_eq!(names, files(&[("a/1", 1), ("b/a/1", 1)]));
        assert!(problems.iter().all(|problem| problem.ends_with("a folder that it is in")));
        assert_eq!(problems.len(), 4);

        // Each folder has two links to the next one: 2²⁹ names for one file.
        let mut tree = Tree::default();
        for level in 0..29 {
            for link in ["x", "y"] {
                let path = format!("{level}/{link}");
                tree.link(path.as_bytes(), format!("../{}", level + 1).as_bytes());
            }
        }
        tree.file(b"29/1", 1);
        let Listing { files, problems } = tree.list();
        assert!(files.len() <= LINKED / BESIDE && (1..100).contains(&problems.len()));
    }

    #[test]
    fn names_are_no_longer_than_paths_can_be() {
        let mut tree = Tree::default();
        let long = "x".repeat(LONGEST_PATH - 10);
        tree.link(format!("a/{long}").as_bytes(), b"../b");
        for name in ["1", "12345678"] {
            tree.file(format!("b/{name}").as_bytes(), 1);
        }
        tree.file(&[b'y'; LONGEST_PATH + 1], 2);
        tree.link(b"c", &[b'y'; LONGEST_PATH + 1]);
        let (names, problems) = listed(tree);
        assert_eq!(names.len(), 3);
        assert!(problems.iter().all(|problem| problem.ends_with("too long")), "{problems:?}");
        assert_eq!(problems.len(), 3);
    }
}
