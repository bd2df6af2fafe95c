//! What is wrong with an RRULE, where, and what is allowed there.

use super::{MAX_CHARACTERS, MAX_COUNT, MAX_INTERVAL};
use crate::kernel::caret;

/// An RRULE that was not understood. `Display` is one sentence: what is wrong and what is allowed there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct Error {
    kind: Kind,
    position: usize,
    rendered: String,
}

impl Error {
    pub(super) fn new(text: &str, fault: Fault) -> Self {
        let position = text.char_indices().take_while(|(at, _)| *at < fault.at).count();
        let rendered = caret(text, position, &fault.kind.to_string());
        Self { kind: fault.kind, position, rendered }
    }

    /// Where it is, in characters (Unicode scalar values) from 0; the length of the text where something is missing at
    /// its end.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Two lines for a fixed-width font: the text (the part at fault of a long one, line breaks as spaces), and below
    /// the place a `^` and the sentence.
    pub fn rendered(&self) -> &str {
        &self.rendered
    }
}

/// A [`Kind`] of error at a byte of the text.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

impl Kind {
    pub(super) fn at(self, at: usize) -> Fault {
        Fault { at, kind: self }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Kind {
    #[error("the rule is empty; write one such as FREQ=WEEKLY;BYDAY=MO")]
    Empty,
    #[error("the rule is too long; {MAX_CHARACTERS} characters are allowed")]
    TooLong,
    #[error("a part is missing; write NAME=value, and ; between two parts only")]
    NoPart,
    #[error("a part has a name and a value; write NAME=value, such as FREQ=DAILY")]
    NoValue,
    #[error(
        "unknown part; use one of FREQ, INTERVAL, COUNT, UNTIL, BYMONTH, BYWEEKNO, BYYEARDAY, BYMONTHDAY, BYDAY, \
         BYSETPOS, WKST"
    )]
    UnknownPart,
    #[error("{0} is given twice; write it once, with , between its values if it takes several")]
    Twice(&'static str),
    #[error("FREQ is missing; it is DAILY, WEEKLY, MONTHLY or YEARLY")]
    NoFreq,
    #[error("unknown frequency; use DAILY, WEEKLY, MONTHLY or YEARLY")]
    BadFreq,
    #[error(
        "a task recurs by the day at the finest, and its time of day is the task's own; use DAILY, WEEKLY, MONTHLY or YEARLY"
    )]
    TooFine,
    #[error(
        "a task recurs by the day, and its time of day is the task's own; leave {0} out, and use BYMONTH, BYWEEKNO, \
         BYYEARDAY, BYMONTHDAY or BYDAY"
    )]
    TimeOfDay(&'static str),
    #[error("INTERVAL is a whole number from 1 to {MAX_INTERVAL}")]
    BadInterval,
    #[error("COUNT is a whole number from 1 to {MAX_COUNT}")]
    BadCount,
    #[error("UNTIL is a date such as 20301231 (or a date-time such as 20301231T235959Z), in the years 0001 to 9999")]
    BadUntil,
    #[error("{0} takes whole numbers from 1 to {1}{2}")]
    BadNumber(&'static str, i16, &'static str),
    #[error(
        "BYDAY takes MO, TU, WE, TH, FR, SA, SU, and in a monthly or yearly rule also one such as 2MO or -1FR (±1 to ±53)"
    )]
    BadDay,
    #[error("WKST is one of MO, TU, WE, TH, FR, SA, SU")]
    BadWeekStart,
    #[error("a rule ends by COUNT or by UNTIL; leave one of them out")]
    CountAndUntil,
    #[error("BYWEEKNO is for FREQ=YEARLY only")]
    WeeksNotYearly,
    #[error("BYYEARDAY is for FREQ=YEARLY only")]
    YearDaysNotYearly,
    #[error("BYMONTHDAY is not for FREQ=WEEKLY; use DAILY, MONTHLY or YEARLY")]
    MonthDaysWeekly,
    #[error("a weekday with a number is for FREQ=MONTHLY and FREQ=YEARLY only; write the weekday alone")]
    Ordinal,
    #[error("a weekday with a number does not go with BYWEEKNO; write the weekday alone")]
    OrdinalWithWeeks,
    #[error("BYSETPOS chooses among the days of another part; add BYMONTH, BYWEEKNO, BYYEARDAY, BYMONTHDAY or BYDAY")]
    PositionsAlone,
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
