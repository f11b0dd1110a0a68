"""What the loaders of a directory have in common: which files, with which labels, in which part, in which order."""

import os
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..data.files import scan
from ..data.flow import weights_of
from ..data.listing import list_directory
from ..data.messages import endings, print_message
from . import augmenting
from .splits import parts


class Part(NamedTuple):
    """The files of one part of a folder."""

    paths: list
    labels: np.ndarray | None
    """A number for each; None without labels."""
    weights: np.ndarray | None
    """That of the class of each; None without, and for validation and test data."""
    shuffle: bool
    """Whether a pass has an order of its own."""
    training: bool

    def without(self, odd):
        """The part, but for the files of some paths."""
        if not odd:
            return self
        keep = [place for place, path in enumerate(self.paths) if path not in odd]
        labels, weights = (None if column is None else column[keep] for column in (self.labels, self.weights))
        return self._replace(paths=[self.paths[place] for place in keep], labels=labels, weights=weights)


class Listed(NamedTuple):
    """The files of a folder."""

    paths: list
    """Of all of them, whatever part they are of."""
    class_names: list | None
    seed: int
    parts: list
    """The `Part`s that are asked for."""


@dataclass(frozen=True)
class Folder:
    """The arguments that the loaders of a directory share. For what they mean see `..loaders`."""

    directory: str | os.PathLike[str]
    labels: Any
    label_mode: str | None
    class_names: list[str] | None
    batch_size: int | None
    shuffle: bool
    seed: int | None
    validation_split: float | tuple[float, float] | None
    subset: str | None
    follow_links: bool
    verbose: bool
    augment: Any
    class_weight: Any
    on_error: str

    def __post_init__(self):
        inferred = isinstance(self.labels, str) and self.labels == "inferred"
        if not inferred and self.labels is not None and not isinstance(self.labels, (list, tuple)):
            raise ValueError(
                "`labels` must be 'inferred', None, or a list or tuple with the label of each file, by the order of "
                f"their paths. Received: {self.labels!r}"
            )
        if self.class_names is not None and not inferred:
            raise ValueError(f"`class_names` needs labels='inferred'. Received: labels={self.labels!r}")
        if self.label_mode not in ("int", "categorical", "binary", None):
            raise ValueError(
                f"`label_mode` must be 'int', 'categorical', 'binary' or None. Received: {self.label_mode!r}"
            )
        if self.on_error not in ("raise", "skip"):
            raise ValueError(f"`on_error` must be 'raise' or 'skip'. Received: {self.on_error!r}")
        parts(self.validation_split, self.subset, 0)
        if self.validation_split and self.shuffle and self.seed is None:
            raise ValueError("`seed` is needed with `validation_split` and `shuffle`, or the parts would overlap.")
        augmenting.check(self.augment)

    def files(self, extensions):
        """The files of the folder, in the parts that `subset` asks for.

        Args:
            extensions: tuple of endings of files, in lower case, with their dots.
        """
        seed = np.random.randint(1_000_000) if self.seed is None else self.seed
        paths, labels, class_names = self._listed(extensions)
        if self.shuffle:
            order = np.arange(len(paths))
            np.random.RandomState(seed).shuffle(order)
            paths = [paths[place] for place in order]
            labels = None if labels is None else labels[order]
        made = []
        wanted = parts(self.validation_split, self.subset, len(paths))
        for name, places in wanted.items():
            if self.verbose and name:
                print_message(f"Using {places.stop - places.start} files for {name}.")
            shuffle, training = self.shuffle and (len(wanted) == 1 or name == "training"), name in (None, "training")
            some = None if labels is None else labels[places]
            weights = weights_of(some, self.class_weight) if training and self.class_weight is not None else None
            made.append(Part(paths[places], some, weights, shuffle, training))
        return Listed(paths, class_names, seed, made)

    def _listed(self, extensions):
        """Paths, labels or None, and names of the classes or None."""
        directory, inferred = os.fspath(self.directory), isinstance(self.labels, str)
        unlabelled = self.labels is None or self.label_mode is None
        folders = [""]
        if inferred and not unlabelled:
            present = sorted(name for name in scan(directory, ()).folders if not name.startswith("."))
            folders = present if self.class_names is None else list(self.class_names)
            if absent := set(folders) - set(present):
                raise ValueError(
                    f"`class_names` must be names of folders in {directory}: {present}. Received: {sorted(absent)}"
                )
        listing = list_directory(directory, folders, extensions, follow_links=self.follow_links)
        paths = [os.path.join(directory, name) for files in listing.files for name in files]
        if not paths:
            others = f" There are files of other endings: {endings(listing.left_out)}." if listing.left_out else ""
            raise ValueError(f"No files ending in {', '.join(extensions)} were found in {directory}.{others}")
        if unlabelled:
            labels = classes = None
        elif inferred:
            labels = np.repeat(np.arange(len(folders), dtype="int32"), [len(files) for files in listing.files])
            classes = folders
        else:
            labels, classes = _array(self.labels), [str(label) for label in sorted(set(self.labels))]
            if len(labels) != len(paths):
                raise ValueError(
                    f"`labels` must have one for each of the {len(paths)} files in {directory}. "
                    f"Received: {len(labels)} labels"
                )
            if self.label_mode == "categorical" and not set(self.labels) <= set(range(len(classes))):
                raise ValueError(
                    f"`labels` with label_mode='categorical' must be 0..{len(classes) - 1}, as there are "
                    f"{len(classes)} of them. Received: {', '.join(classes[:10])}"
                )
        if self.label_mode == "binary" and classes is not None and len(classes) != 2:
            raise ValueError(f"label_mode='binary' needs exactly 2 classes. Received: {classes}")
        if self.verbose:
            of_classes = "" if classes is None else f" belonging to {len(classes)} classes"
            print_message(f"Found {len(paths)} files{of_classes}.")
        return paths, labels, classes


def _array(labels):
    """Labels as an array: Python's numbers in 32 bits, as TensorFlow takes them."""
    array, narrow = np.asarray(labels), {int: "int32", float: "float32"}
    return array.astype(narrow.get(type(labels[0]), array.dtype)) if len(labels) else array
