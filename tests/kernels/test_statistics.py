"""Standardization against the legacy generator."""

import warnings

import ml_dtypes
import numpy as np
import pytest
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from keras_regen.layers.kernels import standardize

SHAPE = (5, 6, 7, 3)


def images_of(dtype="float32", shape=SHAPE):
    return np.random.default_rng(0).uniform(0, 255, shape).astype(dtype)


def legacy(images, *, mean=None, std=None, whitening=None, **arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of centring implied by normalizing
        generator = ImageDataGenerator(
            rescale=arguments.get("rescale"),
            samplewise_center=arguments.get("samplewise_center", False),
            samplewise_std_normalization=arguments.get("samplewise_std", False),
        )
    generator.samplewise_center = arguments.get("samplewise_center", False)
    generator.featurewise_center, generator.mean = mean is not None, mean
    generator.featurewise_std_normalization, generator.std = std is not None, std
    generator.zca_whitening, generator.zca_whitening_matrix = whitening is not None, whitening
    return np.stack([generator.standardize(image.copy()) for image in images])


EXACT = [
    {},
    {"rescale": 1 / 255},
    {"rescale": 0},
    {"rescale": 1 / 127.5, "mean": np.float32(1)},
    {"mean": np.array([120, 110.3, 99], "float32"), "std": np.array([57.1, 58, 59], "float32")},
    {"rescale": 1 / 3, "mean": images_of(shape=SHAPE[1:]), "std": images_of(shape=SHAPE[1:])},
]
ROUNDED = [
    {"samplewise_center": True},
    {"samplewise_std": True},
    {"rescale": 1 / 255, "samplewise_center": True, "samplewise_std": True, "std": np.float32(0.5)},
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("arguments", EXACT)
def test_pixelwise_steps_equal_legacy_to_the_last_bit(run, arguments, dtype):
    result = run(standardize, {"images": images_of(dtype)}, **arguments)
    assert result.dtype == dtype
    constants = {name: np.asarray(value, dtype) for name, value in arguments.items()}
    np.testing.assert_array_equal(result, legacy(images_of(dtype), **constants))


@pytest.mark.parametrize("arguments", ROUNDED)
def test_samplewise_steps_equal_legacy(run, arguments):
    result = run(standardize, {"images": images_of()}, **arguments)
    np.testing.assert_allclose(result, legacy(images_of(), **arguments), rtol=1e-5, atol=5e-5)


def test_statistics_of_large_images_keep_their_digits(run):
    images = 1000 + images_of(shape=(2, 224, 224, 3)) / 255
    result = run(standardize, {"images": images}, samplewise_center=True, samplewise_std=True)
    double = images.astype("float64")
    expected = (double - double.mean((1, 2, 3), keepdims=True)) / (double.std((1, 2, 3), keepdims=True) + 1e-6)
    np.testing.assert_allclose(result, expected, atol=2e-3)
    np.testing.assert_allclose(result.std((1, 2, 3), dtype="float64"), 1, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_does_not_overflow(run, dtype):
    """The sum of an image exceeds the largest float16."""
    images = images_of(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype, (2, 40, 40, 3))
    result = run(standardize, {"images": images}, samplewise_center=True, samplewise_std=True).astype("float32")
    wide = images.astype("float32")
    expected = (wide - wide.mean((1, 2, 3), keepdims=True)) / wide.std((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(result, expected, atol=0.05 if dtype == "bfloat16" else 0.005)


def test_whitening_equals_legacy(run):
    size = 6 * 7 * 3
    whitening = np.random.default_rng(1).normal(size=(size, size))
    arguments = {"rescale": 1 / 255, "mean": np.float32(0.5), "whitening": whitening}
    result = run(standardize, {"images": images_of()}, **arguments)
    assert result.dtype == np.float32 and result.shape == SHAPE
    np.testing.assert_allclose(result, legacy(images_of(), **arguments), atol=1e-4)


def test_convention_samplewise_statistics_cover_all_axes(run):
    images = np.array([[0, 6], [10, 20]], "float32").reshape(2, 1, 1, 2)
    result = run(standardize, {"images": images}, samplewise_center=True, samplewise_std=True, epsilon=0.0)
    np.testing.assert_array_equal(result.reshape(2, 2), [[-1, 1], [-1, 1]])


def test_convention_images_stand_left_of_the_whitening_matrix(run):
    images = np.array([[1, 2]], "float32").reshape(1, 1, 1, 2)
    result = run(standardize, {"images": images}, whitening=np.array([[0, 1], [0, 0]], "float32"))
    np.testing.assert_array_equal(result.reshape(2), [0, 1])


def test_convention_order_of_the_steps(run):
    images = np.array([[1, 3]], "float32").reshape(1, 1, 1, 2)
    result = run(
        standardize,
        {"images": images},
        rescale=10,
        samplewise_center=True,
        samplewise_std=True,
        mean=3,
        std=2,
        epsilon=0.0,
    )
    np.testing.assert_array_equal(result.reshape(2), [-2, -1])


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match=r"`images` must be floating point. Received: .*uint8"):
        standardize(np.zeros((1, 2, 2, 3), "uint8"))
    with pytest.raises(ValueError, match=r"`whitening` must have shape \(12, 12\). Received: shape \(3, 3\)"):
        standardize(np.zeros((1, 2, 2, 3), "float32"), whitening=np.eye(3))


def test_whitening_needs_a_known_size():
    tf = pytest.importorskip("tensorflow")
    ops = pytest.importorskip("keras_regen.layers.backends.tensorflow").ops
    function = tf.function(lambda images: standardize(images, whitening=np.eye(12), ops=ops))
    with pytest.raises(ValueError, match=r"`images` must be of known .*Received: shape \(None, 2, None, 3\)"):
        function.get_concrete_function(tf.TensorSpec((None, 2, None, 3)))
