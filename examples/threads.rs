//! Run it with `cargo run --example threads`: a long computation in a thread reports how far it is, is told to
//! stop half-way, and notices.

use nestling::to_thread::{self, Pool, SpawnError};
use nestling::{
    BoxError, CancelScope, Cancelled, Canceller, checkpoint, from_thread, open_nursery, run,
};

/// How many primes there are between `from` and `to`. It takes long and awaits nothing.
fn primes(from: u32, to: u32) -> usize {
    (from.max(2)..to)
        .filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0))
        .count()
}

/// The same in ten steps, in a thread for which a task waits.
fn primes_in_steps(below: u32, stop: &Canceller) -> Result<usize, Cancelled> {
    let mut count = 0;
    for step in 1..=10 {
        // Nobody can cut a thread off, so it asks.
        to_thread::check_cancelled()?;
        count += primes(below / 10 * (step - 1), below / 10 * step);
        let stop = stop.clone();
        // An error would mean that the task is cancelled, which the next look tells as well.
        let _cut = from_thread::run(async move || report(step * 10, &stop).await);
    }
    Ok(count)
}

/// Runs in the task that waits for the thread, where whatever belongs to the run can be used.
async fn report(percent: u32, stop: &Canceller) {
    println!("{percent} % are done");
    if percent == 50 {
        println!("the user has seen enough");
        stop.cancel_because("stopped by the user");
    }
    checkpoint().await;
}

async fn halves(pool: &Pool) -> Result<usize, BoxError> {
    let sum = open_nursery(async |nursery| {
        let low = nursery.spawn(pool.run_sync(|| primes(0, 5000)));
        let high = nursery.spawn(pool.run_sync(|| primes(5000, 10_000)));
        nestling::ok(low.await? + high.await?)
    });
    Ok(sum.await?)
}

fn main() -> Result<(), BoxError> {
    run(async {
        let scope = CancelScope::new();
        let stop = scope.canceller();
        let work = to_thread::run_sync(move || primes_in_steps(100_000, &stop));
        // The scope waits until the thread has come to its end, and gives back what that says.
        let result: Result<Result<_, SpawnError>, Cancelled> = scope.run(work).await;
        match result?? {
            Ok(count) => println!("{count} primes"),
            Err(cancelled) => {
                let reason = cancelled.reason().unwrap_or("nobody knows why");
                println!("the thread noticed: {reason}");
            }
        }

        // Computations get threads of their own, as many as there are processors for them.
        let pool = Pool::new(2).name("primes");
        println!("{} primes below 10000", halves(&pool).await?);
        Ok(())
    })
}

// It prints:
//
// 10 % are done
// 20 % are done
// 30 % are done
// 40 % are done
// 50 % are done
// the user has seen enough
// the thread noticed: stopped by the user
// 1229 primes below 10000
