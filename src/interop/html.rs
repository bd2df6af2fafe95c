//! HTML to text: descriptions and comments of Vikunja are HTML of its editor.
//!
//! **Rule.** The words are kept, and of the form that which a plain text can have: paragraphs, line breaks, lists (with
//! the boxes of check lists), headings, rules, addresses of links. One pass, without recursion; what is not closed or
//! unknown does no harm. It is a text afterwards and never shown as HTML, so nothing is made safe here.

use std::borrow::Cow;

/// The longest tag that is understood, in bytes; a longer one is text.
const TAG_MAX: usize = 8_192;
/// The longest entity, in bytes.
const ENTITY_MAX: usize = 12;

/// The text of a piece of HTML. What does not begin with a tag is no HTML (older versions had plain text) and stays.
pub(super) fn text(html: &str) -> Cow<'_, str> {
    if !html.trim_start().starts_with('<') {
        return Cow::Borrowed(html);
    }
    let mut writer = Writer { html, out: String::with_capacity(html.len()), close: Some(0), link: None };
    let mut here = 0;
    while let Some(step) = html[here..].find(['<', '&']) {
        writer.out.push_str(&html[here..here + step]);
        here += step;
        here += if html[here..].starts_with('<') { writer.tag(here) } else { writer.entity(&html[here..]) };
    }
    writer.out.push_str(&html[here..]);
    Cow::Owned(tidy(&writer.out))
}

struct Writer<'a> {
    html: &'a str,
    out: String,
    /// The next `>`, once it was looked for: so that each byte is looked at once, also in a file of `<<<<`.
    close: Option<usize>,
    /// The address of the link that is open, and where its text begins.
    link: Option<(&'a str, usize)>,
}

impl Writer<'_> {
    /// Reads the tag at `here` and gives its length; a `<` that opens none is text.
    fn tag(&mut self, here: usize) -> usize {
        if self.close.is_some_and(|close| close <= here) {
            self.close = self.html[here..].find('>').map(|close| here + close);
        }
        let Some(end) = self.close.map(|close| close - here).filter(|length| *length < TAG_MAX) else {
            self.out.push('<');
            return 1;
        };
        let inner = self.html.get(here + 1..here + end).unwrap_or_default().trim_end_matches('/').trim_end();
        let name = inner.split(char::is_whitespace).next().unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "br" => self.out.push('\n'),
            "p" | "div" | "ul" | "ol" | "blockquote" | "pre" | "table" | "tr" | "/li" | "/div" | "/tr" => {
                self.begin_line();
            }
            "/p" | "/ul" | "/ol" | "/blockquote" | "/pre" | "/table" | "/h1" | "/h2" | "/h3" | "/h4" | "/h5"
            | "/h6" => self.out.push_str("\n\n"),
            "/td" | "/th" => self.out.push('\t'),
            "hr" => self.out.push_str("\n\n---\n\n"),
            "li" => {
                self.begin_line();
                self.out.push_str(match attribute(inner, "data-checked") {
                    Some("true") => "- [x] ",
                    Some(_) => "- [ ] ",
                    None => "- ",
                });
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.begin_line();
                let level = usize::from(name.as_bytes().get(1).map_or(1, |digit| digit - b'0'));
                self.out.push_str(&"#".repeat(level));
                self.out.push(' ');
            }
            "a" => self.link = attribute(inner, "href").map(|href| (href, self.out.len())),
            "/a" => self.end_link(),
            _ => {}
        }
        end + 1
    }

    /// Begins a line, unless one has just begun: at the beginning, after a line break or after the mark of a list.
    fn begin_line(&mut self) {
        let fresh = self.out.is_empty() || ["\n", "- ", "- [x] ", "- [ ] "].iter().any(|end| self.out.ends_with(end));
        if !fresh {
            self.out.push('\n');
        }
    }

    /// Adds the address of a link, where its text is not the address.
    fn end_link(&mut self) {
        let Some((href, start)) = self.link.take() else { return };
        let href = href.replace("&amp;", "&");
        if self.out.get(start..).is_some_and(|text| text.trim() != href) {
            self.out.extend([" (", &href, ")"]);
        }
    }

    /// Reads an entity and gives its length; a `&` that begins none is text.
    fn entity(&mut self, rest: &str) -> usize {
        let window = rest.as_bytes().get(..rest.len().min(ENTITY_MAX)).unwrap_or_default();
        let end = window.iter().position(|byte| *byte == b';');
        let found = end.and_then(|end| Some((character(rest.get(1..end)?)?, end + 1)));
        let (c, step) = found.unwrap_or(('&', 1));
        self.out.push(c);
        step
    }
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        }
    }
}

/// The value of an attribute, in quotes of either kind.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!("{name}="))?;
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest.get(1..)?.split(quote).next()
}

/// Without blank ends of lines, and without more than one empty line together.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines() {
        let line = line.trim_end();
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
#[path = "html_tests.rs"]
mod tests;
