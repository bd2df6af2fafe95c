//! What a rule is made of. Lists are sorted and without repetition; `Parts::normalise` sees to it.

use chrono::NaiveDate;

use super::Rule;

/// How often: the unit of INTERVAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freq {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// When a rule ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Never,
    Count(u32),
    Until(NaiveDate),
}

/// A value of BYDAY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day {
    /// Days from Monday, 0 to 6.
    pub(super) weekday: u8,
    /// Which one of the month or year, from its end if negative; 0 is each.
    pub(super) ordinal: i8,
}

impl Day {
    pub(super) fn each(weekday: u8) -> Self {
        Self { weekday, ordinal: 0 }
    }
}

/// The BY… parts; one that is not there is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// 1 to 12.
    pub(super) months: Vec<u8>,
    /// ±1 to ±53.
    pub(super) weeks: Vec<i8>,
    /// ±1 to ±366.
    pub(super) year_days: Vec<i16>,
    /// ±1 to ±31.
    pub(super) month_days: Vec<i8>,
    pub(super) days: Vec<Day>,
    /// ±1 to ±366.
    pub(super) positions: Vec<i16>,
}

/// Monday to Friday.
pub(super) const WORKDAYS: [u8; 5] = [0, 1, 2, 3, 4];

impl Parts {
    /// Each list in its one order: from the beginning, then those that are counted from the end.
    fn normalise(&mut self) {
        self.months.sort_unstable();
        self.months.dedup();
        self.weeks.sort_unstable_by_key(|n| (*n < 0, *n));
        self.weeks.dedup();
        self.year_days.sort_unstable_by_key(|n| (*n < 0, *n));
        self.year_days.dedup();
        self.month_days.sort_unstable_by_key(|n| (*n < 0, *n));
        self.month_days.dedup();
        self.days.sort_unstable_by_key(|day| (day.weekday, day.ordinal < 0, day.ordinal));
        self.days.dedup();
        self.positions.sort_unstable_by_key(|n| (*n < 0, *n));
        self.positions.dedup();
    }

    /// Whether nothing says which day of the period it is.
    pub(super) fn no_day(&self) -> bool {
        self.weeks.is_empty() && self.year_days.is_empty() && self.month_days.is_empty() && self.days.is_empty()
    }
}

impl Rule {
    /// A rule in its canonical form. The caller has checked that the parts go together.
    pub(super) fn new(freq: Freq, interval: u16, end: End, week_start: u8, mut parts: Parts) -> Self {
        parts.normalise();
        let weeks_matter = match freq {
            // A week that has one day begins where it likes.
            Freq::Weekly => !parts.days.is_empty() && (interval > 1 || !parts.positions.is_empty()),
            Freq::Yearly => !parts.weeks.is_empty(),
            Freq::Daily | Freq::Monthly => false,
        };
        Self { freq, interval, end, week_start: if weeks_matter { week_start } else { 0 }, parts }
    }
}
