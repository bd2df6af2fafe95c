//! What the source tells: its log events and its spans, read from the tokens of `tracing`'s macros, and of the functions
//! that make a span's attributes where the span is made when all is over. Not what a run emits,
//! because most log events are of failures, and a run that meets all of them there is not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A log event or a span.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    pub room: String,
    /// `error`, `warn`, `info`, `debug`, or `span`.
    pub kind: String,
    /// The message of a log event, the name of a span.
    pub text: String,
}

/// Everything in `src/` with the names of its fields, and `otel.kind=…` of a span; tests left out.
pub fn told() -> BTreeMap<Told, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in std::fs::read_dir(&src).unwrap() {
        let entry = entry.unwrap().path();
        let room = entry.file_stem().unwrap().to_str().unwrap().to_owned();
        read(&entry, &room, &mut all);
    }
    all
}

fn read(path: &Path, room: &str, all: &mut BTreeMap<Told, BTreeSet<String>>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            read(&entry.unwrap().path(), room, all);
        }
    } else if path.extension().is_some_and(|kind| kind == "rs") {
        let text = std::fs::read_to_string(path).unwrap();
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        walk(&tokens.into_iter().collect::<Vec<_>>(), room, all);
    }
}

fn walk(tokens: &[TokenTree], room: &str, all: &mut BTreeMap<Told, BTreeSet<String>>) {
    let mut at = 0;
    while at < tokens.len() {
        if is_test(&tokens[at..]) {
            // The attribute and what it stands before, up to its body or its semicolon.
            at += 2;
            while !matches!(&tokens[at], TokenTree::Group(body) if body.delimiter() == Delimiter::Brace)
                && !is_punct(&tokens[at], ';')
            {
                at += 1;
            }
            at += 1;
            continue;
        }
        if let Some((name, body)) = macro_of_tracing(&tokens[at..]) {
            let (text, fields) = arguments(&body);
            let kind = if name.ends_with("_span") { "span".to_owned() } else { name };
            all.entry(Told { room: room.to_owned(), kind, text }).or_default().extend(fields);
        }
        if let Some((name, body)) = function(&tokens[at..]) {
            let told = |name: &str| Told { room: room.to_owned(), kind: "span".to_owned(), text: name.to_owned() };
            if let Some(name) = name.strip_suffix("_attributes") {
                all.entry(told(name)).or_default().extend(keys(&body));
            } else if calls(&body, &format!("{name}_attributes")) {
                all.entry(told(&name)).or_default().extend(kind_of(&body));
            }
        }
        if let TokenTree::Group(group) = &tokens[at] {
            walk(&group.stream().into_iter().collect::<Vec<_>>(), room, all);
        }
        at += 1;
    }
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

/// Whether `#[cfg(test)]` stands here.
fn is_test(tokens: &[TokenTree]) -> bool {
    let [hash, TokenTree::Group(attribute), ..] = tokens else { return false };
    is_punct(hash, '#') && attribute.stream().to_string().replace(' ', "") == "cfg(test)"
}

/// `tracing::NAME!(…)`, which is how this house writes them all.
fn macro_of_tracing(tokens: &[TokenTree]) -> Option<(String, Vec<TokenTree>)> {
    let [TokenTree::Ident(of), colon, _, TokenTree::Ident(name), bang, TokenTree::Group(body), ..] = tokens else {
        return None;
    };
    let name = name.to_string();
    let known = ["error", "warn", "info", "debug", "trace"]
        .iter()
        .any(|level| name.strip_suffix("_span").unwrap_or(&name) == *level);
    (of == "tracing" && is_punct(colon, ':') && is_punct(bang, '!') && known)
        .then(|| (name, body.stream().into_iter().collect()))
}

/// `fn NAME(…) … { … }`. That of `NAME_attributes` makes those of the span NAME, and NAME begins the span with its kind.
fn function(tokens: &[TokenTree]) -> Option<(String, TokenStream)> {
    let [TokenTree::Ident(function), TokenTree::Ident(name), rest @ ..] = tokens else { return None };
    let body = rest.iter().find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group.stream()),
        _ => None,
    });
    (function == "fn").then_some((name.to_string(), body?))
}

/// Every identifier in there.
fn identifiers(body: &TokenStream) -> Vec<String> {
    let each = |token: TokenTree| match token {
        TokenTree::Ident(name) => vec![name.to_string()],
        TokenTree::Group(group) => identifiers(&group.stream()),
        _ => Vec::new(),
    };
    body.clone().into_iter().flat_map(each).collect()
}

fn calls(body: &TokenStream, function: &str) -> bool {
    identifiers(body).iter().any(|name| name == function)
}

/// The constant of OTLP that a hand-written span is begun with, in the spelling of `otel.kind`.
fn kind_of(body: &TokenStream) -> Option<String> {
    const KINDS: [&str; 5] = ["SERVER", "CLIENT", "PRODUCER", "CONSUMER", "INTERNAL"];
    let kind = identifiers(body).into_iter().find(|name| KINDS.contains(&&**name))?;
    Some(format!("otel.kind={}", kind.to_lowercase()))
}

/// The keys that are given to `text_attribute(…, "key", …)` and `number_attribute`.
fn keys(body: &TokenStream) -> Vec<String> {
    let tokens: Vec<_> = body.clone().into_iter().collect();
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let called = at > 0 && ["text_attribute", "number_attribute"].contains(&&*tokens[at - 1].to_string());
        let given = group.stream().into_iter().filter_map(|token| match token {
            TokenTree::Literal(literal) => {
                literal.to_string().strip_prefix('"').map(|key| key.trim_matches('"').to_owned())
            }
            _ => None,
        });
        found.extend(if called { given.take(1).collect() } else { keys(&group.stream()) });
    }
    found
}

/// The message or name, and the fields: `name = value`, `%value`, `value` or `{ … }`, with commas between them.
fn arguments(tokens: &[TokenTree]) -> (String, Vec<String>) {
    let (mut text, mut fields) = (String::new(), Vec::new());
    for part in tokens.split(|token| is_punct(token, ',')) {
        match part {
            [] => {}
            [TokenTree::Literal(literal)] => literal.to_string().trim_matches('"').clone_into(&mut text),
            [TokenTree::Group(group)] => fields.extend(arguments(&group.stream().into_iter().collect::<Vec<_>>()).1),
            // `target: "…"` is no field.
            [_, colon, ..] if is_punct(colon, ':') => {}
            _ => {
                let end = part.iter().position(|token| is_punct(token, '=')).unwrap_or(part.len());
                let name: String = part[..end].iter().map(ToString::to_string).collect();
                let name = name.trim_start_matches(['%', '?']);
                // OpenTelemetry makes of these two the span's own name and kind; the kind is kept with its value.
                match name {
                    "otel.name" => {}
                    "otel.kind" => {
                        let value: String = part[end + 1..].iter().map(ToString::to_string).collect();
                        fields.push(format!("otel.kind={}", value.trim_matches('"')));
                    }
                    _ => fields.push(name.to_owned()),
                }
            }
        }
    }
    (text, fields)
}

#[test]
fn macros_are_read_as_tracing_reads_them() {
    let source = r#"
        fn f() { tracing::warn!(target: "x", { a.b = 1, c }, %error, d = %e.f(), "a message"); }
        fn g() { let s = tracing::info_span!("name", otel.kind = "client", row = tracing::field::Empty); }
        #[cfg(test)] mod tests { fn h() { tracing::error!("not this"); } }
        #[cfg(test)] use x; fn i() { tracing::info!("but this"); }
        fn late_attributes(y: &mut Y, x: X) { text_attribute(y, 9, "b.c", "e"); if x { number_attribute(y, 9, "d", 1) } other("f") }
        impl Z { fn late(&self) { self.begin(&[1], SERVER); late_attributes(y, x) } fn other(&self) { self.begin(CLIENT) } }
    "#;
    let tokens: TokenStream = source.parse().unwrap();
    let mut all = BTreeMap::new();
    walk(&tokens.into_iter().collect::<Vec<_>>(), "room", &mut all);
    let read: Vec<_> = all
        .iter()
        .map(|(told, fields)| (&*told.kind, &*told.text, fields.iter().map(String::as_str).collect::<Vec<_>>()))
        .collect();
    assert_eq!(
        read,
        [
            ("info", "but this", vec![]),
            ("span", "late", vec!["b.c", "d", "otel.kind=server"]),
            ("span", "name", vec!["otel.kind=client", "row"]),
            ("warn", "a message", vec!["a.b", "c", "d", "error"]),
        ]
    );
}
