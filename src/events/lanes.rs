//! Which lane of a relay sends which shards.
//!
//! **Purpose.** While there is little to send, one lane takes all shards: more would share the same few events between more
//! transactions and more requests to the brokers. A lane that finds a whole batch is behind, and the others help it.
//!
//! **Invariant.** No two lanes have the same shard under way: who gives shards away does so between two of its own turns. The
//! first lane opens the others, and each of them closes itself.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// The lanes of one relay. Lane `n` of `c` helps with the shards whose remainder by `c` is `n`.
pub(super) struct Lanes {
    open: Vec<AtomicBool>,
    moved: watch::Sender<()>,
}

impl Lanes {
    /// So many, of which the first is open.
    pub(super) fn new(count: i64) -> Self {
        Self { open: (0..count).map(|lane| AtomicBool::new(lane == 0)).collect(), moved: watch::Sender::new(()) }
    }

    /// Changes when shards went from one lane to another: whoever has them now looks at once.
    pub(super) fn moved(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    fn of(&self, lane: i64) -> Option<&AtomicBool> {
        usize::try_from(lane).ok().and_then(|lane| self.open.get(lane))
    }

    /// Whether `lane` takes `shard` into the turn that it begins now.
    pub(super) fn takes(&self, lane: i64, shard: i64) -> bool {
        let own = shard % i64::try_from(self.open.len()).unwrap_or(1);
        let open = self.of(own).is_some_and(|open| open.load(Ordering::SeqCst));
        if open { own == lane } else { lane == 0 }
    }

    /// `lane` had shards, and its turn is over; `full`: there may be more at once.
    pub(super) fn after(&self, lane: i64, full: bool) {
        let moved = match (lane, full) {
            (0, true) => self.open.iter().fold(false, |moved, open| moved | !open.swap(true, Ordering::SeqCst)),
            (0, false) | (_, true) => false,
            (_, false) => self.of(lane).is_some_and(|open| open.swap(false, Ordering::SeqCst)),
        };
        if moved {
            self.moved.send_replace(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shards of 0 to 5 that each lane takes.
    fn taken(lanes: &Lanes) -> Vec<Vec<i64>> {
        let count = i64::try_from(lanes.open.len()).unwrap();
        (0..count).map(|lane| (0..6).filter(|shard| lanes.takes(lane, *shard)).collect()).collect()
    }

    #[test]
    fn others_help_the_first_while_there_is_much() {
        let lanes = Lanes::new(3);
        let mut moved = lanes.moved();
        let mut told = || {
            let told = moved.has_changed().unwrap();
            moved.mark_unchanged();
            told
        };
        let alone = vec![vec![0, 1, 2, 3, 4, 5], vec![], vec![]];
        assert_eq!(taken(&lanes), alone);
        lanes.after(0, false);
        assert_eq!(taken(&lanes), alone);
        assert!(!told());
        lanes.after(0, true);
        assert_eq!(taken(&lanes), [[0, 3], [1, 4], [2, 5]]);
        assert!(told());
        lanes.after(0, true);
        assert!(!told(), "nothing has moved");
        // The first has no say in when another is done.
        lanes.after(0, false);
        lanes.after(1, true);
        assert_eq!(taken(&lanes), [[0, 3], [1, 4], [2, 5]]);
        assert!(!told());
        lanes.after(1, false);
        assert_eq!(taken(&lanes), [vec![0, 1, 3, 4], vec![], vec![2, 5]]);
        assert!(told());
        lanes.after(2, false);
        assert_eq!(taken(&lanes), alone);
    }

    #[test]
    fn a_lane_that_is_the_only_one_takes_all() {
        let lanes = Lanes::new(1);
        lanes.after(0, true);
        assert_eq!(taken(&lanes), [[0, 1, 2, 3, 4, 5]]);
    }
}
