//! An echo server on tokio: binds, starts its threads, filters all of them, and serves.
//!
//! A task moves from thread to thread, so a filter loaded by one task would filter others that run there later. Here every
//! thread has the filter before the first connection is accepted.

use callgate_sys::{Flags, install};
use std::error::Error;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

callgate_sys::include_policy!("server");

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(&address).await?;
        println!("{}", listener.local_addr()?);
        // All threads of the process, those of the runtime among them, or none and an error.
        install(&SERVER, Flags { tsync: true, ..Flags::NEW })?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(serve(stream));
        }
    })
}

/// Sends every line back; a peer that goes away ends its own connection only.
async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read);
    let mut line = Vec::new();
    while read.read_until(b'\n', &mut line).await? != 0 {
        // What a connection can make the server do: with the filter, nothing new.
        if line == b"open\n" {
            let answer = match std::fs::File::open("/etc/passwd") {
                Ok(_) => "opened\n".to_owned(),
                Err(e) => format!("{e}\n"),
            };
            write.write_all(answer.as_bytes()).await?;
        } else {
            write.write_all(&line).await?;
        }
        line.clear();
    }
    Ok(())
}
