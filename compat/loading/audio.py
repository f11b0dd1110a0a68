"""Recordings, one WAV file each."""

import tensorflow as tf

from . import wav


def reader(paths, sampling_rate, length, ragged, check):
    """A function of a path that returns the samples (n, channels) in the file, and why they are not to be used, or "".

    Args:
        paths: all files, of which the first that can be read tells the rate and the channels of all.
        sampling_rate: samples a second that the files must have; None for those of that file.
        length: of the samples that are returned: cut off, or filled up with zeros; None for as many as there are.
        ragged: whether to return a ragged tensor.
        check: whether the files must have the same rate and the same number of channels.
    """
    first = _first(paths) if check else None
    channels = first[1] if check else None

    def read(path):
        samples, rate, width, why = wav.decode(tf.io.read_file(path))
        if sampling_rate is not None:
            said = "is of {} samples a second, where sampling_rate is {}: convert it"
            why = _or(why, rate == sampling_rate, lambda: tf.strings.format(said, (rate, tf.constant(sampling_rate))))
        if check:
            why = _or(why, (rate == first[0]) & (width == first[1]), lambda: _unlike(rate, width, *first))
            samples = tf.cond(why == b"", lambda: samples, lambda: tf.zeros([0, channels]))
        if length is not None:
            samples = tf.pad(samples[:length], [[0, tf.maximum(length - tf.shape(samples)[0], 0)], [0, 0]])
        samples = tf.ensure_shape(samples, [length, channels])
        return (tf.RaggedTensor.from_tensor(samples) if ragged else samples), why

    return tf.function(read, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)


def _or(why, good, otherwise):
    """Why, if there is a reason already; else another one unless it is good."""
    return tf.cond((why == b"") & ~good, otherwise, lambda: why)


def _unlike(rate, width, rate_of_first, width_of_first, first):
    said = tf.strings.format("is of {} samples a second in {} channels, where ", (rate, width))
    return tf.strings.join([said, first, f" is of {rate_of_first} in {width_of_first}"])


def _first(paths):
    """Samples a second, number of channels and path of the first file that can be read, or (0, 1, path) of none."""
    for path in paths:
        _, rate, channels, why = wav.decode(tf.io.read_file(path))
        if not why.numpy():
            return int(rate), int(channels), path
    return 0, 1, ""
