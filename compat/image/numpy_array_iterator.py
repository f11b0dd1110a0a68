"""`NumpyArrayIterator`: batches from arrays in memory."""

import warnings

import keras
import numpy as np

from .batches import BatchMaker
from .iterator import Iterator, check_subset

__all__ = ["NumpyArrayIterator"]


class NumpyArrayIterator(Iterator):
    """Iterate over arrays: what `ImageDataGenerator.flow` returns.

    Args:
        x: images, rank 4 in the order of `data_format`; or a list or tuple (images, other) where other is one array
            or a list of arrays that are batched along.
        y: labels, as many as images, or None.
        image_data_generator: the `ImageDataGenerator` that transforms the images.
        batch_size: images in a batch.
        shuffle: whether to permute the images each epoch.
        sample_weight: weights, as many as images, or None.
        seed: int, or None.
        data_format: "channels_last" or "channels_first"; None means `keras.config.image_data_format()`.
        save_to_dir: folder to save the images of every batch in, or None.
        save_prefix, save_format: start and extension of their names, "{prefix}_{index}_{number}.{format}".
        subset: "training" or "validation", the latter the first `validation_split` of the arrays.
        ignore_class_split: whether the two subsets may hold different classes.
        dtype: of the batches; None means `keras.config.floatx()`.
        **kwargs: `workers`, `use_multiprocessing` and `max_queue_size` of `keras.utils.PyDataset`.

    Yields:
        Images, or (images, labels), or (images, labels, weights); with other arrays, [images, *others] in the first
        place.

    Raises:
        ValueError: lengths differ, `x` does not have rank 4, `subset` is unknown or splits the classes.
    """

    def __init__(
        self,
        x,
        y,
        image_data_generator,
        batch_size=32,
        shuffle=False,
        sample_weight=None,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        ignore_class_split=False,
        dtype=None,
        **kwargs,
    ):
        self.data_format = keras.config.image_data_format() if data_format is None else data_format
        self.dtype = keras.config.floatx() if dtype is None else dtype
        others = []
        if isinstance(x, (tuple, list)):
            others = [np.asarray(other) for other in (x[1] if isinstance(x[1], list) else [x[1]])]
            x = x[0]
            for other in others:
                _check_length("All of the arrays in `x`", "x[1]", other, x)
        if y is not None:
            _check_length("`x` (images tensor) and `y` (labels)", "y", y, x)
        if sample_weight is not None:
            _check_length("`x` (images tensor) and `sample_weight`", "sample_weight", sample_weight, x)
        if subset is not None:
            check_subset(subset, image_data_generator)
            split = int(len(x) * image_data_generator._validation_split)
            if (
                y is not None
                and not ignore_class_split
                and not np.array_equal(np.unique(y[:split]), np.unique(y[split:]))
            ):
                raise ValueError(
                    "Training and validation subsets have different number of classes after the split, or other ones: "
                    f"`subset` needs the same classes in the first {split} labels (validation) and in the others "
                    "(training). Shuffle the arrays if they are sorted by label, or pass `ignore_class_split=True`."
                )
            part = slice(None, split) if subset == "validation" else slice(split, None)
            x, others = x[part], [other[part] for other in others]
            y = None if y is None else y[part]
            if sample_weight is not None and subset == "training":
                warnings.warn(
                    '`sample_weight` with `subset="training"`: as in the legacy code the weights are not split, so '
                    f"that sample i of the subset has weight i of all, not weight i + {split}.",
                    stacklevel=3,
                )
        self.x = np.asarray(x, dtype=self.dtype)
        self.x_misc = others
        if self.x.ndim != 4:
            raise ValueError(f"`x` must have rank 4: images, then rows, columns, channels. Received: {self.x.shape}")
        warn_of_channels(self.x, 3 if self.data_format == "channels_last" else 1, self.data_format)
        self.y = None if y is None else np.asarray(y)
        self.sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        self.image_data_generator = image_data_generator
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        super().__init__(len(self.x), batch_size, shuffle, seed, **kwargs)

    def _maker_for(self, generator):
        return BatchMaker(
            generator,
            self.x.shape[1:],
            self.data_format,
            dtype=self.dtype,
            output_dtype=self.dtype,
            input_format=self.data_format,
        )

    def _get_batches_of_transformed_samples(self, index_array, table=None):
        batch_x = self._maker()(self.x[index_array], table, min(self.batch_size, self.n))
        self._save(batch_x, index_array, 1e4)
        inputs = [batch_x, *(other[index_array] for other in self.x_misc)] if self.x_misc else batch_x
        if self.y is None:
            return inputs
        if self.sample_weight is None:
            return inputs, self.y[index_array]
        return inputs, self.y[index_array], self.sample_weight[index_array]

    def _flow(self, on_error=None, raw=False):
        weights = None if self.y is None else self.sample_weight
        return self._described(self.x, raw, others=tuple(self.x_misc), labels=self.y, sample_weight=weights)


def _check_length(legacy_words, name, array, x):
    if len(array) != len(x):
        raise ValueError(
            f"{legacy_words} should have the same length: `{name}` must be as long as the images in `x`. "
            f"Received: {len(x)} images and {len(array)} in `{name}`, of shapes {np.shape(x)} and {np.shape(array)}."
        )


def warn_of_channels(x, channel_axis, data_format):
    """Warn if the array `x` has a number of channels that no image has."""
    if x.shape[channel_axis] not in {1, 3, 4}:
        warnings.warn(
            f"Expected 1, 3 or 4 channels on axis {channel_axis} ({data_format!r}). "
            f"Received an array of shape {x.shape}, with {x.shape[channel_axis]} channels.",
            stacklevel=3,
        )
