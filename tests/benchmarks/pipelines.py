"""All ways from files to batches and through `fit`: images a second, in turns, medians and ratios, and the time of all
cores for an image. Prints Markdown tables.

    python -m tests.benchmarks.pipelines [--rounds N] [--images N]

On the photographs of `drop_in`: JPEG of 500x375 to 224x224 at the nearest pixel; rotation, shifts, shear, zoom, flip,
rescale, bilinear; whole passes, at the end of which nothing is left to do in the background; then arrays of 32x32. The
libraries of `rivals` that are not installed have a row that says so.
"""

import argparse
import contextlib
import os
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from keras.src.legacy.preprocessing import image as legacy
from keras_regen.compat import ImageDataGenerator, to_dataset, to_device
from keras_regen.compat.bench import (
    AUGMENTATION,
    consume,
    decoding_alone,
    keras_loader,
    pulls,
    versions,
    with_keras_layers,
)
from keras_regen.compat.data import image_kernel
from keras_regen.compat.timing import in_turns, table

from .drop_in import BATCH, SIZE, arrays, write_photographs
from .rivals import RIVALS, Task

LEGACY, DECODING = "legacy `next(iterator)`", "decoding and resizing alone"
KERAS = "`image_dataset_from_directory` and Keras's five layers"
FIT, FIT_DATASET = "`model.fit(iterator)`", "`model.fit(to_dataset(iterator))`"


@contextlib.contextmanager
def without_numba():
    """What is called or made inside leaves the transformation to XLA, and the decoding to Pillow."""
    kept = image_kernel._compiled
    image_kernel._compiled = lambda *_: None
    try:
        yield
    finally:
        image_kernel._compiled = kept


def pooled_model():
    """As little as can be trained: pooling and one small dense layer."""
    # Of what pools, this takes TensorFlow the least on a CPU: half of what a global average does.
    layers = [keras.layers.AveragePooling2D(32), keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential([keras.Input((*SIZE, 3)), *layers])
    model.compile("sgd", "categorical_crossentropy")
    return model


def installed(iterator):
    """The batches of each of `RIVALS` that is installed; and for each that is not, the reason."""
    named = ("rotation", "shear", "zoom", "height_shift", "width_shift")
    numbers = [AUGMENTATION[f"{name}_range"] for name in named]
    task = Task(iterator.filepaths, iterator.classes, SIZE, BATCH, *numbers, AUGMENTATION["rescale"])
    made, absent = {}, {}
    for name, make in RIVALS.items():
        try:
            made[name] = make(task)
        except ImportError as error:
            absent[name] = f"not installed: {error.name or error}"
    return made, absent


def contenders(folder):
    """All that is measured, as `in_turns` takes it; and why others are not."""

    def flow(generator=None):
        generator = generator or ImageDataGenerator(**AUGMENTATION)
        return generator.flow_from_directory(folder, target_size=SIZE, batch_size=BATCH, seed=1)

    def fitting(data):
        model = pooled_model()
        return lambda: model.fit(data, verbose=0)

    def by_xla(function):
        def run():
            with without_numba():
                function()

        return run

    first, theirs = flow(), flow(legacy.ImageDataGenerator(**AUGMENTATION))
    whole, n = len(first), first.n
    rivals, absent = installed(first)
    functions = {LEGACY: pulls(theirs, min(whole, 4))}
    for what, wrapped in {"": lambda function: function, ", without numba": by_xla}.items():
        with without_numba() if what else contextlib.nullcontext():
            plain, kept = to_dataset(flow()), to_dataset(flow(), cache=True)
        functions[f"`next(iterator)`{what}"] = wrapped(pulls(flow(), whole))
        functions[f"`to_dataset(iterator)`{what}"] = consume(plain)
        functions[f"`to_dataset(iterator, cache=True)`, from the second epoch on{what}"] = consume(kept)
    functions |= {
        '`to_dataset(iterator, dtype="uint8")`, not rescaled': consume(
            to_dataset(flow(ImageDataGenerator(**{**AUGMENTATION, "rescale": None})), dtype="uint8")
        ),
        "the host's half of `to_device(iterator)`": consume(to_device(flow())[0]),
        FIT: fitting(flow()),
        FIT_DATASET: fitting(to_dataset(flow())),
        KERAS: consume(with_keras_layers(keras_loader(folder, SIZE, BATCH))),
        **{name: consume(batches) for name, batches in rivals.items()},
        DECODING: consume(decoding_alone(first.filepaths, SIZE, BATCH)),
    }
    images = {name: min(whole, 4) * BATCH if name == LEGACY else n for name in functions}
    return {name: (function, images[name]) for name, function in functions.items()}, absent


def core_milliseconds(measured):
    """For each contender, as `in_turns` takes it, the time of all cores for an image, in this process, in ms."""
    times = {}
    for name, (function, images) in measured.items():
        start = time.process_time()
        function()
        times[name] = 1e3 * (time.process_time() - start) / images
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", type=int, default=2048)
    options = parser.parse_args()
    print(versions())
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(folder, options.images)
        measured, absent = contenders(folder)
        speeds = in_turns(measured, options.rounds)
        times = core_milliseconds(measured)
    references = {"of legacy": LEGACY, "of Keras": KERAS, "of decoding": DECODING}
    table("JPEG 500x375 to 224x224, batch 32", speeds, references)
    for name, why in absent.items():
        print(f"| {name} | {why} |{' |' * len(references)}")
    for whole, part in ((FIT, "`next(iterator)`"), (FIT_DATASET, "`to_dataset(iterator)`")):
        print(f"\n{whole} reaches {speeds[whole] / speeds[part]:.2f} of {part}.")
    print("\n| time of all cores, without other processes | ms for an image |\n| --- | ---: |")
    for name, milliseconds in times.items():
        print(f"| {name} | {milliseconds:.2f} |")
    arrays(options.rounds)


if __name__ == "__main__":
    main()
