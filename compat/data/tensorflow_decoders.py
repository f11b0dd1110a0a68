"""What TensorFlow decodes to the pixels of Pillow, told from a file's first bytes, and how.

One routing for all: where there is Python, Pillow takes what is not known to be decoded alike; in a graph without
Python that is an error. Everything here is a part of graphs.
"""

import tensorflow as tf

from .bombs import bytes_from, header, no_bomb, numbers, png_size, starts_with, webp_size

BROKEN, FOREIGN, JPEG, PNG, PNG_ALPHA, BMP, WEBP, WEBP_ALPHA = range(8)
"""The routes: no image or not a whole one; an image for Pillow; and, from `JPEG` on, what is decoded here."""

FORMATS = ("JPEG", "PNG", "BMP", *(["WEBP"] if hasattr(tf.io, "decode_webp") else []))
"""What this TensorFlow decodes, and of most kinds to Pillow's pixels."""

_FIRST_BYTES = {"JPEG": b"\xff\xd8", "PNG": b"\x89P", "BMP": b"BM", "WEBP": b"RI"}
_OTHERS = (  # TIFF, Netpbm, GIF, JPEG 2000, icons, Photoshop, DDS, SGI, QOI
    *(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", *(b"P%d" % kind for kind in range(1, 8)), b"Pf", b"PF", b"GIF8"),
    *(b"\0\0\0\x0cjP", b"\xff\x4f\xff\x51", b"\0\0\1\0", b"\0\0\2\0", b"icns", b"8BPS", b"DDS ", b"\1\xda", b"qoif"),
)
_OTHER_STARTS = *((0, bytes_) for bytes_ in _OTHERS), (4, b"ftyp")  # the last: AVIF and HEIF


# ---------------------------------------------------------------------------------------------------------------------
# Which
# ---------------------------------------------------------------------------------------------------------------------


def route(content, formats, decoding, most_pixels):
    """Which way the content of a file goes.

    Args:
        content: string scalar.
        formats: those of `FORMATS` that are decoded alike on this machine.
        decoding: a `Decoding` by Pillow.
        most_pixels: an image of more is `BROKEN`; None for no limit.

    Returns:
        int32 scalar: a route, as above.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, where a header ends too soon or makes no sense.
    """
    start = header(content)

    def too_large(size):
        return tf.constant(False) if most_pixels is None else size > most_pixels

    def jpeg():
        height, width, channels = tf.unstack(tf.cast(tf.io.extract_jpeg_shape(content), tf.int64))
        # Pillow refuses most JPEGs whose end marker is missing, TensorFlow hardly any. Most end in it; behind it, some
        # cameras and telephones write what they like.
        whole = tf.cond(tf.strings.substr(content, -2, 2) == b"\xff\xd9", lambda: True, lambda: _holds_the_end(content))
        return _first((~whole | too_large(height * width), BROKEN), ((channels == 1) | (channels == 3), JPEG))

    def png():
        depth, colour = numbers(start, [24], [25])
        broken = ~starts_with(start, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR") | too_large(png_size(start))
        refused = (broken, BROKEN), (depth > 8, FOREIGN)  # 16 bits are scaled differently
        if decoding.color_mode != "rgba":
            return _first(*refused, (True, PNG))
        # Without an alpha channel one value may be marked transparent. The two read a mark of more bits than the pixels
        # have differently, and TensorFlow gives an unmarked palette or grey of few bits an alpha of few bits.
        mark = tf.cond(colour < 4, lambda: _first_chunk(content, b"tRNS", b"IDAT"), lambda: tf.constant(b""))
        alpha = (colour >= 4) | ((colour == 3) & (mark == b"tRNS"))
        return _first(*refused, (alpha, PNG_ALPHA), (mark == b"IDAT", PNG))

    def bmp():
        at, info, width, height, bits, compression, colours = _bmp_fields(content)
        broken = (at <= 0) | (width <= 0) | (height == 0) | too_large(width * tf.abs(height))
        known = tf.reduce_any(info == [40, 52, 56, 108, 124]) & (compression == 0)
        palette = (bits == 8) & (colours >= 0) & (colours <= 256) & (colours != 2)  # two may be black and white
        return _first((info == 12, FOREIGN), (broken, BROKEN), (known & (palette | (bits == 24) | (bits == 32)), BMP))

    def webp():
        kind, (flags, lossless_flags) = tf.strings.substr(start, 12, 4), numbers(start, [20], [24])
        extended = kind == b"VP8X"
        animated = extended & (tf.bitwise.bitwise_and(flags, 2) > 0)
        flags = tf.where(extended, flags, tf.where(kind == b"VP8L", lossless_flags, 0))
        whole = tf.cond(extended, lambda: _holds_whole_chunks(content), lambda: tf.constant(True))
        is_webp = starts_with(start, b"RIFF") & starts_with(start, b"WEBP", 8)
        broken = ~is_webp | ~whole | too_large(webp_size(start))
        alpha = tf.bitwise.bitwise_and(flags, 16) > 0
        return _first((broken, BROKEN), (animated, FOREIGN), (alpha, WEBP_ALPHA), (True, WEBP))

    def another():
        places, lengths = zip(*((at, len(bytes_)) for at, bytes_ in _OTHER_STARTS), strict=True)
        image = tf.reduce_any(tf.strings.substr(start, places, lengths) == [bytes_ for _, bytes_ in _OTHER_STARTS])
        return _first((~image, BROKEN))

    ways = dict(zip(_FIRST_BYTES, (jpeg, png, bmp, webp), strict=True))
    ways = [ways[name] if name in formats else lambda: tf.constant(FOREIGN) for name in _FIRST_BYTES]
    found = tf.strings.substr(start, 0, 2) == list(_FIRST_BYTES.values())
    place = tf.where(tf.reduce_any(found), tf.argmax(found, output_type=tf.int32), len(ways))
    return tf.switch_case(place, [*ways, another])


def _first(*cases, otherwise=FOREIGN):
    """The value of the first case, (condition, value), whose condition holds."""
    result = tf.constant(otherwise)
    for condition, value in reversed(cases):
        result = tf.where(condition, value, result)
    return result


def _holds_the_end(content):
    """Whether the end marker of a JPEG is behind its header, which may hold a whole thumbnail with one of its own."""

    def bytes_at(at):
        return tf.cast(tf.io.decode_raw(bytes_from(content, at, 4), tf.uint8), tf.int32)

    def is_scan(here):
        return (here[0] == 0xFF) & (here[1] == 0xDA)

    def step(at, here):
        alone = (here[1] == 1) | ((here[1] >= 0xD0) & (here[1] <= 0xD8))  # without a length
        length = _first(((here[0] != 0xFF) | (here[1] == 0xFF), 1), (alone, 2), otherwise=0)
        at += tf.where(length > 0, length, 2 + 256 * here[2] + here[3])
        return at, bytes_at(at)

    start = tf.constant(2)
    shapes = tf.TensorShape([]), tf.TensorShape([None])
    at, here = tf.while_loop(
        lambda _, here: ~is_scan(here), step, (start, bytes_at(start)), shapes, maximum_iterations=10_000
    )
    rest = tf.io.decode_raw(bytes_from(content, at, tf.strings.length(content)), tf.uint8)
    # In what a scan holds, no other marker but restarts can be.
    return is_scan(here) & tf.reduce_any((rest[:-1] == 0xFF) & (rest[1:] == 0xD9))


def _webp_length(content, at=0):
    """Length of a chunk of a WebP, the whole of which is one, with its header and its padding."""
    length = tf.cast(tf.io.decode_raw(bytes_from(content, at + 4, 4), tf.int32)[0], tf.int64)
    return 8 + tf.bitwise.bitwise_and(length, 0xFFFFFFFF) + length % 2


def _holds_whole_chunks(content):
    """Whether the chunks of a WebP end where it ends: Pillow looks at all of them, TensorFlow does not."""
    end = _webp_length(content)
    step = lambda at: at + _webp_length(content, at)  # noqa: E731
    return tf.while_loop(lambda at: at < end, step, (tf.constant(12, tf.int64),))[0] == end


def _first_chunk(content, *kinds):
    """Which of these kinds of chunks comes first in a PNG; another one if none is among the first thousand."""

    def is_sought(at):
        return tf.reduce_any(bytes_from(content, at + 4, 4) == tf.constant(kinds))

    def step(at):
        length = tf.cast(tf.io.decode_raw(bytes_from(content, at, 4), tf.int32, little_endian=False)[0], tf.int64)
        return at + 12 + length

    at = tf.while_loop(lambda at: ~is_sought(at), step, (tf.constant(8, tf.int64),), maximum_iterations=1_000)[0]
    return bytes_from(content, at + 4, 4)


# ---------------------------------------------------------------------------------------------------------------------
# How
# ---------------------------------------------------------------------------------------------------------------------


def decode(content, way, decoding, resize=None):
    """The image in a file's content.

    Args:
        content: string scalar.
        way: its route, int32 scalar.
        decoding: a `Decoding` by Pillow.
        resize: function of an image (h, w, 3 or 4) that returns one of the size of the `decoding`; None for the nearest
            pixel, as Pillow has it.

    Returns:
        Image (height, width, channels) in `decoding.dtype`; black where the route does not lead here.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if the content cannot be decoded.
    """

    def webp(channels):  # which would go on reading behind its end
        one = bytes_from(content, 0, _webp_length(content))
        return tf.io.decode_image(one, channels, expand_animations=False)

    decoders = {
        # INTEGER_ACCURATE is what Pillow's libjpeg does; the default differs by up to 18 grey levels.
        # Always three channels: with one, TensorFlow takes the luma stored in the file instead of computing it.
        JPEG: lambda: tf.io.decode_jpeg(content, 3, dct_method="INTEGER_ACCURATE"),
        PNG: lambda: tf.io.decode_png(content, 3),
        PNG_ALPHA: lambda: tf.io.decode_png(content, 4),
        BMP: lambda: _decode_bmp(content),
        WEBP: lambda: webp(3),
        WEBP_ALPHA: lambda: webp(4),
    }
    blank = tf.zeros([1, 1, 4], tf.uint8)
    image = tf.switch_case(way, [decoders.get(place, lambda: blank) for place in range(len(decoders) + JPEG)])
    image = tf.ensure_shape(image, [None, None, None])
    return _finished(image if resize is None else resize(image), decoding)


def _bmp_fields(content):
    """Start of the pixels, length of the second header, width, height, bits, compression, number of colours: int64."""
    words = tf.ensure_shape(tf.io.decode_raw(bytes_from(content, 2, 48), tf.int32), [12])
    at, info, width, height, packed, compression, colours = tf.unstack(tf.gather(words, [2, 3, 4, 5, 6, 7, 11]))
    fields = tf.stack([at, info, width, height, tf.bitwise.right_shift(packed, 16), compression, colours])
    return tf.unstack(tf.cast(fields, tf.int64))


def _decode_bmp(content):
    """What TensorFlow's own decoder takes for grey, or for alpha, or refuses for a byte behind the last pixel."""
    start, info, width, height, bits, _, colours = _bmp_fields(content)
    rows, row = tf.abs(height), (width * bits + 31) // 32 * 4
    pixels = tf.reshape(tf.io.decode_raw(bytes_from(content, start, rows * row), tf.uint8), [rows, row])
    pixels = tf.reshape(pixels[:, : width * bits // 8], [rows, width, bits // 8])

    def look_up():
        count = tf.where(colours > 0, colours, 256)
        palette = tf.io.decode_raw(bytes_from(content, 14 + info, 4 * count), tf.uint8)
        return tf.gather(tf.reshape(palette, [count, 4]), tf.cast(pixels[..., 0], tf.int32))

    pixels = tf.cond(bits == 8, look_up, lambda: pixels)
    return tf.cond(height > 0, lambda: pixels[::-1, :, 2::-1], lambda: pixels[..., 2::-1])


def _nearest_indices(start, length, size):
    """The source index of each of `size` pixels over `length` pixels from `start` on: Pillow's own arithmetic.

    Pillow adds the scale to a running float64 position, pixel by pixel; multiplying instead rounds differently.
    """
    # Not `/`: inside a graph, TensorFlow's optimizer turns a division by a constant into a multiplication by its
    # reciprocal, which moves a pixel for one pair of sizes in thirty. It leaves this operation alone.
    scale = tf.math.divide_no_nan(tf.cast(length, tf.float64), tf.cast(size, tf.float64))
    first = tf.cast(start, tf.float64) + scale * 0.5
    return tf.cast(tf.cumsum(tf.concat([[first], tf.fill([size - 1], scale)], 0)), tf.int32)


def centred_box(image, decoding):
    """(top, left, height, width), int64 scalars, of the box of an image (h, w, channels) that is kept."""
    height, width = tf.unstack(tf.shape(image, out_type=tf.int64)[:2])
    if not decoding.keep_aspect_ratio:
        return tf.zeros_like(height), tf.zeros_like(width), height, width
    kept_height = tf.minimum(height, width * int(decoding.height) // int(decoding.width))
    kept_width = tf.minimum(width, height * int(decoding.width) // int(decoding.height))
    return (height - kept_height) // 2, (width - kept_width) // 2, kept_height, kept_width


def _finished(image, decoding):
    """Resize by nearest neighbour and convert the colours of a decoded uint8 image (h, w, 3 or 4)."""
    height, width, channels = decoding.shape
    shape = tf.shape(image, out_type=tf.int64)

    def resize():
        top, left, kept_height, kept_width = centred_box(image, decoding)
        rows = tf.gather(image, _nearest_indices(top, kept_height, height))
        return tf.gather(rows, _nearest_indices(left, kept_width, width), axis=1)

    image = tf.cond((shape[0] == height) & (shape[1] == width), lambda: image, resize)
    # Colours after the resize: nearest neighbour only picks pixels, so the order does not matter, and here are fewer.
    if channels == 4:
        opaque = tf.pad(image, [[0, 0], [0, 0], [0, 1]], constant_values=255)
        image = opaque[..., :4]  # cuts the padding off again where the file brought its own alpha
    else:
        image = image[..., :3]
    if channels == 1:
        image = tf.cast(luma(tf.ensure_shape(image, (height, width, 3))), tf.float32)
    return tf.ensure_shape(image, decoding.shape)


def luma(image):
    """Pillow's grey (h, w, 1) of a uint8 image (h, w, 3), int32: in 16-bit fixed point, rounded to nearest."""
    red, green, blue = tf.unstack(tf.cast(image, tf.int32), num=3, axis=-1)
    # Equal channels stay as they are.
    return tf.bitwise.right_shift(19595 * red + 38470 * green + 7471 * blue + 0x8000, 16)[..., None]


def as_keras(content, decoding):
    """The pixels that `image_dataset_from_directory` has, of a file's content (a string scalar)."""
    image = tf.io.decode_image(no_bomb(content), decoding.channels, expand_animations=False)
    image = tf.ensure_shape(image, [None, None, decoding.channels])
    if decoding.keep_aspect_ratio:
        image = tf.image.crop_to_bounding_box(image, *centred_box(image, decoding))
    return tf.cast(tf.image.resize(image, decoding.shape[:2], decoding.interpolation), tf.float32)
