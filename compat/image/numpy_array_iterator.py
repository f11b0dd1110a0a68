"""`NumpyArrayIterator`: batches from arrays in memory."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from ..data.messages import warn
from . import choices
from .batches import BatchMaker
from .iterator import Iterator
from .keywords import named_keywords
from .subsets import part_of, parts

__all__ = ["NumpyArrayIterator"]


class NumpyArrayIterator(Iterator):
    """Iterate over arrays: what `ImageDataGenerator.flow` returns.

    Args:
        image_data_generator: the `ImageDataGenerator` that transforms the images.
        data_format: "channels_last" or "channels_first"; None means `keras.config.image_data_format()`.
        dtype: of the batches; None means `keras.config.floatx()`.

    The other arguments, what it yields and what it raises: see `ImageDataGenerator.flow`.
    """

    @named_keywords
    def __init__(
        self,
        x: ArrayLike | tuple[ArrayLike, ArrayLike | list[ArrayLike]],
        y: ArrayLike | None,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: ArrayLike | None = None,
        seed: int | None = None,
        data_format: choices.DataFormat | None = None,
        save_to_dir: choices.Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: choices.Subset | None = None,
        ignore_class_split: bool = False,
        dtype: choices.DType | None = None,
        *,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
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
            part = slice(*(int(len(x) * fraction) for fraction in part_of(image_data_generator, subset)))
            known = parts(image_data_generator._validation_split)
            split, three = int(len(x) * known["training"][0]), len(known) == 3
            # Of two subsets the one is compared with the other; of three, with the training data.
            held_out = part if three and subset != "training" else slice(split)
            if (
                y is not None
                and not ignore_class_split
                and not np.array_equal(np.unique(y[held_out]), np.unique(y[split:]))
            ):
                name = "validation" if not three else "held-out" if subset == "training" else subset
                raise ValueError(
                    f"Training and {name} subsets have different number of classes after the split, or other ones: "
                    f"`subset` needs the same classes in the labels {held_out.start or 0} to {held_out.stop} ({name}) "
                    f"and in those from {split} on (training). Shuffle the arrays if they are sorted by label, or pass "
                    "`ignore_class_split=True`."
                )
            x, others = x[part], [other[part] for other in others]
            y = None if y is None else y[part]
            if sample_weight is not None and three:
                sample_weight = sample_weight[part]
            elif sample_weight is not None and subset == "training":
                warn(
                    '`sample_weight` with `subset="training"`: as in the legacy code the weights are not split, so '
                    f"that sample i of the subset has weight i of all, not weight i + {split}."
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
        super().__init__(
            len(self.x),
            batch_size,
            shuffle,
            seed,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            max_queue_size=max_queue_size,
        )

    def _contents(self):
        shape = " x ".join(map(str, self.x.shape[1:]))
        return f"{self.n} images of {shape}"

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
        batch_x = self._maker().picked(self.x, index_array, table)
        if batch_x is None:
            batch_x = self._maker()(self.x[index_array], table, min(self.batch_size, self.n))
        self._save(batch_x, index_array, 1e4)
        inputs = [batch_x, *(other[index_array] for other in self.x_misc)] if self.x_misc else batch_x
        if self.y is None:
            return inputs
        if self.sample_weight is None:
            return inputs, self.y[index_array]
        return inputs, self.y[index_array], self.sample_weight[index_array]

    def _flow(self, on_error=None, raw=False, trace=None):
        weights = None if self.y is None else self.sample_weight
        return self._described(self.x, raw, trace, others=tuple(self.x_misc), labels=self.y, sample_weight=weights)


def _check_length(legacy_words, name, array, x):
    if len(array) != len(x):
        raise ValueError(
            f"{legacy_words} should have the same length: `{name}` must be as long as the images in `x`. "
            f"Received: {len(x)} images and {len(array)} in `{name}`, of shapes {np.shape(x)} and {np.shape(array)}."
        )


def warn_of_channels(x, channel_axis, data_format):
    """Warn if the array `x` has a number of channels that no image has."""
    if x.shape[channel_axis] not in {1, 3, 4}:
        warn(
            f"Expected 1, 3 or 4 channels on axis {channel_axis} ({data_format!r}). "
            f"Received an array of shape {x.shape}, with {x.shape[channel_axis]} channels."
        )
