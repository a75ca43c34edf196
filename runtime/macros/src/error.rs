//! What the user is told, and where.

use proc_macro::{Delimiter, Group, Literal, Span, TokenStream, TokenTree};

/// Something that cannot be expanded.
#[derive(Debug)]
pub(crate) struct Error<S> {
    pub(crate) span: S,
    pub(crate) message: String,
}

impl<S> Error<S> {
    pub(crate) fn new(span: S, message: impl Into<String>) -> Error<S> {
        Error {
            span,
            message: message.into(),
        }
    }
}

impl Error<Span> {
    /// `::core::compile_error! { "…" }`, all of it at the span.
    pub(crate) fn into_tokens(self) -> TokenStream {
        let mut message = Literal::string(&self.message);
        message.set_span(self.span);
        let mut group = Group::new(Delimiter::Brace, TokenTree::from(message).into());
        group.set_span(self.span);
        let mut tokens = crate::expand::tokens("::core::compile_error!", self.span);
        tokens.extend([TokenTree::from(group)]);
        tokens
    }
}
