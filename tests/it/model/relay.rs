//! The way out: writers, the outbox, leases, two relays and the broker.
//!
//! Each action is one step that the real parts take at once: a transaction, or a look at one's own memory. Whatever
//! happens between two of them (a pause, another's step, a crash) is a different order of actions.

use stateright::{Model, Property};

use super::explore::Finite;
use super::state::{
    Action, FRESH, Held, Lease, Mishap, Mutation, Outcome, Owner, RELAYS, Relays, Row, SHARDS, Snapshot, State, TOPICS,
    USERS, Work, canonical, nothing_lost, one_holder, repeats,
};

impl Relays {
    /// The rows that `relay` would read now in the shards of `snapshot`.
    fn batch(&self, state: &State, relay: usize, snapshot: Snapshot) -> Vec<Row> {
        let is_ahead = |row: &&Row| {
            let shard = self.shard_of[row.user];
            let passed = self.mutation == Some(Mutation::Cursor) && row.id <= state.relays[relay].seen[shard];
            snapshot[shard].is_some() && !state.parked[row.user] && !passed
        };
        state.outbox.iter().filter(is_ahead).take(self.batch).copied().collect()
    }

    /// Deletes `rows` where owner and epoch are still the relay's own and the lease has not ended.
    fn acknowledge(&self, state: &mut State, relay: usize, snapshot: Snapshot, rows: &[Row]) {
        let (leases, shard_of) = (state.leases, self.shard_of);
        let mut usurped = state.usurped;
        state.outbox.retain(|row| {
            let shard = shard_of[row.user];
            let (lease, held) = (leases[shard], snapshot[shard]);
            let own = is_own(lease, relay, held);
            let in_time = !lease.over || self.mutation == Some(Mutation::NoEndCheck);
            let gone = rows.contains(row) && (own && in_time || self.mutation == Some(Mutation::NoEpochCheck));
            usurped |= gone && !own;
            !gone
        });
        state.usurped = usurped;
    }

    fn send(&self, state: &mut State, relay: usize) {
        let Work::HasRead(snapshot, mut rows) = state.relays[relay].work.clone() else { return };
        rows.retain(|row| snapshot[self.shard_of[row.user]].is_some_and(|held| held.valid));
        if self.mutation == Some(Mutation::DeleteFirst) {
            self.acknowledge(state, relay, snapshot, &rows);
        }
        let sent: Vec<_> = rows.into_iter().map(|row| (row, Outcome::Underway)).collect();
        state.relays[relay].work = if sent.is_empty() { Work::Idle } else { Work::Sending(snapshot, sent) };
    }

    /// In which queue to the broker a row stands: there is one for each user, and perhaps for each of its topics.
    fn queue(&self, row: &Row) -> usize {
        let topic = if self.mutation == Some(Mutation::TwoTopics) { usize::from(row.seq % 2) } else { 0 };
        row.user * TOPICS + topic
    }

    /// The next record of `queue` that `relay` has under way fares as `mishap` says.
    fn fare(&self, state: &mut State, relay: usize, queue: usize, mishap: Option<Mishap>) {
        let is_astray = state.relays[relay].astray;
        let Work::Sending(_, sent) = &mut state.relays[relay].work else { return };
        let waits = |(row, outcome): &&mut (Row, Outcome)| self.queue(row) == queue && *outcome == Outcome::Underway;
        let mut own = sent.iter_mut().filter(waits);
        let Some((row, outcome)) = own.next() else { return };
        let taken = matches!(mishap, None | Some(Mishap::NotHeard));
        *outcome = match mishap {
            None => Outcome::Acknowledged,
            Some(Mishap::NotTaken | Mishap::NotHeard) => Outcome::Failed,
            Some(Mishap::Refused) => Outcome::Refused,
        };
        if taken {
            state.broker[row.user] |= u8::from(!is_astray) << (row.seq - 1);
        } else if self.mutation != Some(Mutation::PassOver) {
            own.for_each(|(_, outcome)| *outcome = Outcome::Held);
        }
    }

    fn record(&self, state: &mut State, relay: usize) {
        let Work::Sending(snapshot, sent) = std::mem::replace(&mut state.relays[relay].work, Work::Idle) else {
            return;
        };
        state.relays[relay].astray = false;
        for (row, _) in sent.iter().filter(|(_, outcome)| *outcome == Outcome::Refused) {
            let shard = self.shard_of[row.user];
            let lease = state.leases[shard];
            state.parked[row.user] |= is_own(lease, relay, snapshot[shard]) && !lease.over;
        }
        let acknowledged = sent.iter().filter(|(_, outcome)| *outcome == Outcome::Acknowledged);
        let rows: Vec<_> = acknowledged.map(|(row, _)| *row).collect();
        self.acknowledge(state, relay, snapshot, &rows);
        if self.mutation == Some(Mutation::Cursor) {
            for row in rows {
                state.relays[relay].seen[self.shard_of[row.user]] = row.id;
            }
        }
    }

    fn lapse(&self, state: &mut State, shard: usize) {
        state.leases[shard].over = true;
        let Owner::Relay(relay) = state.leases[shard].owner else { return };
        state.lapses -= 1;
        if self.mutation == Some(Mutation::NoDeadline) {
            return;
        }
        let relay = &mut state.relays[relay];
        relay.held[shard] = None;
        if let Work::Looking(snapshot) | Work::HasRead(snapshot, _) = &mut relay.work
            && let Some(held) = &mut snapshot[shard]
        {
            held.valid = false;
        }
    }

    /// Whether a relay's batches are over, or its leases have ended, whether or not others have its shards by then.
    fn is_drained(state: &State, relay: usize) -> bool {
        let is_lost = |lease: &Lease| lease.owner != Owner::Relay(relay) || lease.over;
        state.relays[relay].work == Work::Idle || state.leases.iter().all(is_lost)
    }

    fn expand(state: &mut State) {
        state.expansions -= 1;
        for relay in &mut state.relays {
            match relay.work {
                Work::Idle => {}
                // Its deadline is long past: it would hand over nothing.
                Work::Looking(_) | Work::HasRead(..) => relay.work = Work::Idle,
                Work::Sending(..) => relay.astray = true,
            }
        }
    }

    fn steps_of(&self, state: &State, relay: usize, actions: &mut Vec<Action>) {
        let this = &state.relays[relay];
        match &this.work {
            // A look that finds nothing changes nothing.
            Work::Idle if !self.batch(state, relay, this.held).is_empty() => actions.push(Action::Look(relay)),
            Work::Idle => {}
            Work::Looking(_) => actions.push(Action::Read(relay)),
            Work::HasRead(..) => actions.push(Action::Send(relay)),
            Work::Sending(_, sent) => {
                let mut waiting: Vec<_> =
                    sent.iter().filter(|(_, how)| *how == Outcome::Underway).map(|(row, _)| self.queue(row)).collect();
                waiting.sort_unstable();
                waiting.dedup();
                for queue in &waiting {
                    actions.push(Action::Take(relay, *queue));
                    if state.refusals > 0 {
                        let mishaps = [Mishap::NotTaken, Mishap::NotHeard, Mishap::Refused];
                        actions.extend(mishaps.map(|mishap| Action::Fail(relay, *queue, mishap)));
                    }
                }
                if waiting.is_empty() {
                    actions.push(Action::Record(relay));
                }
            }
        }
        let is_busy = matches!(this.work, Work::HasRead(..) | Work::Sending(..));
        for (shard, lease) in self.shards(state) {
            if lease.over || lease.owner == Owner::Nobody {
                actions.push(Action::Acquire(relay, shard));
            } else if lease.owner == Owner::Relay(relay) && state.lapses > 0 && !is_busy {
                actions.push(Action::GiveBack(relay, shard));
            }
        }
        if state.crashes > 0 && *this != FRESH {
            actions.push(Action::Crash(relay));
        }
    }

    fn shards<'a>(&'a self, state: &'a State) -> impl Iterator<Item = (usize, Lease)> + 'a {
        (0..SHARDS).filter(|shard| self.shard_of.contains(shard)).map(|shard| (shard, state.leases[shard]))
    }

    fn nothing_waits(&self, state: &State) -> bool {
        let all = |user: usize| state.broker[user] == (1 << self.events[user]) - 1;
        state.outbox.is_empty() && (0..USERS).all(all)
    }
}

/// Whether the lease is the relay's, under the epoch that it sent under.
fn is_own(lease: Lease, relay: usize, held: Option<Held>) -> bool {
    lease.owner == Owner::Relay(relay) && held.is_some_and(|held| held.epoch == lease.epoch)
}

impl Finite for Relays {}

impl Model for Relays {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            numbered: [0; USERS],
            open: [None; USERS],
            outbox: Vec::new(),
            parked: [false; USERS],
            leases: [Lease { owner: Owner::Nobody, epoch: 0, over: false }; SHARDS],
            relays: [FRESH; RELAYS],
            broker: [0; USERS],
            usurped: false,
            crashes: self.crashes,
            lapses: self.lapses,
            refusals: self.refusals,
            expansions: self.expansions,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for user in 0..USERS {
            if state.open[user].is_some() {
                actions.push(Action::Commit(user));
            } else if state.numbered[user] < self.events[user] {
                actions.push(Action::Number(user));
            }
            if state.parked[user] {
                actions.push(Action::Rearm(user));
            }
        }
        if state.expansions > 0 && (0..RELAYS).all(|relay| Self::is_drained(state, relay)) {
            actions.push(Action::Expand);
        }
        for (shard, lease) in self.shards(state) {
            if !lease.over && (lease.owner == Owner::Gone || lease.owner != Owner::Nobody && state.lapses > 0) {
                actions.push(Action::Lapse(shard));
            }
        }
        for relay in 0..RELAYS {
            self.steps_of(state, relay, actions);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Number(user) => {
                state.numbered[user] += 1;
                let id = state.numbered.iter().sum();
                state.open[user] = Some(Row { id, user, seq: state.numbered[user] });
            }
            Action::Commit(user) => {
                state.outbox.extend(state.open[user].take());
                state.outbox.sort_unstable();
            }
            Action::Acquire(relay, shard) => {
                let epoch = state.leases[shard].epoch + 1;
                state.leases[shard] = Lease { owner: Owner::Relay(relay), epoch, over: false };
                state.relays[relay].held[shard] = Some(Held { epoch, valid: true });
                state.relays[relay].seen[shard] = 0;
            }
            Action::Lapse(shard) => self.lapse(&mut state, shard),
            Action::GiveBack(relay, shard) => {
                state.leases[shard] = Lease { owner: Owner::Nobody, over: false, ..state.leases[shard] };
                state.relays[relay].held[shard] = None;
                state.lapses -= 1;
            }
            Action::Look(relay) => state.relays[relay].work = Work::Looking(state.relays[relay].held),
            Action::Read(relay) => {
                let Work::Looking(snapshot) = state.relays[relay].work else { return None };
                let rows = self.batch(&state, relay, snapshot);
                state.relays[relay].work = if rows.is_empty() { Work::Idle } else { Work::HasRead(snapshot, rows) };
            }
            Action::Send(relay) => self.send(&mut state, relay),
            Action::Take(relay, queue) => self.fare(&mut state, relay, queue, None),
            Action::Fail(relay, queue, mishap) => {
                state.refusals -= 1;
                self.fare(&mut state, relay, queue, Some(mishap));
            }
            Action::Record(relay) => self.record(&mut state, relay),
            Action::Crash(relay) => {
                state.crashes -= 1;
                state.relays[relay] = FRESH;
                let own = state.leases.iter_mut().filter(|lease| lease.owner == Owner::Relay(relay));
                own.for_each(|lease| lease.owner = Owner::Gone);
            }
            Action::Expand => Self::expand(&mut state),
            Action::Rearm(user) => state.parked[user] = false,
        }
        Some(canonical(state))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("in order", |_, state: &State| state.broker.iter().all(|had| had & (had + 1) == 0)),
            Property::always("nothing is lost", |_, state| nothing_lost(state)),
            Property::always("only the owner records", |_, state: &State| !state.usurped),
            Property::always("one holder", |_, state| one_holder(state)),
            Property::always("every run ends drained", |model: &Self, state| {
                let mut ahead = Vec::new();
                model.actions(state, &mut ahead);
                !ahead.is_empty() || model.nothing_waits(state)
            }),
            Property::sometimes("a stale relay repeats", |_, state| repeats(state)),
        ]
    }
}
