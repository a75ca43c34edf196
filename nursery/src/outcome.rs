//! What a body or a child may return.

use crate::error::BoxError;

/// The output of a nursery's body or child: `()`, a `Result` whose error can be boxed, or `!`.
///
/// It sees to it that a child that fails is always seen by its nursery.
///
/// ```compile_fail,E0277
/// # nestling_runtime::run(async {
/// nestling_nursery::open_nursery(async |nursery| {
///     nursery.start_soon(async { 3 }); // a number would be lost: `spawn` hands values on
/// }).await
/// # });
/// ```
#[diagnostic::on_unimplemented(
    message = "a nursery's body or child cannot return `{Self}`",
    label = "returns `{Self}`",
    note = "return `()`, a `Result` whose error is an `Error + Send + Sync + 'static`, or `!`",
    note = "to return a value, wrap it: `nestling::ok(value)`, and start the child with `spawn`"
)]
pub trait Outcome {
    /// What success yields.
    type Value;

    /// The value, or the error for the nursery.
    ///
    /// # Errors
    /// The one that the body or child returned.
    fn into_result(self) -> Result<Self::Value, BoxError>;
}

impl Outcome for () {
    type Value = ();

    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<T, E: Into<BoxError>> Outcome for Result<T, E> {
    type Value = T;

    fn into_result(self) -> Result<T, BoxError> {
        self.map_err(Into::into)
    }
}

mod never {
    /// Public in a private module: it only serves to name [`Never`].
    pub trait Returns {
        type Output;
    }

    impl<T> Returns for fn() -> T {
        type Output = T;
    }

    /// The type `!`, which stable Rust can write as a return type only.
    pub(super) type Never = <fn() -> ! as Returns>::Output;
}

impl Outcome for never::Never {
    type Value = never::Never;

    fn into_result(self) -> Result<Self::Value, BoxError> {
        self
    }
}

/// `Ok(value)` with the error type [`BoxError`], for a body or child whose error type nothing else
/// fixes.
///
/// ```
/// # fn main() -> Result<(), nestling_nursery::NurseryError> {
/// # nestling_runtime::run(async {
/// use nestling_nursery::{ok, open_nursery};
///
/// let sum = open_nursery(async |nursery| {
///     let three = nursery.spawn(async { ok(3) });
///     let four = nursery.spawn(async { ok(4) });
///     ok(three.await? + four.await?)
/// })
/// .await?;
/// assert_eq!(sum, 7);
/// # Ok(())
/// # })
/// # }
/// ```
///
/// # Errors
/// Never.
pub fn ok<T>(value: T) -> Result<T, BoxError> {
    Ok(value)
}
