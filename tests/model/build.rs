//! Programs as futures, by recursion.

use std::cell::RefCell;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use nestling::{
    BoxError, NurseryError, Ready, catch_cancel, checkpoint, fail_after, move_on_after, on_cancel,
    open_nursery, shield, sleep,
};

use crate::failures::{Numbered, cause_of, failure_of};
use crate::host::{Inside, Level};
use crate::outcome::Event;
use crate::program::{Block, Id, Node, Op, ScopeKind, second};
use crate::real::{AtDrop, Guards, World, ticks};
use crate::support::join_all;

pub(crate) type Ends<'s> = Pin<Box<dyn Future<Output = Result<(), BoxError>> + 's>>;

/// What a future knows of its surroundings.
#[derive(Clone)]
pub(crate) struct Env<'s> {
    pub(crate) world: Rc<World>,
    pub(crate) strand: Id,
    pub(crate) level: Option<Rc<Level<'s>>>,
    pub(crate) ready: Rc<RefCell<Option<Ready<()>>>>,
}

impl<'s> Env<'s> {
    fn log(&self, event: Event) {
        self.world.log(self.strand, event);
    }

    fn done(&self, id: Id, text: impl Into<String>) {
        self.log(Event::Done(id, text.into()));
    }

    fn at_drop(&self, event: Event) -> AtDrop {
        AtDrop {
            world: Rc::clone(&self.world),
            strand: self.strand,
            event,
        }
    }

    fn up(&self, up: usize) -> Option<&Level<'s>> {
        let mut level = self.level.as_deref()?;
        for _ in 0..up {
            level = level.outer.as_deref()?;
        }
        Some(level)
    }

    /// Logs how an operation has ended that may fail, and says how the block goes on.
    fn finish<E: Into<BoxError>>(
        &self,
        node: &Node,
        result: Result<(), E>,
    ) -> Result<(), BoxError> {
        let result = result.map_err(Into::into);
        self.done(
            node.id,
            match &result {
                Ok(()) => "ok".into(),
                Err(error) => failure_of(&**error).to_string(),
            },
        );
        match result {
            Err(error) if node.op.passes_on() => Err(error),
            _ => Ok(()),
        }
    }
}

/// The whole of a strand: its beginning, its block, its end.
pub(crate) fn strand<'s>(ops: Block, env: Env<'s>) -> Ends<'s> {
    let gone = env.at_drop(Event::Gone);
    Box::pin(async move {
        let _gone = gone;
        env.log(Event::Begin);
        block(ops, env).await
    })
}

fn block<'s>(ops: Block, env: Env<'s>) -> Ends<'s> {
    Box::pin(async move {
        let mut guards = Guards(Vec::new());
        for node in ops.iter() {
            operation(node, &env, &mut guards).await?;
        }
        Ok(())
    })
}

async fn operation<'s>(node: &Node, env: &Env<'s>, guards: &mut Guards) -> Result<(), BoxError> {
    let id = node.id;
    let because = || format!("because {id}");
    let inside = |block_of: &Block| block(Rc::clone(block_of), env.clone());
    match &node.op {
        Op::Guard => guards.0.push(env.at_drop(Event::Dropped(id))),
        Op::Sleep(time) => {
            sleep(ticks(*time)).await;
            env.done(id, "done");
        }
        Op::Checkpoint => {
            checkpoint().await;
            env.done(id, "done");
        }
        Op::Fail => return Err(Numbered(id).into()),
        Op::Panic => resume_unwind(Box::new(id)),
        Op::CancelNursery(up) => {
            if let Some(level) = env.up(*up) {
                level.host.cancel(because());
            }
        }
        Op::CancelScope(target) => {
            if let Some(scope) = env.world.scopes.get(target) {
                scope.cancel_because(because());
            }
        }
        Op::Spawn { up, how, child } => {
            if let Some(level) = env.up(*up) {
                level.host.spawn(id, *how, Rc::clone(child));
            }
        }
        Op::Start { up, child, .. } => {
            if let Some(level) = env.up(*up) {
                let result = level.host.start(id, Rc::clone(child)).await;
                env.finish(node, result)?;
            }
        }
        Op::Started => {
            let ready = env.ready.borrow_mut().take();
            if let Some(ready) = ready {
                ready.started(());
            }
        }
        Op::Join { target, .. } => {
            let mut level = env.level.as_deref();
            while let Some(here) = level {
                if let Some(handle) = here.host.take_handle(*target) {
                    env.finish(node, handle.await)?;
                    break;
                }
                level = here.outer.as_deref();
            }
        }
        Op::Nursery { body, .. } => return nursery(node, Rc::clone(body), env.clone()).await,
        Op::Scope {
            kind,
            timeout,
            inside: block,
            ..
        } => {
            let inside = inside(block);
            let time = timeout.map(ticks);
            match kind {
                ScopeKind::Plain | ScopeKind::Shielded => {
                    match env.world.scopes[&id].run(inside).await {
                        Ok(result) => return boundary(env, id, result),
                        Err(cancelled) => {
                            env.done(id, format!("cut off: {}", cause_of(&cancelled)));
                            return fail_if(node.op.passes_on(), cancelled);
                        }
                    }
                }
                ScopeKind::MoveOn => {
                    match move_on_after(time.unwrap_or(Duration::MAX), inside).await {
                        Some(result) => return boundary(env, id, result),
                        None => env.done(id, "moved on"),
                    }
                }
                ScopeKind::FailAfter => {
                    match fail_after(time.unwrap_or(Duration::MAX), inside).await {
                        Ok(result) => return boundary(env, id, result),
                        Err(error) => {
                            env.done(id, "too slow");
                            return fail_if(node.op.passes_on(), error);
                        }
                    }
                }
            }
        }
        Op::Both(first, other) => {
            let branch = |id, block: &Block| {
                strand(
                    Rc::clone(block),
                    Env {
                        strand: id,
                        ..env.clone()
                    },
                )
            };
            let branches = [branch(id, first), branch(second(id), other)];
            for result in join_all(branches).await {
                result?;
            }
        }
        Op::Shield(block) => return boundary(env, id, shield(inside(block)).await),
        Op::Catch(block) => match catch_cancel(inside(block)).await {
            Ok(result) => return boundary(env, id, result),
            Err(cancelled) => env.done(id, format!("caught: {}", cause_of(&cancelled))),
        },
        Op::OnCancel {
            inside: block,
            cleanup,
            within,
        } => {
            let cleanup = async || {
                let result = inside(cleanup).await;
                env.done(id, "cleaned up");
                result
            };
            let mut future = on_cancel(inside(block), cleanup);
            if let Some(within) = within {
                future = future.within(ticks(*within));
            }
            return boundary(env, id, future.await);
        }
    }
    Ok(())
}

fn boundary(env: &Env<'_>, id: Id, result: Result<(), BoxError>) -> Result<(), BoxError> {
    env.done(id, if result.is_ok() { "ok" } else { "failed" });
    result
}

fn fail_if(passes_on: bool, error: impl Into<BoxError>) -> Result<(), BoxError> {
    if passes_on { Err(error.into()) } else { Ok(()) }
}

fn nursery<'s>(node: &Node, body: Block, env: Env<'s>) -> Ends<'s> {
    let node = node.clone();
    Box::pin(async move {
        let closed = env.at_drop(Event::Closed(node.id));
        env.log(Event::Open(node.id));
        let around = env.clone();
        let id = node.id;
        let result = open_nursery(async move |nursery| {
            let inside = Inside {
                nursery,
                world: Rc::clone(&around.world),
                outer: around.level.clone(),
                handles: Rc::default(),
            };
            let body_env = Env {
                world: Rc::clone(&around.world),
                strand: id,
                level: Some(inside.level()),
                ready: Rc::clone(&around.ready),
            };
            strand(body, body_env).await
        })
        .await;
        drop(closed);
        match result {
            Err(NurseryError::Cancelled(cancelled)) => {
                env.done(id, format!("cut off: {}", cause_of(&cancelled)));
                fail_if(node.op.passes_on(), NurseryError::Cancelled(cancelled))
            }
            result => env.finish(&node, result),
        }
    })
}
