use super::*;

/// RRULE, English, German, Spanish.
const TABLE: [(&str, &str, &str, &str); 34] = [
    ("FREQ=DAILY", "every day", "jeden Tag", "cada día"),
    ("FREQ=DAILY;INTERVAL=3;COUNT=1", "every 3 days, 1 time", "alle 3 Tage, 1-mal", "cada 3 días, 1 vez"),
    (
        "FREQ=DAILY;BYMONTH=1,7",
        "every day in January and July",
        "jeden Tag im Januar und Juli",
        "cada día en enero y julio",
    ),
    ("FREQ=WEEKLY", "every week", "jede Woche", "cada semana"),
    ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "every workday", "jeden Werktag", "cada día laborable"),
    ("FREQ=WEEKLY;BYDAY=SA,SU", "every Saturday and Sunday", "jeden Samstag und Sonntag", "cada sábado y domingo"),
    (
        "FREQ=WEEKLY;BYDAY=MO,WE,FR",
        "every Monday, Wednesday and Friday",
        "jeden Montag, Mittwoch und Freitag",
        "cada lunes, miércoles y viernes",
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;COUNT=10;BYDAY=MO,TH",
        "every 2 weeks on Monday and Thursday, 10 times",
        "alle 2 Wochen am Montag und Donnerstag, 10-mal",
        "cada 2 semanas el lunes y jueves, 10 veces",
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR",
        "every 2 weeks on workdays",
        "alle 2 Wochen an Werktagen",
        "cada 2 semanas en días laborables",
    ),
    ("FREQ=MONTHLY", "every month", "jeden Monat", "cada mes"),
    ("FREQ=MONTHLY;BYMONTHDAY=15", "every month on the 15th", "jeden Monat am 15.", "cada mes el día 15"),
    (
        "FREQ=MONTHLY;BYMONTHDAY=1,2,3,11,22",
        "every month on the 1st, 2nd, 3rd, 11th and 22nd",
        "jeden Monat am 1., 2., 3., 11. und 22.",
        "cada mes el día 1, 2, 3, 11 y 22",
    ),
    (
        "FREQ=MONTHLY;BYMONTHDAY=-1",
        "every last day of the month",
        "jeden letzten Tag im Monat",
        "cada último día del mes",
    ),
    (
        "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=1,-1",
        "every 2 months on the 1st and last day",
        "alle 2 Monate am 1. und letzten Tag",
        "cada 2 meses el día 1 y último día",
    ),
    (
        "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=-2",
        "every 3 months on the second to last day",
        "alle 3 Monate am vorletzten Tag",
        "cada 3 meses el penúltimo día",
    ),
    (
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "every last workday of the month",
        "jeden letzten Werktag im Monat",
        "cada último día laborable del mes",
    ),
    (
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=10",
        "every 10th workday of the month",
        "jeden 10. Werktag im Monat",
        "cada 10.º día laborable del mes",
    ),
    (
        "FREQ=MONTHLY;BYDAY=2TU",
        "every second Tuesday of the month",
        "jeden zweiten Dienstag im Monat",
        "cada segundo martes del mes",
    ),
    (
        "FREQ=MONTHLY;BYDAY=1MO,-1FR",
        "every first Monday and last Friday of the month",
        "jeden ersten Montag und letzten Freitag im Monat",
        "cada primer lunes y último viernes del mes",
    ),
    (
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=5SU",
        "every 2 months on the fifth Sunday",
        "alle 2 Monate am fünften Sonntag",
        "cada 2 meses el quinto domingo",
    ),
    ("FREQ=YEARLY", "every year", "jedes Jahr", "cada año"),
    (
        "FREQ=YEARLY;UNTIL=20300101;BYMONTH=12;BYMONTHDAY=24",
        "every year on 24 December until 2030-01-01",
        "jedes Jahr am 24. Dezember bis 2030-01-01",
        "cada año el 24 de diciembre hasta 2030-01-01",
    ),
    (
        "FREQ=YEARLY;BYMONTH=1,7;BYMONTHDAY=1",
        "every year on 1 January and 1 July",
        "jedes Jahr am 1. Januar und 1. Juli",
        "cada año el 1 de enero y 1 de julio",
    ),
    (
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1",
        "every year on the last day of February",
        "jedes Jahr am letzten Tag im Februar",
        "cada año el último día de febrero",
    ),
    (
        "FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU",
        "every year on the last Sunday of March and October",
        "jedes Jahr am letzten Sonntag im März und Oktober",
        "cada año el último domingo de marzo y octubre",
    ),
    (
        "FREQ=YEARLY;BYMONTH=12;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "every year on the last workday of December",
        "jedes Jahr am letzten Werktag im Dezember",
        "cada año el último día laborable de diciembre",
    ),
    ("FREQ=YEARLY;BYMONTH=1,5", "every January and May", "jeden Januar und Mai", "cada enero y mayo"),
    ("FREQ=YEARLY;INTERVAL=2;BYMONTH=1", "every 2 years in January", "alle 2 Jahre im Januar", "cada 2 años en enero"),
    // These have no phrase.
    (
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "every month: on the 13th day of the month; on Friday",
        "jeden Monat: am 13. Tag des Monats; am Freitag",
        "cada mes: el 13.º día del mes; el viernes",
    ),
    (
        "FREQ=YEARLY;BYWEEKNO=1,20,-1;BYDAY=MO",
        "every year: in the first, 20th and last week of the year; on Monday",
        "jedes Jahr: in der ersten, 20. und letzten Woche des Jahres; am Montag",
        "cada año: en la primera, 20.ª y última semana del año; el lunes",
    ),
    (
        "FREQ=YEARLY;INTERVAL=3;BYYEARDAY=1,-100",
        "every 3 years: on the first and 100th to last day of the year",
        "alle 3 Jahre: am ersten und 100.-letzten Tag des Jahres",
        "cada 3 años: el primer y 100.º desde el final día del año",
    ),
    (
        "FREQ=YEARLY;BYDAY=20MO;COUNT=3",
        "every year: on 20th Monday of the year, 3 times",
        "jedes Jahr: am 20. Montag des Jahres, 3-mal",
        "cada año: el 20.º lunes del año, 3 veces",
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU",
        "every 2 weeks: on Monday and Sunday; with weeks from Sunday",
        "alle 2 Wochen: am Montag und Sonntag; mit Wochen ab Sonntag",
        "cada 2 semanas: el lunes y domingo; con semanas desde el domingo",
    ),
    (
        "FREQ=MONTHLY;BYMONTH=3;BYDAY=SA,SU;BYSETPOS=1,-1",
        "every month: in March; on Saturday and Sunday; of these days the first and last",
        "jeden Monat: im März; am Samstag und Sonntag; von diesen Tagen am ersten und letzten",
        "cada mes: en marzo; el sábado y domingo; de estos días el primer y último",
    ),
];

#[test]
fn rules_are_described_in_each_language() {
    for (text, en, de, es) in TABLE {
        let rule: Rule = text.parse().expect(text);
        let said = [Language::En, Language::De, Language::Es].map(|language| rule.describe(language));
        assert_eq!(said, [en, de, es], "{text}");
        assert_eq!(rule.has_phrase(), !en.contains(':'), "{text}");
    }
}

#[test]
fn each_rule_has_a_description() {
    let mut random = super::super::sample::Random(5);
    let mut phrases = 0;
    for _ in 0..5_000 {
        let rule: Rule = super::super::sample::rule(&mut random).parse().unwrap();
        for language in [Language::En, Language::De, Language::Es] {
            let said = rule.describe(language);
            assert!(said.len() > 6 && !said.contains("  ") && said.trim() == said, "{rule}: {said:?}");
        }
        phrases += usize::from(rule.has_phrase());
    }
    assert!((500..4_500).contains(&phrases), "{phrases}");
}
