"""Images, one file each, as Keras's loader decodes and resizes them."""

import tensorflow as tf


def reader(size, channels, interpolation, fit, channels_first):
    """A function of the content of a file that returns the image in it, and why it is not to be used, or "".

    Args:
        size: (height, width).
        channels: 1, 3 or 4.
        interpolation: one of `tf.image.resize`.
        fit: "stretch" to the size, "crop" to its aspect ratio before, or "pad" to it.
        channels_first: whether to return (channels, height, width).
    """
    height, width = size

    def decode(content):
        image = tf.io.decode_image(content, channels, expand_animations=False)
        image = tf.ensure_shape(image, [None, None, channels])
        if fit == "pad":
            image = tf.image.resize_with_pad(image, height, width, method=interpolation)
        else:
            image = tf.image.resize(_centre(image, height, width) if fit == "crop" else image, size, interpolation)
        image = tf.ensure_shape(image, (height, width, channels))
        return tf.transpose(image, (2, 0, 1)) if channels_first else image

    decode = tf.function(decode, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    spec = decode.get_concrete_function().structured_outputs
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False

    def read(content):
        # A graph cannot catch an error, but a dataset can leave out the elements that have one. The second of these is
        # computed only where the first has been left out.
        one = tf.data.Dataset.from_tensors(content)
        good = one.map(lambda content: (decode(content), "")).ignore_errors(log_warning=True)
        bad = one.map(lambda _: (tf.zeros(spec.shape, spec.dtype), "cannot be read as an image"))
        return good.concatenate(bad).take(1).with_options(options).get_single_element()

    return tf.function(read, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)


def _centre(image, height, width):
    """The largest centred box of the aspect ratio, in whole pixels."""
    rows, columns = tf.unstack(tf.shape(image)[:2])
    # In float32, whose rounding is a part of what Keras cuts.
    kept_rows = tf.clip_by_value(tf.cast(tf.cast(columns * height, tf.float32) / width, tf.int32), 1, rows)
    kept_columns = tf.clip_by_value(tf.cast(tf.cast(rows * width, tf.float32) / height, tf.int32), 1, columns)
    top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
    return image[top : top + kept_rows, left : left + kept_columns]
