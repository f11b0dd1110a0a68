"""A NumPy image by machine code: what the backend makes of it, drawn alike from the same stream of seeds."""

import keras
import numpy as np
import pytest
from keras_regen.layers import Pipeline, RandomAffine, RandomFlip, RandomRotation, kernels, one_image
from keras_regen.layers.execution import engine
from keras_regen.layers.kernels import FILL_MODES

pytest.importorskip("numba")

ALL = {"rotation": 40, "height_shift": 0.2, "width_shift": 3, "shear": 10, "zoom": 0.3}
ALL |= {"horizontal_flip": True, "vertical_flip": True}


@pytest.fixture
def made(monkeypatch):
    """How many images the machine code has made."""
    done = []
    warped = one_image.MachineCode.warped
    monkeypatch.setattr(one_image.MachineCode, "warped", lambda self, *a: done.append(a) or warped(self, *a))
    return done


def by_backend(layer, image, seed):
    """What the layer makes of a batch of the image with the seed that a call of the image has."""
    if seed is not None:
        seed = np.array([[seed & 0xFFFFFFFF, seed >> 32]], "uint32").view("int32")
    return keras.ops.convert_to_numpy(layer(image[None], seed=seed))[0]


def pixels(shape, dtype, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(dtype)


CASES = [
    *({"fill_mode": fill_mode, "fill_value": 17.3, **ALL} for fill_mode in FILL_MODES),
    *({"fill_mode": fill_mode, "fill_value": 17.3, "interpolation": "nearest", **ALL} for fill_mode in FILL_MODES),
    {"dtype": "uint8", "fill_mode": "constant", "fill_value": 300, **ALL},
    {"data_format": "channels_first", **ALL},
    {"rotation": (90, 90), "fill_mode": "constant"},
    {"height_shift_choices": [1, 4.5], "width_shift_choices": 5, "uniform_zoom": True, "zoom": (0.5, 2)},
    {"horizontal_flip": True, "vertical_flip": True, "dtype": "uint8"},
]


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_equals_the_backend(dtype, made, uncompiled_kernels):
    calls = 0
    for number, arguments in enumerate(CASES):
        for shape in ((19, 34, 3), ((12, 12, 1), (1, 9, 4), (7, 1, 2))[number % 3]):
            image = pixels(shape, dtype, number)
            if arguments.get("data_format") == "channels_first":
                image = np.moveaxis(image, -1, 0)  # without a memory order of its own
            before = image.copy()
            layer = RandomAffine(**arguments)
            seed = number + 2**40 * (number % 2)
            got, want = keras.ops.convert_to_numpy(layer(image, seed=seed)), by_backend(layer, image, seed)
            calls += 1
            assert (got.shape, got.dtype) == (want.shape, want.dtype)
            # A coordinate that is rounded otherwise may be a pixel off, or outside.
            far = np.abs(got.astype("float64") - want) > 0.02 + (got.dtype == "uint8")
            assert np.mean(far) <= (0.02 if min(shape[:2]) > 1 else 0.2), (arguments, shape, np.mean(far))
            np.testing.assert_array_equal(image, before)
    assert len(made) == calls


def test_results_are_tensors_of_the_backend(made):
    result = RandomFlip(seed=1)(pixels((4, 5, 3), "uint8"))
    assert keras.ops.is_tensor(result) and len(made) == 1
    strange = np.array([[[np.nan], [np.inf]], [[1e30], [-2.0]]], "float32")  # pixels are copied
    flipped = keras.ops.convert_to_numpy(RandomFlip(seed=1)(strange, seed=3))
    np.testing.assert_array_equal(flipped, by_backend(RandomFlip(seed=1), strange, 3))


def test_draws_to_the_bit(uncompiled_kernels):
    code, seed = one_image.machine_code(pixels((4, 4, 3), "uint8"), "float32"), np.array([5, 2**32 - 7], "uint32")
    ops = engine(None).ops
    key = ops.convert_to_tensor(seed.view("int32"))
    for data in (0, -3, 2**31 - 1):
        key = kernels.fold_in(key, ops.convert_to_tensor(np.int32(data)), ops=ops)
    folded = np.array([0, -3, 2**31 - 1], "int64").astype("uint32")
    got = code.uniforms(seed, folded, RandomAffine().uniforms)
    index = ops.convert_to_tensor(np.zeros(1, "int32"))
    want = kernels.uniform(key, index, columns=tuple(range(len(got))), ops=ops)
    np.testing.assert_array_equal(list(got.values()), keras.ops.convert_to_numpy(want)[0])


def test_one_stream_of_seeds(made, uncompiled_kernels):
    image = pixels((9, 11, 3), "uint8")
    layer, other = RandomAffine(seed=4, **ALL), RandomAffine(seed=4, **ALL)
    for in_batch in (False, True, False, False):
        got = layer(image[None])[0] if in_batch else layer(image)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(got), by_backend(other, image, None), atol=0.02)
    assert len(made) == 3
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(x.seed_generator.state.value) for x in (layer, other)))


class Doubled(RandomRotation):
    def apply(self, images, transformation, ops):
        return super().apply(images, transformation, ops) * 2


class Outer(keras.layers.Layer):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, x, training=None):
        return x + keras.ops.convert_to_tensor(self.inner(pixels((6, 6, 3), "float32")))


def test_what_else_is_asked_is_left_to_the_backend(made, monkeypatch, uncompiled_kernels):
    image, layer = pixels((6, 6, 3), "float32"), RandomAffine(seed=1, **ALL)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(image, training=False)), image)
    zeros = np.zeros(image.shape, "float32")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(Outer(layer)(zeros, training=False)), image)
    assert not np.array_equal(keras.ops.convert_to_numpy(Outer(layer)(zeros, training=True)), image)
    doubled = keras.ops.convert_to_numpy(Doubled(30)(image, seed=2))
    np.testing.assert_allclose(doubled, 2 * by_backend(RandomRotation(30), image, 2), atol=0.1)
    layer(image.astype("float64"))
    RandomAffine(interpolation="spline3", **ALL)(image)
    RandomAffine(dtype="float16", **ALL)(image)
    layer({"images": image})
    layer(image[None])
    Pipeline([RandomRotation(3)])(image)
    with pytest.raises(ValueError, match="`seed` must be"):
        layer(image, seed=np.zeros(3, "int32"))
    layer.draw = lambda *_: {"height": 6, "width": 6}
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(image)), image)
    monkeypatch.setattr(one_image, "_machine_code", lambda _: None)  # without numba
    RandomAffine(**ALL)(image)
    assert not made


def test_while_a_graph_is_traced(made):
    """The seed is not known then."""
    image, layer = pixels((6, 6, 3), "uint8"), RandomAffine(seed=1, **ALL)
    if keras.backend.backend() == "jax":
        import jax

        compiled = jax.jit(lambda seed: layer(image, seed=seed))
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        compiled = tf.function(lambda seed: layer(image, seed=seed), autograph=False)
    else:
        pytest.skip("PyTorch traces nothing here")
    seed = np.array([3, 0], "int32")
    got = keras.ops.convert_to_numpy(compiled(seed))
    assert not made
    np.testing.assert_allclose(got, keras.ops.convert_to_numpy(layer(image, seed=3)), atol=0.02)
    assert len(made) == 1


def test_no_matrix_reads_outside_of_an_image():
    for dtype in ("uint8", "float32"):
        image = np.full((20, 30, 3), 7, dtype)
        code = one_image.machine_code(image, "float32")
        for place in range(6):
            for wild in (np.nan, np.inf, -np.inf, 1e300, -1e300, 2.0**31, -(2.0**63)):
                matrix = np.eye(2, 3)
                matrix.flat[place] = wild
                for order in (0, 1):
                    for fill_mode in ("nearest", "reflect", "wrap"):
                        assert np.all(code.warped(image, matrix, order, fill_mode, 0.0) == 7)
