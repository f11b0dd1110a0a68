"""The layers that know the statistics of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from . import kernels
from .arguments import flag, is_number
from .base import ImageLayer
from .execution import operations
from .streaming import channel_statistics, image_batches, whitening

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .options import LayerOptions

LARGEST_MATRIX = 2**31
"""The largest whitening matrix that is allowed, in bytes of float64."""


class AdaptedLayer(ImageLayer):
    """A layer with weights measured on data. Until then its weights, and so its results, are NaN."""

    def adapt(self, data: Any) -> None:
        """Measure the statistics in one pass, a batch at a time.

        Args:
            data: images, an array or tensor (count, height, width, channels), channels first if the layer is; or a
                dataset, `keras.utils.PyDataset` or other finite iterable of batches: of images, of tuples that begin
                with them, or of dictionaries with "images". What has a length is read by index.

        Raises:
            ValueError: there is no image, or one of another shape than the first.
        """
        raise NotImplementedError

    def _batches(self, data):
        """Batches of images as float64, channels last; the layer is built for the first."""
        shape = None
        for images in image_batches(data):
            if images.ndim != 4 or images.shape[1:] != (shape or images.shape[1:]):
                raise ValueError(
                    "`data` must be batches of images of one shape, (batch, height, width, channels). "
                    f"Received: shape {images.shape}" + (f" after {(None, *shape)}" if shape else "")
                )
            if not len(images):
                continue
            if shape is None:
                shape = images.shape[1:]
                if not self.built:
                    self.build(images.shape)
                    self.built = True
            first = self.data_format == "channels_first"
            yield (images.transpose(0, 2, 3, 1) if first else images).astype("float64")
        if shape is None:
            raise ValueError("`data` must hold at least one image. Received: none")

    def _weight(self, name, shape):
        # Not cast to half precision under a mixed policy: a mean of 119.4 would be off by 0.03.
        return self.add_weight(
            name=name, shape=shape, initializer=_nan, dtype=self.precision, trainable=False, autocast=False
        )

    def _tensor(self, weight, images):
        """A weight as a tensor of the kind that the images are, whose channels must be those it was made for."""
        if self.mean.shape[0] != images.shape[-1]:
            raise ValueError(
                f"{type(self).__name__} was built for images of {self.mean.shape[0]} channels. "
                f"Received: images of {images.shape[-1]}"
            )
        ops = operations(images)
        if operations(weight.value) is not ops:
            weight = keras.ops.convert_to_numpy(weight)
        return ops.convert_to_tensor(weight)


@keras.saving.register_keras_serializable(package="keras_regen")
class Standardize(AdaptedLayer):
    """Centre images and divide them by their standard deviation: of each image, or of a data set by channel.

    Equals the samplewise and featurewise steps of the legacy `ImageDataGenerator`, in this order. Its `rescale` is
    `keras.layers.Rescaling`.

    Convention:
        Samplewise statistics are one number per image, over all of its values; featurewise ones are one number per
        channel, over all images and pixels. Standard deviations divide by the count; epsilon is added to them.

    Args:
        samplewise_center, samplewise_std: whether to subtract the mean of each image, and whether to divide by its
            standard deviation.
        featurewise_center, featurewise_std: whether to subtract the mean that `adapt` measured, and whether to divide
            by the standard deviation. The weights are `[mean, std]`, each (channels,); `set_weights` takes known ones.
        epsilon: what is added to the divisors.
        **kwargs: `data_format`, and those of `keras.layers.Layer`, as `dtype`.

    Example:
        >>> layer = Standardize(featurewise_center=True, featurewise_std=True)
        >>> layer.adapt(np.random.uniform(0, 255, (100, 32, 32, 3)))

    Source: the legacy `ImageDataGenerator.standardize` and `fit` of Keras.
    """

    def __init__(
        self,
        samplewise_center: bool = False,
        samplewise_std: bool = False,
        featurewise_center: bool = False,
        featurewise_std: bool = False,
        epsilon: float = 1e-6,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.samplewise_center = flag("samplewise_center", samplewise_center)
        self.samplewise_std = flag("samplewise_std", samplewise_std)
        self.featurewise_center = flag("featurewise_center", featurewise_center)
        self.featurewise_std = flag("featurewise_std", featurewise_std)
        self.epsilon = _epsilon(epsilon)

    def build(self, data_shape):
        if self.featurewise_center or self.featurewise_std:
            channels = _channels(self, data_shape)
            self.mean, self.std = self._weight("mean", (channels,)), self._weight("std", (channels,))

    def adapt(self, data: Any) -> None:
        statistics = channel_statistics(self._batches(data))
        if self.featurewise_center or self.featurewise_std:
            self.set_weights(statistics)

    def apply(self, images, transformation, ops):
        return kernels.standardize(
            ops.cast(images, self.precision),
            samplewise_center=self.samplewise_center,
            samplewise_std=self.samplewise_std,
            mean=self._tensor(self.mean, images) if self.featurewise_center else None,
            std=self._tensor(self.std, images) if self.featurewise_std else None,
            epsilon=self.epsilon,
            ops=ops,
        )


@keras.saving.register_keras_serializable(package="keras_regen")
class ZCAWhitening(AdaptedLayer):
    """Subtract the mean of each channel and whiten images: the values of an image become uncorrelated.

    Equals `zca_whitening=True` of the legacy `ImageDataGenerator`.

    Convention:
        A flattened image, channels last, is a row; it stands to the left of the matrix. The matrix is
        u diag(sqrt(count) / (s + epsilon)) u^T, with the left singular vectors and singular values of the centred
        images as columns. The weights are `[mean, matrix]`.

    Args:
        epsilon: what is added to the singular values.
        **kwargs: `data_format`, and those of `keras.layers.Layer`, as `dtype`.

    Example:
        >>> layer = ZCAWhitening()
        >>> layer.adapt(np.random.uniform(0, 1, (2000, 16, 16, 1)))

    Source: the legacy `ImageDataGenerator.fit` of Keras; see `streaming.whitening`.
    """

    def __init__(self, epsilon: float = 1e-6, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.epsilon = _epsilon(epsilon)

    def build(self, data_shape):
        shape = tuple(data_shape["images"] if isinstance(data_shape, dict) else data_shape)
        if None in shape[-3:]:
            raise ValueError(f"ZCA whitening needs images of a known size. Received: shape {shape}")
        size = int(np.prod(shape[-3:]))
        if size**2 * 8 > LARGEST_MATRIX:
            raise ValueError(
                f"ZCA whitening of images of shape {shape[-3:]} takes a matrix of {size} x {size} values, "
                f"{size**2 * 8 / 2**30:.0f} GiB. Up to {LARGEST_MATRIX / 2**30:.0f} GiB are allowed: make the images "
                f"smaller, at most {int((LARGEST_MATRIX / 8) ** 0.5)} values each."
            )
        self.mean = self._weight("mean", (_channels(self, data_shape),))
        self.matrix = self._weight("matrix", (size, size))

    def adapt(self, data: Any) -> None:
        self.set_weights(whitening(self._batches(data), self.epsilon))

    def apply(self, images, transformation, ops):
        mean, matrix = self._tensor(self.mean, images), self._tensor(self.matrix, images)
        return kernels.standardize(ops.cast(images, self.precision), mean=mean, whitening=matrix, ops=ops)


def _epsilon(value):
    if not is_number(value) or value < 0:
        raise ValueError(f"`epsilon` must be a number that is not negative. Received: epsilon={value!r}")
    return float(value)


def _channels(layer, data_shape):
    shape = tuple(data_shape["images"] if isinstance(data_shape, dict) else data_shape)
    return shape[-3] if layer.data_format == "channels_first" else shape[-1]


def _nan(shape, dtype=None):
    return keras.ops.full(shape, float("nan"), dtype=dtype)
