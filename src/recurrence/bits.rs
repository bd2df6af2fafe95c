//! A set of the days of one period, as long as a year at most.

const WORDS: usize = 6;

/// Days by their place in the period, from 0 to 365.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits([u64; WORDS]);

impl Bits {
    /// Puts the days of a word in from a place on.
    pub(super) fn put(&mut self, at: u32, word: u32) {
        let (index, shift) = (at as usize / 64, at % 64);
        let wide = u128::from(word) << shift;
        for (offset, part) in [(0, wide), (1, wide >> 64)] {
            if let (Some(slot), Ok(part)) = (self.0.get_mut(index + offset), u64::try_from(part & u128::from(u64::MAX)))
            {
                *slot |= part;
            }
        }
    }

    /// Puts in the day of a place; one outside of the period is ignored.
    pub(super) fn set(&mut self, at: i32) {
        if let Ok(at) = u32::try_from(at) {
            self.put(at, 1);
        }
    }

    pub(super) fn and(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine &= theirs;
        }
    }

    /// The places in order.
    pub(super) fn places(self) -> impl Iterator<Item = u32> {
        (0u32..).zip(self.0).flat_map(|(index, word)| {
            let rest = |word: &u64| Some(word & word.wrapping_sub(1)).filter(|word| *word != 0);
            std::iter::successors(Some(word).filter(|word| *word != 0), rest)
                .map(move |word| index * 64 + word.trailing_zeros())
        })
    }

    /// The first place at or after `from`.
    pub(super) fn first_from(self, from: u32) -> Option<u32> {
        self.without_before(from).places().next()
    }

    /// How many places there are from `from` on, before `to`.
    pub(super) fn count(self, from: u32, to: u32) -> u32 {
        let size = |bits: Self| bits.0.iter().map(|word| word.count_ones()).sum::<u32>();
        size(self.without_before(from)).saturating_sub(size(self.without_before(to)))
    }

    fn without_before(mut self, from: u32) -> Self {
        for (index, word) in (0u32..).zip(&mut self.0) {
            let cut = from.saturating_sub(index * 64);
            *word &= u64::MAX.checked_shl(cut).unwrap_or(0);
        }
        self
    }

    /// Only those that stand at one of the positions of BYSETPOS: from 1, or from the end with -1.
    pub(super) fn select(self, positions: &[i16]) -> Self {
        let (mut places, mut length) = ([0u32; WORDS * 64], 0usize);
        for (slot, place) in places.iter_mut().zip(self.places()) {
            *slot = place;
            length += 1;
        }
        let mut chosen = Self::default();
        for position in positions {
            let back = usize::from(position.unsigned_abs());
            let index = if *position > 0 { back.checked_sub(1) } else { length.checked_sub(back) };
            if let Some(place) = index.filter(|index| *index < length).and_then(|index| places.get(index)) {
                chosen.put(*place, 1);
            }
        }
        chosen
    }
}

#[cfg(test)]
#[path = "bits_tests.rs"]
mod tests;
