"""Apply a table of transformations to a batch of images: one compiled call."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ...layers import kernels
from ...layers.backends.tensorflow import ops
from .rows import SPEC, Rows


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

    def __call__(self, images, rows, statistics, ops=ops):
        """Apply the steps: graph code.

        Args:
            images: (n, height, width, channels) in `input_format`, uint8 or float.
            rows: `Rows` of n rows; None for an augmentation `without_draws`.
            statistics: `Statistics`.
            ops: namespace of operations, TensorFlow's or another backend's.

        Returns:
            Tensor of n images in `data_format` and `output_dtype`.
        """
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
            x = tf.ensure_shape(tf.cast(tf.vectorized_map(self.preprocess, x), self.dtype), x.shape)
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
        x = ops.cast(x, self.dtype)
        return kernels.flip(x, rows.flip_vertical, rows.flip_horizontal, ops=ops) if self.flip else x


def at_one_size(function, size):
    """The function of tensors of samples, called with as many samples every time.

    XLA compiles anew for each number of samples: for the last batch of an epoch, and for each batch from which files
    are left out.

    Args:
        function: takes and returns tensors, or tuples of them, whose first axis is that of the samples.
        size: how many samples to call it with. If there are fewer, the last one is repeated, and the results are cut.

    Returns:
        The function, for 1 to `size` samples; for more it is called with as many as there are.
    """

    def call(*tensors):
        count = tf.shape(tf.nest.flatten(tensors)[0])[0]
        index = tf.minimum(tf.range(size), count - 1)
        filled = tf.cond(
            count < size,
            lambda: tf.nest.map_structure(lambda tensor: tf.gather(tensor, index), tensors),
            lambda: tensors,
        )
        return tf.nest.map_structure(lambda result: result[:count], function(*filled))

    return call


@functools.lru_cache(maxsize=64)
def compiled(augmentation, image_shape, image_dtype, statistics_spec):
    """The augmentation as one XLA-compiled function of (images, rows, statistics), for any number of images."""
    return tf.function(
        lambda images, rows, statistics: augmentation(images, rows, statistics),  # noqa: PLW0108 - not its `ops`
        input_signature=[tf.TensorSpec([None, *image_shape], image_dtype), SPEC, Statistics(*statistics_spec)],
        jit_compile=True,
        autograph=augmentation.preprocess is not None,  # which takes seconds to read all that is called
    )


def transformed(augmentation, images, rows, statistics, size):
    """An augmentation of NumPy arrays, `size` images at a time: see `at_one_size`. Returns an array of its own."""
    spec = tuple(tf.TensorSpec(s.shape, s.dtype) for s in statistics)
    function = compiled(augmentation, images.shape[1:], images.dtype.name, spec)
    count = len(images)
    if count < size:
        index = np.minimum(np.arange(size), count - 1)
        images, rows = images[index], Rows(*(column[index] for column in rows))
    return function(images, rows, statistics).numpy()[:count]
