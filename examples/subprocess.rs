//! Run it with `cargo run --example subprocess`: a pipeline of two programs, one that takes too long and is asked to
//! end, and one that has to be killed. It needs a Unix system.

#[cfg(unix)]
mod unix {
    use std::time::Duration;

    use nestling::process::{Child, Command, ProcessError, Stdio, run_process};
    use nestling::{BoxError, move_on_after, ok, open_nursery};

    fn sh(script: &str) -> Command {
        Command::new("sh").args(["-c", script])
    }

    /// `cat | sort`, with our own bytes in between.
    async fn pipeline() -> Result<(), BoxError> {
        let mut cat = Command::new("cat")
            .stdin(Stdio::Pipe)
            .stdout(Stdio::Pipe)
            .spawn()
            .await?;
        let (Some(input), Some(output)) = (cat.stdin.take(), cat.stdout.take()) else {
            return Err("the pipes were asked for".into());
        };
        let fruit = open_nursery(async |nursery| {
            nursery.start_soon(async move {
                for fruit in ["pear", "apple", "fig"] {
                    input.write_all(format!("{fruit}\n").as_bytes()).await?;
                }
                // Dropped, the pipe is closed, and `cat` comes to its end.
                ok(())
            });
            let mut fruit = String::new();
            let mut lines = output.lines();
            while let Some(line) = lines.next().await? {
                fruit += &format!("a {line}\n");
            }
            ok(fruit)
        })
        .await?;
        cat.wait().await?;
        let sorted = run_process(Command::new("sort")).input(fruit).await?;
        print!("{}", String::from_utf8_lossy(&sorted.stdout));
        Ok(())
    }

    /// A first signal that is refused, then one that can't be.
    async fn escalate(child: &Child) -> Result<(), BoxError> {
        println!("the stubborn one is asked to end");
        child.terminate()?;
        if move_on_after(Duration::from_millis(50), child.wait())
            .await
            .is_none()
        {
            println!("the stubborn one is killed");
            child.kill()?;
        }
        Ok(())
    }

    pub(crate) async fn main() -> Result<(), BoxError> {
        pipeline().await?;

        // A failing program is an error, which has what it wrote.
        match run_process(sh("echo 'no paper' >&2; exit 3")).await {
            Err(ProcessError::Status(error)) => println!("{error}"),
            other => println!("unexpected: {other:?}"),
        }

        // The scope ends after the program, which is asked to end by SIGTERM.
        let limit = Duration::from_millis(50);
        let slow = async { run_process(Command::new("sleep").arg("60")).await };
        match move_on_after(limit, slow).await {
            None => println!("sleep took too long and was ended"),
            Some(output) => println!("unexpected: {output:?}"),
        }

        let stubborn = sh("trap '' TERM; while :; do sleep 0.01; done");
        let stubborn = async { run_process(stubborn).deliver_cancel(escalate).await };
        // Long enough for the shell to have come to its `trap`.
        if move_on_after(Duration::from_secs(1), stubborn)
            .await
            .is_none()
        {
            println!("and nothing is left of it");
        }
        Ok(())
    }
}

#[cfg(unix)]
fn main() -> Result<(), nestling::BoxError> {
    nestling::run(unix::main())
}

#[cfg(not(unix))]
fn main() {
    println!("this example needs a Unix system");
}

// It prints:
//
// a apple
// a fig
// a pear
// `sh` ended with exit status: 3; its standard error: no paper
// sleep took too long and was ended
// the stubborn one is asked to end
// the stubborn one is killed
// and nothing is left of it
