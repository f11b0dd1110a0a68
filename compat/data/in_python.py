"""Datasets of batches that Python makes: of iterators, sequences, generators and other iterables."""

import itertools
import os
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from .sequences import as_tuples, length_of
from .threads import gated, gated_passes


def from_iterators(iterators, combine):
    """Batches of `next`; the first is pulled at once, to read its structure, and kept for the first pass."""
    length = min(len(iterator) for iterator in iterators)
    if not length:
        raise ValueError(_EMPTY)
    skipping = any(getattr(iterator, "skipped", None) is not None for iterator in iterators)
    if skipping and len(iterators) > 1:
        raise ValueError("`on_error='skip'` of several iterators needs batches that are made without Python.")

    def one_pass():
        if skipping:
            yield from (combine([batch]) for batch in iterators[0]._pass())
            return
        for iterator in iterators:
            iterator.reset()
        for _ in range(length):
            yield combine([next(iterator) for iterator in iterators])

    dataset = _of_passes(one_pass)
    return dataset if skipping else dataset.apply(tf.data.experimental.assert_cardinality(length))


def from_sequence(sequence):
    """Batches by their index, several at a time. Its `on_epoch_begin` and `on_epoch_end` are called where passes begin,
    the latter for the pass before.
    """
    length = length_of(sequence)
    if not length:
        raise ValueError(_EMPTY)
    signature = _signature(as_tuples(sequence[0]))
    specs = tf.nest.flatten(signature)
    passes = []

    def begin():
        for name in ["on_epoch_end", "on_epoch_begin"][not passes :]:
            getattr(sequence, name, lambda: None)()
        passes.append(None)
        return np.int64(length_of(sequence))

    def read(index):
        return tf.nest.flatten(_conforming(as_tuples(sequence[int(index)]), signature))

    def batch(index):
        tensors = tf.numpy_function(gated(read), [index], [spec.dtype for spec in specs])
        tensors = [tf.ensure_shape(tensor, spec.shape) for tensor, spec in zip(tensors, specs, strict=True)]
        return tf.nest.pack_sequence_as(signature, tensors)

    one_pass = tf.data.Dataset.from_tensors(0)
    indices = one_pass.flat_map(lambda _: tf.data.Dataset.range(tf.numpy_function(gated(begin), [], tf.int64)))
    dataset = indices.map(batch, num_parallel_calls=os.cpu_count())
    return dataset.apply(tf.data.experimental.assert_cardinality(length))


def from_iterable(source):
    """Batches of an iterable; the first is pulled at once, to read its structure, and kept for the first pass."""
    if not callable(source) and not isinstance(source, Iterable):
        raise TypeError(
            "`source` must be an iterator of images, an iterable of batches, or a function that returns one. "
            f"Received: {type(source).__name__}"
        )
    return _of_passes(source if callable(source) else lambda: source)


def _of_passes(make):
    """The dataset of the batches of an iterable, made anew for each pass.

    A pass that is broken off, be it before the second batch, is over: the next one begins with a batch of its own.
    """
    begun = iter(make())
    first = next(begun, None)
    if first is None:
        raise ValueError(_EMPTY)
    signature, kept = _signature(as_tuples(first)), [itertools.chain([first], begun)]

    def batches():
        for batch in kept.pop() if kept else make():
            yield _conforming(as_tuples(batch), signature)

    return tf.data.Dataset.from_generator(gated_passes(batches), output_signature=signature)


_EMPTY = "`source` is empty, so that the structure of its batches cannot be read from the first."


def _signature(batch):
    """The specification of batches like this one, of any batch size."""

    def spec(array):
        array = np.asarray(array)
        return tf.TensorSpec([None, *array.shape[1:]] if array.ndim else [], tf.as_dtype(array.dtype))

    return tf.nest.map_structure(spec, batch)


def _conforming(batch, signature):
    """The arrays of a batch in the dtypes of the first one.

    Raises:
        TypeError: they are of another structure, or integers that would not hold their values.
    """

    def conforming(spec, array):
        array, dtype = np.asarray(array), spec.dtype.as_numpy_dtype
        with np.errstate(invalid="ignore"):  # the comparison tells
            made = array.astype(dtype, copy=False)
        if np.dtype(dtype).kind in "iub" and not np.array_equal(made, array):
            raise TypeError(
                f"`source` must yield batches of one dtype: the first one has {made.dtype}, which cannot hold values "
                f"of a later one. Received: {array.dtype}"
            )
        return made

    return tf.nest.map_structure(conforming, signature, batch)
