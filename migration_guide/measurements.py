"""Measure the numbers in the text of the guide: `python migration_guide/measurements.py` prints the sentences.

Those below pictures are made by `pictures.py`, and those of the speed by `python -m tests.benchmarks.pipelines` and its
like. The tests look for each sentence on its page.
"""

import math
import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import skimage.data
from keras_regen.compat import ImageDataGenerator, to_dataset

IMAGE = skimage.data.astronaut()[::4, ::4].astype("float32")


def legacy(image=IMAGE, **row):
    """What the legacy code makes of an image, given these numbers."""
    return ImageDataGenerator().apply_transform(image.copy(), row)


def keras_layer(layer, image=IMAGE):
    return np.asarray(layer(image[None], training=True))[0]


def geometry():
    """Keras's rotation, translation and zoom against the legacy code."""
    layers = keras.layers
    pairs = [
        (layers.RandomRotation((20 / 360, 20 / 360), fill_mode="nearest"), {"theta": 20}),
        (layers.RandomTranslation((0.1, 0.1), (0.2, 0.2), fill_mode="nearest"), {"tx": -25.6, "ty": -12.8}),
        (layers.RandomZoom((0.2, 0.2), (-0.1, -0.1), fill_mode="nearest"), {"zx": 0.9, "zy": 1.2}),
    ]
    apart = max(np.abs(keras_layer(layer) - legacy(**row)).max() for layer, row in pairs)
    return (
        "Keras's rotation, translation and zoom give the legacy pixels on square images to "
        f"{math.ceil(apart * 100) / 100:.2f} of 255 grey levels"
    )


def lean(image):
    """By how many columns a row a vertical line leans, in size."""
    rows = np.arange(len(image))
    middles = (image[..., 0] * np.arange(image.shape[1])).sum(axis=1) / image[..., 0].sum(axis=1)
    return abs(np.polyfit(rows, middles, 1)[0])


def shear():
    """Keras's shear against the legacy code."""
    line = np.zeros((129, 129, 1), "float32")
    line[:, 64] = 1
    factors = [math.sin(math.radians(10)), math.tan(math.radians(10))]
    leans = [
        lean(keras_layer(keras.layers.RandomShear(x_factor=(factor, factor), fill_mode="constant"), line))
        for factor in factors
    ]
    return (
        f"A vertical line leans by {lean(legacy(line, shear=10)):.3f} columns a row with `shear_range=10`, by "
        f"{leans[0]:.3f} with `RandomShear(x_factor=math.sin(math.radians(10)))`, and by {leans[1]:.3f} with the "
        "tangent"
    )


def flips():
    """Keras's flip of both axes."""
    layer = keras.layers.RandomFlip("horizontal_and_vertical", seed=1)
    image = IMAGE[::8, ::8]
    flipped = np.asarray(layer(np.repeat(image[None], 400, 0), training=True))
    kinds = (image, image[:, ::-1], image[::-1], image[::-1, ::-1])
    none, horizontal, vertical, both = (int((flipped == kind).all((1, 2, 3)).sum()) for kind in kinds)
    return (
        f"of 400 images {none} stay, {both} are flipped both ways, and {horizontal + vertical} in one way alone, if "
        "Keras's backend is TensorFlow"
    )


def channel_shift():
    """Keras's brightness against the legacy channel shift."""
    layer, apart = keras.layers.RandomBrightness((30 / 255, 30 / 255)), []
    for image in (IMAGE, 40 + IMAGE / 2):
        apart.append(np.abs(keras_layer(layer, image) - legacy(image, channel_shift_intensity=30.0)).max())
    return (
        f"`RandomBrightness(30 / 255)` and `channel_shift_range=30` are up to {apart[0]:.0f} grey levels apart for an "
        f"image with values from 0 to 255, and up to {apart[1]:.0f} for one with values from 40 to 168"
    )


def steps():
    """Batches of each epoch under `steps_per_epoch`."""

    class Count(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.batches = []

        def on_epoch_begin(self, epoch, logs=None):
            self.batches.append(0)

        def on_train_batch_end(self, batch, logs=None):
            self.batches[-1] += 1

    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    counts = []
    for number, repeat in ((4, False), (8, False), (4, True), (8, True)):
        flow, count = ImageDataGenerator().flow(np.zeros((20, 4, 4, 3)), np.zeros(20), batch_size=4), Count()
        data = to_dataset(flow, repeat=True) if repeat else flow
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(data, steps_per_epoch=number, epochs=3, verbose=0, callbacks=[count])
        counts.append(", ".join(map(str, count.batches)))
    return (
        "An iterator of 5 batches gives three epochs of "
        f"{counts[0]} batches with `steps_per_epoch=4`, and of {counts[1]} with `steps_per_epoch=8`; "
        f"`to_dataset(flow, repeat=True)` gives {counts[2]} and {counts[3]}"
    )


SENTENCES = {
    "arguments.md": (geometry, shear, flips, channel_shift),
    "datasets.md": (steps,),
}

if __name__ == "__main__":
    for page, functions in SENTENCES.items():
        for function in functions:
            print(f"{page}: {function()}.")
