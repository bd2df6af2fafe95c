//! Where a text is wrong, shown as compilers show it.

/// The longest line that is shown, in characters; of a longer text it is the part at fault.
const LINE: usize = 100;

/// Two lines for a fixed-width font: the text (the part at fault of a long one, control characters as spaces), and below
/// its character number `position`, from 0, a `^` and the sentence.
#[must_use]
pub fn caret(text: &str, position: usize, sentence: &str) -> String {
    let fits = text.chars().nth(LINE).is_none();
    let skip = if fits { 0 } else { position.saturating_sub(LINE / 2) };
    let mut line = String::from(if skip > 0 { "…" } else { "" });
    line.extend(text.chars().skip(skip).take(LINE).map(|c| if c.is_control() { ' ' } else { c }));
    if text.chars().nth(skip + LINE).is_some() {
        line.push('…');
    }
    let indent = " ".repeat(position - skip + usize::from(skip > 0));
    format!("{line}\n{indent}^ {sentence}")
}
