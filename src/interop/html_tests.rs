use proptest::prelude::*;

use super::*;

#[test]
fn the_words_and_what_a_text_can_show_of_the_form_are_kept() {
    for (html, expected) in [
        ("", ""),
        ("plain & <b>old</b> text", "plain & <b>old</b> text"),
        ("<p></p>", ""),
        ("<p>One</p>", "One"),
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<p>One<br>Two<br/>Three</p>", "One\nTwo\nThree"),
        ("<p>a &lt;b&gt; &amp;amp; &quot;c&quot; &#39;d&#x27; &nbsp;e</p>", "a <b> &amp; \"c\" 'd'  e"),
        ("<p>AT&T &unknown; & &;</p>", "AT&T &unknown; & &;"),
        ("<p>&#0;&#x1F600;&#xD800;&#99999999;</p>", "&#0;😀&#xD800;&#99999999;"),
        ("<ul><li><p>One</p></li><li><p>Two</p></li></ul><p>End</p>", "- One\n\n- Two\n\nEnd"),
        ("<ul><li>One</li><li>Two</li></ul>", "- One\n- Two"),
        (
            r#"<ul data-type="taskList"><li data-checked="true" data-type="taskItem"><label><input type="checkbox" checked="checked"><span></span></label><div><p>Milk</p></div></li><li data-checked="false" data-type="taskItem"><label><input type="checkbox"><span></span></label><div><p>Bread</p></div></li></ul>"#,
            "- [x] Milk\n\n- [ ] Bread",
        ),
        ("<h1>Big</h1><h3>Small</h3><p>x</p>", "# Big\n\n### Small\n\nx"),
        (
            "<p>See <a target=\"_blank\" href=\"https://example.com/?a=1&amp;b=2\">this</a>.</p>",
            "See this (https://example.com/?a=1&b=2).",
        ),
        ("<p><a href='https://example.com'>https://example.com</a></p>", "https://example.com"),
        ("<p>x</p><hr><p>y</p>", "x\n\n---\n\ny"),
        ("<p><strong>b</strong><em>i</em><s>s</s><code>c</code></p>", "bisc"),
        ("<pre><code>a\n  b</code></pre>", "a\n  b"),
        ("<p>1 < 2 and no tag", "1 < 2 and no tag"),
        ("<p>unclosed <a href=\"x\">link", "unclosed link"),
        ("</a></li><p>x", "x"),
        ("<p>€uro 日本</p>", "€uro 日本"),
        ("<", "<"),
        ("<p>x</p><", "x\n\n<"),
    ] {
        assert_eq!(text(html), expected, "{html}");
    }
}

#[test]
fn hostile_html_takes_no_time() {
    let started = std::time::Instant::now();
    for piece in
        ["<", "<a href=\"", "&", "&#x", "<li>", "<p", "<a href='x'>", "</p>", "<li data-checked=", "<h6>", "]]"]
    {
        let long = format!("<p>{}", piece.repeat(300_000 / piece.len()));
        let _ = text(&long);
        let _ = text(&format!("{long}>"));
    }
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

proptest! {
    #[test]
    fn nothing_panics(html in "(<|</)?(p|li|a href=\"|h1|br)?[<>&;#x\"= a-zé😀\n]{0,60}") {
        let _ = text(&html);
        let _ = text(&format!("<p>{html}"));
    }
}
