//! What the functions may look like.

use std::process::{ExitCode, Termination};
use std::time::{Duration, Instant};

use nestling::testing::MockClock;
use nestling::{current_time, sleep};

use crate::program::run_alone;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[nestling::test]
async fn nothing_is_returned() {
    sleep(Duration::ZERO).await;
}

#[nestling::test]
async fn unit_is_returned() -> () {
    sleep(Duration::ZERO).await;
}

#[nestling::test]
async fn a_result_is_returned() -> Result<(), Box<dyn std::error::Error>> {
    sleep("0".parse::<u64>().map(Duration::from_secs)?).await;
    Ok(())
}

#[nestling::test]
async fn anything_is_returned_that_a_test_may_return() -> impl Termination {
    ExitCode::SUCCESS
}

#[nestling::test(real_time)]
pub(super) async fn real_time_is_the_systems() {
    let before = Instant::now();
    let now = current_time();
    assert!(before <= now && now <= Instant::now());
}

#[nestling::test(virtual_time)]
async fn virtual_time_jumps() {
    let before = current_time();
    sleep(DAY).await;
    assert_eq!(current_time() - before, DAY);
}

#[nestling::test(virtual_time, seeds = 0..3)]
async fn the_clock_is_given(clock: MockClock) {
    assert_eq!(clock.elapsed(), Duration::ZERO);
    sleep(DAY).await;
    assert_eq!(clock.elapsed(), DAY);
}

#[nestling::test]
#[should_panic(expected = "as it should")]
async fn other_attributes_stay() {
    panic!("as it should");
}

#[should_panic(expected = "as it should")]
#[nestling::test(virtual_time)]
#[allow(unused_variables, reason = "that is what is tested")]
async fn on_either_side(clock: MockClock) -> () {
    panic!("as it should");
}

#[nestling::test]
#[cfg(any())]
async fn what_is_configured_away_need_not_compile() {
    neither_this();
}

/// The body may call itself, as any `async fn`.
#[nestling::test]
async fn it_is_the_async_function_inside() {
    let again = it_is_the_async_function_inside;
    fn is_async<F: Future<Output = ()>>(_: impl Fn() -> F) {}
    is_async(again);
}

mod elsewhere {
    pub(crate) use nestling as renamed;

    #[nestling::test(crate = "renamed")]
    async fn the_crate_may_have_another_name() {}

    #[nestling::test(crate = crate::forms::elsewhere::renamed, virtual_time)]
    async fn or_stand_elsewhere() {}
}

macro_rules! tests {
    ($($(#[$attribute:meta])* $visibility:vis $name:ident -> $output:ty $body:block)*) => {
        $(
            $(#[$attribute])*
            $visibility async fn $name() -> $output $body
        )*
    };
}

tests! {
    #[nestling::test]
    other_macros_may_make_them -> Result<(), String> { Ok(()) }
    #[nestling::test(seed = 3)]
    #[should_panic]
    pub(crate) with_all_their_parts -> () { panic!() }
}

macro_rules! whole {
    ($attribute:meta, $seed:literal, $item:item) => {
        #[nestling::test(seed = $seed)]
        #[$attribute]
        $item
    };
}

whole! {should_panic, 7, async fn also_as_a_whole() { panic!() }}

#[nestling::main(virtual_time, seed = 7)]
async fn not_main(clock: MockClock) -> Duration {
    sleep(DAY).await;
    clock.elapsed()
}

#[nestling::main]
pub(crate) async fn that_fails() -> Result<u8, std::num::ParseIntError> {
    sleep(Duration::ZERO).await;
    "256".parse()
}

#[test]
fn main_runs_what_it_stands_on() {
    assert_eq!(not_main(), DAY);
    assert!(that_fails().is_err());
}

#[test]
fn what_fails_fails() {
    run_alone("planted::never_returns").expect_failed(&["that is how it ends"]);
    run_alone("planted::returns_a_failure").expect_failed(&["returns_a_failure"]);
}

#[test]
fn a_deadlock_is_told_by_the_name_of_the_test() {
    let ended = run_alone("planted::waits_for_ever");
    ended.expect_failed(&[
        "main `attributes::planted::waits_for_ever` (tests/attributes/planted.rs:",
    ]);
}
