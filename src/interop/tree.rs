//! Parents: without cycles, and not too deep.

use super::DEPTH_MAX;

/// What was done to the link of a task to its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It closed a cycle and is gone.
    Cut,
    /// It was too deep and leads to an ancestor now.
    Lifted,
}

/// Makes the links of `parents` a forest of at most [`DEPTH_MAX`] levels. Gives the depth of each (1 without a parent)
/// and what was changed, in a fixed order.
pub(super) fn straighten(parents: &mut [Option<usize>]) -> (Vec<usize>, Vec<(usize, Change)>) {
    const ON_PATH: usize = usize::MAX;
    let mut depth = vec![0; parents.len()];
    let mut changes = Vec::new();
    let mut path = Vec::new();
    for start in 0..parents.len() {
        let mut here = start;
        while depth[here] == 0 {
            depth[here] = ON_PATH;
            path.push(here);
            match parents[here] {
                Some(parent) if depth[parent] == ON_PATH => {
                    parents[here] = None;
                    changes.push((here, Change::Cut));
                }
                Some(parent) => here = parent,
                None => {}
            }
        }
        while let Some(task) = path.pop() {
            depth[task] = parents[task].map_or(1, |parent| depth[parent] + 1);
            if depth[task] > DEPTH_MAX {
                // Its parent was done before it and is on the last level, so it has a parent itself.
                parents[task] = parents[task].and_then(|parent| parents[parent]);
                depth[task] = DEPTH_MAX;
                changes.push((task, Change::Lifted));
            }
        }
    }
    (depth, changes)
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
