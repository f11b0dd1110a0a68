"""`ImageDataGenerator`: what is done to images, and the three ways to iterate over them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np
from numpy.typing import ArrayLike

from ..data.messages import warn
from . import choices
from .as_layers import as_layers
from .dataframe_iterator import DataFrameIterator
from .directory_iterator import DirectoryIterator
from .fitting import fit_array, fit_streaming
from .iterator import check_size
from .keywords import named_keywords, swallowed_keywords
from .numpy_array_iterator import NumpyArrayIterator
from .overrides import overridden
from .subsets import checked_split
from .transformations import ImageTransformations

if TYPE_CHECKING:
    import pandas as pd

    from ...layers import Pipeline

__all__ = ["ImageDataGenerator"]


class ImageDataGenerator(ImageTransformations):
    """Generate batches of images, augmented on the fly: the legacy class of Keras, with the same numbers.

    With the same seed, or the same state of NumPy's global generator, the batches are those of Keras 3.15's legacy
    module. Some of its conventions are not what their names say; see `legacy_axes` and the migration guide.

    Args:
        featurewise_center: subtract the mean per channel that `fit` measured.
        samplewise_center: subtract each image's own mean (one number over all axes).
        featurewise_std_normalization: divide by the standard deviation per channel that `fit` measured.
        samplewise_std_normalization: divide by each image's own standard deviation.
        zca_whitening: apply the whitening that `fit` measured.
        zca_epsilon: added to the singular values of the whitening.
        rotation_range: degrees; the angle is drawn from -r..r.
        width_shift_range, height_shift_range: a float below 1 is a fraction of the size, from 1 on pixels, drawn from
            -r..r; an int n or a list is a set of choices (0..n-1, or the list), each with a random sign.
        brightness_range: pair of factors; the brightness goes through 8 bits and truncates.
        shear_range: degrees, drawn from -r..r.
        zoom_range: z for [1 - z, 1 + z], or [low, high]; two independent factors of the coordinates.
        channel_shift_range: amount in grey levels; clipped to each image's own range.
        fill_mode: "nearest", "constant", "reflect" or "wrap", as SciPy defines them.
        cval: value outside the image for `fill_mode="constant"`.
        horizontal_flip, vertical_flip: mirror half of the images.
        rescale: factor, applied before the normalizations and after everything else. None or 0 for none.
        preprocessing_function: takes and returns one image (array of rank 3), before `rescale`.
        data_format: "channels_last" or "channels_first"; None means `keras.config.image_data_format()`.
        validation_split: fraction in 0..1 that `subset="validation"` takes: the first files of each class. Or a pair
            of them, new here, (validation, test): those behind them are then for `subset="test"`.
        interpolation_order: order of the spline, 0 to 5.
        dtype: of the batches; None means `keras.config.floatx()`.
        legacy_axes: True keeps two mistakes of the legacy code, without which no batch would be the same:
            `height_shift_range` moves columns and `width_shift_range` rows, and images that are not square turn about
            the wrong point. False corrects both. The one argument that is new here.

    Raises:
        ValueError: an argument has no such value.

    Example:

    ```python
    datagen = ImageDataGenerator(rotation_range=20, horizontal_flip=True, rescale=1 / 255)
    batches = datagen.flow(images, labels, batch_size=32, seed=1)
    x, y = next(batches)
    ```
    """

    @named_keywords
    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: choices.Shift = 0.0,
        height_shift_range: choices.Shift = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: float | Sequence[float] = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: choices.FillMode = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[Any], Any] | None = None,
        data_format: choices.DataFormat | None = None,
        validation_split: float | tuple[float, float] | None = 0.0,
        interpolation_order: int = 1,
        dtype: choices.DType | None = None,
        *,
        legacy_axes: bool = True,
    ) -> None:
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.shear_range = shear_range
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.dtype = keras.config.floatx() if dtype is None else dtype
        self.interpolation_order = interpolation_order
        if legacy_axes not in (True, False):
            raise ValueError(f"`legacy_axes` must be True or False. Received: {legacy_axes!r}")
        self.legacy_axes = legacy_axes

        self.data_format = keras.config.image_data_format() if data_format is None else data_format
        axes = {"channels_last": (3, 1, 2), "channels_first": (1, 2, 3)}
        if self.data_format not in axes:
            raise ValueError(f"`data_format` must be 'channels_last' or 'channels_first'. Received: {data_format!r}")
        self.channel_axis, self.row_axis, self.col_axis = axes[self.data_format]

        self._validation_split = checked_split(validation_split)

        if isinstance(zoom_range, (float, int)):
            self.zoom_range = [1 - zoom_range, 1 + zoom_range]
        elif len(zoom_range) == 2 and all(isinstance(z, (float, int)) for z in zoom_range):
            self.zoom_range = list(zoom_range)
        else:
            raise ValueError(f"`zoom_range` must be a float or a pair of floats. Received: {zoom_range}")
        if brightness_range is not None and (
            not isinstance(brightness_range, (tuple, list)) or len(brightness_range) != 2
        ):
            raise ValueError(f"`brightness_range` must be a tuple or list of two floats. Received: {brightness_range}")
        self.brightness_range = brightness_range

        self.mean = self.std = self.zca_whitening_matrix = None
        if zca_whitening:
            self._imply("zca_whitening", "featurewise_center", True)
            self._imply("zca_whitening", "featurewise_std_normalization", False)
        if featurewise_std_normalization:
            self._imply("featurewise_std_normalization", "featurewise_center", True)
        if samplewise_std_normalization:
            self._imply("samplewise_std_normalization", "samplewise_center", True)

    def _overridden(self):
        """Names of the methods that are not those of this class: a subclass's, or set by hand."""
        return overridden(self, ImageDataGenerator)

    def _imply(self, cause, effect, value):
        if bool(getattr(self, effect)) != value:
            setattr(self, effect, value)
            warn(f"This ImageDataGenerator specifies `{cause}`, which sets `{effect}` to {value}.")

    def __repr__(self):
        """The constructor's arguments that are not the defaults."""
        parameters = inspect.signature(ImageDataGenerator).parameters
        neutral = {
            **{name: parameter.default for name, parameter in parameters.items()},
            "zoom_range": [1, 1],
            "data_format": keras.config.image_data_format(),
            "dtype": keras.config.floatx(),
        }
        values = {**neutral, **vars(self), "validation_split": getattr(self, "_validation_split", 0.0)}
        given = [f"{name}={values[name]!r}" for name in neutral if not np.array_equal(values[name], neutral[name])]
        return f"{type(self).__name__}({', '.join(given)})"

    @named_keywords
    def flow(
        self,
        x: ArrayLike | tuple[ArrayLike, ArrayLike | list[ArrayLike]],
        y: ArrayLike | None = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: ArrayLike | None = None,
        seed: int | None = None,
        save_to_dir: choices.Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: choices.Subset | None = None,
        *,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> NumpyArrayIterator:
        """Iterate over arrays.

        Args:
            x: images, rank 4 in the order of `data_format`; or a list or tuple (images, other) where other is one array
                or a list of arrays that are batched along.
            y: labels, as many as images, or None.
            batch_size: images in a batch.
            shuffle: whether to permute the images each epoch.
            sample_weight: weights, as many as images, or None.
            seed: int, or None to go on with the state of NumPy's global generator.
            save_to_dir: folder to save the images of every batch in, or None.
            save_prefix, save_format: start and extension of their names, "{prefix}_{index}_{number}.{format}".
            ignore_class_split: whether the two subsets may hold different classes.
            subset: "training"; "validation", the first `validation_split` of the arrays; or "test", those behind it.
            workers, use_multiprocessing, max_queue_size: those of `keras.utils.PyDataset`, for `model.fit`.

        Returns:
            A `NumpyArrayIterator` of images, or (images, labels), or (images, labels, weights); with other arrays,
            [images, *others] takes the first place.

        Raises:
            ValueError: lengths differ, `x` does not have rank 4, `batch_size` is below 1, `subset` is unknown or splits
                the classes.
        """
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            ignore_class_split=ignore_class_split,
            subset=subset,
            dtype=self.dtype,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            max_queue_size=max_queue_size,
        )

    @named_keywords
    def flow_from_directory(
        self,
        directory: choices.Path,
        target_size: Sequence[int] = (256, 256),
        color_mode: choices.ColorMode = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: choices.ClassMode | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: choices.Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: choices.Subset | None = None,
        interpolation: choices.Interpolation = "nearest",
        keep_aspect_ratio: bool = False,
        *,
        decode: choices.Decoder = "pillow",
        on_error: choices.OnError = "raise",
        exif_transpose: bool = False,
        formats: choices.Formats | None = None,
        verbose: bool = True,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> DirectoryIterator:
        """Iterate over a directory with one folder of images per class.

        Args:
            directory: path of the directory. Every folder in it is a class, hidden and empty ones too. A path with a
                scheme ("gs://bucket/photos") is read by `tf.io.gfile`; there, a name that ends like an image is taken
                for a file.
            target_size: (height, width) in pixels.
            color_mode: "rgb", "rgba" or "grayscale".
            classes: names of the class folders in the order of their labels, or None for all, sorted.
            class_mode: "categorical" (one-hot), "binary" or "sparse" (a number in the dtype of the images), "input"
                (the images), or None (no labels).
            batch_size: images in a batch; the last of an epoch may have fewer.
            shuffle: whether to permute the images each epoch.
            seed: int, or None to go on with the state of NumPy's global generator.
            save_to_dir: folder to save the images of every batch in, or None.
            save_prefix, save_format: start and extension of their names, "{prefix}_{index}_{number}.{format}".
            follow_links: whether to follow links to folders below the class folders. A folder is never entered from
                within itself.
            subset: "training"; "validation", the first `validation_split` of each class's files by name; or "test",
                those behind it.
            interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
            keep_aspect_ratio: crop the centre to the aspect ratio of `target_size` before resizing.
            decode: "pillow"; "fast" for large photographs, where JPEGs are scaled down while they are decoded, never
                below the target size; or "keras" for the pixels of `keras.utils.image_dataset_from_directory`, whose
                interpolations are then the ones to choose from.
            on_error: "raise" an error that names the file if one cannot be read; or "skip" it: the batch is then
                smaller, the file is logged once and noted in `skipped`, and the other images are what they would have
                been.
            exif_transpose: turn and mirror images as their EXIF orientation says; the legacy code ignores it.
            formats: endings of the files to read, in lower case without dot, instead of those of the legacy code (bmp,
                jpg, jpeg, png, ppm, tif, tiff); "all" for those of all formats that Pillow opens. Of several frames the
                first is read.
            verbose: whether to say how many images were found.
            workers, use_multiprocessing, max_queue_size: those of `keras.utils.PyDataset`, for `model.fit`.

        Returns:
            A `DirectoryIterator` of images, or (images, labels).

        Raises:
            ValueError: an argument has no such value, or `formats` an ending that Pillow does not open.
            FileNotFoundError, NotADirectoryError: `directory`.
        """
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            keep_aspect_ratio=keep_aspect_ratio,
            classes=classes,
            class_mode=class_mode,
            data_format=self.data_format,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            dtype=self.dtype,
            decode=decode,
            on_error=on_error,
            exif_transpose=exif_transpose,
            formats=formats,
            verbose=verbose,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            max_queue_size=max_queue_size,
        )

    @swallowed_keywords(
        {
            "has_ext": "filenames in the dataframe have to match those on disk",
            "sort": "with `shuffle=False` the batches come in the order of the dataframe",
            "drop_duplicates": "use `pandas.DataFrame.drop_duplicates`",
        }
    )
    def flow_from_dataframe(
        self,
        dataframe: pd.DataFrame,
        directory: choices.Path | None = None,
        x_col: str = "filename",
        y_col: str | list[str] = "class",
        weight_col: str | None = None,
        target_size: Sequence[int] = (256, 256),
        color_mode: choices.ColorMode = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: choices.ClassMode | Literal["multi_output", "raw", "other"] | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: choices.Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: choices.Subset | None = None,
        interpolation: choices.Interpolation = "nearest",
        validate_filenames: bool = True,
        *,
        decode: choices.Decoder = "pillow",
        on_error: choices.OnError = "raise",
        exif_transpose: bool = False,
        formats: choices.Formats | None = None,
        verbose: bool = True,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> DataFrameIterator:
        """Iterate over the files named in a dataframe. What is not said here is as in `flow_from_directory`.

        Unknown keywords are ignored with a warning, as the legacy code ignores them in silence.

        Args:
            dataframe: a `pandas.DataFrame`.
            directory: path that the file names are relative to, or None if they are whole paths. Paths with a scheme
                ("gs://bucket/a.jpg") are read by `tf.io.gfile`.
            x_col: column of the file names.
            y_col: column of the labels, or list of columns (`class_mode` "multi_output" and "raw").
            weight_col: column of sample weights, or None.
            classes: names of the classes in the order of their labels, or None for all, sorted. Rows of other classes
                are left out.
            class_mode: "categorical" (one-hot; a list in the column sets several), "binary" or "sparse" (a number in
                the dtype of the images), "raw" (the column or columns as they are), "multi_output" (a list of arrays,
                one per column), "input" (the images), or None (no labels).
            validate_filenames: whether to leave out rows whose file does not exist or has another extension.
            target_size, color_mode, batch_size, shuffle, seed, save_to_dir, save_prefix, save_format, interpolation:
                those of `flow_from_directory`.
            subset: "training"; "validation", the first `validation_split` of the rows; or "test", those behind it.
            decode, on_error, exif_transpose, formats, verbose: those of `flow_from_directory`.
            workers, use_multiprocessing, max_queue_size: those of `keras.utils.PyDataset`, for `model.fit`.

        Returns:
            A `DataFrameIterator` of images, (images, labels) or (images, labels, weights).

        Raises:
            ValueError: an argument has no such value, or there are not two classes for "binary".
            TypeError: a column holds values of the wrong type.
            KeyError: a column is not in the dataframe.
        """
        if class_mode == "other":
            warn('`class_mode="other"` is deprecated: use `class_mode="raw"`.', DeprecationWarning)
            class_mode = "raw"
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            data_format=self.data_format,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            validate_filenames=validate_filenames,
            dtype=self.dtype,
            decode=decode,
            on_error=on_error,
            exif_transpose=exif_transpose,
            formats=formats,
            verbose=verbose,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            max_queue_size=max_queue_size,
        )

    def to_layers(self) -> Pipeline:
        """The layers that do what this generator does, as one `keras_regen.layers.Pipeline` for a model or `tf.data`.

        They draw from the same distributions, but other numbers, and give the same pixels for the same numbers:
        `pipeline.transform_images(images, {name: [row[name] for row in rows] for name in rows[0]})` takes rows of
        `get_random_transform`. Their geometry is right on images that are not square, as with `legacy_axes=False`. They
        normalize in inference, too, and augment in training only. Statistics that `fit` has not measured yet are to be
        measured by the `adapt` of their layer, on images that went through the ones before.

        Returns:
            A `Pipeline`; its `layers` are those needed of `RandomAffine`, `RandomChannelShift`, `RandomBrightness`,
            `keras.layers.Rescaling`, `Standardize` and `ZCAWhitening`.

        Raises:
            ValueError: there is a `preprocessing_function`, an overridden method, or a range that no layer has.
        """
        return as_layers(self)

    def fit(
        self, x: ArrayLike | Iterable[Any], augment: bool = False, rounds: int = 1, seed: int | None = None
    ) -> None:
        """Measure the statistics that `featurewise_center`, `featurewise_std_normalization` and `zca_whitening` need.

        `rescale` is applied first; `preprocessing_function` and the samplewise steps are not.

        Args:
            x: array of rank 4 with 1, 3 or 4 channels. Or, for data that do not fit in memory, an iterator that one of
                the flows returned, whose images are read as they are, or a dataset or other finite iterable of batches
                of images: in one pass, with a line of progress, in float64.
            augment: measure on augmented images instead.
            rounds: with `augment`, how often to go over the data, at least once.
            seed: reseeds NumPy's global generator.

        Raises:
            ValueError: `x` does not have rank 4, or yields no images, be it in a later round; `rounds` is below 1.
        """
        if augment:
            check_size("rounds", rounds)
        if not hasattr(x, "__array__") and not isinstance(x, (list, tuple)):
            fit_streaming(self, x, rounds if augment else None, seed)
            return
        fit_array(self, x, rounds if augment else None, seed)
