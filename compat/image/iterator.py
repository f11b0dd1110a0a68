"""What the three iterators share: the order of the samples, the seeds, and how a batch is put together."""

import functools
import itertools
import multiprocessing
import operator
import os
import sys
import zlib
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from ..data.decoding import CHANNELS, MANY_CORES, Decoding, naming
from ..data.flow import Files, Flow, Skipped, some_of
from ..data.listing import known_endings
from ..data.threads import Ended, drawing, forked, gate
from .batches import BatchMaker, Drawn, say_once
from .epochs import batches_of_an_epoch, forget_read_ahead
from .subsets import part_of
from .utils import IMAGE_EXTENSIONS, array_to_img

__all__ = ["BatchFromFilesMixin", "Iterator"]


@functools.cache
def _let_forks_wait():
    """Let a fork wait until no thread draws. It inherits our lock and NumPy's, but not the thread that frees them."""
    if hasattr(os, "register_at_fork"):  # not on Windows
        release = drawing.release
        os.register_at_fork(before=drawing.acquire, after_in_parent=release, after_in_child=release)


class Iterator(keras.utils.PyDataset):
    """Base class of the iterators: endless with `next`, random access with `[i]`, and a dataset for `model.fit`.

    With a seed, every `next()` and every `[i]` seeds NumPy's global generator with `seed + total_batches_seen` and
    then counts the batch. So what a batch holds depends on how many were pulled before it.

    Args:
        n: number of samples.
        batch_size: samples in a batch; the last of an epoch may have fewer.
        shuffle: whether to permute the samples, anew each epoch.
        seed: int, or None to go on with the state of NumPy's global generator.
        workers, use_multiprocessing, max_queue_size: those of `keras.utils.PyDataset`, for `model.fit`.

    Raises:
        ValueError: `batch_size` is no integer of at least 1.
    """

    white_list_formats = tuple(IMAGE_EXTENSIONS)
    _process = _begun_with = None

    def __init__(
        self,
        n: int,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        *,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        super().__init__(workers=workers, use_multiprocessing=use_multiprocessing, max_queue_size=max_queue_size)
        check_size("batch_size", batch_size)
        self.n = n
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.batch_index = 0
        self.total_batches_seen = 0
        self.index_array = None
        self._process = os.getpid()
        self._set_what_is_not_pickled()

    def _set_what_is_not_pickled(self):
        _let_forks_wait()
        self.lock = drawing
        self.index_generator = self._flow_index()

    def __getstate__(self):
        if self.use_multiprocessing and self.index_array is None:
            with drawing:
                self._set_index_array()  # so that all who get a copy have one order
        return {name: value for name, value in self.__dict__.items() if name not in ("lock", "index_generator")}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._set_what_is_not_pickled()

    def _set_index_array(self):
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _seed_batch(self):
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)

    def _count_in_worker(self, idx):
        """In a process that has a copy of the iterator, as with `use_multiprocessing`, let a batch be the one that it
        would be if those before it had been made here: each copy counts for itself, and begins in the same state."""
        process = os.getpid()
        if self._process != process:
            self._process, self._begun_with = process, self.total_batches_seen
            if self.index_array is None:  # of an epoch, in which all copies agree
                self._seed_batch()
                self._set_index_array()
            if self.seed is None:
                name = multiprocessing.current_process().name  # which holds the number of processes started before
                np.random.seed([zlib.crc32(name.encode()), np.random.randint(2**31)])
        if self._begun_with is not None:
            self.total_batches_seen = self._begun_with + idx

    def __len__(self) -> int:
        return (self.n + self.batch_size - 1) // self.batch_size

    @property
    def num_batches(self) -> int:
        """The number of batches; for the loop of `fit` that takes fewer, how many it takes."""
        return batches_of_an_epoch(self, sys._getframe(1))

    def __getitem__(self, idx: int) -> Any:
        if idx >= len(self):
            raise ValueError(f"Batch {idx} was asked for, but there are {len(self)}: 0 to {len(self) - 1}.")
        with gate:  # which may be in a thread of Keras's or TensorFlow's
            with drawing:
                if multiprocessing.parent_process() is not None:
                    self._count_in_worker(idx)
                self._seed_batch()
                if self.index_array is None:
                    self._set_index_array()
                self.total_batches_seen += 1
                index_array = self.index_array[self.batch_size * idx : self.batch_size * (idx + 1)]
                table = self._draw(len(index_array))
            batch = self._batch(index_array, table)
        if isinstance(batch, tuple):  # `fit` of Keras 3 takes no lists of arrays; `next` gives what it always did
            return tuple(tuple(part) if isinstance(part, list) else part for part in batch)
        return batch

    def __next__(self) -> Any:
        try:
            with gate:
                with drawing:
                    index_array = next(self.index_generator)
                    table = self._draw(len(index_array))
                return self._batch(index_array, table)
        except Ended:
            raise SystemExit from None  # ends a thread without a word

    def next(self) -> Any:
        """The next batch: `next(iterator)`, as scripts for older Keras versions spell it."""
        return self.__next__()

    def __iter__(self):
        return self

    def on_epoch_end(self) -> None:
        """Permute the samples for the next epoch, as `model.fit` asks after each."""
        forget_read_ahead(self, sys._getframe(1))
        if self._begun_with is not None:  # `fit` runs in this process, where only the iterator comes from another
            self.total_batches_seen, self._begun_with = self._begun_with + len(self), None
        elif self.use_multiprocessing and self.workers:  # whose processes have counted for themselves
            self.total_batches_seen += len(self)
        with drawing:
            self._set_index_array()

    def reset(self) -> None:
        """Go back to the first batch. The seeds go on counting."""
        self.batch_index = 0

    def _flow_index(self):
        # Not a generator, which would end with the first exception that passes through it, such as Ctrl-C.
        return map(lambda _: self._next_indices(), itertools.repeat(None))

    def _next_indices(self):
        self._seed_batch()
        if self.batch_index == 0:
            self._set_index_array()
        start = (self.batch_index * self.batch_size) % self.n if self.n else 0
        following = self.batch_index + 1 if start + self.batch_size < self.n else 0
        # In one call, so that nothing interrupts it.
        vars(self).update(batch_index=following, total_batches_seen=self.total_batches_seen + 1)
        return self.index_array[start : start + self.batch_size]

    def __repr__(self):
        return f"<{type(self).__name__} of {self._contents()}, in batches of {self.batch_size}>"

    def _contents(self):
        return f"{self.n} samples"

    def _makes_its_own_batches(self):
        """Whether a subclass outside this package overrides how a batch is made."""
        module = getattr(self._get_batches_of_transformed_samples, "__module__", None) or ""
        return module.rpartition(".")[0] != __name__.rpartition(".")[0]

    def _maker(self):
        """The `BatchMaker` of this iterator."""
        if getattr(self, "_batch_maker", None) is None:
            self._batch_maker = self._maker_for(self.image_data_generator)
        return self._batch_maker

    def _maker_for(self, generator):
        """A `BatchMaker` that does what a generator does, or, without one, nothing."""
        raise NotImplementedError

    def _described(self, images, raw, trace, **attached):
        """The `Flow` of this iterator.

        Args:
            images: those of the flow, `Files` or an array.
            raw: whether they are wanted as they come in, without what the generator does to them.
            trace: that of `BatchMaker.described`.
            **attached: the fields of the flow that say what comes with the images.
        """
        why = None
        if self._makes_its_own_batches():
            why = f"{type(self).__name__}._get_batches_of_transformed_samples is overridden"
        elif self.save_to_dir:
            why = "save_to_dir writes every image"
        maker = self._maker_for(None) if raw else self._maker()
        described = (
            maker.described(lambda: some_of(images, self.n), trace) if raw or why is None else {"why_python": why}
        )
        whole = {"samples": self.n, "batch_size": self.batch_size, "shuffle": self.shuffle, "shape": maker.image_shape}
        return Flow(images=images, **whole, **described, **attached)

    def _draw(self, n):
        """Draw the table of the next batch, if it can be drawn apart from the images."""
        if self._makes_its_own_batches() or self.image_data_generator is None or self._maker().why_python():
            return None
        return self._maker().draw(n)

    def _batch(self, index_array, table):
        if table is None:
            return self._get_batches_of_transformed_samples(index_array)
        return self._get_batches_of_transformed_samples(index_array, table)

    def _get_batches_of_transformed_samples(self, index_array):
        """Make the batch of the samples in `index_array`. For subclasses to implement."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its batches are made.")

    def _save(self, batch_x, index_array, largest):
        """Write the images of a batch to `save_to_dir`, if given; each draws a number below `largest` for its name."""
        if not self.save_to_dir:
            return
        for x, j in zip(batch_x, index_array, strict=True):
            name = f"{self.save_prefix}_{j}_{np.random.randint(largest)}.{self.save_format}"
            path = os.path.join(self.save_to_dir, name)
            with naming(path):  # of a full disk, Pillow does not say which
                array_to_img(x, self.data_format, scale=True).save(path)


def plan_epoch(iterators):
    """Draw a whole epoch, as `len(iterator)` rounds of `next` on each of the iterators in turn would after `reset`.

    Args:
        iterators: list of `Iterator`s of one length.

    Returns:
        A list with the indices (n,) of the samples and their table (n, 10), or None without a generator, for each
        iterator.
    """
    indices = [[] for _ in iterators]
    with drawing:
        counted = ("batch_index", "total_batches_seen", "index_array")
        before = [(iterator, {name: getattr(iterator, name) for name in counted}) for iterator in iterators]
        try:
            for iterator in iterators:
                iterator.reset()
            drawn = [None if it.image_data_generator is None else Drawn(it._maker(), it.n) for it in iterators]
            for _ in range(len(iterators[0])):
                for k, iterator in enumerate(iterators):
                    indices[k].append(next(iterator.index_generator))
                    if drawn[k] is not None:
                        drawn[k].draw(len(indices[k][-1]))
        except BaseException:  # no batch of this epoch will be seen
            for iterator, state in before:
                vars(iterator).update(state)
            raise
    return [
        (np.concatenate(order), None if draws is None else draws.table())
        for order, draws in zip(indices, drawn, strict=True)
    ]


class BatchFromFilesMixin:
    """What the iterators over files add: reading them, and labels by `class_mode`."""

    decode = "pillow"
    exif_transpose = False
    skipped = None

    def set_reading_attrs(self, decode, exif_transpose, on_error, formats):
        """Check and keep which files are read and how, as `flow_from_directory` says."""
        if on_error not in ("raise", "skip"):
            raise ValueError(f"`on_error` must be 'raise' or 'skip'. Received: {on_error!r}")
        self.decode, self.exif_transpose = decode, exif_transpose
        self.skipped = Skipped() if on_error == "skip" else None
        if formats is not None:
            self.white_list_formats = known_endings(formats)

    def set_processing_attrs(
        self,
        image_data_generator,
        target_size,
        color_mode,
        data_format,
        save_to_dir,
        save_prefix,
        save_format,
        subset,
        interpolation,
        keep_aspect_ratio=False,
    ):
        """Check and keep how the images are loaded and saved, as `flow_from_directory` says."""
        self.image_data_generator = image_data_generator
        if not isinstance(target_size, Iterable):
            raise TypeError(f"`target_size` must be a pair, (height, width). Received: {target_size!r}")
        self.target_size = tuple(target_size)
        if len(self.target_size) != 2:
            raise ValueError(f"`target_size` must be a pair, (height, width). Received: {target_size!r}")
        for size in self.target_size:
            check_size("target_size", size, "a pair of integers of at least 1")
        self.keep_aspect_ratio = keep_aspect_ratio
        if color_mode not in CHANNELS:
            raise ValueError(f"`color_mode` must be 'rgb', 'rgba' or 'grayscale'. Received: {color_mode!r}")
        self.color_mode = color_mode
        self.data_format = data_format
        size, channels = self.target_size, CHANNELS[color_mode]
        self.image_shape = (*size, channels) if data_format == "channels_last" else (channels, *size)
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        self.interpolation = interpolation
        self._decoding()  # which checks the rest
        self.subset = subset
        self.split = None
        if subset is not None:
            self.split = part_of(image_data_generator, subset)

    def _contents(self):
        classes = getattr(self, "class_indices", None)
        where = f" from {os.fspath(self.directory)!r}" if self.directory else ""
        return f"{self.n} images{'' if classes is None else f' in {len(classes)} classes'}{where}"

    @property
    def filepaths(self) -> list[str]:
        """Paths of the files, in the order of the samples: a list, made when it is first asked for."""
        return self._filepaths

    def __getattr__(self, name):
        # No `cached_property`: up to Python 3.11 that has a lock, which a fork may inherit.
        if name == "_filepaths":
            return vars(self).setdefault(name, self._joined[:])
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def _paths(self):
        """`filepaths`, without making the list unless a subclass has its own or somebody has made or set it."""
        if "_filepaths" in vars(self) or type(self).filepaths is not BatchFromFilesMixin.filepaths:
            return self.filepaths
        return self._joined

    @property
    def labels(self):
        """Label of every sample."""
        raise NotImplementedError(f"{type(self).__name__} has no `labels`.")

    @property
    def sample_weight(self):
        """Weight of every sample, or None."""
        raise NotImplementedError(f"{type(self).__name__} has no `sample_weight`.")

    def _decoding(self):
        height, width = self.target_size
        return Decoding(
            height=height,
            width=width,
            color_mode=self.color_mode,
            interpolation=self.interpolation,
            keep_aspect_ratio=self.keep_aspect_ratio,
            decoder=self.decode,
            exif_transpose=self.exif_transpose,
        )

    def _files(self, on_error=None):
        """The `Files` of the samples; `on_error` None is the iterator's own."""
        skipped = self.skipped if on_error is None else None
        if on_error == "skip":
            skipped = Skipped() if self.skipped is None else self.skipped
        return Files(self._paths(), self._decoding(), skipped)

    def _pass(self):
        """Yield the batches of one pass, without those that skipping files has emptied.

        Raises:
            ValueError: every batch is empty.
        """
        self.reset()
        empty = 0
        for _ in range(len(self)):
            batch = super().__next__()  # the iterator's own would look for the next that is not empty
            if self._holds_images(batch):
                yield batch
            else:
                empty += 1
        if empty and empty == len(self):
            raise self._none_readable()

    def __next__(self) -> Any:
        for _ in range(len(self) or 1):
            batch = super().__next__()
            if self._holds_images(batch):
                return batch
        raise self._none_readable()

    def __getitem__(self, idx: int) -> Any:
        batch = super().__getitem__(idx)
        for ahead in range(1, len(self)):
            if self._holds_images(batch):
                break
            say_once(
                "keras_regen: no file of a batch that was indexed, as `iterator[i]`, can be read. The next batch takes "
                "its place, so that its images are seen twice. `to_dataset` leaves such batches out."
            )
            batch = super().__getitem__((idx + ahead) % len(self))
        if not self._holds_images(batch):
            raise self._none_readable()
        return batch

    def _holds_images(self, batch):
        """Whether a batch has images, or was to have none: skipping files has not emptied it."""
        return self.skipped is None or not self.n or len(batch[0] if isinstance(batch, tuple) else batch) > 0

    def _none_readable(self):
        path, reason = next(iter(self.skipped.items()))
        return ValueError(f"None of the {self.n} files can be read. The first of them: {path}: {reason}")

    def _maker_for(self, generator):
        return BatchMaker(
            generator,
            self.image_shape,
            self.data_format,
            dtype=keras.config.floatx(),  # of `img_to_array`, whatever the dtype of the batches
            output_dtype=self.dtype,
            input_format="channels_last",
        )

    def _get_batches_of_transformed_samples(self, index_array, table=None):
        files = self._files()
        then = self._maker().in_one_go(table, files.decoding.shape, files.decoding.dtype)
        images, good = files.read(index_array, MANY_CORES and not forked(), then)
        if then is not None:
            images = then.results
        if not good.all():
            images, index_array = images[good], index_array[good]
            table = None if table is None else table[good]
        batch_x = images if then is not None else self._maker()(images, table, min(self.batch_size, self.n))
        self._save(batch_x, index_array, 1e7)
        if self.class_mode == "input":
            batch_y = batch_x.copy()
        elif self.class_mode in {"binary", "sparse"}:
            batch_y = np.array([self.classes[j] for j in index_array], dtype=self.dtype)
        elif self.class_mode == "categorical":
            batch_y = np.zeros((len(index_array), len(self.class_indices)), dtype=self.dtype)
            for i, j in enumerate(index_array):
                batch_y[i, self.classes[j]] = 1.0
        elif self.class_mode == "multi_output":
            batch_y = [output[index_array] for output in self.labels]
        elif self.class_mode == "raw":
            batch_y = self.labels[index_array]
        else:
            return batch_x
        if self.sample_weight is None:
            return batch_x, batch_y
        return batch_x, batch_y, self.sample_weight[index_array]


def check_labels(classes, mode, dtype):
    """Raise a ValueError if a dtype does not hold the number of each of so many classes, where these are labels."""
    numbers = np.arange(classes if mode in ("binary", "sparse") else 0)
    with np.errstate(over="ignore"):
        held = np.array_equal(numbers.astype(dtype), numbers)
    if not held:
        raise ValueError(
            f"`dtype`, in which the labels of class_mode={mode!r} are, must hold the numbers of {classes} classes, up "
            f"to {classes - 1}, as float32 does. Received: {np.dtype(dtype).name}"
        )


def check_size(name, value, what="an integer of at least 1"):
    """Raise a ValueError unless a size is an integer of at least 1, Python's or NumPy's."""
    try:
        right = operator.index(value) >= 1
    except TypeError:
        right = False
    if not right:
        raise ValueError(f"`{name}` must be {what}. Received: {value!r}")
