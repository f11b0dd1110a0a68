"""`Batches` as Grain's datasets."""

import functools
import multiprocessing
import os
import sys
import threading
from multiprocessing import spawn

import grain
from absl import flags
from PIL import Image, ImageFile

from .random_access import NOTHING, Batches, counted_from_the_end


class ImageMapDataset(grain.MapDataset):
    """Batches, or samples, by their number; a number beyond the last is one of the next epoch.

    Args:
        batches: `Batches`.
        described: dictionary of the attributes `class_names`, `file_paths` and `skipped`.
        start: the number of the first one.
        stop: the number of the one behind the last; None for one epoch, as many as there are.
        functions: tuple of functions that each goes through.
        passes: `[epoch]`, the one that the next pass over one epoch is; shared by all that `map` returns.
    """

    def __init__(self, batches: Batches, described, start=0, stop=None, functions=(), passes=None):
        super().__init__()
        self._process = _Process()  # the first, so that it is unpickled before what may load Keras
        self._batches, self._described, self._functions = batches, described, functions
        self._start, self._stop = start, stop
        self._passes = [0] if passes is None else passes
        self.class_names, self.file_paths, self.skipped = described.values()

    def __len__(self):
        return len(self._batches) if self._stop is None else max(self._stop - self._start, 0)

    def __str__(self):
        return f"ImageMapDataset(length={len(self)})"

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.slice(index)
        element = self._batches[counted_from_the_end(index, len(self)) + self._start]
        for function in self._functions:
            element = element if element is None else function(element)
        if element is None and self._batches.all_skipped():  # or a pass without an end would look for one for ever
            raise ValueError(NOTHING)
        return element

    def map(self, transform):
        """The dataset with each element through a function; as with `grain.MapDataset.map`, but passes stay epochs."""
        function = transform.map if isinstance(transform, grain.transforms.Map) else transform
        functions = (*self._functions, function)
        return ImageMapDataset(self._batches, self._described, self._start, self._stop, functions, self._passes)

    def to_iter_dataset(self, read_options=None, *, allow_nones=False):
        """A `grain.IterDataset`: each pass is the next epoch, with a new order and new draws.

        A pass that is broken off is begun again by the next.

        Args:
            read_options: `grain.ReadOptions`; None for as many threads as there are cores, at most four, and one
                element more ahead of time. Each element is made by all cores anyway.
            allow_nones: that of `grain.MapDataset.to_iter_dataset`.
        """
        if read_options is None:
            threads = min(os.cpu_count() or 1, 4)
            read_options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=threads + 1)
        if self._stop is not None:
            return _parsing_flags(super().to_iter_dataset(read_options, allow_nones=allow_nones))
        return Passes(self, read_options, allow_nones)

    def __iter__(self):
        return self.to_iter_dataset().__iter__()


class _Epoch(grain.MapDataset):
    """One epoch of an `ImageMapDataset`."""

    def __init__(self, images, epoch):
        super().__init__(images)
        self._epoch, self._length = epoch, len(images)

    def __len__(self):
        return self._length

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.slice(index)
        return self._parent[self._epoch * self._length + index % self._length]


class Passes(grain.IterDataset):
    """Pass after pass over an `ImageMapDataset`, of which each is the next epoch."""

    def __init__(self, images, read_options, allow_nones, workers=None):
        super().__init__()
        self._images, self._read_options, self._allow_nones, self._workers = images, read_options, allow_nones, workers
        self.class_names, self.file_paths, self.skipped = images.class_names, images.file_paths, images.skipped

    def __len__(self):
        """How many elements a pass has, those included that are left out as no file of theirs can be read."""
        return len(self._images)

    def __str__(self):
        return f"Passes(images={self._images})"

    def map(self, transform):
        # In the processes that make the batches, if they are yet to be asked for.
        if self._workers is not None:
            return super().map(transform)
        return Passes(self._images.map(transform), self._read_options, self._allow_nones)

    def mp_prefetch(self, options=None, worker_init_fn=None, sequential_slice=False):
        """`grain.IterDataset.mp_prefetch`; the passes go on being epochs."""
        options = options or grain.MultiprocessingOptions(num_workers=os.cpu_count() or 1)
        return Passes(self._images, self._read_options, self._allow_nones, (options, worker_init_fn, sequential_slice))

    def set_slice(self, sl, sequential_slice=False):
        """Refused: a worker would begin each pass with the first epoch."""
        raise ValueError("`mp_prefetch` must follow `to_iter_dataset` at once, or its `map`: or use `repeat=True`.")

    def repeat(self, num_epochs=None):
        """A `grain.IterDataset` with so many epochs in one pass, from the first on; None for no end."""
        return self._one_pass(self._images.repeat(num_epochs))

    def epoch(self, number):
        """The dataset of one epoch."""
        return self._one_pass(_Epoch(self._images, number))

    def _one_pass(self, images):
        dataset = images.to_iter_dataset(self._read_options, allow_nones=self._allow_nones)
        return dataset if self._workers is None else _parsing_flags(dataset).mp_prefetch(*self._workers)

    def __iter__(self):
        return _Pass(self, self._images._passes)


class _Pass(grain.DatasetIterator):
    """One pass. Its state is that of the pass, and which epoch it is."""

    def __init__(self, passes, counter):
        self._passes, self._counter, self._epoch = passes, counter, counter[0]
        self._empty = len(passes) > 0
        super().__init__(passes.epoch(self._epoch).__iter__())

    def __next__(self):
        try:
            element = next(self._parent)
        except StopIteration:
            if self._empty:
                raise ValueError(NOTHING) from None
            self._counter[0] = self._epoch + 1
            raise
        self._empty = False
        return element

    def get_state(self):
        return {"epoch": self._epoch, "pass": self._parent.get_state()}

    def set_state(self, state):
        if state["epoch"] != self._epoch:
            _close(self._parent)
            self._epoch = state["epoch"]
            self._parents = (self._passes.epoch(self._epoch).__iter__(),)
        self._counter[0], self._empty = self._epoch, False
        self._parent.set_state(state["pass"])

    def close(self):
        _close(self._parent)
        _close(super())

    def __str__(self):
        return f"_Pass(epoch={self._epoch})"


def _close(iterator):
    """Its threads end. Those of Grain before 0.2.15 end when nobody refers to the iterator any more."""
    if hasattr(iterator, "close"):
        iterator.close()


def _parsing_flags(dataset):
    """The dataset, when Grain's flags can be read: in a script without `absl.app.run` nobody has parsed them."""
    if not flags.FLAGS.is_parsed():
        flags.FLAGS(sys.argv[:1])
    return dataset


class _Process:
    """What a process must know that Grain starts for what holds this: it does not run the script of the program.

    Grain sends functions and classes of the script by value. The script itself would load Keras once more; and without
    `if __name__ == "__main__":` it would start processes from the new one, which then ends, while Python goes on
    writing to it for ever.
    """

    def __reduce__(self):
        _sending.this = True
        by_python = spawn.get_preparation_data
        if getattr(by_python, "func", None) is not _prepared:
            spawn.get_preparation_data = functools.partial(_prepared, by_python)
        backend = sys.modules["keras"].config.backend() if "keras" in sys.modules else None
        return _arrived, (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS, backend)


_sending = threading.local()
"""`this`: whether a `_Process` was pickled, and the process that the thread then starts has not begun."""


def _prepared(by_python, name):
    """What `multiprocessing.spawn.get_preparation_data` tells a new process, a dictionary, but for the script."""
    prepared = by_python(name)
    if name.startswith("grain-") and vars(_sending).pop("this", False):
        prepared.pop("init_main_from_name", None)
        prepared.pop("init_main_from_path", None)
    return prepared


def _arrived(load_truncated_images, max_image_pixels, backend):
    if multiprocessing.parent_process() is not None:
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = load_truncated_images, max_image_pixels
        if backend is not None:
            os.environ["KERAS_BACKEND"] = backend
    return _Process()
