//! What a locale (BCP 47) says of the calendar.

use chrono::Weekday;

/// Regions whose week begins on Sunday, and on Saturday (Unicode CLDR, `weekData`); all others begin on Monday.
const SUNDAY: &str = "AG AS BD BR BS BT BW BZ CA CO DM DO ET GT GU HK HN ID IL IN JM JP KE KH KR LA MH MM MO MT MX MZ NI NP PA PE PH \
    PK PR PT PY SA SG SV TH TT TW UM US VE VI WS YE ZA ZW";
const SATURDAY: &str = "AE AF BH DJ DZ EG IQ IR JO KW LY OM QA SD SY";

/// The day with which a week begins: by the region of the locale, and on Monday where it names none.
pub fn week_start(locale: &str) -> Weekday {
    let mut parts = locale.split(['-', '_']).skip(1);
    let region = parts.find(|part| part.len() == 2).unwrap_or_default().to_ascii_uppercase();
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
    fn the_region_tells_the_first_day() {
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
    }
}
