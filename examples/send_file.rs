//! Run it with `cargo run --example send_file`: a server sends a file of 3 MB over a TCP connection, and a client
//! in the same program saves it under another name. Neither ever has more than a piece of it in memory.

use std::path::Path;

use nestling::fs::{self, File};
use nestling::net::{TcpStream, serve_tcp};
use nestling::{BoxError, ok, open_nursery, run};

/// Large, as each piece costs a call into a thread.
const PIECE: usize = 256 * 1024;

async fn send(stream: TcpStream, path: &Path) -> Result<(), BoxError> {
    let file = File::open(path).await?;
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece).await? {
            0 => return Ok(stream.send_eof().await?),
            count => stream.write_all(&piece[..count]).await?,
        }
    }
}

async fn receive(stream: TcpStream, path: &Path) -> Result<u64, BoxError> {
    let file = File::create(path).await?;
    let mut piece = vec![0; PIECE];
    let mut total = 0;
    loop {
        // A connection gives little at a time, so it is gathered into pieces.
        let mut filled = 0;
        while filled < PIECE {
            match stream.read(&mut piece[filled..]).await? {
                0 => break,
                count => filled += count,
            }
        }
        file.write_all(&piece[..filled]).await?;
        total += filled as u64;
        if filled < PIECE {
            file.sync_all().await?;
            return Ok(total);
        }
    }
}

fn main() -> Result<(), BoxError> {
    run(async {
        let folder = fs::temp_dir().await?;
        let original = folder.path().join("original");
        let copy = folder.path().join("copy");
        let contents: Vec<u8> = (0..3_000_000_u32).map(|i| (i / 7) as u8).collect();
        fs::write(&original, contents).await?;

        let count = open_nursery(async |nursery| {
            let address = nursery
                .task()
                .daemon()
                .start(async |ready| {
                    let handler = |stream| send(stream, &original);
                    serve_tcp(handler, "127.0.0.1:0").ready(ready).await
                })
                .await?;
            let stream = TcpStream::connect(address).await?;
            ok(receive(stream, &copy).await?)
        })
        .await?;
        println!("{count} bytes have been received");

        let same = fs::read(&original).await? == fs::read(&copy).await?;
        println!(
            "{}",
            if same {
                "they are the same"
            } else {
                "they differ"
            }
        );
        folder.remove().await?;
        Ok(())
    })
}

// It prints:
//
// 3000000 bytes have been received
// they are the same
