"""The warp against SciPy, and the laws of geometry."""

import ml_dtypes
import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st
from keras import ops as keras_ops
from keras_regen.layers.kernels import flip, warp_affine
from keras_regen.layers.kernels.boundary import FILL_MODES
from keras_regen.layers.kernels.spline import ORDERS

from .conftest import law
from .scipy_warp import TINY, random_matrices, scipy_warp

same_order_as_scipy = pytest.mark.skipif(
    tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 16),
    reason="before 1.16 SciPy added the offset of a coordinate last: an ulp of it, which shows where it is an integer",
)


def rotations(degrees, height, width):
    """About the centre of the image, as the legacy generator composes them."""
    angle = np.deg2rad(np.asarray(degrees, "float64"))
    linear = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1).reshape(-1, 2, 2)
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    return np.concatenate([linear, (centre - linear @ centre)[..., None]], axis=2)


def assert_agrees(result, expected, order, largest):
    """To the last bit up to order 1, to an ulp of the largest magnitude above."""
    assert result.shape == expected.shape and result.dtype == expected.dtype
    if order <= 1:
        np.testing.assert_array_max_ulp(result, expected, maxulp=1)
        assert np.count_nonzero(result != expected) <= 1
    else:
        np.testing.assert_allclose(result, expected, rtol=0, atol=np.spacing(np.float32(largest)))


EVERY_WAY = [0, 1, 3, *(pytest.param(order, marks=pytest.mark.slow) for order in (2, 4, 5))]
"""The orders; of those that few use, graphs take time and memory, and compiled ones are tested besides."""
EACH_MODE = [(1, "nearest"), (0, "constant"), (1, "reflect"), (3, "wrap")]
EACH_MODE += [
    pytest.param(order, fill_mode, marks=pytest.mark.slow)
    for order in ORDERS
    for fill_mode in FILL_MODES
    if (order, fill_mode) not in EACH_MODE
]
"""Each fill mode and the usual orders, where `test_equals_scipy` has all together in the same way of running."""


@pytest.mark.parametrize(("order", "fill_mode"), [(2, "reflect"), (4, "wrap"), (5, "constant")])
def test_equals_scipy_at_other_orders(run_compiled, order, fill_mode):
    test_equals_scipy(run_compiled, order, fill_mode)


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("order", EVERY_WAY)
def test_equals_scipy(run, order, fill_mode):
    rng = np.random.default_rng(order)
    images = rng.integers(0, 256, (7, 17, 24, 3)).astype("uint8")
    matrix = random_matrices(rng, 7, 17, 24)
    result = run(warp_affine, {"images": images, "matrix": matrix}, order=order, fill_mode=fill_mode, fill_value=17.3)
    expected = scipy_warp(images.astype("float32"), matrix, order, fill_mode, 17.3)
    assert_agrees(result, expected, order, 255)


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("order", ORDERS)
def test_equals_scipy_on_tiny_images(run_eager, order, fill_mode):
    rng = np.random.default_rng(order)
    for height, width in TINY:
        images = rng.integers(0, 256, (30, height, width, 1)).astype("float32")
        matrix = random_matrices(rng, 30, height, width)
        result = run_eager(warp_affine, {"images": images, "matrix": matrix}, order=order, fill_mode=fill_mode)
        # The inverse filter amplifies rounding a little: coefficients of order 5 are larger than the pixels.
        assert_agrees(result, scipy_warp(images, matrix, order, fill_mode), order, 1023 if order > 1 else 255)


@pytest.mark.parametrize(("order", "fill_mode"), EACH_MODE)
def test_one_graph_for_every_size(order, fill_mode):
    """Equals, on tiny images too, what a graph traced with their height and width gives."""
    tf = pytest.importorskip("tensorflow")
    ops = pytest.importorskip("keras_regen.layers.backends.tensorflow").ops
    function = tf.function(
        lambda images, matrix: warp_affine(images, matrix, order=order, fill_mode=fill_mode, ops=ops),
        [tf.TensorSpec((None, None, None, 1), "uint8"), tf.TensorSpec((None, 2, 3), "float64")],
        autograph=False,
    )
    rng = np.random.default_rng(order)
    for height, width in (*TINY, (5, 2), (40, 31)):
        images = rng.integers(0, 256, (30, height, width, 1)).astype("uint8")
        matrix = random_matrices(rng, 30, height, width)
        known = warp_affine(images, matrix, order=order, fill_mode=fill_mode, ops=ops)
        atol = np.spacing(np.float32(255)) if order > 1 else 0
        np.testing.assert_allclose(function(images, matrix), known, rtol=0, atol=atol)


@same_order_as_scipy
@pytest.mark.parametrize(("order", "fill_mode"), EACH_MODE)
def test_equals_scipy_on_photographs(run_compiled, photographs, order, fill_mode):
    matrix = rotations([10, 90, -33.3, 180], *photographs.shape[1:3])
    result = run_compiled(warp_affine, {"images": photographs, "matrix": matrix}, order=order, fill_mode=fill_mode)
    assert_agrees(result, scipy_warp(photographs.astype("float32"), matrix, order, fill_mode), order, 255)


@pytest.mark.parametrize("order", [1])
@pytest.mark.parametrize("dtype", ["uint8", "float16", "bfloat16", "float32", "float64"])
def test_dtypes_of_images(run, dtype, order):
    rng = np.random.default_rng(0)
    images = (rng.integers(0, 256, (4, 9, 11, 3)) - (0 if dtype == "uint8" else 128)).astype(
        ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    )
    matrix = random_matrices(rng, 4, 9, 11)
    result = run(warp_affine, {"images": images, "matrix": matrix}, order=order, fill_mode="reflect")
    assert_agrees(result, scipy_warp(images.astype("float64"), matrix, order, "reflect"), order, 255)


@pytest.mark.parametrize("dtype", ["float16", "float64", "uint8", "int32"])
@pytest.mark.parametrize("order", [0, 3])
def test_dtypes_of_results(run_compiled, dtype, order):
    """Integers are rounded and clipped as in SciPy; a spline overshoots both ends."""
    rng = np.random.default_rng(0)
    images = (255 * rng.integers(0, 2, (4, 9, 11, 3))).astype("float64")
    matrix = random_matrices(rng, 4, 9, 11)
    arrays = {"images": images, "matrix": matrix}
    result = run_compiled(warp_affine, arrays, order=order, fill_mode="wrap", dtype=dtype)
    computed = "float64" if dtype == "float16" else dtype
    expected = scipy_warp(images, matrix, order, "wrap", dtype=computed).astype(dtype)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, expected, rtol=0, atol=0 if "int" in dtype or dtype == "float16" else 1e-11)


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("order", [0, 1, 3])
def test_float32_matrix_is_float32_arithmetic(run_eager, photographs, order, fill_mode):
    """What every backend can do: the same pictures, but where a rounding decides between two pixels."""
    matrix = rotations([10, -20, 30, 40], *photographs.shape[1:3])
    arrays = {"images": photographs, "matrix": matrix.astype("float32")}
    up = np.array([True, False, True, False])
    result = run_eager(warp_affine, {**arrays, "flip_vertical": up}, order=order, fill_mode=fill_mode)
    expected = scipy_warp(photographs.astype("float32"), matrix, order, fill_mode)
    expected[up] = expected[up, ::-1]
    assert result.dtype == np.float32
    assert np.mean(np.abs(result - expected) > 0.05) < 1e-3


@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_millions_of_pixels_equal_scipy(run_compiled, fill_mode):
    """The promise of the docstring, at a size where one pixel in a million would show."""
    rng = np.random.default_rng(8)
    images = rng.integers(0, 256, (8, 224, 224, 3)).astype("uint8")
    matrix = random_matrices(rng, 8, 224, 224)
    matrix[::2] = rotations(rng.uniform(-40, 40, 4), 224, 224)
    result = run_compiled(warp_affine, {"images": images, "matrix": matrix}, fill_mode=fill_mode)
    assert_agrees(result, scipy_warp(images.astype("float32"), matrix, 1, fill_mode), 1, 255)


@same_order_as_scipy
@pytest.mark.parametrize("fill_mode", ["nearest", "constant"])
@pytest.mark.parametrize("order", [0, 1])
def test_coordinates_are_not_contracted_to_fused_multiply_adds(run, order, fill_mode):
    """Odd sizes turned about a pixel, by angles that bring edges to edges: an ulp decides what is outside, which pixel
    is nearest, and whether a black pixel stays exactly black."""
    rng = np.random.default_rng(0)
    for height, width in ((31, 31), (30, 31)):
        images = rng.integers(1, 256, (40, height, width, 1)).astype("uint8")
        images[:, height // 2, width // 2] = 0
        degrees = np.concatenate([np.arange(0, 360, 15), rng.uniform(-180, 180, 16)])
        matrix = rotations(degrees, height, width)
        result = run(warp_affine, {"images": images, "matrix": matrix}, order=order, fill_mode=fill_mode)
        expected = scipy_warp(images.astype("float32"), matrix, order, fill_mode)
        assert np.count_nonzero(result != expected) == 0


def test_wrap_divides_exactly(run):
    """Coordinates an ulp around whole periods: a reciprocal in place of the division swaps the first and last pixel."""
    lengths = [n for n in range(3, 60) if any((k * (n - 1)) * (1 / (n - 1)) != k for k in range(9))]
    assert lengths
    for length in lengths[:2]:
        images = np.arange(1.0, length + 1, dtype="float32").reshape(1, 1, length, 1).repeat(60, axis=0)
        matrix = np.tile(np.eye(2, 3), (60, 1, 1))
        shifts = np.concatenate([np.arange(-10, 0), np.arange(1, 11)]) * (length - 1.0)
        matrix[:, 1, 2] = np.concatenate([shifts, np.nextafter(shifts, -np.inf), np.nextafter(shifts, np.inf)])
        for fill_mode in ("wrap", "reflect"):
            result = run(warp_affine, {"images": images, "matrix": matrix}, order=0, fill_mode=fill_mode)
            np.testing.assert_array_equal(result, scipy_warp(images, matrix, 0, fill_mode))


def test_weights_of_a_coordinate_just_beside_a_pixel(run):
    """1 - (1 - t), as SciPy has it, is not t to the last bit: it shows where the pixel is black."""
    images = np.tile(np.array([0.0, 200.0, 0.0], "float32").reshape(1, 1, 3, 1), (40, 1, 1, 1))
    matrix = np.tile(np.eye(2, 3), (40, 1, 1))
    matrix[:, 1, 2] = np.geomspace(1e-15, 1e-8, 40) * np.where(np.arange(40) % 2, 1, -1)
    result = run(warp_affine, {"images": images, "matrix": matrix}, fill_mode="reflect")
    np.testing.assert_array_equal(result, scipy_warp(images, matrix, 1, "reflect"))


def test_far_coordinates(run):
    images = np.arange(24, dtype="float32").reshape(2, 3, 4, 1)
    matrix = np.array([[[1, 0, 1e12], [0, 1, -1e12]], [[1e10, 0, 0], [0, -1e10, 0]]])
    for fill_mode in ("nearest", "constant"):
        result = run(warp_affine, {"images": images, "matrix": matrix}, fill_mode=fill_mode, fill_value=-1.0)
        np.testing.assert_array_equal(result, scipy_warp(images, matrix, 1, fill_mode, -1.0))


def test_empty_batch(run_compiled):
    empty = {"images": np.zeros((0, 5, 6, 3), "uint8"), "matrix": np.zeros((0, 2, 3))}
    for order in (0, 1, 3):
        assert run_compiled(warp_affine, empty, order=order).shape == (0, 5, 6, 3)


@pytest.mark.parametrize("order", [0, 1])
def test_flips_cost_nothing_and_are_exact(run, photographs, order):
    matrix = rotations([10, -20, 30, 40], *photographs.shape[1:3])
    up, left = np.array([False, True, False, True]), np.array([False, False, True, True])
    arrays = {"images": photographs, "matrix": matrix}
    both = run(warp_affine, {**arrays, "flip_vertical": up, "flip_horizontal": left}, order=order)
    expected = np.array(run(warp_affine, arrays, order=order))
    expected[up] = expected[up, ::-1]
    expected[left] = expected[left, :, ::-1]
    np.testing.assert_array_equal(both, expected)


def test_convention_matrix_maps_output_to_input(run):
    images = np.arange(12.0).reshape(1, 3, 4, 1)
    look_one_row_below = np.array([[[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]])
    result = run(warp_affine, {"images": images, "matrix": look_one_row_below}, fill_mode="constant", fill_value=-1.0)
    np.testing.assert_array_equal(result[0, :2], images[0, 1:])
    np.testing.assert_array_equal(result[0, 2], -1)


def test_convention_coordinates_are_row_column(run):
    images = np.arange(12.0).reshape(1, 3, 4, 1)
    look_one_column_right = np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]])
    result = run(warp_affine, {"images": images, "matrix": look_one_column_right}, fill_mode="constant")
    np.testing.assert_array_equal(result[0, :, :3], images[0, :, 1:])


def test_convention_pixel_centres_are_integers(run):
    """Half a pixel is the mean of two neighbours, and (n - 1) / 2 the fixed point of a half turn."""
    images = np.arange(15.0).reshape(1, 3, 5, 1)
    half = np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.5]]])
    result = run(warp_affine, {"images": images, "matrix": half})
    np.testing.assert_array_equal(result[0, :, :4], (images[0, :, :4] + images[0, :, 1:]) / 2)
    half_turn = np.array([[[-1.0, 0.0, 2.0], [0.0, -1.0, 4.0]]])
    result = run(warp_affine, {"images": images, "matrix": half_turn})
    np.testing.assert_array_equal(result[0], images[0, ::-1, ::-1])


def test_convention_flip_mirrors_the_warped_image(run):
    images = np.arange(12.0).reshape(1, 3, 4, 1)
    look_one_row_below = np.array([[[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]])
    arrays = {"images": images, "matrix": look_one_row_below, "flip_vertical": np.array([True])}
    result = run(warp_affine, arrays, fill_mode="constant", fill_value=-1.0)
    np.testing.assert_array_equal(result[0, 0], -1)
    np.testing.assert_array_equal(result[0, 1:], images[0, :0:-1])


def test_convention_vertical_is_upside_down(run):
    images = np.arange(24.0).reshape(2, 3, 4, 1)
    one, none = np.array([True, False]), np.array([False, False])
    result = run(flip, {"images": images, "flip_vertical": one, "flip_horizontal": none})
    np.testing.assert_array_equal(result, np.stack([images[0, ::-1], images[1]]))
    result = run(flip, {"images": images, "flip_vertical": none, "flip_horizontal": one})
    np.testing.assert_array_equal(result, np.stack([images[0, :, ::-1], images[1]]))


def test_flip_without_one_axis(run):
    images = np.arange(12, dtype="uint8").reshape(1, 3, 4, 1)
    result = run(flip, {"images": images, "flip_horizontal": np.array([True])}, flip_vertical=None)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, images[:, :, ::-1])


shapes = st.tuples(st.just(2), st.integers(1, 7), st.integers(1, 7), st.integers(1, 3))
fill_modes = st.sampled_from(FILL_MODES)


def picture(shape):
    return np.random.default_rng(sum(shape)).integers(0, 256, shape).astype("uint8")


def warp(images, matrix, **static):
    matrix = np.broadcast_to(np.asarray(matrix, "float64"), (len(images), 2, 3))
    return keras_ops.convert_to_numpy(warp_affine(images, matrix, **static))


@law
@given(shapes, fill_modes, st.sampled_from(ORDERS))
def test_law_identity(shape, fill_mode, order):
    images = picture(shape)
    result = warp(images, np.eye(2, 3), order=order, fill_mode=fill_mode)
    np.testing.assert_allclose(result, images, atol=0 if order < 2 else 1e-3)


@law
@given(shapes, st.integers(0, 9), st.integers(0, 9), st.booleans(), st.sampled_from([0, 1]))
def test_law_integer_shifts_compose(shape, first, second, backwards, axis):
    """Two shifts in the same direction are one, whatever runs out at the edge."""
    images, sign = picture(shape), -1 if backwards else 1

    def shifted(images, by):
        matrix = np.eye(2, 3)
        matrix[axis, 2] = sign * by
        return warp(images, matrix, fill_mode="nearest")

    np.testing.assert_array_equal(shifted(shifted(images, first), second), shifted(images, first + second))


@law
@given(st.integers(1, 8), st.integers(0, 3), fill_modes, st.sampled_from([0, 1]))
def test_law_quarter_turns_are_rot90(size, turns, fill_mode, order):
    images = picture((2, size, size, 3))
    quarter = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, size - 1.0], [0.0, 0.0, 1.0]])
    result = warp(images, np.linalg.matrix_power(quarter, turns)[:2], order=order, fill_mode=fill_mode)
    np.testing.assert_array_equal(result, np.rot90(images, turns, axes=(1, 2)))


@law
@given(shapes, st.lists(st.booleans(), min_size=4, max_size=4))
def test_law_flips_are_involutions(shape, chosen):
    images, up, left = picture(shape), np.array(chosen[:2]), np.array(chosen[2:])
    twice = flip(flip(images, up, left), up, left)
    np.testing.assert_array_equal(keras_ops.convert_to_numpy(twice), images)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"order": 6}, r"`order` must be one of \(0, 1, 2, 3, 4, 5\). Received: order=6"),
        ({"fill_mode": "mirror"}, r"`fill_mode` must be one of .*'wrap'.*Received: fill_mode='mirror'"),
        ({"images": np.zeros((5, 6, 3))}, r"`images` must have shape .*Received: shape \(5, 6, 3\)"),
        ({"matrix": np.zeros((1, 3, 3))}, r"`matrix` must have shape \(batch, 2, 3\). Received: shape \(1, 3, 3\)"),
    ],
)
def test_errors_name_the_argument(change, message):
    with pytest.raises(ValueError, match=message):
        warp_affine(**{"images": np.zeros((1, 5, 6, 3)), "matrix": np.zeros((1, 2, 3)), **change})


def test_unknown_channels_are_refused():
    tf = pytest.importorskip("tensorflow")
    ops = pytest.importorskip("keras_regen.layers.backends.tensorflow").ops
    function = tf.function(lambda images: flip(images, None, None, ops=ops))
    with pytest.raises(ValueError, match=r"`images` must have shape .*Received: shape \(None, 5, 6, None\)"):
        function.get_concrete_function(tf.TensorSpec((None, 5, 6, None)))
