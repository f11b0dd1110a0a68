"""The geometric layers on images: against SciPy and the legacy generator, what they draw, and what they refuse."""

import re
import warnings

import keras
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from keras_regen.layers import RandomAffine, RandomFlip, RandomRotation, RandomShear, RandomShift, RandomZoom
from keras_regen.layers.execution import operations
from scipy import stats

from . import reference
from .conftest import BACKEND, apply, array, eager, tf

FILL_MODES = ("nearest", "constant", "reflect", "wrap")

ROWS = {
    "theta": np.array([20.3, -100.9, 5.7, -71.1]),
    "tx": np.array([2.53, -3.17, 4.81, 6.23]),
    "ty": np.array([1.37, 2.71, -4.23, 3.19]),
    "shear": np.array([10.1, -33.3, -5.9, 20.7]),
    "zx": np.array([1.13, 0.83, 1.71, 0.37]),
    "zy": np.array([0.91, 1.27, 0.63, 1.49]),
    "flip_horizontal": np.array([True, False, True, False]),
    "flip_vertical": np.array([True, False, False, True]),
}
"""A row per image, with everything in it and no coordinate on the edge between two pixels."""

LAYERS = {
    "affine": (lambda **arguments: RandomAffine(rotation=1, **arguments), tuple(ROWS)),
    "rotation": (lambda **arguments: RandomRotation(1, **arguments), ("theta",)),
    "shift": (lambda **arguments: RandomShift(0.1, 0.1, **arguments), ("tx", "ty")),
    "shear": (lambda **arguments: RandomShear(1, **arguments), ("shear",)),
    "zoom": (lambda **arguments: RandomZoom(0.1, **arguments), ("zx", "zy")),
    "flip": (lambda **arguments: RandomFlip(True, True, **arguments), ("flip_horizontal", "flip_vertical")),
}


def row_of(*names, dtype="float32"):
    return {name: ROWS[name].astype(ROWS[name].dtype if ROWS[name].dtype == bool else dtype) for name in names}


def assert_close(result, expected, atol=0.02, allowed=1e-4):
    """In grey levels, but where rounding decides what is outside or nearest: one pixel in ten thousand."""
    assert result.shape == expected.shape
    off = (np.abs(result.astype("float64") - expected) > atol).any(axis=-1)
    assert np.mean(off) <= allowed, f"{np.count_nonzero(off)} of {off.size} pixels differ"


# Values


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize(
    "name, interpolation",
    [("affine", "spline3"), *((name, interpolation) for name in LAYERS for interpolation in ("nearest", "bilinear"))],
)
def test_equals_the_legacy_generator(squares, name, fill_mode, interpolation):
    make, columns = LAYERS[name]
    layer, rows = make(fill_mode=fill_mode, fill_value=17.3, interpolation=interpolation), row_of(*columns)
    result = eager(apply, layer, squares, rows)
    arguments = {"fill_mode": fill_mode, "cval": 17.3, "interpolation_order": reference.ORDERS[interpolation]}
    expected = reference.legacy_images(squares, rows, **arguments)
    assert result.dtype == np.float32 and not np.array_equal(expected, squares)
    assert_close(result, expected)


@pytest.mark.compiled
@pytest.mark.parametrize("fill_mode", ["nearest", "constant"])
def test_equals_the_legacy_generator_on_large_photographs(large_squares, fill_mode):
    layer, rows = RandomAffine(rotation=1, fill_mode=fill_mode, fill_value=17.3), row_of(*ROWS)
    expected = reference.legacy_images(large_squares, rows, fill_mode=fill_mode, cval=17.3)
    assert_close(eager(apply, layer, large_squares, rows), expected)


@pytest.mark.skipif(BACKEND == "jax", reason="`keras.ops` computes in float32 on JAX, x64 enabled or not")
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "spline3"])
@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_float64_is_exact(squares, fill_mode, interpolation):
    """To the last digits of SciPy, given the matrix of the layer; to the last bit of the legacy results, in float32."""
    order, rows = reference.ORDERS[interpolation], row_of(*ROWS, dtype="float64")
    layer = RandomAffine(rotation=1, fill_mode=fill_mode, fill_value=17.3, interpolation=interpolation, dtype="float64")
    result = eager(apply, layer, squares, rows)
    assert result.dtype == np.float64

    ops = operations(keras.ops.convert_to_tensor(squares))
    matrices = array(layer.affine_matrix(rows, *squares.shape[:3], ops))
    assert matrices.dtype == np.float64
    expected = reference.warped(squares, matrices, order, fill_mode, 17.3)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-11)
    if order < 2:
        np.testing.assert_array_max_ulp(result, expected, maxulp=2)

    arguments = {"fill_mode": fill_mode, "cval": 17.3, "interpolation_order": order}
    expected = reference.legacy_images(squares, rows, **arguments)
    if order < 2:
        # A few values near zero have smaller ulps than the rounding of the matrix moves them.
        apart = np.abs(result.astype("float32") - expected) > np.spacing(np.maximum(expected, 1))
        assert np.count_nonzero(apart) <= 3
    np.testing.assert_allclose(result, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("name", LAYERS)
def test_images_that_are_not_square(photographs, name, fill_mode):
    """About the true centre, ((height - 1) / 2, (width - 1) / 2)."""
    make, columns = LAYERS[name]
    rows = row_of(*columns)
    result = eager(apply, make(fill_mode=fill_mode, fill_value=17.3), photographs, rows)
    assert_close(result, reference.transformed(photographs, rows, 1, fill_mode, 17.3), allowed=0)


WAYS_CASES = {
    "affine": (RandomAffine(rotation=1, fill_mode="constant", fill_value=17.3), tuple(ROWS)),
    "nearest": (RandomRotation(1, fill_mode="wrap", interpolation="nearest"), ("theta", "zx")),
    "flip": (RandomFlip(True, True), ("flip_horizontal", "flip_vertical")),
}


@pytest.mark.parametrize("case", WAYS_CASES)
def test_every_way(transform_images, photographs, case):
    layer, columns = WAYS_CASES[case]
    rows = row_of(*columns)
    order, fill = reference.ORDERS[layer.interpolation], (layer.fill_mode, layer.fill_value)
    result = transform_images(layer, photographs, rows)
    assert result.dtype == np.float32
    assert_close(result, reference.transformed(photographs, rows, order, *fill), allowed=0)


RIGHT_ANGLES = np.array([90.0, 180.0, 270.0, 360.0, -90.0, -180.0, -270.0, 450.0])


def at_right_angles(images, fill_mode):
    """What SciPy makes of them by matrices without rounding: no pixel is blended, none of the image is outside."""
    rows = [{**reference.NEUTRAL, "theta": theta} for theta in RIGHT_ANGLES]
    matrices = [reference.rows_and_columns(reference.matrix_3x3(row, *images.shape[1:3])).round(9) for row in rows]
    return reference.warped(images, matrices, 1, fill_mode, 17.3)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_right_angles_copy_pixels(squares, photographs, fill_mode, interpolation):
    layer = RandomRotation(1, fill_mode=fill_mode, fill_value=17.3, interpolation=interpolation)
    for images in (np.tile(squares[:1, :20, :20], (8, 1, 1, 1)), np.tile(photographs[:1], (8, 1, 1, 1))):
        result = eager(apply, layer, images, {"theta": RIGHT_ANGLES.astype("float32")})
        np.testing.assert_allclose(result, at_right_angles(images, fill_mode), rtol=0, atol=0.02)
        if images.shape[1] == images.shape[2]:
            turned = np.stack([np.rot90(x, theta // 90) for x, theta in zip(images, RIGHT_ANGLES, strict=True)])
            np.testing.assert_allclose(result, turned, rtol=0, atol=0.02)


def test_right_angles_in_every_way(transform_images, photographs):
    layer, images = RandomRotation(1, fill_mode="constant", fill_value=17.3), np.concatenate([photographs] * 2)
    result = transform_images(layer, images, {"theta": RIGHT_ANGLES.astype("float32")})
    np.testing.assert_allclose(result, at_right_angles(images, "constant"), rtol=0, atol=0.02)


@pytest.mark.parametrize("dtype", ["uint8", "float16", ml_dtypes.bfloat16, "float32"])
def test_dtypes_of_images(photographs, dtype):
    rows = row_of(*ROWS)
    images = (photographs - (0.0 if dtype == "uint8" else 128.0)).astype(dtype)
    result = eager(apply, RandomAffine(rotation=1, fill_mode="reflect"), images, rows)
    assert result.dtype == np.float32
    assert_close(result, reference.transformed(images.astype("float64"), rows, 1, "reflect"), allowed=0)


@pytest.mark.parametrize("layer", ["affine", "flip"])
@pytest.mark.parametrize(
    "policy, dtype, relative, absolute",
    [
        (None, "float32", 0, 0),
        ("float16", "float16", 2**-11, 0),
        ("bfloat16", ml_dtypes.bfloat16, 2**-8, 0),
        ("mixed_float16", "float16", 2**-11, 0),
        ("mixed_bfloat16", ml_dtypes.bfloat16, 2**-8, 0),
        ("uint8", "uint8", 0, 0.5),
        ("int32", "int32", 0, 0.5),
    ],
)
def test_dtypes_of_results(photographs, layer, policy, dtype, relative, absolute):
    """Computed in float32 and rounded once; to integers within their limits, which a spline overshoots."""
    make, columns = LAYERS[layer]
    images, rows = np.where(photographs > 127, 255, 0).astype("uint8"), row_of(*columns)
    result = eager(apply, make(interpolation="spline3", dtype=policy), images, rows)
    assert result.dtype == dtype
    expected = reference.transformed(images, rows, 3)
    if layer == "affine":
        assert expected.min() < -10 and expected.max() > 265
    if policy == "uint8":
        expected = expected.clip(0, 255)
    assert_close(result, expected, atol=np.abs(expected) * relative + absolute + 0.02, allowed=0)


def test_every_dtype_that_is_allowed():
    """As the error for another one names them."""
    with pytest.raises(ValueError, match="`dtype` must be one of") as raised:
        RandomFlip(dtype="int8")  # which Keras takes for a quantization
    allowed = re.findall(r"'(\w+)'", str(raised.value).partition("Received")[0])
    assert {"float32", "uint8"} < set(allowed)
    images = np.array([0.4, 2.6, 3.5, 127], "float32").reshape(1, 2, 2, 1)
    for dtype in allowed:
        result = RandomFlip(horizontal_flip=False, dtype=dtype)(images)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of JAX, which makes 32 bits of 64
            assert result.dtype == keras.ops.cast(images, dtype).dtype
        expected = np.rint(images) if "int" in dtype else images.astype(dtype if dtype != "bfloat16" else "float32")
        np.testing.assert_allclose(array(result).astype("float64"), expected, rtol=2**-8 * (dtype == "bfloat16"))


def test_rows_are_numbers_or_lists_too(photographs):
    layer = RandomRotation(1)
    expected = eager(apply, layer, photographs, {"theta": np.full(4, 30.0, "float32")})
    for theta in (30, 30.0, [30, 30, 30, 30], np.float64(30)):
        np.testing.assert_array_equal(array(layer.transform_images(photographs, {"theta": theta})), expected)


# Conventions: a bright pixel in the dark, and where it goes.


def where_it_goes(transformation, row=10, column=10, height=21, width=21, layer=None):
    """The place to which a pixel of an image of zeros goes."""
    images = np.zeros((1, height, width, 1), "float32")
    images[0, row, column] = 1
    layer = layer or RandomAffine(rotation=1, fill_mode="constant")
    result = eager(apply, layer, images, transformation)[0, ..., 0]
    return tuple(int(i) for i in np.unravel_index(result.argmax(), result.shape))


def test_convention_positive_theta_turns_counter_clockwise():
    assert where_it_goes({"theta": 90}, 10, 16) == (4, 10)


def test_convention_theta_is_degrees():
    assert where_it_goes({"theta": 45}, 10, 17) == (5, 15)


def test_convention_positive_tx_moves_left_and_ty_up():
    assert where_it_goes({"tx": 3}) == (10, 7)
    assert where_it_goes({"ty": 3}) == (7, 10)


def test_convention_zoom_above_one_shows_more():
    assert where_it_goes({"zx": 2}, 4, 18) == (4, 14)
    assert where_it_goes({"zy": 2}, 4, 18) == (7, 18)


def test_convention_positive_shear_slants_upper_rows_to_the_left():
    """Counter-clockwise for what stood upright: the x axis stays, the y axis turns."""
    assert where_it_goes({"shear": 45}, 10, 16) == (10, 16)
    assert where_it_goes({"shear": -45}, 4, 10)[1] > 10 > where_it_goes({"shear": 45}, 4, 10)[1]


def test_convention_height_shift_moves_rows_and_width_shift_columns():
    layer = RandomShift(height_shift_choices=[3], fill_mode="constant", seed=1)
    drawn = layer.get_random_transformation(np.zeros((50, 21, 21, 1)))
    assert set(array(drawn["ty"])) == {-3, 3} and "tx" not in drawn
    assert where_it_goes({"ty": 3}, layer=layer) == (7, 10)
    drawn = RandomShift(width_shift_choices=[3], seed=1).get_random_transformation(np.zeros((50, 21, 21, 1)))
    assert set(array(drawn["tx"])) == {-3, 3} and "ty" not in drawn


@pytest.mark.parametrize("height, width", [(21, 21), (21, 31), (9, 5)])
def test_convention_the_centre_is_the_fixed_point(height, width):
    centre = ((height - 1) // 2, (width - 1) // 2)
    for row in ({"theta": 90}, {"theta": 33}, {"zx": 2, "zy": 3}, {"shear": 40}, {"flip_vertical": 1, "theta": 180}):
        assert where_it_goes(row, *centre, height, width) == centre


def test_convention_flips_mirror_last():
    assert where_it_goes({"tx": 3, "flip_horizontal": True}) == (10, 13)
    assert where_it_goes({"ty": 3, "flip_vertical": True}) == (13, 10)
    assert where_it_goes({"theta": 90, "flip_horizontal": True}, 16, 10) == (10, 4)  # to the right, and mirrored


# What is drawn


LAYER = {"rotation": 20, "height_shift": 0.2, "width_shift_choices": 3, "shear": 5, "zoom": 0.3}
LAYER = {**LAYER, "horizontal_flip": True, "vertical_flip": True}
SEEDS = {
    "int": 5,
    "beyond 32 bits": 2**40 + 5,
    "negative": -5,
    "one for all": np.array([3, -4], "int32"),
    "one per image": np.array([[3, -4], [2**31 - 1, 0], [5, 6], [-(2**31), 7]], "int32"),
}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_call_draws_and_applies(photographs, seed):
    layer = RandomAffine(**LAYER)
    transformation = layer.get_random_transformation(photographs, seed=SEEDS[seed])
    result = array(layer(photographs, seed=SEEDS[seed]))
    np.testing.assert_array_equal(result, array(layer.transform_images(photographs, transformation)))
    np.testing.assert_array_equal(result, array(layer(photographs, seed=SEEDS[seed])))
    rows = {name: array(column) for name, column in reference.columns_of(transformation).items()}
    assert all(rows[name].shape == (4,) for name in rows)
    assert all(len(set(rows[name])) == 4 for name in ("theta", "ty", "shear", "zx", "zy"))
    assert_close(result, reference.transformed(photographs, rows), allowed=0)


def test_every_way_draws_the_same(call_layer, photographs):
    layer, seeds = RandomAffine(**LAYER), SEEDS["one per image"]
    expected = array(layer(photographs, seed=seeds))
    assert_close(call_layer(layer, photographs, seeds), expected, allowed=0)


def test_a_seed_per_image_belongs_to_the_image(photographs):
    layer, seeds, order = RandomAffine(**LAYER), SEEDS["one per image"], [2, 0, 3, 1]
    result = array(layer(photographs, seed=seeds))
    np.testing.assert_array_equal(array(layer(photographs[order], seed=seeds[order])), result[order])
    changed = np.where([[False], [True], [False], [False]], seeds + 1, seeds).astype("int32")
    same = [np.array_equal(*pair) for pair in zip(result, array(layer(photographs, seed=changed)), strict=True)]
    assert same == [True, False, True, True]


def thetas(layer, images, **arguments):
    return array(layer.get_random_transformation(images, **arguments)["theta"])


def test_seeds_that_differ_draw_differently(photographs):
    """In either word, and beyond 32 bits."""
    layer = RandomRotation(180)
    seeds = [0, 1, -1, 2**32, 2**32 + 1, 2**63, *(np.array(pair, "int32") for pair in [(0, 2), (2, 0)])]
    drawn = [theta for seed in seeds for theta in thetas(layer, photographs, seed=seed)]
    assert len(set(drawn)) == len(drawn)
    np.testing.assert_array_equal(
        thetas(layer, photographs, seed=2**32 + 7), thetas(layer, photographs, seed=np.array([7, 1], "int32"))
    )


def test_a_layer_has_a_stream_of_its_own(photographs):
    first, second = RandomRotation(180, seed=7), RandomRotation(180, seed=7)
    drawn = [thetas(first, photographs) for _ in range(3)]
    assert len(set(np.concatenate(drawn))) == 12
    np.testing.assert_array_equal(drawn, [thetas(second, photographs) for _ in range(3)])
    others = [thetas(RandomRotation(180, seed=seed), photographs) for seed in (8, None, None)]
    assert len(set(np.concatenate([*drawn, *others]))) == 24
    assert not np.array_equal(array(first(photographs)), array(first(photographs)))


def test_a_layer_without_a_seed_in_tf_data(photographs):
    """Draws anew for every batch and every pass, on every backend."""
    if tf is None:
        pytest.skip("needs TensorFlow")
    layer = RandomRotation(180, seed=7)
    dataset = tf.data.Dataset.from_tensors(photographs).repeat(2).map(layer)
    batches = [batch.numpy() for _ in range(2) for batch in dataset]
    assert len({batch.tobytes() for batch in batches}) == 4


@pytest.mark.parametrize("parameter", ["rotation", "height_shift", "width_shift", "shear", "zoom", "flip"])
def test_what_one_parameter_draws_does_not_depend_on_the_others(photographs, parameter):
    alone = {
        "rotation": (RandomRotation(20), ["theta"]),
        "height_shift": (RandomShift(height_shift=0.2), ["ty"]),
        "width_shift": (RandomShift(width_shift_choices=3), ["tx"]),
        "shear": (RandomShear(5), ["shear"]),
        "zoom": (RandomZoom(0.3), ["zx", "zy"]),
        "flip": (RandomFlip(vertical_flip=True), ["flip_horizontal", "flip_vertical"]),
    }
    layer, columns = alone[parameter]
    every = RandomAffine(**LAYER).get_random_transformation(photographs, seed=5)
    one = layer.get_random_transformation(photographs, seed=5)
    assert list(reference.columns_of(one)) == columns
    for name in columns:
        np.testing.assert_array_equal(array(one[name]), array(every[name]))


LEGACY_DRAWS = [
    ({"rotation": 20}, {"rotation_range": 20}, "theta"),
    ({"shear": 30}, {"shear_range": 30}, "shear"),
    ({"zoom": 0.3}, {"zoom_range": 0.3}, "zx"),
    ({"zoom": (0.5, 0.9)}, {"zoom_range": (0.5, 0.9)}, "zy"),
    ({"height_shift": 0.3}, {"height_shift_range": 0.3}, "ty"),
    ({"height_shift": 2.5}, {"height_shift_range": 2.5}, "ty"),
    ({"height_shift_choices": 4}, {"height_shift_range": 4}, "ty"),
    ({"height_shift_choices": [0.1, 0.25]}, {"height_shift_range": [0.1, 0.25]}, "ty"),
    ({"height_shift_choices": [0.5, 3, -8]}, {"height_shift_range": [0.5, 3, -8]}, "ty"),
    ({"width_shift": 0.3}, {"width_shift_range": 0.3}, "tx"),
    ({"width_shift_choices": 1}, {"width_shift_range": 1}, "tx"),
    ({"width_shift": 1.0}, {"width_shift_range": 1.0}, "tx"),
    ({"width_shift_choices": [0.5, 1]}, {"width_shift_range": [0.5, 1]}, "tx"),
    ({"width_shift_choices": 4}, {"width_shift_range": 4}, "tx"),
    ({"width_shift_choices": (-0.5, 0.25)}, {"width_shift_range": (-0.5, 0.25)}, "tx"),
    ({"horizontal_flip": True}, {"horizontal_flip": True}, "flip_horizontal"),
    ({"vertical_flip": True}, {"vertical_flip": True}, "flip_vertical"),
]


@pytest.mark.parametrize("ours, theirs, column", LEGACY_DRAWS, ids=[str(case[0]) for case in LEGACY_DRAWS])
def test_draws_are_distributed_like_those_of_the_legacy_generator(ours, theirs, column):
    """Whose shift of the height is the column `tx`, as it moves the wrong axis."""
    count, shape = 2000, (10, 14, 1)
    images = np.broadcast_to(np.zeros((), "uint8"), (count, *shape))
    drawn = array(RandomAffine(**ours).get_random_transformation(images, seed=1)[column]).astype("float64")
    generator, column = ImageDataGenerator(**theirs), {"tx": "ty", "ty": "tx"}.get(column, column)
    expected = np.array([generator.get_random_transform(shape, seed=i)[column] for i in range(count)], "float64")
    if len(set(expected)) < 20:
        values, counts = np.unique(expected.round(4), return_counts=True)
        drawn_values, drawn_counts = np.unique(drawn.round(4), return_counts=True)
        np.testing.assert_array_equal(drawn_values, values)
        assert len(values) == 1 or stats.chi2_contingency([counts, drawn_counts]).pvalue > 1e-3
    else:
        assert stats.ks_2samp(drawn, expected).pvalue > 1e-3
        span = np.ptp(expected)
        assert expected.min() - span / 100 <= drawn.min() and drawn.max() <= expected.max() + span / 100


def test_draws_of_pairs_and_of_one_zoom():
    images = np.broadcast_to(np.zeros((), "uint8"), (2000, 10, 14, 1))
    layer = RandomAffine(rotation=(10, 20), shear=(-3, -1), zoom=(0.5, 2.0), uniform_zoom=True)
    drawn = layer.get_random_transformation(images, seed=1)
    drawn = {name: array(column) for name, column in reference.columns_of(drawn).items()}
    for name, low, high in (("theta", 10, 20), ("shear", -3, -1), ("zx", 0.5, 2)):
        assert low <= drawn[name].min() and drawn[name].max() < high
        assert stats.kstest((drawn[name] - low) / (high - low), "uniform").pvalue > 1e-3
    np.testing.assert_array_equal(drawn["zx"], drawn["zy"])
    both = RandomZoom(0.5).get_random_transformation(images, seed=1)
    assert abs(np.corrcoef(array(both["zx"]), array(both["zy"]))[0, 1]) < 0.1


def test_inference_changes_nothing_but_the_dtype(photographs):
    layer = RandomAffine(**LAYER, dtype="float16")
    data = {"images": photographs, "segmentation_masks": photographs[..., :1]}
    results = [layer(data, training=False)]
    if tf is not None:
        dataset = tf.data.Dataset.from_tensors(data).map(lambda data: layer(data, training=False))
        results.append(next(iter(dataset)))
    for result in results:
        assert array(result["images"]).dtype == "float16" and array(result["segmentation_masks"]).dtype == "uint8"
        for name, part in data.items():
            np.testing.assert_array_equal(array(result[name]), part)


# In models, and kept


def test_in_a_model(photographs, tmp_path):
    images = keras.Input((20, 24, 3), dtype="uint8")
    model = keras.Model(images, RandomRotation(90, seed=3)(images))
    assert model.output.shape == (None, 20, 24, 3) and model.output.dtype == "float32"
    np.testing.assert_array_equal(model.predict(photographs, verbose=0), photographs)
    drawn = thetas(RandomRotation(90, seed=3), photographs)
    expected = reference.transformed(photographs, {"theta": drawn})
    path = tmp_path / "model.keras"
    model.save(path)
    for each in (keras.models.load_model(path), model):
        assert_close(array(each(photographs, training=True)), expected, allowed=0)


CONFIGURED = [
    RandomAffine(**LAYER, uniform_zoom=True, fill_mode="constant", fill_value=3.5, interpolation="spline3"),
    RandomRotation((-5, 20), dtype="float16", name="turn", data_format="channels_last"),
    RandomShift((1, 2), width_shift_choices=[0.5], mask_fill_value=255),
    RandomShear(20, bounding_box_format="rel_xyxy"),
    RandomZoom((0.5, 2.0), uniform_zoom=True, seed=3),
    RandomFlip(False, True, dtype="uint8", trainable=False),
]


@pytest.mark.parametrize("layer", CONFIGURED, ids=lambda layer: type(layer).__name__)
def test_configuration_round_trip(photographs, layer):
    by_config = type(layer).from_config(layer.get_config())
    by_name = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    for twin in (by_config, by_name):
        assert twin.get_config() == layer.get_config()
        np.testing.assert_array_equal(array(twin(photographs, seed=1)), array(layer(photographs, seed=1)))


# Laws

angles = st.floats(-360, 360, width=32)
factors = st.floats(0.25, 4, width=32)
shifts = st.floats(-30, 30, width=32)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=8, max_size=8), st.integers(0, 2**32 - 1))
def test_law_flipped_twice_is_the_image(chosen, seed):
    images = np.random.default_rng(seed).integers(0, 256, (4, 5, 7, 2)).astype("uint8")
    layer = RandomFlip(True, True)
    flips = {"flip_horizontal": np.array(chosen[:4]), "flip_vertical": np.array(chosen[4:])}
    np.testing.assert_array_equal(eager(apply, layer, eager(apply, layer, images, flips), flips), images)


@settings(max_examples=30, deadline=None)
@given(shifts, shifts, angles, factors, factors)
def test_law_full_turns_change_nothing(photographs, tx, ty, theta, zx, zy):
    layer = RandomRotation(1, fill_mode="reflect")
    row = {"tx": tx, "ty": ty, "theta": theta, "zx": zx, "zy": zy}
    once, again = (layer.transform_images(photographs, {**row, "theta": theta + turn}) for turn in (0, 360))
    np.testing.assert_allclose(array(once), array(again), rtol=0, atol=0.15)


@settings(max_examples=30, deadline=None)
@given(st.integers(-20, 20), st.integers(-20, 20))
def test_law_whole_pixels_move_exactly(photographs, tx, ty):
    layer = RandomShift(0.1, fill_mode="constant", fill_value=7)
    height, width = photographs.shape[1:3]
    expected = np.full(photographs.shape, 7.0)
    rows, columns = (np.arange(length) for length in (height, width))
    rows, columns = (i[(i + by >= 0) & (i + by < len(i))] for i, by in ((rows, ty), (columns, tx)))
    expected[:, rows[:, None], columns] = photographs[:, rows[:, None] + ty, columns + tx]
    np.testing.assert_allclose(array(layer.transform_images(photographs, {"tx": tx, "ty": ty})), expected, atol=1e-3)


# Refusals

CHOICES = "must be an integer of at least 1, or a sequence of finite numbers to choose from. "
REFUSED = [
    (RandomAffine, {"rotation": "a lot"}, "`rotation` must be a number, .* Received: rotation='a lot'"),
    (RandomAffine, {"rotation": -5}, "`rotation` must be .* Received: rotation=-5"),
    (RandomAffine, {"rotation": (1, 2, 3)}, r"`rotation` must be .* Received: rotation=\(1, 2, 3\)"),
    (RandomAffine, {"shear": (3, 1)}, r"`shear` must be .* Received: shear=\(3, 1\)"),
    (RandomAffine, {"shear": float("nan")}, "`shear` must be .* Received: shear=nan"),
    (RandomAffine, {"zoom": 1.5}, "`zoom` must be .* that are not negative. Received: zoom=1.5"),
    (RandomAffine, {"height_shift": -0.1}, "`height_shift` must be a number, .* Received: height_shift=-0.1"),
    (RandomAffine, {"width_shift": [1, 2, 3]}, r"`width_shift` must be .* Received: width_shift=\[1, 2, 3\]"),
    (RandomAffine, {"width_shift": True}, "`width_shift` must be .* Received: width_shift=True"),
    (RandomAffine, {"width_shift_choices": []}, rf"`width_shift_choices` {CHOICES}Received: width_shift_choices=\[\]"),
    (RandomAffine, {"width_shift_choices": ["a"]}, rf"`width_shift_choices` {CHOICES}Received: .*=\['a'\]"),
    (RandomShift, {"height_shift_choices": 0}, f"`height_shift_choices` {CHOICES}Received: height_shift_choices=0"),
    (RandomShift, {"height_shift_choices": True}, f"`height_shift_choices` {CHOICES}Received: .*=True"),
    (
        RandomShift,
        {"height_shift": 0.1, "height_shift_choices": 3},
        "`height_shift` must not be given with `height_shift_choices`, .* Received: height_shift=0.1, .*=3",
    ),
    (RandomAffine, {"fill_mode": "mirror"}, "`fill_mode` must be one of .*'wrap'.* Received: fill_mode='mirror'"),
    (RandomAffine, {"interpolation": 1}, "`interpolation` must be one of .*'spline5'.* Received: interpolation=1"),
    (RandomAffine, {"data_format": "NHWC"}, "`data_format` must be one of .*'channels_last'.* Received: .*'NHWC'"),
    (RandomAffine, {"seed": "x"}, "`seed` must be an integer.* Received: seed='x'"),
    (RandomRotation, {"rotation": None}, "`rotation` must be .* Received: rotation=None"),
    (RandomShift, {"height_shift": float("inf")}, "`height_shift` must be .* Received: height_shift=inf"),
    (RandomShear, {"shear": "x"}, "`shear` must be .* Received: shear='x'"),
    (RandomZoom, {"zoom": (-1, 2)}, r"`zoom` must be .* Received: zoom=\(-1, 2\)"),
    (RandomFlip, {"fill_mode": None}, "`fill_mode` must be .* Received: fill_mode=None"),
    (RandomFlip, {"horizontal_flip": "False"}, "`horizontal_flip` must be True or False. Received: .*='False'"),
    (RandomAffine, {"vertical_flip": "vertical"}, "`vertical_flip` must be True or False. Received: .*='vertical'"),
    (RandomAffine, {"horizontal_flip": 0.5}, "`horizontal_flip` must be True or False. Received: .*=0.5"),
    (RandomZoom, {"zoom": 0.1, "uniform_zoom": None}, "`uniform_zoom` must be True or False. Received: .*=None"),
    (RandomAffine, {"dtype": "bool"}, "`dtype` must be one of .*'float32'.*'uint8'.* Received: dtype='bool'"),
    (RandomAffine, {"dtype": "complex64"}, "`dtype` must be one of .* Received: dtype='complex64'"),
    (RandomAffine, {"dtype": "int8"}, "`dtype` must be one of .*'int16'.* Received: dtype='int8'"),
]


@pytest.mark.parametrize("layer, arguments, message", REFUSED, ids=[f"{c.__name__}{a}" for c, a, _ in REFUSED])
def test_arguments_refused(layer, arguments, message):
    with pytest.raises(ValueError, match=message):
        layer(**arguments)


@pytest.mark.parametrize("shape", [(20, 24), (1, 4, 20, 24, 3)])
def test_ranks_refused(shape):
    with pytest.raises(ValueError, match=rf"must have rank 4, or 3 for a single one. Received: shape \({shape[0]}, "):
        RandomFlip()(np.zeros(shape, "uint8"))


@pytest.mark.parametrize("shape", [(1,), (3,), (4, 3), (1, 4, 2)])
def test_seeds_refused(photographs, shape):
    with pytest.raises(ValueError, match=rf"`seed` must be None, an int, .* Received: shape \({shape[0]},"):
        RandomFlip()(photographs, seed=np.zeros(shape, "int32"))


def test_a_dictionary_without_images_is_refused(photographs):
    with pytest.raises(ValueError, match=r"must have the key 'images'. Received the keys: \['image', 'labels'\]"):
        RandomFlip()({"image": photographs, "labels": np.arange(4)})


@pytest.mark.skipif(tf is None, reason="a graph of TensorFlow's")
def test_images_of_unknown_size_are_warned_of():
    layer, spec = RandomFlip(), tf.TensorSpec((None, None, None, 3), "uint8")
    with pytest.warns(UserWarning, match="height and width of the images are not known"):
        tf.function(lambda x: layer(x, seed=1), [spec], autograph=False).get_concrete_function()
