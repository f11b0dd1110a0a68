"""What a device makes of the augmentation: our layer, the device's half of `to_device`, Keras's layers, kornia.

    KERAS_BACKEND=jax|torch python -m tests.benchmarks.gpu [--batch N] [--size N] [--rounds N]

Images a second, in turns, and the peak of the device's memory, for a batch of uint8 images that lies on the device. The
same parameters on all sides. Beside it, the share of the memory's bandwidth that the bytes of a batch need, read and
written once. It runs on a CPU, too, where small sizes will do. kornia and torchvision (PyTorch) are left out where they
are not installed.
"""

import argparse
import math
import os
import platform
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras_regen.compat import ImageDataGenerator
from keras_regen.compat.bench import AUGMENTATION
from keras_regen.compat.timing import in_turns, table
from PIL import Image

from .layers import BACKEND, accelerator, compiled, keras_chain, keras_rotation, ours, wait


def device_half(images):
    """The layer that `to_device` puts in front of a model, as a function of a batch, with rows drawn once."""
    from keras_regen.compat import to_device

    count, *size, _ = images.shape
    with tempfile.TemporaryDirectory() as folder:
        for i in range(count):
            os.makedirs(f"{folder}/a", exist_ok=True)
            Image.new("RGB", (8, 8)).save(f"{folder}/a/{i}.png")
        generator = ImageDataGenerator(**AUGMENTATION)
        flow = generator.flow_from_directory(folder, size, class_mode=None, batch_size=count, seed=1, verbose=False)
        halves, layer = to_device(flow)
        drawn = next(iter(halves))
    rows = {name: keras.ops.convert_to_tensor(np.asarray(row)) for name, row in drawn.items()}
    if BACKEND == "jax":
        import jax

        function = jax.jit(lambda rows: layer(rows, training=True))
        return lambda images: function({**rows, "images": images})
    return lambda images: layer({**rows, "images": images}, training=True)


def of_pytorch():
    """The same five by kornia and by torchvision, as functions of a batch (n, height, width, 3)."""
    turn, shear, zoom = (AUGMENTATION[f"{name}_range"] for name in ("rotation", "shear", "zoom"))
    shifts, scales = (AUGMENTATION["width_shift_range"], AUGMENTATION["height_shift_range"]), (1 - zoom, 1 + zoom)
    made = {}
    try:
        from kornia import augmentation as kornia

        chain = kornia.AugmentationSequential(
            kornia.RandomAffine(turn, shifts, scales, (-shear, shear), padding_mode="border", p=1.0),
            kornia.RandomHorizontalFlip(p=0.5),
        )
        made["kornia `RandomAffine` and flip"] = lambda images: chain(images.permute(0, 3, 1, 2).float())
    except ImportError as error:
        print(f"Without kornia: {error}")
    try:
        from torchvision.transforms import InterpolationMode, v2

        bilinear = InterpolationMode.BILINEAR
        both = v2.Compose(
            [
                v2.RandomAffine(turn, shifts, scales, (-shear, shear), interpolation=bilinear),
                v2.RandomHorizontalFlip(),
            ]
        )
        made["torchvision v2, one draw for the whole batch"] = lambda images: both(images.permute(0, 3, 1, 2).float())
    except ImportError as error:
        print(f"Without torchvision: {error}")
    return made


def peak_megabytes(function, images):
    """The most memory of the device that a call takes; NaN where it does not tell."""
    if BACKEND == "torch":
        import torch

        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            wait(function(images))
            return (torch.cuda.max_memory_allocated() - before) / 2**20
    if BACKEND == "jax":
        import jax

        function(images).block_until_ready()
        statistics = jax.devices()[0].memory_stats() or {}  # of all that came before, too: JAX cannot forget a peak
        return statistics.get("peak_bytes_in_use", math.nan) / 2**20
    return math.nan


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    backend = f"{BACKEND} {__import__(BACKEND).__version__}"
    print(f"Python {platform.python_version()}, Keras {keras.__version__}, {backend}, {accelerator() or 'no GPU'}")
    pixels = np.random.RandomState(0).randint(0, 256, (options.batch, options.size, options.size, 3)).astype("uint8")
    images = keras.ops.convert_to_tensor(pixels)
    functions = {
        "Keras's five layers": compiled(keras_chain()),
        "Keras's `RandomRotation` alone": compiled(keras_rotation()),
        "`RandomAffine`, all five": compiled(ours()),
        "the device's half of `to_device`, all five": device_half(images),
        **(of_pytorch() if BACKEND == "torch" else {}),
    }
    repeats = 20 if accelerator() else 1

    def repeated(function):
        def run():
            for _ in range(repeats):
                result = function(images)
            wait(result)

        return run

    contenders = {name: (repeated(function), repeats * len(images)) for name, function in functions.items()}
    speeds = in_turns(contenders, options.rounds)
    title = f"{backend}: {options.batch} uint8 images of {options.size}x{options.size}"
    table(title, speeds, {"ratio": next(iter(speeds))})
    print("\n| peak of the device's memory | MiB |\n| --- | ---: |")
    for name, function in functions.items():
        print(f"| {name} | {peak_megabytes(function, images):,.0f} |")
    if accelerator() and accelerator()[1]:
        name, bandwidth = accelerator()
        moved = options.size**2 * 3 * (1 + 4)
        print(f"\nOf the {bandwidth / 1e12:.1f} TB/s of {name}, a batch read and written once takes:")
        for contender, speed in speeds.items():
            print(f"- {contender}: {speed * moved / bandwidth:.3f}")


if __name__ == "__main__":
    main()
