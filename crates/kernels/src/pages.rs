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

/// These numbers, in large pages where the system has them and there are enough numbers.
///
/// # Panics
/// If there are fewer than the iterator says.
#[must_use]
pub fn shared_numbers(values: impl ExactSizeIterator<Item = f32>) -> Arc<[f32]> {
    let len = values.len();
    let mut numbers: Arc<[MaybeUninit<f32>]> = Arc::new_uninit_slice(len);
    let mut written = 0;
    if let Some(to) = Arc::get_mut(&mut numbers) {
        prefer_large_pages(to);
        for (to, value) in to.iter_mut().zip(values) {
            to.write(value);
            written += 1;
        }
    }
    assert_eq!(written, len, "an iterator of as many numbers as it says");
    // SAFETY: each of the `len` numbers has been written.
    unsafe { numbers.assume_init() }
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
            let numbers: Vec<f32> = (0..len / 4).map(|i| i as f32).collect();
            assert!(*shared_numbers(numbers.iter().copied()) == numbers);
        }
    }
}
