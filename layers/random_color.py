"""The colour layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import keras

from . import kernels
from .arguments import interval, is_number, one_of
from .base import RandomLayer, between
from .execution import operations
from .options import Range

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .options import RandomOptions


@keras.saving.register_keras_serializable(package="keras_regen")
class RandomChannelShift(RandomLayer):
    """Add a random number to all values of an image, within the range of values that the image has.

    Equals `channel_shift_range` of the legacy `ImageDataGenerator`.

    Convention:
        The shift has the unit of the pixel values and is drawn uniformly. It is the same for all channels of an image.
        Values are clipped to the minimum and maximum of each image, over all its channels.

    Args:
        channel_shift: a number s for [-s, s], or a pair (low, high).
        **kwargs: `seed`, `data_format`, and those of `keras.layers.Layer`, as `dtype`.

    Raises:
        ValueError: an argument is not one of those above.

    Example:
        >>> RandomChannelShift(30, seed=1)(np.zeros((8, 224, 224, 3), "uint8")).shape  # (8, 224, 224, 3)

    Source: the legacy `apply_channel_shift` of Keras.
    """

    def __init__(self, channel_shift: Range, **kwargs: Unpack[RandomOptions]) -> None:
        super().__init__(**kwargs)
        self.channel_shift = interval("channel_shift", channel_shift)

    def draw(self, uniforms, height, width, ops):
        return {"channel_shift_intensity": between(self.channel_shift, uniforms["channel_shift_intensity"])}

    def apply(self, images, transformation, ops):
        return _colored(self, kernels.shift_channels, images, transformation.get("channel_shift_intensity"))


@keras.saving.register_keras_serializable(package="keras_regen")
class RandomBrightness(RandomLayer):
    """Multiply the brightness of images by a random factor.

    Equals `brightness_range` of the legacy `ImageDataGenerator` with `mode="8bit"`. Keras's layer of this name adds
    instead.

    Convention:
        A factor of 0 gives black, the lower end of the value range; 1 the original, 2 twice the brightness, clipped at
        the upper end. It is drawn uniformly.

    Args:
        brightness: a number b for factors in [1 - b, 1 + b], or a pair (low, high).
        value_range: pair, the values of black and white.
        mode: "smooth", or "8bit": truncated to 8 bits before and after, as Pillow does, with the oddities of the legacy
            code (see `kernels.adjust_brightness_8bit`); then for 1, 3 or 4 channels and values in 0..255.
        **kwargs: `seed`, `data_format`, and those of `keras.layers.Layer`, as `dtype`.

    Raises:
        ValueError: an argument is not one of those above.

    Example:
        >>> RandomBrightness((0.5, 1.5), seed=1)(np.zeros((8, 224, 224, 3), "uint8")).shape  # (8, 224, 224, 3)

    Source: the legacy `apply_brightness_shift` of Keras.
    """

    def __init__(
        self,
        brightness: Range,
        value_range: tuple[float, float] = (0, 255),
        mode: Literal["smooth", "8bit"] = "smooth",
        **kwargs: Unpack[RandomOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.brightness = interval("brightness", brightness, around=1.0, positive=True)
        pair = list(value_range) if isinstance(value_range, (tuple, list)) else []
        if len(pair) != 2 or not all(is_number(x) for x in pair) or pair[0] >= pair[1]:
            raise ValueError(
                "`value_range` must be a pair of finite numbers, of black and of white, which is larger. "
                f"Received: value_range={value_range!r}"
            )
        self.value_range = float(pair[0]), float(pair[1])
        one_of("mode", mode, ("smooth", "8bit"))
        if mode == "8bit" and self.value_range != (0.0, 255.0):
            raise ValueError(f"`value_range` must be (0, 255) with mode='8bit'. Received: value_range={value_range!r}")
        self.mode = mode

    def draw(self, uniforms, height, width, ops):
        return {"brightness": between(self.brightness, uniforms["brightness"])}

    def apply(self, images, transformation, ops):
        factor = transformation.get("brightness")
        if self.mode == "8bit":
            return _colored(self, kernels.adjust_brightness_8bit, images, factor)
        return _colored(self, kernels.adjust_brightness, images, factor, value_range=self.value_range)


def _colored(layer, kernel, images, values, **static):
    if values is None:
        return images
    ops = operations(images)
    images = ops.cast(images, layer.precision)
    return layer._run(kernel, images, kernels.constant(values, layer.precision, ops), **static)
