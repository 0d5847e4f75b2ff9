//! Whether this process is one of several that train together.

use std::rc::Rc;

use anyhow::bail;

use crate::cli::print;
use crate::train::Ranks;

/// Joins the other processes, if `mpirun` started this one beside some. All but rank 0 are silent,
/// since all would say the same.
///
/// # Errors
/// If there are others, but this program was built without MPI.
pub fn join() -> anyhow::Result<Option<Rc<dyn Ranks>>> {
    let count = started();
    if count < 2 {
        return Ok(None);
    }
    let ranks = joined(count)?;
    if ranks.rank() > 0 {
        print::silence();
    }
    Ok(Some(ranks))
}

/// Whether this process is one of several ranks.
pub fn are_several() -> bool {
    started() > 1
}

/// How many processes Open MPI, or another implementation by its process manager, started together.
fn started() -> usize {
    number(&["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"]).unwrap_or(1)
}

/// The number of this process among those that MPI started on this machine, of which each should
/// have its own GPU; `None` if MPI did not start it.
pub fn on_this_machine() -> Option<usize> {
    number(&["OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID"])
}

fn number(variables: &[&str]) -> Option<usize> {
    variables.iter().find_map(|name| std::env::var(name).ok()?.parse().ok())
}

#[cfg(feature = "mpi")]
fn joined(count: usize) -> anyhow::Result<Rc<dyn Ranks>> {
    match crate::train::MpiRanks::join() {
        Some(ranks) => Ok(Rc::new(ranks)),
        None => bail!("MPI does not start, though {count} processes were started together"),
    }
}

#[cfg(not(feature = "mpi"))]
fn joined(count: usize) -> anyhow::Result<Rc<dyn Ranks>> {
    bail!(
        "{count} processes were started together, but this program was built without MPI; build it \
         with --features mpi, or start it once"
    )
}
