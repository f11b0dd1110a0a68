"""`keras-regen demo`: a classic script with the import changed, and what the change brings."""

import contextlib
import io
import os
import pathlib
import tempfile
import warnings

import keras
import numpy as np
from PIL import Image

from . import ImageDataGenerator
from .data.decoding import Decoding, load_batch, naming
from .data.needing_tensorflow import tensorflow
from .progress import show
from .timing import in_turns

AUGMENTATION = {
    "rotation_range": 20,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "shear_range": 10,
    "zoom_range": 0.1,
    "horizontal_flip": True,
    "rescale": 1 / 255,
}
SIZE, BATCH, EPOCHS, STEPS = (96, 96), 32, 5, 30


def demo(directory=None, picture="keras_regen_demo.png", make=None):
    """Train, compare and draw. See `keras-regen demo --help`.

    Args:
        directory: a folder with one folder of images per class, or None to make one of drawn shapes.
        picture: path of the PNG to write.
        make: path of a folder to make, of fewer drawn shapes; nothing else is done then.

    Raises:
        ValueError: the directory holds fewer than two classes with images, or is given together with `make`.
        OSError: the directory or one of its files cannot be read, or `make` is there already.
        ImportError: there is no TensorFlow, and `make` is not given.
    """
    if make is not None:
        if directory is not None:
            raise ValueError(f"`--make` takes no other directory. Received: {directory!r} and --make {make!r}")
        make_folder(make, 80)
        print(f"Made {make}: 3 x 80 JPEGs of circles, crosses and squares.")
        return
    tf = tensorflow(
        "`keras-regen demo`", "`keras-regen demo --make photos` makes a folder, and the README has a program."
    )
    with contextlib.ExitStack() as stack:
        if directory is None:
            directory = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), "shapes")
            print("Making a folder of 3 x 240 JPEGs: circles, squares and crosses, 320x240.")
            make_folder(directory)
        try:
            accuracy = _train(directory)
        except tf.errors.OpError:
            _read_all(directory)
            raise
        speeds = _compare(directory, tf)
        _draw(directory, picture)
    print(f"\nValidation accuracy: {accuracy:.0%}. Images per second, at 224x224, batch 32:")
    first = next(iter(speeds.values()))
    for name, speed in speeds.items():
        print(f"  {name:<28} {speed:7,.0f}   {speed / first:5.1f} x")
    print(f"Augmented images: {picture}")


def make_folder(directory, count=240):
    """Write JPEGs of circles, squares and crosses on noisy ground, one folder each, into a new folder."""
    pathlib.Path(directory).mkdir(parents=True)
    rng = np.random.RandomState(0)
    y, x = np.mgrid[:240, :320]
    shapes = {
        "circle": lambda u, v, r: u * u + v * v < r * r,
        "cross": lambda u, v, r: (np.minimum(abs(u), abs(v)) < r / 4) & (np.maximum(abs(u), abs(v)) < r),
        "square": lambda u, v, r: np.maximum(abs(u), abs(v)) < r * 0.9,
    }
    for name, inside in shapes.items():
        folder = pathlib.Path(directory, name)
        folder.mkdir()
        for i in range(count):
            u, v, r = x - rng.randint(90, 230), y - rng.randint(80, 160), rng.randint(35, 75)
            ground, colour = rng.randint(0, 100, 3), rng.randint(150, 256, 3)
            image = np.where(inside(u, v, r)[..., None], colour, ground) + rng.normal(0, 20, (240, 320, 1))
            path = folder / f"{i:03}.jpg"
            with naming(path):
                Image.fromarray(np.clip(image, 0, 255).astype("uint8")).save(path, quality=90)


def _train(directory):
    from . import to_dataset  # noqa: PLC0415 - to make a folder does without TensorFlow

    datagen = ImageDataGenerator(**AUGMENTATION, validation_split=0.2)
    flow = {"target_size": SIZE, "batch_size": BATCH, "seed": 1}
    train = datagen.flow_from_directory(directory, subset="training", **flow)
    validation = datagen.flow_from_directory(directory, subset="validation", **flow)
    if train.num_classes < 2 or not len(train) or not len(validation):
        raise ValueError(
            f"`directory` must hold at least two folders of images, one per class. Received {directory!r} with "
            f"{train.num_classes} folders and {train.n + validation.n} images."
        )
    model = keras.Sequential(
        [
            keras.Input(train.image_shape),
            *(
                layer
                for filters in (16, 32, 64)
                for layer in (
                    keras.layers.Conv2D(filters, 3, use_bias=False),
                    keras.layers.BatchNormalization(momentum=0.8),
                    keras.layers.ReLU(),
                    keras.layers.MaxPooling2D(),
                )
            ),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(train.num_classes, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-3), "categorical_crossentropy", metrics=["accuracy"])
    steps = min(len(train), STEPS)
    history = model.fit(
        to_dataset(train).take(steps),
        validation_data=to_dataset(validation).take(steps),
        epochs=EPOCHS,
        shuffle=False,  # the iterator has
        verbose=2,
    )
    return history.history["val_accuracy"][-1]


def _read_all(directory):
    """Read every file in plain Python, where errors name it."""
    paths = _quiet_flow(ImageDataGenerator(), directory).filepaths
    for start in range(0, len(paths), BATCH):
        load_batch(paths[start : start + BATCH], Decoding(*SIZE))


def _quiet_flow(generator, directory):
    with contextlib.redirect_stdout(io.StringIO()):
        return generator.flow_from_directory(directory, target_size=(224, 224), batch_size=BATCH, seed=1)


def _compare(directory, tf, rounds=3, batches=4, epoch=30):
    """Images per second of each way, in turns, after a check that their batches agree.

    `batches` are pulled at a time with `next`, `epoch` at most from the dataset, which takes a moment to begin.
    """
    from . import to_dataset  # noqa: PLC0415
    from .bench import consume  # noqa: PLC0415

    mine, ahead = (_quiet_flow(ImageDataGenerator(**AUGMENTATION), directory) for _ in range(2))
    legacy = getattr(getattr(tf.keras.preprocessing, "image", None), "ImageDataGenerator", None)
    batches = min(batches, len(mine))
    ways = {}
    if legacy is None:
        print("The installed Keras has no legacy ImageDataGenerator to compare with.")
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            theirs = _quiet_flow(legacy(**AUGMENTATION), directory)
            difference = max(np.abs(next(theirs)[0] - next(mine)[0]).max() for _ in range(batches))
        verdict = "agree" if difference <= np.spacing(np.float32(1)) else "DIFFER"
        print(f"{batches} batches {verdict} with those of the legacy module: largest difference {difference:.2g}.")
        ways["legacy module"] = _first(theirs, batches)
    dataset = to_dataset(ahead).take(epoch)
    # The drop-in begins with SciPy and compiles once that pays: pull batches until it has.
    for _ in range(4):
        next(mine)
    ways["drop-in, next(iterator)"] = _first(mine, batches)
    ways["to_dataset(iterator)"] = consume(dataset), min(ahead.n, epoch * BATCH)
    return in_turns(ways, rounds, show)


def _first(iterator, batches):
    """A function that pulls the first batches of an epoch, and the number of images in them."""

    def pull():
        iterator.reset()
        for _ in range(batches):
            next(iterator)

    return pull, min(iterator.n, batches * BATCH)


def _draw(directory, picture, columns=8, rows=4):
    """Save a grid: an original in the first column, augmented versions of it beside."""
    flow = _quiet_flow(ImageDataGenerator(**AUGMENTATION), directory)
    generator = flow.image_data_generator
    rng = np.random.RandomState(0)
    grid = []
    for path in rng.choice(flow.filepaths, min(rows, flow.n), replace=False):
        image = np.asarray(keras.utils.load_img(path, target_size=(128, 128)), dtype="float32")
        grid.append(np.hstack([image, *(generator.random_transform(image) for _ in range(columns - 1))]))
    os.makedirs(os.path.dirname(os.path.abspath(picture)), exist_ok=True)
    with naming(picture):
        Image.fromarray(np.vstack(grid).astype("uint8")).save(picture)
