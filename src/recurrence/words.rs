//! What a language calls things: the tables that a phrase is read by, and the names that a description uses.
//!
//! The texts to read are folded as [`super::token`] folds them (lower case, no accents, `ä` as `ae` in German); one of
//! several words has single spaces. The longest that fits is taken.

use super::Language;
use super::parts::Freq;

/// A unit of time, as so many of a frequency's.
pub(super) type Unit = (Freq, u16);
/// Texts that all mean the same.
pub(super) type List = &'static [&'static str];
/// Texts with what they mean.
pub(super) type Table<T> = &'static [(&'static str, T)];

pub(super) const DAY: Unit = (Freq::Daily, 1);
pub(super) const WEEK: Unit = (Freq::Weekly, 1);
pub(super) const FORTNIGHT: Unit = (Freq::Weekly, 2);
pub(super) const MONTH: Unit = (Freq::Monthly, 1);
pub(super) const QUARTER: Unit = (Freq::Monthly, 3);
pub(super) const HALF_YEAR: Unit = (Freq::Monthly, 6);
pub(super) const YEAR: Unit = (Freq::Yearly, 1);

/// The words of a language.
pub(super) struct Words {
    /// `every`.
    pub(super) every: List,
    /// `other`, as in every other day.
    pub(super) other: List,
    pub(super) units: Table<Unit>,
    /// `daily`: phrases of their own.
    pub(super) adverbs: Table<Unit>,
    /// `montags`: weekdays that are phrases of their own.
    pub(super) habits: Table<u8>,
    /// `werktags`: Monday to Friday, of its own.
    pub(super) workdays: List,
    pub(super) weekdays: Table<u8>,
    pub(super) workday: List,
    pub(super) weekend: List,
    pub(super) months: Table<u8>,
    /// Which one, from the end if negative.
    pub(super) ordinals: Table<i8>,
    /// What follows the digits of an ordinal; empty where a full stop does.
    pub(super) endings: List,
    pub(super) numbers: Table<u32>,
    /// The noun in `last day`.
    pub(super) day: List,
    /// What says that a plain number is a day of the month (`día 15`).
    pub(super) day_mark: List,
    /// Articles that say the same.
    pub(super) number_mark: List,
    pub(super) and: List,
    /// `to`, in Monday to Friday.
    pub(super) span: List,
    pub(super) on: List,
    pub(super) of_month: List,
    pub(super) of: List,
    /// `of every month`, behind a phrase that has no `every` before.
    pub(super) each_month: List,
    pub(super) each_year: List,
    pub(super) within: List,
    pub(super) until: List,
    pub(super) lasting: List,
    pub(super) times: List,
    /// What makes `5 times` a rate and no end: `a day`.
    pub(super) rate: List,
    pub(super) completion: List,
    /// Exceptions, which no rule here can say.
    pub(super) except: List,
    /// What may follow `every 15th`, which before another word may count something else.
    pub(super) follows: List,
    /// Months that may be another word, so what follows must not.
    pub(super) doubtful: List,
    /// December 24 and not only 24 December.
    pub(super) month_first: bool,
    /// `jeden zweiten Freitag` is every other one.
    pub(super) second_is_other: bool,

    /// Names from Monday, as they are written.
    pub(super) weekday_names: [&'static str; 7],
    pub(super) month_names: [&'static str; 12],
    /// `first` to `fifth`, as they are written before a weekday.
    pub(super) nth: [&'static str; 5],
    /// The last, the one before it, and the one before that.
    pub(super) from_end: [&'static str; 3],
    pub(super) and_name: &'static str,
}

impl Words {
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &super::words_en::WORDS,
            Language::De => &super::words_de::WORDS,
            Language::Es => &super::words_es::WORDS,
        }
    }
}
