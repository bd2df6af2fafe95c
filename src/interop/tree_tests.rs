use proptest::prelude::*;

use super::*;

/// Depth by going up, or `None` in a cycle.
fn depth_of(parents: &[Option<usize>], task: usize) -> Option<usize> {
    let (mut here, mut depth) = (task, 1);
    while let Some(parent) = parents[here] {
        (here, depth) = (parent, depth + 1);
        if depth > parents.len() {
            return None;
        }
    }
    Some(depth)
}

#[test]
fn cycles_are_cut_at_one_link() {
    for (links, expected, changes) in [
        (vec![Some(0)], vec![None], vec![(0, Change::Cut)]),
        (vec![Some(1), Some(0)], vec![Some(1), None], vec![(1, Change::Cut)]),
        (vec![Some(1), Some(2), Some(0)], vec![Some(1), Some(2), None], vec![(2, Change::Cut)]),
        // A branch that leads into a cycle stays on it.
        (vec![Some(1), Some(2), Some(1)], vec![Some(1), Some(2), None], vec![(2, Change::Cut)]),
        (vec![None, Some(0), Some(1)], vec![None, Some(0), Some(1)], vec![]),
    ] {
        let mut parents = links.clone();
        let (depth, changed) = straighten(&mut parents);
        assert_eq!((&parents, &changed), (&expected, &changes), "{links:?}");
        let counted: Vec<usize> = (0..parents.len()).filter_map(|task| depth_of(&parents, task)).collect();
        assert_eq!(depth, counted, "{links:?}");
    }
}

#[test]
fn what_is_too_deep_becomes_a_sibling_of_its_parent() {
    let mut parents: Vec<Option<usize>> = (0..DEPTH_MAX + 3).map(|task| task.checked_sub(1)).collect();
    let (depth, changes) = straighten(&mut parents);
    assert_eq!(depth[DEPTH_MAX - 1..], [DEPTH_MAX; 4]);
    assert_eq!(parents[DEPTH_MAX - 1..], [Some(DEPTH_MAX - 2); 4]);
    let lifted: Vec<(usize, Change)> = (DEPTH_MAX..DEPTH_MAX + 3).map(|task| (task, Change::Lifted)).collect();
    assert_eq!(changes, lifted);
}

#[test]
fn a_long_chain_or_cycle_takes_no_time() {
    let count = 1_000_000;
    let mut chain: Vec<Option<usize>> = (0..count).map(|task| Some((task + 1) % count)).collect();
    let started = std::time::Instant::now();
    let (depth, changes) = straighten(&mut chain);
    assert!(depth.iter().all(|depth| (1..=DEPTH_MAX).contains(depth)));
    assert_eq!(changes[0], (count - 1, Change::Cut));
    assert!(started.elapsed().as_secs() < 5);
}

proptest! {
    #[test]
    fn it_is_a_forest(links in prop::collection::vec(prop::option::of(0usize..60), 0..60)) {
        let count = links.len();
        let before: Vec<Option<usize>> = links.into_iter().map(|link| link.filter(|parent| *parent < count)).collect();
        let mut parents = before.clone();
        let (depth, changes) = straighten(&mut parents);
        for task in 0..count {
            prop_assert_eq!(depth_of(&parents, task), Some(depth[task]));
            prop_assert!(depth[task] <= DEPTH_MAX);
            prop_assert_eq!(parents[task] != before[task], changes.iter().any(|(changed, _)| *changed == task));
        }
    }
}
