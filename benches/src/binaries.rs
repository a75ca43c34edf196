use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;
use crate::options::Options;

/// Where the measured programs are.
pub(crate) struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// Has cargo build them, with the release profile whatever the driver's own is, in
    /// the target folder that the driver was built in.
    pub(crate) fn build(options: &Options) -> Result<Self, Error> {
        let driver = env::current_exe()?;
        let target = driver
            .ancestors()
            .nth(2)
            .ok_or("the driver does not lie in a target folder")?;
        // What `cargo run` says comes first: a target folder may be shared by several checkouts.
        let here = env::var_os("CARGO_MANIFEST_DIR");
        let here = here.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let manifest = Path::new(&here).join("Cargo.toml");
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args([
            "build",
            "--release",
            "--package",
            "peers",
            "--bins",
            "--manifest-path",
        ]);
        cargo.arg(manifest).arg("--target-dir").arg(target);
        if !options.wants_peer("nestling") {
            cargo.arg("--no-default-features");
        }
        if !cargo.status()?.success() {
            return Err("the peers do not build; `--peers tokio,smol` leaves Nestling out".into());
        }
        Ok(Self {
            folder: target.join("release"),
        })
    }

    /// The program for a work and a peer.
    pub(crate) fn path(&self, work: &str, peer: &str) -> PathBuf {
        self.folder.join(format!("{work}-{peer}"))
    }
}
