//! Room in vectors that have an entry for each of many tasks.

/// Vectors up to so many bytes grow by doubling.
const SMALL: usize = 1 << 17;

/// Makes room for one more. A large vector grows by an eighth, as doubling would leave a quarter of it unused in
/// the mean; its block is not copied then, as a rule, but its pages are mapped elsewhere.
#[inline]
pub(crate) fn make_for_one<T>(vec: &mut Vec<T>) {
    if vec.len() == vec.capacity() && size_of_val(vec.as_slice()) >= SMALL {
        vec.reserve_exact(vec.len() / 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "it is arithmetic, and much of it")]
    fn large_vectors_have_little_room_that_is_unused() {
        let mut vec: Vec<u64> = Vec::new();
        let mut moved = 0;
        for number in 0..100_000 {
            let before = vec.capacity();
            make_for_one(&mut vec);
            vec.push(number);
            moved += usize::from(vec.capacity() != before);
            let unused = vec.capacity() - vec.len();
            assert!(size_of_val(vec.as_slice()) <= SMALL || unused <= vec.len() / 8);
        }
        // As many times as a factor asks for, not once for each.
        assert!(moved < 50, "{moved}");
    }

    #[test]
    fn what_takes_no_memory_has_room_for_ever() {
        let mut vec = vec![(); 1 << 10];
        make_for_one(&mut vec);
        vec.push(());
    }
}
