use chrono::{Days, Weekday};

use super::super::{Occurrence, sample};
use super::*;

const RULES: usize = 10_000;
const DATES: usize = 30;

struct Case {
    text: String,
    rule: Rule,
    start: NaiveDate,
}

/// A rule and a start, and an end where dates are rare: the other implementation visits each day until the year 9999.
fn case(random: &mut sample::Random) -> Case {
    let mut text = sample::rule(random);
    let mut start = NaiveDate::parse_from_str(&sample::date(random, 2015, 20), "%Y%m%d").unwrap();
    if text.contains("WEEKLY") && text.contains("BYSETPOS") {
        // In the first week the crate chooses among the days from the start on, we among those of the whole week.
        let names = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
        let week = names.iter().position(|day| text.ends_with(&format!("WKST={day}"))).unwrap_or_default();
        start = start.week(Weekday::try_from(u8::try_from(week).unwrap()).unwrap()).first_day();
    }
    let horizon = start + Days::new(365 * 40);
    let mut rule: Rule = text.parse().unwrap();
    let found: Vec<Occurrence> = rule.occurrences(start).take(DATES).collect();
    let ended = found.len() == DATES || rule.count() == u32::try_from(found.len()).ok();
    if rule.until().is_some_and(|until| until < start)
        || rule.until().is_none() && !(ended && found.last().is_none_or(|last| last.date <= horizon))
    {
        let parts: Vec<&str> = text.split(';').filter(|p| !p.starts_with("COUNT") && !p.starts_with("UNTIL")).collect();
        text = format!("{};UNTIL={}", parts.join(";"), horizon.format("%Y%m%d"));
        rule = text.parse().unwrap();
    }
    Case { text, rule, start }
}

fn theirs(case: &Case) -> Option<Vec<NaiveDate>> {
    let text: Vec<String> = case
        .text
        .split(';')
        .map(|p| if p.starts_with("UNTIL") { format!("{p}T120000Z") } else { p.to_owned() })
        .collect();
    let text = format!("DTSTART:{}T120000Z\nRRULE:{}", case.start.format("%Y%m%d"), text.join(";"));
    let set: rrule::RRuleSet = text.parse().ok()?;
    Some(set.into_iter().take(DATES).map(|moment| moment.date_naive()).collect())
}

/// The crate takes the number of weeks of a year for that of the year before it, and does not see that week -52 or -53
/// may be the first one of the next year. RFC 5545 and ISO 8601 are clear.
fn last_week(case: &Case) -> bool {
    case.rule.parts.weeks.iter().any(|week| week.unsigned_abs() >= 52)
}

#[test]
fn the_dates_are_those_of_the_crate_rrule() {
    agrees(RULES / 20, 1);
}

#[test]
#[ignore = "minutes: the crate visits each day"]
fn the_dates_are_those_of_the_crate_rrule_for_many_rules() {
    agrees(RULES, 2);
}

fn agrees(rules: usize, seed: u64) {
    let mut random = sample::Random(seed);
    let (mut agree, mut refused, mut excluded) = (0, 0, 0);
    while agree < rules {
        let case = case(&mut random);
        if last_week(&case) {
            excluded += 1;
            continue;
        }
        // The crate refuses -5 before a weekday of a month, and some BYSETPOS; RFC 5545 has them.
        let Some(theirs) = theirs(&case) else {
            refused += 1;
            continue;
        };
        let ours: Vec<NaiveDate> = case.rule.occurrences(case.start).take(DATES).map(|o| o.date).collect();
        assert_eq!(ours, theirs, "{} from {}", case.text, case.start);
        agree += 1;
    }
    assert!(refused < rules / 25 && excluded < rules / 25, "{refused} refused, {excluded} excluded");
}

#[test]
fn a_series_goes_on_from_each_of_its_dates() {
    let mut random = sample::Random(3);
    let mut resumed = 0;
    for _ in 0..RULES {
        let Case { text, rule, start } = case(&mut random);
        let all: Vec<Occurrence> = rule.occurrences(start).take(DATES).collect();
        assert_eq!(rule.first(start), all.first().copied(), "{text} {start}");
        let Some(at) = usize::try_from(random.below(DATES as u64)).ok().filter(|at| *at < all.len()) else { continue };
        let rest: Vec<Occurrence> =
            std::iter::successors(Some(all[at]), |last| rule.next(start, *last)).take(DATES - at).collect();
        assert_eq!(rest, all[at..], "{text} {start} {at}");
        // And what is skipped is counted.
        let to = usize::try_from(random.below(DATES as u64)).unwrap().max(at + 1);
        if let Some(goal) = all.get(to) {
            for date in [goal.date, all[to - 1].date + Days::new(1)] {
                assert_eq!(rule.skip_to(start, all[at], date), Some(*goal), "{text} {start} {at} {to} {date}");
            }
            resumed += 1;
        }
    }
    assert!(resumed > RULES / 3, "{resumed}");
}

#[test]
fn the_number_of_dates_is_exact() {
    let mut random = sample::Random(4);
    for round in 0..2_000 {
        let Case { text, rule, start } = case(&mut random);
        let Some(plan) = Plan::new(&rule, start) else { continue };
        // Some are longer than the calendar's cycle, of which one repetition is counted for all.
        let longest = if round % 20 == 0 { 400_000 } else { 3_000 };
        let end = start + Days::new(random.below(longest));
        let from = start + Days::new(random.below(1_000));
        let each = std::iter::successors(plan.after(from), |day| plan.after(*day + Days::new(1)));
        let expected = u32::try_from(each.take_while(|day| *day < end).count()).unwrap();
        assert_eq!(plan.count(from, end), expected, "{text} {start} {from} {end}");
    }
}
