"""`to_grain` and `to_torch` against `to_dataset`, Keras's `format="grain"`: images a second, medians.

    python -m tests.benchmarks.random_access [--rounds N] [--images N]

On the photographs of `drop_in`: JPEG of 500x375 to 224x224; rotation, shifts, shear, zoom, flip, rescale; whole passes,
in turns, with numba and, in the threads of this process, without. Prints a Markdown table. Other libraries are in
`pipelines`.
"""

import argparse
import contextlib
import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grain
import keras
from keras_regen.compat import ImageDataGenerator, to_dataset, to_grain, to_torch
from keras_regen.compat.bench import AUGMENTATION, consume, keras_layers, versions
from keras_regen.compat.data import image_kernel
from keras_regen.compat.timing import in_turns, table

from .drop_in import BATCH, SIZE, write_photographs

DATASET, LAYERS = "`to_dataset(iterator)`", 'Keras\'s `format="grain"`, its layers in `map`'
WORKERS = 2


class Augmented(grain.transforms.Map):
    """Keras's layers on a batch of Grain's."""

    def __init__(self, layers):
        self.layers = layers

    def map(self, batch):
        images, labels = batch
        return self.layers(images, training=True), labels


def kerass(folder):
    return keras.utils.image_dataset_from_directory(
        folder, image_size=SIZE, batch_size=BATCH, seed=1, label_mode="categorical", format="grain", verbose=False
    )


@contextlib.contextmanager
def without_numba():
    """What is called or made inside is warped by XLA."""
    kept = image_kernel._compiled
    image_kernel._compiled = lambda *_: None
    try:
        yield
    finally:
        image_kernel._compiled = kept


def contenders(folder):
    def flow():
        datagen = ImageDataGenerator(**AUGMENTATION)
        return datagen.flow_from_directory(folder, target_size=SIZE, batch_size=BATCH, seed=1, verbose=False)

    def by_xla(function):
        def run():
            with without_numba():
                function()

        return run

    workers = grain.MultiprocessingOptions(num_workers=WORKERS, per_worker_buffer_size=2)
    spawned = {"num_workers": WORKERS, "multiprocessing_context": "spawn", "persistent_workers": True}
    functions = {DATASET: consume(to_dataset(flow()))}
    with without_numba():
        functions[f"{DATASET}, without numba"] = by_xla(consume(to_dataset(flow())))
    functions |= {
        '`to_dataset(iterator, draws="stateless")`': consume(to_dataset(flow(), draws="stateless")),
        "`to_grain(iterator)`": consume(to_grain(flow())),
        "`to_grain(iterator)`, without numba": by_xla(consume(to_grain(flow()))),
        '`to_grain(iterator, draws="replay")`': consume(to_grain(flow(), draws="replay")),
        f"`to_grain(iterator)`, {WORKERS} processes": consume(to_grain(flow()).to_iter_dataset().mp_prefetch(workers)),
        f"`to_torch(iterator)`, {WORKERS} processes": consume(to_torch(flow()).loader(**spawned)),
        'Keras\'s `format="grain"`, loading alone': consume(kerass(folder)),
        LAYERS: consume(kerass(folder).map(Augmented(keras.Sequential(keras_layers())))),
    }
    return {name: (function, flow().n) for name, function in functions.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=512)
    options = parser.parse_args()
    print(versions())
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(folder, options.images)
        speeds = in_turns(contenders(folder), options.rounds)
    table("JPEG 500x375 to 224x224, batch 32", speeds, {"of `to_dataset`": DATASET, "of Keras": LAYERS})


if __name__ == "__main__":
    main()
