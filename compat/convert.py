"""`to_dataset`: whatever yields batches as a `tf.data.Dataset`."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import tensorflow as tf

from .data.dataset import finished, repeated, replayed, stateless
from .data.flow import Settings
from .data.in_python import from_iterable, from_iterators, from_sequence
from .data.messages import warn
from .data.sequences import length_of
from .data.stateless import Stateless, drawing, seeded
from .data.threads import gated
from .image.iterator import plan_epoch
from .sequence.as_dataset import windows
from .sources import flows_of, side_by_side

if TYPE_CHECKING:
    from .data.dataset import ImageDataset


def to_dataset(
    source: Iterable[Any] | Callable[[], Iterable[Any]] | Mapping[Any, Any],
    *,
    cache: bool | str | os.PathLike[str] | None = None,
    class_weight: Mapping[int, float] | None = None,
    device: str | None = None,
    draws: Literal["replay", "stateless"] | Stateless = "replay",
    drop_remainder: bool = False,
    dtype: str | None = None,
    file_names: bool = False,
    masks: Sequence[Any] = (),
    on_error: Literal["raise", "skip"] | None = None,
    prefetch: int = 2,
    repeat: bool | int = False,
    training: bool = True,
) -> ImageDataset:
    """Turn what yields batches into a `tf.data.Dataset`, decoded and warped ahead of time, in parallel.

    Iterators of images, ours and those of the legacy module of Keras, of `tf_keras` and of `keras_preprocessing`, are
    read by their attributes, and no batch of theirs is made in Python. Each pass over the dataset yields what
    `iterator.reset()` and then `len(iterator)` calls of `next(iterator)` would have given (and leaves iterators of
    keras_regen, and NumPy's global generator, as these would): the next pass is the next epoch. The draws of a pass are
    made when it begins. Several iterators side by side draw in turns, as in `zip`: the same seed gives their images the
    same transformations.

    Where Python is needed for every batch, a warning says why: an overridden method, `save_to_dir`, a
    `preprocessing_function` that cannot be traced into the graph, a generator of your own.

    Args:
        source: an iterator that `flow`, `flow_from_directory` or `flow_from_dataframe` returned; a
            `TimeseriesGenerator`, whose windows are then made without Python; a `zip`, or tuples and dictionaries, in
            each other, too, of such, for elements of that structure. Beside them arrays, and lists of numbers or str,
            as of `pad_sequences`, which have a row for each sample: for each file, image or window in the order in
            which they come unshuffled. Rows are batched with the samples that they belong to, and not transformed. Or a
            `keras.utils.PyDataset` or another sequence of batches, read in parallel by its indices; or any iterable of
            batches, or function without arguments that returns one. Batches that Python makes have the structure and
            the dtypes of the first one.
        cache: keep the decoded images from the first pass on: True in memory; the path of a folder on disk, for the
            next runs, too, and for other datasets. A file whose size or times have changed is decoded anew. For images
            in files.
        class_weight: dictionary from class number to weight. The elements get these as sample weights; weights that are
            there are multiplied.
        device: name of a TensorFlow device, such as "/GPU:0", that transforms the images and holds the batches: decoded
            images travel, in uint8. None is the CPU. It must be there. `to_device` does this for every Keras backend.
        draws: "replay" for the legacy batches to the bit. Or `Stateless(seed=, shards=, shard=, start=)` for a graph
            without any Python, in which order and draws follow from the seed, the epoch and the index of the sample
            alone: the same at any parallelism, and fit for sharding, restarts and, by `distribute`, the tf.data
            service. "stateless" is `Stateless()`. The distributions are those of the iterator, the geometry is that of
            `keras_regen.layers`, and files are read by TensorFlow's decoders: to Pillow's pixels, or an error names the
            file.
        drop_remainder: leave out the last batch of a pass if it is smaller.
        dtype: of the images; None is that of the iterator. To integers values are rounded and clipped.
        file_names: whether to yield pairs of each element and the paths of its (first) images.
        masks: positions or keys in `source` of the iterators over masks, whose pixels are never blended: they are read
            at the nearest pixel whatever the `interpolation_order`.
        on_error: "raise" an error that names the file, if one cannot be read; or "skip" the sample, whose batch is then
            smaller, so that the cardinality is not known; None is that of the iterator. What is skipped is logged once
            and noted in the attribute `skipped`; with stateless draws it is printed, each time. What is no fault of
            the file (no descriptor or memory left, no answer of a server) is raised in any case.
        prefetch: number of batches to have ready.
        repeat: True to go on with the next epoch for ever, for `steps_per_epoch`; a number for that many epochs per
            pass. With stateless draws a batch is then a function of its number, and every pass the same.
        training: False leaves out the random transformations, as for validation; the others stay.

    Returns:
        `tf.data.Dataset` of batches. Lists in them become tuples: (x, (y1, y2)) for `class_mode="multi_output"`. For
        iterators of images it has the attributes `class_names`, a list, and `file_paths`, a sequence or None, of the
        first, and `skipped`: a mapping from path to reason, or None.

    Raises:
        TypeError: `source` is none of these, or takes no such argument.
        ValueError: iterators side by side differ in length, it is not known which row of an array belongs to which
            sample, there are arrays alone, or an argument has no such value.
        MemoryError, OSError: there is too little memory or room on the disk for `cache`; its path is that of a file, or
            of a folder with other files, which are never overwritten.

    Example:

    ```python
    train = to_dataset(datagen.flow_from_directory("train", seed=1))
    model.fit(train, epochs=10)
    ```
    """
    settings = Settings(
        cache=cache,
        class_weight=class_weight,
        device=device,
        drop_remainder=drop_remainder,
        dtype=dtype,
        file_names=file_names,
        prefetch=prefetch,
        repeat=repeat,
        training=training,
    )
    leaves, combine, sources = side_by_side(source, masks, on_error)
    why = next((source.why_python for source in sources if source.why_python), None)
    stateless_draws = drawing(draws)
    if any(source.series for source in sources) and stateless_draws is None:
        return _with_series(leaves, sources, combine, settings, masks or on_error)
    if why is None:
        return native(sources, combine, settings, stateless_draws)
    if stateless_draws is not None:
        raise ValueError(f"Stateless draws cannot do with Python: {why}.")
    if masks or on_error or settings != Settings(prefetch=prefetch, repeat=repeat):
        raise TypeError(
            f"`to_dataset` takes no argument but `prefetch` and `repeat` where batches are made in Python: {why}"
        )
    warn(f"`to_dataset` calls Python for every batch, which is slower: {why}.")
    by_number = [hasattr(leaf, "__getitem__") and length_of(leaf) is not None for leaf in leaves]
    if all(source.is_images for source in sources):
        dataset = from_iterators(leaves, combine)
    elif isinstance(source, (tuple, dict)) or (isinstance(source, zip) and all(by_number)):
        _check_lengths(leaves)
        dataset = tf.data.Dataset.zip(combine([to_dataset(leaf) for leaf in leaves]))
    elif all(by_number):
        dataset = from_sequence(source)
    else:
        dataset = from_iterable(source)
    return finished(repeated(dataset, settings.repeat), settings)


def distribute(
    source: Iterable[Any] | Mapping[Any, Any],
    address: str,
    *,
    class_weight: Mapping[int, float] | None = None,
    draws: Literal["stateless"] | Stateless = "stateless",
    drop_remainder: bool = False,
    dtype: str | None = None,
    file_names: bool = False,
    masks: Sequence[Any] = (),
    on_error: Literal["raise"] | None = None,
    prefetch: int = 2,
    repeat: bool | int = False,
    training: bool = True,
) -> ImageDataset:
    """Have the workers of a tf.data service make the batches of iterators, each batch once.

    Like `to_dataset(source, draws="stateless", ...)`, but in the order in which the batches are ready: each pass is the
    next epoch, in which every sample comes once. A batch that a worker had in hand when it died is lost to the service;
    at the end of the pass this process notices that it is missing, says so on stderr, and makes it itself.

    Args:
        source: an iterator of images, or a zip, tuple or dictionary of such, as for `to_dataset`. The workers read the
            files at the same paths.
        address: of the dispatcher: "host:port", or with a protocol, "grpc://host:port", its `target`.
        draws: "stateless" or `Stateless(seed=, shards=, shard=, start=)`.
        on_error: None or "raise". Nobody would see what a worker leaves out.
        repeat: a number of epochs in a pass, or True for ever. The batches are then those of the same numbers of
            `to_dataset(source, draws="stateless", repeat=repeat)`, and `Stateless(start=)` goes on where a run was
            broken off.
        class_weight, drop_remainder, dtype, file_names, masks, prefetch, training: those of `to_dataset`.

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
    settings = Settings(
        class_weight=class_weight,
        drop_remainder=drop_remainder,
        dtype=dtype,
        file_names=file_names,
        prefetch=prefetch,
        repeat=repeat,
        training=training,
    )
    _, combine, sources = side_by_side(source, masks, on_error)
    why = next((described.why_python for described in sources if described.why_python), None)
    if why is None and any(described.flow.skipped is not None for described in sources):
        why = "files are to be skipped, of which only the workers would know: find them with `keras-regen check`"
    if why is not None:
        raise ValueError(f"`distribute` cannot take this `source`: {why}.")
    stateless_draws = drawing(draws)
    if stateless_draws is None:
        raise ValueError("`draws` must be 'stateless' or a `Stateless`. Received: draws='replay'")
    return native(sources, combine, settings, stateless_draws, _checked(address))


def _with_series(leaves, sources, combine, settings, of_images):
    """Batches of time series, by themselves or beside other sources."""
    if of_images or settings != Settings(prefetch=settings.prefetch, repeat=settings.repeat):
        raise TypeError("With a TimeseriesGenerator `to_dataset` takes no argument but `prefetch` and `repeat`.")
    if any(source.flow is not None and source.flow.skipped is not None for source in sources):
        raise ValueError("`on_error='skip'` makes batches smaller than those of the TimeseriesGenerator beside them.")
    _check_lengths(leaves)
    known = [source for source in sources if source.size is not None and not (source.flow and source.why_python)]
    if len({source.order for source in known}) > 1:
        warn(
            "`to_dataset` puts batches side by side whose samples come in different orders, and so do not belong to "
            "each other: pass `shuffle=False` to each."
        )
    if len(sources) == 1:
        dataset = windows(sources[0].series, gated, combine, sources[0].beside)
    else:
        dataset = _together(leaves, sources, combine)
    return finished(repeated(dataset, settings.repeat), settings)


def _together(leaves, sources, combine):
    """Time series beside other sources. Iterators of images draw in turns, as in `zip`."""
    images = [k for k, source in enumerate(sources) if source.flow is not None and source.why_python is None]
    numbers, parts = [], []
    for group in [images, *([k] for k in range(len(leaves)) if k not in images)]:
        source = sources[group[0]] if group else None
        if source is None:
            continue
        if group is images:
            parts.append(native([sources[k] for k in group], tuple, Settings(), None))
        elif source.series is not None:
            parts.append(windows(source.series, gated, tuple, source.beside))
        else:
            parts.append(tf.data.Dataset.zip((to_dataset(leaves[group[0]]),)))
        # The arrays, which are numbered behind all others, are beside the first.
        numbers += [*group, *(len(leaves) + k for k in range(len(source.beside)))]

    def regrouped(*made):
        of_number = dict(zip(numbers, itertools.chain(*made), strict=True))
        return combine([of_number[number] for number in range(len(numbers))])

    return tf.data.Dataset.zip(tuple(parts)).map(tf.autograph.experimental.do_not_convert(regrouped))


def _check_lengths(leaves):
    known = [length_of(leaf) for leaf in leaves if not isinstance(leaf, tf.data.Dataset)]
    lengths = [length for length in known if length is not None]
    if len(set(lengths)) > 1:
        raise ValueError(f"Sources side by side must have the same number of batches. Received: {lengths}")


def _checked(address):
    """The address of a dispatcher, if it is one."""
    if not isinstance(address, str) or not re.fullmatch(r"([a-z+]+://)?[^/]+:\d+", address):
        raise ValueError(f'`address` must be "host:port" or "protocol://host:port". Received: address={address!r}')
    return address


def native(sources, combine, settings, draws, address=None):
    """The dataset of sources that need no Python for a batch. `draws` is a `Stateless`, or None to replay."""
    if settings.cache is not None and draws is not None:
        raise ValueError("`cache` keeps images in Python: it needs draws='replay'.")
    flows, described = flows_of(sources, settings)
    iterators = [source.iterator for source in sources]
    samples, batch_size = flows[0].samples, flows[0].batch_size
    if settings.device is not None:
        _check_device(settings.device)
    if draws is None:
        dataset = replayed(flows, combine, lambda: plan_epoch(iterators), settings)
        mine, left_out = samples, 0
    else:
        draws = seeded(draws, iterators[0])
        dataset = stateless(flows, combine, settings, draws, address)
        mine, left_out = len(range(draws.shard, samples, draws.shards)), draws.start
    batches = mine // batch_size if settings.drop_remainder else -(-mine // batch_size)
    if settings.repeat is True and batches:
        batches = tf.data.INFINITE_CARDINALITY
    else:
        batches = max(batches * int(settings.repeat or 1) - left_out, 0)
    with tf.device(settings.device):
        dataset = finished(repeated(dataset, settings.repeat) if draws is None else dataset, settings)
        # Only where it is not known: a dataset that is split is smaller on each worker.
        counted = described["skipped"] is None or batches == tf.data.INFINITE_CARDINALITY
        if dataset.cardinality() != batches and counted:
            dataset = dataset.apply(tf.data.experimental.assert_cardinality(batches))
    for name, value in described.items():
        setattr(dataset, name, value)
    return dataset


def _check_device(device):
    """Raise a ValueError unless there is such a device: TensorFlow would take the CPU without a word."""
    found = [tf.DeviceSpec.from_string(one.name) for one in tf.config.list_logical_devices()]
    try:
        wanted = tf.DeviceSpec.from_string(device)
    except (AttributeError, TypeError, ValueError):
        wanted = None
    if wanted is None or not any(one.make_merged_spec(wanted) == one for one in found):
        names = [f"/{one.device_type}:{one.device_index}" for one in found]
        raise ValueError(f"`device` must be one of {names}. Received: device={device!r}")
