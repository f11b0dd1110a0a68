"""The classic scripts. Each runs twice, with the legacy module and with ours: only the import differs."""

import os
import threading

import keras
import numpy as np
import pandas as pd
import pytest
from keras.src.legacy.preprocessing import image as legacy
from keras_regen.compat import image as ours

pytestmark = [
    pytest.mark.usefixtures("always_compile"),
    pytest.mark.filterwarnings(
        "ignore:Your `PyDataset` class should call:UserWarning"
    ),  # the legacy module's of Keras 3.8
]


def small_cnn(outputs=2, activation="softmax", shape=(32, 32, 3)):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.MaxPooling2D(4),
            keras.layers.Flatten(),
            keras.layers.Dense(outputs, activation=activation),
        ]
    )


def both(script, *arguments, tolerance=1e-3):
    """Run a script with each module and compare what it returns: arrays, or losses of a training."""
    np.random.seed(0)
    want = script(legacy.ImageDataGenerator, *arguments)
    np.random.seed(0)
    got = script(ours.ImageDataGenerator, *arguments)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    return got


def test_flow_from_directory_with_two_subsets(jpeg_directory):
    def script(ImageDataGenerator):
        datagen = ImageDataGenerator(
            rescale=1.0 / 255, shear_range=0.2, zoom_range=0.2, horizontal_flip=True, validation_split=0.25
        )
        arguments = {"target_size": (32, 32), "batch_size": 8, "class_mode": "categorical", "seed": 1}
        train = datagen.flow_from_directory(jpeg_directory, subset="training", **arguments)
        validation = datagen.flow_from_directory(jpeg_directory, subset="validation", **arguments)
        model = small_cnn()
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(
            train,
            steps_per_epoch=len(train),
            epochs=2,
            validation_data=validation,
            validation_steps=len(validation),
            verbose=0,
        )
        return history.history["loss"], history.history["val_loss"]

    both(script)


def test_flow_with_featurewise_statistics():
    def script(ImageDataGenerator):
        rng = np.random.RandomState(0)
        x_train, y_train = rng.randint(0, 256, (96, 32, 32, 3)).astype("uint8"), rng.randint(0, 2, (96, 1))
        x_test, y_test = x_train[:32], y_train[:32]
        y_train, y_test = keras.utils.to_categorical(y_train), keras.utils.to_categorical(y_test)
        datagen = ImageDataGenerator(
            featurewise_center=True,
            featurewise_std_normalization=True,
            rotation_range=20,
            width_shift_range=0.2,
            height_shift_range=0.2,
            horizontal_flip=True,
            validation_split=0.2,
        )
        datagen.fit(x_train)
        model = small_cnn()
        model.compile("sgd", "categorical_crossentropy")
        first = model.fit(
            datagen.flow(x_train, y_train, batch_size=32, subset="training", seed=1),
            validation_data=datagen.flow(x_train, y_train, batch_size=8, subset="validation", seed=1),
            epochs=2,
            verbose=0,
        )
        losses = []
        for epoch in range(2):  # the loop of the documentation
            batches = 0
            for x_batch, y_batch in datagen.flow(x_train, y_train, batch_size=32, seed=epoch):
                losses.append(model.train_on_batch(x_batch, y_batch))
                batches += 1
                if batches >= len(x_train) / 32:
                    break
        return first.history["loss"], first.history["val_loss"], losses, model.evaluate(
            datagen.flow(x_test, y_test, shuffle=False), verbose=0
        ), datagen.mean, datagen.std  # fmt: skip

    both(script, tolerance=2e-3)


def test_dataframe_regression(jpeg_directory):
    names = sorted(str(p.relative_to(jpeg_directory)) for p in jpeg_directory.rglob("*.jpg"))
    df = pd.DataFrame({"id": names, "age": np.linspace(0, 1, len(names))})

    def script(ImageDataGenerator):
        datagen = ImageDataGenerator(rescale=1 / 255, rotation_range=10, validation_split=0.2)
        arguments = {"x_col": "id", "y_col": "age", "class_mode": "raw", "target_size": (32, 32), "batch_size": 8}
        train = datagen.flow_from_dataframe(df, jpeg_directory, subset="training", seed=2, **arguments)
        valid = datagen.flow_from_dataframe(dataframe=df, directory=jpeg_directory, subset="validation", **arguments)
        model = small_cnn(1, None)
        model.compile("sgd", "mse")
        history = model.fit(train, validation_data=valid, epochs=2, verbose=0)
        return history.history["loss"], history.history["val_loss"], model.predict(valid, verbose=0)

    both(script)


def test_dataframe_multi_output(jpeg_directory):
    names = sorted(str(p) for p in jpeg_directory.rglob("*.jpg"))
    df = pd.DataFrame({"path": names, "a": np.linspace(0, 1, len(names)), "b": np.arange(len(names)) % 2})

    def script(ImageDataGenerator):
        flow = ImageDataGenerator(rescale=1 / 255).flow_from_dataframe(
            df, x_col="path", y_col=["a", "b"], class_mode="multi_output", target_size=(32, 32), batch_size=8, seed=1
        )
        keras.utils.set_random_seed(0)
        inputs = keras.Input((32, 32, 3))
        features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(inputs))
        model = keras.Model(inputs, [keras.layers.Dense(1)(features), keras.layers.Dense(1)(features)])
        model.compile("sgd", ["mse", "mse"])
        losses = []
        for _ in range(2 * len(flow)):
            x, y = next(flow)
            assert isinstance(y, list)
            losses.append(np.ravel(model.train_on_batch(x, y))[0])
        return losses, *next(flow)[1]

    both(script)
    flow = ours.ImageDataGenerator().flow_from_dataframe(
        df, x_col="path", y_col=["a", "b"], class_mode="multi_output", target_size=(8, 8), batch_size=8, shuffle=False
    )
    labels = flow[0][1]  # `next` gives a list, which `fit` of Keras 3 does not take
    assert isinstance(labels, tuple)
    np.testing.assert_array_equal(labels, next(flow)[1])
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, [keras.layers.Flatten()(inputs)[:, :1], keras.layers.Flatten()(inputs)[:, :1]])
    model.compile("sgd", ["mae", "mae"])
    expected = sum(
        np.abs(flow[k][0][:, 0, 0, :1] - label[:, None]).sum() for k in range(len(flow)) for label in flow[k][1]
    )
    np.testing.assert_allclose(model.evaluate(flow, verbose=0)[0] * flow.n, expected, rtol=1e-4)


def test_images_and_masks_with_one_seed(jpeg_directory):
    def script(ImageDataGenerator):
        arguments = {"rotation_range": 30, "zoom_range": 0.2, "horizontal_flip": True, "fill_mode": "reflect"}
        flow = {"target_size": (32, 32), "batch_size": 8, "class_mode": None, "seed": 4}
        images = ImageDataGenerator(**arguments, rescale=1 / 255).flow_from_directory(jpeg_directory, **flow)
        masks = ImageDataGenerator(**arguments).flow_from_directory(jpeg_directory, color_mode="grayscale", **flow)
        model = small_cnn(1, "sigmoid")
        model.compile("sgd", "mse")
        train, losses, grey = zip(images, masks, strict=False), [], []
        for _ in range(6):
            image, mask = next(train)
            grey.append(np.abs(image @ np.float32([0.299, 0.587, 0.114]) * 255 - mask[..., 0]).max())
            losses.append(model.train_on_batch(image, mask.mean(axis=(1, 2, 3)) > 100))
        assert max(grey) < 2, "image and mask have moved alike"
        return (losses,)

    both(script)


def test_predict_in_file_order(jpeg_directory):
    def script(ImageDataGenerator):
        test = ImageDataGenerator(rescale=1 / 255).flow_from_directory(
            jpeg_directory, target_size=(32, 32), batch_size=5, class_mode=None, shuffle=False
        )
        model = small_cnn()
        test.reset()
        predictions = model.predict(test, steps=len(test), verbose=0)
        results = pd.DataFrame({"filename": test.filenames, "prediction": np.argmax(predictions, axis=1)})
        labels = {v: k for k, v in test.class_indices.items()}
        assert len(results) == test.samples
        assert [labels[c] for c in test.classes] == [name.split("/")[0] for name in results["filename"]]
        return (predictions,)

    both(script)


def test_saving_augmented_pictures(tmp_path, photos):
    def script(ImageDataGenerator):
        folder = tmp_path / ImageDataGenerator.__module__
        folder.mkdir()
        datagen = ImageDataGenerator(rotation_range=40, width_shift_range=0.2, zoom_range=0.2, fill_mode="nearest")
        x = photos[2][:150, :200].astype("float32")
        x = x.reshape((1, *x.shape))
        i = 0
        for _ in datagen.flow(x, batch_size=1, save_to_dir=folder, save_prefix="cat", save_format="jpeg"):
            i += 1
            if i > 5:
                break
        names = sorted(os.listdir(folder))
        assert len(names) == 6
        return [float(name.split("_")[2].split(".")[0]) for name in names], [
            np.asarray(keras.utils.load_img(folder / name), "float32") for name in names
        ]

    both(script)


def test_a_subclass_with_its_own_standardize(jpeg_directory):
    def script(ImageDataGenerator):
        class Contrast(ImageDataGenerator):
            def __init__(self, *args, gain=1.0, **kwargs):
                super().__init__(*args, **kwargs)
                self.gain = gain

            def standardize(self, x):
                x = super().standardize(x)
                return np.tanh(self.gain * (x - x.mean()) / 100)

        flow = Contrast(rotation_range=20, gain=2.0).flow_from_directory(
            jpeg_directory, target_size=(32, 32), batch_size=8, seed=2
        )
        return [next(flow)[0] for _ in range(4)]

    both(script, tolerance=1e-5)


def test_a_generator_function_around_two_flows(jpeg_directory):
    def script(ImageDataGenerator):
        datagen = ImageDataGenerator(rotation_range=20, rescale=1 / 255)
        arguments = {"target_size": (32, 32), "batch_size": 8, "seed": 2}

        def two_inputs():
            first = datagen.flow_from_directory(jpeg_directory, **arguments)
            second = datagen.flow_from_directory(jpeg_directory, **arguments)
            while True:
                (x1, y), (x2, _) = first.next() if hasattr(first, "next") else next(first), next(second)
                yield x1 + x2, y

        model = small_cnn()
        model.compile("sgd", "categorical_crossentropy")
        return (model.fit(two_inputs(), steps_per_epoch=4, epochs=2, verbose=0).history["loss"],)

    both(script)


def test_the_old_spellings_that_keras_3_lost(jpeg_directory):
    train = ours.ImageDataGenerator().flow_from_directory(jpeg_directory, target_size=(8, 8), seed=1)
    again = ours.ImageDataGenerator().flow_from_directory(jpeg_directory, target_size=(8, 8), seed=1)
    np.testing.assert_array_equal(train.next()[0], next(again)[0])


@pytest.mark.parametrize(
    "loading", [{"workers": 4}, {"workers": 2, "use_multiprocessing": True, "max_queue_size": 4}], ids=str
)
@pytest.mark.filterwarnings("ignore")
def test_fit_with_workers(loading, jpeg_directory):
    datagen = ours.ImageDataGenerator(rotation_range=20, rescale=1 / 255)
    train = datagen.flow_from_directory(jpeg_directory, target_size=(32, 32), batch_size=8, seed=1, **loading)
    assert train.workers == loading["workers"]
    model = small_cnn()
    model.compile("sgd", "categorical_crossentropy")
    done = threading.Event()

    def run():
        model.fit(train, epochs=2, verbose=0)
        done.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(120)
    assert done.is_set(), "model.fit hangs"
