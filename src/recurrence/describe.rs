//! A rule in words: `every last workday of the month`, `alle 2 Wochen am Montag und Donnerstag, 10-mal`.

use super::clumsy;
use super::form::{Form, What};
use super::parts::{Day, End, Freq, WORKDAYS};
use super::words::Words;
use super::{Language, Rule};

/// What a language says a rule with.
pub(super) struct Speaker {
    pub(super) language: Language,
    pub(super) words: &'static Words,
}

pub(super) fn describe(rule: &Rule, language: Language) -> String {
    let speaker = Speaker { language, words: Words::of(language) };
    let said = match Form::of(rule) {
        Some(form) => speaker.form(&form) + &speaker.season(&form.season),
        None => clumsy::describe(rule, &speaker),
    };
    said + &speaker.end(rule.end)
}

impl Speaker {
    /// One of three texts.
    pub(super) fn say<'a>(&self, en: &'a str, de: &'a str, es: &'a str) -> &'a str {
        match self.language {
            Language::En => en,
            Language::De => de,
            Language::Es => es,
        }
    }

    /// `every day`, `every 2 weeks`.
    pub(super) fn every(&self, freq: Freq, interval: u16) -> String {
        let (one, many) = match freq {
            Freq::Daily => (self.say("every day", "jeden Tag", "cada día"), self.say("days", "Tage", "días")),
            Freq::Weekly => {
                (self.say("every week", "jede Woche", "cada semana"), self.say("weeks", "Wochen", "semanas"))
            }
            Freq::Monthly => {
                (self.say("every month", "jeden Monat", "cada mes"), self.say("months", "Monate", "meses"))
            }
            Freq::Yearly => (self.say("every year", "jedes Jahr", "cada año"), self.say("years", "Jahre", "años")),
        };
        if interval == 1 {
            return one.to_owned();
        }
        format!("{} {interval} {many}", self.say("every", "alle", "cada"))
    }

    fn form(&self, form: &Form) -> String {
        let each = self.say("every", "jeden", "cada");
        let every = || self.every(form.freq, form.interval);
        let on = self.say("on", "am", "el");
        let single = form.interval == 1;
        match &form.what {
            What::Plain => every(),
            What::Weekdays(days) if *days == WORKDAYS && single => format!("{each} {}", self.workday()),
            What::Weekdays(days) if *days == WORKDAYS => {
                every() + self.say(" on workdays", " an Werktagen", " en días laborables")
            }
            What::Weekdays(days) => {
                let list = self.list(days.iter().map(|day| self.weekday(*day).to_owned()));
                if single { format!("{each} {list}") } else { format!("{} {on} {list}", every()) }
            }
            What::MonthDays(days) => match days.as_slice() {
                [day @ ..=-1] if single => format!("{each} {}", self.of_month(self.month_day(*day))),
                _ => format!(
                    "{} {} {}",
                    every(),
                    self.on_day(days),
                    self.list(days.iter().map(|day| self.month_day(*day)))
                ),
            },
            What::NthDays(days) => {
                let list = self.list(days.iter().map(|day| self.nth_day(*day)));
                if single {
                    format!("{each} {}", self.of_month(list))
                } else {
                    format!("{} {} {list}", every(), self.on_the())
                }
            }
            What::Workday(position) => {
                let workday = self.nth_workday(*position);
                if single {
                    format!("{each} {}", self.of_month(workday))
                } else {
                    format!("{} {} {workday}", every(), self.on_the())
                }
            }
            What::Dates(months, days) => {
                let all = months.iter().flat_map(|month| days.iter().map(|day| self.date(*month, *day)));
                let on = if days.first().is_some_and(|day| *day < 0) { self.on_the() } else { on };
                format!("{} {on} {}", every(), self.list(all))
            }
            What::NthDaysOf(days, months) => {
                let list = self.list(days.iter().map(|day| self.nth_day(*day)));
                format!("{} {} {}", every(), self.on_the(), self.of(&list, &self.months(months)))
            }
            What::WorkdayOf(position, month) => {
                format!(
                    "{} {} {}",
                    every(),
                    self.on_the(),
                    self.of(&self.nth_workday(*position), &self.months(&[*month]))
                )
            }
            What::Months(months) if single => format!("{each} {}", self.months(months)),
            What::Months(months) => every() + &self.season(months),
        }
    }

    /// ` in January and July`, with the space before it; empty for none.
    pub(super) fn season(&self, months: &[u8]) -> String {
        if months.is_empty() {
            String::new()
        } else {
            format!(" {} {}", self.say("in", "im", "en"), self.months(months))
        }
    }

    fn months(&self, months: &[u8]) -> String {
        self.list(months.iter().map(|month| {
            let name = month.checked_sub(1).and_then(|at| self.words.month_names.get(usize::from(at)));
            (*name.unwrap_or(&"")).to_owned()
        }))
    }

    fn end(&self, end: End) -> String {
        match end {
            End::Never => String::new(),
            End::Until(date) => format!(" {} {}", self.say("until", "bis", "hasta"), date.format("%Y-%m-%d")),
            End::Count(count) => match self.language {
                Language::En => format!(", {count} {}", if count == 1 { "time" } else { "times" }),
                Language::De => format!(", {count}-mal"),
                Language::Es => format!(", {count} {}", if count == 1 { "vez" } else { "veces" }),
            },
        }
    }

    /// `a, b and c`.
    pub(super) fn list(&self, items: impl Iterator<Item = String>) -> String {
        let items: Vec<String> = items.collect();
        match items.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} {} {last}", rest.join(", "), self.words.and_name),
            _ => items.concat(),
        }
    }

    pub(super) fn weekday(&self, day: u8) -> &'static str {
        self.words.weekday_names.get(usize::from(day)).copied().unwrap_or_default()
    }

    fn workday(&self) -> &'static str {
        self.say("workday", "Werktag", "día laborable")
    }

    fn on_the(&self) -> &'static str {
        self.say("on the", "am", "el")
    }

    fn on_day(&self, days: &[i8]) -> &'static str {
        let number = days.first().is_some_and(|day| *day > 0);
        self.say("on the", "am", if number { "el día" } else { "el" })
    }

    fn of_month(&self, what: String) -> String {
        what + self.say(" of the month", " im Monat", " del mes")
    }

    fn of(&self, what: &str, months: &str) -> String {
        format!("{what} {} {months}", self.say("of", "im", "de"))
    }

    /// `15th`, `15.`, `15`; `last day`.
    fn month_day(&self, day: i8) -> String {
        match self.language {
            _ if day < 0 => format!("{} {}", self.nth(day.into()), self.say("day", "Tag", "día")),
            Language::Es => day.to_string(),
            Language::En | Language::De => self.number(day.into()),
        }
    }

    fn date(&self, month: u8, day: i8) -> String {
        let month = self.months(&[month]);
        if day < 0 {
            return self.of(&self.month_day(day), &month);
        }
        match self.language {
            Language::En => format!("{day} {month}"),
            Language::De => format!("{day}. {month}"),
            Language::Es => format!("{day} de {month}"),
        }
    }

    fn nth_day(&self, day: Day) -> String {
        format!("{} {}", self.nth(day.ordinal.into()), self.weekday(day.weekday))
    }

    fn nth_workday(&self, position: i16) -> String {
        format!("{} {}", self.nth(position), self.workday())
    }

    /// `first`, `6th`, `last`; one that has no word is counted from the end in digits.
    pub(super) fn nth(&self, position: i16) -> String {
        let at = usize::from(position.unsigned_abs()).saturating_sub(1);
        let known = if position > 0 { self.words.nth.get(at) } else { self.words.from_end.get(at) };
        match known {
            Some(word) => (*word).to_owned(),
            None if position > 0 => self.number(position),
            None => match self.language {
                Language::En => format!("{} to last", self.number(-position)),
                Language::De => format!("{}-letzten", self.number(-position)),
                Language::Es => format!("{} desde el final", self.number(-position)),
            },
        }
    }

    /// `1st`, `1.`, `1.º`.
    fn number(&self, number: i16) -> String {
        match self.language {
            Language::De => format!("{number}."),
            Language::Es => format!("{number}.º"),
            Language::En => {
                let ending = match (number % 100, number % 10) {
                    (11..=13, _) => "th",
                    (_, 1) => "st",
                    (_, 2) => "nd",
                    (_, 3) => "rd",
                    _ => "th",
                };
                format!("{number}{ending}")
            }
        }
    }
}

#[cfg(test)]
#[path = "describe_tests.rs"]
mod tests;
