//! The protocol from a commit to an effect, as a model whose every state is visited: leases, relays, broker, consumer.
//!
//! **What is modelled.** One action is one step that the real parts take at once (a transaction, a look at one's own
//! memory); a pause is that others act in between, and is as long as one likes.
//!
//! - [`relay`]: transactions that take a number and an outbox id and become visible later, whatever ids others have by
//!   then; leases with owner, epoch and end; two relays that acquire, lose and give back leases, look up what they
//!   hold, read the oldest rows, check their deadline, hand the batch over, hear outcomes one by one, park, and record
//!   under owner and epoch; a broker that takes, refuses for now or for ever, or takes without being heard; crashes at
//!   any point; a topic that gets more partitions. A relay that is past its deadline check hands over all that it
//!   holds, however late.
//! - [`consumer`]: a broker that has each user's events in order and repeats any of them at any time; a consumer whose
//!   effect and inbox row (one for each user and topic) are one transaction; offsets, crashes, a successor beside a
//!   predecessor that has a record in hand; effects that fail and wait, their user's later events behind them.
//!
//! They meet in one sentence, which the first is shown to keep and which is all that the second is given: *of each user
//! the broker's first occurrences are dense and in order, and nothing leaves the outbox without being there*. They are
//! two models because the states of one would be the product of theirs.
//!
//! **What must hold.** Always: first occurrences in order; nothing lost; only the owner records; who believes to hold
//! a lease does; each effect once and in order. Eventually: all is drained. That is *not* stateright's `eventually`,
//! which overlooks runs that join others or go round. Here mishaps are counted down, the graph is shown to have no
//! cycle, so that every run ends, and every state without a step is shown to be drained. The only fairness in it is
//! that something happens as long as something can.
//!
//! **The bounds** stand at each test: two users with up to four events between them, one or two shards, two relays
//! (states that differ only in which is which count once), batches of two or three, one or two mishaps of a kind. Each
//! run prints its states (`-- --nocapture`), told apart by 64-bit fingerprints, and each mutation its shortest
//! counterexamples.
//!
//! **What the leases are for.** As long as a topic keeps its partitions: without the epoch check, or with a relay that
//! overlooks the end of its lease, exactly one property falls, the one that says so. Order and completeness stand in
//! every state, because each batch begins with the oldest rows and only rows that the broker has are deleted; the
//! leases bound how much is sent twice. When a topic gets more partitions the epoch check carries both: what a relay
//! that was counted as gone hands over then lands in a user's partition of before, which nobody reads in order with the
//! new one, and without the check its acknowledgement would take those rows from the relay that sends them to the
//! right one. It acts not only for paused relays: a shard may be given back between a lane's look at its leases and its
//! mark that it is busy (that mutation's counterexample). An expansion counts a relay as gone when its leases have
//! ended, whether or not its shards were taken over by then; that is why an acknowledgement, and parking, ask for the
//! end of the lease too ([`Mutation::NoEndCheck`]).
//!
//! **What is not modelled.** Time as a number: a lease ends at any moment, but never before its owner's own deadline.
//! Renewal, fair shares and lanes (a relay here has one). Fences: an expansion is one step, when all batches are over.
//! A third relay, and records of a crashed relay that are still on the wire: a paused one stands for them. A user's
//! several topics, but as a mutation: no broker orders one topic with another, so the relay's "user" is one user on one
//! topic, and numbers are dense only within that. Steps that the code takes in two transactions, of which the second
//! asks again under the lock (a failed effect and its being put aside), or either of which may be missing without harm
//! (parking and recording), are one. What databases and brokers lose; dead letters; a topic that was cut at its start.

mod consumer;
mod explore;
mod relay;
mod state;

use self::consumer::{Consumer, Mutation as Slip};
use self::explore::{breaks, holds};
use self::state::{Mutation, Relays};

const RELAYS: Relays = Relays {
    events: [2, 1],
    shard_of: [0, 0],
    batch: 2,
    crashes: 0,
    lapses: 1,
    refusals: 0,
    expansions: 0,
    mutation: None,
};

const CONSUMER: Consumer =
    Consumer { events: [2, 1], two_topics: false, repetitions: 1, crashes: 1, failures: 1, mutation: None };

const LOST: &str = "nothing is lost";
const ORDER: &str = "in order";
const DRAINED: &str = "every run ends drained";
const ONCE: &str = "each effect once and in order";
const DONE: &str = "every run ends done";

#[test]
fn relays_that_crash_and_lose_leases() {
    holds("two events each", &Relays { events: [2, 2], crashes: 1, ..RELAYS });
    holds("three events in one batch", &Relays { events: [3, 0], batch: 3, crashes: 1, lapses: 2, ..RELAYS });
}

#[test]
fn relays_with_a_shard_each() {
    holds("two shards", &Relays { shard_of: [0, 1], ..RELAYS });
    holds("two shards that are lost twice", &Relays { events: [1, 1], shard_of: [0, 1], lapses: 2, ..RELAYS });
}

#[test]
fn relays_with_a_broker_that_refuses() {
    holds("a refusal", &Relays { refusals: 1, ..RELAYS });
    holds(
        "refusals, crashes and lost leases",
        &Relays { events: [2, 0], crashes: 1, lapses: 2, refusals: 2, ..RELAYS },
    );
}

#[test]
fn relays_whose_topic_grows() {
    holds("an expansion", &Relays { expansions: 1, ..RELAYS });
    holds("an expansion, crashes", &Relays { events: [3, 0], crashes: 1, lapses: 2, expansions: 1, ..RELAYS });
}

#[test]
fn a_consumer_that_crashes_and_tries_again() {
    holds("repetitions", &Consumer { repetitions: 2, ..CONSUMER });
    holds("crashes and failures", &Consumer { events: [3, 1], failures: 2, ..CONSUMER });
}

#[test]
fn a_consumer_of_two_topics() {
    holds("two topics", &Consumer { events: [3, 1], two_topics: true, ..CONSUMER });
}

#[test]
fn without_the_epoch_check_another_records() {
    let model = Relays { lapses: 2, mutation: Some(Mutation::NoEpochCheck), ..RELAYS };
    breaks("no epoch check", &model, &["only the owner records"]);
}

/// Where the check carries order and completeness: what a stale relay sends lands in the partition of before.
#[test]
fn without_the_epoch_check_an_expansion_loses_events() {
    let model = Relays { expansions: 1, mutation: Some(Mutation::NoEpochCheck), ..RELAYS };
    breaks("no epoch check, an expansion", &model, &[ORDER, LOST, "only the owner records", DRAINED]);
}

/// A relay that is counted as gone is still the owner while nobody took over.
#[test]
fn without_the_check_of_the_end_an_expansion_loses_events() {
    let model = Relays { expansions: 1, mutation: Some(Mutation::NoEndCheck), ..RELAYS };
    breaks("no check of the end, an expansion", &model, &[ORDER, LOST, DRAINED]);
}

#[test]
fn without_the_deadline_two_believe_to_hold_a_shard() {
    let model = Relays { lapses: 2, mutation: Some(Mutation::NoDeadline), ..RELAYS };
    breaks("no deadline", &model, &["one holder"]);
}

#[test]
fn a_row_deleted_before_its_acknowledgement_is_lost() {
    let model = Relays { crashes: 1, lapses: 0, mutation: Some(Mutation::DeleteFirst), ..RELAYS };
    breaks("deleted first", &model, &[ORDER, LOST, DRAINED]);
}

/// Without any mishap: it takes only a commit that is visible late.
#[test]
fn a_cursor_passes_by_a_late_commit() {
    let model = Relays { lapses: 0, mutation: Some(Mutation::Cursor), ..RELAYS };
    breaks("a cursor", &model, &[ORDER, DRAINED]);
}

/// What the port's contract ([`todo::events::Broker::publish`]) is for.
#[test]
fn a_broker_that_passes_over_an_event_breaks_the_order() {
    let model = Relays { refusals: 1, mutation: Some(Mutation::PassOver), ..RELAYS };
    breaks("passed over by the broker", &model, &[ORDER]);
}

/// A user's numbers are not in order across topics, even where nothing ever fails.
#[test]
fn two_topics_are_not_in_order_with_each_other() {
    let model = Relays { lapses: 0, mutation: Some(Mutation::TwoTopics), ..RELAYS };
    breaks("across topics", &model, &[ORDER]);
}

#[test]
fn an_offset_before_its_effect_loses_the_effect() {
    let model = Consumer { failures: 0, mutation: Some(Slip::OffsetFirst), ..CONSUMER };
    breaks("offset first", &model, &[ONCE, DONE]);
}

#[test]
fn without_the_inbox_an_effect_comes_twice() {
    let model = Consumer { failures: 0, mutation: Some(Slip::NoInbox), ..CONSUMER };
    breaks("no inbox", &model, &[ONCE, DONE]);
}

#[test]
fn an_inbox_row_in_its_own_transaction_comes_too_late() {
    let model = Consumer { repetitions: 0, failures: 0, mutation: Some(Slip::InboxApart), ..CONSUMER };
    breaks("inbox apart", &model, &[ONCE, DONE]);
}

#[test]
fn an_event_that_passes_a_waiting_one_breaks_the_order() {
    let model = Consumer { crashes: 0, mutation: Some(Slip::PassOver), ..CONSUMER };
    breaks("passed over by the consumer", &model, &[ONCE]);
}

/// An inbox needs a row for each user *and topic*: otherwise what comes late on a slower topic looks like a repetition.
#[test]
fn one_inbox_row_for_two_topics_drops_events() {
    let topics = Consumer { events: [3, 1], two_topics: true, repetitions: 0, crashes: 0, failures: 0, ..CONSUMER };
    let model = Consumer { mutation: Some(Slip::SharedInbox), ..topics };
    breaks("a shared inbox row", &model, &[ONCE, DONE]);
}
