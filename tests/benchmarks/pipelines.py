"""All ways from files to batches and through `fit`: images a second, in turns, medians and ratios, and the time of all
cores for an image. Prints Markdown tables.

    python -m tests.benchmarks.pipelines [--rounds N] [--images N]

On the photographs of `drop_in`: JPEG of 500x375 to 224x224 at the nearest pixel; rotation, shifts, shear, zoom, flip,
rescale, bilinear; whole passes, at the end of which nothing is left to do in the background; then arrays of 32x32. What
is not installed is left out: numba, and torch, torchvision, albumentations and opencv-python-headless, which run in two
workers of PyTorch's `DataLoader`.
"""

import argparse
import contextlib
import os
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

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
from keras_regen.compat.data import dataset
from keras_regen.compat.image import batches
from keras_regen.compat.timing import in_turns, table
from PIL import Image

from .drop_in import BATCH, SIZE, arrays, write_photographs

LEGACY, DECODING = "legacy `next(iterator)`", "decoding and resizing alone"
KERAS = "`image_dataset_from_directory` and Keras's five layers"
FIT, FIT_DATASET = "`model.fit(iterator)`", "`model.fit(to_dataset(iterator))`"


class Photographs:
    """The images and labels of an iterator, loaded by OpenCV and transformed by Albumentations, by index."""

    def __init__(self, iterator, rescale):
        import albumentations
        import cv2

        turn, shear, zoom = (AUGMENTATION[f"{name}_range"] for name in ("rotation", "shear", "zoom"))
        rows, columns = AUGMENTATION["height_shift_range"], AUGMENTATION["width_shift_range"]
        self.paths, self.labels = iterator.filepaths, iterator.classes
        self.transform = albumentations.Compose(
            [
                albumentations.Resize(*SIZE, interpolation=cv2.INTER_NEAREST),
                albumentations.Affine(
                    rotate=(-turn, turn),
                    shear={"x": (-shear, shear), "y": (0, 0)},
                    scale={"x": (1 - zoom, 1 + zoom), "y": (1 - zoom, 1 + zoom)},
                    translate_percent={"x": (-columns, columns), "y": (-rows, rows)},
                    interpolation=cv2.INTER_LINEAR,
                    border_mode=cv2.BORDER_REPLICATE,
                    p=1,
                ),
                albumentations.HorizontalFlip(p=0.5),
                *([albumentations.ToFloat(max_value=1 / AUGMENTATION["rescale"])] if rescale else []),
            ]
        )

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        import cv2

        image = cv2.cvtColor(cv2.imread(self.paths[index]), cv2.COLOR_BGR2RGB)
        return self.transform(image=image)["image"], self.labels[index]


def without_threads(worker):
    """Each worker is one thread."""
    import cv2

    cv2.setNumThreads(0)


class TensorPhotographs(Photographs):
    """The same by Pillow and the transforms v2 of torchvision."""

    def __init__(self, iterator):
        from torchvision.transforms import InterpolationMode, v2

        turn, shear, zoom = (AUGMENTATION[f"{name}_range"] for name in ("rotation", "shear", "zoom"))
        shifts = AUGMENTATION["width_shift_range"], AUGMENTATION["height_shift_range"]
        self.paths, self.labels = iterator.filepaths, iterator.classes
        bilinear = {"interpolation": InterpolationMode.BILINEAR}
        self.transform = v2.Compose(
            [
                v2.PILToTensor(),
                v2.Resize(SIZE, InterpolationMode.NEAREST_EXACT),
                v2.ToDtype(torch_module().float32, scale=True),
                v2.RandomAffine(turn, shifts, (1 - zoom, 1 + zoom), (-shear, shear), **bilinear),
                v2.RandomHorizontalFlip(),
            ]
        )

    def __getitem__(self, index):
        return self.transform(Image.open(self.paths[index]).convert("RGB")), self.labels[index]


def torch_module():
    import torch

    return torch


def loaders(iterator):
    """Two workers, which stay from epoch to epoch, of each library that is installed."""

    def loader(photographs):
        return torch_module().utils.data.DataLoader(
            photographs,
            BATCH,
            shuffle=True,
            num_workers=2,
            multiprocessing_context="spawn",  # a fork of a process with TensorFlow may hang
            worker_init_fn=without_threads,
            persistent_workers=True,
        )

    made = {}
    for name, make in {
        "Albumentations and OpenCV, two workers": lambda: Photographs(iterator, True),
        "Albumentations and OpenCV, two workers, uint8, not rescaled": lambda: Photographs(iterator, False),
        "torchvision's transforms v2, two workers": lambda: TensorPhotographs(iterator),
    }.items():
        try:
            made[name] = loader(make())
        except ImportError as error:
            print(f"Without {name}: {error}")
    return made


@contextlib.contextmanager
def without_numba():
    """What is called or made inside leaves the transformation to XLA."""
    kept = dataset.image_kernel, batches.image_kernel
    dataset.image_kernel = batches.image_kernel = lambda *_: None
    try:
        yield
    finally:
        dataset.image_kernel, batches.image_kernel = kept


def pooled_model():
    """As little as can be trained: pooling and one dense layer."""
    layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential([keras.Input((*SIZE, 3)), *layers])
    model.compile("sgd", "categorical_crossentropy")
    return model


def contenders(folder):
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
        **{name: consume(loader) for name, loader in loaders(first).items()},
        DECODING: consume(decoding_alone(first.filepaths, SIZE, BATCH)),
    }
    return {name: (function, min(whole, 4) * BATCH if name == LEGACY else n) for name, function in functions.items()}


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
    parser.add_argument("--images", type=int, default=1024)
    options = parser.parse_args()
    print(versions())
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(folder, options.images)
        measured = contenders(folder)
        speeds = in_turns(measured, options.rounds)
        times = core_milliseconds(measured)
    references = {"of legacy": LEGACY, "of Keras": KERAS, "of decoding": DECODING}
    table("JPEG 500x375 to 224x224, batch 32", speeds, references)
    for whole, part in ((FIT, "`next(iterator)`"), (FIT_DATASET, "`to_dataset(iterator)`")):
        print(f"\n{whole} reaches {speeds[whole] / speeds[part]:.2f} of {part}.")
    print("\n| time of all cores, without other processes | ms for an image |\n| --- | ---: |")
    for name, milliseconds in times.items():
        print(f"| {name} | {milliseconds:.2f} |")
    arrays(options.rounds)


if __name__ == "__main__":
    main()
