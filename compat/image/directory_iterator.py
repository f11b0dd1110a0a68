"""`DirectoryIterator`: batches from image files, one folder a class."""

import os

import keras
import numpy as np

from ..data.files import Joined
from ..data.flow import OneHot
from ..data.listing import list_classes, list_directory
from .iterator import BatchFromFilesMixin, Iterator
from .messages import print_left_out, print_message, warn_if_empty

__all__ = ["DirectoryIterator"]


class DirectoryIterator(BatchFromFilesMixin, Iterator):
    """Iterate over a directory with one folder a class: what `ImageDataGenerator.flow_from_directory` returns.

    Args:
        directory: path of the directory. Every folder in it is a class, hidden and empty ones too. A path with a scheme
            ("gs://bucket/photos") is read by `tf.io.gfile`; in it a name that ends as an image is taken for a file.
        image_data_generator: the `ImageDataGenerator` that transforms the images, or None to leave them as they are.
        target_size: (height, width) in pixels.
        color_mode: "rgb", "rgba" or "grayscale".
        classes: names of the class folders in the order of their labels, or None for all, sorted.
        class_mode: "categorical" (one-hot), "binary" or "sparse" (a number in the dtype of the images), "input" (the
            images), or None (no labels).
        batch_size, shuffle, seed: see `Iterator`.
        data_format: "channels_last" or "channels_first"; None means `keras.config.image_data_format()`.
        save_to_dir: folder to save the images of every batch in, or None.
        save_prefix, save_format: start and extension of their names, "{prefix}_{index}_{number}.{format}".
        follow_links: whether to go down links to folders below the class folders, but never into a folder it is in.
        subset: "training" or "validation", the latter the first `validation_split` of each class's files.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos", as Pillow does them.
        keep_aspect_ratio: crop the centre to the aspect ratio of `target_size` before resizing.
        dtype: of the batches; None means `keras.config.floatx()`.
        decode: "pillow"; "fast" for large photographs, where JPEGs are scaled down while they are decoded, never below
            the target size; or "keras" for the pixels of `keras.utils.image_dataset_from_directory`, whose
            interpolations are then those to choose from.
        on_error: "raise" an error that names the file, if one cannot be read; or "skip" it: the batch is then smaller,
            the file is logged once and noted in `skipped`, and the other images are what they would have been.
        exif_transpose: turn and mirror images as their EXIF orientation says, which the legacy code does not look at.
        formats: endings of the files to read, in lower case without dot, instead of those of the legacy code (bmp, jpg,
            jpeg, png, ppm, tif, tiff); "all" for those of all formats that Pillow opens. Of several frames the first is
            read.
        **kwargs: `workers`, `use_multiprocessing` and `max_queue_size` of `keras.utils.PyDataset`.

    Attributes:
        class_indices: dictionary from class name to label.
        classes, labels: int32 array, the label of every file.
        filenames, filepaths: paths relative to `directory`, and with it.
        samples, num_classes, image_shape: number of files and of classes, shape of an image.
        skipped: with `on_error="skip"` a dictionary from the path of each file skipped so far, in this process, to the
            reason; otherwise None.

    Raises:
        ValueError: unknown `color_mode`, `class_mode` or `subset`, or in `formats` an ending that Pillow does not open.
        FileNotFoundError, NotADirectoryError: `directory`.
    """

    allowed_class_modes = {"categorical", "binary", "sparse", "input", None}  # noqa: RUF012 - as the legacy class has it

    def __init__(
        self,
        directory,
        image_data_generator,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        keep_aspect_ratio=False,
        dtype=None,
        decode="pillow",
        on_error="raise",
        exif_transpose=False,
        formats=None,
        **kwargs,
    ):
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
        self.directory = directory
        if class_mode not in self.allowed_class_modes:
            raise ValueError(f"`class_mode` must be one of {self.allowed_class_modes}. Received: {class_mode!r}")
        self.class_mode = class_mode
        self.dtype = keras.config.floatx() if dtype is None else dtype
        classes = list(classes) if classes else list_classes(directory)
        self.num_classes = len(classes)
        self.class_indices = dict(zip(classes, range(len(classes)), strict=True))
        files, left_out = list_directory(directory, classes, self.white_list_formats, self.split, follow_links)
        self.filenames = [name for found in files for name in found]
        self.samples = len(self.filenames)
        labels = [self.class_indices[name] for name in classes]
        self.classes = np.repeat(np.array(labels, dtype="int32"), [len(found) for found in files])
        print_message(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        print_left_out(left_out)
        warn_if_empty(self.samples, f"the folders of {os.fspath(directory)!r}", self.white_list_formats)
        self._joined = Joined(directory, self.filenames)
        super().__init__(self.samples, batch_size, shuffle, seed, **kwargs)

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

    def _flow(self, on_error=None, raw=False):
        labels = {
            "input": "input",
            "categorical": OneHot(self.classes, len(self.class_indices), self.dtype),
            None: None,
        }.get(self.class_mode, np.asarray(self.classes, dtype=self.dtype))
        return self._described(self._files(on_error), raw, labels=labels, class_names=tuple(self.class_indices))
