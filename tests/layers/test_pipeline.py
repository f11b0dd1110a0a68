"""Several layers as one: fused geometry against one warp of SciPy by the product of the matrices."""

import functools

import keras
import numpy as np
import pytest
from keras_regen.layers import (
    Pipeline,
    RandomAffine,
    RandomChannelShift,
    RandomFlip,
    RandomRotation,
    RandomShear,
    RandomShift,
    RandomZoom,
    Standardize,
)

from . import reference
from .conftest import array, mapped, tf

HEIGHT, WIDTH = 20, 24
SEEDS = np.arange(8, dtype="int32").reshape(4, 2)


def geometric(**arguments):
    """Five geometric layers that can be fused."""
    return [
        RandomRotation(40, **arguments),
        RandomShift(0.2, 0.3, **arguments),
        RandomFlip(True, True, **arguments),
        RandomShear(20, **arguments),
        RandomZoom(0.3, **arguments),
    ]


def drawn(pipeline, seed, count=4):
    """What a call with this seed applies: a list of dictionaries of arrays, geometry alone."""
    transformations = pipeline.get_random_transformation(np.zeros((count, HEIGHT, WIDTH, 3), "uint8"), seed=seed)
    assert isinstance(transformations, list) and len(transformations) == len(pipeline.layers)
    return [
        {name: array(column) for name, column in reference.columns_of(part).items()}
        if part and "height" in part
        else part
        for part in transformations
    ]


def product(transformations, count=4):
    """One matrix an image: output pixels to input pixels through all of the maps, the last one first."""
    tables = [reference.rows_of(transformation, count) for transformation in transformations]
    size = HEIGHT, WIDTH
    factors = ([reference.matrix_3x3(row, *size) @ reference.flip_3x3(row, *size) for row in rows] for rows in tables)
    products = [functools.reduce(np.matmul, of_one_image) for of_one_image in zip(*factors, strict=True)]
    return [reference.rows_and_columns(matrix) for matrix in products]


def close(result, expected, atol=0.02):
    return np.abs(array(result).astype("float64") - expected).max() < atol


# Geometry


@pytest.mark.compiled
@pytest.mark.parametrize("fill_mode", ["nearest", "constant", "reflect", "wrap"])
def test_geometric_layers_are_one_warp(photographs, fill_mode):
    pipeline = Pipeline(geometric(fill_mode=fill_mode, fill_value=17.3))
    result = pipeline(photographs, seed=3)
    transformations = drawn(pipeline, 3)
    assert close(result, reference.warped(photographs, product(transformations), 1, fill_mode, 17.3))
    # Not one resampling after the other, nor the product in the other order.
    chained = functools.reduce(
        lambda images, rows: reference.transformed(images, rows, 1, fill_mode, 17.3), transformations, photographs
    )
    assert not close(result, chained, atol=20)
    assert not close(result, reference.warped(photographs, product(transformations[::-1]), 1, fill_mode, 17.3), atol=20)


def test_the_order_of_layers_matters(photographs):
    """What is shifted and then turned by a quarter moves along the other axis."""
    rows = [{"tx": 3}, {"theta": 180}]
    shift, turn = RandomShift(0.1, fill_mode="constant"), RandomRotation(1, fill_mode="constant")
    shifted_first = array(Pipeline([shift, turn]).transform_images(photographs, rows))
    turned_first = array(Pipeline([turn, shift]).transform_images(photographs, rows[::-1]))
    turned = photographs[:, ::-1, ::-1].astype("float32")
    np.testing.assert_allclose(shifted_first[:, 1:-1, 4:], turned[:, 1:-1, 1:-3], atol=0.02)
    np.testing.assert_allclose(turned_first[:, 1:-1, :-4], turned[:, 1:-1, 3:-1], atol=0.02)


def test_what_one_layer_moves_out_the_next_brings_back(photographs):
    pipeline = Pipeline([RandomShift(0.1, fill_mode="constant"), RandomShift(0.1, fill_mode="constant")])
    result = pipeline.transform_images(photographs, [{"tx": 9, "ty": -30}, {"tx": -9, "ty": 30}])
    assert close(result, photographs, atol=1e-3)


def test_every_way(call_layer, photographs):
    """Of five fused layers, two layers that are not theirs, and images, masks and boxes."""
    layers = [keras.layers.Rescaling(0.5), *geometric(bounding_box_format="xyxy"), keras.layers.Rescaling(2.0, -100)]
    pipeline = Pipeline(layers)
    boxes = np.array([[[2, 3, 9, 11], [0, 0, WIDTH, HEIGHT]]] * 4, "float32")
    data = {
        "images": photographs,
        "labels": np.arange(4),
        "segmentation_masks": photographs[..., :1],
        "bounding_boxes": {"boxes": boxes, "labels": np.ones((4, 2), "int32")},
        "name": np.arange(4) + 10,
    }
    result = call_layer(pipeline, data, SEEDS)
    matrices = product(drawn(pipeline, SEEDS)[1:6])
    assert close(result["images"], reference.warped(photographs, matrices) - 100)
    masks = reference.warped(photographs[..., :1], matrices, 0, dtype="uint8")
    np.testing.assert_array_equal(result["segmentation_masks"], masks)
    np.testing.assert_array_equal(result["labels"], data["labels"])
    np.testing.assert_array_equal(result["name"], data["name"])
    for i, matrix in enumerate(matrices):
        forward = np.linalg.inv(np.concatenate([matrix, [[0, 0, 1]]]))
        for k, (left, top, right, bottom) in enumerate(boxes[i]):
            corners = [(y - 0.5, x - 0.5, 1) for y in (top, bottom) for x in (left, right)]
            rows, columns, _ = forward @ np.transpose(corners) + 0.5
            expected = np.clip([columns.min(), rows.min(), columns.max(), rows.max()], 0, [WIDTH, HEIGHT] * 2)
            np.testing.assert_allclose(result["bounding_boxes"]["boxes"][i, k], expected, rtol=0, atol=5e-4)


@pytest.mark.parametrize(
    "change",
    [
        {"fill_mode": "wrap"},
        {"fill_value": 200.0},
        {"interpolation": "nearest"},
        {"dtype": "uint8"},
    ],
)
def test_layers_that_resample_differently_are_not_fused(photographs, change):
    first, second = (
        {"fill_mode": "constant", "fill_value": 17.3, "interpolation": "bilinear", **options}
        for options in ({}, change)
    )
    pipeline = Pipeline([RandomRotation(40, **first), RandomShift(0.2, 0.2, **second)])
    expected = photographs
    for rows, options in zip(drawn(pipeline, 3), (first, second), strict=True):
        order = reference.ORDERS[options["interpolation"]]
        expected = reference.transformed(expected, rows, order, options["fill_mode"], options["fill_value"])
    result = pipeline(photographs, seed=3)
    if "dtype" in change:
        assert array(result).dtype == "uint8" and close(result, expected, atol=0.52)
    else:
        # A value an ulp away is another pixel where the nearest one is taken.
        assert np.mean(np.abs(array(result) - expected) > 0.02) < 1e-3


def test_a_colour_layer_keeps_its_place(photographs):
    """Geometry on both sides of it is not fused across it: its clipping depends on what is in the image by then."""
    turn, shift = RandomRotation(40, fill_mode="constant"), RandomShift(0.4, fill_mode="constant")
    pipeline = Pipeline([turn, RandomChannelShift(100), shift])
    first, (colour, second) = drawn(pipeline, 3)[0], drawn(pipeline, 3)[1:]
    turned = reference.transformed(photographs, first, 1, "constant")
    amount = array(colour["channel_shift_intensity"]).astype("float64").reshape(-1, 1, 1, 1)
    low, high = turned.min(axis=(1, 2, 3), keepdims=True), turned.max(axis=(1, 2, 3), keepdims=True)
    expected = reference.transformed(np.clip(turned + amount, low, high), second, 1, "constant")
    result = pipeline(photographs, seed=3)
    assert close(result, expected)
    assert not close(result, reference.warped(photographs, product([first, second]), 1, "constant"), atol=20)


def test_pipelines_in_pipelines(photographs):
    """Each one does what it does alone: fused within, not across."""
    pipeline = Pipeline([Pipeline(geometric()), Pipeline([RandomRotation(20)])])
    transformations = pipeline.get_random_transformation(photographs, seed=3)
    inner, outer = (
        [{name: array(column) for name, column in reference.columns_of(part).items()} for part in x]
        for x in transformations
    )
    expected = reference.transformed(reference.warped(photographs, product(inner)), outer[0])
    assert close(pipeline(photographs, seed=3), expected)


@pytest.mark.parametrize("count", [0, 1])
def test_few_layers(photographs, count):
    pipeline = Pipeline([RandomRotation(40)][:count])
    result = array(pipeline(photographs, seed=3))
    rows = drawn(pipeline, 3)
    assert close(result, reference.transformed(photographs, rows[0]) if rows else photographs)
    if not count:
        assert result.dtype == "uint8"


def test_fused_flips_copy_pixels(photographs):
    pipeline = Pipeline([RandomFlip(True, False, dtype="uint8"), RandomFlip(True, True, dtype="uint8")])
    result, rows = array(pipeline(photographs, seed=3)), drawn(pipeline, 3)
    expected = functools.reduce(lambda images, row: reference.transformed(images, row, 0), rows, photographs)
    assert result.dtype == "uint8"
    np.testing.assert_array_equal(result, expected)


# What is drawn


def test_seeds_are_reproducible(photographs):
    pipeline, twin = Pipeline(geometric()), Pipeline(geometric())
    for seed in (3, 2**40, SEEDS[0], SEEDS):
        result = array(pipeline(photographs, seed=seed))
        np.testing.assert_array_equal(result, array(twin(photographs, seed=seed)))
        transformations = pipeline.get_random_transformation(photographs, seed=seed)
        np.testing.assert_array_equal(result, array(pipeline.transform_images(photographs, transformations)))
    assert not close(pipeline(photographs, seed=3), array(pipeline(photographs, seed=4)), atol=20)
    assert not close(pipeline(photographs), array(pipeline(photographs)), atol=20)


def test_layers_draw_independently(photographs):
    """Of one seed, two layers that are alike draw differently; each by its place alone."""
    pipeline = Pipeline([RandomRotation(180), RandomRotation(180), RandomRotation(180)])
    angles = [rows["theta"] for rows in drawn(pipeline, 3)]
    assert len(set(np.concatenate(angles))) == 12
    other = drawn(Pipeline([RandomZoom(0.5), RandomRotation(180), RandomChannelShift(3)]), 3)
    np.testing.assert_array_equal(other[1]["theta"], angles[1])


def test_a_seed_an_image_belongs_to_the_image(photographs):
    pipeline, order = Pipeline(geometric()), [2, 0, 3, 1]
    result = array(pipeline(photographs, seed=SEEDS))
    np.testing.assert_array_equal(array(pipeline(photographs[order], seed=SEEDS[order])), result[order])


def test_layers_keep_their_own_seeds(photographs):
    layers = [RandomRotation(40, seed=1), RandomZoom(0.3, seed=2)]
    pipeline = Pipeline([RandomRotation(40, seed=1), RandomZoom(0.3, seed=2)])
    for _ in range(2):
        rows = [layer.get_random_transformation(photographs) for layer in layers]
        rows = [{name: array(column) for name, column in reference.columns_of(x).items()} for x in rows]
        assert close(pipeline(photographs), reference.warped(photographs, product(rows)))


# One row for the whole


def test_a_dictionary_is_the_row_of_every_layer(photographs):
    row = {"theta": np.array([10.0, 20, 30, 40]), "channel_shift_intensity": np.array([10.0, -20, 30, -40])}
    pipeline = Pipeline([RandomAffine(rotation=1), RandomChannelShift(1), keras.layers.Rescaling(1 / 255)])
    turned = reference.transformed(photographs, {"theta": row["theta"]})
    low, high = turned.min(axis=(1, 2, 3), keepdims=True), turned.max(axis=(1, 2, 3), keepdims=True)
    expected = np.clip(turned + row["channel_shift_intensity"].reshape(-1, 1, 1, 1), low, high) / 255
    assert close(pipeline.transform_images(photographs, row), expected, atol=1e-4)


def test_a_dictionary_for_several_geometric_layers_is_refused(photographs):
    with pytest.raises(ValueError, match="cannot be the transformation of several geometric layers"):
        Pipeline(geometric()).transform_images(photographs, {"theta": 3})


# Inference, models, configuration


def test_inference_is_what_does_not_draw(photographs):
    layers = [*geometric(bounding_box_format="xyxy"), RandomChannelShift(30), keras.layers.Rescaling(1 / 255)]
    boxes = {"boxes": np.ones((4, 1, 4), "float32"), "labels": np.ones((4, 1), "int32")}
    data = {"images": photographs, "segmentation_masks": photographs[..., 0], "bounding_boxes": boxes}
    result = mapped(array, Pipeline(layers)(data, training=False))
    np.testing.assert_allclose(result["images"], photographs / 255, atol=1e-6)
    np.testing.assert_array_equal(result["segmentation_masks"], photographs[..., 0])
    np.testing.assert_array_equal(result["bounding_boxes"]["boxes"], boxes["boxes"])
    np.testing.assert_array_equal(result["bounding_boxes"]["labels"], boxes["labels"])


def test_single_images(photographs):
    pipeline = Pipeline([*geometric(), keras.layers.Rescaling(1 / 255)])
    result = array(pipeline({"images": photographs[1]}, seed=3)["images"])
    expected = reference.warped(photographs[1:2], product(drawn(pipeline, 3, count=1)[:5], count=1)) / 255
    assert result.shape == (HEIGHT, WIDTH, 3) and close(result, expected[0], atol=1e-4)


def test_in_a_model(photographs, tmp_path):
    """Trained, saved and loaded: it augments in training alone, from the streams of its layers."""
    images = keras.Input((HEIGHT, WIDTH, 3), dtype="uint8")
    outputs = Pipeline([RandomRotation(40, seed=1), RandomZoom(0.3, seed=2), keras.layers.Rescaling(1 / 255)])(images)
    assert outputs.shape == (None, HEIGHT, WIDTH, 3) and outputs.dtype == "float32"
    model = keras.Model(images, outputs)
    model.save(tmp_path / "model.keras")
    layers = [RandomRotation(40, seed=1), RandomZoom(0.3, seed=2)]
    rows = [layer.get_random_transformation(photographs) for layer in layers]
    rows = [{name: array(column) for name, column in reference.columns_of(x).items()} for x in rows]
    expected = reference.warped(photographs, product(rows)) / 255
    for each in (model, keras.models.load_model(tmp_path / "model.keras")):
        np.testing.assert_allclose(each.predict(photographs, verbose=0), photographs / 255, atol=1e-6)
        assert close(each(photographs, training=True), expected, atol=1e-4)


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_fit_draws_anew_in_every_step(photographs):
    """The mean of what a dense layer sees: the loss of two steps on the same images differs, without training."""
    images = keras.Input((HEIGHT, WIDTH, 3), dtype="uint8")
    turned = Pipeline([RandomShift(0.9, 0.9, fill_mode="constant", seed=1), RandomZoom(0.3, seed=2)])(images)
    model = keras.Model(images, keras.layers.GlobalAveragePooling2D()(turned))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    history = model.fit(photographs, np.zeros((4, 3)), epochs=4, batch_size=4, shuffle=False, verbose=0)
    assert len(set(history.history["loss"])) == 4


def test_in_tf_data_after_batching_or_before(photographs):
    """With the layers' own streams; on every backend."""
    if tf is None:
        pytest.skip("needs TensorFlow")
    pipeline = Pipeline([*geometric(), keras.layers.Rescaling(1 / 255)])
    slices = tf.data.Dataset.from_tensor_slices(photographs)
    for dataset in (slices.batch(4).map(pipeline), slices.map(pipeline).batch(4)):
        first, second = (next(iter(dataset)).numpy() for _ in range(2))
        assert first.shape == photographs.shape and first.min() >= 0 and first.max() <= 1 and first.std() > 0.05
        assert not close(first, second, atol=0.1)


def test_configuration_round_trip(photographs):
    layers = [*geometric(fill_mode="reflect"), RandomChannelShift(30), keras.layers.Rescaling(1 / 255)]
    pipeline = Pipeline([*layers, Standardize(samplewise_center=True), Pipeline([RandomZoom(0.1)])], name="augment")
    by_config = Pipeline.from_config(pipeline.get_config())
    by_name = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(pipeline))
    for twin in (by_config, by_name):
        assert twin.name == "augment" and [type(layer) for layer in twin.layers] == [type(x) for x in pipeline.layers]
        np.testing.assert_array_equal(array(twin(photographs, seed=1)), array(pipeline(photographs, seed=1)))


def keras_layer(name, *arguments):
    if not hasattr(keras.layers, name):
        pytest.skip(f"not in Keras {keras.__version__}")
    return getattr(keras.layers, name)(*arguments)


DRAW = [
    ("RandomFlip",), ("RandomContrast", 0.2), ("MixUp",), ("RandAugment",), ("Solarization", 0.3), ("Dropout", 0.1),
    ("SpatialDropout2D", 0.5), ("GaussianNoise", 0.1),
]  # fmt: skip
REFUSED = {
    **{case[0]: lambda case=case: keras_layer(*case) for case in DRAW},
    "within another": lambda: keras.Sequential([keras.layers.Rescaling(2.0), keras.layers.Dropout(0.1)]),
    "a name": lambda: "RandomFlip",
    "a class": lambda: RandomFlip,
    "nothing": lambda: None,
}


@pytest.mark.parametrize("name", REFUSED)
def test_layers_refused(name):
    message = r"`layers` must be layers of keras_regen, or Keras layers that draw nothing and keep the size\. "
    layer = REFUSED[name]()
    with pytest.raises(ValueError, match=message):
        Pipeline([RandomRotation(20), layer])


@pytest.mark.parametrize("layers", [None, 5, RandomFlip(), "RandomFlip"], ids=str)
def test_layers_must_be_a_list(layers):
    with pytest.raises(ValueError, match=r"`layers` must be a list of layers\. Received: layers="):
        Pipeline(layers)


@pytest.mark.parametrize(
    "case", [("AutoContrast",), ("Equalization", (0, 255), 16), ("Solarization",), ("Dropout", 0.0)], ids=lambda x: x[0]
)
def test_keras_layers_that_draw_nothing(photographs, case):
    """Do in training what they do there, and in inference what they do then: nothing, some of them."""
    images, pipeline = photographs.astype("float32"), Pipeline([keras_layer(*case)])
    for training in (True, False):
        expected = array(keras_layer(*case)(images, training=training))
        np.testing.assert_allclose(array(pipeline(images, training=training)), expected, rtol=1e-5)
        if tf is not None and case[0] != "Dropout":  # those that Keras made for `tf.data`
            dataset = tf.data.Dataset.from_tensors(images).map(lambda x, t=training: pipeline(x, training=t))
            np.testing.assert_allclose(next(iter(dataset)), expected, rtol=1e-5)
    assert pipeline.compute_output_spec(keras.KerasTensor((None, 20, 24, 3))).shape == (None, 20, 24, 3)


@pytest.mark.parametrize("layer", [keras.layers.ZeroPadding2D(), keras.layers.Resizing(5, 6)], ids=lambda x: x.name)
def test_layers_that_change_the_size_are_refused(photographs, layer):
    for images in (keras.Input((HEIGHT, WIDTH, 3)), photographs):
        with pytest.raises(ValueError, match=r"`layers` must keep the size of the images\. Received: <"):
            Pipeline([layer])(images)
