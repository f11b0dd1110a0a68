"""`to_device`: decoded images and rows on the host, the transformation in front of the model, on every backend."""

import keras
import numpy as np
import pytest
from keras_regen.compat import ImageDataGenerator, to_dataset, to_device, to_grain

from ..versions import FIT_TAKES_GRAIN
from .flows import AUGMENTATION, array, files, table

FITTED = {"featurewise_center": True, "featurewise_std_normalization": True}
CASES = {
    "files": lambda g, d: files(g, d, seed=1),
    "grayscale": lambda g, d: files(g, d, seed=1, color_mode="grayscale", class_mode="sparse"),
    "dataframe": lambda g, d: table(g, d, class_mode="raw", y_col="age", weight_col="weight"),
    "array": lambda g, d: array(g, seed=1),
    "array of integers": lambda g, d: array(g, seed=1, x=np.arange(21 * 12 * 10 * 3).reshape(21, 12, 10, 3) % 256),
}


def assert_close(got, want):
    """The promise of the layers: 0.02 grey levels, but for a pixel in 10,000."""
    got = keras.ops.convert_to_numpy(got)
    assert got.dtype == want.dtype
    scale = np.abs(want).max() / 255
    assert np.mean(np.abs(got.astype("float64") - want) > 0.02 * scale) <= 1e-4


BRIGHTER = {"rescale": 1 / 255, "brightness_range": (0.5, 1.5)}


@pytest.mark.parametrize(
    ("case", "arguments"),
    [
        *[(case, arguments) for case in ("files", "array") for arguments in ({}, BRIGHTER, {"interpolation_order": 3})],
        ("grayscale", {"rescale": 1 / 255}),  # with brightness, a grey level at a threshold would be a whole level away
        ("dataframe", BRIGHTER),
        ("array of integers", {}),
    ],
)
def test_both_halves_give_the_whole(case, arguments, jpeg_directory, uncompiled_kernels):
    generator = ImageDataGenerator(**AUGMENTATION, **arguments)
    whole = to_dataset(CASES[case](generator, jpeg_directory))
    dataset, layer = to_device(CASES[case](generator, jpeg_directory))
    for _ in range(2):
        for (halves, *rest), (images, *rest_) in zip(
            dataset.as_numpy_iterator(), whole.as_numpy_iterator(), strict=True
        ):
            assert halves["images"].dtype == ("float32" if case in ("grayscale", "array") else "uint8")
            if "brightness_range" in arguments:  # truncated to 8 bits: one level where a rounding decides
                got = keras.ops.convert_to_numpy(layer(halves))
                assert np.abs(got - images).max() < 2.01 / 255 and np.mean(np.abs(got - images) > 1e-4) < 0.01
            else:
                assert_close(layer(halves), images)
            for one, other in zip(rest, rest_, strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_fitted_generator(jpeg_directory, data_format):
    generator = ImageDataGenerator(**AUGMENTATION, **FITTED, data_format=data_format)
    x = np.random.RandomState(0).uniform(0, 255, (21, 3, 8, 8) if data_format == "channels_first" else (21, 8, 8, 3))
    generator.fit(x)
    dataset, layer = to_device(generator.flow(x, np.arange(21), batch_size=6, seed=1))
    whole = to_dataset(generator.flow(x, np.arange(21), batch_size=6, seed=1))
    for (halves, _), (images, _) in zip(dataset.as_numpy_iterator(), whole.as_numpy_iterator(), strict=True):
        assert_close(layer(halves), images)


def test_a_model_behind_it_trains_and_is_saved(jpeg_directory, tmp_path):
    model = keras.Sequential([keras.Input((20, 24, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    generator = ImageDataGenerator(**AUGMENTATION, rescale=1 / 255, samplewise_center=True)
    dataset, layer = to_device(files(generator, jpeg_directory, seed=1), repeat=2)
    whole = layer.in_front_of(model)
    whole.compile("sgd", "mse", jit_compile="auto" if keras.backend.backend() == "torch" else True)
    assert np.isfinite(whole.fit(dataset, verbose=0).history["loss"]).all()
    whole.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    halves, _ = next(dataset.as_numpy_iterator())
    np.testing.assert_allclose(loaded.predict(halves, verbose=0), whole.predict(halves, verbose=0), atol=1e-5)
    # The images alone are standardized, as those of a validation set would be.
    plain = ImageDataGenerator(rescale=1 / 255, samplewise_center=True)
    images = next(files(plain, jpeg_directory, shuffle=False))[0]
    raw = next(files(ImageDataGenerator(), jpeg_directory, shuffle=False))[0]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(raw)), images, atol=1e-5)


def test_stateless_draws_and_half_precision(jpeg_directory):
    flow = files(ImageDataGenerator(**AUGMENTATION), jpeg_directory, seed=1)
    dataset, layer = to_device(flow, draws="stateless", repeat=1, dtype="float16", drop_remainder=True)
    assert dataset.cardinality() == 4
    whole = to_dataset(flow, draws="stateless", repeat=1, drop_remainder=True)
    for (halves, _), (images, _) in zip(dataset.as_numpy_iterator(), whole.as_numpy_iterator(), strict=True):
        got = keras.ops.convert_to_numpy(layer(halves))
        assert got.dtype == np.float16
        assert np.mean(np.abs(got - images) > 0.15) <= 1e-4


def test_what_cannot_be_split(jpeg_directory):
    with pytest.raises(ValueError, match=r"`to_device` cannot take this `source`: generator is no iterator of images"):
        to_device(x for x in range(3))
    with pytest.raises(ValueError, match=r"images are its labels"):
        to_device(files(ImageDataGenerator(), jpeg_directory, class_mode="input"))
    with pytest.raises(ValueError, match=r"`draws` must be 'replay', 'stateless' or a `Stateless`"):
        to_device(files(ImageDataGenerator(), jpeg_directory), draws=3)
    with pytest.raises(ValueError, match=r"`cache` .* needs draws='replay'"):
        to_device(files(ImageDataGenerator(), jpeg_directory), draws="stateless", cache=True)


@pytest.mark.parametrize("case", ["files", "dataframe", "array of integers"])
def test_halves_in_grain_give_the_whole(case, jpeg_directory, uncompiled_kernels):
    pytest.importorskip("grain")
    generator = ImageDataGenerator(**AUGMENTATION, rescale=1 / 255)
    whole = to_grain(CASES[case](generator, jpeg_directory))
    halves, layer = to_device(CASES[case](generator, jpeg_directory), format="grain")
    for number in (len(whole), 0, len(whole) - 1):
        (inputs, *rest), (images, *rest_) = halves[number], whole[number]
        assert inputs["images"].dtype == "uint8"
        assert_close(layer(inputs), images)
        for one, other in zip(rest, rest_, strict=True):
            np.testing.assert_array_equal(one, other)
    model = keras.Sequential([keras.Input(images.shape[1:]), keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(1)])
    front = layer.in_front_of(model)
    front.compile("sgd", "mse")
    endless, _ = to_device(CASES[case](generator, jpeg_directory), format="grain", repeat=True, class_weight=None)
    if case == "array of integers" and FIT_TAKES_GRAIN:
        assert np.isfinite(front.fit(endless, steps_per_epoch=2, verbose=0).history["loss"]).all()


def test_what_grain_s_half_refuses():
    flow = array(ImageDataGenerator(preprocessing_function=lambda x: x / 2), seed=1)
    with pytest.raises(ValueError, match="preprocessing_function is Python's"):
        to_device(flow, format="grain")
    with pytest.raises(ValueError, match="are for format='tf'"):
        to_device(flow, format="grain", cache=True)
    with pytest.raises(ValueError, match="`format` must be"):
        to_device(flow, format="torch")
