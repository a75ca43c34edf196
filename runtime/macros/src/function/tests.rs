use crate::attribute::Attribute::{self, Main, Test};
use crate::function::Function;
use crate::tree::text::trees;

fn parse(text: &'static str) -> Function<&'static str> {
    match Function::parse(&trees(text), Test, "the attribute") {
        Ok(function) => function,
        Err(error) => panic!("`{text}`: {} at `{}`", error.message, error.span),
    }
}

/// Where it points, and what it says.
fn refused(attribute: Attribute, text: &'static str) -> (&'static str, String) {
    match Function::parse(&trees(text), attribute, "the attribute") {
        Ok(_) => panic!("`{text}` is not refused"),
        Err(error) => (error.span, error.message),
    }
}

#[test]
fn the_parts_stand_where_they_stand() {
    let function = parse("#[ignore] #[doc = \"x\"] pub(crate) async fn t() -> Result<(), E> { }");
    assert_eq!(function.attributes, 0..4);
    assert_eq!(function.visibility, 4..6);
    assert_eq!(function.name, 8);
    assert_eq!(function.parameters, 9);
    assert_eq!(function.output, 10..18);
    assert_eq!(function.value, Some("Result"));
    assert_eq!(function.body, 18);
    assert_eq!(function.argument, None);
}

#[test]
fn what_returns_nothing_has_no_value() {
    for text in [
        "async fn t() {}",
        "pub async fn t() -> () {}",
        "async fn t() -> «()» {}",
        "async fn t() -> () where u8: Copy {}",
        "async fn t() where u8: Copy {}",
    ] {
        assert_eq!(parse(text).value, None, "{text}");
    }
    assert_eq!(parse("async fn t() -> ! {}").value, Some("!"));
    assert_eq!(
        parse("async fn t() -> impl Termination {}").value,
        Some("impl")
    );
    assert_eq!(parse("async fn t() -> ((), ) {}").value, Some("((), )"));
}

#[test]
fn what_comes_through_another_macro_is_taken_apart() {
    let function = parse("«pub(crate)» async fn t() «{}»");
    assert_eq!(function.visibility, 0..1);
    assert_eq!(parse("«» async fn t() {}").visibility, 0..1);
    assert_eq!(parse("#[a] «» async fn t() {}").visibility, 2..3);
}

#[test]
fn one_argument_is_found() {
    for (text, argument) in [
        ("async fn t(clock: MockClock) {}", "clock"),
        ("async fn t(mut clock: MockClock,) {}", "mut"),
        ("async fn t(#[cfg(x)] clock: MockClock) {}", "clock"),
        ("async fn t(map: Map<A, B>) {}", "map"),
        ("async fn t(f: fn(A, B) -> Map<A, B>) {}", "f"),
        ("async fn t(f: Box<dyn Fn() -> A>, ) {}", "f"),
    ] {
        assert_eq!(parse(text).argument, Some(argument), "{text}");
    }
}

#[test]
fn what_cannot_be_run_is_refused_with_what_to_write() {
    for (text, span, message) in [
        ("fn t() {}", "fn", "write `async fn` in place of `fn`"),
        ("pub fn t() {}", "fn", "write `async fn`"),
        ("struct S;", "struct", "goes on a function"),
        ("const X: u8 = 1;", "const", "goes on a function"),
        ("unsafe impl Send for X {}", "unsafe", "goes on a function"),
        ("pub mod m {}", "mod", "goes on a function"),
        ("", "the attribute", "goes on a function"),
        ("#[a]", "the attribute", "goes on a function"),
        ("unsafe fn t() {}", "unsafe", "write `async fn` alone"),
        ("async unsafe fn t() {}", "unsafe", "promises"),
        ("async extern \"C\" fn t() {}", "extern", "`extern fn`"),
        ("const fn t() {}", "const", "`const fn`"),
        ("async fn t<T>() {}", "<", "generic"),
        ("async fn t(&self) {}", "&", "`self`"),
        ("async fn t(mut self: Box<Self>) {}", "mut", "`self`"),
        ("async fn t(a: A, b: B) {}", "b", "one at most, the clock"),
        ("async fn t();", ";", "needs a body"),
        ("async fn t()", "()", "needs a body"),
        ("async fn t", "the attribute", "`()` is missing"),
        ("async fn", "the attribute", "`()` is missing"),
    ] {
        let (at, said) = refused(Test, text);
        assert_eq!(at, span, "`{text}`: {said}");
        assert!(said.contains(message), "`{text}`: {said}");
        assert!(said.contains("#[nestling::test]"), "`{text}`: {said}");
    }
}

#[test]
fn a_second_test_is_found() {
    assert_eq!(parse("#[test] async fn t() {}").test, Some("test"));
    assert_eq!(parse("#[a] #[«test»] async fn t() {}").test, Some("test"));
    assert_eq!(parse("#[a(test)] #[b::test] async fn t() {}").test, None);
}

#[test]
fn each_attribute_gives_its_own_example() {
    let (_, said) = refused(Main, "struct S;");
    assert!(
        said.contains("`#[nestling::main] async fn main() { … }`"),
        "{said}"
    );
    let (_, said) = refused(Test, "struct S;");
    assert!(
        said.contains("`#[nestling::test] async fn it_works() { … }`"),
        "{said}"
    );
}
