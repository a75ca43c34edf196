//! A run of nothing.

fn main() {
    futures::executor::block_on(async {});
}
