//! The attributes `#[nestling::main]` and `#[nestling::test]`.
//!
//! Programs use them from the `nestling` crate. They only put a function around the user's; what
//! that one does stands in `nestling_runtime::testing`.

mod attribute;
mod error;
mod expand;
mod function;
mod options;
mod tree;

use proc_macro::TokenStream;

use attribute::Attribute;

#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Attribute::Main, options, item)
}

#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Attribute::Test, options, item)
}
