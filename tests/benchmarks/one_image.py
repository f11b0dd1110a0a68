"""One image at a time, as in a `Dataset` of PyTorch's or a `map` of Grain's: our layer and `to_torch` against others.

    KERAS_BACKEND=torch|jax|tensorflow python -m tests.benchmarks.one_image [--rounds N] [--size N]

Each takes one NumPy image, (size, size, 3), turns, shears, zooms, shifts and flips it with the same parameters,
bilinear, in one thread, and gives an array or a tensor of float32. In turns, medians. Prints a Markdown table.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import itertools

import keras
import numpy as np
from keras_regen.compat import ImageDataGenerator
from keras_regen.compat.timing import in_turns, table
from keras_regen.layers import RandomAffine

from .rivals import Task, of_albumentations, of_torchvision, without_threads

LAYER = f"`RandomAffine` on {keras.backend.backend()}"
AFFINE = {"rotation_range": 30, "width_shift_range": 0.1, "height_shift_range": 0.1, "shear_range": 10}
AFFINE |= {"zoom_range": 0.2, "horizontal_flip": True}
TASK = {"turn": 30, "shear": 10, "zoom": 0.2, "rows": 0.1, "columns": 0.1, "rescale": 1.0}


def samples(image):
    """One sample after the other of `to_torch`, which draws for each."""
    from keras_regen.compat import to_torch

    flow = ImageDataGenerator(**AFFINE).flow(np.stack([image] * 32), seed=1)
    dataset, numbers = to_torch(flow, batched=False), itertools.count()
    return lambda _: dataset[next(numbers)]


def albumentations(task):
    import albumentations

    without_threads(0)
    transform = albumentations.Compose(of_albumentations(task))
    return lambda image: transform(image=image)["image"].astype("float32", copy=False)


def torchvision(task):
    import torch

    transform = of_torchvision(task)
    return lambda image: transform(torch.from_numpy(image).permute(2, 0, 1).float())


def kornia(task):
    import torch
    from kornia import augmentation

    t = task
    scales = (1 - t.zoom, 1 + t.zoom)
    affine = augmentation.RandomAffine(t.turn, (t.columns, t.rows), scales, (-t.shear, t.shear), padding_mode="border")
    transform = torch.nn.Sequential(affine, augmentation.RandomHorizontalFlip())
    affine.p = 1.0
    return lambda image: transform(torch.from_numpy(image).permute(2, 0, 1)[None].float())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--size", type=int, default=224)
    options = parser.parse_args()
    size = (options.size, options.size)
    image = np.random.RandomState(0).randint(0, 256, (*size, 3)).astype("uint8")
    task = Task([], np.zeros(0), size, 1, **TASK)
    layer = RandomAffine(
        rotation=30, width_shift=0.1, height_shift=0.1, shear=10, zoom=0.2, horizontal_flip=True, seed=1
    )
    functions = {LAYER: lambda image: keras.ops.convert_to_numpy(layer(image))}
    for name, make in {
        "a sample of `to_torch(iterator of arrays, batched=False)`": lambda: samples(image),
        "Albumentations": lambda: albumentations(task),
        "torchvision's transforms v2, black outside": lambda: torchvision(task),
        "kornia": lambda: kornia(task),
    }.items():
        try:
            functions[name] = make()
        except ImportError as error:
            print(f"{name}: not installed: {error.name or error}")

    def several(function):
        def run():
            for _ in range(20):
                function(image)

        return run

    speeds = in_turns({name: (several(function), 20) for name, function in functions.items()}, options.rounds)
    table(f"one uint8 image of {options.size}x{options.size}x3 at a time, one thread", speeds, {"ratio": LAYER})


if __name__ == "__main__":
    main()
