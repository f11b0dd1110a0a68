"""One description of a flow of images, which the iterators produce and the dataset builder takes."""

import dataclasses
import logging
import numbers
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .augmentation import Augmentation, Statistics
from .decoding import MANY_CORES, Decoding, load_batch
from .rows import Rows


class Skipped(dict):
    """The files that could not be read when they last were, and were left out: path to reason. Each is logged once."""

    def add(self, path, error):
        """Note that the file at `path` (path-like) was left out because of an exception."""
        path = os.fsdecode(path)
        if path not in self:
            of_the_system = getattr(error, "strerror", None)  # whose whole message names the file, too
            self[path] = of_the_system or str(error).removeprefix(f"{path}: ") or type(error).__name__
            said = f"{path}: {self[path]}".encode("utf-8", "backslashreplace").decode()  # as logs are, unlike names
            logging.getLogger(__name__).warning("Skipped, as it cannot be read: %s", said)

    def discard(self, path):
        """Note that the file at `path` (path-like) was read."""
        if self:
            self.pop(os.fsdecode(path), None)


class Files(NamedTuple):
    """Images in files."""

    paths: Sequence[str]
    decoding: Decoding
    skipped: Skipped | None = None
    """Where a file that cannot be read is noted; None if it is an error."""
    listed: Any = None
    """Path of the folder whose folders are the classes, if there is one."""

    def read(self, indices, use_tensorflow=MANY_CORES, then=None):
        """Decode the files at `indices`.

        Args:
            indices: array of n integers.
            use_tensorflow, then: see `load_batch`.

        Returns:
            Images (n, height, width, channels) in the dtype of the decoding, none of them with `then`, and whether each
            was read, bool (n,).

        Raises:
            Exception: a file cannot be read and is not to be skipped, or not for what is wrong with it; see
                `load_batch`.
        """
        paths = [self.paths[i] for i in indices]
        errors = None if self.skipped is None else {}
        images, good = load_batch(paths, self.decoding, use_tensorflow, errors, then), np.ones(len(paths), bool)
        for place, path in enumerate(paths if errors is not None else ()):
            if place in errors:
                good[place] = False
                self.skipped.add(path, errors[place])
            else:
                self.skipped.discard(path)
        return images, good


class OneHot(NamedTuple):
    """Labels that are one-hot encoded batch by batch."""

    labels: Any
    """A label for each sample, or a list of labels."""
    num_classes: int
    dtype: str


@dataclasses.dataclass(frozen=True, eq=False)
class Flow:
    """Everything a pipeline needs to yield what an iterator yields."""

    images: Files | np.ndarray
    shape: tuple
    """Of an image in the batches."""
    samples: int
    batch_size: int
    why_python: str | None = None
    """Why Python has to make every batch; the four that follow are None then."""
    augmentation: Augmentation | None = None
    """What is done to the images."""
    statistics: Statistics | None = None
    rows: Callable[[np.ndarray], Rows] | None = None
    """Function of a table of draws, float64 (n, 10), that returns the `Rows` for the augmentation."""
    random_layers: Callable[[], list] | None = None
    """Function that makes the layers which draw from the same distributions."""
    labels: Any = None
    """None, "input" (the images themselves), an array, a tuple of arrays, or `OneHot`."""
    others: tuple = ()
    """Arrays that are batched along with the images."""
    beside: tuple = ()
    """Arrays of which the rows of a batch have places of their own in the element."""
    sample_weight: np.ndarray | None = None
    class_names: tuple = ()
    shuffle: bool = False
    """Whether the order of the samples is drawn."""

    @property
    def input_spec(self):
        """Shape and name of the dtype of an image as it comes in."""
        if isinstance(self.images, Files):
            return self.images.decoding.shape, self.images.decoding.dtype.name
        return self.images.shape[1:], self.images.dtype.name

    @property
    def skipped(self):
        """The `Skipped` files; None if a file that cannot be read is an error, or the images are an array."""
        return self.images.skipped if isinstance(self.images, Files) else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """How a dataset is made of flows. The fields are the arguments of `to_dataset`, of which `to_grain` has some.

    Raises:
        ValueError: one has no such value.
    """

    apart: bool = False
    """Whether images and rows are handed out as they are, in a dictionary: for `to_device`."""
    cache: Any = None
    class_weight: Any = None
    device: str | None = None
    drop_remainder: bool = False
    dtype: Any = None
    """Its name, once it is checked."""
    file_names: bool = False
    prefetch: int = 2
    repeat: bool | int = False
    training: bool = True

    def __post_init__(self):
        for name in ("drop_remainder", "file_names", "training"):
            if getattr(self, name) not in (True, False):
                self._refuse(name, "True or False")
        if isinstance(self.repeat, np.bool_):
            object.__setattr__(self, "repeat", bool(self.repeat))
        if not isinstance(self.repeat, numbers.Integral) or self.repeat < 0:
            self._refuse("repeat", "True, False or a number of epochs")
        if not isinstance(self.prefetch, numbers.Integral) or self.prefetch < _AUTOTUNE:
            self._refuse("prefetch", "a number of batches")
        if self.dtype is not None:
            try:
                dtype = np.dtype(getattr(self.dtype, "as_numpy_dtype", self.dtype))
            except TypeError:
                dtype = np.dtype(object)
            if dtype.kind not in "iuf" and dtype.name != "bfloat16":
                self._refuse("dtype", "one of integers or floating-point numbers")
            object.__setattr__(self, "dtype", dtype.name)

    def _refuse(self, name, allowed):
        raise ValueError(f"`{name}` must be {allowed}. Received: {name}={getattr(self, name)!r}")


_AUTOTUNE = -1  # that of `tf.data`


def some_of(images, samples, count=3):
    """Up to `count` images, as they come in, of `Files` or an array of so many samples; none if none can be read."""
    if not isinstance(images, Files):
        return images[:count]
    for start in range(0, samples, count):
        read, good = images.read(range(start, min(start + count, samples)))
        if good.any():
            return read[good]
    return []


def asked(flow, settings):
    """The flow with what the settings say about its augmentation."""
    augmentation = flow.augmentation if settings.training else flow.augmentation.without_draws()
    if settings.dtype:
        augmentation = dataclasses.replace(augmentation, output_dtype=settings.dtype)
    return dataclasses.replace(flow, augmentation=augmentation)


def sample_weights(flow, class_weight):
    """The weight of every sample as an array, times that of its class; None without either."""
    weights = flow.sample_weight
    if class_weight is not None:
        of_class = weights_of(flow.labels.labels if isinstance(flow.labels, OneHot) else flow.labels, class_weight)
        weights = of_class if weights is None else np.asarray(weights) * of_class
    return weights


def weights_of(labels, class_weight):
    """The weights of samples by their classes, float32 (n,).

    Raises:
        ValueError: the labels are not one class for each sample, as a number; or a class has no weight.
    """
    none = labels is None or isinstance(labels, (str, tuple))
    ragged = isinstance(labels, list) and any(issubclass(kind, (list, tuple)) for kind in set(map(type, labels)))
    array = np.zeros(()) if none or ragged else np.asarray(labels)
    if array.ndim != 1 or array.dtype.kind not in "iuf" or not np.array_equal(array, np.round(array)):
        raise ValueError("`class_weight` needs one class for each sample, as a number.")
    if not isinstance(class_weight, Mapping):
        raise ValueError(f"`class_weight` must be a dictionary from class number to weight. Received: {class_weight!r}")
    classes, places = np.unique(array.astype(int), return_inverse=True)
    missing = [k for k in classes.tolist() if k not in class_weight]
    if missing:
        raise ValueError(f"`class_weight` must have a weight for every class. Missing: {missing}")
    weights = [class_weight[k] for k in classes.tolist()]
    if not all(isinstance(weight, numbers.Real) for weight in weights):
        raise ValueError(f"`class_weight` must have numbers as weights. Received: {weights}")
    return np.array(weights, "float32")[places]
