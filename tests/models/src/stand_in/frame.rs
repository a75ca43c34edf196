//! A reference to the one frame that there is.

use crate::frames::FrameId;

pub(crate) struct FrameRef;

impl FrameRef {
    pub(crate) fn id(&self) -> FrameId {
        FrameId
    }
}
