"""Image files to pixels by TensorFlow alone: a graph that any process can run, and that names what it cannot read."""

import functools
import io
import os

import tensorflow as tf
from PIL import Image

from .bombs import declared_pixels
from .decoding import agreeing_formats
from .files import blames_file, read_bytes, refused, split_paths
from .messages import warn
from .tensorflow_decoders import FOREIGN, as_keras, centred_box, decode, luma, route

_KERNELS = {"bilinear": "triangle", "bicubic": "keyscubic", "box": "box", "lanczos": "lanczos3"}
_READ = ("JPEG", "MPO", "PNG", "BMP", "WEBP")  # Pillow's names of the formats
_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_LOOKS = 100  # into files of other endings
_ROOM = 16  # bytes a pixel, at most, that a decoder takes


def paths_for_graph(paths, decoding, skipped=None):
    """The paths of files for `decode_in_graph`, after a look at what it could not read, wait for, or read otherwise.

    Args:
        paths: sequence of n str.
        decoding: a `Decoding`.
        skipped: a `Skipped`, where what is not to be opened is noted; None if that is an error.

    Returns:
        Sequence of n str: `paths`, but for what is to be skipped, whose path is one to nothing, which says so.

    Raises:
        ValueError: TensorFlow cannot decode in this way, or a file of an ending that it does not read.
        OSError: without `skipped`, a path leads to what is not to be opened; see `refused`.
    """
    _check(decoding)
    errors = refused(paths)
    if errors and skipped is None:
        raise next(iter(errors.values()))
    if errors:
        paths = list(paths[:])  # of its own, and only now: `paths` may be a million, which are joined one by one
    for place, error in errors.items():
        skipped.add(paths[place], error)
        paths[place] = os.path.join(paths[place], "is not a regular file")
    names = split_paths(paths)[1] if decoding.decoder == "pillow" else []
    others = [place for place, name in enumerate(names) if not name.lower().endswith(_ENDINGS)]
    for path in (paths[place] for place in others[:_LOOKS]):
        if (form := _format(path)) not in _READ:
            raise ValueError(
                f"draws='stateless' reads JPEG, PNG, BMP and WebP. Received: {path}, in {form}, "
                f"among {len(others)} of {len(paths)} files of other endings. Convert them, or use draws='replay'."
            )
    return paths


def _check(decoding):
    """Raise a ValueError if a graph cannot do what a `Decoding` says, and warn if not to the last digit."""
    if decoding.decoder == "fast" or decoding.exif_transpose:
        option = "exif_transpose=True" if decoding.exif_transpose else "decode='fast'"
        raise ValueError(f"{option} is Pillow's: it cannot be part of a graph.")
    if decoding.decoder == "keras" or decoding.interpolation == "nearest":
        return
    said = f"interpolation={decoding.interpolation!r}"
    if decoding.interpolation not in _KERNELS or decoding.color_mode == "rgba":
        raise ValueError(
            f"{said} with color_mode={decoding.color_mode!r} cannot be part of a graph: use draws='replay', or "
            "interpolation='nearest'."
        )
    warn(
        f"{said} with draws='stateless' is TensorFlow's, which differs from Pillow's by a grey level here and there: "
        "use draws='replay', interpolation='nearest' or decode='keras' for the very pixels of the iterator."
    )


def _format(path):
    """Pillow's name of the format of a file; the first of those that are read if it cannot be told."""
    try:
        with Image.open(io.BytesIO(read_bytes(path))) as image:
            return image.format
    except Exception as error:
        if not blames_file(error):
            raise
        return _READ[0]  # the graph will say what is wrong with it


def decode_in_graph(paths, decoding, skip=False):
    """Decode a batch of files by TensorFlow alone, as part of a graph that any process can run.

    The pixels are Pillow's: what TensorFlow would decode to others, as 16 bits or CMYK, is an error. So it is with
    `skip`, too, since nothing is wrong with the file. Interpolations other than "nearest" follow Pillow's, to a grey
    level or two.

    Args:
        paths: string tensor (n,), from `paths_for_graph`.
        decoding: a `Decoding`.
        skip: whether a file that cannot be decoded, or is not there, is left black and printed to stderr, instead of an
            error.

    Returns:
        Images (n, height, width, channels) in `decoding.dtype`, and whether each was decoded, bool (n,).

    Raises:
        tf.errors.OpError: while the graph runs; it names the files. An `InvalidArgumentError` where something is wrong
            with them, of which TensorFlow logs the details; else what TensorFlow says of reading them.
    """
    flag = tf.TensorSpec([], tf.bool)
    specs = tf.TensorSpec(decoding.shape, decoding.dtype), flag, flag
    formats = () if decoding.decoder == "keras" else agreeing_formats()
    decode_one = _decoder(decoding, formats, _most_pixels())

    def at_once(paths):
        read = lambda path: decode_one(tf.io.read_file(path))  # noqa: E731
        return tf.map_fn(read, paths, fn_output_signature=specs, parallel_iterations=os.cpu_count())

    def one_by_one(paths):
        count = tf.shape(paths, out_type=tf.int64)[0]
        # What goes wrong in reading is no error that is ignored: TensorFlow says what it is, and of which file.
        contents = tf.map_fn(_read_if_there if skip else tf.io.read_file, paths, parallel_iterations=1)
        readable = tf.data.Dataset.from_tensor_slices(_with_room(contents)).enumerate()
        readable = readable.map(lambda place, content: (place, *decode_one(content))).ignore_errors(log_warning=True)
        places, *decoded = readable.batch(count).concatenate(_nothing(specs)).take(1).get_single_element()
        return tuple(
            tf.scatter_nd(places[:, None], values, tf.concat([count[None], tf.constant([*spec.shape], tf.int64)], 0))
            for values, spec in zip(decoded, specs, strict=True)
        )

    # A graph cannot catch an error, but a dataset can leave out the elements that have one. So errors alone cost time:
    # the second of these elements is computed only where the first has been left out.
    batch = tf.data.Dataset.from_tensors(paths)
    whole = batch.map(at_once).ignore_errors()
    images, good, foreign = whole.concatenate(batch.map(one_by_one)).take(1).get_single_element()
    foreign, bad = (tf.boolean_mask(paths, chosen) for chosen in (foreign, ~good & ~foreign))
    refused = (  # without quotes, before which TensorFlow puts backslashes
        "TensorFlow does not decode this to the pixels of Pillow. Convert it to a JPEG or PNG of 8 bits in RGB or "
        "grey, or let draws be replay:"
    )
    with tf.control_dependencies([tf.debugging.Assert(tf.size(foreign) == 0, [refused, foreign], summarize=-1)]):
        if skip:
            message = "Skipped, as it cannot be read:"
            said = tf.cond(tf.size(bad) > 0, lambda: tf.print(message, bad, summarize=-1), tf.no_op)
        else:
            said = tf.debugging.Assert(tf.size(bad) == 0, ["cannot be read as an image:", bad], summarize=-1)
    with tf.control_dependencies([said]):
        return tf.ensure_shape(images, [None, *decoding.shape]), tf.ensure_shape(good, [None])


def _nothing(specs):
    """A dataset of one batch of no places and nothing decoded, for a batch without a readable file."""
    nothing = (tf.zeros([0, *spec.shape], spec.dtype) for spec in specs)
    return tf.data.Dataset.from_tensors((tf.zeros([0], tf.int64), *nothing))


def _read_if_there(path):
    """The content of a file, a string scalar; nothing of a file that is not there."""
    # Which error it was, nobody can tell in a graph; so it is asked beforehand. Not of names that are patterns to this
    # operation, nor of other machines, of which it cannot tell an absent file from one that does not answer.
    asked = ~tf.strings.regex_full_match(path, r"\C*[*?\[\\]\C*|[A-Za-z][A-Za-z0-9.+-]*://\C*")
    gone = tf.cond(asked, lambda: tf.equal(tf.size(tf.io.matching_files(path)), 0), lambda: False)
    return tf.cond(gone, lambda: tf.constant(b""), lambda: tf.io.read_file(path))


def _with_room(contents):
    """The contents of files, if there is memory to decode the largest; an error of that is not to be ignored."""
    sizes, most = tf.data.Dataset.from_tensor_slices(contents).map(declared_pixels).ignore_errors(), _most_pixels()
    larger = lambda so_far, size: tf.maximum(so_far, tf.where(size <= (most or 1 << 30), size, 0))  # noqa: E731
    largest = sizes.reduce(tf.constant(0, tf.int64), larger)
    with tf.control_dependencies([tf.raw_ops.Empty(shape=tf.cast([largest, _ROOM], tf.int32), dtype=tf.uint8)]):
        return tf.identity(contents)


def _most_pixels():
    """Up to where Pillow takes no image for a decompression bomb; None without a limit."""
    return None if Image.MAX_IMAGE_PIXELS is None else 2 * Image.MAX_IMAGE_PIXELS


@functools.lru_cache(maxsize=8)
def _decoder(decoding, formats, most_pixels):
    """A function of the content of a file, traced once for datasets that decode alike: that is half of building one.

    It returns the image, whether it is good, and whether it is one for Pillow; else it is black. What the first bytes
    do not tell to be broken, the decoder raises.
    """

    @functools.partial(tf.function, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def decode_one(content):
        if decoding.decoder == "keras":
            return as_keras(content, decoding), tf.constant(True), tf.constant(False)
        way = route(content, formats, decoding, most_pixels)
        resize = None if decoding.interpolation == "nearest" else lambda image: _resized(image, decoding)
        return decode(content, way, decoding, resize), way > FOREIGN, way == FOREIGN

    return decode_one


def _resized(image, decoding):
    """Resized as Pillow does: after the colours, first the rows and then their columns, each to uint8."""
    if decoding.channels == 1:
        image = tf.cast(tf.repeat(luma(image[..., :3]), 3, axis=-1), tf.uint8)
    top, left, height, width = (tf.cast(size, tf.float32) for size in centred_box(image, decoding))

    def scaled(image, size, start, length, axis):
        scale = size / length
        # Of two pixels equally far away, a box holds the right one, and TensorFlow's would hold half of both.
        beyond = 1 / (8 * length) if decoding.interpolation == "box" else 0.0
        unmoved = [[1.0, 0.0], [scale, -scale * start - beyond]]
        scale, translation = tf.unstack(tf.stack(unmoved if axis else unmoved[::-1], axis=1))
        shape = [tf.shape(image)[0], size] if axis else [size, tf.shape(image)[1]]
        resized = tf.raw_ops.ScaleAndTranslate(
            images=image[None],
            size=tf.stack(shape),
            scale=scale,
            translation=translation,
            kernel_type=_KERNELS[decoding.interpolation],
        )
        return tf.cast(tf.clip_by_value(tf.floor(resized[0] + 0.5), 0, 255), tf.uint8)

    return scaled(scaled(image, decoding.width, left, width, 1), decoding.height, top, height, 0)
