//! Tokens as the parsers see them.
//!
//! The compiler's own tokens exist only while a macro runs, so the parsers work on these, with any
//! type of span: the unit tests make them from text. The parsers say *where* something stands, and
//! `expand` takes the compiler's tokens from there.

use proc_macro::{Delimiter, Span, TokenStream, TokenTree};

#[derive(Clone, Debug)]
pub(crate) enum Tree<S> {
    Group(Delimiter, Vec<Tree<S>>, S),
    Ident(String, S),
    Punct(char, S),
    Literal(String, S),
}

impl<S: Copy> Tree<S> {
    pub(crate) fn span(&self) -> S {
        match self {
            Tree::Group(_, _, span)
            | Tree::Ident(_, span)
            | Tree::Punct(_, span)
            | Tree::Literal(_, span) => *span,
        }
    }

    pub(crate) fn ident(&self) -> Option<&str> {
        match self {
            Tree::Ident(name, _) => Some(name),
            _ => None,
        }
    }

    pub(crate) fn literal(&self) -> Option<&str> {
        match self {
            Tree::Literal(text, _) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_ident(&self, name: &str) -> bool {
        self.ident() == Some(name)
    }

    pub(crate) fn is_punct(&self, char: char) -> bool {
        matches!(self, Tree::Punct(it, _) if *it == char)
    }

    /// What stands between these delimiters.
    pub(crate) fn group(&self, delimiter: Delimiter) -> Option<&[Tree<S>]> {
        match self {
            Tree::Group(it, inner, _) if *it == delimiter => Some(inner),
            _ => None,
        }
    }
}

/// The same tokens, at the same places.
pub(crate) fn trees(tokens: impl IntoIterator<Item = TokenTree>) -> Vec<Tree<Span>> {
    let tree = |token: TokenTree| {
        let span = token.span();
        match token {
            TokenTree::Group(group) => Tree::Group(group.delimiter(), trees(group.stream()), span),
            TokenTree::Ident(ident) => Tree::Ident(ident.to_string(), span),
            TokenTree::Punct(punct) => Tree::Punct(punct.as_char(), span),
            TokenTree::Literal(literal) => Tree::Literal(literal.to_string(), span),
        }
    };
    tokens.into_iter().map(tree).collect()
}

/// The tokens of an item. One that came through the `$item:item` of another macro is wrapped up.
pub(crate) fn unwrapped(stream: TokenStream) -> Vec<TokenTree> {
    let mut tokens: Vec<_> = stream.into_iter().collect();
    while let [TokenTree::Group(group)] = &tokens[..] {
        if group.delimiter() != Delimiter::None {
            break;
        }
        tokens = group.stream().into_iter().collect();
    }
    tokens
}

#[cfg(test)]
pub(crate) mod text {
    //! Trees from text, for tests. A span is the piece of text that it covers.

    use proc_macro::Delimiter;

    use super::Tree;

    pub(crate) fn trees(text: &'static str) -> Vec<Tree<&'static str>> {
        let mut rest = text;
        let trees = sequence(&mut rest);
        assert!(rest.is_empty(), "it is not closed before `{rest}`");
        trees
    }

    fn sequence(rest: &mut &'static str) -> Vec<Tree<&'static str>> {
        let mut trees = Vec::new();
        loop {
            *rest = rest.trim_start();
            let Some(first) = rest.chars().next() else {
                return trees;
            };
            let whole = *rest;
            let delimiter = match first {
                '(' => Delimiter::Parenthesis,
                '[' => Delimiter::Bracket,
                '{' => Delimiter::Brace,
                // What no source has: the borders of what another macro was given.
                '«' => Delimiter::None,
                ')' | ']' | '}' | '»' => return trees,
                '"' => {
                    let end = whole[1..].find('"').expect("a string ends") + 2;
                    *rest = &whole[end..];
                    trees.push(Tree::Literal(whole[..end].to_owned(), &whole[..end]));
                    continue;
                }
                _ if first.is_alphanumeric() || first == '_' => {
                    let end = |char: char| !char.is_alphanumeric() && char != '_';
                    let end = whole.find(end).unwrap_or(whole.len());
                    *rest = &whole[end..];
                    let word = &whole[..end];
                    trees.push(if first.is_ascii_digit() {
                        Tree::Literal(word.to_owned(), word)
                    } else {
                        Tree::Ident(word.to_owned(), word)
                    });
                    continue;
                }
                _ => {
                    *rest = &whole[first.len_utf8()..];
                    trees.push(Tree::Punct(first, &whole[..first.len_utf8()]));
                    continue;
                }
            };
            *rest = &whole[first.len_utf8()..];
            let inner = sequence(rest);
            let close = rest.chars().next().expect("a group is closed");
            *rest = &rest[close.len_utf8()..];
            let span = &whole[..whole.len() - rest.len()];
            trees.push(Tree::Group(delimiter, inner, span));
        }
    }
}
