//! A run of nothing.

fn main() {
    let executor = smol::LocalExecutor::new();
    smol::block_on(executor.run(async {}));
}
