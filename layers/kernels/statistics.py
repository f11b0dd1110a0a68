"""Statistics of images: scaling, centring, normalizing and whitening."""

from .arithmetic import constant, divide, image_shape, namespace, rounded


def standardize(
    images,
    *,
    rescale=None,
    samplewise_center=False,
    samplewise_std=False,
    mean=None,
    std=None,
    whitening=None,
    epsilon=1e-6,
    ops=None,
):
    """Scale, centre, normalize and whiten images, in this order and as far as asked.

    Equals the legacy `ImageDataGenerator.standardize` without its preprocessing function: to the last bit for
    `rescale`, `mean` and `std` in the images' dtype, to rounding for the rest, whose sums are taken in another order.

    Convention:
        The samplewise statistics are one number per image, over all of its axes, channels included; standard deviations
        divide by the count. A flattened image is a row: it stands to the left of the whitening matrix.

    Args:
        images: (batch, height, width, channels), floating point.
        rescale: None or the number to multiply by. 0, as in the legacy code, means None.
        samplewise_center: whether to subtract the mean of each image.
        samplewise_std: whether to divide by the standard deviation of each image plus epsilon.
        mean: None or what to subtract, any shape that broadcasts against the images.
        std: None or what, plus epsilon, to divide by, any shape that broadcasts against the images. With a mean, std or
            whitening of float64 that step is computed in float64, as NumPy does.
        whitening: None or (height * width * channels, the same), for images of known size.
        epsilon: what keeps the divisors from zero.
        ops: namespace of operations; None means `keras.ops`.

    Returns:
        The standardized images, in their shape and dtype.

    Raises:
        ValueError: `images` or `whitening` has another shape, or `images` are integers or, for `whitening`, of unknown
            size.

    Example:
        >>> standardize(np.array([[[[0.0, 255.0]]]]), rescale=1 / 255, mean=0.5, std=0.5)[0, 0, 0]  # about -1, 1

    Source: the legacy `ImageDataGenerator.standardize` of Keras.
    """
    ops = namespace(ops)
    images = ops.convert_to_tensor(images)
    height, width, channels = image_shape(images, ops)
    if "float" not in str(images.dtype):
        raise ValueError(f"`images` must be floating point. Received: {images.dtype}")

    if rescale:
        images = images * constant(rescale, images.dtype, ops)
        if samplewise_center or mean is not None:
            images = rounded(images, ops)
    if samplewise_center:
        images = images - ops.cast(_image_mean(_widened(images, ops), ops), images.dtype)
    if samplewise_std:
        wide = _widened(images, ops)
        deviation = wide - _image_mean(wide, ops)
        spread = ops.sqrt(_image_mean(deviation * deviation, ops))
        images = images / (ops.cast(spread, images.dtype) + constant(epsilon, images.dtype, ops))
    dtype = images.dtype
    if mean is not None:
        images, mean = _promoted(images, mean, ops)
        images = ops.cast(images - mean, dtype)
    if std is not None:
        images, std = _promoted(images, std, ops)
        images = ops.cast(divide(images, std + constant(epsilon, std.dtype, ops)), dtype)
    if whitening is not None:
        if None in tuple(images.shape[1:]):
            raise ValueError(
                f"`images` must be of known height and width for `whitening`. Received: shape {tuple(images.shape)}"
            )
        size = height * width * channels
        images, whitening = _promoted(images, whitening, ops)
        if tuple(whitening.shape) != (size, size):
            raise ValueError(f"`whitening` must have shape {(size, size)}. Received: shape {tuple(whitening.shape)}")
        whitened = ops.matmul(ops.reshape(images, (-1, size)), whitening)
        images = ops.cast(ops.reshape(whitened, (-1, height, width, channels)), dtype)
    return images


def _promoted(images, statistic, ops):
    """Both in float64 if the statistic is an array of it, as NumPy promotes; otherwise in the images' dtype."""
    dtype = "float64" if "float64" in str(getattr(statistic, "dtype", "")) else images.dtype
    return ops.cast(images, dtype), constant(statistic, dtype, ops)


def _widened(images, ops):
    """The images with enough bits to add them up: a sum in float16 overflows."""
    return ops.cast(images, "float32") if "float16" in str(images.dtype) else images


def _image_mean(images, ops):
    """The mean of each image, of its rows first: one long float32 sum would lose the last digits."""
    return ops.mean(ops.mean(images, axis=(2, 3), keepdims=True), axis=1, keepdims=True)
