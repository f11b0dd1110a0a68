"""The kernel of Numba against SciPy, image by image, and in the flows against the legacy order of things."""

import dataclasses

import keras
import numpy as np
import pytest
import scipy
from keras_regen.compat import ImageDataGenerator, to_dataset
from keras_regen.compat.data import image_kernel as module
from keras_regen.compat.data import rooms
from keras_regen.compat.data.augmentation import Augmentation, Statistics
from keras_regen.compat.data.image_kernel import FILL_MODES, image_kernel
from keras_regen.compat.data.one_image import augmented
from keras_regen.compat.data.rows import Rows, neutral
from keras_regen.compat.image import batches
from keras_regen.layers.kernels import adjust_brightness_8bit, shift_channels
from PIL import Image

from ..kernels.scipy_warp import TINY, random_matrices, scipy_warp

pytest.importorskip("numba")
pytestmark = pytest.mark.skipif(
    tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 16),
    reason="before 1.16 SciPy added the offset of a coordinate last",
)

PLAIN = Augmentation(
    dtype="float32", data_format="channels_last", input_format="channels_last", warp=True, output_dtype="float32"
)


def transformed(augmentation, images, rows):
    return image_kernel(augmentation, Statistics(), images.shape[1:], images.dtype.name).batch(images, rows)


def moved(images, rng):
    return neutral(np.zeros(len(images)))._replace(matrix=random_matrices(rng, *images.shape[:3]))


def assert_within_an_ulp(got, want):
    assert got.shape == want.shape and got.dtype == want.dtype
    np.testing.assert_array_max_ulp(got, want, maxulp=1)
    assert np.count_nonzero(got != want) <= 1


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("order", [0, 1])
def test_equals_scipy(order, fill_mode, channels, dtype):
    rng = np.random.default_rng(order)
    warp = dataclasses.replace(PLAIN, order=order, fill_mode=fill_mode, fill_value=17.3)
    for size, count in [((17, 300), 3), ((3, 700), 3), ((40, 31), 7), *((tiny, 30) for tiny in TINY)]:
        images = rng.integers(0, 256, (count, *size, channels)).astype(dtype)
        rows = moved(images, rng)
        want = scipy_warp(images.astype("float32"), rows.matrix, order, fill_mode, 17.3)
        assert_within_an_ulp(transformed(warp, images, rows), want)


def test_flips_scales_and_rounds():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, 20, 31, 3)).astype("uint8")
    flips = {"flip_horizontal": rng.random(8) < 0.5, "flip_vertical": rng.random(8) < 0.5}
    rows = moved(images, rng)._replace(**flips)
    want = scipy_warp(images.astype("float32"), rows.matrix, 1, "nearest")
    for i in range(8):
        want[i] = want[i][:: -1 if flips["flip_vertical"][i] else 1, :: -1 if flips["flip_horizontal"][i] else 1]
    flipping = dataclasses.replace(PLAIN, flip=True)
    assert_within_an_ulp(transformed(flipping, images, rows), want)
    scaled = dataclasses.replace(flipping, rescale=1 / 255)
    assert_within_an_ulp(transformed(scaled, images, rows), want * np.float32(1 / 255))
    for rescale in (None, 1.7, -0.3):
        rounded = dataclasses.replace(flipping, rescale=rescale, output_dtype="uint8")
        got = transformed(rounded, images, rows)
        values = np.floor(want * np.float32(rescale or 1) + np.float32(0.5)).clip(0, 255)
        assert got.dtype == "uint8"
        assert np.count_nonzero(got != values) <= 1
    still = dataclasses.replace(PLAIN, warp=False, flip=True)  # the matrices, which there still are, do not count
    step = {name: np.where(flip, -1, 1) for name, flip in flips.items()}
    by_hand = [image[:: step["flip_vertical"][i], :: step["flip_horizontal"][i]] for i, image in enumerate(images)]
    np.testing.assert_array_equal(transformed(still, images, rows), by_hand)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("fill_value", [0.0, -40.0, 300.0])
def test_colours_equal_numpy(channels, fill_value):
    """Values beyond 0 to 255, which `fill_value` brings, are stretched to them before they are brightened."""
    rng = np.random.default_rng(channels)
    images = rng.integers(30, 200, (12, 21, 34, channels)).astype("uint8")
    images[-1] = 7  # an image of one value
    flips = {"flip_horizontal": rng.random(12) < 0.5, "flip_vertical": rng.random(12) < 0.5}
    drawn = {"channel_shift": rng.uniform(-80, 80, 12), "brightness": rng.uniform(0, 3, 12)}
    drawn["channel_shift"][::3] = drawn["brightness"][::4] = np.nan
    rows = moved(images, rng)._replace(**flips, **drawn)
    for asked in ({"channel_shift": True}, {"brightness": True}, {"channel_shift": True, "brightness": True}):
        for output in ("float32", "uint8"):
            augmentation = dataclasses.replace(
                PLAIN, fill_mode="constant", fill_value=fill_value, flip=True, rescale=0.7, output_dtype=output, **asked
            )
            got = transformed(augmentation, images, rows)
            want = [
                augmented(augmentation, image, Rows(*(column[i] for column in rows)), Statistics())
                for i, image in enumerate(images)
            ]
            assert got.dtype == output
            # A grey level comes of values that are an ulp away from a whole one.
            assert np.count_nonzero(got != want) <= 2 and np.abs(got - np.array(want, "float64")).max() <= 1


def test_colours_alone_equal_those_of_the_layers():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (9, 20, 30, 3)).astype("uint8")
    rows = neutral(np.zeros(9))._replace(channel_shift=rng.uniform(-80, 80, 9), brightness=rng.uniform(0, 3, 9))
    values = images.astype("float32")
    for name, change in (("channel_shift", shift_channels), ("brightness", adjust_brightness_8bit)):
        got = transformed(dataclasses.replace(PLAIN, warp=False, **{name: True}), images, rows)
        np.testing.assert_array_equal(got, keras.ops.convert_to_numpy(change(values, getattr(rows, name))))


@pytest.mark.parametrize("shape", [(3, 8, 5, 1), (8, 224, 224, 3)])
def test_memory_is_used_again_when_nobody_looks_at_it(shape):
    array = rooms.room(shape, "float32")
    array[:] = 7
    assert (array.shape, array.dtype, array.ctypes.data % 64) == (shape, "float32", 0)
    part, place = array[1:, ::2].transpose(3, 0, 1, 2), array.ctypes.data
    del array
    other = rooms.room(shape, "float32")
    other[:] = 8
    assert np.all(part == 7)
    del part
    if large := np.prod(shape) > 2**18:
        assert rooms.room(shape, "float32").ctypes.data == place
    held = [rooms.room(shape, "uint8") for _ in range(9)]
    assert len({one.ctypes.data for one in held}) == 9
    held.clear()
    assert len(rooms._free) <= rooms._free.maxlen and bool(rooms._free) >= large


@pytest.mark.parametrize("shape", [(61, 30, 3), (130, 140, 3)])
def test_images_of_an_array_are_read_where_they_are(shape):
    rng = np.random.default_rng(0)
    images, indices = rng.integers(0, 256, (10, *shape)).astype("float32"), rng.integers(0, 10, 33)
    rows = moved(images[indices], rng)
    kernel = image_kernel(PLAIN, Statistics(), images.shape[1:], "float32")
    np.testing.assert_array_equal(kernel.batch(images, rows, indices), kernel.batch(images[indices], rows))


def test_no_matrix_reads_outside_of_an_image():
    wild = [np.nan, np.inf, -np.inf, 1e300, -1e300, 2.0**31, -(2.0**63)]
    images = np.full((len(wild), 20, 30, 3), 7, "uint8")
    for place in range(6):
        matrix = np.tile(np.eye(2, 3), (len(wild), 1, 1))
        matrix.reshape(-1, 6)[:, place] = wild
        for order in (0, 1):
            for fill_mode in ("nearest", "reflect", "wrap"):
                rows = neutral(np.zeros(len(wild)))._replace(matrix=matrix)
                warp = dataclasses.replace(PLAIN, order=order, fill_mode=fill_mode)
                for form in (images, images.astype("float32")[..., :2]):
                    assert np.all(transformed(warp, form, rows) == 7)


@pytest.mark.parametrize(
    "change",
    [
        *({"samplewise_center": True}, {"samplewise_std": True}, {"order": 2}),
        *({"channel_shift": True, "fill_value": np.nan}, {"brightness": True, "fill_value": np.inf}),
        *({"data_format": "channels_first"}, {"output_dtype": "float16"}, {"dtype": "float64"}),
        *({"preprocess": abs}, {"warp": False}),
    ],
    ids=str,
)
def test_what_else_is_asked_is_left_to_others(change):
    assert image_kernel(PLAIN, Statistics(), (8, 8, 3), "uint8") is not None
    assert image_kernel(dataclasses.replace(PLAIN, **change), Statistics(), (8, 8, 3), "uint8") is None


def test_a_measured_mean_is_left_to_others():
    assert image_kernel(PLAIN, Statistics(mean=np.zeros((1, 1, 3), "float32")), (8, 8, 3), "uint8") is None
    assert image_kernel(PLAIN, Statistics(), (8, 8, 3), "int16") is None
    colours = dataclasses.replace(PLAIN, channel_shift=True)  # NaN may be among values of float32
    assert image_kernel(colours, Statistics(), (8, 8, 3), "float32") is None


@pytest.fixture
def kernels(monkeypatch):
    """Those that are made, with compiling paying at once."""
    made = []

    class Noted(module.ImageKernel):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(module, "ImageKernel", Noted)
    monkeypatch.setattr(batches, "COMPILE_AFTER_SECONDS", 0.0)
    return made


@pytest.fixture
def folder(tmp_path):
    rng = np.random.RandomState(0)
    for i in range(7):
        (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        pixels = rng.randint(0, 256, (9, 8, 3)).astype("uint8")
        Image.fromarray(pixels).resize((30, 26)).save(tmp_path / "ab"[i % 2] / f"{i}.png")
    return tmp_path


def assert_same_batches(got, want):
    for (x, y), (a, b) in zip(got, want, strict=True):
        np.testing.assert_array_max_ulp(np.asarray(x), a, maxulp=1)
        np.testing.assert_array_equal(y, b)


MOVES = {"rotation_range": 40, "zoom_range": 0.3, "horizontal_flip": True, "vertical_flip": True, "rescale": 1 / 255}


@pytest.mark.parametrize("color_mode", ["rgb", "grayscale"])
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_flows_from_files(color_mode, on_error, folder, kernels, monkeypatch):
    def flow():
        generator = ImageDataGenerator(**MOVES, fill_mode="reflect")
        options = {"target_size": (21, 24), "batch_size": 3, "seed": 5, "color_mode": color_mode, "on_error": on_error}
        return generator.flow_from_directory(folder, **options, verbose=False)

    if on_error == "skip":
        (folder / "a" / "broken.png").write_bytes(b"\x89PNG broken")
    with monkeypatch.context() as patched:
        patched.setattr(batches, "COMPILE_AFTER_SECONDS", 1e9)  # by SciPy
        it = flow()
        want = [next(it) for _ in range(len(it))]
    assert not kernels
    it = flow()
    assert_same_batches([next(it) for _ in range(len(it))], want)
    assert len(kernels) == len(it)
    for arguments in ({}, {"cache": True}):
        del kernels[:]
        assert_same_batches(to_dataset(flow(), **arguments), want)
        assert len(kernels) == 1
    (rounded, _) = next(iter(to_dataset(flow(), dtype="uint8")))
    assert rounded.dtype == "uint8" and np.all(np.asarray(rounded) <= 1)


def test_flows_from_arrays(kernels, monkeypatch):
    x, y = np.random.RandomState(0).uniform(0, 255, (200, 12, 10, 3)).astype("float32"), np.arange(200)
    with monkeypatch.context() as patched:
        patched.setattr(batches, "COMPILE_AFTER_SECONDS", 1e9)
        it = ImageDataGenerator(**MOVES).flow(x, y, batch_size=150, seed=1)
        want = [next(it) for _ in range(2)]
    it = ImageDataGenerator(**MOVES).flow(x, y, batch_size=150, seed=1)
    assert_same_batches([next(it) for _ in range(2)], want)
    assert_same_batches(to_dataset(ImageDataGenerator(**MOVES).flow(x, y, batch_size=150, seed=1)), want)
    assert len(kernels) == 3


def test_without_numba_xla_does_it(folder, monkeypatch, kernels):
    monkeypatch.setattr(module, "_compiled", lambda *_: None)
    it = ImageDataGenerator(rotation_range=20).flow_from_directory(folder, target_size=(9, 9), verbose=False)
    assert next(it)[0].shape == (7, 9, 9, 3)
    assert not kernels


def test_memory_is_aligned_for_tensorflow_and_of_the_batch_alone():
    images = np.zeros((5, 7, 9, 3), "uint8")
    for dtype in ("uint8", "float32"):
        got = transformed(dataclasses.replace(PLAIN, output_dtype=dtype), images, neutral(np.zeros(5)))
        assert got.ctypes.data % 64 == 0
        assert got.flags.writeable and got.flags.c_contiguous


def test_rows_of_any_layout():
    """Of tensors of TensorFlow, as read-only arrays, and of every second row."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 9, 9, 3)).astype("uint8")
    rows = moved(images, rng)
    other = Rows(*(np.repeat(column, 2, axis=0)[::2] for column in rows))
    frozen = np.repeat(images, 2, axis=0)[::2]
    frozen.setflags(write=False)
    np.testing.assert_array_equal(transformed(PLAIN, frozen, other), transformed(PLAIN, images, rows))
