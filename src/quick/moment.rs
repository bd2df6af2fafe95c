//! A date and a time that stand together: `tomorrow at 9`, `9am tomorrow`, `friday evening`.

use super::clock::Clock;
use super::date::Sense;
use super::lex::Glue;
use super::reader::Reader;
use super::words::{Class, Part};

/// A date, a time or both. They are taken together or not at all, so that no time goes to another's date.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) sense: Option<Sense>,
    pub(super) clock: Option<Clock>,
    pub(super) part: Option<Part>,
    pub(super) next: usize,
}

impl Reader<'_> {
    /// The date and the time at a place.
    pub(super) fn moment(&self, at: usize) -> Option<Moment> {
        let Some(found) = self.date(at) else {
            let (clock, part, next) = self.clock(at)?;
            // `at 9 to 5`, `5pm to 6pm`: a range.
            if self.has(next, Class::To).and_then(|to| self.clock(to)).is_some() {
                return None;
            }
            let (sense, day_part, next) = match self.across_comma(next).date(next) {
                Some(found) => (Some(found.sense), found.part, found.next),
                None => (None, None, next),
            };
            return Some(Moment { sense, clock: Some(clock), part: part.or(day_part), next });
        };
        let (part, next) = match self.part(found.next).filter(|_| found.part.is_none()) {
            Some((part, next)) => (Some(part), next),
            None => (found.part, found.next),
        };
        // `friday in two weeks`, `today in a week`: both together are another day.
        if let Some(later) = self.within(next) {
            return Some(Moment { sense: Some(Sense::Nonsense), clock: None, part, next: later.next });
        }
        let moment = Moment { sense: Some(found.sense), clock: None, part, next };
        match self.across_comma(next).clock(next).filter(|_| !matches!(found.sense, Sense::Exact(_))) {
            Some((clock, later, next)) => Some(Moment { clock: Some(clock), part: part.or(later), next, ..moment }),
            None => Some(moment),
        }
    }

    fn across_comma(&self, at: usize) -> Self {
        if self.tokens.get(at).is_some_and(|token| token.glue == Glue::Comma) { self.from(at) } else { *self }
    }
}
