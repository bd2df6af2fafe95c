//! The tables can be searched.

use super::{Language, Lexicon};

#[test]
fn words_are_sorted_unique_and_folded() {
    for language in [Language::En, Language::De, Language::Es] {
        let lexicon = Lexicon::of(language);
        for pair in lexicon.words.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{:?} {} {}", language, pair[0].0, pair[1].0);
        }
        for (word, classes) in lexicon.words {
            assert_eq!(*word, super::super::lex::fold(word), "{language:?}");
            assert!(!classes.is_empty(), "{language:?} {word}");
            assert_eq!(&lexicon.classes(word), classes);
        }
        for (words, _) in lexicon.phrases {
            assert!(words.len() > 1);
            assert!(words.iter().all(|word| *word == super::super::lex::fold(word)));
        }
        assert!(lexicon.classes("xyzzy").is_empty());
    }
}
