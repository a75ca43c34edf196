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

/// Makes an `async fn main` the program's `main`, which runs it as `nestling::run` does.
///
/// ```
/// use std::time::Duration;
///
/// #[nestling::main]
/// async fn main() -> Result<(), nestling::NurseryError> {
///     nestling::open_nursery(async |nursery| {
///         nursery.start_soon(nestling::sleep(Duration::from_millis(1)));
///     })
///     .await
/// }
/// ```
///
/// The function may return whatever `main` may: nothing, a `Result`, an `ExitCode`, `!`. Attributes and
/// visibility stay with it, and it may have another name than `main`: it is an ordinary function then,
/// which must not be called inside a run.
///
/// # Options
///
/// | | |
/// |---|---|
/// | `virtual_time` | takes the time from a [`MockClock`]: whenever everybody waits, it jumps to the next deadline |
/// | `real_time` | takes the time from the system's clock, which is what happens anyway |
/// | `seed = 7` | shuffles the tasks that are ready, as [`Builder::seed`] does; any expression that gives a `u64` |
/// | `crate = "path::to::nestling"` | where the crate is to be found if it is not `::nestling` |
///
/// With `virtual_time` the function may have an argument, which is the clock:
///
/// ```
/// use std::time::Duration;
/// use nestling::testing::MockClock;
///
/// const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
///
/// #[nestling::main(virtual_time, seed = 7)]
/// async fn main(clock: MockClock) {
///     nestling::sleep(YEAR).await; // over at once
///     assert_eq!(clock.elapsed(), YEAR);
/// }
/// ```
///
/// # Errors
/// What cannot be run does not compile:
///
/// ```compile_fail
/// #[nestling::main]
/// fn main() {} // `#[nestling::main] runs a future: write `async fn` in place of `fn``
/// ```
///
/// # Panics
/// As `nestling::run`.
///
/// [`MockClock`]: https://docs.rs/nestling/latest/nestling/testing/struct.MockClock.html
/// [`Builder::seed`]: https://docs.rs/nestling/latest/nestling/struct.Builder.html#method.seed
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Attribute::Main, options, item)
}

/// Makes an `async fn` a test, which has a run of its own and must not leave anything behind.
///
/// ```
/// use std::time::Duration;
/// use nestling::testing::MockClock;
///
/// #[nestling::test]
/// async fn a_task_may_fail() -> Result<(), nestling::NurseryError> {
///     nestling::open_nursery(async |nursery| nursery.start_soon(async {})).await
/// }
///
/// #[nestling::test(virtual_time)]
/// async fn a_day_passes_at_once(clock: MockClock) {
///     let day = Duration::from_secs(24 * 60 * 60);
///     nestling::sleep(day).await;
///     assert_eq!(clock.elapsed(), day);
/// }
///
/// #[nestling::test(virtual_time, seeds = 0..100)]
/// async fn the_order_of_tasks_does_not_matter() {
///     // runs a hundred times
/// }
/// # fn main() {}
/// ```
///
/// `#[test]` is not to be added; `#[should_panic]`, `#[ignore]` and all other attributes stay with the
/// function. It may return whatever a test may: nothing, a `Result`, an `ExitCode`, `!`.
///
/// # Options
///
/// | | |
/// |---|---|
/// | `virtual_time` | takes the time from a [`MockClock`]: whenever everybody waits, it jumps to the next deadline; and if nothing can happen any more, the test fails and shows the tree of tasks |
/// | `real_time` | takes the time from the system's clock, which is what happens anyway |
/// | `seed = 7` | shuffles the tasks that are ready, as [`Builder::seed`] does |
/// | `seeds = 0..100` | runs the test with each of these seeds until it fails |
/// | `leaks = "ignore"` | does not look for what is left behind |
/// | `crate = "path::to::nestling"` | where the crate is to be found if it is not `::nestling` |
///
/// A seed is any expression that gives a `u64`, seeds are whatever can be iterated for them. With
/// `virtual_time` the function may have an argument, which is the clock.
///
/// When a test of several seeds fails, it tells the seed. To see the failure again without changing the
/// test, run it with that seed in the environment: `NESTLING_SEED=17 cargo test the_test`.
///
/// # What must not be left behind
///
/// A test that has passed so far still fails if something is left. What is looked at:
///
/// * **Always**: what lives in the run after the function has returned: frames (tasks, nurseries, scopes),
///   armed timers, and sources (sockets, and what else an [`Io`] owns). Such a thing is left if its future or
///   its owner was leaked, or was put where it outlives the function.
/// * **On Linux**: threads that have no name and descend from the test's thread by nothing but such
///   threads, as those of `std::thread::spawn` do. Linux lets a thread inherit the name of its maker, and the
///   test's thread has a name of its own while the test runs.
/// * **On Linux, if no other test of the process can run meanwhile**: all threads, and all file descriptors,
///   that were not there before. That is so with cargo-nextest, which gives each test a process; with
///   `--test-threads=1` or `RUST_TEST_THREADS=1`; with `--exact` and the name of one test; and on a machine
///   with one processor. But if a thread of something else is there when the test begins, it may open
///   whatever it likes, and this part is left out.
///
/// With `cargo test` as it stands, tests run side by side, and whose descriptors are whose cannot be
/// known; so let the tests run one by one now and then: `cargo test -- --test-threads=1`.
///
/// Threads of Nestling itself do not count; they end when they have been idle for a while. A thread that has
/// just been waited for may need a moment to end. So what is left counts only if it is still there after
/// four seconds; a test that leaves nothing waits for nothing.
///
/// A test that has failed anyway is not looked at. What is meant to live as long as the process, like the
/// threads of a global pool that the test is the first to use, is a leak to this check: say
/// `leaks = "ignore"` there. Memory is not looked at.
///
/// # Errors
/// What cannot be run does not compile:
///
/// ```compile_fail
/// #[nestling::test(virtual)] // `unknown option `virtual`: #[nestling::test] takes `virtual_time`, …`
/// async fn t() {}
/// # fn main() {}
/// ```
///
/// ```compile_fail
/// #[nestling::test]
/// async fn t(clock: nestling::testing::MockClock) {} // only with `virtual_time`
/// # fn main() {}
/// ```
///
/// [`MockClock`]: https://docs.rs/nestling/latest/nestling/testing/struct.MockClock.html
/// [`Builder::seed`]: https://docs.rs/nestling/latest/nestling/struct.Builder.html#method.seed
/// [`Io`]: https://docs.rs/nestling/latest/nestling/io/struct.Io.html
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Attribute::Test, options, item)
}
