//! What Todoist writes within a text: labels, attachments, phrases of repetition.

use serde::Deserialize;

/// The longest label, in characters: Todoist's own bound.
const LABEL_MAX: usize = 60;
/// The most labels of a text that are read; more than a task can have.
const LABELS_MAX: usize = 1_000;
/// An attachment stands between these.
const OPEN: &str = "[[file ";
const CLOSE: &str = "]]";

/// Words that a phrase of repetition begins with, in English, German, Spanish, French, Italian, Portuguese and Dutch.
const EVERY: &[&str] = &[
    "every",
    "ev",
    "after",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "yearly",
    "annually",
    "jeden",
    "jede",
    "jedes",
    "jeder",
    "alle",
    "täglich",
    "wöchentlich",
    "monatlich",
    "jährlich",
    "cada",
    "todos",
    "todas",
    "diario",
    "diariamente",
    "semanal",
    "semanalmente",
    "mensual",
    "mensualmente",
    "anual",
    "anualmente",
    "chaque",
    "tous",
    "toutes",
    "ogni",
    "tutti",
    "tutte",
    "todo",
    "toda",
    "elke",
    "iedere",
    "dagelijks",
    "wekelijks",
    "maandelijks",
    "jaarlijks",
];

/// A text without its labels, and the labels: `@name` at the beginning of the text or after white space, up to the next
/// white space. What has punctuation (`@home,`) is text, and so is a text that is nothing but labels.
pub(super) fn labels(content: &str) -> (String, Vec<String>) {
    if !content.contains('@') {
        return (content.to_owned(), Vec::new());
    }
    let mut title = String::with_capacity(content.len());
    let mut labels = Vec::new();
    // Each piece is a word and the white space after it.
    for piece in content.split_inclusive(char::is_whitespace) {
        match piece.trim_end().strip_prefix('@').filter(|name| is_label(name)) {
            Some(name) if labels.len() < LABELS_MAX => labels.push(name.to_owned()),
            Some(_) => {}
            None => title.push_str(piece),
        }
    }
    let title = title.trim();
    if title.is_empty() { (content.to_owned(), labels) } else { (title.to_owned(), labels) }
}

fn is_label(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || "_-/&+#'.".contains(c) || (!c.is_ascii() && !c.is_control());
    !name.is_empty() && name.chars().take(LABEL_MAX + 1).count() <= LABEL_MAX && name.chars().all(fits)
}

/// Whether a phrase is one of repetition, and then whether it counts from the day of completion (`every! 3 days`,
/// `after 3 days`).
pub(super) fn repeats(phrase: &str) -> Option<bool> {
    let word = phrase.split_whitespace().next()?.to_lowercase();
    let bare = word.trim_end_matches('!');
    EVERY.contains(&bare).then(|| bare.len() < word.len() || bare == "after")
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    file_name: String,
    #[serde(default)]
    file_url: String,
}

/// A comment whose attachments (`[[file {…}]]`, JSON) are replaced by their name and address, and how many there were.
pub(super) fn without_attachments(text: &str) -> (String, usize) {
    let (mut rest, mut out, mut found) = (text, String::new(), 0);
    // What is no attachment is passed over as a whole, so that each byte is looked at once.
    while let Some((start, end)) = bracketed(rest) {
        let (before, piece) = (&rest[..start], &rest[start..end]);
        let json = piece.get(OPEN.len()..piece.len() - CLOSE.len()).unwrap_or_default();
        out.push_str(before);
        match serde_json::from_str::<File>(json) {
            Ok(File { file_name, file_url }) if file_url.is_empty() => out.push_str(&file_name),
            Ok(File { file_name, file_url }) => out.extend([&file_name, " (", &file_url, ")"]),
            Err(_) => {
                out.push_str(piece);
                rest = &rest[end..];
                continue;
            }
        }
        found += 1;
        rest = &rest[end..];
    }
    out.push_str(rest);
    (out.trim().to_owned(), found)
}

/// The first `[[file …]]`: where it begins and ends.
fn bracketed(text: &str) -> Option<(usize, usize)> {
    let start = text.find(OPEN)?;
    let inner = start + OPEN.len();
    Some((start, inner + text[inner..].find(CLOSE)? + CLOSE.len()))
}

#[cfg(test)]
#[path = "todoist_text_tests.rs"]
mod tests;
