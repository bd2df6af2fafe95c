use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize)]
struct Inner {
    #[serde(rename = "a/b~c")]
    odd: Option<u8>,
    #[serde(default)]
    list: Capped<u8, 3>,
    #[serde(default)]
    count: Count,
}

#[derive(Debug, Deserialize)]
struct Outer {
    #[serde(default)]
    tasks: Capped<Inner, 2>,
}

#[test]
fn lists_are_kept_up_to_their_bound() {
    let outer: Outer =
        parse(r#"{"tasks": [{"list": [1, 2, 3, 4, 5], "count": [{}, [], 7]}, {"list": null}, 7, "x"]}"#, "").unwrap();
    assert_eq!((outer.tasks.items.len(), outer.tasks.more), (2, 2));
    assert_eq!((outer.tasks.items[0].list.items.as_slice(), outer.tasks.items[0].list.more), (&[1, 2, 3][..], 2));
    assert_eq!(outer.tasks.items[0].count.0, 3);
    assert!(outer.tasks.items[1].list.items.is_empty() && outer.tasks.items[1].odd.is_none());
    let error = outer.tasks.all("tasks", "/tasks").unwrap_err();
    assert_eq!((error.at(), error.to_string().as_str()), ("/tasks", "too many tasks; 2 are allowed in a file"));
}

#[test]
fn errors_say_where() {
    for (text, prefix, at, sentence) in [
        (r#"{"tasks": [{}, {"list": [1, "x"]}]}"#, "", "/tasks/1/list/1", "invalid type: string \"x\", expected u8"),
        (
            r#"{"tasks": [{}, {"list": [1, "x"]}]}"#,
            "/3",
            "/3/tasks/1/list/1",
            "invalid type: string \"x\", expected u8",
        ),
        (r#"{"tasks": [{"a/b~c": 300}]}"#, "", "/tasks/0/a~1b~0c", "invalid value: integer `300`, expected u8"),
        (r#"{"tasks": {}}"#, "", "/tasks", "invalid type: map, expected a list"),
        (r#"{"tasks": [{"count": 1}]}"#, "", "/tasks/0/count", "invalid type: integer `1`, expected a list"),
        ("[", "", "line 1", "EOF while parsing a list"),
        ("{\"tasks\":\n\n[}", "", "line 3", "expected value"),
        ("{\"tasks\": []} x", "", "line 1", "trailing characters"),
    ] {
        let error = parse::<Outer>(text, prefix).unwrap_err();
        assert_eq!(error.at(), at, "{text}");
        assert!(error.to_string().contains(sentence), "{text}: {error}");
    }
}

#[test]
fn a_message_does_not_grow_with_the_file() {
    let text = format!(r#"{{"tasks": [{{"a/b~c": "{}"}}]}}"#, "é\\u0000".repeat(10_000));
    let error = parse::<Outer>(&text, "").unwrap_err();
    assert_eq!(error.at(), "/tasks/0/a~1b~0c");
    let sentence = error.to_string();
    assert!(sentence.chars().count() < 300 && !sentence.chars().any(char::is_control), "{sentence}");
}

#[test]
fn nesting_is_bounded() {
    let deep = format!(r#"{{"unknown": {}{}, "tasks": []}}"#, "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert!(parse::<Outer>(&deep, "").is_ok());
}
