"""The files of a folder as Grain's datasets, of NumPy arrays, decoded and resized as Keras's loader does it there."""

import dataclasses
import functools
import io
import math
from collections.abc import Callable
from numbers import Integral
from typing import Any

import keras
import numpy as np

from ..data.counted import fold_in, key_of, shuffled
from ..data.decoding import naming
from ..data.files import blames_file, read_bytes
from ..data.flow import Skipped
from ..data.threads import MOST_AT_ONCE, at_once
from . import augmenting
from .series import bounds


def image_in(path, color_mode, **resizing):
    """The image in a file, a float32 array.

    Args:
        path: of the file.
        color_mode: "rgb", "rgba" or "grayscale".
        **resizing: arguments of `keras.ops.image.resize`.

    Raises:
        Exception: what the operating system or Pillow raises, with the path in its message.
    """
    with naming(path):
        image = np.array(keras.utils.load_img(io.BytesIO(read_bytes(path)), color_mode=color_mode), "float32")
    image = image[..., None] if image.ndim == 2 else image
    if resizing["data_format"] == "channels_first":
        image = np.moveaxis(image, -1, 0)
    with keras.device("cpu"):
        return keras.ops.convert_to_numpy(keras.ops.image.resize(image, **resizing))


def text_in(path, max_length, check):
    """The text in a file, as Python reads texts: each line ends in "\\n".

    Args:
        path: of the file.
        max_length: where it is cut off, in characters; None for nowhere.
        check: whether it must be text in UTF-8 without characters of zero. Otherwise what is none is replaced.

    Raises:
        Exception: what the operating system raises, or a ValueError, with the path in its message.
    """
    with naming(path):
        content = read_bytes(path)
        try:
            text = content.decode("utf-8", errors="strict" if check else "replace")
        except UnicodeDecodeError:
            raise ValueError("no text in UTF-8: convert it, or take it as it is with check=False") from None
        if check and "\0" in text:
            raise ValueError("holds characters of zero, as no text does: take it as it is with check=False")
    return io.StringIO(text, newline=None).read()[:max_length]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Loaded:
    """The elements of an endless row of epochs, by their numbers.

    Args:
        paths: list of the paths of the files, or of whatever else says where an input is.
        labels, weights: arrays with one for each; None without.
        read: function of a path that returns a float32 array, of one shape for all, or a string.
        augment: function of inputs, keys, uint32 (n, 2), and `training`; see `augmenting.apply`.
        batch_size: None for single inputs.
        shuffle: whether the order is drawn, for each epoch.
        seed: int, of the order and the draws.
        skipped: a `Skipped`, where files that cannot be read are noted and left out; None if that is an error.
    """

    paths: list
    labels: np.ndarray | None
    weights: np.ndarray | None
    read: Callable[[str], np.ndarray | str]
    augment: Callable[..., Any]
    batch_size: int | None
    shuffle: bool
    seed: int
    skipped: Skipped | None

    def __len__(self):
        """How many elements there are in an epoch."""
        return math.ceil(len(self.paths) / (self.batch_size or 1))

    def __getitem__(self, number):
        """An element; None if none of its files can be read and all are to be left out."""
        epoch, number = divmod(number, len(self))
        key, size = key_of(self.seed, epoch), self.batch_size or 1
        indices = np.arange(number * size, min((number + 1) * size, len(self.paths)))
        if self.shuffle:
            indices = shuffled(indices, len(self.paths), key)
        inputs, indices = self._read(indices)
        if not inputs:
            return None
        single = self.batch_size is None
        inputs = self.augment(inputs[0] if single else _batch(inputs), fold_in(key, indices))
        others = [column[indices] for column in (self.labels, self.weights) if column is not None]
        return (inputs, *(column[0] if single else column for column in others)) if others else inputs

    def all_skipped(self):
        """Whether no file could be read when it was last looked at, in this process."""
        return self.skipped is not None and len(self.skipped) == len(self.paths)

    def _read(self, indices):
        """What is in the files at these indices, and the indices of those that were read."""
        read, errors, places = {}, {}, iter(indices.tolist())

        def work():
            for place in places:
                path = self.paths[place]
                try:
                    read[place] = self.read(path)
                except Exception as error:
                    errors[place] = error
                    if self.skipped is None or not blames_file(error):
                        return

        at_once(work, min(len(indices), MOST_AT_ONCE))
        for place in indices.tolist():
            path, error = self.paths[place], errors.get(place)
            if error is not None and (self.skipped is None or not blames_file(error)):
                raise error
            if error is not None:
                self.skipped.add(path, error)
            elif self.skipped is not None:
                self.skipped.discard(path)
        good = np.array([place for place in indices.tolist() if place in read], "int64")
        return [read[place] for place in good.tolist()], good


def datasets(folder, extensions, read, dataset_class):
    """The `grain.IterDataset`, or the list of those, that `subset` asks for.

    Args:
        folder: a `Folder`.
        extensions: tuple of endings of files, in lower case, with their dots.
        read: that of `Loaded`.
        dataset_class: `ImageMapDataset`.
    """
    files = folder.files(extensions)
    made = []
    for part in files.parts:
        skipped = Skipped() if folder.on_error == "skip" else None
        loaded = Loaded(
            paths=part.paths,
            labels=_encoded(part.labels, folder.label_mode, len(files.class_names or ())),
            weights=part.weights,
            read=read,
            augment=functools.partial(augmenting.apply, folder.augment, training=part.training),
            batch_size=folder.batch_size,
            shuffle=part.shuffle,
            seed=files.seed,
            skipped=skipped,
        )
        described = {"class_names": files.class_names, "file_paths": part.paths, "skipped": skipped}
        made.append(dataset_class(loaded, described).to_iter_dataset())
    return made if len(made) > 1 else made[0]


def windows(
    data,
    targets,
    sequence_length,
    sequence_stride=1,
    sampling_rate=1,
    batch_size=128,
    shuffle=False,
    seed=None,
    start_index=None,
    end_index=None,
    *,
    augment,
    training,
    dataset_class,
):
    """`keras.utils.timeseries_dataset_from_array` as a `grain.IterDataset` of NumPy arrays.

    Args:
        augment, training: those of `augmenting.apply`.
        dataset_class: `ImageMapDataset`.
        The others are those of Keras's function.
    """
    numbers = {"sequence_length": sequence_length, "sequence_stride": sequence_stride, "sampling_rate": sampling_rate}
    for name, number in (numbers if batch_size is None else numbers | {"batch_size": batch_size}).items():
        if not isinstance(number, Integral) or number < 1:
            raise ValueError(f"`{name}` must be an integer of at least 1. Received: {number!r}")
    start, end = bounds(data, start_index, end_index)
    span, targets = (sequence_length - 1) * sampling_rate + 1, None if targets is None else np.asarray(targets)[start:]
    count = end - start - span + 1 if targets is None else min(end - start - span + 1, len(targets))
    starts = np.arange(0, max(count, 0), sequence_stride)
    loaded = Loaded(
        paths=starts.tolist(),
        labels=None if targets is None else targets[starts],
        weights=None,
        read=functools.partial(_window, np.asarray(data)[start:end], span, sampling_rate),
        augment=functools.partial(augmenting.apply, augment, training=training),
        batch_size=batch_size,
        shuffle=shuffle,
        seed=np.random.randint(1_000_000) if seed is None else seed,
        skipped=None,
    )
    return dataset_class(loaded, {"class_names": None, "file_paths": None, "skipped": None}).to_iter_dataset()


def _window(data, span, rate, start):
    return data[start : start + span : rate]


def _batch(inputs):
    # An array of texts has room for the longest of them in each place, unless it is one of objects.
    return np.array(inputs, object) if isinstance(inputs[0], str) else np.stack(inputs)


def _encoded(labels, label_mode, classes):
    if labels is None or label_mode == "int":
        return labels
    if label_mode == "binary":
        return labels.astype("float32")[:, None]
    return np.eye(classes, dtype="float32")[labels.astype(int)]
