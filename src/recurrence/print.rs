//! The canonical text of a rule: `FREQ`, `INTERVAL`, `COUNT` or `UNTIL`, the BY… parts from the month down, `WKST`.

use std::fmt::{self, Display, Formatter};

use super::Rule;
use super::parts::{Day, End, Freq};

/// The names of the weekdays, from Monday.
pub(super) const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let freq = match self.freq {
            Freq::Daily => "DAILY",
            Freq::Weekly => "WEEKLY",
            Freq::Monthly => "MONTHLY",
            Freq::Yearly => "YEARLY",
        };
        write!(f, "FREQ={freq}")?;
        if self.interval > 1 {
            write!(f, ";INTERVAL={}", self.interval)?;
        }
        match self.end {
            End::Never => {}
            End::Count(count) => write!(f, ";COUNT={count}")?,
            End::Until(date) => write!(f, ";UNTIL={}", date.format("%Y%m%d"))?,
        }
        let parts = &self.parts;
        list(f, "BYMONTH", &parts.months)?;
        list(f, "BYWEEKNO", &parts.weeks)?;
        list(f, "BYYEARDAY", &parts.year_days)?;
        list(f, "BYMONTHDAY", &parts.month_days)?;
        list(f, "BYDAY", &parts.days)?;
        list(f, "BYSETPOS", &parts.positions)?;
        match WEEKDAYS.get(usize::from(self.week_start)) {
            Some(day) if self.week_start > 0 => write!(f, ";WKST={day}"),
            _ => Ok(()),
        }
    }
}

impl Display for Day {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.ordinal != 0 {
            write!(f, "{}", self.ordinal)?;
        }
        f.write_str(WEEKDAYS.get(usize::from(self.weekday)).copied().unwrap_or_default())
    }
}

fn list(f: &mut Formatter<'_>, name: &str, values: &[impl Display]) -> fmt::Result {
    for (index, value) in values.iter().enumerate() {
        if index == 0 {
            write!(f, ";{name}={value}")?;
        } else {
            write!(f, ",{value}")?;
        }
    }
    Ok(())
}
