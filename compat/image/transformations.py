"""What a generator draws, and what it does to one image. The iterators do it to batches."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..data.messages import warn
from .affine_transformations import apply_affine_transform, apply_brightness_shift, apply_channel_shift, flip_axis
from .convention import COLUMNS
from .draws import draw_row


class ImageTransformations:
    """The methods of `ImageDataGenerator` that subclasses override: those that `overrides.METHODS` names."""

    def standardize(self, x: np.ndarray) -> np.ndarray:
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
            warn(
                f"This ImageDataGenerator specifies `{argument}`, but has not been fit on any data. "
                "Call `.fit(numpy_data)` first."
            )
            return False
        return True

    def get_random_transform(self, img_shape: Sequence[int], seed: int | None = None) -> dict[str, Any]:
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

    def apply_transform(self, x: np.ndarray, transform_parameters: Mapping[str, Any]) -> np.ndarray:
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

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """Draw parameters and apply them to one image (rank 3). Returns an array of the same shape."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))
