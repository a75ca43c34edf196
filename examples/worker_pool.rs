//! Run it with `cargo run --example worker_pool`: three workers share a queue of jobs. One job fails, one
//! hangs, and neither does any harm to the others.
//!
//! It runs in virtual time, so it takes no time and prints the same each time; `sleep` stands for work.

use std::cell::RefCell;
use std::time::Duration;

use nestling::channel::WorkQueue;
use nestling::testing::MockClock;
use nestling::{BoxError, Builder, NurseryError, open_nursery};
use nestling::{current_time, move_on_after, sleep, sleep_forever};

const PAGES: u32 = 8;
const WORKERS: u32 = 3;
const LIMIT: Duration = Duration::from_secs(1);

/// One job: counts the words of a page.
async fn count_words(page: u32) -> Result<u32, BoxError> {
    sleep(Duration::from_millis(u64::from(page * 3 % 5 + 1) * 100)).await;
    match page {
        4 => Err("there is nothing on it".into()),
        6 => {
            sleep_forever().await;
            Ok(0)
        }
        _ => Ok(page * 120),
    }
}

/// What has come of a job.
struct Report {
    page: u32,
    words: Result<u32, BoxError>,
}

/// Works until there are no jobs any more.
async fn worker(name: u32, jobs: &WorkQueue<u32>, reports: &RefCell<Vec<Report>>) {
    let start = current_time();
    let mut done = 0;
    // Three workers wait for jobs here. `None` means that there will be none.
    while let Some(page) = jobs.get().await {
        // Whatever a job returns belongs into its report. With `?` here it would be the worker that
        // fails, and with it the nursery, and all other workers.
        let counted = move_on_after(LIMIT, count_words(*page)).await;
        let words = counted.unwrap_or_else(|| Err("it takes too long".into()));
        let millis = (current_time() - start).as_millis();
        match &words {
            Ok(words) => println!("{millis:>4} ms  worker {name}: page {page} has {words} words"),
            Err(error) => println!("{millis:>4} ms  worker {name}: page {page} failed: {error}"),
        }
        // A plain `RefCell` of the parent: tasks take turns, so nobody can be in the middle of it.
        reports.borrow_mut().push(Report { page: *page, words });
        done += 1;
    } // dropping the job tells the queue that it is done
    println!("worker {name} goes home after {done} jobs");
}

async fn count_all() -> Result<Vec<Report>, NurseryError> {
    // There is room for two jobs that nobody has begun; who puts a third one waits.
    let jobs = WorkQueue::fifo(2);
    let reports = RefCell::new(Vec::new());
    open_nursery(async |nursery| {
        for name in 1..=WORKERS {
            nursery.start_soon(worker(name, &jobs, &reports));
        }
        for page in 1..=PAGES {
            jobs.put(page).await?;
        }
        jobs.shutdown(); // no more jobs: the workers finish what there is, and end
        jobs.join().await;
        println!("all jobs are done");
        nestling::ok(())
    })
    .await?;
    Ok(reports.into_inner())
}

fn main() -> Result<(), NurseryError> {
    let mut reports = Builder::new().clock(MockClock::new()).run(count_all())?;
    reports.sort_by_key(|report| report.page);
    let words: u32 = reports
        .iter()
        .filter_map(|report| report.words.as_ref().ok())
        .sum();
    let failed = reports.iter().filter(|report| report.words.is_err());
    let failed: Vec<_> = failed.map(|report| report.page.to_string()).collect();
    println!(
        "{words} words; pages {} could not be counted",
        failed.join(" and ")
    );
    Ok(())
}

// It prints:
//
//  200 ms  worker 2: page 2 has 240 words
//  400 ms  worker 1: page 1 has 120 words
//  500 ms  worker 3: page 3 has 360 words
//  500 ms  worker 2: page 4 failed: there is nothing on it
//  500 ms  worker 1: page 5 has 600 words
//  700 ms  worker 2: page 7 has 840 words
// worker 2 goes home after 3 jobs
// 1000 ms  worker 1: page 8 has 960 words
// worker 1 goes home after 3 jobs
// 1500 ms  worker 3: page 6 failed: it takes too long
// worker 3 goes home after 2 jobs
// all jobs are done
// 3120 words; pages 4 and 6 could not be counted
