"""Every convention of the legacy geometry, pinned by one test, and the switch that corrects the two mistakes."""

import itertools

import numpy as np
import pytest
from keras.src.legacy.preprocessing import image as legacy
from keras_regen.compat import ImageDataGenerator
from keras_regen.compat.image import apply_affine_transform, transform_matrix_offset_center
from keras_regen.compat.image.convention import Axes, affine_matrices, table_from_rows

AXES = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}


def dot(row, column, height=9, width=9):
    x = np.zeros((height, width, 1), "float32")
    x[row, column] = 100
    return x


def where(x):
    assert x.max() > 50
    return tuple(int(i) for i in np.unravel_index(np.argmax(x[..., 0]), x.shape[:2]))


def test_convention_tx_moves_columns_and_ty_rows():
    assert where(apply_affine_transform(dot(4, 4), tx=2, **AXES)) == (4, 2)
    assert where(apply_affine_transform(dot(4, 4), ty=2, **AXES)) == (2, 4)


def test_convention_height_shift_range_moves_columns():
    row = ImageDataGenerator(height_shift_range=0.5).get_random_transform((10, 1000, 3), seed=1)
    assert row["tx"] != 0
    assert row["ty"] == 0
    assert abs(row["tx"]) <= 5, "the fraction is of the height"


def test_convention_legacy_axes_false_moves_what_the_names_say():
    generator = ImageDataGenerator(height_shift_range=0.5, legacy_axes=False)
    row = generator.get_random_transform((10, 1000, 3), seed=1)
    assert row["tx"] == 0
    assert 0 < abs(row["ty"]) <= 5
    assert row["ty"] == ImageDataGenerator(height_shift_range=0.5).get_random_transform((10, 1000, 3), seed=1)["tx"]
    moved = where(generator.apply_transform(dot(4, 4), {"tx": 0, "ty": 2}))
    assert moved == (2, 4), "a row means the same whatever the switch"


def test_convention_theta_turns_the_picture_counter_clockwise():
    # A dot above the centre comes to its left: output to input by theta, with x to the right and y downwards.
    assert where(apply_affine_transform(dot(2, 4), theta=90, **AXES)) == (4, 2)
    assert where(legacy.apply_affine_transform(dot(2, 4), theta=90, **AXES)) == (4, 2)


@pytest.mark.parametrize("theta", [90, 180, -90])
def test_convention_images_that_are_not_square_turn_about_the_wrong_point(theta):
    x = np.random.RandomState(0).uniform(0, 255, (8, 14, 1)).astype("float32")
    wrong = apply_affine_transform(x, theta=theta, **AXES)
    right = apply_affine_transform(x, theta=theta, **AXES, legacy_axes=False)
    np.testing.assert_array_equal(wrong, legacy.apply_affine_transform(x, theta=theta, **AXES))
    assert not np.allclose(wrong, right)
    if theta == 180:
        np.testing.assert_allclose(right, x[::-1, ::-1], atol=1e-3)


@pytest.mark.parametrize("fill_mode", ["nearest", "constant", "reflect", "wrap"])
def test_convention_right_angles_are_exact_without_legacy_axes(always_compile, fill_mode):
    """With them, a part of the edge is read from outside the image, as in the legacy code."""
    x = np.random.RandomState(0).uniform(1, 255, (5, 32, 32, 1)).astype("float32")
    angles, fill = (90, 180, 270, 360, -90), {"fill_mode": fill_mode, "cval": -5.0}
    turned = np.stack([np.rot90(image, theta // 90) for image, theta in zip(x, angles, strict=True)])

    class Turning(ImageDataGenerator):
        def get_random_transform(self, img_shape, seed=None):
            return {"theta": angles[next(self.calls)]}

    def flowed(**arguments):
        generator = Turning(rotation_range=1, **fill, **arguments)
        generator.calls = itertools.count()
        return next(generator.flow(x, shuffle=False))

    for theta, image, expected in zip(angles, x, turned, strict=True):
        wrong = apply_affine_transform(image, theta=theta, **AXES, **fill)
        np.testing.assert_array_equal(wrong, legacy.apply_affine_transform(image, theta=theta, **AXES, **fill))
        assert (np.abs(wrong - expected).max() > 1) == (fill_mode in ("constant", "wrap"))
        right = apply_affine_transform(image, theta=theta, **AXES, **fill, legacy_axes=False)
        np.testing.assert_array_equal(right, expected)
    np.testing.assert_array_equal(flowed(legacy_axes=False), turned)
    assert (np.abs(flowed() - turned).max() > 1) == (fill_mode in ("constant", "wrap"))


def test_convention_square_images_turn_alike():
    table = table_from_rows([{"theta": 33, "shear": 12, "zx": 1.2}])
    np.testing.assert_array_equal(affine_matrices(table, 9, 9), affine_matrices(table, 9, 9, Axes.RIGHT))


def test_convention_the_centre_is_between_the_pixels_of_even_sizes():
    turned = transform_matrix_offset_center(np.diag([-1.0, -1.0, 1.0]), 8, 14)
    np.testing.assert_array_equal(turned @ [3.5, 6.5, 1], [3.5, 6.5, 1])
    np.testing.assert_array_equal(turned, legacy.transform_matrix_offset_center(np.diag([-1.0, -1.0, 1.0]), 8, 14))


def test_convention_zoom_above_one_shrinks_the_picture():
    x = np.zeros((9, 9, 1), "float32")
    x[3:6, 3:6] = 100
    assert (apply_affine_transform(x, zx=2, zy=2, **AXES, fill_mode="constant") > 50).sum() < 9
    assert (apply_affine_transform(x, zx=0.5, zy=0.5, **AXES, fill_mode="constant") > 50).sum() > 9


def test_convention_zx_belongs_to_columns():
    x = np.zeros((9, 9, 1), "float32")
    x[:, 4] = 100
    narrow = apply_affine_transform(x, zx=0.5, zy=1, **AXES)
    np.testing.assert_array_equal(narrow, legacy.apply_affine_transform(x, zx=0.5, zy=1, **AXES))
    assert (narrow[4] > 10).sum() > 1
    assert (apply_affine_transform(x, zx=1, zy=0.5, **AXES) == x).all()


def test_convention_validation_takes_the_first_files(jpeg_directory):
    generator = ImageDataGenerator(validation_split=0.25)
    validation = generator.flow_from_directory(jpeg_directory, subset="validation")
    training = generator.flow_from_directory(jpeg_directory, subset="training")
    whole = generator.flow_from_directory(jpeg_directory)
    cats = [name for name in whole.filenames if name.startswith("cats")]
    assert [name for name in validation.filenames if name.startswith("cats")] == cats[:5]
    assert [name for name in training.filenames if name.startswith("cats")] == cats[5:]


def test_the_switch_reaches_the_batches(always_compile):
    x = np.random.RandomState(0).uniform(0, 255, (4, 9, 21, 3)).astype("float32")
    arguments = {"rotation_range": 40, "height_shift_range": 0.3}
    generator = ImageDataGenerator(**arguments, legacy_axes=False)
    got = next(generator.flow(x, shuffle=False, seed=3))
    np.random.seed(3)
    want = np.stack([generator.random_transform(image) for image in x])
    np.testing.assert_allclose(got, want, rtol=1e-6)
    assert not np.allclose(got, next(ImageDataGenerator(**arguments).flow(x, shuffle=False, seed=3)))
