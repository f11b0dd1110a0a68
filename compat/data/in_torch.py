"""`Batches` as PyTorch's datasets and loaders."""

import functools
import itertools

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from .random_access import NOTHING, counted_from_the_end


class ImageDataset(Dataset):
    """Batches, or samples, by their number; a number beyond the last is one of the next epoch.

    None stands for an element of which no file can be read and all are to be left out.

    Args:
        batches: `Batches`.
        described: dictionary of the attributes `class_names`, `file_paths` and `skipped`.
        start: how many elements the loaders leave out at first.
        kinds: None, or what each part of an element is, in its structure: a class of tensors, or None.
    """

    def __init__(self, batches, described, start=0, kinds=None):
        self._batches, self._start, self._kinds = batches, start, kinds
        self.class_names, self.file_paths, self.skipped = described.values()

    def __len__(self):
        return len(self._batches)

    def __getitem__(self, index):
        element = self._batches[counted_from_the_end(int(index), len(self))]
        return None if element is None else _tensors(element, self._kinds)

    def loader(self, *, sampler=None, batch_size=None, **options):
        """A `DataLoader` of the dataset: each whole pass is followed by the next epoch.

        Args:
            sampler: of numbers below the length of the dataset, with a length, as PyTorch's are; None for all in order.
                They are those of the epoch that the pass is.
            batch_size: of samples that are collated, where elements are samples.
            **options: those of `torch.utils.data.DataLoader`, as `num_workers`, `persistent_workers`, `pin_memory`,
                `multiprocessing_context`.

        Returns:
            A `DataLoader`, whose `sampler.set_epoch(number)` tells it which epoch the next pass is.

        Raises:
            ValueError: `batch_size` is given, and elements are batches.
        """
        if batch_size is not None and not self._batches.single:
            raise ValueError("`batch_size` is that of the iterator: only `to_torch(..., batched=False)` has another.")
        collate = options.pop("collate_fn", default_collate if batch_size else _as_it_is)  # PyTorch's makes lists
        if self.skipped is not None:
            collate = functools.partial(_collated, collate)
        return Loader(
            self, sampler=Epochs(self, sampler, self._start), batch_size=batch_size, collate_fn=collate, **options
        )


class Loader(DataLoader):
    """A `DataLoader` that leaves out what could not be read, and counts the epochs."""

    def __iter__(self):
        sampler, seen = self.sampler, set()
        epoch, start = sampler.epoch, sampler.start
        numbers = len(sampler) - start
        size = self.batch_size or 1
        last = numbers // size if self.drop_last else -(-numbers // size)

        def pass_is_over():
            sampler.start = 0
            if sampler.epoch == epoch:
                sampler.set_epoch(epoch + 1)

        for count, element in enumerate(super().__iter__(), 1):
            if count == last:
                # Here: `fit` asks for no more than there are, and workers ask for the last number long before anybody
                # has seen its element.
                pass_is_over()
            seen.add(element is None)
            if element is not None:
                yield element
        if last < 1:  # what is left of the epoch is dropped
            pass_is_over()
        if seen == {True} and not start:
            raise ValueError(NOTHING)


class Epochs(Sampler):
    """The numbers of an epoch of a dataset.

    Args:
        dataset: `ImageDataset`.
        sampler: of numbers below its length; None for all in order.
        start: how many numbers of the row of epochs to leave out.

    Attributes:
        start: how many numbers the next pass leaves out.
    """

    def __init__(self, dataset, sampler=None, start=0):
        self._length, self._sampler, self._epoch = len(dataset), sampler, 0
        self.start = 0
        if start and len(self):
            epoch, self.start = divmod(start, len(self))
            self.set_epoch(epoch)

    @property
    def epoch(self):
        """The number of the epoch that the next pass is: that of the sampler, where it counts them."""
        return getattr(self._sampler, "epoch", self._epoch)

    def set_epoch(self, epoch):
        """Say which epoch the next pass is, as with PyTorch's `DistributedSampler`."""
        self._epoch = epoch
        if hasattr(self._sampler, "set_epoch"):
            self._sampler.set_epoch(epoch)

    def __len__(self):
        return self._length if self._sampler is None else len(self._sampler)

    def __iter__(self):
        first = self.epoch * self._length
        numbers = range(self._length) if self._sampler is None else self._sampler
        return (first + number for number in itertools.islice(numbers, self.start, None))


def _collated(collate, element):
    """What a function makes of an element, or of those in a list that were read; None if there is nothing."""
    if isinstance(element, list):
        element = [one for one in element if one is not None] or None
    return None if element is None else collate(element)


def _as_it_is(element):
    return element


def _tensors(element, kinds=None):
    """The arrays of an element as tensors, of their kinds; strings as lists."""
    if isinstance(element, dict):
        return {name: _tensors(part, kinds and kinds[name]) for name, part in element.items()}
    if isinstance(element, tuple):
        return tuple(map(_tensors, element, kinds or (None,) * len(element)))
    element = np.asarray(element)
    if element.dtype.kind in "OUS":
        return element.tolist()
    native = element.dtype.newbyteorder("=")  # MNIST's files, for one, have the other
    tensor = torch.from_numpy(np.require(element, native, "CW"))  # `ascontiguousarray` adds an axis to a number
    return tensor if kinds is None else kinds(tensor)
