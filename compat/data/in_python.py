"""Datasets of batches that Python makes: of iterators, sequences, generators and other iterables."""

import itertools
import os
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from .threads import gated, gated_passes


def from_iterators(iterators, combine):
    """Batches of `next`; the first is pulled at once, to read its structure, and kept for the first pass."""
    length = min(len(iterator) for iterator in iterators)
    if not length:
        raise ValueError("`source` is empty, so that the structure of its batches cannot be read from the first.")
    skipping = any(getattr(iterator, "skipped", None) is not None for iterator in iterators)
    if skipping and len(iterators) > 1:
        raise ValueError("`on_error='skip'` of several iterators needs batches that are made without Python.")

    def one_pass():
        if skipping:
            yield from (_tuples(combine([batch])) for batch in iterators[0]._pass())
            return
        for iterator in iterators:
            iterator.reset()
        for _ in range(length):
            yield _tuples(combine([next(iterator) for iterator in iterators]))

    begun = [one_pass()]
    pulled = list(itertools.islice(begun[0], 1))

    def batches():
        if pulled:
            yield pulled.pop()
        yield from begun.pop() if begun else one_pass()

    dataset = tf.data.Dataset.from_generator(gated_passes(batches), output_signature=_signature(pulled[0]))
    return dataset if skipping else dataset.apply(tf.data.experimental.assert_cardinality(length))


def from_sequence(sequence):
    """Batches by their index, several at a time; `on_epoch_end` between the passes, where there is one."""
    if not len(sequence):
        raise ValueError("`source` is empty, so that the structure of its batches cannot be read from the first.")
    signature = _signature(_tuples(sequence[0]))
    specs = tf.nest.flatten(signature)
    passes = []

    def begin():
        if passes and hasattr(sequence, "on_epoch_end"):
            sequence.on_epoch_end()
        passes.append(None)
        return np.int64(len(sequence))

    def read(index):
        arrays = tf.nest.flatten(_tuples(sequence[int(index)]))
        return [np.asarray(array, spec.dtype.as_numpy_dtype) for array, spec in zip(arrays, specs, strict=True)]

    def batch(index):
        tensors = tf.numpy_function(gated(read), [index], [spec.dtype for spec in specs])
        tensors = [tf.ensure_shape(tensor, spec.shape) for tensor, spec in zip(tensors, specs, strict=True)]
        return tf.nest.pack_sequence_as(signature, tensors)

    one_pass = tf.data.Dataset.from_tensors(0)
    indices = one_pass.flat_map(lambda _: tf.data.Dataset.range(tf.numpy_function(gated(begin), [], tf.int64)))
    dataset = indices.map(batch, num_parallel_calls=os.cpu_count())
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def from_iterable(source):
    """Batches of an iterable; the first is pulled at once, to read its structure, and kept for the first pass."""
    if not callable(source) and not isinstance(source, Iterable):
        raise TypeError(
            "`source` must be an iterator of images, an iterable of batches, or a function that returns one. "
            f"Received: {type(source).__name__}"
        )
    begun = [iter(source() if callable(source) else source)]
    first = next(begun[0], None)
    if first is None:
        raise ValueError("`source` is empty, so that the structure of its batches cannot be read from the first.")
    pulled = [_tuples(first)]

    def batches():
        if pulled:
            yield pulled.pop()
        iterator = begun.pop() if begun else iter(source() if callable(source) else source)
        yield from map(_tuples, iterator)

    return tf.data.Dataset.from_generator(gated_passes(batches), output_signature=_signature(pulled[0]))


def _signature(batch):
    """The specification of batches like this one, of any batch size."""

    def spec(array):
        array = np.asarray(array)
        return tf.TensorSpec([None, *array.shape[1:]] if array.ndim else [], tf.as_dtype(array.dtype))

    return tf.nest.map_structure(spec, batch)


def _tuples(batch):
    if isinstance(batch, dict):
        return {name: _tuples(part) for name, part in batch.items()}
    return tuple(_tuples(part) for part in batch) if isinstance(batch, (tuple, list)) else batch
