//! What stands in our own export, as far as it is read.
//!
//! Members that are unknown are ignored: a newer version may write more. One that is known and has a value of another
//! type is an error.

use std::fmt;
use std::marker::PhantomData;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use crate::interop::date;
use crate::interop::json::Capped;
use crate::interop::{OTHERS_MAX, TASKS_MAX};

/// The most tags or reminders of a task that are read.
const OF_TASK: usize = 1_000;

/// The file: an export, or a whole account's.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct File {
    pub(super) format: Option<String>,
    pub(super) version: Option<u64>,
    /// The project that stands for the inbox, where tasks name it.
    pub(super) inbox_id: Option<String>,
    /// Of an account's export: its id is that of the inbox.
    pub(super) account: Option<Account>,
    #[serde(default)]
    pub(super) projects: Capped<Collection, OTHERS_MAX>,
    #[serde(default)]
    pub(super) sections: Capped<Collection, OTHERS_MAX>,
    #[serde(default)]
    pub(super) filters: Capped<Collection, OTHERS_MAX>,
    /// Of an account's export: projects, sections and filters in one list, told apart by their kind.
    #[serde(default)]
    pub(super) collections: Capped<Collection, { 3 * OTHERS_MAX }>,
    #[serde(default)]
    pub(super) tags: Capped<Tag, OTHERS_MAX>,
    pub(super) tasks: Option<Capped<Task, TASKS_MAX>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Account {
    pub(super) id: String,
}

/// A project, a section or a saved filter.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Collection {
    pub(super) id: String,
    pub(super) kind: Option<String>,
    pub(super) project_id: Option<String>,
    pub(super) name: String,
    pub(super) color: Option<String>,
    pub(super) query: Option<String>,
    pub(super) position: Option<String>,
    pub(super) archived_at: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) color: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) description: Option<String>,
    pub(super) priority: Option<String>,
    pub(super) project_id: Option<String>,
    pub(super) section_id: Option<String>,
    pub(super) parent_id: Option<String>,
    pub(super) position: Option<String>,
    #[serde(default)]
    pub(super) tags: Capped<String, OF_TASK>,
    pub(super) due_date: Option<Text<NaiveDate>>,
    pub(super) due_at: Option<Text<DateTime<Utc>>>,
    pub(super) due_zone: Option<Text<Tz>>,
    pub(super) due_phrase: Option<String>,
    pub(super) phrase_language: Option<String>,
    pub(super) phrase_zone: Option<Text<Tz>>,
    pub(super) start_date: Option<Text<NaiveDate>>,
    pub(super) deadline: Option<Text<NaiveDate>>,
    pub(super) completed: Option<bool>,
    pub(super) completed_at: Option<Text<DateTime<Utc>>>,
    pub(super) deleted_at: Option<Text<DateTime<Utc>>>,
    pub(super) created_at: Option<Text<DateTime<Utc>>>,
    pub(super) updated_at: Option<Text<DateTime<Utc>>>,
    pub(super) recurrence: Option<Repeat>,
    #[serde(default)]
    pub(super) reminders: Capped<Reminder, OF_TASK>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reminder {
    pub(super) at: Option<Text<DateTime<Utc>>>,
    pub(super) minutes_before: Option<u32>,
}

/// The value of an RRULE, or an object with it.
#[derive(Debug, Default)]
pub(super) struct Repeat {
    pub(super) rule: Option<String>,
    pub(super) phrase: Option<String>,
    pub(super) from_completion: bool,
}

impl<'de> Deserialize<'de> for Repeat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RuleOrObject;

        impl<'de> Visitor<'de> for RuleOrObject {
            type Value = Repeat;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a rule such as FREQ=DAILY, or an object with rule, phrase and fromCompletion")
            }

            fn visit_str<E>(self, text: &str) -> Result<Repeat, E> {
                Ok(Repeat { rule: Some(text.to_owned()), ..Repeat::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Repeat, A::Error> {
                let mut repeat = Repeat::default();
                while let Some(member) = map.next_key::<String>()? {
                    match member.as_str() {
                        "rule" => repeat.rule = map.next_value()?,
                        "phrase" => repeat.phrase = map.next_value()?,
                        "fromCompletion" => repeat.from_completion = map.next_value()?,
                        _ => drop(map.next_value::<de::IgnoredAny>()?),
                    }
                }
                Ok(repeat)
            }
        }

        deserializer.deserialize_any(RuleOrObject)
    }
}

/// A text that means something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<T>(pub(super) T);

/// What a text can mean.
pub(super) trait Meaning: Sized {
    const EXPECTED: &'static str;
    fn of(text: &str) -> Option<Self>;
}

impl Meaning for NaiveDate {
    const EXPECTED: &'static str = "a date such as 2026-12-01";
    fn of(text: &str) -> Option<Self> {
        date::day(text)
    }
}

impl Meaning for DateTime<Utc> {
    const EXPECTED: &'static str = "an instant such as 2026-12-01T17:00:00Z";
    fn of(text: &str) -> Option<Self> {
        date::instant(text)
    }
}

impl Meaning for Tz {
    const EXPECTED: &'static str = "an IANA time zone such as Europe/Berlin";
    fn of(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl<'de, T: Meaning> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of<T>(PhantomData<T>);

        impl<T: Meaning> Visitor<'_> for Of<T> {
            type Value = Text<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<T>, E> {
                let short: String = text.chars().take(60).collect();
                T::of(text).map(Text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(&short), &self))
            }
        }

        deserializer.deserialize_str(Of(PhantomData))
    }
}
