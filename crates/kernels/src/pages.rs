//! Large pages for large arrays: rows gathered at random from tens of megabytes miss the processor's table of small ones.

use std::mem::MaybeUninit;
use std::sync::Arc;

/// `len` zeros, in large pages where the system has them and the array is large enough.
#[must_use]
pub fn zeroed_bytes(len: usize) -> Arc<[u8]> {
    let mut bytes: Arc<[MaybeUninit<u8>]> = Arc::new_uninit_slice(len);
    if let Some(values) = Arc::get_mut(&mut bytes) {
        prefer_large_pages(values); // before the first write decides the size of its page
        values.fill(MaybeUninit::new(0));
    }
    // SAFETY: there is no other reference to this Arc yet, so the branch above was taken and filled every byte.
    unsafe { bytes.assume_init() }
}

/// Wishes for large pages under the whole of `values`, from the next first write on.
#[cfg(all(target_os = "linux", not(miri)))] // Miri does not support madvise
pub(crate) fn prefer_large_pages<T>(values: &mut [T]) {
    /// Size of a large page, in bytes.
    const PAGE: usize = 2 << 20;
    let address = values.as_mut_ptr().addr();
    let (start, end) = (address.next_multiple_of(PAGE), (address + size_of_val(values)) / PAGE * PAGE);
    if start < end {
        // SAFETY: the range lies inside `values`; the advice changes how memory is mapped, never what it holds.
        unsafe { libc::madvise(values.as_mut_ptr().with_addr(start).cast(), end - start, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(any(not(target_os = "linux"), miri))]
pub(crate) fn prefer_large_pages<T>(_: &mut [T]) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_of_any_length_are_zeros() {
        for len in [0, 1, 4096, if cfg!(miri) { 17 } else { (5 << 20) + 3 }] {
            let bytes = zeroed_bytes(len);
            assert!(*bytes == vec![0; len]);
        }
    }
}
