//! What stands in the parentheses of the attribute.

use std::ops::Range;

use crate::attribute::Attribute;
use crate::error::Error;
use crate::tree::Tree;

#[derive(Debug)]
pub(crate) struct Options<S> {
    pub(crate) virtual_time: bool,
    /// `seed = …` or `seeds = …`: the method, and where the value stands.
    pub(crate) seeds: Option<(&'static str, Range<usize>)>,
    pub(crate) ignores_leaks: bool,
    /// The path to the facade, instead of `::nestling`, and where it stood.
    pub(crate) facade: Option<(String, S)>,
}

impl<S> Default for Options<S> {
    fn default() -> Self {
        Options {
            virtual_time: false,
            seeds: None,
            ignores_leaks: false,
            facade: None,
        }
    }
}

/// One of them.
struct Option_<'a, S> {
    name: &'a str,
    span: S,
    /// What follows the `=`; empty for a word that stands alone.
    value: &'a [Tree<S>],
    place: Range<usize>,
}

impl<S: Copy> Options<S> {
    pub(crate) fn parse(trees: &[Tree<S>], attribute: Attribute) -> Result<Options<S>, Error<S>> {
        let mut options = Options::default();
        let mut seen: Vec<&str> = Vec::new();
        let mut start = 0;
        while start < trees.len() {
            let comma = trees[start..].iter().position(|tree| tree.is_punct(','));
            let end = comma.map_or(trees.len(), |comma| start + comma);
            let option = Option_::parse(trees, start..end, attribute)?;
            option.refuse_twice(&seen)?;
            seen.push(option.name);
            options.set(&option, attribute)?;
            start = end + 1;
        }
        Ok(options)
    }

    fn set(&mut self, option: &Option_<'_, S>, attribute: Attribute) -> Result<(), Error<S>> {
        match option.name {
            "virtual_time" | "real_time" => {
                option.stand_alone()?;
                self.virtual_time = option.name == "virtual_time";
            }
            "seed" => {
                option.seed()?;
                self.seeds = Some(("seed", option.place.clone()));
            }
            "seeds" if attribute == Attribute::Test => {
                option.seeds()?;
                self.seeds = Some(("seeds", option.place.clone()));
            }
            "leaks" if attribute == Attribute::Test => self.ignores_leaks = option.leaks()?,
            "crate" => self.facade = Some((option.path()?, option.value_span())),
            "seeds" | "leaks" => {
                let message = format!(
                    "`{}` is an option of #[nestling::test] alone; remove it",
                    option.name
                );
                return Err(Error::new(option.span, message));
            }
            unknown => {
                let message = format!("unknown option `{unknown}`: {}", known(attribute));
                return Err(Error::new(option.span, message));
            }
        }
        Ok(())
    }
}

fn known(attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::Main => {
            "#[nestling::main] takes `virtual_time`, `real_time`, `seed = 7` and \
             `crate = \"path::to::nestling\"`"
        }
        Attribute::Test => {
            "#[nestling::test] takes `virtual_time`, `real_time`, `seed = 7`, `seeds = 0..100`, \
             `leaks = \"ignore\"` and `crate = \"path::to::nestling\"`"
        }
    }
}

impl<'a, S: Copy> Option_<'a, S> {
    fn parse(
        trees: &'a [Tree<S>],
        place: Range<usize>,
        attribute: Attribute,
    ) -> Result<Option_<'a, S>, Error<S>> {
        let (name, span, rest) = match &trees[place.clone()] {
            [Tree::Ident(name, span), rest @ ..] => (&**name, *span, rest),
            [other, ..] => {
                let message = format!(
                    "here the name of an option is missing: {}",
                    known(attribute)
                );
                return Err(Error::new(other.span(), message));
            }
            [] => {
                let comma = trees[place.start].span();
                return Err(Error::new(
                    comma,
                    "here an option is missing before the comma",
                ));
            }
        };
        let value = match rest {
            [] => rest,
            [equals, value @ ..] if equals.is_punct('=') && !value.is_empty() => value,
            [equals] if equals.is_punct('=') => {
                let message = format!(
                    "here the value of `{name}` is missing: {}",
                    known(attribute)
                );
                return Err(Error::new(equals.span(), message));
            }
            [other, ..] => {
                let message = format!(
                    "a comma or `=` should follow `{name}`: {}",
                    known(attribute)
                );
                return Err(Error::new(other.span(), message));
            }
        };
        Ok(Option_ {
            name,
            span,
            value,
            place: place.end - value.len()..place.end,
        })
    }

    fn value_span(&self) -> S {
        self.value.first().map_or(self.span, Tree::span)
    }

    fn refuse_twice(&self, seen: &[&str]) -> Result<(), Error<S>> {
        if seen.contains(&self.name) {
            let message = format!("`{}` stands here twice: remove one", self.name);
            return Err(Error::new(self.span, message));
        }
        for (one, other, why) in [
            ("virtual_time", "real_time", "it is one or the other"),
            (
                "seed",
                "seeds",
                "`seed` is for one run, `seeds` for several",
            ),
        ] {
            let pair = [one, other];
            if pair.contains(&self.name) && pair.iter().any(|name| seen.contains(name)) {
                let message =
                    format!("`{one}` and `{other}` do not go together, {why}: remove one");
                return Err(Error::new(self.span, message));
            }
        }
        Ok(())
    }

    fn stand_alone(&self) -> Result<(), Error<S>> {
        match self.value {
            [] => Ok(()),
            [first, ..] => Err(Error::new(
                first.span(),
                format!("`{0}` takes no value: write `{0}` alone", self.name),
            )),
        }
    }

    /// Numbers are checked here; what else gives a `u64`, like a constant, the compiler checks.
    fn seed(&self) -> Result<(), Error<S>> {
        let wrong = match self.value {
            [] => true,
            [Tree::Literal(text, _)] => !is_u64(text),
            [first, ..] => first.is_punct('-'),
        };
        if wrong {
            let message = "a seed is a number from 0 to u64::MAX: write `seed = 7`";
            return Err(Error::new(self.value_span(), message));
        }
        Ok(())
    }

    fn seeds(&self) -> Result<(), Error<S>> {
        let wrong = match self.value {
            [] | [Tree::Literal(..)] => true,
            [first, ..] => first.is_punct('-'),
        };
        if wrong {
            let message = "several seeds are a range of numbers from 0 to u64::MAX: \
                           write `seeds = 0..100`, or `seed = 7` for one";
            return Err(Error::new(self.value_span(), message));
        }
        Ok(())
    }

    fn leaks(&self) -> Result<bool, Error<S>> {
        match self.value {
            [value] if value.literal() == Some("\"ignore\"") => Ok(true),
            [value] if value.literal() == Some("\"check\"") => Ok(false),
            _ => Err(Error::new(
                self.value_span(),
                "write `leaks = \"ignore\"` to have leaks ignored, or \"check\", which is what \
                 happens anyway",
            )),
        }
    }

    /// A path as text, whether it was written as a string or plainly.
    fn path(&self) -> Result<String, Error<S>> {
        let text = match self.value {
            [Tree::Literal(text, _)] => text.trim_matches('"').to_owned(),
            parts => {
                let part = |tree: &Tree<S>| match tree {
                    Tree::Ident(name, _) => Some(name.clone()),
                    Tree::Punct(':', _) => Some(":".to_owned()),
                    _ => None,
                };
                parts
                    .iter()
                    .map(part)
                    .collect::<Option<String>>()
                    .unwrap_or_default()
            }
        };
        let is_name = |name: &str| {
            let mut chars = name.chars();
            chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
                && chars.all(|c| c.is_alphanumeric() || c == '_')
                && name != "_"
        };
        let names = text.strip_prefix("::").unwrap_or(&text);
        if names.split("::").all(is_name) {
            Ok(text)
        } else {
            let message = "the path to Nestling was expected: write `crate = \"nestling\"` or \
                           `crate = \"path::to::nestling\"`";
            Err(Error::new(self.value_span(), message))
        }
    }
}

fn is_u64(literal: &str) -> bool {
    let digits = literal.replace('_', "");
    let digits = digits.strip_suffix("u64").unwrap_or(&digits);
    let radix = |prefix, radix| {
        let digits = digits.strip_prefix(prefix)?;
        Some(u64::from_str_radix(digits, radix))
    };
    radix("0x", 16)
        .or_else(|| radix("0o", 8))
        .or_else(|| radix("0b", 2))
        .unwrap_or_else(|| digits.parse())
        .is_ok()
}

#[cfg(test)]
mod tests;
