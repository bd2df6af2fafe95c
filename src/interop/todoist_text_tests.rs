use super::*;

#[test]
fn labels_are_words_that_begin_with_an_at() {
    for (content, title, expected) in [
        ("Buy milk", "Buy milk", vec![]),
        ("Buy milk @home", "Buy milk", vec!["home"]),
        ("@home Buy milk @errands", "Buy milk", vec!["home", "errands"]),
        ("Buy @home milk", "Buy milk", vec!["home"]),
        ("Ask a@example.com", "Ask a@example.com", vec![]),
        ("Ask @bob, then go", "Ask @bob, then go", vec![]),
        ("Meet @ 5pm", "Meet @ 5pm", vec![]),
        ("Öl @Küche @日本 @🏠", "Öl", vec!["Küche", "日本", "🏠"]),
        ("x @a_b-c/d", "x", vec!["a_b-c/d"]),
        ("@home", "@home", vec!["home"]),
        ("@home @work", "@home @work", vec!["home", "work"]),
        ("two  spaces  @x  here", "two  spaces   here", vec!["x"]),
        ("", "", vec![]),
        ("@@x", "@@x", vec![]),
    ] {
        let (rest, labels) = labels(content);
        assert_eq!(
            (rest.as_str(), labels.as_slice()),
            (title, expected.iter().map(|s: &&str| (*s).to_owned()).collect::<Vec<_>>().as_slice()),
            "{content}"
        );
    }
    let long = format!("x @{}", "a".repeat(61));
    assert_eq!(labels(&long), (long.clone(), vec![]));
}

#[test]
fn phrases_of_repetition_are_told_from_others() {
    for (phrase, expected) in [
        ("every month", Some(false)),
        ("Every 2nd friday at 9", Some(false)),
        ("every! 3 days", Some(true)),
        ("ev! day", Some(true)),
        ("after 3 days", Some(true)),
        ("daily", Some(false)),
        ("jeden Montag", Some(false)),
        ("jährlich", Some(false)),
        ("cada lunes", Some(false)),
        ("chaque jour", Some(false)),
        ("tomorrow", None),
        ("5 Oct 2026", None),
        ("everyday things", None),
        ("", None),
        ("  ", None),
    ] {
        assert_eq!(repeats(phrase), expected, "{phrase}");
    }
}

#[test]
fn attachments_become_their_name_and_address() {
    for (comment, expected, found) in [
        ("no file", "no file", 0),
        (r#"see [[file {"file_name":"a,b.png","file_url":"http://x/y"}]]"#, "see a,b.png (http://x/y)", 1),
        (r#"[[file {"file_name":"a"}]] [[file {"file_name":"b","other":{"x":[1]}}]]!"#, "a b!", 2),
        ("[[file {broken]] [[file {\"file_name\":\"a\"}]]", "[[file {broken]] a", 1),
        ("[[file {\"file_name\":\"a\"}", "[[file {\"file_name\":\"a\"}", 0),
        ("[[file ]]", "[[file ]]", 0),
        ("[[other {}]]", "[[other {}]]", 0),
    ] {
        assert_eq!(without_attachments(comment), (expected.to_owned(), found), "{comment}");
    }
}

#[test]
fn hostile_comments_take_no_time() {
    let started = std::time::Instant::now();
    let _ = without_attachments(&"[[file ".repeat(1_000_000));
    let _ = without_attachments(&"[[file {]]".repeat(500_000));
    let _ = without_attachments(&format!("[[file {}]]", "[".repeat(4_000_000)));
    let _ = labels(&"@".repeat(4_000_000));
    let _ = labels(&"@a ".repeat(1_000_000));
    let _ = repeats(&"every".repeat(1_000_000));
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
