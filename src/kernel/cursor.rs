//! Opaque keyset cursors: where a page ends, in a form that a client passes back and does not read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One page of results and where the next one starts.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// At most `limit` items.
    pub results: Vec<T>,
    /// Pass it as `cursor` to get the next page; `None` on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of `rows` that were read with `limit + 1`: the surplus row only tells that there is more.
    pub fn of<K: Serialize>(mut rows: Vec<T>, limit: usize, key: impl Fn(&T) -> K) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(|row| Cursor::encode(&key(row))) } else { None };
        Self { results: rows, next }
    }
}

/// Encodes and decodes cursors: base64url of the JSON of a key.
#[derive(Debug)]
pub struct Cursor;

impl Cursor {
    /// The opaque text for `key`.
    pub fn encode<K: Serialize>(key: &K) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
    }

    /// The key in `text`; anything that this service did not make is an error.
    pub fn decode<K: DeserializeOwned>(text: &str) -> Result<K, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        serde_json::from_slice(&bytes).map_err(|_| CursorError)
    }
}

/// The cursor was not made by this service for this listing.
#[derive(Debug, thiserror::Error)]
#[error("the cursor is not one that this listing returned: start again without it")]
pub struct CursorError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_and_points_at_its_last_row() {
        let page = Page::of(vec![1, 2, 3], 2, |n| *n);
        assert_eq!(page.results, [1, 2]);
        assert_eq!(Cursor::decode::<i32>(&page.next.unwrap()).unwrap(), 2);
        assert!(Page::of(vec![1, 2], 2, |n| *n).next.is_none());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_decoded_or_refused(text in ".*") {
            let _ = Cursor::decode::<(i64, String)>(&text);
        }

        #[test]
        fn a_key_reads_back(a in proptest::num::i64::ANY, b in ".*") {
            proptest::prop_assert_eq!(Cursor::decode::<(i64, String)>(&Cursor::encode(&(a, b.clone()))).unwrap(), (a, b));
        }
    }
}
