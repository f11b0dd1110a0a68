"""Images, one file each, as Keras's loader decodes and resizes them."""

import functools
import os

import tensorflow as tf

from ..data.bombs import no_bomb

_AT_ONCE = 16  # files that are read together where no batches are wanted


def reader(size, channels, interpolation, fit, channels_first):
    """A function of paths (n,) that returns the images in the files, and whether there is one in each, bool (n,).

    Files that hold no image are black.

    Args:
        size: (height, width).
        channels: 1, 3 or 4.
        interpolation: one of `tf.image.resize`.
        fit: "stretch" to the size, "crop" to its aspect ratio before, or "pad" to it.
        channels_first: whether to return (channels, height, width).
    """
    height, width = size

    def decode(content):
        image = tf.io.decode_image(no_bomb(content), channels, expand_animations=False)
        image = tf.ensure_shape(image, [None, None, channels])
        if fit == "pad":
            image = tf.image.resize_with_pad(image, height, width, method=interpolation)
        else:
            image = tf.image.resize(_centre(image, height, width) if fit == "crop" else image, size, interpolation)
        image = tf.ensure_shape(image, (height, width, channels))
        return tf.transpose(image, (2, 0, 1)) if channels_first else image

    decode = tf.function(decode, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    spec = decode.get_concrete_function().structured_outputs
    read = functools.partial(_each_or_none, decode, tf.TensorSpec(spec.shape, spec.dtype))
    return tf.function(read, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


def _centre(image, height, width):
    """The largest centred box of the aspect ratio, in whole pixels."""
    rows, columns = tf.unstack(tf.shape(image)[:2])
    # In float32, whose rounding is a part of what Keras cuts.
    kept_rows = tf.clip_by_value(tf.cast(tf.cast(columns * height, tf.float32) / width, tf.int32), 1, rows)
    kept_columns = tf.clip_by_value(tf.cast(tf.cast(rows * width, tf.float32) / height, tf.int32), 1, columns)
    top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
    return image[top : top + kept_rows, left : left + kept_columns]


def batches(folder, read, dataset):
    """Batches of the images that a dataset of paths, or of pairs (path, label), names.

    Args:
        folder: a `Folder`.
        read: a `reader`.
        dataset: `tf.data.Dataset`.
    """
    is_tuple, skips = isinstance(dataset.element_spec, tuple), folder.on_error == "skip"

    @tf.autograph.experimental.do_not_convert
    def load(paths, *labels):
        images, good = read(paths)
        bad = tf.boolean_mask(paths, ~good)
        if skips:
            said = "Skipped, as it cannot be read as an image:"
            check = tf.cond(tf.size(bad) > 0, lambda: tf.print(said, bad, summarize=-1), tf.no_op)
        else:
            check = tf.debugging.Assert(tf.size(bad) == 0, ["cannot be read as an image:", bad], summarize=-1)
        with tf.control_dependencies([check]):
            element = (tf.identity(images), *labels)
        return (good, *element) if skips else element if is_tuple else element[0]

    dataset = dataset.batch(folder.batch_size or _AT_ONCE)
    dataset = dataset.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    if skips:
        return folder.batched(dataset.unbatch(), is_tuple)
    return dataset.unbatch() if folder.batch_size is None else dataset


def _each_or_none(decode, spec, paths):
    """See `reader`."""
    # What goes wrong in reading is no fault of the image: TensorFlow says what it is, and of which file.
    contents = tf.map_fn(tf.io.read_file, paths, parallel_iterations=os.cpu_count())
    count = tf.shape(contents, out_type=tf.int64)[0]

    def at_once(contents):
        images = tf.map_fn(decode, contents, fn_output_signature=spec, parallel_iterations=os.cpu_count())
        return images, tf.ones([count], tf.bool)

    def one_by_one(contents):
        good = tf.data.Dataset.from_tensor_slices(contents).enumerate()
        good = good.map(lambda place, content: (place, decode(content))).ignore_errors(log_warning=True)
        nothing = tf.data.Dataset.from_tensors((tf.zeros([0], tf.int64), tf.zeros([0, *spec.shape], spec.dtype)))
        places, images = good.batch(count).concatenate(nothing).take(1).get_single_element()
        shape = tf.concat([count[None], tf.constant([*spec.shape], tf.int64)], 0)
        flags = tf.scatter_nd(places[:, None], tf.ones_like(places, tf.bool), count[None])
        return tf.scatter_nd(places[:, None], images, shape), flags

    # A graph cannot catch an error, but a dataset can leave out the elements that have one. The second of these is
    # computed only where the first has been left out.
    batch = tf.data.Dataset.from_tensors(contents)
    both = batch.map(at_once).ignore_errors().concatenate(batch.map(one_by_one))
    images, good = both.take(1).get_single_element()
    return tf.ensure_shape(images, [None, *spec.shape]), tf.ensure_shape(good, [None])
