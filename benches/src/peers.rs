//! The measured programs: which there are, how they are built, and what each can do.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;
use crate::options::Options;

/// A runtime, as one program that knows several works.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    kind: Kind,
}

enum Kind {
    /// A package of this workspace, built by cargo.
    Rust { package: &'static str },
    /// The script in `python`, given this argument.
    Python,
}

const fn rust(name: &'static str, package: &'static str) -> Peer {
    Peer {
        name,
        kind: Kind::Rust { package },
    }
}

const fn python(name: &'static str) -> Peer {
    Peer {
        name,
        kind: Kind::Python,
    }
}

/// In the order in which tables show them.
const PEERS: &[Peer] = &[
    rust("raw_epoll", "peer-raw_epoll"),
    rust("nestling", "peer-nestling"),
    rust("tokio", "peer-tokio"),
    rust("tokio_local", "peer-tokio"),
    rust("futures", "peer-futures"),
    rust("futures_on_tokio", "peer-futures_on_tokio"),
    rust("moro", "peer-moro"),
    rust("smol", "peer-smol"),
    rust("monoio", "peer-monoio"),
    rust("monoio_epoll", "peer-monoio"),
    rust("monoio_sync", "peer-monoio_sync"),
    rust("monoio_epoll_sync", "peer-monoio_sync"),
    rust("compio", "peer-compio"),
    rust("glommio", "peer-glommio"),
    python("trio"),
    python("asyncio"),
    python("uvloop"),
];

/// A peer that can be run.
pub(crate) struct Ready {
    pub(crate) peer: &'static Peer,
    works: BTreeSet<String>,
}

/// The peers that can be run here.
pub(crate) struct Peers {
    ready: Vec<Ready>,
    /// Why the others cannot.
    pub(crate) skipped: Vec<String>,
    pub(crate) place: Place,
}

/// Where the programs are.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) manifest: PathBuf,
    pub(crate) target: PathBuf,
}

impl Peers {
    /// Builds what the options ask for; a peer that does not build, or does not run, is left out, and
    /// that is said.
    pub(crate) fn build(options: &Options) -> Result<Self, Error> {
        let place = Place::find()?;
        let mut peers = Self {
            ready: Vec::new(),
            skipped: Vec::new(),
            place,
        };
        let mut failed = BTreeSet::new();
        for peer in PEERS.iter().filter(|peer| options.wants_peer(peer.name)) {
            let prepared = match peer.kind {
                Kind::Rust { package } if failed.contains(package) => {
                    Err(format!("{package} does not build"))
                }
                Kind::Rust { .. } if !options.build => Ok(()),
                Kind::Rust { package } => peers.place.build(package).inspect_err(|_| {
                    failed.insert(package);
                }),
                Kind::Python => Ok(()),
            };
            match prepared.and_then(|()| peer.list_works(&peers.place)) {
                Ok(works) => peers.ready.push(Ready { peer, works }),
                Err(error) => {
                    let message = format!("{} is SKIPPED: {error}", peer.name);
                    eprintln!("{message}");
                    peers.skipped.push(message);
                }
            }
        }
        Ok(peers)
    }

    /// Those that can do a work.
    pub(crate) fn able(&self, work: &str) -> Vec<&'static Peer> {
        self.ready
            .iter()
            .filter(|ready| ready.works.contains(work))
            .map(|ready| ready.peer)
            .collect()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<&'static Peer> {
        self.ready.iter().map(|ready| ready.peer).collect()
    }

    /// The command that runs a peer.
    pub(crate) fn program(&self, peer: &Peer) -> Program {
        peer.program(&self.place)
    }
}

/// A program with its first arguments, to be run by itself or inside a tool.
#[derive(Clone)]
pub(crate) struct Program(Vec<OsString>);

impl Program {
    pub(crate) fn new(path: impl Into<OsString>) -> Self {
        Self(vec![path.into()])
    }

    pub(crate) fn with(mut self, argument: impl Into<OsString>) -> Self {
        self.0.push(argument.into());
        self
    }

    pub(crate) fn words(&self) -> &[OsString] {
        &self.0
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.0[0]);
        command.args(&self.0[1..]);
        command
    }
}

impl Peer {
    fn program(&self, place: &Place) -> Program {
        match self.kind {
            Kind::Rust { .. } => Program::new(place.binary(self.name)),
            Kind::Python => {
                let script = place.manifest.with_file_name("python/peer.py");
                Program::new("python3").with(script).with(self.name)
            }
        }
    }

    /// Tools that look at machine code say nothing about an interpreter's programs.
    pub(crate) fn is_machine_code(&self) -> bool {
        matches!(self.kind, Kind::Rust { .. })
    }

    /// Valgrind does not follow what io_uring does with sockets.
    pub(crate) fn serves_by_io_uring(&self) -> bool {
        matches!(self.name, "monoio" | "compio" | "glommio")
    }

    /// The package, if cargo builds it.
    pub(crate) fn package(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Rust { package } => Some(package),
            Kind::Python => None,
        }
    }

    fn list_works(&self, place: &Place) -> Result<BTreeSet<String>, String> {
        let output = self.program(place).with("list").command().output();
        let output = output.map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if !output.status.success() {
            let said = text(&output.stderr);
            return Err(said.lines().last().unwrap_or("it does not run").to_owned());
        }
        Ok(text(&output.stdout).lines().map(str::to_owned).collect())
    }
}

impl Place {
    fn find() -> Result<Self, Error> {
        let driver = env::current_exe()?;
        let target = driver
            .ancestors()
            .nth(2)
            .ok_or("the driver does not lie in a target folder")?;
        // What `cargo run` says comes first: a target folder may be shared by several checkouts.
        let here = env::var_os("CARGO_MANIFEST_DIR");
        let here = here.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        Ok(Self {
            manifest: Path::new(&here).join("Cargo.toml"),
            target: target.to_owned(),
        })
    }

    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    pub(crate) fn cargo(&self, verb: &str) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.arg(verb).arg("--manifest-path").arg(&self.manifest);
        cargo
    }

    /// Builds each package by itself, so that cargo does not unite the features of crates which several use.
    fn build(&self, package: &str) -> Result<(), String> {
        let mut cargo = self.cargo("build");
        cargo.args(["--release", "--package", package, "--bins", "--target-dir"]);
        cargo.arg(&self.target);
        match cargo.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(format!("{package} does not build")),
            Err(error) => Err(format!("cargo does not run: {error}")),
        }
    }
}
