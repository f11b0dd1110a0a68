"""`adapt` and the layers against the legacy generator's `fit` and `standardize`, in float64 and an image at a time."""

import tracemalloc
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops as keras_ops
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from keras_regen.compat import ImageDataGenerator as CompatibleGenerator
from keras_regen.layers import Standardize, ZCAWhitening

from .conftest import BACKEND, array, batch_of_one, eager, jitted, tf_data, unknown_size

WAYS = [eager, batch_of_one, jitted, unknown_size, tf_data]
ALL = ("samplewise_center", "samplewise_std", "featurewise_center", "featurewise_std")
LEGACY_NAMES = {"samplewise_std": "samplewise_std_normalization", "featurewise_std": "featurewise_std_normalization"}
STEPS = [
    ("samplewise_center",),
    ("samplewise_std",),
    ("samplewise_center", "samplewise_std"),
    ("featurewise_center",),
    ("featurewise_std",),
    ("featurewise_center", "featurewise_std"),
    ALL,
]


def call(layer, images, _):
    return layer(images)


def sample(count=40, height=6, width=5, channels=3, seed=0):
    """Images whose channels differ in mean and deviation, and whose pixels are correlated."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(count, height, width, channels))
    noise = noise + 0.5 * np.roll(noise, 1, axis=1) + 0.3 * rng.normal(size=(count, 1, 1, channels))
    return (120 + noise * [10, 20, 5][:channels] + 30 * np.arange(channels)).astype("float32")


def legacy(data, images, steps=(), data_format="channels_last", **arguments):
    """Fit to data and standardize images, in float64."""
    names = {LEGACY_NAMES.get(step, step): True for step in steps}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that one implies the other, which is undone
        generator = ImageDataGenerator(**names, **arguments, data_format=data_format, dtype="float64")
    generator.samplewise_center = "samplewise_center" in steps
    generator.featurewise_center = "featurewise_center" in steps or "zca_whitening" in arguments
    generator.fit(data)
    return np.stack([generator.standardize(image.astype("float64")) for image in images])


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("steps", STEPS, ids="+".join)
def test_standardize_equals_legacy(way, steps):
    data, images = sample(), sample(4, seed=1)
    layer = Standardize(**dict.fromkeys(steps, True))
    layer.adapt(data)
    result = way(call, layer, images, np.zeros(4))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, legacy(data, images, steps), rtol=1e-4, atol=2e-5 * np.abs(result).max())


# Fewer images than values, which are decomposed by the smaller side; as many; more, no multiple; several Gram matrices.
@pytest.mark.parametrize("count", [20, 48, 67, 300])
@pytest.mark.parametrize("batch_size", [7, 64, 1000])
def test_whitening_equals_legacy(count, batch_size):
    data, images = sample(count, 4, 4), sample(4, 4, 4, seed=1)
    layer = ZCAWhitening(epsilon=0.1, dtype="float64" if BACKEND != "jax" else "float32")
    layer.adapt([data[start : start + batch_size] for start in range(0, count, batch_size)])
    expected = legacy(data, images, zca_whitening=True, zca_epsilon=0.1)
    tolerance = 1e-3 if BACKEND == "jax" else 1e-7
    np.testing.assert_allclose(array(layer(images)), expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())
    if count == 300:  # as promised: not correlated any more
        white = array(layer(data)).reshape(count, -1)
        np.testing.assert_allclose(white.T @ white / count, np.eye(48), atol=2e-2)


@pytest.mark.parametrize("way", [way for way in WAYS if way is not unknown_size], ids=lambda way: way.__name__)
def test_whitening_is_the_same_in_every_way(way):
    data, images = sample(100, 3, 3), sample(4, 3, 3, seed=1)
    layer = ZCAWhitening(epsilon=0.1)
    layer.adapt(data)
    result = way(call, layer, images, np.zeros(4))
    expected = legacy(data, images, zca_whitening=True, zca_epsilon=0.1)
    np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("kind", [Standardize, ZCAWhitening])
def test_channels_first(kind):
    data, images = sample(60, 3, 4), sample(4, 3, 4, seed=1)
    arguments = {"epsilon": 0.1} if kind is ZCAWhitening else dict.fromkeys(ALL, True)
    layers = [kind(**arguments, data_format=data_format) for data_format in ("channels_last", "channels_first")]
    layers[0].adapt(data)
    layers[1].adapt(data.transpose(0, 3, 1, 2))
    first = array(layers[1](images.transpose(0, 3, 1, 2))).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(first, array(layers[0](images)), rtol=1e-4, atol=1e-3)
    if kind is ZCAWhitening:
        moved = data.transpose(0, 3, 1, 2), images.transpose(0, 3, 1, 2)
        expected = legacy(*moved, data_format="channels_first", zca_whitening=True, zca_epsilon=0.1)
        np.testing.assert_allclose(first, expected.transpose(0, 2, 3, 1), rtol=1e-3, atol=1e-3 * np.abs(expected).max())


class Batches(keras.utils.PyDataset):
    def __init__(self, images, labels):
        super().__init__()
        self.images, self.labels = images, labels

    def __len__(self):
        return (len(self.images) + 6) // 7

    def __getitem__(self, k):
        return self.images[7 * k : 7 * k + 7], self.labels[7 * k : 7 * k + 7]


SOURCES = {
    "array": lambda x, y: x,
    "bytes": lambda x, y: np.round(x).astype("uint8"),
    "tensor": lambda x, y: keras_ops.convert_to_tensor(x),
    "tensor of TensorFlow": lambda x, y: tf.constant(x),
    "dataset": lambda x, y: tf.data.Dataset.from_tensor_slices(x).batch(7),
    "dataset with labels": lambda x, y: tf.data.Dataset.from_tensor_slices((x, y)).batch(7),
    "dataset of dictionaries": lambda x, y: tf.data.Dataset.from_tensor_slices({"images": x, "labels": y}).batch(7),
    "PyDataset": Batches,
    "list": lambda x, y: [x[:11], x[11:12], x[12:]],
    "generator": lambda x, y: (x[k : k + 3] for k in range(0, len(x), 3)),
    "generator with labels": lambda x, y: ((x[k : k + 3], y[k : k + 3]) for k in range(0, len(x), 3)),
    "list with an empty batch": lambda x, y: [x[:0], x[:9], x[9:9], x[9:]],
    "compatible iterator": lambda x, y: CompatibleGenerator().flow(x, y, batch_size=7, shuffle=False),
}


@pytest.mark.parametrize("source", SOURCES)
def test_adapt_reads_everything_once_whatever_holds_the_images(source):
    # Even numbers of a few bits, so that bytes hold them.
    images, labels = np.round(sample(41)), np.arange(41)
    layer = Standardize(featurewise_center=True, featurewise_std=True)
    layer.adapt(SOURCES[source](images, labels))
    mean, std = (array(weight) for weight in layer.get_weights())
    np.testing.assert_allclose(mean, images.mean(axis=(0, 1, 2), dtype="float64"), rtol=1e-6)
    np.testing.assert_allclose(std, images.std(axis=(0, 1, 2), dtype="float64"), rtol=1e-6)
    whitening = ZCAWhitening(epsilon=1)
    whitening.adapt(SOURCES[source](images, labels))
    expected = legacy(images, images[:2], zca_whitening=True, zca_epsilon=1)
    np.testing.assert_allclose(array(whitening(images[:2])), expected, atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("order", [1, -1])
def test_deviations_of_values_far_from_zero_keep_their_digits(order):
    """Where the mean of the squares less the square of the mean has none. Batches differ in size and mean."""
    rng = np.random.default_rng(0)
    data = 1e6 + rng.normal(size=(200, 4, 4, 2)) + np.linspace(-3, 3, 200).reshape(-1, 1, 1, 1)
    layer = Standardize(featurewise_center=True, featurewise_std=True, dtype="float64")
    layer.adapt([data[:3], data[3:150], data[150:151], data[151:]][::order])
    mean, std = (array(weight).astype("float64") for weight in layer.get_weights())
    precision = np.finfo("float32" if BACKEND == "jax" else "float64").eps
    np.testing.assert_allclose(mean, data.mean(axis=(0, 1, 2)), rtol=10 * precision)
    np.testing.assert_allclose(std, data.std(axis=(0, 1, 2)), rtol=max(10 * precision, 1e-9))


def test_whitening_of_values_far_from_zero_keeps_its_digits():
    data = sample(300, 3, 3).astype("float64")
    near, far = ZCAWhitening(epsilon=0.1), ZCAWhitening(epsilon=0.1)
    near.adapt([data[:50], data[50:]])
    far.adapt([data[:50] + 1e8, data[50:] + 1e8])
    scale = np.abs(array(near.get_weights()[1])).max()
    np.testing.assert_allclose(far.get_weights()[1], near.get_weights()[1], atol=1e-5 * scale)


@pytest.mark.parametrize(
    "layer, size, batch, limit",
    [
        (Standardize(featurewise_center=True, featurewise_std=True), (16, 16, 3), 64, 4),
        (ZCAWhitening(), (8, 8, 1), 200, 2),
    ],
    ids=["Standardize", "ZCAWhitening"],
)
def test_adapt_holds_a_few_batches_at_most(layer, size, batch, limit):
    batches = 150
    total = batches * batch * np.prod(size) * 8 / 2**20
    assert total > 5 * limit
    rng = np.random.default_rng(0)
    layer.adapt(rng.uniform(size=(batch, *size)) for _ in range(2))
    tracemalloc.start()
    layer.adapt(rng.uniform(size=(batch, *size)) for _ in range(batches))
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    assert peak < limit


def test_adapting_again_starts_afresh():
    layer = Standardize(featurewise_center=True)
    for data in (sample(9), sample(9, seed=5) * 2):
        layer.adapt(data)
        np.testing.assert_allclose(array(layer.get_weights()[0]), data.mean(axis=(0, 1, 2)), rtol=1e-5)


def test_until_adapted_results_are_nan():
    """Rather than images that nobody standardized."""
    images = sample(2)
    for layer in (Standardize(featurewise_center=True), Standardize(featurewise_std=True), ZCAWhitening()):
        assert np.all(np.isnan(array(layer(images))))
    assert np.all(np.isfinite(array(Standardize(samplewise_center=True, samplewise_std=True)(images))))


def test_set_weights_takes_known_statistics():
    layer = Standardize(featurewise_center=True, featurewise_std=True)
    layer.build((None, 6, 5, 3))
    layer.set_weights([np.array([1.0, 2, 3]), np.array([2.0, 4, 8])])
    expected = (sample(2).astype("float64") - [1, 2, 3]) / [2, 4, 8]
    np.testing.assert_allclose(array(layer(sample(2))), expected, rtol=1e-5)


def test_convention_samplewise_statistics_are_of_all_values_and_epsilon_is_added():
    images = np.array([[1, 3], [5, 5]], "float32").reshape(2, 1, 1, 2)
    result = array(Standardize(samplewise_center=True, samplewise_std=True, epsilon=1.0)(images))
    np.testing.assert_allclose(result.reshape(2, 2), [[-0.5, 0.5], [0, 0]], atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "uint8", "mixed_float16"])
def test_dtypes(dtype):
    """Bytes in; computed in float32 or float64, not in what comes out."""
    data, images = np.round(sample()).astype("uint8"), np.round(sample(3, seed=1)).astype("uint8")
    layer = Standardize(featurewise_center=True, featurewise_std=True, dtype=dtype)
    layer.adapt(data)
    result = array(layer(images))
    name = dtype.removeprefix("mixed_")
    assert result.dtype.name == ("float32" if (name, BACKEND) == ("float64", "jax") else name)
    expected = legacy(data, images, ("featurewise_center", "featurewise_std"))
    if name == "uint8":
        np.testing.assert_array_equal(result, np.clip(np.floor(expected + 0.5), 0, 255))
        return
    ulp = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 1e-5, "float64": 1e-12 if BACKEND != "jax" else 1e-5}
    np.testing.assert_allclose(result.astype("float64"), expected, rtol=ulp[name], atol=ulp[name])


def test_a_single_image_and_a_dictionary():
    images = sample(3)
    layer = Standardize(featurewise_center=True)
    layer.adapt(images)
    expected = legacy(images, images, ("featurewise_center",))
    np.testing.assert_allclose(array(layer(images[0])), expected[0], atol=1e-4)
    masks = np.arange(90).reshape(3, 6, 5)
    result = layer({"images": images, "segmentation_masks": masks, "labels": np.arange(3)})
    np.testing.assert_allclose(array(result["images"]), expected, atol=1e-4)
    np.testing.assert_array_equal(array(result["segmentation_masks"]), masks)
    np.testing.assert_array_equal(array(result["labels"]), np.arange(3))


def test_a_matrix_too_large_is_refused_before_memory_is_taken():
    message = (
        r"shape \(224, 224, 3\) takes a matrix of 150528 x 150528 values, 169 GiB\. Up to 2 GiB are allowed.*16384"
    )
    layer = ZCAWhitening()
    one = np.zeros((1, 224, 224, 3), "uint8")
    tracemalloc.start()
    with pytest.raises(ValueError, match=message):
        layer.adapt(one)
    with pytest.raises(ValueError, match=message):
        ZCAWhitening()(one)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20


@pytest.mark.parametrize(
    "data, message",
    [
        (np.zeros((0, 4, 4, 1)), "`data` must hold at least one image. Received: none"),
        ([], "`data` must hold at least one image. Received: none"),
        (np.zeros((4, 4, 1)), r"`data` must be batches of images of one shape.*Received: shape \(4, 4, 1\)"),
        (
            [np.zeros((2, 4, 4, 1)), np.zeros((2, 5, 4, 1))],
            r"`data` must be batches .* Received: shape \(2, 5, 4, 1\) after \(None, 4, 4, 1\)",
        ),
        (
            [{"image": np.zeros((2, 4, 4, 1))}],
            r"A dictionary must have the key 'images'. Received the keys: \['image'\]",
        ),
    ],
)
@pytest.mark.parametrize("kind", [lambda: Standardize(featurewise_center=True), ZCAWhitening])
def test_errors_of_adapt(kind, data, message):
    with pytest.raises(ValueError, match=message):
        kind().adapt(data)


@pytest.mark.parametrize("fitted, given", [(3, 1), (1, 3), (3, 4)])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_other_channels_than_those_adapted_to_are_refused(data_format, fitted, given):
    """Instead of broadcasting, which makes three channels of one."""

    def images(channels):
        return (
            np.random.default_rng(0)
            .uniform(0, 255, (12, 4, 4, channels))
            .transpose((0, 3, 1, 2) if data_format == "channels_first" else range(4))
        )

    for layer in (Standardize(featurewise_center=True, data_format=data_format), ZCAWhitening(data_format=data_format)):
        layer.adapt(images(fitted))
        message = rf"{type(layer).__name__} was built for images of {fitted} channels\. Received: images of {given}"
        with pytest.raises(ValueError, match=message):
            layer(images(given))


@pytest.mark.parametrize("kind", [Standardize, ZCAWhitening])
@pytest.mark.parametrize("epsilon", ["1e-6", -1.0, float("nan"), None])
def test_an_epsilon_that_is_no_number_is_refused(kind, epsilon):
    with pytest.raises(
        ValueError, match=f"`epsilon` must be a number that is not negative. Received: epsilon={epsilon!r}"
    ):
        kind(epsilon=epsilon)


def test_steps_are_true_or_false():
    for name in ALL:
        with pytest.raises(ValueError, match=f"`{name}` must be True or False. Received: {name}='no'"):
            Standardize(**{name: "no"})


def test_whitening_needs_a_known_size():
    with pytest.raises(ValueError, match=r"ZCA whitening needs images of a known size. Received: .*None, None, 3"):
        ZCAWhitening().build((None, None, None, 3))
    layer = ZCAWhitening()
    layer.adapt(sample(20, 3, 3))
    with pytest.raises(ValueError, match="must be of known height and width for `whitening`"):
        unknown_size(call, layer, sample(2, 3, 3), np.zeros(2))
