//! Random rules for tests, the same ones for the same seed. It uses nothing of the room, so a program beside the crate
//! can include it and compare the rules' dates with another implementation.

/// A generator of numbers that needs no crate (SplitMix64).
pub struct Random(pub u64);

impl Random {
    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn list(&mut self, most: u64, item: impl Fn(&mut Self) -> String) -> String {
        let mut items: Vec<String> = Vec::new();
        for _ in 0..=self.below(most) {
            let new = item(self);
            if !items.contains(&new) {
                items.push(new);
            }
        }
        items.join(",")
    }

    fn signed(&mut self, most: u64) -> String {
        let number = self.below(most) + 1;
        if self.chance(30) { format!("-{number}") } else { number.to_string() }
    }

    fn weekday(&mut self) -> String {
        let at = usize::try_from(self.below(7)).unwrap_or_default();
        DAYS.get(at).copied().unwrap_or("MO").to_owned()
    }
}

const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// A rule that RFC 5545 allows, as an RRULE value. BYDAY has ordinals in all of its values or in none.
pub fn rule(random: &mut Random) -> String {
    let freq = random.below(4);
    let mut text = format!(
        "FREQ={}",
        match freq {
            0 => "DAILY",
            1 => "WEEKLY",
            2 => "MONTHLY",
            _ => "YEARLY",
        }
    );
    let mut add = |part: &str, value: String| text.extend([";", part, "=", value.as_str()]);
    if random.chance(50) {
        let most = if random.chance(80) { 6 } else { 60 };
        add("INTERVAL", (random.below(most) + 1).to_string());
    }
    match random.below(4) {
        0 => add("COUNT", (random.below(40) + 1).to_string()),
        1 => add("UNTIL", date(random, 2020, 30)),
        _ => {}
    }
    let mut chooses = false;
    if random.chance(30) {
        chooses = true;
        add("BYMONTH", random.list(4, |r| (r.below(12) + 1).to_string()));
    }
    let weeks = freq == 3 && random.chance(15);
    if weeks {
        chooses = true;
        add("BYWEEKNO", random.list(3, |r| r.signed(53)));
    }
    if freq == 3 && random.chance(15) {
        chooses = true;
        add("BYYEARDAY", random.list(5, |r| r.signed(366)));
    }
    if freq != 1 && random.chance(30) {
        chooses = true;
        add("BYMONTHDAY", random.list(6, |r| r.signed(31)));
    }
    if random.chance(50) {
        chooses = true;
        let ordinals = freq >= 2 && !weeks && random.chance(50);
        let most = if freq == 3 && random.chance(40) { 53 } else { 5 };
        add("BYDAY", random.list(5, |r| if ordinals { r.signed(most) } else { String::new() } + &r.weekday()));
    }
    if chooses && random.chance(20) {
        add("BYSETPOS", random.list(3, |r| r.signed(4)));
    }
    if random.chance(20) {
        add("WKST", random.weekday());
    }
    text
}

/// A day as `yyyymmdd`, from the year `from` on.
pub fn date(random: &mut Random, from: u64, years: u64) -> String {
    let (year, month, day) = (from + random.below(years), random.below(12) + 1, random.below(31) + 1);
    let length = match month {
        2 => 28 + u64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    format!("{year:04}{month:02}{:02}", day.min(length))
}
