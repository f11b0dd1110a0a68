"""`Batches` as PyTorch's datasets and loaders."""

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler


class ImageDataset(Dataset):
    """Batches, or samples, by their number; a number beyond the last is one of the next epoch.

    Args:
        batches: `Batches`.
        described: dictionary of the attributes `class_names`, `file_paths` and `skipped`.
    """

    def __init__(self, batches, described):
        self._batches = batches
        self.class_names, self.file_paths = described["class_names"], described["file_paths"]

    def __len__(self):
        return len(self._batches)

    def __getitem__(self, index):
        if not len(self):
            raise IndexError("There are no images.")
        return _tensors(self._batches[int(index)])

    def loader(self, *, sampler=None, batch_size=None, **options):
        """A `DataLoader` of the dataset.

        Args:
            sampler: of numbers; None for `Epochs(self)`: each whole pass is followed by the next epoch.
            batch_size: of samples that are collated, where elements are samples.
            **options: those of `torch.utils.data.DataLoader`, as `num_workers`, `persistent_workers`, `pin_memory`,
                `multiprocessing_context`.

        Raises:
            ValueError: `batch_size` is given, and elements are batches.
        """
        if batch_size is not None and not self._batches.single:
            raise ValueError("`batch_size` is that of the iterator: only `to_torch(..., batched=False)` has another.")
        sampler = Epochs(self) if sampler is None else sampler
        if batch_size is None:
            options.setdefault("collate_fn", _as_it_is)  # PyTorch's own makes lists of tuples
        return DataLoader(self, sampler=sampler, batch_size=batch_size, **options)


class Epochs(Sampler):
    """The numbers of an epoch of a dataset, in order; those of the next for the pass that follows a whole one.

    Attributes:
        epoch: the number of the epoch that the next pass is; set it to go on after a restart.
    """

    def __init__(self, dataset):
        self._length, self.epoch = len(dataset), 0

    def __len__(self):
        return self._length

    def __iter__(self):
        epoch = self.epoch
        yield from range(epoch * self._length, (epoch + 1) * self._length)
        self.epoch = epoch + 1


def _as_it_is(element):
    return element


def _tensors(element):
    """The arrays of an element as tensors, strings as lists."""
    if isinstance(element, dict):
        return {name: _tensors(part) for name, part in element.items()}
    if isinstance(element, tuple):
        return tuple(_tensors(part) for part in element)
    element = np.asarray(element)
    if element.dtype.kind in "OUS":
        return element.tolist()
    return torch.from_numpy(np.ascontiguousarray(element))
