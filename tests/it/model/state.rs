//! What [`super::relay`] is about: who knows what at one moment, and what must be so at every moment.

/// How many people there are.
pub(super) const USERS: usize = 2;
pub(super) const RELAYS: usize = 2;
/// How many topics [`Mutation::TwoTopics`] has.
pub(super) const TOPICS: usize = 2;
/// How many shards there may be.
pub(super) const SHARDS: usize = 2;

/// What is wrong with a model that the checker should see through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutation {
    /// An acknowledgement is recorded whoever has the shard by now.
    NoEpochCheck,
    /// A relay does not notice that its lease ended.
    NoDeadline,
    /// A row leaves the outbox when it is sent.
    DeleteFirst,
    /// An acknowledgement is recorded though the lease has ended, as long as nobody else has taken it.
    NoEndCheck,
    /// A relay reads on from the last id that it saw.
    Cursor,
    /// The broker takes an event after an earlier one of the same user that it did not take.
    PassOver,
    /// A user's odd and even events go to topics that know nothing of each other.
    TwoTopics,
}

/// The bounds, and the mutation.
#[derive(Clone, Debug)]
pub(super) struct Relays {
    /// How many events each user makes.
    pub(super) events: [u8; USERS],
    /// Which shard each user hashes to.
    pub(super) shard_of: [usize; USERS],
    /// How many rows a relay reads at once.
    pub(super) batch: usize,
    /// How often a relay's memory is lost.
    pub(super) crashes: u8,
    /// How often a living relay's lease ends or is given back.
    pub(super) lapses: u8,
    /// How often the broker does not take a record, or its answer is lost.
    pub(super) refusals: u8,
    /// How often the topic gets more partitions.
    pub(super) expansions: u8,
    pub(super) mutation: Option<Mutation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) id: u8,
    pub(super) user: usize,
    pub(super) seq: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Owner {
    Nobody,
    /// A relay that crashed: a process that starts again is another owner.
    Gone,
    Relay(usize),
}

/// A row of `relay_leases`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Lease {
    pub(super) owner: Owner,
    pub(super) epoch: u8,
    /// `lease_until` has passed.
    pub(super) over: bool,
}

/// What a relay remembers of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Held {
    pub(super) epoch: u8,
    /// Its own deadline is still ahead.
    pub(super) valid: bool,
}

pub(super) type Snapshot = [Option<Held>; SHARDS];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// Handed over, and nothing heard yet.
    Underway,
    Acknowledged,
    /// Not taken, or taken and not heard of: it will be tried again.
    Failed,
    /// Refused for good.
    Refused,
    /// Behind an earlier one of the same user that was not taken.
    Held,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Work {
    Idle,
    /// `leases_of`, before the shards are marked busy.
    Looking(Snapshot),
    /// `outbox::batch`.
    HasRead(Snapshot, Vec<Row>),
    /// `broker.publish`: nothing calls a record back from here on.
    Sending(Snapshot, Vec<(Row, Outcome)>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Relay {
    pub(super) held: Snapshot,
    pub(super) work: Work,
    /// What it sends goes to the partition where its users were before: nobody reads that in order with the new one.
    pub(super) astray: bool,
    /// The last id of each shard that was acknowledged: for [`Mutation::Cursor`] only.
    pub(super) seen: [u8; SHARDS],
}

pub(super) const FRESH: Relay = Relay { held: [None; SHARDS], work: Work::Idle, astray: false, seen: [0; SHARDS] };

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// How many numbers each user's log gave out.
    pub(super) numbered: [u8; USERS],
    /// The outbox row that a user's open transaction will make visible: it holds the user's lock.
    pub(super) open: [Option<Row>; USERS],
    /// By id.
    pub(super) outbox: Vec<Row>,
    pub(super) parked: [bool; USERS],
    pub(super) leases: [Lease; SHARDS],
    pub(super) relays: [Relay; RELAYS],
    /// Which events the broker has where they are read in order: bit n - 1 for number n. A repetition changes nothing.
    pub(super) broker: [u8; USERS],
    /// An acknowledgement was recorded by one who is not the owner under that epoch.
    pub(super) usurped: bool,
    pub(super) crashes: u8,
    pub(super) lapses: u8,
    pub(super) refusals: u8,
    pub(super) expansions: u8,
}

/// How a record fares that the broker does not simply take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mishap {
    /// Not taken: a broker that is down, a producer that broke.
    NotTaken,
    /// Taken, but the producer does not hear of it.
    NotHeard,
    /// Never to be taken: parks the user.
    Refused,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// A transaction locks the user's log and takes a number and an outbox id.
    Number(usize),
    /// It commits: event and outbox row are visible. Perhaps later than a higher id of the other user.
    Commit(usize),
    /// `lease.acquire`.
    Acquire(usize, usize),
    /// A lease ends, and before it the relay's own deadline.
    Lapse(usize),
    /// `lease.release` of a shard that is not busy.
    GiveBack(usize, usize),
    /// The relay looks up its leases.
    Look(usize),
    /// It reads the oldest rows of those shards.
    Read(usize),
    /// It hands over those whose lease it still has.
    Send(usize),
    /// The broker takes the next record of a queue.
    Take(usize, usize),
    /// It does not.
    Fail(usize, usize, Mishap),
    /// The outcomes are all there: parks and acknowledges.
    Record(usize),
    /// A relay's memory is lost; it starts again.
    Crash(usize),
    /// `todo topics expand`, once all batches are over, but for those of relays that are counted as gone.
    Expand,
    /// An operator: `todo events rearm`.
    Rearm(usize),
}

/// Of two states that differ only in which relay is which, the one that is kept.
pub(super) fn canonical(mut state: State) -> State {
    if state.relays[0] > state.relays[1] {
        state.relays.swap(0, 1);
        for lease in &mut state.leases {
            if let Owner::Relay(relay) = &mut lease.owner {
                *relay = 1 - *relay;
            }
        }
    }
    state
}

/// Every event that is committed waits in the outbox or is in the broker.
pub(super) fn nothing_lost(state: &State) -> bool {
    let is_safe = |user: usize, seq: u8| {
        let is_open = state.open[user].is_some_and(|row| row.seq == seq);
        let waits = state.outbox.iter().any(|row| row.user == user && row.seq == seq);
        is_open || waits || state.broker[user] >> (seq - 1) & 1 == 1
    };
    (0..USERS).all(|user| (1..=state.numbered[user]).all(|seq| is_safe(user, seq)))
}

/// Whoever believes to have a shard has it.
pub(super) fn one_holder(state: &State) -> bool {
    let has = |relay: usize, shard: usize, held: Held| {
        state.leases[shard] == Lease { owner: Owner::Relay(relay), epoch: held.epoch, over: false }
    };
    let mut all = (0..RELAYS).flat_map(|relay| (0..SHARDS).map(move |shard| (relay, shard)));
    all.all(|(relay, shard)| state.relays[relay].held[shard].is_none_or(|held| has(relay, shard, held)))
}

/// A relay is about to hand over what another sent and recorded long ago.
pub(super) fn repeats(state: &State) -> bool {
    state.relays.iter().any(|relay| {
        let Work::Sending(_, sent) = &relay.work else { return false };
        sent.iter().any(|(row, outcome)| *outcome == Outcome::Underway && !state.outbox.contains(row))
    })
}
