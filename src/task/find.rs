//! Finding tasks: one page of those that fulfil some conditions, in some order. The text of the statement is made of the
//! conditions and the order, so that each goes by the index that is made for it.

use chrono::{DateTime, Days, NaiveDate, Utc, Weekday};
use chrono_tz::Tz;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Error;
use super::input::name_key;
use super::model::Task;
use super::rows::{Row, columns};
use crate::filter::{self, Dialect, Filter};
use crate::kernel::{Cursor, Page, zone};
use crate::storage::dynamic::{self, Value};
use crate::storage::{Db, Engine};

/// Which tasks a listing has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not done, not in the trash.
    #[default]
    Open,
    /// Done, not in the trash.
    Completed,
    /// Both of these.
    All,
    /// In the trash.
    Trash,
}

/// The order of a listing. Ties are broken by id, in the same direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Sort {
    /// Oldest first.
    #[default]
    #[serde(rename = "created")]
    Created,
    /// Newest first.
    #[serde(rename = "-created")]
    Newest,
    /// Last changed first.
    #[serde(rename = "-updated")]
    Updated,
    /// Last done first; open ones come last.
    #[serde(rename = "-completed")]
    Completed,
    /// Earliest due date or deadline first; those without one come last.
    #[serde(rename = "due")]
    Due,
    /// Most urgent first.
    #[serde(rename = "-priority")]
    Priority,
    /// As ordered by hand.
    #[serde(rename = "position")]
    Position,
}

/// What matters when. A task matters on the day it is due and on that of its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// Today or earlier: what is overdue is for today too.
    Today,
    /// It is past.
    Overdue,
    /// On one of the seven days after today.
    Upcoming,
}

/// What a listing depends on besides the tasks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The present.
    pub now: DateTime<Utc>,
    /// The zone of the person.
    pub zone: Tz,
    /// The first day of their week.
    pub week_start: Weekday,
}

/// One listing. What is `None` is not asked for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Which tasks: open ones, or all of a filter, when nothing is said.
    pub state: Option<State>,
    /// In which order.
    pub sort: Option<Sort>,
    /// What matters when.
    pub view: Option<View>,
    /// Of a project.
    pub project: Option<Uuid>,
    /// Of a section.
    pub section: Option<Uuid>,
    /// Parts of a task.
    pub parent: Option<Uuid>,
    /// With a tag.
    pub tag: Option<String>,
    /// Those that pass.
    pub filter: Option<Filter>,
    /// Also what is hidden: not yet started, or in an archived project.
    pub hidden: bool,
    /// Where to go on.
    pub cursor: Option<String>,
    /// At most so many.
    pub limit: usize,
}

impl Query {
    /// Whether it depends on the present and the person's zone.
    pub fn needs_moment(&self) -> bool {
        self.view.is_some() || self.filter.is_some() || self.hides()
    }

    /// Whether what is hidden is left out: a plain listing and a filter are of all tasks.
    fn hides(&self) -> bool {
        let curated = self.view.is_some() || self.project.is_some() || self.section.is_some() || self.tag.is_some();
        curated && !self.hidden && self.state() == State::Open
    }

    fn state(&self) -> State {
        let all = if self.filter.is_some() && self.view.is_none() { State::All } else { State::Open };
        self.state.unwrap_or(all)
    }

    fn sort(&self) -> Sort {
        let by_hand = self.project.is_some() || self.section.is_some() || self.parent.is_some();
        self.sort.unwrap_or(match self.view {
            Some(_) => Sort::Due,
            None if by_hand => Sort::Position,
            None => Sort::Created,
        })
    }
}

/// The expression of an order, as its index has it, and whether it goes up.
fn key(sort: Sort, state: State, dialect: Dialect) -> (&'static str, bool) {
    let of = |postgres, sqlite| if dialect == Dialect::Postgres { postgres } else { sqlite };
    match sort {
        Sort::Created => ("t.created_at", true),
        Sort::Newest => ("t.created_at", false),
        Sort::Updated => ("t.updated_at", false),
        Sort::Completed if state == State::Completed => ("t.completed_at", false),
        // An open task has no such time: the earliest one puts it last.
        Sort::Completed => (
            of(
                "coalesce(t.completed_at, TIMESTAMPTZ '1970-01-01Z')",
                "coalesce(t.completed_at, '1970-01-01T00:00:00+00:00')",
            ),
            false,
        ),
        Sort::Due => (agenda(dialect), true),
        Sort::Priority => ("t.priority", false),
        Sort::Position => (
            of(
                "coalesce(t.position, replace(CAST(t.id AS text), '-', '') || 'i')",
                "coalesce(t.position, lower(hex(t.id)) || 'i')",
            ),
            true,
        ),
    }
}

/// The first day on which a task matters.
fn agenda(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "coalesce(least(t.due_date, t.deadline), DATE '9999-12-31')",
        Dialect::Sqlite => "coalesce(min(t.due_date, t.deadline), t.due_date, t.deadline, '9999-12-31')",
    }
}

/// A statement being made.
struct Builder {
    dialect: Dialect,
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Builder {
    fn new(dialect: Dialect, user_id: Uuid) -> Self {
        Self { dialect, conditions: vec!["t.user_id = $1".to_owned()], values: vec![Value::Uuid(user_id)] }
    }

    fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    fn only(&mut self, condition: impl Into<String>) {
        self.conditions.push(condition.into());
    }

    fn equal(&mut self, column: &str, id: Option<Uuid>) {
        if let Some(id) = id {
            let place = self.bind(Value::Uuid(id));
            self.only(format!("{column} = {place}"));
        }
    }

    fn state(&mut self, state: State) {
        self.only(match state {
            State::Open => "t.completed_at IS NULL AND t.deleted_at IS NULL",
            State::Completed => "t.completed_at IS NOT NULL AND t.deleted_at IS NULL",
            State::All => "t.deleted_at IS NULL",
            State::Trash => "t.deleted_at IS NOT NULL",
        });
    }

    fn tag(&mut self, tag: &str) {
        let place = self.bind(Value::Text(name_key(tag)));
        self.only(format!(
            "t.id IN (SELECT tt.task_id FROM task_tags AS tt WHERE tt.user_id = $1 AND tt.name_key = {place})"
        ));
    }

    fn view(&mut self, view: View, moment: &Moment) {
        let today = zone::day(moment.now, moment.zone);
        let after = |days| today.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX);
        match view {
            View::Today => self.before(after(1), zone::start_of_day(after(1), moment.zone)),
            View::Overdue => self.before(today, moment.now),
            View::Upcoming => {
                self.before(after(8), zone::start_of_day(after(8), moment.zone));
                self.from(after(1), zone::start_of_day(after(1), moment.zone));
            }
        }
    }

    /// Due before a day, or with a time before an instant. The day of a time is at most two days away from that in another
    /// zone: the first condition is what the index narrows down.
    fn before(&mut self, date: NaiveDate, at: DateTime<Utc>) {
        let range = self.bind(Value::Date(date.checked_add_days(Days::new(2)).unwrap_or(date)));
        let (at, date) = (self.bind(Value::Instant(at)), self.bind(Value::Date(date)));
        let agenda = agenda(self.dialect);
        self.only(format!(
            "{agenda} <= {range} AND (t.due_at < {at} OR (t.due_at IS NULL AND t.due_date < {date}) OR t.deadline < {date})"
        ));
    }

    /// And not before another one: neither the due date nor the deadline is earlier.
    fn from(&mut self, date: NaiveDate, at: DateTime<Utc>) {
        let range = self.bind(Value::Date(date.checked_sub_days(Days::new(2)).unwrap_or(date)));
        let (at, date) = (self.bind(Value::Instant(at)), self.bind(Value::Date(date)));
        let agenda = agenda(self.dialect);
        self.only(format!(
            "{agenda} >= {range} AND NOT coalesce(t.due_at < {at} OR (t.due_at IS NULL AND t.due_date < {date}), false) \
             AND NOT coalesce(t.deadline < {date}, false)"
        ));
    }

    fn hide(&mut self, moment: &Moment) {
        let today = self.bind(Value::Date(zone::day(moment.now, moment.zone)));
        // OFFSET 0 holds PostgreSQL to one look by key for each task.
        self.only(format!(
            "(t.start_date IS NULL OR t.start_date <= {today}) AND NOT EXISTS (SELECT 1 FROM collections AS c \
             WHERE c.id = t.project_id AND c.archived_at IS NOT NULL LIMIT 1 OFFSET 0)"
        ));
    }

    fn filter(&mut self, filter: &Filter, moment: &Moment) {
        let Moment { now, zone, week_start } = *moment;
        let context = filter::Context { now, zone, week_start, name_key };
        if let Some(day) = filter.due_until(&context) {
            let (day, agenda) = (self.bind(Value::Date(day)), agenda(self.dialect));
            self.only(format!("{agenda} <= {day}"));
        }
        let compiled = filter.to_sql(self.dialect, &context, "$1", self.values.len() + 1);
        self.values.extend(compiled.params.into_iter().map(|param| match param {
            filter::Param::Text(text) => Value::Text(text),
            filter::Param::Int(number) => Value::Int(number),
            filter::Param::Date(date) => Value::Date(date),
            filter::Param::Instant(at) => Value::Instant(at),
            filter::Param::Uuid(id) => Value::Uuid(id),
        }));
        self.only(compiled.sql);
    }

    /// After the row that a cursor names.
    fn after(&mut self, key: &str, ascending: bool, start: (Value, Uuid)) {
        let (value, id) = (self.bind(start.0), self.bind(Value::Uuid(start.1)));
        let sign = if ascending { ">" } else { "<" };
        self.only(format!("({key}, t.id) {sign} ({value}, {id})"));
    }

    fn text(mut self, key: &str, ascending: bool, limit: usize) -> (String, Vec<Value>) {
        let limit = self.bind(Value::Int(i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1));
        let columns = match self.dialect {
            Dialect::Postgres => columns!(postgres),
            Dialect::Sqlite => columns!(sqlite),
        };
        let direction = if ascending { "ASC" } else { "DESC" };
        let conditions = self.conditions.join(" AND ");
        let text = format!(
            "SELECT {columns} FROM tasks AS t WHERE {conditions} ORDER BY {key} {direction}, t.id {direction} LIMIT {limit}"
        );
        (text, self.values)
    }
}

/// The text of the statement and its values.
pub(super) fn statement(
    dialect: Dialect,
    user_id: Uuid,
    query: &Query,
    moment: Option<&Moment>,
) -> Result<(String, Vec<Value>), Error> {
    let (state, sort) = (query.state(), query.sort());
    let mut builder = Builder::new(dialect, user_id);
    builder.state(state);
    builder.equal("coalesce(t.project_id, t.user_id)", query.project);
    builder.equal("t.section_id", query.section);
    builder.equal("t.parent_id", query.parent);
    if let Some(tag) = &query.tag {
        builder.tag(tag);
    }
    if let Some(moment) = moment {
        if let Some(view) = query.view {
            builder.view(view, moment);
        }
        if query.hides() {
            builder.hide(moment);
        }
        if let Some(filter) = &query.filter {
            builder.filter(filter, moment);
        }
    }
    let (key, ascending) = key(sort, state, dialect);
    if let Some(cursor) = &query.cursor {
        builder.after(key, ascending, start(sort, cursor)?);
    }
    Ok(builder.text(key, ascending, query.limit))
}

fn start(sort: Sort, cursor: &str) -> Result<(Value, Uuid), Error> {
    fn read<K: DeserializeOwned>(cursor: &str, value: fn(K) -> Value) -> Result<(Value, Uuid), Error> {
        let (key, id) = Cursor::decode::<(K, Uuid)>(cursor)?;
        Ok((value(key), id))
    }
    match sort {
        Sort::Created | Sort::Newest | Sort::Updated | Sort::Completed => read(cursor, Value::Instant),
        Sort::Due => read(cursor, Value::Date),
        Sort::Priority => read(cursor, Value::Int),
        Sort::Position => read(cursor, Value::Text),
    }
}

/// One page.
pub(super) async fn page(db: &Db, user_id: Uuid, query: &Query, moment: Option<&Moment>) -> Result<Page<Task>, Error> {
    let dialect = match db.engine() {
        Engine::Postgres => Dialect::Postgres,
        Engine::Sqlite => Dialect::Sqlite,
    };
    let (text, values) = statement(dialect, user_id, query, moment)?;
    // A person's filter comes once; what the product itself asks for comes again.
    let keep = query.filter.is_none();
    let mut exec = db.read().await?;
    let rows: Vec<Row> = dynamic::fetch_all(&mut exec, "task.list", text, values, keep).await?;
    let (tasks, limit) = (rows.into_iter().map(Task::from).collect(), query.limit);
    Ok(match query.sort() {
        Sort::Created | Sort::Newest => Page::of(tasks, limit, |task: &Task| (task.created_at, task.id)),
        Sort::Updated => Page::of(tasks, limit, |task| (task.updated_at, task.id)),
        Sort::Completed => Page::of(tasks, limit, |task| (task.completed_at.unwrap_or_default(), task.id)),
        Sort::Due => Page::of(tasks, limit, |task| (task.agenda(), task.id)),
        Sort::Priority => Page::of(tasks, limit, |task| (task.priority.rank(), task.id)),
        Sort::Position => Page::of(tasks, limit, |task| (task.position.as_str().to_owned(), task.id)),
    })
}

/// How the database would find a page: its plan, a line each.
pub(super) async fn plan(db: &Db, user_id: Uuid, query: &Query, moment: Option<&Moment>) -> Result<Vec<String>, Error> {
    let (dialect, explain) = match db.engine() {
        Engine::Postgres => (Dialect::Postgres, "EXPLAIN"),
        Engine::Sqlite => (Dialect::Sqlite, "EXPLAIN QUERY PLAN"),
    };
    let (text, values) = statement(dialect, user_id, query, moment)?;
    let mut exec = db.read().await?;
    let text = format!("{explain} {text}");
    let lines = match dialect {
        Dialect::Postgres => dynamic::fetch_all::<(String,)>(&mut exec, "task.plan", text, values, false).await?,
        Dialect::Sqlite => {
            let rows =
                dynamic::fetch_all::<(i64, i64, i64, String)>(&mut exec, "task.plan", text, values, false).await?;
            rows.into_iter().map(|(.., line)| (line,)).collect()
        }
    };
    Ok(lines.into_iter().map(|(line,)| line).collect())
}
