use chrono::TimeDelta;

use super::*;

const TASK: Uuid = Uuid::from_u128(7);

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn facts(seq: i64, completed: Option<&str>) -> Facts {
    let created_at = at("2026-11-24T23:30:00Z");
    Facts { seq, created_at, due_date: None, completed_at: completed.map(at), deleted_at: None }
}

/// The tables, as far as a book fills them.
#[derive(Default, PartialEq, Debug)]
struct Tables {
    zones: Vec<(DateTime<Utc>, i64, &'static str)>,
    tasks: BTreeMap<Uuid, (Facts, Counted)>,
    days: BTreeMap<NaiveDate, Tally>,
}

#[derive(Clone)]
enum Event {
    Zone(DateTime<Utc>, i64, &'static str),
    Task(Facts),
}

impl Tables {
    fn apply(&mut self, batch: &[Event]) -> Settled {
        let mut book = Book::default();
        for (since, seq, name) in &self.zones {
            book.zone(*since, *seq, name);
        }
        for (id, (facts, counted)) in &self.tasks {
            book.known(*id, facts.clone(), counted.clone());
        }
        for event in batch {
            match event {
                Event::Zone(since, seq, name) => {
                    book.zone(*since, *seq, name);
                    self.zones.push((*since, *seq, name));
                }
                Event::Task(facts) => book.task(TASK, facts.clone()),
            }
        }
        let settled = book.settle();
        for (id, facts, counted) in &settled.tasks {
            self.tasks.insert(*id, (facts.clone(), counted.clone()));
        }
        for (day, tally) in &settled.days {
            let sum = self.days.entry(*day).or_default();
            sum.created += tally.created;
            sum.completed += tally.completed;
        }
        self.zones.sort_unstable();
        self.zones.dedup();
        self.days.retain(|_, tally| *tally != Tally::default());
        settled
    }
}

/// All orders of the numbers below `n`.
fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![vec![]];
    }
    let insert = |order: Vec<usize>| {
        (0..n).map(move |place| {
            let mut order = order.clone();
            order.insert(place, n - 1);
            order
        })
    };
    orders(n - 1).into_iter().flat_map(insert).collect()
}

#[test]
fn the_figures_are_the_same_in_whatever_order_and_batches_events_come() {
    let events = [
        Event::Zone(at("2026-11-01T00:00:00Z"), 1, "Europe/Berlin"),
        Event::Task(facts(2, None)),
        Event::Zone(at("2026-11-24T23:45:00Z"), 3, "America/New_York"),
        Event::Task(facts(4, Some("2026-11-25T04:00:00Z"))),
        Event::Task(facts(5, None)),
        Event::Task(facts(6, Some("2026-11-25T05:30:00Z"))),
    ];
    let mut straight = Tables::default();
    straight.apply(&events);
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    // Made at half past midnight in Berlin, done at half past midnight in New York: both are the 25th.
    assert_eq!(straight.days, BTreeMap::from([(day("2026-11-25"), Tally { created: 1, completed: 1 })]));
    for order in orders(events.len()) {
        let shuffled: Vec<_> = order.iter().map(|index| events[*index].clone()).collect();
        let (mut one_by_one, mut halves) = (Tables::default(), Tables::default());
        for event in &shuffled {
            one_by_one.apply(std::slice::from_ref(event));
        }
        assert_eq!(one_by_one, straight, "{order:?}");
        halves.apply(&shuffled[..3]);
        halves.apply(&shuffled[3..]);
        // And all of it once more.
        let again = halves.apply(&events);
        assert!(again.tasks.is_empty() && again.days.is_empty() && again.created + again.completed == 0);
        assert_eq!(halves, straight, "{order:?}");
    }
}

#[test]
fn a_reopened_task_takes_its_completion_back_and_a_deleted_one_keeps_it() {
    let mut tables = Tables::default();
    let done = Some("2026-11-26T12:00:00Z");
    let settled = tables.apply(&[Event::Task(facts(1, None)), Event::Task(facts(2, done))]);
    assert_eq!((settled.created, settled.completed), (1, 1));
    let deleted = Facts { deleted_at: done.map(|text| at(text) + TimeDelta::days(3)), ..facts(3, done) };
    let settled = tables.apply(&[Event::Task(deleted)]);
    assert!(settled.days.is_empty() && settled.tasks.len() == 1);
    let settled = tables.apply(&[Event::Task(facts(4, None))]);
    let (day, tally) = settled.days.first_key_value().unwrap();
    assert_eq!((day.to_string().as_str(), tally.completed, tally.created), ("2026-11-26", -1, 0));
    assert_eq!(tables.apply(&[Event::Task(facts(5, done))]).completed, 1);
}
