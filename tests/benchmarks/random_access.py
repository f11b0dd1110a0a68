"""`to_grain` and `to_torch` against `to_dataset` and Keras's `format="grain"`: images a second, in turns, medians.

    python -m tests.benchmarks.random_access [--rounds N] [--images N]

On the photographs of `drop_in`: JPEG of 500x375 to 224x224; rotation, shifts, shear, zoom, flip, rescale; whole passes.
Prints a Markdown table.
"""

import argparse
import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grain
import keras
from keras_regen.compat import ImageDataGenerator, to_dataset, to_grain, to_torch
from keras_regen.compat.bench import AUGMENTATION, consume, keras_layers, versions
from keras_regen.compat.timing import in_turns, table

from .drop_in import BATCH, SIZE, write_photographs

DATASET, LAYERS = '`to_dataset(iterator, draws="stateless")`', 'Keras\'s `format="grain"`, its layers in `map`'
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


def contenders(folder):
    def flow():
        datagen = ImageDataGenerator(**AUGMENTATION)
        return datagen.flow_from_directory(folder, target_size=SIZE, batch_size=BATCH, seed=1, verbose=False)

    workers = grain.MultiprocessingOptions(num_workers=WORKERS, per_worker_buffer_size=2)
    datasets = {
        DATASET: to_dataset(flow(), draws="stateless"),
        "`to_grain(iterator)`": to_grain(flow()),
        f"`to_grain(iterator)`, {WORKERS} processes": to_grain(flow()).to_iter_dataset().mp_prefetch(workers),
        f"`to_torch(iterator)`, {WORKERS} processes": to_torch(flow()).loader(
            num_workers=WORKERS, multiprocessing_context="spawn", persistent_workers=True
        ),
        'Keras\'s `format="grain"`, loading alone': kerass(folder),
        LAYERS: kerass(folder).map(Augmented(keras.Sequential(keras_layers()))),
    }
    return {name: (consume(dataset), flow().n) for name, dataset in datasets.items()}


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
