"""The layers draw from the distributions from which the legacy generator draws, and the same on every backend."""

import numpy as np
import pytest
from keras import ops as keras_ops
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from keras_regen import layers
from scipy import stats

HEIGHT, WIDTH = 30, 50
SIZE = 20000
GEOMETRY = ("theta", "tx", "ty", "shear", "zx", "zy", "flip_horizontal", "flip_vertical")


def draws(layer, size=SIZE, seed=1, height=HEIGHT, width=WIDTH):
    """Columns of numbers by name, for images of which nothing but the size is read."""
    images = np.zeros((size, height, width, 1), "uint8")
    transformation = layer.get_random_transformation(images, seed=seed)
    columns = {name: np.broadcast_to(keras_ops.convert_to_numpy(x), size) for name, x in transformation.items()}
    return {name: column.astype("float64") for name, column in columns.items()}


def legacy_draws(size=SIZE, seed=0, **arguments):
    """The same from the legacy generator, which measures the shift of columns, tx, by the height."""
    generator = ImageDataGenerator(**arguments)
    np.random.seed(seed)
    rows = [generator.get_random_transform((WIDTH, HEIGHT, 1)) for _ in range(size)]
    return {name: np.array([row[name] for row in rows], "float64") for name in rows[0] if rows[0][name] is not None}


def assert_same_continuous(ours, legacy):
    assert stats.ks_2samp(ours, legacy).pvalue > 0.001
    # The Kolmogorov-Smirnov test is blind at the ends.
    span = np.ptp(legacy)
    np.testing.assert_allclose([ours.min(), ours.max()], [legacy.min(), legacy.max()], atol=0.002 * span)


def assert_same_discrete(ours, legacy):
    ours, legacy = np.round(ours, 4) + 0.0, np.round(legacy, 4) + 0.0  # not -0.0
    values = np.unique(legacy)
    np.testing.assert_array_equal(np.unique(ours), values)
    if len(values) > 1:
        counts = [[np.sum(sample == value) for value in values] for sample in (ours, legacy)]
        assert stats.chi2_contingency(counts).pvalue > 0.001


@pytest.fixture(scope="module")
def everything():
    """Draws of all parameters at once, ours and those of the legacy generator."""
    legacy = legacy_draws(
        rotation_range=25,
        height_shift_range=0.3,
        width_shift_range=0.1,
        shear_range=12.5,
        zoom_range=(0.6, 1.1),
        horizontal_flip=True,
        vertical_flip=True,
        channel_shift_range=40.0,
        brightness_range=(0.2, 1.4),
    )
    layer = layers.RandomAffine(
        rotation=25,
        width_shift=0.3,
        height_shift=0.1,
        shear=12.5,
        zoom=(0.6, 1.1),
        horizontal_flip=True,
        vertical_flip=True,
    )
    ours = draws(layer) | draws(layers.RandomChannelShift(40)) | draws(layers.RandomBrightness((0.2, 1.4)))
    return ours, legacy


@pytest.mark.parametrize("name", ["theta", "tx", "ty", "shear", "zx", "zy", "channel_shift_intensity", "brightness"])
def test_every_parameter_is_distributed_like_the_legacy_one(everything, name):
    ours, legacy = everything
    assert_same_continuous(ours[name], legacy[name])


@pytest.mark.parametrize("name", ["flip_horizontal", "flip_vertical"])
def test_flips_are_distributed_like_the_legacy_ones(everything, name):
    ours, legacy = everything
    assert_same_discrete(ours[name], legacy[name])


def test_parameters_are_independent(everything):
    """Of each other and from an image to the next: any of them together would make fewer kinds of images."""
    ours, _ = everything
    columns = np.stack([ours[name] for name in GEOMETRY])
    columns = np.concatenate([columns, np.roll(columns, 1, axis=1)])
    correlation = stats.spearmanr(columns, axis=1).statistic - np.eye(len(columns))
    assert np.abs(correlation).max() < 4.5 / np.sqrt(SIZE)


@pytest.mark.parametrize("width_shift, height_shift", [(0.999, 1.0), (7.5, 1.2)])  # just below 1, and one pixel
def test_shifts_by_a_float_are_the_legacy_ones(width_shift, height_shift):
    ours = draws(layers.RandomShift(height_shift=height_shift, width_shift=width_shift))
    # The legacy `height_shift_range` moves columns.
    legacy = legacy_draws(6000, height_shift_range=width_shift, width_shift_range=height_shift)
    for name in ("tx", "ty"):
        assert_same_continuous(ours[name], legacy[name])


@pytest.mark.parametrize(
    "width, height",
    [
        (1, 4),  # an int n: 0 to n - 1, so 1 is none
        ([0.1, 0.25], [0.0, 0.5, 0.9]),
        ([1, 5], [0.5, 12.0]),  # pixels, though one is below 1
        ([-3, 0.5], [-0.7, -0.2]),  # fractions: the rule is the largest, not the largest magnitude
        ([0.2, 0.2, 0.4], (3,)),  # a value given twice is chosen twice as often
        ([-2, 1], [0, -4.0]),
    ],
)
def test_choices_of_shifts_follow_the_legacy_rule(width, height):
    ours = draws(layers.RandomShift(height_shift_choices=height, width_shift_choices=width))
    legacy = legacy_draws(6000, height_shift_range=width, width_shift_range=height)
    for name in ("tx", "ty"):
        assert_same_discrete(ours[name], legacy[name])


def test_no_shift_is_no_shift():
    for nothing in (0, 0.0):
        ours = draws(layers.RandomShift(height_shift=nothing, width_shift=nothing), size=100)
        assert not {"tx", "ty"} & set(ours)


def test_convention_width_shift_moves_columns_by_the_width():
    ours = draws(layers.RandomShift(width_shift_choices=[0.5], height_shift_choices=[0.25]), size=200)
    assert set(np.abs(ours["tx"])) == {0.5 * WIDTH}
    assert set(np.abs(ours["ty"])) == {0.25 * HEIGHT}
    first = draws(layers.RandomShift(width_shift_choices=[0.5], data_format="channels_last"), size=5, height=1, width=8)
    assert set(np.abs(first["tx"])) == {4}
    layer = layers.RandomShift(width_shift_choices=[0.5], height_shift_choices=[0.25], data_format="channels_first")
    transformation = layer.get_random_transformation(np.zeros((5, 1, 20, 40), "uint8"), seed=1)
    assert set(np.abs(keras_ops.convert_to_numpy(transformation["tx"]))) == {20}
    assert set(np.abs(keras_ops.convert_to_numpy(transformation["ty"]))) == {5}


@pytest.mark.parametrize(
    "layer, name, low, high",
    [
        (layers.RandomRotation(90), "theta", -90, 90),
        (layers.RandomRotation((10, 20)), "theta", 10, 20),
        (layers.RandomShear((-5, 0)), "shear", -5, 0),
        (layers.RandomShift(width_shift=(-2, 7)), "tx", -2, 7),
        (layers.RandomShift(height_shift=3), "ty", -3, 3),
        (layers.RandomShift(height_shift=(-0.5, 0.25)), "ty", -0.5 * HEIGHT, 0.25 * HEIGHT),
        (layers.RandomShift(width_shift=(-0.5, 2)), "tx", -0.5, 2),
        (layers.RandomZoom(0.3), "zx", 0.7, 1.3),
        (layers.RandomZoom(0.3), "zy", 0.7, 1.3),
        (layers.RandomZoom((1.5, 2.0), uniform_zoom=True), "zy", 1.5, 2.0),
        (layers.RandomBrightness(0.25), "brightness", 0.75, 1.25),
        (layers.RandomChannelShift((0, 9)), "channel_shift_intensity", 0, 9),
    ],
)
def test_a_number_is_a_distance_and_a_pair_are_the_ends(layer, name, low, high):
    column = draws(layer)[name]
    assert low <= column.min() and column.max() <= high
    assert stats.kstest((column - low) / (high - low), "uniform").pvalue > 0.001


def test_a_zoom_number_is_the_legacy_one():
    ours, legacy = draws(layers.RandomZoom(0.3)), legacy_draws(6000, zoom_range=0.3)
    for name in ("zx", "zy"):
        assert_same_continuous(ours[name], legacy[name])


def test_uniform_zoom_has_one_factor():
    ours = draws(layers.RandomAffine(zoom=0.4, uniform_zoom=True))
    np.testing.assert_array_equal(ours["zx"], ours["zy"])
    two = draws(layers.RandomAffine(zoom=0.4))
    assert np.all(two["zx"] != two["zy"])


@pytest.mark.parametrize(
    "layer, moving",
    [
        (layers.RandomRotation(20), {"theta"}),
        (layers.RandomShift(width_shift=0.1), {"tx"}),
        (layers.RandomShift(height_shift_choices=3), {"ty"}),
        (layers.RandomShear(5), {"shear"}),
        (layers.RandomZoom(0.5), {"zx", "zy"}),
        (layers.RandomFlip(), {"flip_horizontal"}),
        (layers.RandomFlip(False, True), {"flip_vertical"}),
        (layers.RandomAffine(), set()),
    ],
)
def test_a_layer_draws_what_it_is_named_for_as_random_affine_does(layer, moving):
    """What is drawn does not depend on which other parameters are used."""
    ours = draws(layer, size=100)
    assert set(GEOMETRY) & set(ours) == moving
    names = ("rotation", "height_shift_choices", "width_shift", "shear", "zoom", "horizontal_flip", "vertical_flip")
    everything = {
        "rotation": 20,
        "height_shift_choices": 3,
        "width_shift": 0.1,
        "shear": 5,
        "zoom": 0.5,
        "horizontal_flip": True,
        "vertical_flip": True,
    }
    assert set(names) == set(everything)
    all_draws = draws(layers.RandomAffine(**everything), size=100)
    for name in moving:
        np.testing.assert_array_equal(ours[name], all_draws[name])


def test_layers_of_different_kinds_given_the_same_seed_draw_independently():
    """As people give one seed to all layers, brightness would else go with the angle."""
    columns = [
        draws(layers.RandomRotation(10))["theta"],
        draws(layers.RandomChannelShift(10))["channel_shift_intensity"],
    ]
    columns += [draws(layers.RandomBrightness(0.5))["brightness"], draws(layers.RandomZoom(0.5))["zx"]]
    assert np.abs(np.corrcoef(columns) - np.eye(4)).max() < 4.5 / np.sqrt(SIZE)


def test_each_call_draws_anew_from_the_layers_own_stream():
    images = np.zeros((50, 4, 4, 1), "uint8")

    def theta(layer):
        return keras_ops.convert_to_numpy(layer.get_random_transformation(images)["theta"])

    one, same, other, unseeded = (layers.RandomRotation(20, seed=seed) for seed in (3, 3, 4, None))
    first, second = theta(one), theta(one)
    assert np.all(first != second)
    np.testing.assert_array_equal([theta(same), theta(same)], [first, second])
    assert np.all(theta(other) != first) and np.all(theta(unseeded) != first)


@pytest.mark.parametrize("seed", [0, 1, -1, 2**40 + 7, np.int64(5)])
def test_a_seed_is_64_bits(seed):
    """Two int32 words, the lower one first; an image's own seed gives what it gives in any other place."""
    bits = int(seed) % 2**64
    word_pair = np.array([bits % 2**32, bits // 2**32], "uint32").view("int32")
    layer = layers.RandomAffine(rotation=20, width_shift=0.2)
    np.testing.assert_array_equal(draws(layer, 5, seed=seed)["tx"], draws(layer, 5, seed=word_pair)["tx"])
    assert np.all(draws(layer, 5, seed=seed)["tx"] != draws(layer, 5, seed=int(seed) + 2**32)["tx"])
    seeds = np.stack([word_pair, word_pair + 1, word_pair])
    tx = draws(layer, 3, seed=seeds)["tx"]
    assert tx[0] == tx[2] != tx[1]
    assert tx[0] == draws(layer, 5, seed=word_pair)["tx"][0]


@pytest.mark.parametrize("seed", [np.zeros(3, "int32"), np.zeros((2, 3), "int32"), np.zeros((1, 1, 2), "int32")])
def test_a_seed_of_another_shape_is_refused(seed):
    message = r"`seed` must be None, an int, or an integer tensor of shape \(2,\) or \(batch, 2\). Received: shape"
    with pytest.raises(ValueError, match=message):
        layers.RandomRotation(20).get_random_transformation(np.zeros((2, 4, 4, 1), "uint8"), seed=seed)


def golden_layers(**arguments):
    affine = layers.RandomAffine(
        rotation=30,
        width_shift=0.25,
        height_shift_choices=(1, 2, 5),
        shear=10,
        zoom=(0.5, 2.0),
        horizontal_flip=True,
        vertical_flip=True,
        **arguments,
    )
    return affine, layers.RandomChannelShift(50, **arguments), layers.RandomBrightness((0.5, 1.5), **arguments)


# Columns: GEOMETRY, channel shift, brightness; a row per image, of 30 x 50 pixels.
# fmt: off
GOLDEN = [
    [12.2366219, 10.2410746, 2, -8.32073212, 1.76570964, 1.6798166, 1, 0, -42.0682144, 1.21194386],
    [-26.5371037, 7.37970638, 2, 1.6845274, 1.92766166, 1.11253071, 0, 1, 34.7691498, 0.703320324],
    [-29.3930874, -10.7177038, -1, -2.89606571, 1.4464159, 1.36216402, 1, 0, -28.8634243, 0.974633217],
    [25.595005, -4.96862698, 1, 9.11716843, 1.74174309, 1.74611902, 1, 1, 17.153244, 0.750024796],
]
GOLDEN_IN_A_PIPELINE = [
    [-20.5024223, 0.128343701, 2, -5.23750067, 0.74786526, 0.843966365, 1, 1, -14.7032967, 0.546027005],
    [2.82963562, 1.29746497, 5, -2.67930746, 1.22476792, 1.09971523, 1, 1, -21.2700253, 0.732555568],
    [4.94789505, 9.32337475, 1, -6.75673103, 1.41815555, 1.20176017, 1, 0, -49.102356, 1.28071773],
    [5.43998337, 9.18204021, -5, 0.859170914, 0.609664202, 1.65420973, 0, 0, 44.6105576, 1.02637887],
]
# fmt: on


def golden_table(transformations):
    columns = [transformations[0][name] for name in GEOMETRY]
    columns += [transformations[1]["channel_shift_intensity"], transformations[2]["brightness"]]
    return np.stack([keras_ops.convert_to_numpy(column).astype("float64") for column in columns], axis=1)


def test_draws_are_those_of_every_other_backend_and_version():
    """Numbers written down once: who changes them changes what everybody's seeds mean."""
    images = np.zeros((4, HEIGHT, WIDTH, 1), "uint8")
    table = golden_table([layer.get_random_transformation(images, seed=1) for layer in golden_layers()])
    np.testing.assert_allclose(table, GOLDEN, rtol=1e-6, atol=1e-6)
    # The first seed of a layer's own stream is the seed that the layer was given.
    table = golden_table([layer.get_random_transformation(images) for layer in golden_layers(seed=1)])
    np.testing.assert_allclose(table, GOLDEN, rtol=1e-6, atol=1e-6)
    pipeline = layers.Pipeline(golden_layers())
    table = golden_table(pipeline.get_random_transformation(images, seed=1))
    np.testing.assert_allclose(table, GOLDEN_IN_A_PIPELINE, rtol=1e-6, atol=1e-6)
