"""`keras-regen bench`: how fast a folder of images becomes batches, the legacy way and in other ways."""

import contextlib
import importlib.metadata
import io
import math
import os
import pathlib
import platform
import shutil
import tempfile

import keras
import PIL
import scipy
import tensorflow as tf

from ..layers import augment
from . import ImageDataGenerator, to_dataset
from .data.decoding import Decoding, load_batch
from .progress import show
from .timing import in_turns, table

AUGMENTATION = {
    "rotation_range": 30,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "shear_range": 10,
    "zoom_range": 0.2,
    "horizontal_flip": True,
    "rescale": 1 / 255,
}
LEGACY, DATASET = "legacy `next(iterator)`", "`to_dataset(iterator)`"
CACHED, DECODING = "`to_dataset(iterator, cache=True)`, from the second epoch on", "decoding and resizing alone"
KERAS, OURS = (f"`image_dataset_from_directory` and {what}" for what in ("Keras's layers", "`augment(RandomAffine)`"))


def bench(directory, size=(224, 224), batch=32, rounds=5, limit=1000):
    """Measure on the user's own images and print a table. See `keras-regen bench --help`.

    Measured are whole passes over the same files, which are read once beforehand. Of more than `limit` files, every
    k-th is taken, by way of a temporary folder of links.

    Args:
        directory: a folder with one folder of images per class.
        size: (height, width) of the batches.
        batch: images per batch.
        rounds: how often everything is measured.
        limit: the most files to use.

    Raises:
        ValueError: the directory holds no images.
        OSError: the directory or one of its files cannot be read.
    """
    print(versions())
    with tempfile.TemporaryDirectory() as folder:
        flow = _quietly(ImageDataGenerator().flow_from_directory, directory)
        if not flow.n:
            raise ValueError(f"`directory` must hold folders of images, one per class. Received: {directory!r}, empty.")
        if flow.n == 1:
            raise ValueError(f"`directory` must hold more than one image to measure. Received: {directory!r} with one.")
        images, used = min(flow.n, limit), directory
        if images < flow.n:
            used = folder
            _link(directory, flow.filenames, images, folder)
        show(f"reading {images:,} of {flow.n:,} images")
        speeds = in_turns(_contenders(used, tuple(size), batch), rounds, show)
        show("")
    number = f"{images:,} of {flow.n:,}" if images < flow.n else f"{images:,}"
    title = f"{number} images of `{os.fspath(directory)}` to {size[0]}x{size[1]}, batch {batch}"
    table(title, speeds, {"ratio": next(iter(speeds))})
    if images < batch:
        print(f"\nFewer images than a batch of {batch}: these figures say how long a pass takes to begin, and no more.")
    else:
        print(f"\n{_limit(speeds, flow.n * size[0] * size[1] * 3)}")
    absent = [name for name in ("numba", "simplejpeg") if _version(name) is None]
    if absent:
        print(f"\nNot installed, though all is faster with them: {', '.join(absent)}. pip install 'keras-regen[fast]'")


def versions():
    """A line with what speeds depend on: the number of cores, and versions."""
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, TensorFlow {tf.__version__}, "
        f"Keras {keras.__version__} ({keras.backend.backend()}), Pillow {PIL.__version__}, SciPy {scipy.__version__}, "
        f"numba {_version('numba')}, simplejpeg {_version('simplejpeg')}"
    )


def _version(package):
    """The version of a package; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def pulls(iterator, batches):
    """A function that pulls this many batches with `next`."""

    def run():
        for _ in range(batches):
            next(iterator)

    return run


def consume(dataset):
    """A function that goes over a dataset once."""

    def run():
        for _ in dataset:
            pass

    return run


def decoding_alone(paths, size, batch):
    """A dataset that only decodes, as `to_dataset` does."""
    decoding = Decoding(*size)
    load = lambda paths: tf.numpy_function(lambda p: load_batch(p, decoding), [paths], tf.uint8)  # noqa: E731
    options = tf.data.Options()
    options.autotune.enabled = False
    batches = tf.data.Dataset.from_tensor_slices(list(paths)).batch(batch)
    return batches.map(load, num_parallel_calls=2).prefetch(2).with_options(options)


def keras_layers():
    """Keras's own layers for `AUGMENTATION` but for `rescale`; without `RandomShear` where Keras is too old for it."""
    layers = [
        keras.layers.RandomRotation(30 / 360, fill_mode="nearest", seed=1),
        keras.layers.RandomTranslation(0.1, 0.1, fill_mode="nearest", seed=2),
        keras.layers.RandomZoom(0.2, 0.2, fill_mode="nearest", seed=4),
        keras.layers.RandomFlip("horizontal", seed=5),
    ]
    if hasattr(keras.layers, "RandomShear"):  # a fraction where that of the generator is an angle
        layers.insert(2, keras.layers.RandomShear(math.tan(math.radians(10)), fill_mode="nearest", seed=3))
    return layers


def keras_loader(directory, size, batch):
    """The loader that Keras advises, resizing as `flow_from_directory` does."""
    return keras.utils.image_dataset_from_directory(
        directory,
        label_mode="categorical",
        image_size=size,
        batch_size=batch,
        interpolation="nearest",
        seed=1,
        verbose=False,
    )


def with_keras_layers(batches):
    """The batches of a dataset through `keras_layers` and rescaling, in parallel."""
    chain = keras.layers.Pipeline([*keras_layers(), keras.layers.Rescaling(AUGMENTATION["rescale"])])
    return batches.map(lambda x, y: (chain(x, training=True), y), tf.data.AUTOTUNE).prefetch(2)


def legacy_generator():
    """The `ImageDataGenerator` of the installed Keras, or None where it has gone."""
    try:
        from keras._tf_keras.keras.preprocessing.image import ImageDataGenerator as Legacy  # noqa: PLC0415
    except ImportError:
        return None
    return Legacy


def _contenders(directory, size, batch):
    """All that is measured, in the form that `in_turns` takes."""

    def flow(generator):
        return _quietly(generator.flow_from_directory, directory, target_size=size, batch_size=batch, seed=1)

    generator, legacy = ImageDataGenerator(**AUGMENTATION), legacy_generator()
    mine = flow(generator)
    for start in range(0, mine.n, batch):  # once in plain Python, where errors name the file
        load_batch(mine.filepaths[start : start + batch], Decoding(*size))
    for _ in range(4):  # the drop-in begins with SciPy and compiles once that pays
        next(mine)
    contenders = {LEGACY: (pulls(flow(legacy(**AUGMENTATION)), len(mine)), mine.n)} if legacy else {}
    contenders["`next(iterator)`"] = pulls(mine, len(mine)), mine.n
    contenders[DATASET] = consume(to_dataset(flow(generator))), mine.n
    contenders |= _after_the_loader_of_keras(generator, directory, size, batch)
    contenders[CACHED] = consume(to_dataset(flow(generator), cache=True)), mine.n
    contenders[DECODING] = consume(decoding_alone(mine.filepaths, size, batch)), mine.n
    return contenders


def _after_the_loader_of_keras(generator, directory, size, batch):
    """Keras's layers and ours. If Keras's loader cannot read the images, a line says so and there are none."""
    try:
        batches = keras_loader(directory, size, batch)
        consume(batches)()
    except (ValueError, tf.errors.OpError) as error:
        print(f"\nWithout `image_dataset_from_directory`, which fails: {str(error).splitlines()[0]}")
        return {}
    images = len(batches.file_paths)
    theirs, ours = with_keras_layers(batches), batches.apply(augment(generator.to_layers(), seed=1)).prefetch(2)
    return {KERAS: (consume(theirs), images), OURS: (consume(ours), images)}


def _limit(speeds, pixels):
    """A sentence about what limits `to_dataset`; `pixels` are the bytes of all decoded images."""
    whole, cached, decoding = (speeds[name] for name in (DATASET, CACHED, DECODING))
    limit = "decoding" if decoding < cached else "the augmentation"
    return (
        f"What limits `to_dataset` is {limit}: decoding alone takes {whole / decoding:.0%} of its time, augmenting "
        f"decoded images {whole / cached:.0%}. With `cache=True`, which keeps {pixels / 2**30:,.1f} GiB in memory for "
        f"the whole folder, epochs from the second on are {cached / whole:.1f} times as fast."
    )


def _link(directory, names, count, folder):
    """Make links in `folder` to `count` of the files, spread evenly over the list of names."""
    for name in (names[i * len(names) // count] for i in range(count)):
        source, link = pathlib.Path(directory, name).absolute(), pathlib.Path(folder, name)
        link.parent.mkdir(parents=True, exist_ok=True)
        try:
            link.symlink_to(source)
        except OSError:  # Windows does not let everyone
            shutil.copyfile(source, link)


def _quietly(function, *args, **kwargs):
    """Call a function without what it prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*args, **kwargs)
