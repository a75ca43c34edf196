//! A run of nothing.

fn main() -> std::io::Result<()> {
    compio::runtime::Runtime::new()?.block_on(async {});
    Ok(())
}
