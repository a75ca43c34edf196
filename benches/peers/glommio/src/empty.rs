//! A run of nothing.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let executor = glommio::LocalExecutorBuilder::default()
        .make()
        .map_err(|error| error.to_string())?;
    executor.run(async {});
    Ok(())
}
