"""XXH3 and zstd are formats of their own: their libraries are called as they are."""
import ctypes

from numbers_in import need


def xxh3(data):
    hash_of = ctypes.CDLL('libxxhash.so.0').XXH3_64bits
    hash_of.restype, hash_of.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t]
    return hash_of(data, len(data))


def unpack(frame, size):
    """The `size` bytes of a zstd frame."""
    decompress = ctypes.CDLL('libzstd.so.1').ZSTD_decompress
    decompress.restype = ctypes.c_size_t
    decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    to = ctypes.create_string_buffer(max(size, 1))
    need(decompress(to, size, frame, len(frame)) == size, 'a zstd frame')
    return to.raw[:size]
