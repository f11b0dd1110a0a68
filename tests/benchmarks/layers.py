"""The layers against Keras's own: images a second, in turns, medians and ratios. Prints Markdown tables.

    KERAS_BACKEND=tensorflow|jax|torch python -m tests.benchmarks.layers [--rounds N] [--batch N] [--size N]

Same parameters, fill mode and interpolation on both sides. Keras's shear is a fraction where ours is an angle: the
tangent is taken. On a GPU the time that the bytes of a batch need at the memory's bandwidth is printed beside.
"""

import argparse
import math
import os
import platform
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras_regen.compat.timing import in_turns, table
from keras_regen.layers import (
    Pipeline,
    RandomAffine,
    RandomFlip,
    RandomRotation,
    RandomShear,
    RandomShift,
    RandomZoom,
    augment,
)

BACKEND = keras.backend.backend()


def ours():
    shifts = {"height_shift": 0.1, "width_shift": 0.1}
    return RandomAffine(rotation=30, **shifts, shear=10, zoom=0.2, horizontal_flip=True, seed=1)


def single_layers():
    return [
        RandomRotation(30, seed=1),
        RandomShift(0.1, 0.1, seed=2),
        RandomShear(10, seed=3),
        RandomZoom(0.2, seed=4),
        RandomFlip(seed=5),
    ]


def keras_rotation():
    return keras.layers.RandomRotation(30 / 360, fill_mode="nearest", seed=1)


def keras_chain():
    """One layer after the other, as `keras.layers.Pipeline` calls them."""
    return keras.layers.Pipeline(
        [
            keras_rotation(),
            keras.layers.RandomTranslation(0.1, 0.1, fill_mode="nearest", seed=2),
            keras.layers.RandomShear(math.tan(math.radians(10)), fill_mode="nearest", seed=3),
            keras.layers.RandomZoom(0.2, 0.2, fill_mode="nearest", seed=4),
            keras.layers.RandomFlip("horizontal", seed=5),
        ]
    )


def wait(tensor):
    """Return when the tensor is computed."""
    if BACKEND == "jax":
        tensor.block_until_ready()
    elif BACKEND == "torch":
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()
    else:
        tensor.numpy()


def compiled(layer):
    """The layer inside a compiled function: `tf.function`, `jax.jit`, or as it is."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(lambda images: layer(images, training=True))
    if BACKEND == "jax":
        import jax

        def function(variables, images):
            return layer.stateless_call([], variables, images, training=True)

        jitted = jax.jit(function)

        def call(images):
            if not layer.built:
                layer(images)
            result, variables = jitted([v.value for v in layer.non_trainable_variables], images)
            for variable, value in zip(layer.non_trainable_variables, variables, strict=True):
                variable.assign(value)
            return result

        return call
    return lambda images: layer(images, training=True)


def calls(layers, images, rounds):
    """Speeds of calling each layer on a batch."""

    def contender(layer):
        def run():
            for _ in range(repeats):
                result = layer(images)
            wait(result)

        return run

    on_gpu = accelerator() is not None
    repeats = 20 if on_gpu else 2
    return in_turns({name: (contender(layer), repeats * len(images)) for name, layer in layers.items()}, rounds)


def accelerator():
    """Name and memory bandwidth, in bytes a second, of the GPU; None without one."""
    if BACKEND == "torch":
        import torch

        name = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    elif BACKEND == "jax":
        import jax

        device = jax.devices()[0]
        name = device.device_kind if device.platform == "gpu" else None
    else:
        name = None
    if name is None:
        return None
    return name, next((speed for key, speed in BANDWIDTHS.items() if key in name), None)


BANDWIDTHS = {"H200": 4.8e12, "H100": 3.35e12, "A100": 2.0e12}  # NVIDIA's data sheets


def one_batch(batch, size, rounds):
    rng = np.random.RandomState(0)
    for dtype in ("float32", "uint8"):
        images = keras.ops.convert_to_tensor(rng.randint(0, 256, (batch, size, size, 3)).astype(dtype))
        speeds = calls(
            {
                "Keras, chain of rotation, translation, shear, zoom and flip": compiled(keras_chain()),
                "Keras `RandomRotation`": compiled(keras_rotation()),
                "`RandomRotation`": compiled(RandomRotation(30, seed=1)),
                "`RandomAffine`, all five": compiled(ours()),
                "`RandomAffine`, all five, `fill_mode='reflect'`": compiled(
                    RandomAffine(**{**ours().get_config(), "name": None, "fill_mode": "reflect"})
                ),
                "`Pipeline` of the five single layers, fused": compiled(Pipeline(single_layers())),
                "`RandomAffine`, all five, uint8 out": compiled(
                    RandomAffine(**{**ours().get_config(), "name": None, "dtype": "uint8"})
                ),
            },
            images,
            rounds,
        )
        title = f"{BACKEND}: batch of {batch} {dtype} images of {size}x{size}x3"
        table(title, speeds, {"ratio": next(iter(speeds))})
        ours_, rotation = speeds["`RandomAffine`, all five"], speeds["Keras `RandomRotation`"]
        print(f"\n`RandomAffine` / Keras `RandomRotation`: {ours_ / rotation:.2f}")
        device = accelerator()
        if device:
            name, bandwidth = device
            moved = size * size * 3 * (np.dtype(dtype).itemsize + 4)
            print(f"{name}: read and written once, the bytes allow {bandwidth / moved:,.0f} images/s; "
                  f"`RandomAffine` reaches {ours_ * moved / bandwidth:.2f} of that.")  # fmt: skip


def in_a_dataset(size, batch, rounds):
    import tensorflow as tf

    from .drop_in import consume, write_photographs

    with tempfile.TemporaryDirectory() as folder:
        write_photographs(folder, 512)
        load = {"image_size": (size, size), "batch_size": batch, "shuffle": False, "verbose": False}
        dataset = keras.utils.image_dataset_from_directory(folder, **load)
        chain, affine = keras_chain(), ours()
        parallel = tf.data.AUTOTUNE
        mapped = {
            "decoding alone": dataset,
            "Keras's chain in `map`": dataset.map(lambda x, y: (chain(x, training=True), y), parallel),
            "`RandomAffine` in `map`": dataset.map(lambda x, y: (affine(x, training=True), y), parallel),
            "`dataset.apply(augment(RandomAffine(...), seed=1))`": dataset.apply(augment(ours(), seed=1)),
        }
        speeds = in_turns({name: (consume(d.prefetch(2)), 512) for name, d in mapped.items()}, rounds)
        table(
            f"`image_dataset_from_directory`, JPEG 500x375 to {size}x{size}, batch {batch}", speeds,
            {"ratio": "Keras's chain in `map`"},
        )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    options = parser.parse_args()
    versions = f"Python {platform.python_version()}, Keras {keras.__version__}"
    backend = f"{BACKEND} {__import__(BACKEND).__version__}"
    print(f"{os.cpu_count()} cores, {versions}, {backend}, {accelerator() or 'no GPU'}")
    one_batch(options.batch, options.size, options.rounds)
    if BACKEND == "tensorflow":
        in_a_dataset(options.size, options.batch, options.rounds)


if __name__ == "__main__":
    main()
