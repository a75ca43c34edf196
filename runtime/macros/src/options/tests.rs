use crate::attribute::Attribute::{self, Main, Test};
use crate::options::Options;
use crate::tree::text::trees;

fn parse(attribute: Attribute, text: &'static str) -> Options<&'static str> {
    match Options::parse(&trees(text), attribute) {
        Ok(options) => options,
        Err(error) => panic!("`{text}`: {} at `{}`", error.message, error.span),
    }
}

#[test]
fn everything_may_be_left_out() {
    for attribute in [Main, Test] {
        for text in ["", "real_time", "real_time,"] {
            let options = parse(attribute, text);
            assert!(!options.virtual_time && !options.ignores_leaks, "{text}");
            assert!(
                options.seeds.is_none() && options.facade.is_none(),
                "{text}"
            );
        }
    }
}

#[test]
fn options_are_taken_in_any_order() {
    let options = parse(Test, "leaks = \"ignore\", seeds = 0..100, virtual_time");
    assert!(options.virtual_time && options.ignores_leaks);
    assert_eq!(options.seeds, Some(("seeds", 6..10)));
    let options = parse(Main, "crate = \"a::nestling\", virtual_time, seed = SEED,");
    assert!(options.virtual_time);
    assert_eq!(options.seeds, Some(("seed", 8..9)));
    assert_eq!(
        options.facade,
        Some(("a::nestling".to_owned(), "\"a::nestling\""))
    );
    assert!(!parse(Test, "leaks = \"check\"").ignores_leaks);
}

#[test]
fn seeds_are_numbers_or_what_the_compiler_checks() {
    for value in [
        "7",
        "0xff_u64",
        "0b1",
        "0o17",
        "1_000",
        "18446744073709551615",
    ] {
        parse(Test, String::leak(format!("seed = {value}")));
    }
    for value in ["SEED", "1 << 3", "«7»", "seed()"] {
        parse(Test, String::leak(format!("seed = {value}")));
    }
    for value in ["0..100", "A..=B", "[1, 2, 3]", "SEEDS"] {
        parse(Test, String::leak(format!("seeds = {value}")));
    }
}

#[test]
fn the_path_to_the_facade_may_be_text_or_not() {
    for (text, path) in [
        ("crate = \"nestling\"", "nestling"),
        ("crate = \"::a::b\"", "::a::b"),
        ("crate = crate::a", "crate::a"),
        ("crate = ::a :: b", "::a::b"),
    ] {
        let facade = parse(Test, text).facade;
        assert_eq!(
            facade.map(|(path, _)| path).as_deref(),
            Some(path),
            "{text}"
        );
    }
}

#[test]
fn what_is_wrong_is_refused_with_what_to_write() {
    for (text, span, message) in [
        (
            "flavour",
            "flavour",
            "unknown option `flavour`: #[nestling::test] takes `virtual_time`",
        ),
        (
            "virtual_time, virtual_time",
            "virtual_time",
            "stands here twice",
        ),
        ("seed = 1, seed = 2", "seed", "stands here twice"),
        ("virtual_time, real_time", "real_time", "do not go together"),
        ("seed = 1, seeds = 0..2", "seeds", "do not go together"),
        ("seeds = 0..2, seed = 1", "seed", "do not go together"),
        ("virtual_time = true", "true", "write `virtual_time` alone"),
        ("seed", "seed", "write `seed = 7`"),
        ("seed = \"7\"", "\"7\"", "write `seed = 7`"),
        ("seed = -7", "-", "write `seed = 7`"),
        ("seed = 7i32", "7i32", "write `seed = 7`"),
        (
            "seed = 18446744073709551616",
            "18446744073709551616",
            "from 0 to u64::MAX",
        ),
        ("seed = ", "=", "the value of `seed` is missing"),
        ("seed(7)", "(7)", "a comma or `=` should follow `seed`"),
        (
            "virtual_time seed = 7",
            "seed",
            "a comma or `=` should follow `virtual_time`",
        ),
        ("seeds = 100", "100", "write `seeds = 0..100`"),
        ("seeds = -1..100", "-", "write `seeds = 0..100`"),
        ("seeds", "seeds", "write `seeds = 0..100`"),
        ("leaks", "leaks", "write `leaks = \"ignore\"`"),
        ("leaks = false", "false", "write `leaks = \"ignore\"`"),
        ("leaks = \"no\"", "\"no\"", "write `leaks = \"ignore\"`"),
        ("crate", "crate", "write `crate = \"nestling\"`"),
        ("crate = 7", "7", "write `crate = \"nestling\"`"),
        ("crate = \"\"", "\"\"", "write `crate = \"nestling\"`"),
        ("crate = \"a::\"", "\"a::\"", "write `crate = \"nestling\"`"),
        ("crate = \"a b\"", "\"a b\"", "write `crate = \"nestling\"`"),
        ("crate = \"a:b\"", "\"a:b\"", "write `crate = \"nestling\"`"),
        ("crate = a(b)", "a", "write `crate = \"nestling\"`"),
        ("crate = \"1a\"", "\"1a\"", "write `crate = \"nestling\"`"),
        ("7", "7", "the name of an option is missing"),
        (
            "\"virtual_time\"",
            "\"virtual_time\"",
            "the name of an option is missing",
        ),
        (
            ", virtual_time",
            ",",
            "an option is missing before the comma",
        ),
        (
            "virtual_time,,",
            ",",
            "an option is missing before the comma",
        ),
    ] {
        match Options::parse(&trees(text), Test) {
            Ok(_) => panic!("`{text}` is not refused"),
            Err(error) => {
                assert_eq!(error.span, span, "`{text}`: {}", error.message);
                assert!(
                    error.message.contains(message),
                    "`{text}`: {}",
                    error.message
                );
            }
        }
    }
}

#[test]
fn what_only_tests_have_is_refused_elsewhere() {
    for text in ["seeds = 0..2", "leaks = \"ignore\""] {
        let error = Options::parse(&trees(text), Main).expect_err("it is for tests");
        assert!(
            error
                .message
                .contains("an option of #[nestling::test] alone"),
            "{}",
            error.message
        );
    }
    let error = Options::parse(&trees("start_paused = true"), Main).expect_err("it is unknown");
    assert!(
        error.message.contains("#[nestling::main] takes"),
        "{}",
        error.message
    );
}
