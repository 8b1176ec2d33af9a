//! pcodec's standalone format behind a C ABI: 64-bit floats or signed integers, one call a batch.
//! The buffers belong to the caller; a return of `usize::MAX` means "failed".
use pco::data_types::Number;
use pco::standalone::{simple_compress_into, simple_decompress_into};
use pco::ChunkConfig;
use std::slice;

fn compress<T: Number>(values: &[T], level: usize, out: &mut [u8]) -> usize {
    let config = ChunkConfig::default().with_compression_level(level);
    let room = out.len();
    match simple_compress_into(values, &config, out) {
        Ok(rest) => room - rest.len(),
        Err(_) => usize::MAX,
    }
}

fn decompress<T: Number>(bytes: &[u8], values: &mut [T]) -> usize {
    match simple_decompress_into(bytes, values) {
        Ok(progress) if progress.finished => progress.n_processed,
        _ => usize::MAX,
    }
}

/// # Safety
/// `values` holds `count` numbers of 8 bytes, `out` `room` bytes.
#[no_mangle]
pub unsafe extern "C" fn tidemark_pco_compress(
    values: *const u8,
    count: usize,
    integers: bool,
    level: usize,
    out: *mut u8,
    room: usize,
) -> usize {
    let out = slice::from_raw_parts_mut(out, room);
    if integers {
        compress(slice::from_raw_parts(values.cast::<i64>(), count), level, out)
    } else {
        compress(slice::from_raw_parts(values.cast::<f64>(), count), level, out)
    }
}

/// # Safety
/// `bytes` holds `size` bytes, `values` has room for `count` numbers of 8 bytes.
#[no_mangle]
pub unsafe extern "C" fn tidemark_pco_decompress(
    bytes: *const u8,
    size: usize,
    integers: bool,
    values: *mut u8,
    count: usize,
) -> usize {
    let bytes = slice::from_raw_parts(bytes, size);
    if integers {
        decompress(bytes, slice::from_raw_parts_mut(values.cast::<i64>(), count))
    } else {
        decompress(bytes, slice::from_raw_parts_mut(values.cast::<f64>(), count))
    }
}
