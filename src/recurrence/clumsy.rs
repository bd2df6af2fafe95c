//! The description of a rule that has no phrase: its parts one after the other.

use super::describe::Speaker;
use super::parts::{Day, Freq};
use super::{Language, Rule};

/// `every year: in week 20; on Monday and Friday; of these days the last`.
pub(super) fn describe(rule: &Rule, speaker: &Speaker) -> String {
    let parts = &rule.parts;
    let nth = |n: &i16| speaker.nth(*n);
    let mut said: Vec<String> = Vec::new();
    let mut add = |lead: [&str; 3], list: String, tail: [&str; 3]| {
        let [lead, tail] = [lead, tail].map(|[en, de, es]| speaker.say(en, de, es));
        said.push(format!("{lead} {list}{tail}"));
    };
    if !parts.months.is_empty() {
        said_months(rule, speaker, &mut add);
    }
    if !parts.weeks.is_empty() {
        let list = speaker.list(parts.weeks.iter().map(|week| nth(&i16::from(*week))));
        add(
            ["in the", "in der", "en la"],
            feminine(list, speaker),
            [" week of the year", " Woche des Jahres", " semana del año"],
        );
    }
    if !parts.year_days.is_empty() {
        let list = speaker.list(parts.year_days.iter().map(nth));
        add(["on the", "am", "el"], list, [" day of the year", " Tag des Jahres", " día del año"]);
    }
    if !parts.month_days.is_empty() {
        let list = speaker.list(parts.month_days.iter().map(|day| nth(&i16::from(*day))));
        add(["on the", "am", "el"], list, [" day of the month", " Tag des Monats", " día del mes"]);
    }
    if !parts.days.is_empty() {
        let list = speaker.list(parts.days.iter().map(|day| weekday(*day, speaker)));
        let month = rule.freq == Freq::Monthly || !parts.months.is_empty();
        let tail = match (parts.days.iter().any(|day| day.ordinal != 0), month) {
            (false, _) => ["", "", ""],
            (true, true) => [" of the month", " des Monats", " del mes"],
            (true, false) => [" of the year", " des Jahres", " del año"],
        };
        add(["on", "am", "el"], list, tail);
    }
    if !parts.positions.is_empty() {
        let list = speaker.list(parts.positions.iter().map(nth));
        add(["of these days the", "von diesen Tagen am", "de estos días el"], list, ["", "", ""]);
    }
    if rule.week_start != 0 {
        let day = speaker.weekday(rule.week_start).to_owned();
        add(["with weeks from", "mit Wochen ab", "con semanas desde el"], day, ["", "", ""]);
    }
    format!("{}: {}", speaker.every(rule.freq, rule.interval), said.join("; "))
}

fn said_months(rule: &Rule, speaker: &Speaker, add: &mut impl FnMut([&str; 3], String, [&str; 3])) {
    let said = speaker.season(&rule.parts.months);
    let names = said.trim_start().split_once(' ').map_or("", |(_, names)| names);
    add(["in", "im", "en"], names.to_owned(), ["", "", ""]);
}

/// A week is feminine.
fn feminine(list: String, speaker: &Speaker) -> String {
    // The weak ending of German after an article is that of the masculine: "in der ersten", "in der letzten".
    if speaker.language != Language::Es {
        return list;
    }
    let words = [("primer", "primera"), ("segundo", "segunda"), ("tercer", "tercera"), ("cuarto", "cuarta")];
    let rest = [("quinto", "quinta"), ("último", "última"), ("timo", "tima"), ("º", "ª")];
    words.iter().chain(&rest).fold(list, |list, (masculine, feminine)| list.replace(masculine, feminine))
}

fn weekday(day: Day, speaker: &Speaker) -> String {
    let name = speaker.weekday(day.weekday);
    if day.ordinal == 0 { name.to_owned() } else { format!("{} {name}", speaker.nth(day.ordinal.into())) }
}
