"""Images of more pixels than Pillow allows, found by TensorFlow before it takes the memory for them."""

import tensorflow as tf
from PIL import Image

_JPEG = b"\xff\xd8\xff"
_STARTS = (_JPEG, b"\x89PNG", b"GIF8", b"BM", b"RIFF")


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
    header = tf.strings.join([tf.strings.substr(content, 0, 30), tf.constant(b"\0" * 30)])
    values = tf.cast(tf.io.decode_raw(header, tf.uint8), tf.int64)

    def number(at, count):
        return tf.reduce_sum(values[at : at + count] * [1 << 8 * i for i in range(count)])

    png = tf.reduce_prod(tf.reduce_sum(tf.reshape(values[16:24], [2, 4]) * [1 << 24, 1 << 16, 1 << 8, 1], -1))
    most, bits = 1 << 14, number(21, 4)
    webps = {
        b"VP8X": (number(24, 3) + 1) * (number(27, 3) + 1),
        b"VP8 ": (number(26, 2) % most) * (number(28, 2) % most),
        b"VP8L": (bits % most + 1) * (bits // most % most + 1),
    }
    size = tf.where(tf.strings.substr(header, 0, 4) == b"\x89PNG", png, 0)
    for kind, webp in webps.items():
        is_webp = (tf.strings.substr(header, 8, 4) == b"WEBP") & (tf.strings.substr(header, 12, 4) == kind)
        size = tf.where(is_webp, webp, size)
    is_gif = tf.strings.substr(header, 0, 4) == b"GIF8"
    return tf.cond(is_gif, lambda: tf.maximum(number(6, 2) * number(8, 2), _gif_frame_size(content)), lambda: size)


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
