//! The server: a room, and the guests in it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use nestling::channel::broadcast::{self, Receiver, broadcast};
use nestling::net::{ByteStream, Network, serve_on};
use nestling::{BoxError, NurseryError, Ready};
use nestling::{checkpoint, fail_after, open_nursery, shutdown_requested};

use crate::kit::lines::{LineError, Lines};
use crate::kit::program::explain;
use crate::kit::say;

/// Longer ones are an error.
pub(crate) const LINE_BYTES_MAX: usize = 500;
/// How many lines are kept for guests who are slower than the others.
const LINES_KEPT: usize = 10;
/// Who takes nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all guests are told, except the one it comes from.
#[derive(Clone)]
enum News {
    Joined(Rc<str>),
    Said(Rc<str>, Rc<str>),
    Left(Rc<str>, Rc<str>),
    Closing,
}

impl News {
    fn is_of(&self, guest: &str) -> bool {
        match self {
            News::Joined(name) | News::Said(name, _) | News::Left(name, _) => **name == *guest,
            News::Closing => false,
        }
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            News::Joined(name) => writeln!(f, "* {name} is here"),
            News::Said(name, text) => writeln!(f, "{name}: {text}"),
            News::Left(name, why) => writeln!(f, "* {name} has left: {why}"),
            News::Closing => writeln!(f, "* we are closing, good night"),
        }
    }
}

/// What the handlers of all connections share, by reference.
struct Room {
    names: RefCell<BTreeSet<Rc<str>>>,
    news: broadcast::Sender<News>,
}

/// A guest's presence. However it ends, the others are told.
struct Guest<'a> {
    room: &'a Room,
    name: Rc<str>,
    left: Cell<bool>,
}

impl Room {
    fn tell(&self, news: News) {
        // That nobody is there to hear it is no mistake.
        let _nobody = self.news.send(news);
    }

    /// A guest from the first line to the last.
    async fn welcome<S: ByteStream>(&self, stream: S) -> Result<(), BoxError> {
        let mut lines = Lines::new(&stream, LINE_BYTES_MAX);
        stream.write_all(b"* what is your name?\n").await?;
        let guest = loop {
            let Some(name) = lines.next().await? else {
                return Ok(());
            };
            match self.enter(name.trim()) {
                Some(guest) => break guest,
                None => stream.write_all(b"* take another name\n").await?,
            }
        };
        // From here on, in the order of joining: no news is missed, and none is older.
        let news = self.news.subscribe();
        self.tell(News::Joined(guest.name.clone()));
        stream.write_all(b"* welcome\n").await?;
        open_nursery(async |nursery| {
            // A daemon, as there is nothing to listen for when we have stopped to talk to the guest.
            nursery.task().daemon().start_soon(guest.listen(lines));
            guest.keep_posted(&stream, news).await
        })
        .await?;
        Ok(())
    }

    fn enter(&self, name: &str) -> Option<Guest<'_>> {
        let name: Rc<str> = name.into();
        if name.is_empty() || !self.names.borrow_mut().insert(name.clone()) {
            return None;
        }
        Some(Guest {
            room: self,
            name,
            left: Cell::new(false),
        })
    }
}

impl Guest<'_> {
    /// Passes on what the guest says.
    async fn listen<S: ByteStream>(&self, mut lines: Lines<S>) {
        let why = loop {
            match lines.next().await {
                Ok(Some(line)) if line == "/quit" => break "goodbye".into(),
                Ok(Some(line)) => {
                    let text = line.trim().into();
                    self.room.tell(News::Said(self.name.clone(), text));
                }
                Ok(None) => break "gone".into(),
                Err(error @ LineError::TooLong(_)) => break error.to_string(),
                Err(LineError::Stream(_)) => break "the connection broke".into(),
            }
            // Lines that came in one piece are there without waiting. Let the others hear each.
            checkpoint().await;
        };
        self.leave(&why);
    }

    /// Tells the guest the news, until one of the two leaves.
    async fn keep_posted(
        &self,
        stream: &impl ByteStream,
        mut news: Receiver<News>,
    ) -> Result<(), BoxError> {
        while !self.left.get() {
            let (text, is_last) = match news.recv().await {
                Ok(Some(news)) if news.is_of(&self.name) => continue,
                Ok(Some(news)) => (news.to_string(), matches!(news, News::Closing)),
                Ok(None) => break,
                // The news came faster than the guest took them. Nobody waits for him.
                Err(lagged) => (format!("* you missed {} lines\n", lagged.missed), false),
            };
            fail_after(PATIENCE, stream.write_all(text.as_bytes())).await??;
            if is_last {
                break;
            }
        }
        Ok(())
    }

    fn leave(&self, why: &str) {
        if !self.left.replace(true) {
            self.room.names.borrow_mut().remove(&self.name);
            self.room.tell(News::Left(self.name.clone(), why.into()));
        }
    }
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.leave("gone"); // unless it was said before
    }
}

/// Serves until it is asked to stop.
pub(crate) async fn serve(
    network: &impl Network,
    address: &str,
    ready: Ready<SocketAddr>,
) -> Result<(), NurseryError> {
    let room = Room {
        names: RefCell::default(),
        news: broadcast(LINES_KEPT).0,
    };
    open_nursery(async |nursery| {
        nursery
            .task()
            .name("closing time")
            .daemon()
            .start_soon(async {
                shutdown_requested().await;
                room.tell(News::Closing);
            });
        // It stops by itself at the same request: it lets nobody in any more, and waits for the guests.
        serve_on(network, async |stream| room.welcome(stream).await, address)
            .on_error(|error, peer| say!("chat: {peer}: {}", explain(&*error)))
            .ready(ready)
            .await
    })
    .await
}
