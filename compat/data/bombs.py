"""Images of more pixels than Pillow allows, found by TensorFlow before it takes the memory for them."""

import numpy as np
import tensorflow as tf
from PIL import Image

_JPEG = b"\xff\xd8\xff"
_STARTS = (_JPEG, b"\x89PNG", b"GIF8", b"BM", b"RIFF")
_HEADER = 40  # bytes


def bytes_from(content, at, count):
    """So many bytes of a string scalar from a place on; fewer where it ends, which TensorFlow's `substr` minds."""
    place = tf.clip_by_value(tf.cast(at, tf.int64), 0, tf.cast(tf.strings.length(content), tf.int64))
    return tf.strings.substr(content, place, tf.cast(count, tf.int64))


def no_bomb(content):
    """The content of an image file, a string scalar; when the graph runs, an error if that is of too many pixels.

    TensorFlow itself allows half a billion in a JPEG or PNG, and any number in the others.
    """
    # Not JPEG XL, say, which Pillow does not know, and whose size is unknown before it is decoded.
    known = tf.reduce_any([tf.strings.substr(content, 0, len(start)) == start for start in _STARTS])
    checks = [tf.debugging.Assert(known, ["the file is no JPEG, PNG, GIF, BMP or WebP"])]
    if Image.MAX_IMAGE_PIXELS is not None:
        checks.append(
            tf.debugging.Assert(declared_pixels(content) <= 2 * Image.MAX_IMAGE_PIXELS, ["a decompression bomb"])
        )
    with tf.control_dependencies(checks):
        return tf.identity(content)


def declared_pixels(content):
    """Height times width as a JPEG, PNG, GIF or WebP says, the content of whose file is a string scalar; else 0."""
    is_jpeg = tf.strings.substr(content, 0, len(_JPEG)) == _JPEG
    return tf.cond(is_jpeg, lambda: _jpeg_size(content), lambda: declared_size(content))


def _jpeg_size(content):
    height, width, _ = tf.unstack(tf.cast(tf.io.extract_jpeg_shape(content), tf.int64))
    return height * width


def declared_size(content):
    """Height times width as a PNG, GIF or WebP says; 0 for BMP, which hold as many pixels as they say."""
    start = header(content)
    width, height = numbers(start, range(6, 8), range(8, 10))
    gif = lambda: tf.maximum(height * width, _gif_frame_size(content))  # noqa: E731
    others = lambda: tf.where(starts_with(start, b"\x89PNG"), png_size(start), webp_size(start))  # noqa: E731
    return tf.cond(starts_with(start, b"GIF8"), gif, others)


def png_size(start):
    """Height times width as the header of a PNG says."""
    width, height = numbers(start, range(19, 15, -1), range(23, 19, -1))
    return height * width


def webp_size(start):
    """Height times width as the header of a WebP says; 0 of anything else."""
    fields = range(24, 27), range(27, 30), range(26, 28), range(28, 30), range(21, 25)
    width, height, lossy_width, lossy_height, bits = numbers(start, *fields)
    most = 1 << 14
    sizes = [(width + 1) * (height + 1), (lossy_width % most) * (lossy_height % most)]
    sizes.append((bits % most + 1) * (bits // most % most + 1))
    kinds = tf.strings.substr(start, [8] * 3, [8] * 3) == [b"WEBPVP8X", b"WEBPVP8 ", b"WEBPVP8L"]
    return tf.reduce_sum(tf.where(kinds, tf.stack(sizes), 0))


def header(content):
    """The first bytes of a file, for all fields that are looked at; zeros behind its end."""
    padded = tf.strings.join([tf.strings.substr(content, 0, _HEADER), tf.constant(b"\0" * _HEADER)])
    return tf.strings.substr(padded, 0, _HEADER)


def starts_with(start, bytes_, at=0):
    """Whether these bytes are at a place of a header."""
    return tf.strings.substr(start, at, len(bytes_)) == bytes_


def numbers(start, *places):
    """Unsigned integers in a header, int64 scalars, each of which has bytes at these places, the lowest first."""
    weights = np.zeros((len(places), _HEADER), "int64")  # one product: a graph of slices takes long to be prepared
    for row, of_one in zip(weights, places, strict=True):
        row[list(of_one)] = 256 ** np.arange(len(of_one))
    return tf.unstack(tf.linalg.matvec(weights, tf.cast(tf.io.decode_raw(start, tf.uint8), tf.int64)))


def _gif_frame_size(content):
    """Height times width of the first frame of a GIF, which TensorFlow believes, not those of the screen."""

    def byte(at):
        return tf.cast(tf.io.decode_raw(bytes_from(content, at, 1), tf.uint8)[0], tf.int64)

    def step(at, inside):  # an extension with its first block, or one more, the last of which is empty
        return at + tf.where(inside, byte(at) + 1, byte(at + 2) + 3), ~inside | (byte(at) > 0)

    flags = byte(10)
    at = 13 + tf.where(flags >= 0x80, tf.bitwise.left_shift(tf.constant(6, tf.int64), flags & 7), 0)
    at, _ = tf.while_loop(
        lambda at, inside: inside | (byte(at) == ord("!")), step, (at, tf.constant(False)), maximum_iterations=10_000
    )
    size = (byte(at + 5) + 256 * byte(at + 6)) * (byte(at + 7) + 256 * byte(at + 8))
    return tf.where(byte(at) == ord(","), size, tf.int64.max)
