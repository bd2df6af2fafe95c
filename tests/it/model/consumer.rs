//! The way in: the broker's topics, a consumer with an inbox, and its retries.
//!
//! What the broker has is what [`super::relay`] was shown to put there: of each user and topic the events in order, and
//! any repetition at any time. A consumer of the same group may take over from one that still has a record in hand.

use stateright::{Model, Property};

use super::explore::Finite;

const USERS: usize = 2;
const TOPICS: usize = 2;
const ROWS: usize = USERS * TOPICS;

/// What is wrong with a model that the checker should see through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutation {
    /// The offset is committed before the effect.
    OffsetFirst,
    /// Nobody asks the inbox.
    NoInbox,
    /// The inbox row is written in a transaction after that of the effect.
    InboxApart,
    /// An event goes on while an earlier one of its user waits for another try.
    PassOver,
    /// One inbox row serves a user's events on all topics.
    SharedInbox,
}

/// The bounds, and the mutation.
#[derive(Clone, Debug)]
pub(super) struct Consumer {
    /// How many events each user makes.
    pub(super) events: [u8; USERS],
    /// Odd numbers go to one topic and even ones to another; otherwise there is one topic.
    pub(super) two_topics: bool,
    /// How many repetitions the broker holds.
    pub(super) repetitions: u8,
    /// How often the consumer crashes, or another takes over.
    pub(super) crashes: u8,
    /// How often an effect fails.
    pub(super) failures: u8,
    pub(super) mutation: Option<Mutation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Event {
    user: usize,
    seq: u8,
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// Each topic as one partition of both users.
    topics: [Vec<Event>; TOPICS],
    /// The group's offsets.
    committed: [usize; TOPICS],
    /// The consumer's own.
    position: [usize; TOPICS],
    /// What the predecessor still has in hand.
    late: Option<Event>,
    /// The last number that was taken: its effect is there, or it waits.
    inbox: [u8; ROWS],
    /// What waits for another try, in order; in the database, as the inbox is.
    waiting: [Vec<u8>; ROWS],
    /// For [`Mutation::InboxApart`]: the row that is still to be written.
    unwritten: Option<Event>,
    /// The effects as they came.
    effects: [Vec<u8>; USERS],
    repetitions: u8,
    crashes: u8,
    failures: u8,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// The broker takes an event, in order within user and topic.
    Publish(Event),
    /// It takes one again.
    Repeat(Event),
    /// The next record of a topic is handled: one transaction. The effect comes off, or fails.
    Handle(usize, bool),
    /// The offset of what was handled is committed.
    Commit(usize),
    /// The first of those that wait (of an inbox row) is tried again.
    Retry(usize, bool),
    /// The consumer starts again from the committed offsets.
    Crash,
    /// Another takes over from there while this one has the topic's next record in hand.
    TakeOver(usize),
    /// The predecessor handles that record.
    HandleLate(bool),
    /// For [`Mutation::InboxApart`]: the second transaction.
    Write,
}

impl Consumer {
    fn topic(&self, event: Event) -> usize {
        usize::from(self.two_topics && event.seq.is_multiple_of(2))
    }

    /// The inbox row of an event.
    fn row(&self, event: Event) -> usize {
        let topic = if self.mutation == Some(Mutation::SharedInbox) { 0 } else { self.topic(event) };
        event.user * TOPICS + topic
    }

    /// The events of `user` on `topic`, in order.
    fn made(&self, user: usize, topic: usize) -> impl Iterator<Item = Event> {
        let events = (1..=self.events[user]).map(move |seq| Event { user, seq });
        events.filter(move |event| self.topic(*event) == topic)
    }

    fn is_known(&self, state: &State, event: Event) -> bool {
        event.seq <= state.inbox[self.row(event)] && self.mutation != Some(Mutation::NoInbox)
    }

    fn is_behind(&self, state: &State, event: Event) -> bool {
        !state.waiting[self.row(event)].is_empty() && self.mutation != Some(Mutation::PassOver)
    }

    /// Whether handling it now would be a try.
    fn is_tried(&self, state: &State, event: Event) -> bool {
        !self.is_known(state, event) && !self.is_behind(state, event)
    }

    /// One transaction: asks the inbox, and then has the effect and says so there, or lets the event wait.
    fn handle(&self, state: &mut State, event: Event, fails: bool) {
        if self.is_known(state, event) {
            return;
        }
        state.failures -= u8::from(fails);
        if fails || self.is_behind(state, event) {
            state.waiting[self.row(event)].push(event.seq);
        } else {
            state.effects[event.user].push(event.seq);
            if self.mutation == Some(Mutation::InboxApart) {
                state.unwritten = Some(event);
                return;
            }
        }
        state.inbox[self.row(event)] = event.seq;
    }

    /// The effects of `user` on `topic` are the first of its events, each once.
    fn is_in_order(&self, state: &State, user: usize, topic: usize) -> bool {
        let mut made = self.made(user, topic);
        let effects = state.effects[user].iter().map(|seq| Event { user, seq: *seq });
        effects.filter(|event| self.topic(*event) == topic).all(|event| made.next() == Some(event))
    }

    fn is_done(&self, state: &State) -> bool {
        let all = |user: usize| state.effects[user].len() == usize::from(self.events[user]);
        let read = |topic: usize| state.committed[topic] == state.topics[topic].len();
        (0..USERS).all(all) && (0..TOPICS).all(read) && state.waiting.iter().all(Vec::is_empty)
    }

    fn steps_of_the_broker(&self, state: &State, actions: &mut Vec<Action>) {
        for (user, topic) in (0..USERS).flat_map(|user| (0..TOPICS).map(move |topic| (user, topic))) {
            let is_there = |event: &Event| state.topics[topic].contains(event);
            actions.extend(self.made(user, topic).find(|event| !is_there(event)).map(Action::Publish));
            if state.repetitions > 0 {
                actions.extend(self.made(user, topic).filter(is_there).map(Action::Repeat));
            }
        }
    }

    fn steps_of_a_topic(&self, state: &State, topic: usize, actions: &mut Vec<Action>) {
        let (position, committed) = (state.position[topic], state.committed[topic]);
        let next = state.topics[topic].get(position).copied();
        if let Some(event) = next {
            actions.push(Action::Handle(topic, false));
            if state.failures > 0 && self.is_tried(state, event) {
                actions.push(Action::Handle(topic, true));
            }
            if state.crashes > 0 && state.late.is_none() {
                actions.push(Action::TakeOver(topic));
            }
        }
        let handled = if self.mutation == Some(Mutation::OffsetFirst) {
            next.is_some().then_some(position + 1)
        } else {
            Some(position)
        };
        if handled.is_some_and(|handled| handled > committed) {
            actions.push(Action::Commit(topic));
        }
    }
}

impl Finite for Consumer {}

impl Model for Consumer {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            topics: Default::default(),
            committed: [0; TOPICS],
            position: [0; TOPICS],
            late: None,
            inbox: [0; ROWS],
            waiting: Default::default(),
            unwritten: None,
            effects: Default::default(),
            repetitions: self.repetitions,
            crashes: self.crashes,
            failures: self.failures,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.steps_of_the_broker(state, actions);
        if state.crashes > 0 {
            actions.push(Action::Crash);
        }
        if state.unwritten.is_some() {
            // This consumer does one thing after the other.
            actions.push(Action::Write);
            return;
        }
        for topic in 0..TOPICS {
            self.steps_of_a_topic(state, topic, actions);
        }
        if let Some(event) = state.late {
            actions.push(Action::HandleLate(false));
            if state.failures > 0 && self.is_tried(state, event) {
                actions.push(Action::HandleLate(true));
            }
        }
        for row in (0..ROWS).filter(|row| !state.waiting[*row].is_empty()) {
            actions.push(Action::Retry(row, false));
            if state.failures > 0 {
                actions.push(Action::Retry(row, true));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Publish(event) => state.topics[self.topic(event)].push(event),
            Action::Repeat(event) => {
                state.repetitions -= 1;
                state.topics[self.topic(event)].push(event);
            }
            Action::Handle(topic, fails) => {
                let event = state.topics[topic][state.position[topic]];
                state.position[topic] += 1;
                self.handle(&mut state, event, fails);
            }
            Action::Commit(topic) => {
                let ahead = usize::from(self.mutation == Some(Mutation::OffsetFirst));
                state.committed[topic] = state.position[topic] + ahead;
            }
            Action::Retry(_, true) => state.failures -= 1,
            Action::Retry(row, false) => {
                let seq = state.waiting[row].remove(0);
                state.effects[row / TOPICS].push(seq);
            }
            Action::Crash => {
                state.crashes -= 1;
                state.position = state.committed;
                state.unwritten = None;
            }
            Action::TakeOver(topic) => {
                state.crashes -= 1;
                state.late = Some(state.topics[topic][state.position[topic]]);
                state.position[topic] = state.committed[topic];
            }
            Action::HandleLate(fails) => {
                let event = state.late.take()?;
                self.handle(&mut state, event, fails);
            }
            Action::Write => {
                let event = state.unwritten.take()?;
                state.inbox[self.row(event)] = event.seq;
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("each effect once and in order", |model: &Self, state: &State| {
                (0..ROWS).all(|row| model.is_in_order(state, row / TOPICS, row % TOPICS))
            }),
            Property::always("every run ends done", |model: &Self, state| {
                let mut ahead = Vec::new();
                model.actions(state, &mut ahead);
                !ahead.is_empty() || model.is_done(state)
            }),
            Property::sometimes("an effect is not had again", |model: &Self, state: &State| {
                let has = |event: Event| state.effects[event.user].contains(&event.seq);
                let next = |topic: usize| state.topics[topic].get(state.position[topic]).copied();
                (0..TOPICS).filter_map(next).any(|event| has(event) && model.is_known(state, event))
            }),
            Property::sometimes("events wait behind one another", |_, state: &State| {
                state.waiting.iter().any(|waiting| waiting.len() > 1)
            }),
        ]
    }
}
