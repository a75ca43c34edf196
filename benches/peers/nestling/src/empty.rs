//! A run of nothing.

fn main() {
    nestling::run(async {});
}
