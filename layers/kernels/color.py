"""Colour of images: channel shift and 8-bit brightness."""

from .arithmetic import divide, image_shape, namespace, per_image, rounded


def shift_channels(images, intensity, *, ops=None):
    """Add a number to all values of an image and keep them within the range the image had.

    Equals `np.clip(image + intensity, image.min(), image.max())`, in the images' dtype.

    Convention:
        The intensity has the unit of the pixel values; positive is brighter.

    Args:
        images: (batch, height, width, channels), floating point.
        intensity: (batch,), any number; NaN leaves an image untouched.
        ops: namespace of operations; None means `keras.ops`.

    Returns:
        The shifted images, in their shape and dtype.

    Raises:
        ValueError: `images` has another shape, or integers.

    Example:
        >>> shift_channels(np.array([[[[10.0, 20.0, 30.0]]]]), [15.0])[0, 0, 0]  # 25, 30, 30

    Source: the legacy `apply_channel_shift` of Keras.
    """
    ops = namespace(ops)
    images = ops.convert_to_tensor(images)
    image_shape(images, ops)
    if "float" not in str(images.dtype):
        raise ValueError(f"`images` must be floating point. Received: {images.dtype}")
    intensity = per_image(intensity, images, ops)
    low = ops.min(images, axis=(1, 2, 3), keepdims=True)
    high = ops.max(images, axis=(1, 2, 3), keepdims=True)
    shifted = ops.minimum(ops.maximum(images + intensity, low), high)
    return ops.where(ops.isnan(intensity), images, shifted)


def adjust_brightness(images, factor, *, value_range=(0.0, 255.0), ops=None):
    """Multiply the distance of values from black, and clip to the value range.

    Equals `np.clip(black + (image - black) * factor, black, white)`, in the images' dtype.

    Convention:
        A factor of 0 is black, 1 the original (clipped), 2 twice as bright.

    Args:
        images: (batch, height, width, channels), floating point.
        factor: (batch,), any number; NaN leaves an image untouched.
        value_range: pair, the values of black and white.
        ops: namespace of operations; None means `keras.ops`.

    Returns:
        The adjusted images, in their shape and dtype.

    Raises:
        ValueError: `images` has another shape, or integers.

    Example:
        >>> adjust_brightness(np.array([[[[10.0, 20.0, 200.0]]]]), [1.5])[0, 0, 0]  # 15, 30, 255

    Source: the definition.
    """
    ops = namespace(ops)
    images = ops.convert_to_tensor(images)
    image_shape(images, ops)
    if "float" not in str(images.dtype):
        raise ValueError(f"`images` must be floating point. Received: {images.dtype}")
    factor = per_image(factor, images, ops)
    black, white = value_range
    adjusted = ops.clip((images - black) * factor + black, black, white)
    return ops.where(ops.isnan(factor), images, adjusted)


def adjust_brightness_8bit(images, factor, *, ops=None):
    """Multiply the brightness as Pillow does: truncated to 8 bits before and after.

    Equals `apply_brightness_shift(image, factor, scale=False)` of the legacy Keras module for float32 images with the
    channels last, except for at most one pixel in a million that is one grey level away. An image that leaves 0..255 is
    stretched to it first and restored afterwards; one in 0..1 becomes black; a fourth channel is an alpha channel,
    truncated only.

    Convention:
        A factor of 0 is black, 1 the original (truncated), 2 twice as bright, clipped at 255.

    Args:
        images: (batch, height, width, 1, 3 or 4), floating point, nominally 0..255; computed in float32.
        factor: (batch,), any number; NaN leaves an image untouched.
        ops: namespace of operations; None means `keras.ops`.

    Returns:
        The adjusted images, in their shape and dtype.

    Raises:
        ValueError: `images` has another shape.

    Example:
        >>> adjust_brightness_8bit(np.array([[[[10.7, 20.0, 200.0]]]]), [1.5])[0, 0, 0]  # 15, 30, 255

    Source: the legacy `apply_brightness_shift` of Keras, and `Blend.c` of Pillow.
    """
    ops = namespace(ops)
    images = ops.convert_to_tensor(images)
    channels = image_shape(images, ops)[2]
    if channels not in (1, 3, 4):
        raise ValueError(f"`images` must have 1, 3 or 4 channels. Received: {channels} channels")
    values = ops.cast(images, "float32")
    factor = per_image(factor, values, ops)
    low = ops.min(values, axis=(1, 2, 3), keepdims=True)
    high = ops.max(values, axis=(1, 2, 3), keepdims=True)
    stretched = (low < 0) | (high > 255)

    extent = high - low
    unit = divide(values - low, ops.where(extent == 0, ops.ones_like(extent), extent))
    grey = ops.floor(ops.where(stretched, unit * 255, values))
    adjusted = ops.floor(ops.clip(grey * factor, 0, 255))
    if channels == 4:
        adjusted = ops.where(ops.arange(4) == 3, grey, adjusted)
    restored = rounded(divide(adjusted, 255.0) * extent, ops) + low
    adjusted = ops.cast(ops.where(stretched, restored, adjusted), images.dtype)
    return ops.where(ops.isnan(factor), images, adjusted)
