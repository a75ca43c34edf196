//! The bytes that are sent: other ones in each message, from one buffer that all connections share.

/// A prime, so that the messages of a connection start everywhere.
const OFFSETS: usize = 8191;

/// Bytes without an order.
#[derive(Debug)]
pub struct Pattern {
    bytes: Vec<u8>,
    size: usize,
}

impl Pattern {
    /// For messages of `size` bytes.
    pub fn new(size: usize) -> Pattern {
        // Marsaglia's xorshift: quick, and good enough to tell one part from another.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let bytes = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[4]
        });
        Pattern {
            bytes: bytes.take(size + OFFSETS).collect(),
            size,
        }
    }

    /// What `connection` sends as its `message`.
    pub fn message(&self, connection: u64, message: u64) -> &[u8] {
        let offset = (connection * 2_741 + message * 4_099) % OFFSETS as u64;
        let offset = offset as usize;
        &self.bytes[offset..offset + self.size]
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn messages_have_the_size_and_differ() {
        let pattern = Pattern::new(16);
        let mut messages: Vec<_> = (0..50)
            .flat_map(|c| (0..100).map(move |m| (c, m)))
            .map(|(c, m)| pattern.message(c, m))
            .collect();
        assert!(messages.iter().all(|message| message.len() == 16));
        messages.sort_unstable();
        messages.dedup();
        // Where two messages start at the same place they are equal, which is rare.
        assert!(messages.len() > 3_000, "{}", messages.len());
        assert_eq!(
            Pattern::new(1).message(u64::from(u32::MAX), 1 << 30).len(),
            1
        );
    }
}
