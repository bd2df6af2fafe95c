use super::super::ast::TimeField;
use super::*;

const DUE: Field = Field::Time(TimeField::Due);

fn parse(word: &str) -> Result<String, (usize, Kind)> {
    When::parse(word, DUE).map(|when| when.to_string()).map_err(|fault| (fault.at, fault.kind))
}

#[test]
fn what_is_read_is_printed_in_one_form() {
    for (word, printed) in [
        ("now", "now"),
        ("STARTOFWEEK", "startOfWeek"),
        ("endOfYear", "endOfYear"),
        ("now+7d-2w+1M+1y+3h+30m", "now+7d-2w+1M+1y+3h+30m"),
        ("now/d", "now/d"),
        ("today+007d/w/M/y", "today+7d/w/M/y"),
        ("now-0d", "now+0d"),
        ("2026-12-01", "2026-12-01"),
        ("2026-12-01-2w/M", "2026-12-01-2w/M"),
        ("0001-01-01", "0001-01-01"),
        ("2026-12-01T17:00:00Z", "2026-12-01T17:00:00Z"),
        ("2026-12-01t17:00:00z+1d", "2026-12-01T17:00:00Z+1d"),
        ("2026-12-01T17:00:00+01:00", "2026-12-01T16:00:00Z"),
        ("2026-12-01T17:00:00-01:30-1h", "2026-12-01T18:30:00Z-1h"),
        ("2026-12-01T17:00:00.1234567Z", "2026-12-01T17:00:00.123456Z"),
        ("2026-12-31T23:59:60Z", "2027-01-01T00:00:00Z"),
    ] {
        assert_eq!(parse(word).as_deref(), Ok(printed), "{word}");
        assert_eq!(parse(printed).as_deref(), Ok(printed));
    }
}

#[test]
fn mistakes_are_found_where_they_are() {
    for (word, at, kind) in [
        ("", 0, Kind::BadValue(DUE, None)),
        ("soon", 0, Kind::BadValue(DUE, None)),
        ("tomorow", 0, Kind::BadValue(DUE, Some("tomorrow"))),
        ("startOfWeak", 0, Kind::BadValue(DUE, Some("startOfWeek"))),
        ("7d", 0, Kind::BadValue(DUE, None)),
        ("+7d", 0, Kind::BadValue(DUE, None)),
        ("2026-13-01", 0, Kind::BadDate),
        ("2026-02-29", 0, Kind::BadDate),
        ("0000-01-01", 0, Kind::BadDate),
        ("2026-1-1", 0, Kind::BadDate),
        ("2026-+1-01", 0, Kind::BadDate),
        ("2026-12-0ä", 0, Kind::BadDate),
        ("2026-12-01T", 0, Kind::BadInstant),
        ("2026-12-01T17:00Z", 0, Kind::BadInstant),
        ("2026-12-01T17:00:00", 0, Kind::BadInstant),
        ("2026-12-01T25:00:00Z", 0, Kind::BadInstant),
        ("2026-12-01T17:00:00+ä1:00", 0, Kind::BadInstant),
        ("9999-12-31T23:00:00-02:00", 0, Kind::BadInstant),
        ("2026-12-01x", 10, Kind::BadStep),
        ("now7d", 3, Kind::BadStep),
        ("now+", 3, Kind::BadStep),
        ("now+d", 3, Kind::BadStep),
        ("now+7", 5, Kind::BadUnit),
        ("now+7ä", 5, Kind::BadUnit),
        ("now+7D", 5, Kind::BadUnit),
        ("now+7d+8s", 8, Kind::BadUnit),
        ("now/h", 4, Kind::BadRounding),
        ("now/", 4, Kind::BadRounding),
        ("now/dd", 5, Kind::BadStep),
        ("now+1234567d", 4, Kind::BigStep),
        ("now+1d+1d+1d+1d+1d+1d+1d+1d+1d+1d+1d", 33, Kind::TooManySteps),
    ] {
        assert_eq!(parse(word), Err((at, kind)), "{word}");
    }
}
