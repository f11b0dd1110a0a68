"""Numbers in other dtypes."""

import keras
import numpy as np
import pytest
from keras_regen.compat.data import one_image
from keras_regen.layers import kernels

VALUES = np.array([-1e30, -2.5, 0.5, 2.4, 1e30])


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "uint32", "int64", "uint64"])
def test_beyond_an_integer_are_its_limits(dtype, precision):
    """And never what is left of the bits."""
    values, limits = VALUES.astype(precision), np.iinfo(dtype)
    results = [one_image._cast(values, dtype)]
    if keras.backend.backend() == "tensorflow":  # the others have no 64 bits, or lack some integers
        results.append(kernels.cast(keras.ops.convert_to_tensor(values), dtype).numpy())
    for result in results:
        assert result.dtype == dtype
        assert result[:-1].tolist() == [limits.min, max(-3, limits.min), 1, 2]
        assert 0 <= limits.max - int(result[-1]) <= limits.max >> (23 if precision == "float32" else 52)
