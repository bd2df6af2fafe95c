use super::super::sample;
use super::*;

#[test]
fn each_way_to_write_a_rule_has_one_form() {
    for (text, printed) in [
        ("FREQ=DAILY", "FREQ=DAILY"),
        ("RRULE:FREQ=DAILY", "FREQ=DAILY"),
        (" rrule:freq=daily;interval=01 ", "FREQ=DAILY"),
        ("BYDAY=we,mo,WE;interval=2;freq=Weekly", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE"),
        ("FREQ=MONTHLY;BYDAY=+1MO,-1FR,2MO,MO", "FREQ=MONTHLY;BYDAY=MO,1MO,2MO,-1FR"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1,15,+3,-2,03", "FREQ=MONTHLY;BYMONTHDAY=3,15,-2,-1"),
        ("FREQ=YEARLY;BYMONTH=12,1;COUNT=7", "FREQ=YEARLY;COUNT=7;BYMONTH=1,12"),
        ("FREQ=YEARLY;BYWEEKNO=20,-1;BYDAY=MO;WKST=SU", "FREQ=YEARLY;BYWEEKNO=20,-1;BYDAY=MO;WKST=SU"),
        ("FREQ=YEARLY;BYYEARDAY=366,-366,1", "FREQ=YEARLY;BYYEARDAY=1,366,-366"),
        ("FREQ=MONTHLY;BYSETPOS=-1;BYDAY=MO,TU,WE,TH,FR", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"),
        ("FREQ=MONTHLY;BYMONTH=1;BYSETPOS=1", "FREQ=MONTHLY;BYMONTH=1;BYSETPOS=1"),
        ("FREQ=DAILY;UNTIL=20301231", "FREQ=DAILY;UNTIL=20301231"),
        ("FREQ=DAILY;UNTIL=20301231T235960Z", "FREQ=DAILY;UNTIL=20301231"),
        ("FREQ=DAILY;UNTIL=20301231t000000", "FREQ=DAILY;UNTIL=20301231"),
        ("FREQ=DAILY;UNTIL=00010101", "FREQ=DAILY;UNTIL=00010101"),
        // Where the week begins changes nothing here.
        ("FREQ=DAILY;WKST=SU", "FREQ=DAILY"),
        ("FREQ=WEEKLY;BYDAY=MO,TU;WKST=SU", "FREQ=WEEKLY;BYDAY=MO,TU"),
        ("FREQ=WEEKLY;INTERVAL=2;WKST=SU", "FREQ=WEEKLY;INTERVAL=2"),
        ("FREQ=MONTHLY;BYDAY=MO;WKST=SU", "FREQ=MONTHLY;BYDAY=MO"),
        // And here it does.
        ("FREQ=WEEKLY;BYDAY=MO,TU;INTERVAL=2;WKST=su", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU;WKST=SU"),
        ("FREQ=WEEKLY;BYDAY=MO,SU;BYSETPOS=1;WKST=SU", "FREQ=WEEKLY;BYDAY=MO,SU;BYSETPOS=1;WKST=SU"),
        ("FREQ=WEEKLY;INTERVAL=1000;COUNT=1000000000", "FREQ=WEEKLY;INTERVAL=1000;COUNT=1000000000"),
    ] {
        let rule: Rule = text.parse().unwrap_or_else(|error: Error| panic!("{}", error.rendered()));
        assert_eq!(rule.to_string(), printed, "{text}");
        assert_eq!(printed.parse::<Rule>().as_ref(), Ok(&rule), "{text}");
    }
}

#[test]
fn random_rules_are_printed_and_read_back() {
    let mut random = sample::Random(7);
    let mut longest = 0;
    for _ in 0..20_000 {
        let text = sample::rule(&mut random);
        let rule: Rule = text.parse().unwrap_or_else(|error: Error| panic!("{}", error.rendered()));
        let printed = rule.to_string();
        assert_eq!(printed.parse::<Rule>().as_ref(), Ok(&rule), "{text} {printed}");
        // The order and the case in which it is written do not matter.
        let turned: Vec<&str> = text.split(';').rev().collect();
        assert_eq!(turned.join(";").to_lowercase().parse::<Rule>().as_ref(), Ok(&rule), "{text}");
        longest = longest.max(printed.len());
    }
    assert!(longest > 120, "{longest}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(3_000))]

    #[test]
    fn no_text_makes_it_panic(text in ".{0,60}") {
        if let Err(error) = text.parse::<Rule>() {
            proptest::prop_assert!(error.position() <= text.chars().count());
        }
    }

    #[test]
    fn no_text_of_its_own_letters_makes_it_panic(
        text in "((FREQ|BYDAY|UNTIL|COUNT|WKST|BYSETPOS|BYMONTHDAY|X)(=|:)?(DAILY|YEARLY|-?[0-9]{1,9}(MO|é)?,?|T|Z){0,4};?){0,5}"
    ) {
        if let Ok(rule) = text.parse::<Rule>() {
            let again: Rule = rule.to_string().parse().unwrap();
            proptest::prop_assert_eq!(again, rule);
        }
    }
}
