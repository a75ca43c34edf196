//! Programs that must not compile, each beside a twin that does. Only doc tests see this module.
//!
//! The error codes are checked by a nightly rustdoc. Where there is none, rustc has none: it says
//! "lifetime may not live long enough".
//!
//! # A child must not borrow what its nursery does not outlive
//!
//! What is around the nursery may be borrowed:
//!
//! ```
//! # use nestling_nursery::open_nursery;
//! # nestling_runtime::run(async {
//! let local = String::from("lives longer than the nursery");
//! open_nursery(async |nursery| {
//!     nursery.start_soon(async { println!("{local}") });
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! A local of the body may not, as the body may end before its children:
//!
//! ```compile_fail,E0373
//! # use nestling_nursery::open_nursery;
//! # nestling_runtime::run(async {
//! open_nursery(async |nursery| {
//!     let local = String::from("gone when the body ends");
//!     nursery.start_soon(async { println!("{local}") });
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! ```compile_fail,E0597
//! # use nestling_nursery::open_nursery;
//! # async fn print(text: &str) { println!("{text}") }
//! # nestling_runtime::run(async {
//! open_nursery(async |nursery| {
//!     let local = String::from("gone when the body ends");
//!     nursery.start_soon(print(&local));
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! Moved into the child, it may:
//!
//! ```
//! # use nestling_nursery::open_nursery;
//! # nestling_runtime::run(async {
//! open_nursery(async |nursery| {
//!     let local = String::from("moved");
//!     nursery.start_soon(async move { println!("{local}") });
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! Nor may what the body's closure owns be borrowed, for it dies with the body:
//!
//! ```compile_fail,E0373
//! # use nestling_nursery::open_nursery;
//! # nestling_runtime::run(async {
//! let owned = String::from("moved into the body");
//! open_nursery(async move |nursery| {
//!     nursery.start_soon(async { println!("{owned}") });
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! # The same holds for `spawn` and `start`
//!
//! ```
//! # use nestling_nursery::{Ready, StartError, ok, open_nursery};
//! # nestling_runtime::run(async {
//! let local = String::from("lives longer than the nursery");
//! open_nursery(async |nursery| {
//!     let _length = nursery.spawn(async { ok(local.len()) });
//!     nursery.start(async |ready: Ready<usize>| ready.started(local.len())).await?;
//!     Ok::<_, StartError>(())
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! ```compile_fail,E0373
//! # use nestling_nursery::{ok, open_nursery};
//! # nestling_runtime::run(async {
//! open_nursery(async |nursery| {
//!     let local = String::from("gone when the body ends");
//!     let _length = nursery.spawn(async { ok(local.len()) });
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! ```compile_fail,E0597
//! # use nestling_nursery::{Ready, StartError, open_nursery};
//! # nestling_runtime::run(async {
//! open_nursery(async |nursery| {
//!     let local = String::from("gone when the body ends");
//!     nursery.start(async |ready: Ready<usize>| ready.started(local.len())).await?;
//!     Ok::<_, StartError>(())
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! # Nothing that is the nursery's gets out of its body
//!
//! A value may leave it:
//!
//! ```
//! # use nestling_nursery::{ok, open_nursery};
//! # nestling_runtime::run(async {
//! let mut kept = None;
//! open_nursery(async |nursery| {
//!     let handle = nursery.spawn(async { ok(5) });
//!     kept = Some(handle.await?);
//!     ok(())
//! })
//! .await?;
//! assert_eq!(kept, Some(5));
//! # ok(())
//! # }).unwrap();
//! ```
//!
//! The nursery may not, neither through a variable nor as the body's value:
//!
//! ```compile_fail
//! # use nestling_nursery::open_nursery;
//! # nestling_runtime::run(async {
//! let mut kept = None;
//! open_nursery(async |nursery| {
//!     kept = Some(nursery);
//! })
//! .await.unwrap();
//! kept.unwrap().start_soon(async {});
//! # });
//! ```
//!
//! ```compile_fail
//! # use nestling_nursery::{ok, open_nursery};
//! # nestling_runtime::run(async {
//! let nursery = open_nursery(async |nursery| ok(nursery)).await.unwrap();
//! nursery.start_soon(async {});
//! # });
//! ```
//!
//! Nor may the handle of a child:
//!
//! ```compile_fail
//! # use nestling_nursery::{ok, open_nursery};
//! # nestling_runtime::run(async {
//! let mut kept = None;
//! open_nursery(async |nursery| {
//!     kept = Some(nursery.spawn(async { ok(5) }));
//! })
//! .await.unwrap();
//! kept.unwrap().await
//! # }).unwrap();
//! ```
//!
//! ```compile_fail
//! # use nestling_nursery::{ok, open_nursery};
//! # nestling_runtime::run(async {
//! let handle = open_nursery(async |nursery| ok(nursery.spawn(async { ok(5) }))).await.unwrap();
//! handle.await
//! # }).unwrap();
//! ```
//!
//! An inner nursery is no business of an outer one's children:
//!
//! ```
//! # use nestling_nursery::open_nursery;
//! # nestling_runtime::run(async {
//! open_nursery(async |outer| {
//!     open_nursery(async |inner| {
//!         inner.start_soon(async { outer.start_soon(async {}) });
//!     })
//!     .await
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! ```compile_fail
//! # use nestling_nursery::open_nursery;
//! # nestling_runtime::run(async {
//! open_nursery(async |outer| {
//!     open_nursery(async |inner| {
//!         outer.start_soon(async { inner.start_soon(async {}) });
//!     })
//!     .await
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! # A child's borrow does not get out of the child
//!
//! ```
//! # use nestling_nursery::{ok, open_nursery};
//! # nestling_runtime::run(async {
//! let text = String::from("borrowed by the child, and by its value");
//! open_nursery(async |nursery| {
//!     let word = nursery.spawn(async { ok(text.split(' ').next()) }).await?;
//!     ok(println!("{word:?}"))
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! ```compile_fail,E0515
//! # use nestling_nursery::{ok, open_nursery};
//! # nestling_runtime::run(async {
//! open_nursery(async |nursery| {
//!     let word = nursery.spawn(async {
//!         let text = String::from("the child's own");
//!         ok(text.split(' ').next())
//!     });
//!     let _word = word.await?;
//!     ok(())
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! While children borrow something mutably, nobody else has it; afterwards the parent has it again:
//!
//! ```
//! # use nestling_nursery::open_nursery;
//! # nestling_runtime::run(async {
//! let mut count = 0;
//! open_nursery(async |nursery| nursery.start_soon(async { count += 1 })).await?;
//! count += 1;
//! assert_eq!(count, 2);
//! # Ok::<_, nestling_nursery::NurseryError>(())
//! # }).unwrap();
//! ```
//!
//! ```compile_fail,E0499
//! # use nestling_nursery::open_nursery;
//! # nestling_runtime::run(async {
//! let mut count = 0;
//! open_nursery(async |nursery| {
//!     nursery.start_soon(async { count += 1 });
//!     nursery.start_soon(async { count += 1 });
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! ```compile_fail,E0505
//! # use nestling_nursery::open_nursery;
//! # nestling_runtime::run(async {
//! let text = String::from("moved away while it is borrowed");
//! let nursery = open_nursery(async |nursery| nursery.start_soon(async { println!("{text}") }));
//! drop(text);
//! nursery.await
//! # }).unwrap();
//! ```
//!
//! # Nothing that is the nursery's goes to another thread
//!
//! ```
//! # use nestling_nursery::{CancelScope, Nursery, open_nursery};
//! # nestling_runtime::run(async {
//! open_nursery(async |nursery| {
//!     let handle = nestling_runtime::RunHandle::current();
//!     std::thread::spawn(move || handle.run_soon(|| println!("back on the run's thread")));
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! ```compile_fail,E0277
//! # use nestling_nursery::open_nursery;
//! # nestling_runtime::run(async {
//! open_nursery(async |nursery| {
//!     std::thread::scope(|scope| {
//!         scope.spawn(|| nursery.start_soon(async {}));
//!     });
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! ```compile_fail,E0277
//! # use nestling_nursery::{ok, open_nursery};
//! # nestling_runtime::run(async {
//! open_nursery(async |nursery| {
//!     let handle = nursery.spawn(async { ok(5) });
//!     std::thread::scope(|scope| {
//!         scope.spawn(|| drop(handle));
//!     });
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! ```compile_fail,E0277
//! # use nestling_nursery::open_nursery;
//! # nestling_runtime::run(async {
//! open_nursery(async |nursery| {
//!     let scope = nursery.cancel_scope().clone();
//!     std::thread::spawn(move || scope.cancel());
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! A run's main future and what `run_soon` is given:
//!
//! ```compile_fail,E0277
//! # use std::rc::Rc;
//! # nestling_runtime::run(async {
//! let not_send = Rc::new(5);
//! let handle = nestling_runtime::RunHandle::current();
//! handle.run_soon(move || drop(not_send)).unwrap();
//! # });
//! ```
//!
//! ```compile_fail,E0597
//! # nestling_runtime::run(async {
//! let local = String::from("not for ever");
//! let handle = nestling_runtime::RunHandle::current();
//! let borrowed = &local;
//! handle.run_soon(move || println!("{borrowed}")).unwrap();
//! # });
//! ```
//!
//! # What a child or body may return
//!
//! ```
//! # use nestling_nursery::{ok, open_nursery};
//! # nestling_runtime::run(async {
//! open_nursery(async |nursery| {
//!     nursery.start_soon(async { ok(3) });
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! ```compile_fail,E0277
//! # use nestling_nursery::open_nursery;
//! # nestling_runtime::run(async {
//! open_nursery(async |nursery| {
//!     nursery.start_soon(async { 3 });
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! ```compile_fail,E0277
//! # use nestling_nursery::open_nursery;
//! # nestling_runtime::run(async {
//! open_nursery(async |_| 3).await
//! # }).unwrap();
//! ```
//!
//! An error has to be one that may go to other threads:
//!
//! ```compile_fail,E0277
//! # use nestling_nursery::open_nursery;
//! # nestling_runtime::run(async {
//! open_nursery(async |nursery| {
//!     nursery.start_soon(async { Err::<(), _>(std::rc::Rc::new(5)) });
//! })
//! .await
//! # }).unwrap();
//! ```
//!
//! # Nurseries, handles and `Ready` are made by the library alone
//!
//! ```compile_fail,E0599
//! let nursery = nestling_nursery::Nursery::default();
//! ```
//!
//! `started` is said once:
//!
//! ```compile_fail,E0382
//! # use nestling_nursery::{Ready, open_nursery};
//! # nestling_runtime::run(async {
//! open_nursery(async |nursery| {
//!     let _value = nursery.start(async |ready: Ready<i32>| {
//!         ready.started(1);
//!         ready.started(2);
//!     })
//!     .await;
//! })
//! .await
//! # }).unwrap();
//! ```
