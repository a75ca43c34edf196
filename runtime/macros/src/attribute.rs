//! Which of the two attributes it is.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    Main,
    Test,
}

impl Attribute {
    /// As it is written.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Attribute::Main => "#[nestling::main]",
            Attribute::Test => "#[nestling::test]",
        }
    }

    /// The name of the function that does the work.
    pub(crate) fn runner(self) -> &'static str {
        match self {
            Attribute::Main => "main",
            Attribute::Test => "test",
        }
    }
}
