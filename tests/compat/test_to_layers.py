"""`ImageDataGenerator.to_layers`: the generator's pixels for the generator's rows, its distributions otherwise."""

import inspect

import keras
import keras_preprocessing.image
import numpy as np
import pytest
from keras.src.legacy.preprocessing import image as legacy
from keras_regen import layers
from keras_regen.compat import ImageDataGenerator, equivalents
from keras_regen.compat.image.foreign import adopt
from keras_regen.layers.random_affine import INTERPOLATIONS

CONFIGURATIONS = [
    {"rotation_range": 30, "width_shift_range": 0.2, "height_shift_range": 0.1, "shear_range": 10, "zoom_range": 0.3},
    {"width_shift_range": 5, "height_shift_range": [-3, 0, 4], "fill_mode": "wrap", "horizontal_flip": True},
    {"rotation_range": 20, "fill_mode": "constant", "cval": 50, "interpolation_order": 0, "vertical_flip": True},
    {"zoom_range": [0.5, 0.9], "interpolation_order": 3, "fill_mode": "reflect", "rescale": 1 / 255},
    {"channel_shift_range": 40, "brightness_range": [0.5, 1.5], "horizontal_flip": True, "rescale": 1 / 255},
    {"rotation_range": 30, "samplewise_center": True, "samplewise_std_normalization": True},
]
FITTED = [
    {"featurewise_center": True, "featurewise_std_normalization": True, "rotation_range": 10, "rescale": 1 / 255},
    {"featurewise_center": True, "samplewise_center": True},
    {"zca_whitening": True, "rescale": 1 / 255, "zca_epsilon": 1e-2},
]


def as_table(rows):
    return {name: [row[name] for row in rows] for name in rows[0]}


def crops(photos, count, size, data_format="channels_last"):
    rng = np.random.RandomState(0)
    images = []
    for i in range(count):
        photo = photos[i % len(photos)]
        top, left = rng.randint(photo.shape[0] - size), rng.randint(photo.shape[1] - size)
        images.append(photo[top : top + size, left : left + size])
    images = np.stack(images).astype("float32")
    return images.transpose(0, 3, 1, 2) if data_format == "channels_first" else images


@pytest.mark.filterwarnings("ignore:This ImageDataGenerator specifies")
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("arguments", [*CONFIGURATIONS, *FITTED], ids=",".join)
def test_the_rows_of_the_legacy_generator_give_its_pixels(photos, arguments, data_format):
    if data_format == "channels_first":
        if "brightness_range" in arguments:
            pytest.skip("the legacy brightness knows channels_last only")
        arguments = {**arguments, "data_format": data_format}
    size = 12 if "zca_whitening" in arguments else 60
    images = crops(photos, 500 if "zca_whitening" in arguments else 6, size, data_format)
    theirs, mine = legacy.ImageDataGenerator(**arguments), ImageDataGenerator(**arguments)
    theirs.fit(images)
    mine.fit(images)
    images = images[:6]
    np.random.seed(3)
    rows = [theirs.get_random_transform(image.shape) for image in images]
    want = np.stack(
        [theirs.standardize(theirs.apply_transform(x.copy(), row)) for x, row in zip(images, rows, strict=True)]
    )
    got = keras.ops.convert_to_numpy(mine.to_layers().transform_images(images, as_table(rows)))
    assert got.dtype == np.float32
    scale = np.abs(want).max() / 255
    assert np.mean(np.abs(got - want) > 0.02 * scale) <= (1e-3 if arguments.get("interpolation_order") == 0 else 1e-4)


@pytest.mark.filterwarnings("ignore:This ImageDataGenerator specifies")
def test_the_layers_are_those_needed():
    names = lambda **arguments: [type(x).__name__ for x in ImageDataGenerator(**arguments).to_layers().layers]  # noqa: E731
    assert names() == []
    assert names(horizontal_flip=True) == ["RandomAffine"]
    assert names(rescale=1 / 255, samplewise_center=True) == ["Rescaling", "Standardize"]
    assert names(brightness_range=(0.5, 1), zca_whitening=True, channel_shift_range=2, rotation_range=3) == [
        "RandomAffine",
        "RandomChannelShift",
        "RandomBrightness",
        "ZCAWhitening",
    ]


def test_convention_the_legacy_axes_are_kept_and_corrected():
    """`height_shift_range` moves columns, unless the switch says otherwise."""
    kept = ImageDataGenerator(height_shift_range=0.3).to_layers().layers[0]
    assert (kept.width_shift, kept.height_shift) == ((-0.3, 0.3), (0.0, 0.0))
    corrected = ImageDataGenerator(height_shift_range=0.3, legacy_axes=False).to_layers().layers[0]
    assert (corrected.width_shift, corrected.height_shift) == ((0.0, 0.0), (-0.3, 0.3))
    archived = keras_preprocessing.image.ImageDataGenerator(height_shift_range=0.3)
    iterator = adopt(archived.flow(np.zeros((2, 8, 8, 3))))
    moved = iterator.image_data_generator.to_layers().layers[0]
    assert (moved.width_shift, moved.height_shift) == ((0.0, 0.0), (-0.3, 0.3))


def test_shifts_by_int_and_list_are_choices():
    kept = ImageDataGenerator(height_shift_range=[-0.1, 0.2], width_shift_range=np.int64(3)).to_layers().layers[0]
    assert (kept.width_shift_choices, kept.height_shift_choices) == ((-0.1, 0.2), 3)
    assert tuple(INTERPOLATIONS) == equivalents.INTERPOLATIONS


def test_rows_of_a_corrected_generator_on_images_that_are_not_square(photos):
    generator = ImageDataGenerator(rotation_range=40, width_shift_range=0.2, zoom_range=0.3, legacy_axes=False)
    images = np.stack([photo[100:140, 100:170] for photo in photos]).astype("float32")
    np.random.seed(3)
    rows = [generator.get_random_transform(image.shape) for image in images]
    want = np.stack([generator.apply_transform(x, row) for x, row in zip(images, rows, strict=True)])
    got = keras.ops.convert_to_numpy(generator.to_layers().transform_images(images, as_table(rows)))
    assert np.mean(np.abs(got - want) > 0.02) <= 1e-4


def test_the_distribution_of_the_layers_is_that_of_the_generator():
    """Whatever is drawn: the mean picture of many augmentations of one picture."""
    image = np.zeros((16, 16, 1), "float32")
    image[4:9, 6:12] = 255
    arguments = {"rotation_range": 40, "height_shift_range": 0.3, "zoom_range": 0.4, "horizontal_flip": True}
    images = np.repeat(image[None], 6000, axis=0)
    np.random.seed(0)
    theirs = next(ImageDataGenerator(**arguments).flow(images, batch_size=6000, shuffle=False))
    mine = keras.ops.convert_to_numpy(ImageDataGenerator(**arguments).to_layers()(images, seed=0))
    assert np.abs(mine.mean(axis=0) - theirs.mean(axis=0)).max() < 8
    assert np.abs(mine.mean(axis=0) - image).max() > 40


def test_what_has_not_been_fitted_is_adapted():
    pipeline = ImageDataGenerator(featurewise_center=True).to_layers()
    images = np.random.RandomState(0).uniform(0, 255, (10, 8, 8, 3)).astype("float32")
    assert np.isnan(keras.ops.convert_to_numpy(pipeline(images))).all()
    pipeline = ImageDataGenerator(featurewise_center=True).to_layers()
    pipeline.layers[0].adapt(images)
    assert abs(keras.ops.convert_to_numpy(pipeline(images)).mean()) < 1e-3


def test_what_cannot_be_a_layer_is_refused():
    with pytest.raises(ValueError, match=r"`preprocessing_function` cannot be turned into a layer.*<built-in"):
        ImageDataGenerator(preprocessing_function=abs).to_layers()

    class Custom(ImageDataGenerator):
        def standardize(self, x):
            return x

    with pytest.raises(ValueError, match=r"Custom.standardize is overridden"):
        Custom().to_layers()
    with pytest.raises(ValueError, match=r"No layer has `fill_mode='mirror'`"):
        ImageDataGenerator(fill_mode="mirror", rotation_range=3).to_layers()
    with pytest.raises(ValueError, match=r"No layer has `interpolation_order=6`"):
        ImageDataGenerator(interpolation_order=6).to_layers()


def test_a_model_with_them_trains_and_is_saved(tmp_path):
    generator = ImageDataGenerator(rotation_range=20, horizontal_flip=True, featurewise_center=True, rescale=1 / 255)
    x = np.random.RandomState(0).uniform(0, 255, (32, 12, 12, 3)).astype("float32")
    generator.fit(x)
    model = keras.Sequential(
        [keras.Input((12, 12, 3)), generator.to_layers(), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(x, np.arange(32.0), verbose=0).history["loss"]).all()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert isinstance(loaded.layers[0], layers.Pipeline)


def test_the_arguments_are_those_of_the_constructor():
    parameters = inspect.signature(ImageDataGenerator).parameters.values()
    assert [*equivalents.ARGUMENTS] == [each.name for each in parameters if each.kind is not each.KEYWORD_ONLY]
