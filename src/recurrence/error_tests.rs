use super::super::Rule;
use super::*;

fn error(text: &str) -> Error {
    text.parse::<Rule>().expect_err(text)
}

#[test]
fn the_caret_stands_below_the_mistake() {
    let error = error("FREQ=WEEKLY;INTERVAL=0");
    assert_eq!(error.position(), 21);
    assert_eq!(
        error.rendered(),
        "FREQ=WEEKLY;INTERVAL=0\n                     ^ INTERVAL is a whole number from 1 to 1000"
    );
    assert!(error.rendered().ends_with(&error.to_string()));
}

#[test]
fn a_position_is_in_characters() {
    assert_eq!(error("BYDAY=MO,äöü,ü;FREQ=WEEKLY").position(), 9);
    assert_eq!(error("FREQ=ÄÖÜ;COUNT=ü1").position(), 5);
    assert_eq!(error("\u{a0}\u{a0}FREQ=DAILY;COUNT=x").position(), 19);
}

const PLACES: &[(&str, usize, Kind)] = &[
    ("", 0, Kind::Empty),
    ("  RRULE: ", 8, Kind::Empty),
    ("FREQ=DAILY;", 11, Kind::NoPart),
    (";FREQ=DAILY", 0, Kind::NoPart),
    ("FREQ=DAILY;;COUNT=1", 11, Kind::NoPart),
    ("daily", 0, Kind::NoValue),
    ("RRULE:FREQ=DAILY;COUNT", 17, Kind::NoValue),
    ("FREQ=DAILY;FOO=1", 11, Kind::UnknownPart),
    ("FREQ=DAILY;RRULE:COUNT=1", 11, Kind::UnknownPart),
    ("FREQ=DAILY; COUNT=1", 11, Kind::UnknownPart),
    ("FREQ=DAILY;BYEASTER=1", 11, Kind::UnknownPart),
    ("FREQ=DAILY;FREQ=DAILY", 11, Kind::Twice("FREQ")),
    ("FREQ=DAILY;byday=MO;BYDAY=TU", 20, Kind::Twice("BYDAY")),
    ("INTERVAL=2", 10, Kind::NoFreq),
    ("FREQ=", 5, Kind::BadFreq),
    ("FREQ=OFTEN", 5, Kind::BadFreq),
    ("FREQ=HOURLY", 5, Kind::TooFine),
    ("FREQ=minutely", 5, Kind::TooFine),
    ("FREQ=SECONDLY;INTERVAL=0", 5, Kind::TooFine),
    ("FREQ=DAILY;BYHOUR=9", 11, Kind::TimeOfDay("BYHOUR")),
    ("FREQ=DAILY;byminute=9", 11, Kind::TimeOfDay("BYMINUTE")),
    ("FREQ=DAILY;BYSECOND=9", 11, Kind::TimeOfDay("BYSECOND")),
    ("FREQ=DAILY;INTERVAL=1001", 20, Kind::BadInterval),
    ("FREQ=DAILY;INTERVAL=-1", 20, Kind::BadInterval),
    ("FREQ=DAILY;INTERVAL=+1", 20, Kind::BadInterval),
    ("FREQ=DAILY;INTERVAL=", 20, Kind::BadInterval),
    ("FREQ=DAILY;INTERVAL=1 ;COUNT=1", 20, Kind::BadInterval),
    ("FREQ=DAILY;COUNT=0", 17, Kind::BadCount),
    ("FREQ=DAILY;COUNT=1000000001", 17, Kind::BadCount),
    ("FREQ=DAILY;COUNT=99999999999999999999", 17, Kind::BadCount),
    ("FREQ=DAILY;COUNT=ü1", 17, Kind::BadCount),
    ("FREQ=DAILY;ÄÖÜ=1", 11, Kind::UnknownPart),
    ("FREQ=DAILY;COUNT=٣", 17, Kind::BadCount),
    ("FREQ=DAILY;UNTIL=2030", 17, Kind::BadUntil),
    ("FREQ=DAILY;UNTIL=2030-12-31", 17, Kind::BadUntil),
    ("FREQ=DAILY;UNTIL=20300229", 17, Kind::BadUntil),
    ("FREQ=DAILY;UNTIL=00000101", 17, Kind::BadUntil),
    ("FREQ=DAILY;UNTIL=20301231T", 17, Kind::BadUntil),
    ("FREQ=DAILY;UNTIL=20301231T240000Z", 17, Kind::BadUntil),
    ("FREQ=DAILY;UNTIL=20301231T235961", 17, Kind::BadUntil),
    ("FREQ=DAILY;UNTIL=20301231T235959+01", 17, Kind::BadUntil),
    ("FREQ=DAILY;UNTIL=2030é231", 17, Kind::BadUntil),
    ("FREQ=YEARLY;BYMONTH=1,13", 22, Kind::BadNumber("BYMONTH", 12, "")),
    ("FREQ=YEARLY;BYMONTH=-1", 20, Kind::BadNumber("BYMONTH", 12, "")),
    ("FREQ=YEARLY;BYMONTH=1,", 22, Kind::BadNumber("BYMONTH", 12, "")),
    ("FREQ=YEARLY;BYWEEKNO=0", 21, Kind::BadNumber("BYWEEKNO", 53, ", or negative from the end")),
    ("FREQ=YEARLY;BYYEARDAY=1,-367", 24, Kind::BadNumber("BYYEARDAY", 366, ", or negative from the end")),
    ("FREQ=MONTHLY;BYMONTHDAY=1,2,32", 28, Kind::BadNumber("BYMONTHDAY", 31, ", or negative from the end")),
    ("FREQ=MONTHLY;BYMONTHDAY=+-2", 24, Kind::BadNumber("BYMONTHDAY", 31, ", or negative from the end")),
    ("FREQ=MONTHLY;BYDAY=1MO;BYSETPOS=367", 32, Kind::BadNumber("BYSETPOS", 366, ", or negative from the end")),
    ("FREQ=WEEKLY;BYDAY=MO,XX", 21, Kind::BadDay),
    ("FREQ=WEEKLY;BYDAY=", 18, Kind::BadDay),
    ("FREQ=MONTHLY;BYDAY=0MO", 19, Kind::BadDay),
    ("FREQ=MONTHLY;BYDAY=54MO", 19, Kind::BadDay),
    ("FREQ=MONTHLY;BYDAY=é", 19, Kind::BadDay),
    ("FREQ=WEEKLY;WKST=1MO", 17, Kind::BadWeekStart),
    ("FREQ=DAILY;COUNT=1;UNTIL=20301231", 19, Kind::CountAndUntil),
    ("UNTIL=20301231;COUNT=1;FREQ=DAILY", 15, Kind::CountAndUntil),
    ("FREQ=MONTHLY;BYWEEKNO=20", 13, Kind::WeeksNotYearly),
    ("FREQ=DAILY;BYYEARDAY=20", 11, Kind::YearDaysNotYearly),
    ("FREQ=WEEKLY;BYYEARDAY=20", 12, Kind::YearDaysNotYearly),
    ("FREQ=MONTHLY;BYYEARDAY=20", 13, Kind::YearDaysNotYearly),
    ("FREQ=WEEKLY;BYMONTHDAY=20", 12, Kind::MonthDaysWeekly),
    ("FREQ=WEEKLY;BYDAY=MO,1TU", 21, Kind::Ordinal),
    ("FREQ=DAILY;BYDAY=-1TU", 17, Kind::Ordinal),
    ("BYWEEKNO=20;BYDAY=MO,TU,2WE;FREQ=YEARLY", 24, Kind::OrdinalWithWeeks),
    ("FREQ=MONTHLY;BYSETPOS=1", 13, Kind::PositionsAlone),
];

#[test]
fn each_mistake_has_its_place() {
    for (text, position, kind) in PLACES {
        let error = error(text);
        assert_eq!((error.position(), &error.kind), (*position, kind), "{text}");
    }
}

#[test]
fn each_sentence_says_what_is_allowed() {
    for (text, sentence) in [
        (
            "FREQ=HOURLY",
            "a task recurs by the day at the finest, and its time of day is the task's own; use DAILY, WEEKLY, MONTHLY or \
             YEARLY",
        ),
        (
            "FREQ=DAILY;BYHOUR=1",
            "a task recurs by the day, and its time of day is the task's own; leave BYHOUR out, and use BYMONTH, BYWEEKNO, \
             BYYEARDAY, BYMONTHDAY or BYDAY",
        ),
        ("FREQ=YEARLY;BYMONTH=0", "BYMONTH takes whole numbers from 1 to 12"),
        ("FREQ=YEARLY;BYWEEKNO=0", "BYWEEKNO takes whole numbers from 1 to 53, or negative from the end"),
    ] {
        assert_eq!(error(text).to_string(), sentence);
    }
}

#[test]
fn the_length_is_bounded() {
    let fits = format!("FREQ=MONTHLY;BYMONTHDAY={}", "1,".repeat(238));
    let fits = fits.trim_end_matches(',');
    assert_eq!(fits.len(), 499);
    assert!(fits.parse::<Rule>().is_ok());
    let long = format!("{fits},1");
    let error = error(&long);
    assert_eq!((error.position(), &error.kind), (MAX_CHARACTERS, &Kind::TooLong));
    assert!(error.rendered().chars().count() < 200);
    assert!(error.rendered().starts_with('…'));
}
