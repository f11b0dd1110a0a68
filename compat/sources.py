"""What lies in the `source` of a conversion: iterators of images, series and arrays, alone or side by side."""

import collections
import dataclasses
import functools
import inspect
from typing import Any, NamedTuple

import numpy as np

from .data.flow import Files, Flow
from .data.random_access import placed
from .image.foreign import adopt
from .image.iterator import Iterator
from .sequence import as_dataset as series

_BY_PLACE = tuple(type(iter(one)) for one in ([], (), np.zeros(1)))
"""What `zip` makes of lists, tuples, and whatever else has items by number and no iterator of its own."""


_NUMBERS = (bool, int, float, np.number, np.bool_)


class Source(NamedTuple):
    """One of the things that lie side by side in a `source`."""

    is_images: bool
    """Whether it is an iterator of images, ours or of another library."""
    why_python: str | None
    """Why Python has to make every batch."""
    iterator: Any = None
    flow: Flow | None = None
    series: Any = None
    """A `TimeseriesGenerator` of ours that gives the same batches."""
    is_mask: bool = False
    """Whether its images are masks."""
    beside: tuple = ()
    """Arrays with a row for each of its samples, in their order."""

    @property
    def size(self):
        """How many samples a pass has, and the batch size; None if that cannot be told."""
        if self.flow is not None:
            return self.flow.samples, self.flow.batch_size
        return None if self.series is None else series.size_of(self.series)

    @property
    def samples(self):
        """How many samples there are, which a pass may hold more than once."""
        return self.flow.samples if self.flow is not None else len(series.steps_of(self.series))

    @property
    def order(self):
        """What the order of the samples follows from: equal for sources that have the same."""
        given = self.iterator if self.series is None else self.series
        if not given.shuffle:
            return None
        if self.series is not None:
            return id(given) if given.replacement else ("permuted", given.seed, given._epoch)
        return id(given) if given.seed is None else (given.seed, given.total_batches_seen)


def describe(leaf, is_mask, on_error, trace=None):
    """The `Source` of one of them; `on_error` None is that of the iterator, `trace` as in `BatchMaker`."""
    ours = leaf if isinstance(leaf, Iterator) else adopt(leaf)
    if isinstance(ours, str):
        return Source(True, ours)
    if not hasattr(ours, "_flow"):
        generator = series.adopt(leaf)
        if isinstance(generator, str):
            return Source(False, generator)
        return Source(False, f"{type(leaf).__name__} is no iterator of images", series=generator)
    if on_error not in (None, "raise", "skip"):
        raise ValueError(f"`on_error` must be None, 'raise' or 'skip'. Received: {on_error!r}")
    flow = ours._flow(on_error, trace=trace)
    if is_mask and flow.why_python is None:
        flow = dataclasses.replace(flow, augmentation=dataclasses.replace(flow.augmentation, order=0))
    return Source(True, flow.why_python, ours, flow, is_mask=is_mask)


def side_by_side(source, masks, on_error, trace=None):
    """What lies in a source, arrays apart.

    Returns:
        The list of what yields batches; a function that puts together an element of the list of their batches and,
        behind these, of the rows of the arrays; and the `Source` of each, the first of which has the arrays.

    Raises:
        ValueError: there are arrays alone, or they do not belong to the samples; or other things differ in size.
    """
    source = _opened(source)
    keys = list(source) if isinstance(source, dict) else range(len(source)) if isinstance(source, tuple) else [None]
    for mask in (absent for absent in masks if absent not in keys):
        raise ValueError(f"`masks` must be positions or keys of `source`, {list(keys)}. Received: {mask!r}")
    found = []

    def place(part, is_mask):
        part = _opened(part)
        if isinstance(part, dict):
            return {key: place(one, is_mask) for key, one in part.items()}
        if isinstance(part, tuple):
            return tuple(place(one, is_mask) for one in part)
        array = _as_array(part)
        if is_mask and array is not None:
            raise ValueError(
                "`masks` names an array, which nothing transforms: pass an iterator over it, as of `flow`."
            )
        found.append((part, is_mask, array))
        return len(found) - 1

    if isinstance(source, (dict, tuple)):
        tops = [place(source[key], key in masks) for key in keys]
        places = dict(zip(keys, tops, strict=True)) if isinstance(source, dict) else tuple(tops)
    else:
        places = place(source, False)
    order = sorted(range(len(found)), key=lambda number: found[number][2] is not None)
    places = placed(places, [order.index(number) for number in range(len(found))])
    leaves = [leaf for leaf, _, array in found if array is None]
    described = [describe(leaf, is_mask, on_error, trace) for leaf, is_mask, array in found if array is None]
    arrays = tuple(array for _, _, array in found if array is not None)
    if not leaves:
        raise ValueError(
            "`source` holds arrays alone, or nothing, which has no batches: `fit(x, y)` takes arrays as they are, and "
            "`tf.data.Dataset.from_tensor_slices((x, y)).batch(32)` makes a dataset of them."
        )
    _check_sizes(described)
    if arrays:
        _check_arrays(arrays, leaves, described)
        first = described[0]
        flow = None if first.flow is None else dataclasses.replace(first.flow, beside=arrays)
        described[0] = first._replace(flow=flow, beside=arrays)
    return leaves, functools.partial(placed, places), described


def flows_of(sources, settings):
    """The flows of sources that need no Python for a batch, and the attributes of the dataset that is made of them.

    Args:
        sources: list of `Source`s.
        settings: `Settings`.

    Returns:
        A list of `Flow`s, and a dictionary of "class_names", "file_paths" and "skipped".

    Raises:
        ValueError: they do not go with the settings.
    """
    flows = [described.flow for described in sources]
    skips = [flow.skipped for flow in flows if flow.skipped is not None]
    if skips and settings.drop_remainder:
        raise ValueError("`drop_remainder` needs `on_error='raise'`: a batch is smaller by the files it skips.")
    paths = flows[0].images.paths if isinstance(flows[0].images, Files) else None
    if settings.file_names and paths is None:
        raise ValueError("`file_names` needs images in files, and those of the first source are in an array.")
    skipped = collections.ChainMap(*skips) if skips else None
    return flows, {"class_names": list(flows[0].class_names), "file_paths": paths, "skipped": skipped}


def _opened(part):
    """What a zip was made of, where it has not begun; everything else as it is."""
    return tuple(map(_restarted, part.__reduce__()[1])) if isinstance(part, zip) else part


def _restarted(iterator):
    """What an iterator was made from that has not begun: a list, a sequence of Keras. Other iterators as they are."""
    if isinstance(iterator, _BY_PLACE):
        _, (owner,), *place = iterator.__reduce__()
        return owner if place == [0] else iterator
    if inspect.isgenerator(iterator) and inspect.getgeneratorstate(iterator) == inspect.GEN_CREATED:
        library = iterator.gi_frame.f_globals.get("__name__", "").partition(".")[0]
        owner = inspect.getgeneratorlocals(iterator).get("self")
        its_loop = getattr(type(owner), "__iter__", None)
        if library in ("keras", "tf_keras", "keras_regen") and iterator.gi_code is getattr(its_loop, "__code__", None):
            return owner
    return iterator


def _as_array(leaf):
    """What has a row for each sample as an array; None if it is something else.

    Raises:
        ValueError: it has rows of different lengths, or is a sparse matrix.
    """
    for mark, kind, way in (("tocsr", "sparse matrix", "toarray"), ("row_lengths", "ragged tensor", "to_tensor")):
        if hasattr(leaf, mark):
            raise ValueError(f"`source` holds a {kind}: `{way}()` makes an array of it.")
    if isinstance(leaf, list) and leaf:
        if all(isinstance(item, str) for item in leaf):
            return np.array(leaf, object)
        if all(isinstance(item, _NUMBERS) for item in leaf):
            return np.array(leaf)
        items = next((item for item in leaf if not isinstance(item, list) or item), [])
        if isinstance(leaf[0], list) and isinstance(items, list) and isinstance((*items, 0)[0], (*_NUMBERS, str)):
            raise ValueError(
                "`source` holds a list of sequences, which may differ in length: "
                "`keras_regen.compat.sequence.pad_sequences` makes an array of it."
            )
    if hasattr(leaf, "__array__") and hasattr(leaf, "shape") and len(leaf.shape):
        array = np.asarray(leaf)
        if array.dtype.kind in "biufcSU" or all(isinstance(item, str) for item in array.flat):
            return array
        raise ValueError(f"An array in `source` must hold numbers or str. Received: dtype={array.dtype}")
    return None


def _check_sizes(described):
    sizes = [source.size for source in described if source.size is not None]
    if len(set(sizes)) > 1:
        raise ValueError(
            "Iterators side by side must have the same number of samples and batch size. "
            f"Received: {', '.join(f'{n} in batches of {batch}' for n, batch in sizes)}"
        )


def _check_arrays(arrays, leaves, described):
    """Raise a ValueError unless it is known which row belongs to which sample."""
    for leaf, source in zip(leaves, described, strict=True):
        if source.series is None and (source.flow is None or source.why_python):
            raise ValueError(
                f"`source` holds an array beside {type(leaf).__name__}, where it is not known which samples a batch "
                f"has: {source.why_python}."
            )
    if len({source.order for source in described}) > 1:
        raise ValueError(
            "`source` holds an array beside iterators that differ in the order of their samples, so that its rows "
            "belong to none: pass `shuffle=False`, or the same `seed` to iterators of images, to each of them."
        )
    for array in arrays:
        if len(array) != described[0].samples:
            raise ValueError(
                "An array in `source` must have a row for each sample, in the order of the iterator's files, images or "
                f"windows. Received: {described[0].samples} samples and an array of shape {array.shape}."
                + series.rows_for(described[0].series, array)
            )
