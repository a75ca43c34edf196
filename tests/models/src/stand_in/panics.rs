//! Nobody panics here but to fail a model.

#[derive(Default)]
pub(crate) struct Panics;

impl Panics {
    pub(crate) fn catch(&mut self, call: impl FnOnce()) {
        call();
    }

    pub(crate) fn resume(self) {}
}
