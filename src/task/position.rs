//! The order that people give by hand: a fractional index. A position is a text whose order is the order of the tasks,
//! and between any two there is room for one more, so that moving one thing changes that one alone.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// The longest position. Only a place into which more than a thousand things were put one before the other needs more.
pub const POSITION_MAX: usize = 250;

/// A place among its siblings: digits of base 36, compared byte by byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Position(String);

impl TryFrom<String> for Position {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("it is no position")
    }
}

impl From<Position> for String {
    fn from(position: Position) -> Self {
        position.0
    }
}

/// There is no room between the two: they are the same, or the text would be longer than allowed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many were put into this place: put it somewhere else, then here")]
pub struct Crowded;

impl Position {
    /// After all that were made before: the time is the beginning of an id (UUID version 7).
    pub fn of(id: Uuid) -> Self {
        // It ends with a digit that is no zero: before a last zero there would be no room.
        Self(format!("{}i", id.simple()))
    }

    /// A position that a client or the database tells. The last digit is no zero: see [`Position::of`].
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=POSITION_MAX).contains(&text.len()) && !text.ends_with('0');
        (fits && text.bytes().all(|digit| DIGITS.contains(&digit))).then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A place after `before` and before `after`; `fresh` is a new id. At either end a place that is made of the time is
    /// taken, so that what is always put there does not make positions grow.
    pub fn between(before: Option<&Self>, after: Option<&Self>, fresh: Uuid) -> Result<Self, Crowded> {
        let last = Self::of(fresh);
        // Later ids give earlier places; ids begin with 01 until the year 2527.
        let first = Self(format!("00{}i", Uuid::from_u128(!fresh.as_u128()).simple()));
        let place = match (before, after) {
            (None, None) => last,
            (Some(before), None) if last > *before => last,
            (None, Some(after)) if first < *after => first,
            (Some(before), Some(after)) if before >= after => return Err(Crowded),
            (before, after) => {
                let text = |place: Option<&Self>| place.map(|place| place.0.as_bytes().to_vec());
                middle(&text(before).unwrap_or_default(), text(after).as_deref())
            }
        };
        if place.0.len() > POSITION_MAX { Err(Crowded) } else { Ok(place) }
    }
}

/// A text between two others, as short as may be. `above` is greater than `below` and ends with no zero.
fn middle(below: &[u8], above: Option<&[u8]>) -> Position {
    let mut text = Vec::new();
    let mut above = above;
    for at in 0.. {
        let low = value(below.get(at), 0);
        let high = above.map_or(36, |above| value(above.get(at), 0));
        if high > low + 1 {
            text.push(digit(usize::midpoint(low, high)));
            break;
        }
        if high > low {
            // What follows this digit is free upwards.
            above = None;
        }
        text.push(digit(low));
    }
    Position(text.into_iter().map(char::from).collect())
}

fn value(digit: Option<&u8>, missing: usize) -> usize {
    digit.and_then(|digit| DIGITS.iter().position(|known| known == digit)).unwrap_or(missing)
}

fn digit(value: usize) -> u8 {
    DIGITS.get(value).copied().unwrap_or(b'z')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(n: u64) -> Uuid {
        uuid::Builder::from_unix_timestamp_millis(1_780_000_000_000 + n, &[7; 10]).into_uuid()
    }

    fn position(text: &str) -> Position {
        Position::parse(text).unwrap()
    }

    #[test]
    fn between_neighbours_there_is_room() {
        for (below, above) in [("a", "b"), ("a", "a1"), ("0001", "1"), ("az", "b"), ("1", "11"), ("zz", "zzz")] {
            let (below, above) = (position(below), position(above));
            let place = Position::between(Some(&below), Some(&above), id(0)).unwrap();
            assert!(below < place && place < above, "{below:?} {place:?} {above:?}");
            assert_eq!(Position::parse(place.as_str()), Some(place));
        }
    }

    #[test]
    fn at_the_ends_positions_do_not_grow() {
        let (mut first, mut last) = (Position::of(id(0)), Position::of(id(0)));
        for n in 1..2000 {
            let (start, end) =
                (Position::between(None, Some(&first), id(n)), Position::between(Some(&last), None, id(n)));
            assert!(start.as_ref().unwrap() < &first && end.as_ref().unwrap() > &last);
            (first, last) = (start.unwrap(), end.unwrap());
        }
        assert!(first.as_str().len() < 40 && last.as_str().len() < 40);
    }

    #[test]
    fn a_thousand_go_into_one_place_and_no_text_is_longer_than_allowed() {
        let (below, mut above) = (position("a"), position("b"));
        let refused = (0..3000).find(|n| match Position::between(Some(&below), Some(&above), id(*n)) {
            Ok(place) => {
                above = place;
                false
            }
            Err(Crowded) => true,
        });
        assert!(refused.is_some_and(|n| n > 1000), "{refused:?}");
        assert!(above.as_str().len() <= POSITION_MAX);
    }

    proptest! {
        /// Whatever is put wherever: the order of the texts is the order that was asked for.
        #[test]
        fn the_order_is_the_one_that_was_asked_for(places in prop::collection::vec(any::<prop::sample::Index>(), 1..200)) {
            let mut order: Vec<(Position, usize)> = Vec::new();
            let mut wanted: Vec<usize> = Vec::new();
            for (n, place) in places.into_iter().enumerate() {
                let at = place.index(wanted.len() + 1);
                let before = at.checked_sub(1).map(|before| order[before].0.clone());
                let after = order.get(at).map(|after| after.0.clone());
                // All in one instant: the time alone cannot order them.
                let place = Position::between(before.as_ref(), after.as_ref(), id(0)).unwrap();
                order.insert(at, (place, n));
                wanted.insert(at, n);
            }
            order.sort();
            prop_assert_eq!(order.into_iter().map(|(_, n)| n).collect::<Vec<_>>(), wanted);
        }

        #[test]
        fn any_text_is_a_position_or_none(text in ".*") {
            if let Some(position) = Position::parse(&text) {
                prop_assert_eq!(position.as_str(), text);
            }
        }
    }
}
