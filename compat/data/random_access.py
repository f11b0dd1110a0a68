"""Any batch of flows, side by side, by its number: decoded and transformed in NumPy, by threads of Python.

Order and draws follow from the seed, the epoch and the place of a sample alone. Nothing here loads a backend of Keras:
processes that make batches start at once. (Those of replayed draws do, for what the iterator is.)
"""

import dataclasses
import functools
import sys
from typing import Any

import numpy as np

from .augmentation import Augmentation, Statistics
from .counted import draws_of, fold_in, key_of, shuffled
from .flow import Files, OneHot, asked, sample_weights
from .image_kernel import InOneGo, image_kernel
from .one_image import augmented
from .rows import Rows
from .stateless import Stateless
from .threads import MOST_AT_ONCE, at_once, forked, gate, watched

NOTHING = "on_error='skip': in a whole pass, not one file can be read."


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """What is done to the samples of one flow."""

    images: Files | np.ndarray
    shape: tuple
    """Of an image that comes out."""
    size: int
    """How many images a whole batch has."""
    augmentation: Augmentation
    statistics: Statistics
    labels: Any
    others: tuple
    beside: tuple
    weights: np.ndarray | None

    def read(self, indices):
        """The images that come in, and whether each was read, bool (n,)."""
        if isinstance(self.images, Files):
            return self.images.read(indices, use_tensorflow=False)
        return self.images[indices], np.ones(len(indices), bool)

    def made(self, indices, rows):
        """The images that come out, undefined where none was read, and whether each was, bool (n,)."""
        in_files = isinstance(self.images, Files)
        decoded = self.images.decoding if in_files else self.images
        kernel = image_kernel(self.augmentation, self.statistics, decoded.shape[-3:], decoded.dtype.name)
        if kernel is not None and in_files:
            then = InOneGo(kernel, rows)
            _, good = self.images.read(indices, use_tensorflow=False, then=then)
            return then.results, good
        if kernel is not None:
            return kernel.batch(self.images, rows, indices), np.ones(len(indices), bool)
        images, good = self.read(indices)
        return self._transformed(images, rows, good), good

    def _transformed(self, images, rows, good):
        """Without the kernel of `image_kernel`: as the iterators do it where their backend is loaded, else by SciPy."""
        a, shape = self.augmentation, images.shape[1:]
        if a.preprocess is None and not a.only_casts(self.statistics) and "keras" in sys.modules and not forked():
            from . import engines  # noqa: PLC0415 - it loads Keras, which is there

            if engines.has_kernels(a.dtype) and engines.work(a, shape, len(images)) > engines.COMPILE_AFTER_SECONDS:
                with gate:  # in whatever thread of Grain's
                    return engines.transformed(a, images, rows, self.statistics, self.size)
        return self._one_by_one(images, rows, good)

    def _one_by_one(self, images, rows, good):
        batch = np.empty((len(images), *self.shape), self.augmentation.output_dtype)
        places = iter(np.flatnonzero(good).tolist())

        def work():
            for i in places:
                row = Rows(*(column[i] for column in rows))
                batch[i] = augmented(self.augmentation, images[i], row, self.statistics)

        at_once(work, min(len(images), MOST_AT_ONCE))
        return batch

    def attached(self, indices, images):
        """A batch, put together of the images and what belongs to them."""
        labels = self.labels
        x = (images, *(other[indices] for other in self.others)) if self.others else images
        if labels is None:
            return x
        if isinstance(labels, OneHot):
            y = np.zeros((len(indices), labels.num_classes), labels.dtype)
            for i, index in enumerate(indices):
                y[i, labels.labels[index]] = 1
        elif isinstance(labels, str):
            y = images.copy()
        elif isinstance(labels, tuple):
            y = tuple(array[indices] for array in labels)
        else:
            y = labels[indices]
        return (x, y) if self.weights is None else (x, y, self.weights[indices])

    def kinds(self, kind):
        """The structure of what `attached` returns: a kind where images stand, None in all other places."""
        x = (kind, *(None for _ in self.others)) if self.others else kind
        if self.labels is None:
            return x
        images, several = (
            isinstance(self.labels, str),
            isinstance(self.labels, tuple) and not isinstance(self.labels, OneHot),
        )
        y = kind if images else tuple(None for _ in self.labels) if several else None
        return (x, y) if self.weights is None else (x, y, None)


@dataclasses.dataclass(frozen=True, eq=False)
class Counted:
    """Stateless order and draws, those of all flows alike.

    Args:
        draws: tuple of `Draws`, one for each flow.
        samples, batch_size: of each flow.
        shuffle: whether the order is drawn, for each epoch.
        seed: int.
        shards, shard: those of `Stateless`.
    """

    draws: tuple
    samples: int
    batch_size: int
    shuffle: bool
    seed: int
    shards: int = 1
    shard: int = 0

    @property
    def mine(self):
        """How many samples of an epoch are of this shard."""
        return len(range(self.shard, self.samples, self.shards))

    def batch(self, epoch, number):
        """The samples of a batch for each flow, a list of arrays (n,), and their `Rows`."""
        together = max(1, _DRAWN_TOGETHER // self.batch_size)
        indices, rows = _drawn(self, epoch, number // together, together * self.batch_size)
        start = number % together * self.batch_size
        here = slice(start, start + self.batch_size)
        return [indices[here]] * len(rows), [Rows(*(column[here] for column in columns)) for columns in rows]


_DRAWN_TOGETHER = 64
"""Samples: NumPy takes as long to draw for these as for one, longer than the warp of an image."""


@functools.lru_cache(maxsize=8)
def _drawn(plan, epoch, number, count):
    """A group of so many samples in an epoch of a `Counted`, int (n,), and a list of their `Rows` in each flow."""
    key = key_of(plan.seed, epoch)
    indices = np.arange(number * count, min((number + 1) * count, plan.mine)) * plan.shards + plan.shard
    if plan.shuffle:
        indices = shuffled(indices, plan.samples, key)
    keys, rows = fold_in(key, indices), []
    for draws in plan.draws:
        rows.append(draws.rows(keys))
        for column in rows[-1]:
            column.flags.writeable = False
    indices.flags.writeable = False
    return indices, rows


@dataclasses.dataclass(frozen=True)
class Replayed:
    """The order and the draws of iterators.

    Args:
        replays: tuple of a `Replay` for each flow: its method `batch` takes a number in the row of epochs.
        samples, batch_size: of each flow.
        single: whether batches are of one sample, which is drawn with the others of its batch.
    """

    replays: tuple
    samples: int
    batch_size: int
    single: bool

    @property
    def mine(self):
        return self.samples

    def batch(self, epoch, number):
        """As `Counted.batch`."""
        per_epoch = -(-self.samples // self.batch_size)
        number, place = divmod(number, self.batch_size) if self.single else (number, None)
        planned = [replay.batch(epoch * per_epoch + number) for replay in self.replays]
        here = slice(None) if place is None else slice(place, place + 1)
        return [order[here] for order, _ in planned], [Rows(*(column[here] for column in rows)) for _, rows in planned]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Batches:
    """The batches of an endless row of epochs, by their numbers.

    Args:
        parts: tuple of `Part`s, one for each flow.
        places: how their batches are put together: a tuple or dictionary of numbers of parts, or 0 for the only one.
            Behind the parts, the arrays that are `beside` them are counted.
        plan: `Counted` or `Replayed`.
        batch_size: of the elements.
        drop_remainder: whether to leave out the last batch of an epoch if it is smaller.
        file_names: whether the paths of the first part come along.
        apart: whether images and rows are handed out as they are.
        single: whether elements are samples, without the axis of the batch. Then `batch_size` is 1.
        channels_first: whether images come out so, whatever the axis order of the flow.
    """

    parts: tuple
    places: Any
    plan: Counted | Replayed
    batch_size: int
    drop_remainder: bool = False
    file_names: bool = False
    apart: bool = False
    single: bool = False
    channels_first: bool = False

    def __len__(self):
        """How many batches there are in an epoch."""
        mine = self.plan.mine
        return mine // self.batch_size if self.drop_remainder else -(-mine // self.batch_size)

    def __getitem__(self, number):
        """A batch, tuples of NumPy arrays; None if none of its files can be read and all are to be left out."""
        orders, rows = self.plan.batch(*divmod(number, len(self)))
        if self.apart:
            made = [part.read(indices) for part, indices in zip(self.parts, orders, strict=True)]
        else:
            made = [part.made(*planned) for part, *planned in zip(self.parts, orders, rows, strict=True)]
        good = np.logical_and.reduce([good for _, good in made])
        if not good.any():
            return None
        attached = []
        for part, indices, row, (x, _) in zip(self.parts, orders, rows, made, strict=True):
            x = x if good.all() else x[good]  # noqa: PLW2901
            if self.apart:
                x = _side_by_side(x, Rows(*(column[good] for column in row)))  # noqa: PLW2901
            elif self.channels_first and part.augmentation.data_format == "channels_last":
                x = np.ascontiguousarray(np.moveaxis(x, -1, 1))  # noqa: PLW2901
            attached.append(part.attached(indices[good], x))
        of_parts = zip(self.parts, orders, strict=True)
        attached += [array[indices[good]] for part, indices in of_parts for array in part.beside]
        element = placed(self.places, attached)
        if self.file_names:
            element = (element, np.array([self.parts[0].images.paths[i] for i in orders[0][good]]))
        return mapped(lambda array: array[0], element) if self.single else element

    def kinds(self, kinds):
        """The structure of an element, with the kind of each part, a list, where its images stand."""
        of_parts = [part.kinds(kind) for part, kind in zip(self.parts, kinds, strict=True)]
        element = placed(self.places, of_parts + [None for part in self.parts for _ in part.beside])
        return (element, None) if self.file_names else element

    def all_skipped(self):
        """Whether a part has no file that could be read when it was last looked at, in this process."""
        files = [part.images for part in self.parts if isinstance(part.images, Files)]
        return any(some.skipped is not None and len(some.skipped) == len(some.paths) for some in files)


def batches_of(flows, combine, settings, draws, **options):
    """The `Batches` of flows side by side.

    Args:
        flows: list of `Flow`s over the same number of samples.
        combine: function of the list of their batches that returns the element.
        settings: `Settings`.
        draws: a `Stateless` with a seed; or the replays of `Replayed`.
        **options: `single` and `channels_first` of `Batches`.
    """
    samples, size, single = flows[0].samples, flows[0].batch_size, bool(options.get("single"))
    if isinstance(draws, Stateless):
        drawn = []
        for flow in flows:
            random_layers = flow.random_layers() if settings.training else []
            drawn.append(draws_of(random_layers, flow.input_spec[0], flow.augmentation.input_format))
        shares = {"seed": draws.seed, "shards": draws.shards, "shard": draws.shard}
        plan = Counted(tuple(drawn), samples, 1 if single else size, flows[0].shuffle, **shares)
    else:
        plan = Replayed(tuple(draws), samples, size, single)
    parts = [
        Part(
            images=flow.images,
            shape=tuple(flow.shape),
            size=1 if single else min(size, samples),
            augmentation=asked(flow, settings).augmentation,
            statistics=flow.statistics,
            labels=flow.labels,
            others=tuple(flow.others),
            beside=flow.beside,
            weights=sample_weights(flow, settings.class_weight),
        )
        for flow in flows
    ]
    return Batches(
        parts=tuple(parts),
        places=combine(list(range(len(parts) + sum(len(part.beside) for part in parts)))),
        plan=plan,
        batch_size=1 if single else size,
        drop_remainder=settings.drop_remainder,
        file_names=settings.file_names,
        apart=settings.apart,
        **options,
    )


def steady(function, images):
    """The `preprocessing_function`, if what it gives follows from the image alone.

    Raises:
        ValueError: it draws from `np.random`, gives something else the second time, or changes the shape.
    """
    made, why = twice("preprocessing_function", lambda: [np.asarray(function(image.copy())) for image in images])
    if any(x.shape != image.shape for x, image in zip(made, images, strict=True)):
        why = why or "preprocessing_function changes the shape of images"
    if why is not None:
        raise ValueError(why)
    return function


def twice(name, make):
    """What a function without arguments makes, a list of arrays; and why that is not to be had again, or None.

    Two reasons are looked for: NumPy's global generator is drawn from, and the second time something else comes out.
    `name` begins the sentence.
    """
    (first, second), draws = watched(lambda: (make(), make()))
    if draws:
        return first, f"{name} draws from np.random"
    alike = len(first) == len(second) and all(
        np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(first, second, strict=True)
    )
    return first, None if alike else f"{name} gives something else each time"


def counted_from_the_end(index, length):
    """The number that an index stands for: a negative one counts from the end of the first epoch, as with a list.

    Raises:
        IndexError: there is no such element, or none at all.
    """
    if not length:
        raise IndexError("There are no images.")
    if index < -length:
        raise IndexError(f"The first of {length} elements is -{length} from the end. Received: {index}")
    return index + length if index < 0 else index


def _side_by_side(images, rows):
    """Images and rows in a dictionary, the rows in float32: what travels to a device."""
    narrow = {name: row if row.dtype == bool else row.astype("float32") for name, row in rows._asdict().items()}
    return {"images": images, **narrow}


def placed(places, made):
    if isinstance(places, dict):
        return {name: placed(place, made) for name, place in places.items()}
    return tuple(placed(place, made) for place in places) if isinstance(places, tuple) else made[places]


def mapped(function, element):
    if isinstance(element, dict):
        return {name: mapped(function, part) for name, part in element.items()}
    if isinstance(element, tuple):
        return tuple(mapped(function, part) for part in element)
    return function(element)
