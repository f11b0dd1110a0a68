"""Any batch of flows, side by side, by its number: decoded and transformed in NumPy, by threads of Python.

Order and draws follow from the seed, the epoch and the place of a sample alone. Nothing here loads a backend of Keras:
processes that make batches start at once.
"""

import dataclasses
from typing import Any

import numpy as np

from .augmentation import Augmentation, Statistics
from .counted import Draws, draws_of, fold_in, key_of, shuffled
from .flow import Files, OneHot, asked, sample_weights
from .image_kernel import InOneGo, image_kernel
from .one_image import augmented
from .rows import Rows
from .threads import MOST_AT_ONCE, at_once

NOTHING = "on_error='skip': in a whole pass, not one file can be read."


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """What is done to the samples of one flow."""

    images: Files | np.ndarray
    shape: tuple
    """Of an image that comes out."""
    draws: Draws
    augmentation: Augmentation
    statistics: Statistics
    labels: Any
    others: tuple
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
        images, good = self.read(indices)
        return kernel.batch(images, rows) if kernel is not None else self._one_by_one(images, rows, good), good

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


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Batches:
    """The batches of an endless row of epochs, by their numbers.

    Args:
        parts: tuple of `Part`s, one for each flow.
        places: how their batches are put together: a tuple or dictionary of numbers of parts, or 0 for the only one.
        samples, batch_size: of each flow.
        shuffle: whether the order is drawn, for each epoch.
        seed: int.
        shards, shard: those of `Stateless`.
        drop_remainder: whether to leave out the last batch of an epoch if it is smaller.
        file_names: whether the paths of the first part come along.
        apart: whether images and rows are handed out as they are.
        single: whether elements are samples, without the axis of the batch. Then `batch_size` is 1.
        channels_first: whether images come out so, whatever the axis order of the flow.
    """

    parts: tuple
    places: Any
    samples: int
    batch_size: int
    shuffle: bool
    seed: int
    shards: int = 1
    shard: int = 0
    drop_remainder: bool = False
    file_names: bool = False
    apart: bool = False
    single: bool = False
    channels_first: bool = False

    def __len__(self):
        """How many batches there are in an epoch."""
        mine = len(range(self.shard, self.samples, self.shards))
        return mine // self.batch_size if self.drop_remainder else -(-mine // self.batch_size)

    def __getitem__(self, number):
        """A batch, tuples of NumPy arrays; None if none of its files can be read and all are to be left out."""
        epoch, number = divmod(number, len(self))
        key, mine = key_of(self.seed, epoch), len(range(self.shard, self.samples, self.shards))
        steps = np.arange(number * self.batch_size, min((number + 1) * self.batch_size, mine))
        indices = steps * self.shards + self.shard
        if self.shuffle:
            indices = shuffled(indices, self.samples, key)
        keys = fold_in(key, indices)
        rows = [part.draws.rows(keys) for part in self.parts]
        if self.apart:
            made = [part.read(indices) for part in self.parts]
        else:
            made = [part.made(indices, row) for part, row in zip(self.parts, rows, strict=True)]
        good = np.logical_and.reduce([good for _, good in made])
        images = [images if good.all() else images[good] for images, _ in made]
        indices, rows = indices[good], [Rows(*(column[good] for column in row)) for row in rows]
        if not len(indices):
            return None
        attached = []
        for part, x, row in zip(self.parts, images, rows, strict=True):
            if self.apart:
                x = _side_by_side(x, row)  # noqa: PLW2901
            elif self.channels_first and part.augmentation.data_format == "channels_last":
                x = np.ascontiguousarray(np.moveaxis(x, -1, 1))  # noqa: PLW2901
            attached.append(part.attached(indices, x))
        element = _placed(self.places, attached)
        if self.file_names:
            element = (element, np.array([self.parts[0].images.paths[i] for i in indices]))
        return _mapped(lambda array: array[0], element) if self.single else element

    def all_skipped(self):
        """Whether a part has no file that could be read when it was last looked at, in this process."""
        files = [part.images for part in self.parts if isinstance(part.images, Files)]
        return any(some.skipped is not None and len(some.skipped) == len(some.paths) for some in files)


def batches_of(flows, combine, settings, draws, **options):
    """The `Batches` of flows side by side.

    Args:
        flows: list of `Flow`s over the same number of samples.
        combine: function of the list of their batches that returns the element.
        settings: has the attributes `apart`, `class_weight`, `drop_remainder`, `dtype`, `file_names` and `training`.
        draws: a `Stateless` with a seed.
        **options: `single` and `channels_first` of `Batches`.
    """
    parts = []
    for flow in flows:
        random_layers = flow.random_layers() if settings.training else []
        shape, _ = flow.input_spec
        part = Part(
            images=flow.images,
            shape=tuple(flow.shape),
            draws=draws_of(random_layers, shape, flow.augmentation.input_format),
            augmentation=asked(flow, settings).augmentation,
            statistics=flow.statistics,
            labels=flow.labels,
            others=tuple(flow.others),
            weights=sample_weights(flow, settings.class_weight),
        )
        parts.append(part)
    return Batches(
        parts=tuple(parts),
        places=combine(list(range(len(parts)))),
        samples=flows[0].samples,
        batch_size=1 if options.get("single") else flows[0].batch_size,
        shuffle=flows[0].shuffle,
        seed=draws.seed,
        shards=draws.shards,
        shard=draws.shard,
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
    state = np.random.get_state()
    twice = [[np.asarray(function(image.copy())) for image in images] for _ in range(2)]
    if not np.array_equal(np.random.get_state()[1], state[1]) or np.random.get_state()[2:] != state[2:]:
        np.random.set_state(state)
        raise ValueError("preprocessing_function draws from np.random")
    for image, first, second in zip(images, *twice, strict=True):
        if first.shape != image.shape:
            raise ValueError("preprocessing_function changes the shape of images")
        if not np.array_equal(first, second, equal_nan=first.dtype.kind == "f"):
            raise ValueError("preprocessing_function gives something else each time")
    return function


def _side_by_side(images, rows):
    """Images and rows in a dictionary, the rows in float32: what travels to a device."""
    narrow = {name: row if row.dtype == bool else row.astype("float32") for name, row in rows._asdict().items()}
    return {"images": images, **narrow}


def _placed(places, made):
    if isinstance(places, dict):
        return {name: _placed(place, made) for name, place in places.items()}
    return tuple(_placed(place, made) for place in places) if isinstance(places, tuple) else made[places]


def _mapped(function, element):
    if isinstance(element, dict):
        return {name: _mapped(function, part) for name, part in element.items()}
    if isinstance(element, tuple):
        return tuple(_mapped(function, part) for part in element)
    return function(element)
