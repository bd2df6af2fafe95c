//! Visits every state of a model: with stateright, which checks the properties, and once more depth first, which asks
//! what stateright does not: whether any run is endless.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::time::Instant;

use stateright::{Checker as _, Expectation, HasDiscoveries, Model};

use crate::real_chaos::figure;

/// A model whose every state can be visited.
pub(super) trait Finite:
    Model<
        State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
        Action: Clone + Debug + PartialEq + Send + Sync + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

/// Everything holds in `model`, what should happen somewhere does, and every run ends.
pub(super) fn holds<M: Finite>(name: &str, model: &M) {
    let started = Instant::now();
    let (states, broken, unseen) = visit(model);
    let told: Vec<_> = broken.iter().map(|property| shortest(model, property)).collect();
    assert!(told.is_empty(), "{name}: {}", told.join("\n"));
    assert!(unseen.is_empty(), "{name}: the bounds are too small: never seen: {unseen:?}");
    let (walked, endless) = walk(model);
    assert!(!endless, "{name}: a run comes back to where it was, so that the end of every run says too little");
    assert_eq!(states, walked, "{name}: two ways to visit every state saw different ones");
    figure(5, &format!("model, {name}: {states} states, all holds ({:.1} s)", started.elapsed().as_secs_f64()));
}

/// Exactly the properties `fallen` do not hold in `model`, which is a mutation.
pub(super) fn breaks<M: Finite>(name: &str, model: &M, fallen: &[&str]) {
    let started = Instant::now();
    let (states, broken, _) = visit(model);
    let told: Vec<_> = broken.iter().map(|property| shortest(model, property)).collect();
    println!("{}", told.join("\n"));
    assert_eq!(broken, fallen, "{name}");
    figure(5, &format!("model, {name}: {states} states, caught ({:.1} s)", started.elapsed().as_secs_f64()));
}

/// Checks the properties in every state: how many there are, what does not hold, and what never happens.
fn visit<M: Finite>(model: &M) -> (usize, Vec<&'static str>, Vec<&'static str>) {
    let checker = model.clone().checker().spawn_bfs().join();
    let found = checker.discoveries();
    let (mut broken, mut unseen) = (Vec::new(), Vec::new());
    for property in model.properties() {
        match (property.expectation, found.contains_key(property.name)) {
            (Expectation::Sometimes, false) => unseen.push(property.name),
            (Expectation::Always | Expectation::Eventually, true) => broken.push(property.name),
            _ => {}
        }
    }
    (checker.unique_state_count(), broken, unseen)
}

/// A shortest counterexample. The checker keeps the last one that it met, so its sight is widened step by step.
fn shortest<M: Finite>(model: &M, property: &'static str) -> String {
    let wanted = HasDiscoveries::AnyOf(BTreeSet::from([property]));
    let look = |depth: usize| {
        let checker = model.clone().checker().target_max_depth(depth).finish_when(wanted.clone()).spawn_bfs().join();
        checker.discoveries().remove(property)
    };
    let path = (1..).find_map(look).into_iter().flat_map(stateright::Path::into_actions);
    let steps: Vec<_> = path.map(|step| format!("{step:?}")).collect();
    format!("  not \"{property}\": {}", steps.join(", "))
}

/// Counts the states depth first, and says whether there is a cycle: a step to a state that is still on the way.
fn walk<M: Finite>(model: &M) -> (usize, bool) {
    let hasher = RandomState::new();
    let mut is_left: HashMap<u64, bool> = HashMap::new();
    let mut is_endless = false;
    let mut way = vec![(None, model.init_states())];
    while let Some((at, ahead)) = way.last_mut() {
        let Some(state) = ahead.pop() else {
            is_left.extend(at.map(|mark| (mark, true)));
            way.pop();
            continue;
        };
        let mark = hasher.hash_one(&state);
        if let Some(is_left) = is_left.get(&mark) {
            is_endless |= !is_left;
        } else {
            is_left.insert(mark, false);
            way.push((Some(mark), model.next_states(&state)));
        }
    }
    (is_left.len(), is_endless)
}
