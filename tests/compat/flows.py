"""Flows of every kind, and the comparison of their batches."""

import numpy as np
import pandas as pd
from keras import tree

AUGMENTATION = {"rotation_range": 30, "width_shift_range": 0.2, "zoom_range": 0.2, "horizontal_flip": True}


def flatten(batch):
    return [leaf for part in batch for leaf in flatten(part)] if isinstance(batch, (tuple, list)) else [batch]


def pull(iterator, epochs=2):
    return [next(iterator) for _ in range(epochs * len(iterator))]


def assert_same_batches(dataset, batches, epochs=2):
    got = [batch for _ in range(epochs) for batch in dataset.as_numpy_iterator()]
    assert len(got) == len(batches)
    for a, b in zip(got, batches, strict=True):
        tree.assert_same_structure(a, tuples(b))
        for x, y in zip(flatten(a), flatten(b), strict=True):
            if y.dtype.kind in "OUS":
                np.testing.assert_array_equal(x.astype(str), y.astype(str))
                continue
            assert x.dtype == y.dtype
            assert x.shape == y.shape
            if x.dtype.kind == "f":
                np.testing.assert_array_max_ulp(x, y, 1)
            else:
                np.testing.assert_array_equal(x, y)


def tuples(batch):
    return tuple(tuples(part) for part in batch) if isinstance(batch, (tuple, list)) else batch


def files(generator, directory, **arguments):
    return generator.flow_from_directory(directory, target_size=(20, 24), batch_size=8, **arguments)


def frame_of(directory):
    names = sorted(str(p.relative_to(directory)) for p in directory.rglob("*.jpg"))
    rng = np.random.RandomState(0)
    return pd.DataFrame(
        {
            "filename": names,
            "class": [name.split("/")[0] for name in names],
            "several": [[["red"], ["red", "blue"], ["green"]][i % 3] for i in range(len(names))],
            "one or several": [["red", ["red", "blue"], ("green",)][i % 3] for i in range(len(names))],
            "age": rng.randint(0, 90, len(names)),
            "size": rng.rand(len(names)),
            "weight": rng.rand(len(names)),
        }
    )


def table(generator, directory, **arguments):
    return generator.flow_from_dataframe(
        frame_of(directory), directory, target_size=(20, 24), batch_size=8, seed=3, **arguments
    )


def array(generator, **arguments):
    rng = np.random.RandomState(0)
    x, y = rng.uniform(0, 255, (21, 12, 10, 3)).astype("float32"), rng.randint(0, 5, 21)
    return generator.flow(arguments.pop("x", x), arguments.pop("y", y), batch_size=6, **arguments)


def image_and_mask(directory=None, library=None, **masks):
    """The segmentation idiom: two generators, the same seed."""
    library = library or __import__("keras_regen.compat").compat
    images = np.random.RandomState(0).uniform(0, 255, (21, 16, 16, 3)).astype("float32")
    labels = (images[..., :1] > 128) * 4.0
    x = library.ImageDataGenerator(**AUGMENTATION, rescale=1 / 255).flow(images, batch_size=6, seed=1)
    y = library.ImageDataGenerator(**AUGMENTATION, **masks).flow(labels, batch_size=6, seed=1)
    return x, y
