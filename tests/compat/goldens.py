"""What the legacy module of Keras 3.15 gave, kept so that the tests keep their meaning when Keras drops it.

    python -m tests.compat.goldens

writes `goldens.npz` anew. For each of the first configurations of `configurations.make`: 48 pixels of every batch,
the labels, and the state of NumPy's generator afterwards.
"""

import pathlib
import tempfile

import numpy as np
from PIL import Image

from .configurations import make, pull

CONFIGURATIONS = 120
PATH = pathlib.Path(__file__).with_name("goldens.npz")


def write_directory(root):
    """PNGs of noise in three classes and four modes: the same bytes of pixels with any version of any decoder."""
    rng = np.random.RandomState(0)
    for name, count in {"A_first": 7, "b_second": 9, "c third": 6}.items():
        (root / name).mkdir()
        for i in range(count):
            height, width = rng.randint(10, 60, 2)
            mode, channels = [("RGB", 3), ("L", 1), ("RGBA", 4), ("RGB", 3)][i % 4]
            pixels = rng.randint(0, 256, (height, width, channels)).astype("uint8")
            Image.fromarray(pixels[..., 0] if mode == "L" else pixels).save(root / name / f"{i}.png")


def sample(batches, seed):
    """Sampled pixels of all batches as one float64 array, and all the labels and weights as another."""
    rng = np.random.RandomState(seed)
    pixels, others = [], []
    for batch in batches:
        leaves = list(_leaves(batch))
        for leaf in leaves:
            if leaf.ndim == 4:
                pixels.append(leaf.ravel()[rng.randint(0, leaf.size, 48)] if leaf.size else [])
            elif leaf.dtype.kind in "fiu":
                others.append(leaf.ravel())
    return [np.concatenate([np.asarray(a, "float64") for a in [[], *arrays]]) for arrays in (pixels, others)]


def _leaves(batch):
    if isinstance(batch, (tuple, list)):
        for part in batch:
            yield from _leaves(part)
    else:
        yield batch


def main():
    from keras.src.legacy.preprocessing import image as legacy

    goldens = {}
    with tempfile.TemporaryDirectory() as root:
        write_directory(pathlib.Path(root))
        for seed in range(CONFIGURATIONS):
            iterator, settings = make(legacy, seed, pathlib.Path(root), nearest=True)
            batches, state = pull(iterator, seed)
            pixels, others = sample(batches, seed)
            goldens[f"{seed}_pixels"] = pixels.astype("float64" if settings.get("dtype") else "float32")
            goldens[f"{seed}_others"], goldens[f"{seed}_state"] = others, state
    np.savez_compressed(PATH, **goldens)
    print(f"{PATH}: {PATH.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
