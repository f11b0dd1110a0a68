"""Recordings, one WAV file each."""

import os
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from . import wav


class _First(NamedTuple):
    """A recording like which all others must be."""

    path: bytes
    rate: int
    channels: int
    header: np.ndarray | None
    """That of `wav.usual_header`."""


def readers(paths, sampling_rate, length, ragged, check):
    """What reads one file, and what reads a batch of them.

    Args:
        paths: all files, of which the first that can be read tells the rate and the channels of all.
        sampling_rate: samples a second that the files must have; None for those of that file.
        length: of the samples that are returned: cut off, or filled up with zeros; None for as many as there are.
        ragged: whether to return a ragged tensor.
        check: whether the files must have the same rate and the same number of channels.

    Returns:
        (one, together): a function of a content, a string scalar, that returns the samples (n, channels) and why they
        are not to be used, or ""; and the same of contents (n,), samples filled up to the longest, or None where it
        would be no faster.
    """
    first = _first(paths) if check else None
    channels = first.channels if check else None

    def read(content):
        samples, rate, width, why = wav.decode(content)
        if sampling_rate is not None:
            said = "is of {} samples a second, where sampling_rate is {}: convert it"
            why = _or(why, rate == sampling_rate, lambda: tf.strings.format(said, (rate, tf.constant(sampling_rate))))
        if check:
            alike = (rate == first.rate) & (width == first.channels)
            why = _or(why, alike, lambda: _unlike(rate, width, first))
            samples = tf.cond(why == b"", lambda: samples, lambda: tf.zeros([0, channels]))
        if length is not None:
            samples = tf.pad(samples[:length], [[0, tf.maximum(length - tf.shape(samples)[0], 0)], [0, 0]])
        samples = tf.ensure_shape(samples, [length, channels])
        return (tf.RaggedTensor.from_tensor(samples) if ragged else samples), why

    def one_by_one(contents):
        spec = (tf.RaggedTensorSpec([length, channels], tf.float32, ragged_rank=0), tf.TensorSpec([], tf.string))
        samples, why = tf.map_fn(one, contents, fn_output_signature=spec)
        return tf.ensure_shape(samples.to_tensor(), [None, length, channels]), why

    def together(contents):
        alike = lambda: (wav.decode_usual(contents, length, channels), tf.zeros_like(contents))  # noqa: E731
        # In a dataset of its own the graph for all other kinds of files, a large one, is not made ready for every pass.
        others = lambda: tf.data.Dataset.from_tensors(contents).map(one_by_one).get_single_element()  # noqa: E731
        samples, why = tf.cond(wav.is_usual(contents, first.header), alike, others)
        return tf.ensure_shape(samples, [None, length, channels]), why

    one = tf.function(read, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    usual = check and not ragged and first.header is not None and sampling_rate in (None, first.rate)
    return one, (together if usual else None)


def _or(why, good, otherwise):
    """Why, if there is a reason already; else another one unless it is good."""
    return tf.cond((why == b"") & ~good, otherwise, lambda: why)


def _unlike(rate, width, first):
    said = tf.strings.format("is of {} samples a second in {} channels, where ", (rate, width))
    return tf.strings.join([said, first.path, f" is of {first.rate} in {first.channels}"])


def _first(paths):
    """The first file that can be read."""
    for path in map(os.fsencode, paths):
        content = tf.io.read_file(path)
        _, rate, channels, why = wav.decode(content)
        if not why.numpy():
            return _First(path, int(rate), int(channels), wav.usual_header(content.numpy()))
    return _First(b"", 0, 1, None)
