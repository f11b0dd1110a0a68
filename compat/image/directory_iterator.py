"""`DirectoryIterator`: batches from image files, with one folder per class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ..data.files import Joined
from ..data.flow import OneHot
from ..data.listing import list_classes, list_directory
from ..data.messages import print_left_out, print_message, warn_if_empty
from . import choices
from .iterator import BatchFromFilesMixin, Iterator, check_labels, check_size
from .keywords import named_keywords

__all__ = ["DirectoryIterator"]


class DirectoryIterator(BatchFromFilesMixin, Iterator):
    """Iterate over a directory with one folder per class: what `ImageDataGenerator.flow_from_directory` returns.

    Args:
        image_data_generator: the `ImageDataGenerator` that transforms the images, or None to leave them as they are.
        data_format: "channels_last" or "channels_first"; None means `keras.config.image_data_format()`.
        dtype: of the batches; None means `keras.config.floatx()`.

    The other arguments, what it yields and what it raises: see `ImageDataGenerator.flow_from_directory`.

    Attributes:
        class_indices: dictionary from class name to label.
        classes, labels: int32 array, the label of every file.
        filenames, filepaths: paths relative to `directory`, and with it.
        samples, num_classes, image_shape: number of files and of classes, shape of an image.
        skipped: with `on_error="skip"` a dictionary from the path of each file skipped so far, in this process, to the
            reason; otherwise None.
    """

    allowed_class_modes = {"categorical", "binary", "sparse", "input", None}  # noqa: RUF012 - as the legacy class has it

    @named_keywords
    def __init__(
        self,
        directory: choices.Path,
        image_data_generator: Any,
        target_size: Sequence[int] = (256, 256),
        color_mode: choices.ColorMode = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: choices.ClassMode | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: choices.DataFormat | None = None,
        save_to_dir: choices.Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: choices.Subset | None = None,
        interpolation: choices.Interpolation = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: choices.DType | None = None,
        decode: choices.Decoder = "pillow",
        on_error: choices.OnError = "raise",
        exif_transpose: bool = False,
        formats: choices.Formats | None = None,
        *,
        verbose: bool = True,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        self.set_reading_attrs(decode, exif_transpose, on_error, formats)
        self.set_processing_attrs(
            image_data_generator,
            target_size,
            color_mode,
            keras.config.image_data_format() if data_format is None else data_format,
            save_to_dir,
            save_prefix,
            save_format,
            subset,
            interpolation,
            keep_aspect_ratio,
        )
        check_size("batch_size", batch_size)
        self.directory = directory
        if class_mode not in self.allowed_class_modes:
            raise ValueError(f"`class_mode` must be one of {self.allowed_class_modes}. Received: {class_mode!r}")
        self.class_mode = class_mode
        self.dtype = keras.config.floatx() if dtype is None else dtype
        classes = list(classes) if classes else list_classes(directory)
        self.num_classes = len(classes)
        self.class_indices = dict(zip(classes, range(len(classes)), strict=True))
        check_labels(len(classes), class_mode, self.dtype)
        files, left_out = list_directory(directory, classes, self.white_list_formats, self.split, follow_links)
        self.filenames = [name for found in files for name in found]
        self.samples = len(self.filenames)
        labels = [self.class_indices[name] for name in classes]
        self.classes = np.repeat(np.array(labels, dtype="int32"), [len(found) for found in files])
        if verbose:
            print_message(f"Found {self.samples} images belonging to {self.num_classes} classes.")
            print_left_out(left_out)
        warn_if_empty(self.samples, f"the folders of {os.fspath(directory)!r}", self.white_list_formats)
        self._joined = Joined(directory, self.filenames)
        super().__init__(
            self.samples,
            batch_size,
            shuffle,
            seed,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            max_queue_size=max_queue_size,
        )

    @property
    def labels(self):
        """int32 array: the label of every file."""
        return self.classes

    @property
    def sample_weight(self):
        """None: a directory has no weights."""
        return None

    def _files(self, on_error=None):
        return super()._files(on_error)._replace(listed=self.directory)

    def _flow(self, on_error=None, raw=False, trace=None):
        labels = {
            "input": "input",
            "categorical": OneHot(self.classes, len(self.class_indices), self.dtype),
            None: None,
        }.get(self.class_mode, np.asarray(self.classes, dtype=self.dtype))
        return self._described(self._files(on_error), raw, trace, labels=labels, class_names=tuple(self.class_indices))
