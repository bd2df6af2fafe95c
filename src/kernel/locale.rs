//! What a locale (BCP 47) says of the calendar.

use chrono::Weekday;

/// Regions whose week begins on Sunday, and on Saturday (Unicode CLDR, `weekData`); all others begin on Monday.
const SUNDAY: &str = "AG AS BD BR BS BT BW BZ CA CO DM DO ET GT GU HK HN ID IL IN JM JP KE KH KR LA MH MM MO MT MX MZ NI NP PA PE PH \
    PK PR PT PY SA SG SV TH TT TW UM US VE VI WS YE ZA ZW";
const SATURDAY: &str = "AE AF BH DJ DZ EG IQ IR JO KW LY OM QA SD SY";

/// Regions in which the month is written before the day (`12/31`).
const MONTH_FIRST: &str = "AS FM GU MH MP PH PR PW UM US VI";

/// Whether the day is written before the month: by the region of the locale, and so where it names none.
pub fn day_first(locale: &str) -> bool {
    !MONTH_FIRST.split_ascii_whitespace().any(|known| known == region(locale))
}

fn region(locale: &str) -> String {
    let mut parts = locale.split(['-', '_']).skip(1);
    parts.find(|part| part.len() == 2).unwrap_or_default().to_ascii_uppercase()
}

/// The day with which a week begins: by the region of the locale, and on Monday where it names none.
pub fn week_start(locale: &str) -> Weekday {
    let region = region(locale);
    let within = |regions: &str| regions.split_ascii_whitespace().any(|known| known == region);
    if within(SUNDAY) {
        Weekday::Sun
    } else if within(SATURDAY) {
        Weekday::Sat
    } else {
        Weekday::Mon
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_tells_the_first_day_of_a_week_and_the_order_of_a_date() {
        for (locale, day) in [
            ("en", Weekday::Mon),
            ("en-US", Weekday::Sun),
            ("en-GB", Weekday::Mon),
            ("pt_br", Weekday::Sun),
            ("zh-Hant-TW", Weekday::Sun),
            ("ar-EG", Weekday::Sat),
            ("de-DE", Weekday::Mon),
            ("", Weekday::Mon),
        ] {
            assert_eq!(week_start(locale), day, "{locale}");
        }
        for (locale, expected) in [("en", true), ("en-US", false), ("en-GB", true), ("es-PR", false), ("de-DE", true)] {
            assert_eq!(day_first(locale), expected, "{locale}");
        }
    }
}
