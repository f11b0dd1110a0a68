"""Channel shift and brightness against the legacy module of Keras, which calls NumPy and Pillow."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops as keras_ops
from keras.src.legacy.preprocessing.image import apply_brightness_shift, apply_channel_shift
from keras_regen.layers.kernels import adjust_brightness_8bit, shift_channels

from .conftest import law

FACTORS = [0.0, 0.3, 0.5, 0.999, 1.0, 1.3, 1.7, 2.9, -0.4]


def legacy_brightness(images, factor):
    return np.stack([apply_brightness_shift(image, f, scale=False) for image, f in zip(images, factor, strict=True)])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_channel_shift_equals_legacy(run, dtype):
    rng = np.random.default_rng(0)
    dtype = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    images = rng.normal(100, 60, (6, 7, 5, 3)).astype(dtype)
    intensity = rng.uniform(-80, 80, 6)
    result = run(shift_channels, {"images": images, "intensity": intensity})
    pairs = zip(images, intensity.astype(dtype), strict=True)
    expected = np.stack([apply_channel_shift(image, shift, channel_axis=2) for image, shift in pairs])
    assert dtype in (result.dtype, ml_dtypes.bfloat16)
    # XLA computes half precision in float32 and may keep the digits.
    half_ulp = {"float16": 2.0**-10, "bfloat16": 2.0**-7}.get(dtype.name, 0)
    slack = half_ulp * np.abs(images.astype("float64")).max()  # of the summands: the sum may be small
    np.testing.assert_allclose(result.astype("float64"), expected.astype("float64"), rtol=half_ulp, atol=slack)


def test_convention_channel_shift_clips_to_each_images_own_range(run):
    images = np.array([[0, 100, 200], [10, 20, 30]], "float32").reshape(2, 1, 1, 3)
    result = run(shift_channels, {"images": images, "intensity": np.array([50.0, -15.0])})
    np.testing.assert_array_equal(result.reshape(2, 3), [[50, 150, 200], [10, 10, 15]])


def test_nan_leaves_images_untouched(run):
    images = np.random.default_rng(0).uniform(-20, 300, (3, 4, 5, 3)).astype("float32")
    rows = np.array([np.nan, 1.5, np.nan])
    for kernel, name in ((shift_channels, "intensity"), (adjust_brightness_8bit, "factor")):
        result = run(kernel, {"images": images, name: rows})
        np.testing.assert_array_equal(result[::2], images[::2])
        assert np.all(np.isfinite(result)) and np.any(result[1] != images[1])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_brightness_within_0_255_equals_legacy(run, channels):
    rng = np.random.default_rng(channels)
    images = rng.uniform(0, 255, (len(FACTORS), 31, 40, channels)).astype("float32")
    images[:, ::2] = np.floor(images[:, ::2])
    result = run(adjust_brightness_8bit, {"images": images, "factor": np.array(FACTORS)})
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, legacy_brightness(images, FACTORS))


@pytest.mark.parametrize("low, high", [(-100, 100), (-1, 1), (0, 300), (-255, 255), (1000, 70000)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_brightness_of_stretched_images_equals_legacy(run, channels, low, high):
    rng = np.random.default_rng(channels)
    images = rng.uniform(low, high, (len(FACTORS), 21, 20, channels)).astype("float32")
    images[::2] = np.round(images[::2])
    result = run(adjust_brightness_8bit, {"images": images, "factor": np.array(FACTORS)})
    expected = legacy_brightness(images, FACTORS)
    np.testing.assert_allclose(result, expected, rtol=0, atol=np.spacing(np.float32(max(high - low, high))))


@pytest.mark.parametrize("value", [-3.0, 0.0, 0.5, 12.7, 255.0, 300.0])
def test_brightness_of_constant_images_equals_legacy(run, value):
    images = np.full((len(FACTORS), 2, 3, 3), value, "float32")
    result = run(adjust_brightness_8bit, {"images": images, "factor": np.array(FACTORS)})
    np.testing.assert_array_equal(result, legacy_brightness(images, FACTORS))


def test_convention_brightness_truncates_and_images_in_0_1_turn_black(run):
    images = np.full((2, 1, 1, 3), 10.7, "float32")
    images[1] = 0.9
    result = run(adjust_brightness_8bit, {"images": images, "factor": np.ones(2)})
    np.testing.assert_array_equal(result.reshape(2, 3), [[10, 10, 10], [0, 0, 0]])


def test_brightness_of_photographs_equals_legacy_to_a_pixel_in_a_million(run_compiled, photographs):
    """As they are, and warped and normalized, where values fall everywhere between the grey levels."""
    rng = np.random.default_rng(0)
    images = np.concatenate([photographs.astype("float32")] * 4)
    images[4:8] = images[4:8] * np.float32(0.731)
    images[8:12] = images[8:12] - np.float32(128)
    images[12:] = images[12:] / np.float32(127.5) - 1
    for _ in range(3):
        factor = rng.uniform(0.3, 1.7, len(images))
        result = run_compiled(adjust_brightness_8bit, {"images": images, "factor": factor})
        expected = legacy_brightness(images, factor)
        np.testing.assert_array_equal(result[:8], expected[:8])
        np.testing.assert_allclose(result[8:12], expected[8:12], rtol=0, atol=np.spacing(np.float32(255)))
        np.testing.assert_allclose(result[12:], expected[12:], rtol=0, atol=np.spacing(np.float32(2)))


@law
@given(st.integers(-500, 500), st.floats(-500, 500, width=16, allow_subnormal=False), st.floats(0, 3))
def test_law_brightness_equals_legacy(first, second, factor):
    images = np.linspace(first, second, 60, dtype="float32").reshape(1, 4, 5, 3)
    result = keras_ops.convert_to_numpy(adjust_brightness_8bit(images, [factor]))
    expected = legacy_brightness(images, [factor])
    atol = 2 * np.spacing(np.float32(np.ptp(images) + np.abs(images).max()))
    np.testing.assert_allclose(result, expected, rtol=0, atol=atol)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match=r"`images` must have 1, 3 or 4 channels. Received: 2 channels"):
        adjust_brightness_8bit(np.zeros((1, 2, 2, 2)), [1.0])
    with pytest.raises(ValueError, match=r"`images` must be floating point. Received: .*uint8"):
        shift_channels(np.zeros((1, 2, 2, 3), "uint8"), [1.0])
