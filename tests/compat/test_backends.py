"""The same batches, and models that train on them, on the Keras backend of this process (see `tests/backends.sh`)."""

import keras
import numpy as np
import pytest
from keras.src.legacy.preprocessing import image as legacy
from keras_regen.compat import ImageDataGenerator, image_dataset_from_directory, to_dataset, to_device

ARGUMENTS = {"rotation_range": 20, "horizontal_flip": True, "rescale": 1 / 255, "featurewise_center": True}


def arrays():
    return np.random.RandomState(0).randint(0, 256, (40, 24, 24, 3)).astype("uint8"), np.arange(40) % 2


@pytest.fixture
def datagen():
    generator = ImageDataGenerator(**ARGUMENTS)
    generator.fit(arrays()[0])
    return generator


@pytest.fixture
def flow(datagen):
    return lambda: datagen.flow(*arrays(), batch_size=16, seed=1)


@pytest.fixture
def model():
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((24, 24, 3)), layers.Conv2D(4, 3), layers.GlobalMaxPooling2D(), layers.Dense(2, "softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def assert_trains(model, data, **arguments):
    assert np.isfinite(model.fit(data, verbose=0, **arguments).history["loss"]).all()


def test_the_batches_of_the_legacy_module(flow, always_compile):
    theirs = legacy.ImageDataGenerator(**ARGUMENTS)
    theirs.fit(arrays()[0])
    for (x, y), (want, labels) in zip(flow(), theirs.flow(*arrays(), batch_size=16, seed=1), strict=False):
        np.testing.assert_allclose(x, want, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(y, labels)
        if len(x) < 16:
            break


def test_fit_on_iterators(model, flow, datagen, jpeg_directory):
    assert_trains(model, flow(), epochs=2)
    files = datagen.flow_from_directory(jpeg_directory, target_size=(24, 24), class_mode="sparse", batch_size=8, seed=1)
    assert_trains(model, files, validation_data=files)
    assert model.predict(files, verbose=0).shape == (files.n, 2)


def test_fit_on_datasets(model, flow, datagen, jpeg_directory):
    zipped = to_dataset(zip(flow(), datagen.flow(arrays()[0], batch_size=16, seed=1), strict=False))
    for (images, _), others in zipped.as_numpy_iterator():
        np.testing.assert_array_equal(images, others)
    loaded = image_dataset_from_directory(jpeg_directory, image_size=(24, 24), augment=datagen, seed=1, verbose=False)
    replayed, stateless = to_dataset(flow()), to_dataset(flow(), draws="stateless")
    for dataset in (replayed, zipped.map(lambda batch, _: batch), stateless, loaded):
        assert_trains(model, dataset)


def test_fit_behind_the_layer_of_split(model, flow):
    halves, layer = to_device(flow())
    whole = layer.in_front_of(model)
    whole.compile("sgd", "sparse_categorical_crossentropy")
    assert_trains(whole, halves)
