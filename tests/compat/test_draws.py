"""A table drawn at once holds the numbers of as many single draws, and leaves the generator in the same state."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_regen.compat import ImageDataGenerator
from keras_regen.compat.image.convention import COLUMNS, affine_matrices, table_from_rows
from keras_regen.compat.image.draws import draw_row, draw_table

ranges = st.one_of(st.just(0), st.floats(0.001, 50), st.floats(-5, -0.001))
shifts = st.one_of(ranges, st.integers(-3, 5), st.lists(st.floats(-3, 3), min_size=1, max_size=3))


@settings(max_examples=200, deadline=None)
@given(
    rotation_range=ranges,
    width_shift_range=shifts,
    height_shift_range=shifts,
    shear_range=ranges,
    zoom_range=st.one_of(st.floats(0, 0.9), st.tuples(st.floats(0.1, 3), st.floats(0.1, 3))),
    channel_shift_range=ranges,
    horizontal_flip=st.booleans(),
    vertical_flip=st.booleans(),
    brightness_range=st.one_of(st.none(), st.tuples(st.floats(0, 3), st.floats(0, 3))),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_table_is_as_many_rows(seed, **arguments):
    generator = ImageDataGenerator(**arguments)
    np.random.seed(seed)
    rows = table_from_rows([draw_row(generator, 7, 11) for _ in range(5)])
    state = np.random.random()
    np.random.seed(seed)
    np.testing.assert_array_equal(draw_table(generator, 5, 7, 11), rows)
    assert np.random.random() == state


def test_a_range_that_is_not_finite_raises_as_numpy_does():
    with pytest.raises(OverflowError):
        draw_table(ImageDataGenerator(rotation_range=float("inf")), 2, 7, 7)


def test_a_row_in_a_table():
    table = table_from_rows([{"theta": 3.0, "brightness": 0.5}, {}])
    assert dict(zip(COLUMNS, table[0], strict=True))["theta"] == 3
    assert dict(zip(COLUMNS, table[0], strict=True))["brightness"] == 0.5
    assert np.isnan(table[1, -2:]).all()
    np.testing.assert_array_equal(affine_matrices(table, 9, 5)[1], np.eye(2, 3))
