"""Whether the batches of a configuration are those of the legacy module of the installed Keras."""

import keras
import numpy as np
import scipy
from keras.src.legacy.preprocessing import image as legacy
from keras_regen.compat import image as ours

from .configurations import make, pull
from .flows import flatten

# Before 1.16 SciPy adds the offset of a coordinate last. Where a shear leaves a row or a column on the edge, an ulp of
# the coordinate decides whether its pixels are inside.
OLD_SCIPY = tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 16)

ATTRIBUTES = (
    "n",
    "batch_size",
    "shuffle",
    "seed",
    "batch_index",
    "total_batches_seen",
    "dtype",
    "data_format",
    "image_shape",
    "target_size",
    "color_mode",
    "interpolation",
    "samples",
    "num_classes",
    "class_indices",
    "classes",
    "filenames",
    "filepaths",
    "labels",
    "class_mode",
    "split",
    "subset",
)


def as_arrays(batch):
    """The batch with NumPy arrays where the legacy code yields arrays of pandas 3: strings under class_mode="raw"."""
    if isinstance(batch, (tuple, list)):
        return type(batch)(as_arrays(part) for part in batch)
    return batch if isinstance(batch, np.ndarray) else np.asarray(batch, dtype=object)


def structure(batch):
    return [structure(part) for part in batch] if isinstance(batch, (tuple, list)) else type(batch).__name__


def assert_images(got, want, settings):
    """The promises of the guide, on the images of one batch."""
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    if not want.size:
        return
    got, want = got.astype("float64"), want.astype("float64")
    magnitude = np.abs(want).max()
    if settings.get("samplewise_center") or settings.get("samplewise_std_normalization"):
        # Of an image of one colour the legacy code leaves the rounding of its mean, divided by 1e-6 if asked.
        spatial = (2, 3) if settings.get("data_format") == "channels_first" else (1, 2)
        varied = np.ptp(want, axis=spatial).max(axis=1) > 1e-3 * (settings.get("rescale") or 1)
        if not varied.any():
            return
        got, want = got[varied], want[varied]
        magnitude = np.abs(want).max()
    if settings["statistical"] and not OLD_SCIPY:
        # Relative to the values and, because centring cancels, to the largest of them.
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * magnitude)
        return
    if OLD_SCIPY:
        tolerance = 1e-5 if settings["statistical"] else 1e-6
        assert np.mean(~np.isclose(got, want, rtol=tolerance, atol=tolerance * magnitude)) < 1e-2
        return
    different = np.abs(got - want) > np.spacing(np.abs(want).astype("float32")).astype("float64")
    if settings.get("interpolation_order", 1) > 1:
        # A spline of higher order passes through sums that cancel, in SciPy as here: one ulp of the largest value.
        different &= np.abs(got - want) > np.spacing(np.float32(magnitude))
    if keras.backend.backend() == "torch":
        # Its sampling rounds a coordinate once more, which shows where hardly anything is left of a pixel.
        different &= np.abs(got - want) > 1e-12 * magnitude
    assert not different.any() or settings.get("brightness_range"), (different.sum(), np.abs(got - want).max())
    settings["pixels"][0] += want.size
    settings["pixels"][1] += different.sum()
    if different.any():  # brightness truncates, so that one ulp before it can be one grey level after it
        grey_level = settings.get("rescale") or 1
        assert np.abs(got - want).max() <= grey_level * max(1, magnitude / grey_level / 255) * 1.001


def check(seeds, mixed_directory):
    pixels = [0, 0]
    for seed in seeds:
        theirs, settings = make(legacy, seed, mixed_directory)
        mine, _ = make(ours, seed, mixed_directory)
        try:
            want, state = pull(theirs, seed)
            got, my_state = pull(mine, seed)
            assert my_state == state, "NumPy's global generator is in another state"
            for a, b in zip(got, map(as_arrays, want), strict=True):
                assert structure(a) == structure(b)
                for i, (x, y) in enumerate(zip(flatten(a), flatten(b), strict=True)):
                    if x.ndim == 4:
                        assert_images(x, y, {**settings, "pixels": pixels})
                    else:
                        assert x.dtype == y.dtype, i
                        np.testing.assert_array_equal(x, y)
            for name in ATTRIBUTES:
                if hasattr(theirs, name):
                    value = getattr(theirs, name)
                    value = as_arrays(value) if name == "labels" and not isinstance(value, list) else value
                    np.testing.assert_equal(getattr(mine, name), value, err_msg=name)
            assert len(mine) == len(theirs)
        except Exception as error:
            error.add_note(f"configuration {seed}: {settings}") if hasattr(error, "add_note") else None
            raise
    assert pixels[1] <= max(1, pixels[0] / 1e6)
