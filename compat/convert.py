"""`to_dataset`: whatever yields batches as a `tf.data.Dataset`."""

import collections
import dataclasses
import itertools
import os
import re
import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from .data.apply_rows import ApplyRows
from .data.dataset import Settings, asked, finished, repeated, replayed, stateless
from .data.flow import Files, Flow
from .data.threads import gated, gated_passes
from .image.foreign import adopt
from .image.iterator import Iterator, plan_epoch


def to_dataset(
    source,
    *,
    augment=True,
    cache=None,
    class_weight=None,
    device=None,
    draws="replay",
    drop_remainder=False,
    dtype=None,
    file_names=False,
    index=0,
    masks=(),
    num_shards=1,
    on_error=None,
    prefetch=2,
    repeat=False,
    seed=None,
    start=0,
):
    """Turn what yields batches into a `tf.data.Dataset`, decoded and warped ahead of time, in parallel.

    Iterators of images, ours and those of the legacy module of Keras, of `tf_keras` and of `keras_preprocessing`, are
    read by their attributes, and no batch of theirs is made in Python. Each pass over the dataset yields what
    `iterator.reset()` and then `len(iterator)` calls of `next(iterator)` would have given (and leaves iterators of
    keras_regen, and NumPy's global generator, as these would): the next pass is the next epoch. The draws of a pass are
    made when it begins. Several iterators side by side are drawn for in turns, as `zip` would: the same seed gives
    their images the same transformations.

    Where Python is needed for every batch, a warning says why: an overridden method, `save_to_dir`, a
    `preprocessing_function` that cannot be traced into the graph, a generator of your own.

    Args:
        source: an iterator that `flow`, `flow_from_directory` or `flow_from_dataframe` returned; a `zip`, tuple or
            dictionary of such, for elements of that structure; a `keras.utils.PyDataset` or another sequence of
            batches, read in parallel by its indices; or any iterable of batches, or function without arguments that
            returns one.
        augment: False leaves out the random transformations, as for validation; the others stay.
        cache: keep the decoded images from the first pass on: True in memory; the path of a folder on disk, for the
            next runs, too, and for other datasets. A file whose size or times have changed is decoded anew. For images
            in files.
        class_weight: dictionary from class number to weight; the elements get sample weights, or these times it.
        device: name of a TensorFlow device, such as "/GPU:0", that transforms the images and holds the batches: decoded
            images travel, in uint8. None is the CPU. `split` does this for every Keras backend.
        draws: "replay" for the legacy batches to the bit. "stateless" for a graph without any Python, in which order
            and draws follow from `seed`, the epoch and the index of the sample alone: the same at any parallelism, and
            fit for sharding, restarts and, by `distribute`, the tf.data service. The distributions are those of the
            iterator, the geometry is that of `keras_regen.layers`, and files are read by TensorFlow's decoders: to
            Pillow's pixels, or an error names the file.
        drop_remainder: leave out the last batch of a pass if it is smaller.
        dtype: of the images; None is that of the iterator. To integers values are rounded and clipped.
        file_names: whether elements are pairs of what they would be and the paths of the (first) images.
        num_shards, index: of every `num_shards` samples of an epoch take the one at `index`. "stateless" only.
        masks: positions or keys in `source` of the iterators over masks, whose pixels are never blended: they are read
            at the nearest pixel whatever the `interpolation_order`.
        on_error: "raise" an error that names the file, if one cannot be read; or "skip" the sample, whose batch is then
            smaller, so that the cardinality is not known; None is that of the iterator. What is skipped is logged once
            and noted in the attribute `skipped`; with "stateless" draws it is printed, each time. What is no fault of
            the file (no descriptor or memory left, no answer of a server) is raised in any case.
        prefetch: number of batches to have ready.
        repeat: True to go on with the next epoch for ever, for `steps_per_epoch`; a number for so many epochs in a
            pass. With "stateless" draws a batch is then a function of its number, and every pass the same.
        seed: int, for "stateless" draws; None is the iterator's, or 0.
        start: how many batches of a pass to leave out without computing them, to go on after a restart. "stateless"
            only.

    Returns:
        `tf.data.Dataset` of batches. Lists in them become tuples: (x, (y1, y2)) for `class_mode="multi_output"`. For
        iterators of images it has the attributes `class_names`, a list, and `file_paths`, a sequence or None, of the
        first, and `skipped`: a mapping from path to reason, or None.

    Raises:
        TypeError: `source` is none of these, or an argument does not go with it.
        ValueError: iterators side by side differ in length, or an argument has no such value.
        MemoryError, OSError: there is too little memory or room on the disk for `cache`; its path is that of a file, or
            of a folder with other files, which are never overwritten.

    Example:

    ```python
    train = to_dataset(datagen.flow_from_directory("train", seed=1))
    model.fit(train, epochs=10)
    ```
    """
    settings = Settings(augment, cache, class_weight, device, drop_remainder, dtype, file_names, prefetch, repeat)
    leaves, combine, sources = _side_by_side(source, masks, on_error)
    reason = next((source.reason for source in sources if source.reason), None)
    place = _place(draws, cache, num_shards, index, start, seed)
    if reason is None:
        return _native(sources, combine, settings, place)
    if place is not None:
        raise ValueError(f"`draws='stateless'` cannot do with Python: {reason}.")
    if masks or on_error or settings != Settings(prefetch=prefetch, repeat=repeat):
        raise TypeError(
            "`to_dataset` takes no argument but `prefetch` and `repeat` where batches are made in Python: " + reason
        )
    warnings.warn(f"`to_dataset` calls Python for every batch, which is slower: {reason}.", stacklevel=2)
    if all(source.is_images for source in sources):
        dataset = _from_iterators(leaves, combine)
    elif isinstance(source, (tuple, dict)):
        dataset = tf.data.Dataset.zip(combine([to_dataset(leaf) for leaf in leaves]))
    elif hasattr(source, "__getitem__") and hasattr(source, "__len__"):
        dataset = _from_sequence(source)
    else:
        dataset = _from_iterable(source)
    return finished(repeated(dataset, repeat), settings)


def split(source, *, draws="replay", num_shards=1, index=0, on_error=None, start=0, seed=None, **arguments):
    """Split the pipeline of an iterator: the host decodes and draws, the device of the model transforms.

    Images travel as they were decoded, in uint8, a quarter of the bytes of float32, with the rows of numbers that were
    drawn for them. The layer applies the rows, on any Keras backend, compiled with the model.

    Args:
        source: an iterator of images, as for `to_dataset`.
        draws, num_shards, index, on_error, start, seed: those of `to_dataset`.
        **arguments: `augment`, `cache`, `class_weight`, `drop_remainder`, `dtype`, `file_names`, `prefetch` and
            `repeat` of `to_dataset`; `dtype` is that of the images that come out of the layer.

    Returns:
        The dataset, whose images are dictionaries of "images" and the columns of rows; and the layer that makes the
        iterator's images of them. `layer.in_front_of(model)` is a model that takes the dictionaries.

    Raises:
        ValueError: `source` is no single iterator of images that does without Python, yields images as labels, or has a
            `preprocessing_function` that the Keras backend in use cannot run; or an argument has no such value.

    Example:

    ```python
    dataset, layer = split(datagen.flow_from_directory("train", seed=1))
    whole = layer.in_front_of(model)
    whole.compile("adam", "categorical_crossentropy")
    whole.fit(dataset)
    ```
    """
    settings = Settings(**arguments, split=True)
    described = _describe(source, False, on_error)
    reason, flow = described.reason, described.flow
    if reason is None and (isinstance(flow.labels, str) or flow.others):
        reason = "images are its labels, or other arrays come with them"
    if reason is None and flow.augmentation.preprocess is not None and keras.backend.backend() != "tensorflow":
        reason = f"TensorFlow has to run its preprocessing_function, and the backend is {keras.backend.backend()}"
    if reason is not None:
        raise ValueError(f"`split` cannot take this `source`: {reason}.")
    if isinstance(flow.images, np.ndarray) and np.array_equal(flow.images, flow.images.astype("uint8")):
        flow = dataclasses.replace(flow, images=flow.images.astype("uint8"))
    place = _place(draws, settings.cache, num_shards, index, start, seed)
    dataset = _native([described._replace(flow=flow)], lambda batches: batches[0], settings, place)
    return dataset, ApplyRows(asked(flow, settings).augmentation, flow.statistics, *flow.input_spec)


def distribute(
    source, address, *, index=0, masks=(), num_shards=1, on_error=None, repeat=False, seed=None, start=0, **arguments
):
    """Have the workers of a tf.data service make the batches of iterators, each batch once.

    Like `to_dataset(source, draws="stateless", ...)`, but in the order in which the batches are ready: each pass is the
    next epoch, in which every sample comes once. What a worker had in hand when it died is lost to the service; at the
    end of the pass this process notes that it is missing, says so on stderr, and makes it itself.

    Args:
        source: an iterator of images, or a zip, tuple or dictionary of such, as for `to_dataset`. The workers read the
            files at the same paths.
        address: of the dispatcher: "host:port", or with a protocol, "grpc://host:port", its `target`.
        index, masks, num_shards, seed, start: those of `to_dataset`.
        on_error: None or "raise". What a worker leaves out nobody sees.
        repeat: a number of epochs in a pass, or True for ever. The batches are then those of the same numbers of
            `to_dataset(source, draws="stateless", repeat=repeat)`, and `start` goes on where a run was broken off.
        **arguments: `augment`, `class_weight`, `drop_remainder`, `dtype`, `file_names` and `prefetch` of `to_dataset`.

    Returns:
        `tf.data.Dataset` of batches, with the attributes of `to_dataset`'s.

    Raises:
        ValueError: `source` needs Python, files are to be skipped, or an argument has no such value.

    Example:

    ```python
    train = distribute(datagen.flow_from_directory("train", seed=1), "grpc://dispatcher:5000")
    model.fit(train, epochs=10)
    ```
    """
    settings = Settings(**arguments, repeat=repeat)
    for name in ("cache", "device", "split"):
        if name in arguments:
            raise TypeError(f"`distribute` takes no `{name}`: the workers make whole batches, on their CPUs.")
    _, combine, sources = _side_by_side(source, masks, on_error)
    reason = next((described.reason for described in sources if described.reason), None)
    if reason is None and any(described.flow.skipped is not None for described in sources):
        reason = "files are to be skipped, of which only the workers would know: find them with `keras-regen check`"
    if reason is not None:
        raise ValueError(f"`distribute` cannot take this `source`: {reason}.")
    place = {**_place("stateless", None, num_shards, index, start, seed), "address": _checked(address)}
    return _native(sources, combine, settings, place)


def _checked(address):
    """The address of a dispatcher, if it is one."""
    if not isinstance(address, str) or not re.fullmatch(r"([a-z+]+://)?[^/]+:\d+", address):
        raise ValueError(f'`address` must be "host:port" or "protocol://host:port". Received: address={address!r}')
    return address


def _side_by_side(source, masks, on_error):
    """What lies in a source: a list, how the list of their batches is put together, and the `_Source` of each."""
    parts = source.__reduce__()[1] if isinstance(source, zip) else source
    nested = isinstance(parts, (tuple, dict))
    keys = list(parts) if isinstance(parts, dict) else range(len(parts)) if nested else [None]
    leaves = [parts[key] for key in keys] if nested else [source]
    for mask in (absent for absent in masks if absent not in keys):
        raise ValueError(f"`masks` must be positions or keys of `source`, {list(keys)}. Received: {mask!r}")

    def combine(batches):
        if not nested:
            return batches[0]
        return dict(zip(keys, batches, strict=True)) if isinstance(parts, dict) else tuple(batches)

    return leaves, combine, [_describe(leaf, key in masks, on_error) for key, leaf in zip(keys, leaves, strict=True)]


def _place(draws, cache, num_shards, index, start, seed):
    """The arguments of stateless draws; None for replayed ones."""
    place = {"seed": seed, "num_shards": num_shards, "index": index, "start": start}
    if draws not in ("replay", "stateless"):
        raise ValueError(f"`draws` must be 'replay' or 'stateless'. Received: draws={draws!r}")
    if draws == "replay" and place != {"seed": None, "num_shards": 1, "index": 0, "start": 0}:
        raise ValueError(f"`seed`, `num_shards`, `index` and `start` need draws='stateless'. Received: {place}")
    if not 0 <= index < num_shards or start < 0:
        raise ValueError(f"`index` must lie in 0..num_shards - 1 and `start` not below 0. Received: {place}")
    if draws == "stateless" and cache is not None:
        raise ValueError("`cache` keeps images in Python: it needs draws='replay'.")
    return place if draws == "stateless" else None


class _Source(NamedTuple):
    is_images: bool
    """Whether it is an iterator of images, ours or of another library."""
    reason: str | None
    """Why Python has to make every batch."""
    iterator: Any = None
    flow: Flow | None = None


def _describe(leaf, is_mask, on_error):
    """What a source is, as a `_Source`."""
    ours = leaf if isinstance(leaf, Iterator) else adopt(leaf)
    if isinstance(ours, str):
        return _Source(True, ours)
    if not hasattr(ours, "_flow"):
        return _Source(False, f"{type(leaf).__name__} is no iterator of images")
    if on_error not in (None, "raise", "skip"):
        raise ValueError(f"`on_error` must be None, 'raise' or 'skip'. Received: {on_error!r}")
    flow = ours._flow(on_error)
    if is_mask and flow.why_python is None:
        flow = dataclasses.replace(flow, augmentation=dataclasses.replace(flow.augmentation, order=0))
    return _Source(True, flow.why_python, ours, flow)


def _native(sources, combine, settings, place):
    flows, iterators = [source.flow for source in sources], [source.iterator for source in sources]
    sizes = [(flow.samples, flow.batch_size) for flow in flows]
    if len(set(sizes)) > 1:
        raise ValueError(
            "Iterators side by side must have the same number of samples and batch size. "
            f"Received: {', '.join(f'{n} in batches of {batch}' for n, batch in sizes)}"
        )
    samples, batch_size = sizes[0]
    skips = [flow.skipped for flow in flows if flow.skipped is not None]
    if skips and settings.drop_remainder:
        raise ValueError("`drop_remainder` needs `on_error='raise'`: a batch is smaller by the files it skips.")
    if place is None:
        dataset = replayed(flows, combine, lambda: plan_epoch(iterators), settings)
        mine, skipped = samples, 0
    else:
        seed = place["seed"] if place["seed"] is not None else iterators[0].seed or 0
        dataset = stateless(flows, combine, settings, **{**place, "seed": int(seed)})
        mine, skipped = len(range(place["index"], samples, place["num_shards"])), place["start"]
    batches = mine // batch_size if settings.drop_remainder else -(-mine // batch_size)
    if settings.repeat is True and batches:
        batches = tf.data.INFINITE_CARDINALITY
    else:
        batches = max(batches * int(settings.repeat or 1) - skipped, 0)
    with tf.device(settings.device):
        dataset = finished(repeated(dataset, settings.repeat) if place is None else dataset, settings)
        # Where it is known, it may be split: each worker sees less.
        if dataset.cardinality() != batches and (not skips or batches == tf.data.INFINITE_CARDINALITY):
            dataset = dataset.apply(tf.data.experimental.assert_cardinality(batches))
    dataset.class_names = list(flows[0].class_names)
    dataset.file_paths = flows[0].images.paths if isinstance(flows[0].images, Files) else None
    dataset.skipped = collections.ChainMap(*skips) if skips else None
    return dataset


def _from_iterators(iterators, combine):
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


def _from_sequence(sequence):
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


def _from_iterable(source):
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
    """The specification of batches like this one, of any size."""

    def spec(array):
        array = np.asarray(array)
        return tf.TensorSpec([None, *array.shape[1:]] if array.ndim else [], tf.as_dtype(array.dtype))

    return tf.nest.map_structure(spec, batch)


def _tuples(batch):
    if isinstance(batch, dict):
        return {name: _tuples(part) for name, part in batch.items()}
    return tuple(_tuples(part) for part in batch) if isinstance(batch, (tuple, list)) else batch
