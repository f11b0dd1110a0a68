"""What the kernels share: the operations namespace, shape checks, and arithmetic that a compiler may not merge."""

import numpy as np


def namespace(ops):
    """The operations to compute with: those given, or `keras.ops` of the backend in use."""
    if ops is None:
        from keras import ops  # noqa: PLC0415 - not needed, and so not loaded, when a namespace is given
    return ops


def image_shape(images, ops):
    """Height, width and channels of a batch; a ValueError unless it is (batch, height, width, channels).

    They are numbers; a height or width that a TensorFlow graph learns only when it runs is a tensor.
    """
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[3] is None:
        raise ValueError(
            "`images` must have shape (batch, height, width, channels), all but the batch size and, inside a "
            f"TensorFlow graph, height and width known. Received: shape {shape}"
        )
    return ops.shape(images)[1:]


def per_image(values, images, ops):
    """The numbers of a (batch,) vector, in the images' dtype, shaped to broadcast against the images."""
    return ops.reshape(constant(values, images.dtype, ops), (-1, 1, 1, 1))


def constant(value, dtype, ops):
    """A number, list or array as a tensor, through float64: `cast` would round Python's numbers to float32 first."""
    if not hasattr(value, "dtype"):
        value = np.asarray(value, "float64")
    return ops.cast(ops.convert_to_tensor(value), dtype)


def rounded(product, ops):
    """The product, rounded before anything is added to it.

    XLA lets LLVM contract `a * b + c` into one fused multiply-add, which rounds once where NumPy, SciPy and Pillow
    round twice. A clip between the two keeps them apart: no compiler can show that the bounds are never reached. An
    optimization barrier does not, as it is gone before LLVM sees the code.
    """
    return ops.clip(product, -(2.0**62), 2.0**62)


def divide(numerator, divisor):
    """The correctly rounded quotient by a constant, or by one number per image.

    XLA turns such a division into a multiplication by the reciprocal, an ulp away. Adding `0 * numerator` makes it a
    division pixel by pixel: it cannot be folded away, since it would be NaN for an infinity.
    """
    return numerator / (divisor + 0.0 * numerator)


def cast(values, dtype, *, ops=None):
    """The values in another dtype. To an integer one, floating-point values are rounded to the nearest, halves away
    from zero, and clipped to its limits."""
    ops = namespace(ops)
    if "int" in dtype and "float" in str(values.dtype):
        limits = np.iinfo(dtype)
        nearest = ops.where(values > 0, ops.floor(values + 0.5), -ops.floor(0.5 - values))
        # The number nearest to a large limit may be beyond it, as 2**31 in float32: the one below.
        digits = next(digits for name, digits in _DIGITS.items() if name in str(values.dtype))
        spare = max(limits.max.bit_length() - digits, 0)
        values = ops.clip(nearest, float(limits.min), float(limits.max >> spare << spare))
    return ops.cast(values, dtype)


_DIGITS = {"bfloat16": 8, "float16": 11, "float32": 24, "float64": 53}
"""Binary digits of floating-point dtypes."""
