//! What the attributes expand to.
//!
//! The user's function stands, as it is, inside an ordinary one of the same name:
//!
//! ```text
//! async fn t() { … }   =>   #[::core::prelude::v1::test]
//!                           fn t() {
//!                               async fn t() { … }
//!                               ::nestling::testing::__private::test(config, |_| t());
//!                           }
//! ```
//!
//! An inner function, and not an async block: its signature and its body keep their spans, so that
//! the compiler speaks of them as of any other function, and it may return `impl Termination` and
//! `!`. A test that returns something returns an exit code here: the harness has to see whether it
//! failed, and `Termination` tells only whoever takes the value.

use std::iter;
use std::ops::Range;

use proc_macro::{Delimiter, Group, Span, TokenStream, TokenTree};

use crate::attribute::Attribute;
use crate::error::Error;
use crate::function::Function;
use crate::options::Options;
use crate::tree;

pub(crate) fn expand(attribute: Attribute, options: TokenStream, item: TokenStream) -> TokenStream {
    let tokens = tree::unwrapped(item);
    let trees = tree::trees(tokens.iter().cloned());
    let function = match Function::parse(&trees, attribute, Span::call_site()) {
        Ok(function) => function,
        // The function as well, so that what uses it, or what it uses, is not complained about.
        Err(error) => return error.into_tokens().into_iter().chain(tokens).collect(),
    };
    let arguments: Vec<_> = options.into_iter().collect();
    let trees = tree::trees(arguments.iter().cloned());
    let (options, error) = match Options::parse(&trees, attribute) {
        Ok(options) => {
            let error = refuse_second_test(&function, attribute)
                .or_else(|| refuse_argument(&function, &options, attribute));
            (options, error)
        }
        Err(error) => (Options::default(), Some(error)),
    };
    let parts = Parts {
        attribute,
        tokens: &tokens,
        function: &function,
        arguments: &arguments,
        options: &options,
        is_wrong: error.is_some(),
    };
    let error = error.map(Error::into_tokens);
    error.into_iter().chain([parts.outer()]).collect()
}

/// `#[test]` beside ours would make two tests of it.
fn refuse_second_test(function: &Function<Span>, attribute: Attribute) -> Option<Error<Span>> {
    let span = function.test.filter(|_| attribute == Attribute::Test)?;
    let message = "#[nestling::test] makes it a test already: remove `#[test]`";
    Some(Error::new(span, message))
}

/// The only argument there is to give is the clock of a run in virtual time.
fn refuse_argument(
    function: &Function<Span>,
    options: &Options<Span>,
    attribute: Attribute,
) -> Option<Error<Span>> {
    let argument = function.argument.filter(|_| !options.virtual_time)?;
    let text = attribute.text().trim_end_matches(']');
    let message = format!(
        "nobody gives this argument: remove it, or write `{text}(virtual_time)]` to get the clock, \
         a `nestling::testing::MockClock`"
    );
    Some(Error::new(argument, message))
}

struct Parts<'a> {
    attribute: Attribute,
    tokens: &'a [TokenTree],
    function: &'a Function<Span>,
    arguments: &'a [TokenTree],
    options: &'a Options<Span>,
    /// There has been an error, so what comes out serves only to avoid more of them.
    is_wrong: bool,
}

impl Parts<'_> {
    fn at(&self, range: Range<usize>) -> impl Iterator<Item = TokenTree> + use<'_> {
        self.tokens[range].iter().cloned()
    }

    fn one(&self, index: usize) -> impl Iterator<Item = TokenTree> + use<> {
        iter::once(self.tokens[index].clone())
    }

    fn outer(&self) -> TokenStream {
        let function = self.function;
        let here = Span::call_site();
        let mut outer: Vec<TokenTree> = if self.is_wrong {
            tokens("#[allow(warnings)]", here).into_iter().collect()
        } else {
            self.at(function.attributes.clone()).collect()
        };
        if self.attribute == Attribute::Test {
            outer.extend(tokens("#[::core::prelude::v1::test]", here));
        }
        outer.extend(self.at(function.visibility.clone()));
        outer.extend(tokens("fn", here));
        outer.extend(self.one(function.name));
        outer.extend(tokens("()", here));
        match (self.attribute, function.value) {
            (Attribute::Main, _) => outer.extend(self.at(function.output.clone())),
            (Attribute::Test, None) => {}
            (Attribute::Test, Some(_)) => outer.extend(tokens("-> ::std::process::ExitCode", here)),
        }
        let body: TokenStream = self.inner().chain(self.call()).collect();
        outer.push(group(
            Delimiter::Brace,
            body,
            self.tokens[function.body].span(),
        ));
        outer.into_iter().collect()
    }

    /// The user's function.
    fn inner(&self) -> impl Iterator<Item = TokenTree> + use<'_> {
        let function = self.function;
        tokens("async fn", Span::call_site())
            .into_iter()
            .chain(self.one(function.name))
            .chain(self.one(function.parameters))
            .chain(self.at(function.output.clone()))
            .chain(iter::once(block(self.tokens[function.body].clone())))
    }

    /// The call that runs it.
    fn call(&self) -> TokenStream {
        let function = self.function;
        // A type that cannot be returned is shown there.
        let here = match function.value {
            Some(span) => Span::call_site().located_at(span),
            None => Span::call_site(),
        };
        let arguments: TokenStream = self.config().into_iter().chain(self.closure()).collect();
        let mut call = self.private(here);
        call.extend(tokens(self.attribute.runner(), here));
        call.extend([group(Delimiter::Parenthesis, arguments, here)]);
        if self.attribute == Attribute::Test && function.value.is_none() {
            call.extend(tokens(";", here));
        }
        call
    }

    /// `config,`
    fn config(&self) -> TokenStream {
        let here = Span::call_site();
        let mut config = self.private(here);
        config.extend(tokens("Config::new()", here));
        if self.options.virtual_time {
            config.extend(tokens(".virtual_time()", here));
        }
        if self.options.ignores_leaks {
            config.extend(tokens(".ignore_leaks()", here));
        }
        if let Some((method, place)) = &self.options.seeds {
            let value = self.arguments[place.clone()].iter().cloned().collect();
            config.extend(tokens(&format!(".{method}"), here));
            config.extend([group(Delimiter::Parenthesis, value, here)]);
        }
        config.extend(tokens(",", here));
        config
    }

    /// What calls the user's function.
    fn closure(&self) -> TokenStream {
        let here = Span::call_site();
        let given = match self.function.argument {
            None => TokenStream::new(),
            Some(_) if self.is_wrong => tokens("::core::panic!()", here),
            // If the argument is something else than the clock, that is what it is about.
            Some(span) => tokens("__given.clock()", here.located_at(span)),
        };
        let pattern = if given.is_empty() || self.is_wrong {
            "|_|"
        } else {
            "|__given|"
        };
        let mut closure = tokens(pattern, here);
        closure.extend(self.one(self.function.name));
        closure.extend([group(Delimiter::Parenthesis, given, here)]);
        closure
    }

    /// `::nestling::testing::__private::`
    fn private(&self, here: Span) -> TokenStream {
        let mut path = match &self.options.facade {
            Some((path, span)) => tokens(path, here.located_at(*span)),
            None => tokens("::nestling", here),
        };
        path.extend(tokens("::testing::__private::", here));
        path
    }
}

/// The braces, without what another macro has wrapped around them.
fn block(token: TokenTree) -> TokenTree {
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            let mut inner = group.stream().into_iter();
            inner.next().map_or(group.into(), block)
        }
        token => token,
    }
}

fn group(delimiter: Delimiter, stream: TokenStream, span: Span) -> TokenTree {
    let mut group = Group::new(delimiter, stream);
    group.set_span(span);
    group.into()
}

/// The tokens of `source`, which is the library's own, all of them at `span`.
pub(crate) fn tokens(source: &str, span: Span) -> TokenStream {
    let source: TokenStream = source.parse().unwrap_or_default();
    let located = |mut token: TokenTree| {
        if let TokenTree::Group(inner) = token {
            let stream = inner.stream().into_iter().map(|mut token| {
                token.set_span(span);
                token
            });
            return group(inner.delimiter(), stream.collect(), span);
        }
        token.set_span(span);
        token
    };
    source.into_iter().map(located).collect()
}
