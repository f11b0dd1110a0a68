"""The colour layers against the legacy functions, given the rows that the layers drew, in every way to call a layer."""

import ml_dtypes
import numpy as np
import pytest
from keras.src.legacy.preprocessing.image import apply_brightness_shift, apply_channel_shift
from keras_regen.layers import RandomBrightness, RandomChannelShift

from .conftest import array

SEEDS = np.random.default_rng(0).integers(-(2**31), 2**31, (4, 2), "int64").astype("int32")


def shifted(images, row):
    pairs = zip(images.astype("float32"), row["channel_shift_intensity"], strict=True)
    return np.stack([apply_channel_shift(image, shift, channel_axis=2) for image, shift in pairs])


def brightened_by_pillow(images, row):
    pairs = zip(images.astype("float32"), row["brightness"], strict=True)
    return np.stack([apply_brightness_shift(image, factor, scale=False) for image, factor in pairs])


def brightened(images, row):
    return np.clip(images.astype("float64") * row["brightness"].reshape(-1, 1, 1, 1), 0, 255)


# Layer, reference, what differs at most. Of the 5,760 values here no one is to be that one in a million.
CASES = {
    "channel shift": (RandomChannelShift, {"channel_shift": 60}, shifted, 0.02),
    "8 bits": (RandomBrightness, {"brightness": (0.3, 1.7), "mode": "8bit"}, brightened_by_pillow, 0.02),
    "smooth": (RandomBrightness, {"brightness": (0.3, 1.7), "mode": "smooth"}, brightened, 0.02),
}
# Values up to 255 have an ulp of this much.
ULP = {"float16": 0.125, "bfloat16": 1.0, "float32": 0, "uint8": 1}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def rows(layer, images, seeds=SEEDS):
    return {name: array(x) for name, x in layer.get_random_transformation(images, seed=seeds).items()}


def assert_equal(result, expected, tolerance):
    name = result.dtype.name
    if name == "uint8":
        expected = np.clip(np.floor(expected + 0.5), 0, 255)
    difference = np.abs(result.astype("float64") - expected)
    assert difference.max() <= tolerance + ULP[name]
    if name == "uint8":  # one grey level where a half was rounded to the other side
        assert np.mean(difference != 0) < 0.002


@pytest.mark.parametrize("source, dtype", [("uint8", "float32"), ("float32", "uint8")])
def test_equals_legacy(call_layer, case, photographs, source, dtype):
    kind, arguments, reference, tolerance = case
    layer = kind(**arguments, dtype=dtype)
    images = photographs.astype(source) if source == "uint8" else photographs.astype(source) * np.float32(0.9731)
    result = call_layer(layer, images, SEEDS)
    assert result.dtype == dtype and result.shape == images.shape
    assert_equal(result, reference(images, rows(layer, images)), tolerance)


@pytest.mark.parametrize("dtype", ["uint8", "float16", "bfloat16", "float32", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("source", ["uint8", "float16", "bfloat16", "float32"])
def test_dtypes(case, photographs, source, dtype):
    kind, arguments, reference, tolerance = case
    layer = kind(**arguments, dtype=dtype)
    images = photographs.astype(ml_dtypes.bfloat16 if source == "bfloat16" else source)
    result = array(layer(images, seed=SEEDS))
    assert result.dtype.name == dtype.removeprefix("mixed_")
    assert_equal(result, reference(images, rows(layer, images)), tolerance)


def test_a_given_transformation_is_applied(transform_images, photographs):
    """By hand, as a test or a picture of what happened would."""
    images = photographs.astype("float32")
    row = {
        "channel_shift_intensity": np.array([-300.0, -10.5, 0.0, 20.0]),
        "brightness": np.array([0.0, 0.5, 1.0, 3.0]),
    }
    for kind, arguments, reference, tolerance in CASES.values():
        result = transform_images(kind(**arguments), images, row)
        assert_equal(result, reference(images, row), tolerance)


def test_what_a_transformation_has_not_is_not_done(transform_images, photographs):
    for kind, arguments, _, _ in CASES.values():
        result = transform_images(kind(**arguments), photographs, {"theta": np.full(4, 20.0)})
        np.testing.assert_array_equal(result, photographs.astype("float32"))


def test_convention_smooth_is_8bit_but_for_truncation(photographs):
    images = photographs.astype("float32")
    for factor in (0.4, 1.0, 1.9):
        row = {"brightness": [factor] * 4}
        smooth = array(RandomBrightness(0.5).transform_images(images, row))
        eight = array(RandomBrightness(0.5, mode="8bit").transform_images(images, row))
        difference = smooth - eight
        assert difference.min() > -0.001 and difference.max() < 1
        assert difference.max() > 0.5 or factor == 1
    np.testing.assert_array_equal(eight, np.trunc(eight))


def test_value_range_of_brightness(transform_images, photographs):
    """Images in -1..1: black is -1."""
    images = (photographs / 127.5 - 1).astype("float32")
    factors = np.array([0.0, 0.5, 1.0, 1.6])
    layer = RandomBrightness(0.5, value_range=(-1, 1))
    result = transform_images(layer, images, {"brightness": factors})
    expected = np.clip((images.astype("float64") + 1) * factors.reshape(4, 1, 1, 1) - 1, -1, 1)
    np.testing.assert_allclose(result, expected, atol=1e-6)
    assert np.all(result[0] == -1)


def test_a_dictionary_keeps_masks_boxes_labels_and_the_rest(call_layer, case, photographs):
    kind, arguments, reference, tolerance = case
    layer = kind(**arguments)
    rng = np.random.default_rng(0)
    data = {
        "images": photographs,
        "segmentation_masks": rng.integers(0, 5, (4, 20, 24, 1)).astype("int32"),
        "bounding_boxes": {
            "boxes": rng.uniform(0, 20, (4, 3, 4)).astype("float32"),
            "labels": rng.integers(0, 9, (4, 3)).astype("int32"),
        },
        "labels": rng.integers(0, 9, 4).astype("int32"),
        "weights": rng.uniform(0, 1, 4).astype("float32"),
    }
    result = call_layer(layer, data, SEEDS)
    assert set(result) == set(data)
    assert_equal(result["images"], reference(photographs, rows(layer, photographs)), tolerance)
    for name in ("segmentation_masks", "labels", "weights"):
        np.testing.assert_array_equal(result[name], data[name])
        assert result[name].dtype == data[name].dtype
    for name in ("boxes", "labels"):
        np.testing.assert_array_equal(result["bounding_boxes"][name], data["bounding_boxes"][name])


def test_inference_changes_nothing_but_the_dtype(photographs):
    wide = photographs.astype("float32") * 3 - 200.25  # no clipping either
    for kind, arguments, _, _ in CASES.values():
        np.testing.assert_array_equal(array(kind(**arguments)(wide, training=False)), wide)
        result = array(kind(**arguments, dtype="uint8")(wide, training=False))
        np.testing.assert_array_equal(result, np.clip(np.sign(wide) * np.floor(np.abs(wide) + 0.5), 0, 255))
        assert np.any(array(kind(**arguments)(photographs)) != photographs)


def test_convention_a_channel_shift_is_one_number_an_image_within_its_own_range():
    images = np.array([[0, 100, 200], [10, 20, 30]], "uint8").reshape(2, 1, 1, 3)
    result = array(RandomChannelShift(9).transform_images(images, {"channel_shift_intensity": [50.0, -15.0]}))
    np.testing.assert_array_equal(result.reshape(2, 3), [[50, 150, 200], [10, 10, 15]])


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: RandomChannelShift("30"),
            r"`channel_shift` must be a number, or a pair of finite numbers \(low, high\). Received: .*='30'",
        ),
        (lambda: RandomChannelShift((5, 1)), r"`channel_shift` must be .* Received: channel_shift=\(5, 1\)"),
        (lambda: RandomChannelShift(-5), r"`channel_shift` must be .* Received: channel_shift=-5"),
        (lambda: RandomChannelShift((1, 2, 3)), r"`channel_shift` must be .*"),
        (lambda: RandomChannelShift(float("nan")), r"`channel_shift` must be .*"),
        (
            lambda: RandomBrightness((-0.5, 1)),
            r"`brightness` must be .* that are not negative. Received: brightness=\(-0.5, 1\)",
        ),
        (lambda: RandomBrightness(1.5), r"`brightness` must be .* Received: brightness=1.5"),
        (lambda: RandomBrightness(None), r"`brightness` must be .* Received: brightness=None"),
        (
            lambda: RandomBrightness(0.5, mode="pillow"),
            r"`mode` must be one of \('smooth', '8bit'\). Received: mode='pillow'",
        ),
        (
            lambda: RandomBrightness(0.5, mode="8bit", value_range=(0, 1)),
            r"`value_range` must be \(0, 255\) with mode='8bit'. Received: value_range=\(0, 1\)",
        ),
        (lambda: RandomBrightness(0.5, value_range=(1, 0)), r"`value_range` must be .* Received: value_range=\(1, 0\)"),
        (
            lambda: RandomBrightness(0.5, value_range=5),
            "`value_range` must be a pair of finite numbers, of black and of white, .* Received: value_range=5",
        ),
        (lambda: RandomBrightness(0.5, value_range=(5,)), r"`value_range` must be .* Received: value_range=\(5,\)"),
        (lambda: RandomBrightness(0.5, value_range=(5, 5)), r"`value_range` must be .* Received: value_range=\(5, 5\)"),
        (
            lambda: RandomChannelShift(5, data_format="NHWC"),
            r"`data_format` must be one of \('channels_last', 'channels_first'\). Received: data_format='NHWC'",
        ),
        (
            lambda: RandomChannelShift(5)(np.zeros((2, 3), "uint8")),
            r"Images must have rank 4, or 3 for a single one. Received: shape \(2, 3\)",
        ),
        (
            lambda: RandomChannelShift(5)({"image": np.zeros((2, 3, 3, 1), "uint8")}),
            r"A dictionary must have the key 'images'. Received the keys: \['image'\]",
        ),
        (
            lambda: RandomBrightness(0.5, mode="8bit")(np.zeros((2, 3, 3, 2), "uint8")),
            r"`images` must have 1, 3 or 4 channels. Received: 2 channels",
        ),
    ],
)
def test_errors_name_the_argument_what_is_allowed_and_what_was_received(make, message):
    with pytest.raises(ValueError, match=message):
        make()
