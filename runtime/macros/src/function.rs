//! The parts of an `async fn`.

use std::ops::Range;

use proc_macro::Delimiter;

use crate::attribute::Attribute;
use crate::error::Error;
use crate::tree::Tree;

/// Where the parts stand among the tokens of the function.
#[derive(Debug)]
pub(crate) struct Function<S> {
    /// Doc comments included.
    pub(crate) attributes: Range<usize>,
    /// Of a `#[test]` among them.
    pub(crate) test: Option<S>,
    pub(crate) visibility: Range<usize>,
    pub(crate) name: usize,
    /// The parentheses.
    pub(crate) parameters: usize,
    /// Of the one argument that there may be: the clock.
    pub(crate) argument: Option<S>,
    /// `-> T where …`, as far as there.
    pub(crate) output: Range<usize>,
    /// Of the `T`, unless that is `()`.
    pub(crate) value: Option<S>,
    pub(crate) body: usize,
}

impl<S: Copy> Function<S> {
    /// `whole` is where to point at if there is nothing better.
    pub(crate) fn parse(
        trees: &[Tree<S>],
        attribute: Attribute,
        whole: S,
    ) -> Result<Function<S>, Error<S>> {
        let text = attribute.text();
        let at = |index: usize| trees.get(index);
        let span = |index: usize| at(index).map_or(whole, Tree::span);

        let attributes = 0..attributes(trees);
        let visibility = attributes.end..visibility(trees, attributes.end);

        let words = trees[visibility.end..]
            .iter()
            .take_while(|tree| is_before_fn(tree))
            .count();
        let words = &trees[visibility.end..visibility.end + words];
        let keyword = visibility.end + words.len();
        if !at(keyword).is_some_and(|tree| tree.is_ident("fn")) {
            let example = match attribute {
                Attribute::Main => "main",
                Attribute::Test => "it_works",
            };
            let message =
                format!("{text} goes on a function, as in `{text} async fn {example}() {{ … }}`");
            return Err(Error::new(span(visibility.end), message));
        }
        for word in words {
            let why = match word.ident() {
                Some("const") => "a `const fn` cannot be `async`",
                Some("unsafe") => "nobody is there to keep the promises of an `unsafe fn`",
                Some("extern") => "an `extern fn` cannot be `async`",
                _ => continue,
            };
            let message = format!("{text}: {why}; write `async fn` alone");
            return Err(Error::new(word.span(), message));
        }
        if words.is_empty() {
            let message = format!("{text} runs a future: write `async fn` in place of `fn`");
            return Err(Error::new(span(keyword), message));
        }
        let name = keyword + 1;
        let parameters = name + 1;
        if at(parameters).is_some_and(|tree| tree.is_punct('<')) {
            let message = format!(
                "{text}: a generic function cannot be run, as nobody says for which types; \
                 remove the `<…>`, or call the generic function from one that is not"
            );
            return Err(Error::new(span(parameters), message));
        }
        let Some(inner) = at(parameters).and_then(|tree| tree.group(Delimiter::Parenthesis)) else {
            return Err(Error::new(
                span(parameters),
                format!("{text}: here `()` is missing"),
            ));
        };
        let argument = argument(inner, text)?;

        let body = trees.len() - 1;
        if body <= parameters || !is_body(&trees[body]) {
            let message = format!("{text}: the function needs a body, `{{ … }}`");
            return Err(Error::new(span(body), message));
        }
        let output = parameters + 1..body;
        Ok(Function {
            test: plain_test(&trees[attributes.clone()]),
            attributes,
            visibility,
            name,
            parameters,
            argument,
            value: value(&trees[output.clone()]),
            output,
            body,
        })
    }
}

/// How many tokens the attributes take.
fn attributes<S: Copy>(trees: &[Tree<S>]) -> usize {
    let mut end = 0;
    while let [hash, bracket, ..] = &trees[end..] {
        if !hash.is_punct('#') || bracket.group(Delimiter::Bracket).is_none() {
            break;
        }
        end += 2;
    }
    end
}

/// The span of a `#[test]`.
fn plain_test<S: Copy>(attributes: &[Tree<S>]) -> Option<S> {
    attributes.iter().find_map(|tree| {
        let mut inner = tree.group(Delimiter::Bracket)?;
        if let [Tree::Group(Delimiter::None, wrapped, _)] = inner {
            inner = wrapped;
        }
        match inner {
            [Tree::Ident(name, span)] if name == "test" => Some(*span),
            _ => None,
        }
    })
}

/// Where the visibility that begins at `start` ends.
fn visibility<S: Copy>(trees: &[Tree<S>], start: usize) -> usize {
    match &trees[start..] {
        [Tree::Group(Delimiter::None, inner, _), ..]
            if inner.first().is_none_or(|tree| tree.is_ident("pub")) =>
        {
            start + 1
        }
        [word, Tree::Group(Delimiter::Parenthesis, ..), ..] if word.is_ident("pub") => start + 2,
        [word, ..] if word.is_ident("pub") => start + 1,
        _ => start,
    }
}

/// Whether it may stand before `fn`, as in `const unsafe extern "C" fn`.
fn is_before_fn<S: Copy>(tree: &Tree<S>) -> bool {
    let words = ["const", "async", "unsafe", "extern"];
    tree.literal().is_some() || words.iter().any(|word| tree.is_ident(word))
}

/// The span of the argument; there may be one.
fn argument<S: Copy>(inner: &[Tree<S>], text: &str) -> Result<Option<S>, Error<S>> {
    let mut depth = 0_usize;
    let mut before = ' ';
    let mut commas = Vec::new();
    for (index, tree) in inner.iter().enumerate() {
        let char = match tree {
            Tree::Punct(char, _) => *char,
            _ => ' ',
        };
        match char {
            '<' => depth += 1,
            '>' if before != '-' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => commas.push(index),
            _ => {}
        }
        before = char;
    }
    let start = attributes(inner);
    let Some(first) = inner.get(start) else {
        return Ok(None);
    };
    if inner.iter().take(4).any(|tree| tree.is_ident("self")) {
        let message = format!("{text}: a method cannot be run, as nobody has its `self`");
        return Err(Error::new(first.span(), message));
    }
    match commas.first() {
        Some(comma) if comma + 1 < inner.len() => Err(Error::new(
            inner[comma + 1].span(),
            format!(
                "{text}: nobody gives this argument; there can be one at most, the clock under \
                 `virtual_time`, as in `clock: nestling::testing::MockClock`"
            ),
        )),
        _ => Ok(Some(first.span())),
    }
}

fn is_body<S: Copy>(tree: &Tree<S>) -> bool {
    match tree {
        Tree::Group(Delimiter::Brace, ..) => true,
        // It came through the `$body:block` of another macro.
        Tree::Group(Delimiter::None, inner, _) => matches!(&inner[..], [inner] if is_body(inner)),
        _ => false,
    }
}

/// Where the type after the arrow stands, unless it is `()`.
fn value<S: Copy>(output: &[Tree<S>]) -> Option<S> {
    match output {
        [minus, more, unit, rest @ ..] if minus.is_punct('-') && more.is_punct('>') => {
            let mut unit = unit;
            while let Tree::Group(Delimiter::None, inner, _) = unit {
                let [inner] = &inner[..] else { break };
                unit = inner;
            }
            let is_unit = unit
                .group(Delimiter::Parenthesis)
                .is_some_and(<[_]>::is_empty);
            let ends = rest.first().is_none_or(|tree| tree.is_ident("where"));
            (!is_unit || !ends).then(|| unit.span())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
