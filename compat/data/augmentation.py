"""What is done to a batch of images with the rows that were drawn for them."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Statistics(NamedTuple):
    """What `fit` measured, in the axis order of `Augmentation.data_format`; an empty array for what is not used."""

    mean: np.ndarray = np.zeros(0, "float32")
    std: np.ndarray = np.zeros(0, "float32")
    whitening: np.ndarray = np.zeros(0, "float32")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Which steps a batch goes through, in the order of the fields. What varies by image is in the rows."""

    dtype: str
    """dtype of the computation: "float32" or "float64", but where images are only cast; the coordinates are float64
    either way."""
    data_format: str
    """Axis order of the result."""
    input_format: str
    """Axis order of the images that come in: files are always decoded to channels last."""
    warp: bool = False
    fill_mode: str = "nearest"
    fill_value: float = 0.0
    order: int = 1
    channel_shift: bool = False
    flip: bool = False
    brightness: bool = False
    preprocess: Callable | None = None
    """Function of one image, in `data_format`, that TensorFlow can trace."""
    rescale: float | None = None
    samplewise_center: bool = False
    samplewise_std: bool = False
    output_dtype: str

    def without_draws(self):
        """These steps without those that depend on the rows."""
        return dataclasses.replace(self, warp=False, channel_shift=False, flip=False, brightness=False)

    def only_casts(self, statistics):
        """Whether there is nothing to do but to order the axes and to cast."""
        return self == self.without_draws() and self.preprocess is None and not self._standardizes(statistics)

    def _standardizes(self, statistics):
        measured = any(0 not in tuple(s.shape) for s in statistics)
        return bool(self.rescale or self.samplewise_center or self.samplewise_std or measured)

    def __call__(self, images, rows, statistics, ops):
        """Apply the steps.

        Args:
            images: (n, height, width, channels) in `input_format`, uint8 or float.
            rows: `Rows` of n rows; None for an augmentation `without_draws`.
            statistics: `Statistics`.
            ops: namespace of operations: that of a backend of `keras_regen.layers`.

        Returns:
            Tensor of n images in `data_format` and `output_dtype`.
        """
        from ...layers import kernels  # noqa: PLC0415 - which load Keras; workers that decode do without

        x = images
        if self.input_format == "channels_first":
            x = ops.transpose(x, (0, 2, 3, 1))
        if self.warp:
            warped = kernels.warp_affine(
                x,
                rows.matrix,
                order=self.order,
                fill_mode=self.fill_mode,
                fill_value=self.fill_value,
                flip_vertical=rows.flip_vertical if self.flip else None,
                flip_horizontal=rows.flip_horizontal if self.flip else None,
                dtype=self.dtype,
                ops=ops,
            )
            if self.order > 1:
                # The legacy code skips the identity; a spline of higher order gives it back only up to rounding.
                distance = ops.abs(rows.matrix - ops.cast(ops.convert_to_tensor(np.eye(2, 3)), rows.matrix.dtype))
                moved = ops.max(distance, axis=(1, 2)) > 0
                warped = ops.where(moved[:, None, None, None], warped, self._flipped(x, rows, ops))
            x = warped
        else:
            x = self._flipped(x, rows, ops)
        if self.channel_shift:
            x = kernels.shift_channels(x, rows.channel_shift, ops=ops)
        if self.brightness:
            x = kernels.adjust_brightness_8bit(x, rows.brightness, ops=ops)
        if self.data_format == "channels_first":
            x = ops.transpose(x, (0, 3, 1, 2))
        if self.preprocess is not None:
            from .tracing import on_each  # noqa: PLC0415 - by TensorFlow, where there is such a function alone

            x = on_each(self.preprocess, x, self.dtype)
        if self._standardizes(statistics):
            mean, std, whitening = (None if 0 in tuple(s.shape) else s for s in statistics)
            x = kernels.standardize(
                x,
                rescale=self.rescale,
                samplewise_center=self.samplewise_center,
                samplewise_std=self.samplewise_std,
                mean=mean,
                std=std,
                whitening=whitening,
                ops=ops,
            )
        return kernels.cast(x, self.output_dtype, ops=ops)

    def _flipped(self, x, rows, ops):
        from ...layers import kernels  # noqa: PLC0415

        x = ops.cast(x, self.dtype)
        return kernels.flip(x, rows.flip_vertical, rows.flip_horizontal, ops=ops) if self.flip else x
