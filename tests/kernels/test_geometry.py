"""Matrices and boxes against products of 3x3 matrices in NumPy, and their laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops as keras_ops
from keras_regen.layers.kernels import affine_matrix, compose, transform_boxes

from .conftest import law

HEIGHT, WIDTH = 21, 34


def homogeneous(theta, tx, ty, shear, zx, zy, flip_horizontal, flip_vertical, height=HEIGHT, width=WIDTH):
    """One row as the product of its factors, over (x, y, 1), brought to (row, column, 1) at the end."""
    theta, shear = np.deg2rad(float(theta)), np.deg2rad(float(shear))
    x, y = (width - 1) / 2, (height - 1) / 2
    product = np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
    for factor in (
        [[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]],
        [[1, 0, tx], [0, 1, ty], [0, 0, 1]],
        [[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]],
        [[zx, 0, 0], [0, zy, 0], [0, 0, 1]],
        [[-1 if flip_horizontal else 1, 0, 0], [0, -1 if flip_vertical else 1, 0], [0, 0, 1]],
        [[1, 0, -x], [0, 1, -y], [0, 0, 1]],
    ):
        product = product @ np.array(factor)
    return product[[1, 0, 2]][:, [1, 0, 2]]


def random_columns(count, dtype="float64"):
    rng = np.random.default_rng(0)
    columns = {
        "theta": rng.uniform(-230, 230, count),
        "tx": rng.uniform(-20, 20, count),
        "ty": rng.uniform(-20, 20, count),
        "shear": rng.uniform(-70, 70, count),
        "zx": rng.uniform(0.3, 3, count),
        "zy": rng.uniform(0.3, 3, count),
    }
    columns = {name: column.astype(dtype) for name, column in columns.items()}
    return {**columns, "flip_horizontal": np.arange(count) % 2 == 0, "flip_vertical": np.arange(count) % 4 < 2}


def rows_of(columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def random_matrices(count, dtype="float64", seed=0):
    """Invertible, (count, 2, 3)."""
    rng = np.random.default_rng(seed)
    linear = np.eye(2) + rng.uniform(-0.4, 0.4, (count, 2, 2))
    return np.concatenate([linear, rng.uniform(-9, 9, (count, 2, 1))], axis=2).astype(dtype)


def squared(matrices):
    """(count, 3, 3), the last row 0, 0, 1."""
    return np.concatenate([matrices, np.tile([[[0, 0, 1]]], (len(matrices), 1, 1))], axis=1).astype("float64")


def test_affine_matrix_equals_the_product_of_its_factors(run):
    columns = random_columns(7, "float32")
    result = run(affine_matrix, columns, height=HEIGHT, width=WIDTH)
    expected = np.stack([homogeneous(**row)[:2] for row in rows_of(columns)])
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=0, atol=2e-4)
    np.testing.assert_allclose(result[:, :, :2], expected[:, :, :2], rtol=0, atol=2e-6)


def test_affine_matrix_in_float64(run_compiled):
    columns = random_columns(7)
    result = run_compiled(affine_matrix, columns, height=HEIGHT, width=WIDTH)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, np.stack([homogeneous(**row)[:2] for row in rows_of(columns)]), atol=1e-13)


def test_affine_matrix_of_the_neutral_row_is_the_identity(run):
    """Exactly: an image that nothing was drawn for is not blurred by rounding."""
    zeros, ones = np.zeros(4, "float32"), np.ones(4, "float32")
    columns = {"theta": zeros, "tx": zeros, "ty": zeros, "shear": zeros, "zx": ones, "zy": ones}
    columns = {**columns, "flip_horizontal": zeros > 0, "flip_vertical": zeros > 0}
    for height, width in ((21, 34), (20, 24), (224, 333)):
        result = run(affine_matrix, columns, height=height, width=width)
        np.testing.assert_array_equal(result, np.tile(np.eye(2, 3, dtype="float32"), (4, 1, 1)))


def test_convention_right_angles_are_exact(run):
    """An ulp beside zero would read an edge of the image from outside of it."""
    theta = np.array([0, 90, 180, 270, 360, -90, -180, -270, -360, 450, 60, 36000 - 45], "float32")
    shear = np.array([0] * 10 + [30, 45], "float32")
    zeros, ones = np.zeros(12, "float32"), np.ones(12, "float32")
    columns = {"theta": theta, "tx": zeros, "ty": zeros, "shear": shear, "zx": ones, "zy": ones}
    columns = {**columns, "flip_horizontal": zeros > 0, "flip_vertical": zeros > 0}
    result = run(affine_matrix, columns, height=20, width=24)
    exact = np.round(np.stack([homogeneous(**row, height=20, width=24)[:2] for row in rows_of(columns)]), 9)
    np.testing.assert_array_equal(result[:10], exact[:10])
    np.testing.assert_array_equal(result[10:, :, 0], [[0, -1], [1, 0]])  # sheared to a right angle: rows, columns


def test_compose_is_the_matrix_product(run):
    first, second = random_matrices(7, "float32"), random_matrices(7, "float32", seed=1)
    result = run(compose, {"first": first, "second": second})
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, (squared(first) @ squared(second))[:, :2], rtol=0, atol=1e-5)


def test_convention_compose_applies_the_first_warp_first(run):
    """In the picture: up by one row and then enlarged twice is up by two. Of coordinates the last comes first."""
    up = np.array([[[1, 0, 1], [0, 1, 0]]], "float32")
    twice = np.array([[[0.5, 0, 0], [0, 0.5, 0]]], "float32")
    result = run(compose, {"first": up, "second": twice})
    np.testing.assert_array_equal(result, [[[0.5, 0, 1], [0, 0.5, 0]]])


def boxes_by_numpy(boxes, matrices, height=HEIGHT, width=WIDTH):
    """Each corner solved for, one at a time."""
    result = np.empty(boxes.shape)
    for i, matrix in enumerate(squared(matrices)):
        for k, (left, top, right, bottom) in enumerate(boxes[i].astype("float64")):
            corners = [(row - 0.5, column - 0.5, 1) for row in (top, bottom) for column in (left, right)]
            found = np.array([np.linalg.solve(matrix, corner)[:2] + 0.5 for corner in corners])
            (low_row, low_column), (high_row, high_column) = found.min(axis=0), found.max(axis=0)
            result[i, k] = low_column, low_row, high_column, high_row
    return np.clip(result, 0, [width, height, width, height])


def random_boxes(count, dtype="float32"):
    rng = np.random.default_rng(3)
    corners = np.sort(rng.uniform(0, [[[WIDTH], [HEIGHT]]], (count, 5, 2, 2)), axis=-1)
    return corners.transpose(0, 1, 3, 2).reshape(count, 5, 4).astype(dtype)


def test_transform_boxes_equals_its_definition(run):
    boxes, matrices = random_boxes(7), random_matrices(7, "float32")
    result = run(transform_boxes, {"boxes": boxes, "matrix": matrices}, height=HEIGHT, width=WIDTH)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, boxes_by_numpy(boxes, matrices), rtol=0, atol=1e-4)


def test_transform_boxes_of_no_box(run):
    arrays = {"boxes": np.zeros((4, 0, 4), "float32"), "matrix": random_matrices(4, "float32")}
    assert run(transform_boxes, arrays, height=HEIGHT, width=WIDTH).shape == (4, 0, 4)


def test_convention_boxes_are_measured_from_the_edges(run):
    """The whole image stays the whole image when it is turned, and a pixel is a box of side one."""
    half_turn = np.array([[[-1, 0, HEIGHT - 1], [0, -1, WIDTH - 1]]], "float32")
    boxes = np.array([[[0, 0, WIDTH, HEIGHT], [2, 3, 3, 4]]], "float32")
    result = run(transform_boxes, {"boxes": boxes, "matrix": half_turn}, height=HEIGHT, width=WIDTH)
    turned = [[0, 0, WIDTH, HEIGHT], [WIDTH - 3, HEIGHT - 4, WIDTH - 2, HEIGHT - 3]]
    np.testing.assert_array_equal(result[0], turned)


def test_convention_boxes_follow_the_picture(run):
    """A matrix that reads one row further down moves the picture, and so its boxes, up: against its offset."""
    up = np.array([[[1, 0, 1], [0, 1, 0]]], "float32")
    boxes = np.array([[[2, 3, 8, 9], [2, 0, 8, 1]]], "float32")
    result = run(transform_boxes, {"boxes": boxes, "matrix": up}, height=HEIGHT, width=WIDTH)
    np.testing.assert_array_equal(result[0], [[2, 2, 8, 8], [2, 0, 8, 0]])


# Laws

matrices = st.integers(0, 2**32 - 1).map(lambda seed: random_matrices(3, "float32", seed))


def composed(first, second):
    return keras_ops.convert_to_numpy(compose(*map(keras_ops.convert_to_tensor, (first, second))))


@law
@given(matrices, matrices, matrices)
def test_law_compose_is_associative(first, second, third):
    left = composed(composed(first, second), third)
    np.testing.assert_allclose(left, composed(first, composed(second, third)), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(left, (squared(first) @ squared(second) @ squared(third))[:, :2], rtol=1e-4, atol=1e-3)


@law
@given(matrices)
def test_law_the_identity_is_neutral(matrix):
    identity = np.tile(np.eye(2, 3, dtype="float32"), (3, 1, 1))
    np.testing.assert_array_equal(composed(identity, matrix), matrix)
    np.testing.assert_array_equal(composed(matrix, identity), matrix)


@law
@given(st.floats(-180, 180), st.floats(-9, 9), st.floats(-9, 9), st.booleans())
def test_law_a_full_turn_is_none(degrees, tx, ty, flipped):
    def matrix(degrees):
        values = [degrees, tx, ty, 12, 1.5, 0.8]
        columns = [keras_ops.convert_to_tensor(np.array([value], "float32")) for value in values]
        flips = [keras_ops.convert_to_tensor(np.array([flip])) for flip in (flipped, False)]
        return keras_ops.convert_to_numpy(affine_matrix(*columns, *flips, HEIGHT, WIDTH))

    np.testing.assert_allclose(matrix(degrees), matrix(degrees + 360), rtol=0, atol=1e-4)


@law
@given(st.floats(0.5, 2), st.floats(0.5, 2), st.floats(-20, 20), st.floats(-20, 20), st.sampled_from([-1, 1]))
def test_law_the_inverse_brings_boxes_back(zoom_rows, zoom_columns, down, right, sign):
    """Where axes go to axes; otherwise a box grows with every step. Of an image so large that nothing is cut."""
    matrix = np.array([[[sign * zoom_rows, 0, down], [0, zoom_columns, right]]], "float32")
    inverse = np.linalg.inv(squared(matrix))[:, :2].astype("float32")
    boxes = random_boxes(1) + 500
    there = matrix.copy()
    there[:, :, 2] += 500 * (1 - matrix[:, [0, 1], [0, 1]])  # about a point in the middle of it
    inverse = np.linalg.inv(squared(there))[:, :2].astype("float32")
    moved = transform_boxes(*map(keras_ops.convert_to_tensor, (boxes, there)), 1000, 1000)
    back = transform_boxes(moved, keras_ops.convert_to_tensor(inverse), 1000, 1000)
    assert np.abs(keras_ops.convert_to_numpy(moved) - boxes).max() > 0 or np.array_equal(matrix[0], np.eye(2, 3))
    np.testing.assert_allclose(keras_ops.convert_to_numpy(back), boxes, rtol=0, atol=2e-2)


@pytest.mark.parametrize("scale", [0.5, 0.9])
def test_law_a_box_holds_the_boxes_within(scale):
    boxes, matrix = random_boxes(5), random_matrices(5, "float32")
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    centre = np.concatenate([centre, centre], axis=-1)
    inner = (centre + scale * (boxes - centre)).astype("float32")
    outer, inner = (
        keras_ops.convert_to_numpy(transform_boxes(*map(keras_ops.convert_to_tensor, (x, matrix)), HEIGHT, WIDTH))
        for x in (boxes, inner)
    )
    assert (outer[..., :2] <= inner[..., :2] + 1e-4).all() and (inner[..., 2:] <= outer[..., 2:] + 1e-4).all()
