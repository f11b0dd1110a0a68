"""`ImageDataGenerator`: what is drawn, and what is done to one image. The iterators do it to batches."""

import math
import warnings

import keras
import numpy as np

from .affine_transformations import apply_affine_transform, apply_brightness_shift, apply_channel_shift, flip_axis
from .as_layers import as_layers
from .batches import transform_array
from .convention import COLUMNS
from .dataframe_iterator import DataFrameIterator
from .directory_iterator import DirectoryIterator
from .draws import draw_row
from .fitting import fit_streaming
from .numpy_array_iterator import NumpyArrayIterator, warn_of_channels
from .overrides import overridden

__all__ = ["ImageDataGenerator"]


class ImageDataGenerator:
    """Generate batches of images, augmented on the fly: the legacy class of Keras, with the same numbers.

    With the same seed, or the same state of NumPy's global generator, the batches are those of Keras 3.15's legacy
    module. Not all of its conventions are what their names say; see `legacy_axes` and the migration guide.

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
        rescale: factor, applied after everything else but the normalizations. None or 0: none.
        preprocessing_function: takes and returns one image (array of rank 3), before `rescale`.
        data_format: "channels_last" or "channels_first"; None means `keras.config.image_data_format()`.
        validation_split: fraction in 0..1 that `subset="validation"` takes: the first files of each class.
        interpolation_order: order of the spline, 0 to 5.
        dtype: of the batches; None means `keras.config.floatx()`.
        legacy_axes: True keeps two mistakes of the legacy code, without which no batch would be the same:
            `height_shift_range` moves columns and `width_shift_range` rows, and images that are not square turn about
            the wrong point. False corrects both. The one argument that is new here.

    Raises:
        ValueError: `data_format`, `validation_split`, `zoom_range` or `brightness_range` is not as above.

    Example:

    ```python
    datagen = ImageDataGenerator(rotation_range=20, horizontal_flip=True, rescale=1 / 255)
    batches = datagen.flow(images, labels, batch_size=32, seed=1)
    x, y = next(batches)
    ```
    """

    def __init__(
        self,
        featurewise_center=False,
        samplewise_center=False,
        featurewise_std_normalization=False,
        samplewise_std_normalization=False,
        zca_whitening=False,
        zca_epsilon=1e-6,
        rotation_range=0,
        width_shift_range=0.0,
        height_shift_range=0.0,
        brightness_range=None,
        shear_range=0.0,
        zoom_range=0.0,
        channel_shift_range=0.0,
        fill_mode="nearest",
        cval=0.0,
        horizontal_flip=False,
        vertical_flip=False,
        rescale=None,
        preprocessing_function=None,
        data_format=None,
        validation_split=0.0,
        interpolation_order=1,
        dtype=None,
        *,
        legacy_axes=True,
    ):
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
        self.legacy_axes = legacy_axes

        self.data_format = keras.config.image_data_format() if data_format is None else data_format
        axes = {"channels_last": (3, 1, 2), "channels_first": (1, 2, 3)}
        if self.data_format not in axes:
            raise ValueError(f"`data_format` must be 'channels_last' or 'channels_first'. Received: {data_format!r}")
        self.channel_axis, self.row_axis, self.col_axis = axes[self.data_format]

        if validation_split and not 0 < validation_split < 1:
            raise ValueError(f"`validation_split` must lie strictly between 0 and 1. Received: {validation_split}")
        self._validation_split = validation_split

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
            warnings.warn(
                f"This ImageDataGenerator specifies `{cause}`, which sets `{effect}` to {value}.", stacklevel=4
            )

    def flow(
        self,
        x,
        y=None,
        batch_size=32,
        shuffle=True,
        sample_weight=None,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        ignore_class_split=False,
        subset=None,
        **kwargs,
    ):
        """Iterate over arrays: see `NumpyArrayIterator` for the arguments. Returns one."""
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
            **kwargs,
        )

    def flow_from_directory(
        self,
        directory,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        keep_aspect_ratio=False,
        **kwargs,
    ):
        """Iterate over a directory with one folder a class: see `DirectoryIterator` for the arguments. Returns one."""
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
            **kwargs,
        )

    def flow_from_dataframe(
        self,
        dataframe,
        directory=None,
        x_col="filename",
        y_col="class",
        weight_col=None,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        validate_filenames=True,
        **kwargs,
    ):
        """Iterate over the files named in a dataframe: see `DataFrameIterator` for the arguments. Returns one.

        The keywords `has_ext`, `sort` and `drop_duplicates` of older versions are accepted and do nothing, and
        `class_mode="other"` means "raw". Any other unknown keyword is ignored with a warning.
        """
        loading = {key: kwargs.pop(key) for key in _LOADING if key in kwargs}
        for name, advice in _DEPRECATED.items():
            if name in kwargs:
                del kwargs[name]
                warnings.warn(f"`{name}` is deprecated and does nothing: {advice}.", DeprecationWarning, stacklevel=2)
        if class_mode == "other":
            warnings.warn(
                '`class_mode="other"` is deprecated: use `class_mode="raw"`.', DeprecationWarning, stacklevel=2
            )
            class_mode = "raw"
        if kwargs:
            warnings.warn(
                f"`flow_from_dataframe` has no argument {', '.join(map(repr, kwargs))}: ignored.", stacklevel=2
            )
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
            **loading,
        )

    def standardize(self, x):
        """Preprocess, rescale and normalize an image or a batch, in place where its dtype allows.

        In this order: `preprocessing_function`, `rescale`, samplewise mean and standard deviation (over all axes of
        `x`), featurewise mean and standard deviation, ZCA whitening.

        Args:
            x: array of a float dtype.

        Returns:
            The normalized array; `x` itself, changed, unless a step had to make a new one.
        """
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, keepdims=True) + 1e-6
        if self._fitted("featurewise_center", "mean"):
            x -= self.mean
        if self._fitted("featurewise_std_normalization", "std"):
            x /= self.std + 1e-6
        if self._fitted("zca_whitening", "zca_whitening_matrix"):
            flat = x.reshape(-1, math.prod(x.shape[-3:]))
            x = np.reshape(flat @ self.zca_whitening_matrix, x.shape)
        return x

    def _fitted(self, argument, statistic):
        """Whether `argument` is set and its statistic is there; a warning if only the former."""
        if not getattr(self, argument):
            return False
        if getattr(self, statistic) is None:
            warnings.warn(
                f"This ImageDataGenerator specifies `{argument}`, but has not been fit on any data. "
                "Call `.fit(numpy_data)` first.",
                stacklevel=3,
            )
            return False
        return True

    def get_random_transform(self, img_shape, seed=None):
        """Draw the parameters of one transformation from NumPy's global generator.

        Args:
            img_shape: shape of the image, in the generator's `data_format`.
            seed: reseeds the global generator first.

        Returns:
            Dictionary: "theta" and "shear" in degrees, "tx" and "ty" in pixels, factors "zx" and "zy",
            "flip_horizontal", "flip_vertical", "channel_shift_intensity" and "brightness" (None: none).
        """
        if seed is not None:
            np.random.seed(seed)
        return draw_row(self, img_shape[self.row_axis - 1], img_shape[self.col_axis - 1])

    def apply_transform(self, x, transform_parameters):
        """Apply given parameters to one image.

        Args:
            x: array of rank 3, in the generator's `data_format`.
            transform_parameters: dictionary with any of the keys of `get_random_transform`.

        Returns:
            An array of the same shape; `x` itself where nothing changes.
        """
        row = transform_parameters
        x = apply_affine_transform(
            x,
            **{name: row.get(name, default) for name, default in zip(COLUMNS[:6], (0, 0, 0, 0, 1, 1), strict=True)},
            row_axis=self.row_axis - 1,
            col_axis=self.col_axis - 1,
            channel_axis=self.channel_axis - 1,
            fill_mode=self.fill_mode,
            cval=self.cval,
            order=self.interpolation_order,
            legacy_axes=self.legacy_axes,
        )
        if row.get("channel_shift_intensity") is not None:
            x = apply_channel_shift(x, row["channel_shift_intensity"], self.channel_axis - 1)
        if row.get("flip_horizontal", False):
            x = flip_axis(x, self.col_axis - 1)
        if row.get("flip_vertical", False):
            x = flip_axis(x, self.row_axis - 1)
        if row.get("brightness") is not None:
            x = apply_brightness_shift(x, row["brightness"], False)
        return x

    def random_transform(self, x, seed=None):
        """Draw parameters and apply them to one image (rank 3). Returns an array of the same shape."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def to_layers(self):
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

    def fit(self, x, augment=False, rounds=1, seed=None):
        """Measure the statistics that `featurewise_center`, `featurewise_std_normalization` and `zca_whitening` need.

        `rescale` is applied first; `preprocessing_function` and the samplewise steps are not.

        Args:
            x: array of rank 4 with 1, 3 or 4 channels. Or, for data that do not fit in memory, an iterator that one of
                the flows returned, whose images are read as they are, or a dataset or other finite iterable of batches
                of images: in one pass, with a line of progress, in float64.
            augment: measure on augmented images instead.
            rounds: with `augment`, how often to go over the data.
            seed: reseeds NumPy's global generator.

        Raises:
            ValueError: `x` does not have rank 4, or yields no images.
        """
        if not hasattr(x, "__array__") and not isinstance(x, (list, tuple)):
            fit_streaming(self, x, rounds if augment else None, seed)
            return
        x = np.asarray(x, dtype=self.dtype)
        if x.ndim != 4:
            raise ValueError(
                f"`x` must have rank 4: images, then rows, columns and channels. Received shape: {x.shape}"
            )
        warn_of_channels(x, self.channel_axis, self.data_format)
        if seed is not None:
            np.random.seed(seed)
        x = np.copy(x)
        if self.rescale:
            x *= self.rescale
        if augment:
            x = np.concatenate([transform_array(self, x) for _ in range(rounds)]) if rounds else x[:0]
        axes = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = np.mean(x, axis=axes, keepdims=True)[0]
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(x, axis=axes, keepdims=True)[0]
            x /= self.std + 1e-6
        if self.zca_whitening:
            flat = np.reshape(x, (len(x), -1))
            u, s, _ = np.linalg.svd(flat.T, full_matrices=False)
            self.zca_whitening_matrix = (u * (np.sqrt(len(x)) / (s + self.zca_epsilon))) @ u.T


_LOADING = ("decode", "exif_transpose", "formats", "on_error", "workers", "use_multiprocessing", "max_queue_size")
_DEPRECATED = {
    "has_ext": "filenames in the dataframe have to match those on disk",
    "sort": "with `shuffle=False` the batches come in the order of the dataframe",
    "drop_duplicates": "use `pandas.DataFrame.drop_duplicates`",
}
