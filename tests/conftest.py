"""Photographs, folders of them, and the legacy module as the reference."""

import ctypes
import gc
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Its rewriting of graphs looks through all registered kernels for each node: a tenth of the time of all tests.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# Of the workers that start from here: each of TensorFlow's many threads keeps what it has freed to itself otherwise.
os.environ.setdefault("MALLOC_ARENA_MAX", "2")

import numpy as np
import pytest
import skimage.data
from PIL import Image


def photographs():
    """Four photographs, uint8 (height, width, 3)."""
    return [getattr(skimage.data, name)()[..., :3] for name in ("astronaut", "coffee", "chelsea", "rocket")]


@pytest.fixture(scope="session")
def photos():
    return photographs()


def save_crops(folder, count, seed, names, modes=("RGB",), smallest=20, largest=90):
    """Save `count` crops of the photographs under the endings in `names`, cycling through Pillow modes."""
    rng = np.random.RandomState(seed)
    sources = [Image.fromarray(photo) for photo in photographs()]
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        source = sources[rng.randint(len(sources))]
        width, height = rng.randint(smallest, largest, 2)
        left, top = rng.randint(source.width - width), rng.randint(source.height - height)
        image = source.crop((left, top, left + width, top + height))
        ending, mode = names[i % len(names)], modes[i % len(modes)]
        if mode == "I;16":
            grey = np.asarray(image.convert("L")).astype("uint16") * 257
            image = Image.fromarray(grey)
        else:
            image = image.convert(mode)
        if ending == "jpg" and image.mode not in ("RGB", "L", "CMYK"):
            image = image.convert("RGB")
        if ending in ("bmp", "ppm") and image.mode not in ("RGB", "L"):
            image = image.convert("RGB")
        image.save(folder / f"{seed}_{i}.{ending}")


@pytest.fixture(scope="session")
def mixed_directory(tmp_path_factory):
    """Three classes of small files in every format and mode, one of them in a sub-folder, sizes all different."""
    root = tmp_path_factory.mktemp("mixed")
    formats = ("jpg", "png", "bmp", "ppm", "tif", "jpg", "png")
    modes = ("RGB", "RGB", "L", "RGB", "RGB", "L", "RGBA", "RGB", "P", "RGB", "RGB", "I;16", "RGB", "LA")
    save_crops(root / "b_second", 9, 1, formats, modes)
    save_crops(root / "A_first", 7, 2, formats, modes)
    save_crops(root / "c third", 6, 3, formats)
    save_crops(root / "c third" / "deeper", 5, 4, formats)
    return root


@pytest.fixture(scope="session")
def jpeg_directory(tmp_path_factory):
    """Two classes of JPEG photographs, 20 and 14."""
    root = tmp_path_factory.mktemp("jpeg")
    save_crops(root / "cats", 20, 5, ("jpg",), smallest=60, largest=120)
    save_crops(root / "dogs", 14, 6, ("jpg",), smallest=60, largest=120)
    return root


LONG = (
    *("test_examples", "test_documents", "test_differential", "test_broken_files", "test_warp", "test_stateless"),
    *("test_dataset", "test_models", "test_pipeline", "test_decoding", "test_random_access", "test_loading"),
    *("test_whose_fault", "test_two_devices", "test_demo", "test_service", "test_seeds", "test_decoding_in_graph"),
)
"""Files that take long, more than half of the time together."""


def pytest_collection_modifyitems(items):
    """Short files last, so that no worker is alone for long at the end."""
    items.sort(key=lambda item: item.path.stem not in LONG)


def pytest_collection_finish():
    """What has been imported is no garbage: Python need not look through it a thousand times."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


@pytest.fixture(autouse=True, scope="module")
def without_garbage():
    """Graphs refer to themselves: hundreds of megabytes of them would wait for Python to look. And TensorFlow keeps the
    gradient of each model that `fit` has traced, and with it the model's graphs, for as long as the process lives."""
    yield
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework.ops import gradient_registry

        for name in [name for name in gradient_registry.list() if name.startswith("CustomGradient-")]:
            del gradient_registry._registry[name]
    gc.collect()
    if sys.platform == "linux":  # what compilers have freed, in between what is kept, goes back to the system
        ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture(autouse=True)
def warned_of_nothing_yet():
    """What is said once a process is said once a test."""
    for name in ("keras_regen.compat.image.batches", "keras_regen.layers.base"):
        if name in sys.modules:
            sys.modules[name]._warned.clear()


@pytest.fixture
def always_compile(monkeypatch):
    """The kernels from the first image on, instead of SciPy until compiling pays."""
    from keras_regen.compat.image import batches

    monkeypatch.setattr(batches, "COMPILE_AFTER_SECONDS", 0.0)


@pytest.fixture
def uncompiled_kernels(monkeypatch):
    """The kernels of layers operation by operation, where TensorFlow would compile each for each shape: 0.3 s and 6 MB
    that never come back. With KERAS_REGEN_COMPILE=1 they are compiled all the same."""
    import keras
    from keras_regen.layers import execution

    if keras.backend.backend() == "jax" or os.environ.get("KERAS_REGEN_COMPILE"):
        return
    function = execution._function
    monkeypatch.setattr(
        execution, "_function", lambda module, kernel, compile, **static: function(module, kernel, False, **static)
    )
