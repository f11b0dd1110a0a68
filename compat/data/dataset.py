"""From flows to `tf.data`: plan a pass, load, augment, attach."""

import functools
import itertools
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ...layers.backends.tensorflow import ops, random_numbers
from ...layers.seeds import seed_tensor
from .augmentation_in_graph import at_one_size, compiled
from .cache import cached
from .decoding_in_graph import decode_in_graph, paths_for_graph
from .flow import Files, OneHot, asked, sample_weights
from .image_kernel import InOneGo, image_kernel, resizing
from .names import lookup
from .order import seeds_of, shuffled
from .rows import Rows
from .rows_in_graph import TENSORS, drawn_by
from .service import only_here, whole_pass
from .threads import gated

# Nothing here needs AutoGraph, which takes seconds to read the source of everything that is called.
_as_written = tf.autograph.experimental.do_not_convert
_AHEAD = 4096
"""For how many samples matrices are made at once. For all of a million images it took a second and 300 MB."""


if TYPE_CHECKING:

    class ImageDataset(tf.data.Dataset[Any]):
        """What `to_dataset` returns: a dataset that knows where it comes from."""

        class_names: list[str]
        file_paths: Sequence[str] | None
        skipped: Mapping[str, str] | None


def replayed(flows, combine, plan, settings):
    """The batches of flows over the same number of samples, side by side, with draws from Python.

    Args:
        flows: list of `Flow`s.
        combine: function of the list of their batches, and of the rows of the arrays beside them, that returns the
            element.
        plan: function without arguments that draws a pass: a list with the indices (n,) and the table (n, 10), or None,
            for each flow. It is called once per pass. Python also turns the table into `Rows`, `_AHEAD` samples at a
            time, and decodes with Pillow.
        settings: `Settings`.

    Returns:
        A `tf.data.Dataset` without a known cardinality.
    """

    def planned():
        arrays = []
        for indices, table in plan() if flows[0].samples else [(np.zeros(0), None)] * len(flows):
            arrays += [np.asarray(indices, "int64"), np.zeros((len(indices), 0)) if table is None else table]
        return arrays

    def rows(*tables):
        return [column for flow, table in zip(flows, tables, strict=True) for column in flow.rows(table)]

    def epoch(_):
        tensors = tf.numpy_function(gated(planned), [], [tf.int64, tf.float64] * len(flows))
        orders = [tf.ensure_shape(order, [None]) for order in tensors[::2]]
        tables = [tf.ensure_shape(table, [None, None]) for table in tensors[1::2]]

        def some(start):
            part, specs = slice(start, start + _AHEAD), list(TENSORS) * len(flows)
            tables_of_part, types = [table[part] for table in tables], [s.dtype for s in specs]
            made = tf.numpy_function(gated(rows), tables_of_part, types, stateful=False)
            made = [tf.ensure_shape(array, spec.shape) for array, spec in zip(made, specs, strict=True)]
            size = len(TENSORS)
            parts = tuple((order[part], Rows(*made[k * size : (k + 1) * size])) for k, order in enumerate(orders))
            return tf.data.Dataset.from_tensor_slices(parts)

        return tf.data.Dataset.range(0, tf.size(orders[0], tf.int64), _AHEAD).flat_map(_as_written(some))

    steps = [_Steps(flow, settings, _read_in_threads) for flow in flows]
    batches = tf.data.Dataset.from_tensors(0).flat_map(_as_written(epoch))
    batches = batches.batch(flows[0].batch_size, drop_remainder=settings.drop_remainder)
    return _assembled(batches, steps, combine, settings, 2, -(-flows[0].samples // flows[0].batch_size))


def stateless(flows, combine, settings, draws, address=None):
    """The batches of flows over the same number of samples, side by side, as a graph without Python.

    Order and draws follow from the seed, the epoch and the index of the sample alone. With `settings.repeat` a batch is
    a function of its number, and the source a range of numbers, which the tf.data service can split.

    Args:
        flows, combine, settings: as for `replayed`.
        draws: a `Stateless` with a seed.
        address: of the dispatcher of a tf.data service, whose workers make the batches.

    Returns:
        A `tf.data.Dataset`. Through the service, the batches of a pass come in any order.
    """
    samples, size = flows[0].samples, flows[0].batch_size
    mine, start = len(range(draws.shard, samples, draws.shards)), draws.start
    per_epoch = mine // size if settings.drop_remainder else -(-mine // size)
    steps = []
    for flow in flows:
        random_layers = flow.random_layers() if settings.training else []
        draw = drawn_by(random_layers, flow.input_spec[0], flow.augmentation.input_format)
        steps.append(_Steps(flow, settings, _read_in_graph, draw))

    def places_and_seeds(steps, key):
        places = steps * draws.shards + draws.shard
        if flows[0].shuffle:
            places = shuffled(places, samples, key)
        return places, seeds_of(places, key)

    def plan(key, number):
        """The samples of a batch and the seeds of their draws, by the key of its epoch and its number in it."""
        steps = tf.range(number * size, tf.minimum((number + 1) * size, mine))
        places, seeds = at_one_size(lambda steps: places_and_seeds(steps, key), min(size, mine))(steps)
        return tuple((places, seeds) for _ in flows)

    # Decoding in a graph uses a dataset, which would count as state when an iterator is saved, though it is none.
    options = tf.data.Options()
    options.experimental_external_state_policy = tf.data.experimental.ExternalStatePolicy.IGNORE

    def assembled(planned):
        return _assembled(planned, steps, combine, settings, os.cpu_count(), per_epoch).with_options(options)

    def key_of(epoch):
        return seeds_of(epoch[None], root)[0]

    root, length = seed_tensor(draws.seed, ops), max(per_epoch, 1)
    epochs = 2**40 if settings.repeat is True else int(settings.repeat)
    if settings.repeat and address is None:
        numbers = tf.data.Dataset.range(start, max(per_epoch * epochs, start))
        return assembled(numbers.map(_as_written(lambda number: plan(key_of(number // length), number % length))))
    # Otherwise passes: the key of each, and the number that it begins with.
    if settings.repeat:
        numbers = tf.data.Dataset.range(start // length * length, per_epoch * epochs, length)
        keyed = lambda number: (key_of(number // length), tf.maximum(start - number, 0))  # noqa: E731
    else:
        numbers = random_numbers(draws.seed).take(1)
        keyed = lambda number: (tf.bitcast(number, tf.int32), tf.constant(min(start, per_epoch), tf.int64))  # noqa: E731
    passes = only_here(numbers.map(_as_written(keyed)))

    def one_pass(key, begin):
        def planned(number):
            return plan(key, number)

        if address is None:
            return tf.data.Dataset.range(begin, per_epoch).map(planned)
        made = lambda numbers: assembled(numbers.map(lambda number: (*planned(number), number)))  # noqa: E731
        return whole_pass(made, begin, per_epoch, address)

    batches = passes.flat_map(_as_written(one_pass))
    return assembled(batches) if address is None else batches.with_options(options)


def _assembled(batches, steps, combine, settings, parallel, most):
    """Load, augment and attach: from the planned batches, (indices, draws) for each flow, to the elements.

    `most` is the number of batches in a pass. What follows the flows stays with the element.
    """
    skipping = any(step.skips for step in steps)

    def load(*parts):
        loaded, goods = [], []
        for step, (indices, rows) in zip(steps, parts, strict=False):
            images, good = step.load(indices, rows)
            loaded.append((indices, images, rows))
            goods.append(good)
        loaded = _chosen(tuple(loaded), tf.reduce_all(goods, axis=0)) if skipping else loaded
        return (*loaded, *parts[len(steps) :])

    def finish(*parts):
        of_flows = [(step, part[0], step.augment(*part[1:])) for step, part in zip(steps, parts, strict=False)]
        rows = [tf.gather(array, indices) for step, indices, _ in of_flows for array in step.beside]
        element = combine([*(step.attach(indices, images) for step, indices, images in of_flows), *rows])
        if settings.file_names:
            element = (element, steps[0].names(parts[0][0]))
        behind = parts[len(steps) :]
        return (element, *behind) if behind else element

    # Two batches are loaded and one is augmented at a time, as both use all cores within a batch. More at once, or
    # autotuning, was slower by a tenth to a third.
    batches = batches.map(_as_written(load), num_parallel_calls=parallel)
    if skipping:
        batches = _without_empty(batches, most)
    if settings.device is not None:
        batches = batches.apply(tf.data.experimental.copy_to_device(settings.device))
    with tf.device(settings.device):
        return batches.map(_as_written(finish), num_parallel_calls=1)


def _chosen(parts, good):
    """The samples that are good, bool (n,): of tensors whose first axis is that of the samples."""
    keep = lambda: tf.nest.map_structure(lambda tensor: tf.boolean_mask(tensor, good), parts)  # noqa: E731
    return tf.cond(tf.reduce_all(good), lambda: parts, keep)


def _without_empty(batches, most):
    """Leave out batches without samples; an error if a whole pass of them comes in a row."""

    def count(empty, parts):
        empty = tf.where(tf.size(parts[0][0]) > 0, 0, empty + 1)
        message = "on_error='skip': in a whole pass, not one file can be read. See the log for the reasons."
        with tf.control_dependencies([tf.debugging.Assert(empty < most, [message])]):
            return tf.identity(empty), parts

    return batches.scan(tf.constant(0), _as_written(count)).filter(lambda *parts: tf.size(parts[0][0]) > 0)


def repeated(batches, repeat):
    """Pass after pass: for ever if True, or as often as a number says."""
    return batches.repeat(None if repeat is True else int(repeat)) if repeat else batches


def finished(batches, settings):
    """The end of every pipeline: batches ahead of time."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.prefetch(settings.prefetch).with_options(options)


class _Steps:
    """What is done to the batches of one flow, as functions of tensors."""

    def __init__(self, flow, settings, reader, draw=None):
        self.skips = flow.skipped is not None
        kernel = None
        if reader is _read_in_threads and not settings.apart and settings.device is None:
            kernel = image_kernel(asked(flow, settings).augmentation, flow.statistics, *flow.input_spec)
        if kernel is not None:
            self.load, self.augment = _transforming_loader(flow, settings, kernel), lambda images, rows: images
        else:
            self.load = _loader(flow, settings, reader)
            augment = _augmenter(asked(flow, settings), settings)
            transform = augment if draw is None else lambda images, seeds: augment(images, draw(seeds))
            self.augment = at_one_size(transform, min(flow.batch_size, flow.samples))
        self.attach = _attacher(flow, settings)
        self.beside = [tf.constant(array) for array in flow.beside]
        self.names = lookup(flow.images.paths) if settings.file_names else None
        """A function of indices that returns the paths of the files."""


def _loader(flow, settings, reader):
    """A function of indices (n,) and what is drawn that returns the images and whether each was read, bool (n,)."""
    if not isinstance(flow.images, Files):
        images = tf.constant(flow.images)
        return lambda indices, _: (tf.gather(images, indices), tf.ones_like(indices, tf.bool))
    read = reader(flow.images, settings)
    return lambda indices, _: read(indices)


def _transforming_loader(flow, settings, kernel):
    """A function of indices (n,) and `Rows` that returns transformed images and whether each was read, bool (n,)."""
    images, in_files = flow.images, isinstance(flow.images, Files)
    caching = cached(images, settings.cache) if in_files and settings.cache is not None else None

    def load(indices, *columns):
        rows = Rows(*columns)
        if not in_files:
            return kernel.batch(images, rows, indices), np.ones(len(indices), bool)
        if caching is not None:
            decoded, good = caching(indices)
            return kernel.batch(decoded, rows), good
        then = InOneGo(kernel, rows)
        good = images.read(indices, then=then)[1]
        return then.results, good

    def in_python(indices, rows):
        dtype = asked(flow, settings).augmentation.output_dtype
        made, good = tf.numpy_function(gated(load), [indices, *rows], (dtype, tf.bool), stateful=False)
        return tf.ensure_shape(made, [None, *flow.shape]), tf.ensure_shape(good, [None])

    return in_python


def _read_in_threads(files, settings):
    """A reader in Python: its errors name the file and what is wrong with it."""
    decoding = files.decoding
    read = resizing(files) or files.read if settings.cache is None else cached(files, settings.cache)

    def load(indices):
        images, good = tf.numpy_function(gated(read), [indices], (decoding.dtype, tf.bool), stateful=False)
        return tf.ensure_shape(images, [None, *decoding.shape]), tf.ensure_shape(good, [None])

    return load


def _read_in_graph(files, settings):
    """A reader by TensorFlow's own decoders."""
    names = lookup(paths_for_graph(files.paths, files.decoding, files.skipped))
    return lambda indices: decode_in_graph(names(indices), files.decoding, files.skipped is not None)


def _augmenter(flow, settings):
    if settings.apart:
        return _side_by_side
    statistics = type(flow.statistics)(*(tf.constant(s) for s in flow.statistics))
    apply = functools.partial(flow.augmentation, ops=ops)
    if not flow.augmentation.only_casts(flow.statistics):
        spec = tuple(tf.TensorSpec(s.shape, s.dtype) for s in statistics)
        apply = compiled(flow.augmentation, *flow.input_spec, spec)
    return lambda images, rows: tf.ensure_shape(apply(images, rows, statistics), [None, *flow.shape])


def _side_by_side(images, rows):
    """Images and rows in a dictionary, the rows in float32: what travels to a device."""
    narrow = {name: row if row.dtype == tf.bool else tf.cast(row, tf.float32) for name, row in rows._asdict().items()}
    return {"images": images, **narrow}


def _attacher(flow, settings):
    """A function of (indices, images) that puts a batch together."""
    labels, one_hot = flow.labels, isinstance(flow.labels, OneHot)
    if one_hot:
        several = any(issubclass(kind, (list, tuple)) for kind in set(map(type, labels.labels)))
        values = _ragged(labels.labels) if several else tf.constant(np.asarray(labels.labels, "int32"))
    elif isinstance(labels, tuple):
        values = tuple(tf.constant(array) for array in labels)
    elif labels is not None and not isinstance(labels, str):
        values = tf.constant(labels)
    others = tuple(tf.constant(array) for array in flow.others)
    weights = sample_weights(flow, settings.class_weight)
    weights = None if weights is None else tf.constant(weights)

    def attach(indices, images):
        x = (images, *(tf.gather(array, indices) for array in others)) if others else images
        if labels is None:
            return x
        if one_hot:
            y = tf.gather(values, indices)
            if several:
                y = y.to_tensor(-1)
            y = tf.one_hot(y, labels.num_classes, dtype=labels.dtype)
            y = tf.reduce_max(y, axis=1) if several else y
        elif isinstance(labels, str):
            y = images
        elif isinstance(labels, tuple):
            y = tuple(tf.gather(array, indices) for array in values)
        else:
            y = tf.gather(values, indices)
        return (x, y) if weights is None else (x, y, tf.gather(weights, indices))

    return attach


def _ragged(labels):
    """Labels, or lists of them, as a ragged tensor."""
    rows = [label if isinstance(label, (list, tuple)) else [label] for label in labels]
    values = np.fromiter(itertools.chain.from_iterable(rows), "int32")
    return tf.RaggedTensor.from_row_lengths(values, np.fromiter(map(len, rows), "int64"))
