"""`RandomLayer` as a base of layers of one's own: the contract, and that `check_layer` sees each breach of it."""

import keras
import numpy as np
import pytest
from keras_regen.layers import (
    Pipeline,
    RandomAffine,
    RandomBrightness,
    RandomChannelShift,
    RandomFlip,
    RandomLayer,
    Standardize,
    augment,
    check_layer,
)

from .conftest import array, tf


@keras.saving.register_keras_serializable(package="tests")
class Stripe(RandomLayer):
    """Paint a stripe over all rows: of a random colour, from a random column on."""

    uniforms = ("stripe_column", "stripe_value")

    def __init__(self, width=0.25, *, value=(0, 255), **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.value = value

    def draw(self, uniforms, height, width, ops):
        low, high = self.value
        return {
            "left": uniforms["stripe_column"] * (1 - self.width),
            "value": low + (high - low) * uniforms["stripe_value"],
        }

    def apply(self, images, transformation, ops):
        width = ops.shape(images)[2]
        column = (ops.cast(ops.arange(width, dtype="int32"), self.precision) + 0.5) / ops.cast(width, self.precision)
        left = ops.cast(transformation["left"], self.precision)[:, None]
        inside = (column[None] >= left) & (column[None] < left + self.width)
        value = ops.cast(transformation["value"], self.precision)[:, None, None, None]
        return ops.where(inside[:, None, :, None], value, ops.cast(images, self.precision))


IMAGES = np.random.default_rng(0).integers(0, 256, (7, 12, 16, 3), "uint8")


def test_it_does_what_its_numbers_say():
    layer = Stripe(0.25, value=(10, 20), seed=1)
    drawn = {name: array(column) for name, column in layer.get_random_transformation(IMAGES, seed=3).items()}
    result = array(layer(IMAGES, seed=3))
    for image, moved, left, value in zip(IMAGES, result, drawn["left"], drawn["value"], strict=True):
        expected, columns = image.astype("float32"), (np.arange(16) + 0.5) / 16
        expected[:, (columns >= left) & (columns < left + 0.25)] = value
        np.testing.assert_allclose(moved, expected, atol=1e-4)
    assert drawn["left"].min() >= 0 and drawn["left"].max() <= 0.75 and np.ptp(drawn["value"]) > 2
    assert repr(layer) == "Stripe(value=(10, 20), seed=1)"


@pytest.mark.parametrize(
    "layer",
    [
        Stripe(0.3, seed=2),
        RandomAffine(rotation=20, width_shift=3, shear=5, zoom=0.2, horizontal_flip=True, bounding_box_format="xyxy"),
        RandomAffine(zoom=0.2, data_format="channels_first", fill_mode="constant"),
        RandomFlip(True, True, bounding_box_format="rel_xyxy"),
        RandomBrightness((0.5, 1.5)),
        RandomBrightness((0.5, 1.5), mode="8bit"),
        RandomChannelShift(40, dtype="float16"),
    ],
    ids=repr,
)
def test_layers_keep_the_contract(layer):
    check_layer(layer)


@pytest.mark.compiled
def test_a_layer_keeps_the_contract_compiled():
    check_layer(Stripe(0.3))


def test_it_is_saved_fused_and_mapped(tmp_path):
    model = keras.Sequential([keras.Input((12, 16, 3)), Pipeline([RandomFlip(), Stripe(0.5, seed=4)])])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert repr(again.layers[-1]) == repr(model.layers[-1])
    np.testing.assert_array_equal(array(again.layers[-1](IMAGES, seed=1)), array(model.layers[-1](IMAGES, seed=1)))
    if tf is not None:
        passes = [
            np.concatenate(list(tf.data.Dataset.from_tensor_slices(IMAGES).batch(2).apply(augment(Stripe(), seed=1))))
            for _ in range(2)
        ]
        np.testing.assert_array_equal(*passes)
        assert np.mean(passes[0] != IMAGES) > 0.1


def test_convention_a_name_is_a_number():
    """The same under the same name, whatever the other names are; another under another."""

    class Numbers(RandomLayer):
        def draw(self, uniforms, height, width, ops):
            return uniforms

    class Two(Numbers):
        uniforms = ("mine", "theta")

    class Three(Numbers):
        uniforms = ("theta", "other", "mine")

    two, three, all_of_ours = (
        {name: array(x) for name, x in layer().get_random_transformation(IMAGES, seed=9).items()}
        for layer in (Two, Three, Numbers)
    )
    np.testing.assert_array_equal(two["mine"], three["mine"])
    np.testing.assert_array_equal(two["theta"], all_of_ours["theta"])
    np.testing.assert_array_equal(two["theta"], three["theta"])
    columns = np.stack([three["mine"], three["other"], *all_of_ours.values()])
    assert len(np.unique(columns)) == columns.size
    assert columns.min() >= 0 and columns.max() < 1


class _Base(Stripe):
    """One that keeps the contract, and is made again of its configuration under another name."""


def breach(name, **members):
    return type(name, (_Base,), members)


def _remember(self, images, transformation, ops):
    self.last = object()
    return Stripe.apply(self, images, transformation, ops)


def _taller(self, images, transformation, ops):
    return ops.concatenate([images, images], axis=1)


def _in_place(self, data, **kwargs):
    images = data["images"] if isinstance(data, dict) else data
    if isinstance(images, np.ndarray):
        images[..., 0] = 0
    return Stripe.__call__(self, data, **kwargs)


def _same_for_all(self, uniforms, height, width, ops):
    return Stripe.draw(self, {name: x[:1] + 0 * x for name, x in uniforms.items()}, height, width, ops)


def _nothing_drawn(self, uniforms, height, width, ops):
    return Stripe.draw(self, {name: 0 * x for name, x in uniforms.items()}, height, width, ops)


def _by_the_batch(self, images, transformation, ops):
    images = Stripe.apply(self, images, transformation, ops)
    return images - ops.min(images)


def _in_inference(self, images, transformation, training=True):
    return Stripe.transform_images(self, images, transformation or {"left": [0.0] * 7, "value": [9.0] * 7})


def _another_width(self):
    return {**Stripe.get_config(self), "width": 0.9}


def _floats(self, segmentation_masks, transformation, training=True):
    ops = keras.ops
    return ops.cast(segmentation_masks, "float32")


def _other_labels(self, labels, transformation, training=True):
    return labels + 1


def _no_boxes(self, bounding_boxes, transformation, training=True):
    return {**bounding_boxes, "labels": bounding_boxes["labels"] + 1}


def _constant_draw(self, data, training=True, seed=None):
    return Stripe.get_random_transformation(self, data, training=training, seed=None) if training else None


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (breach("Remembers", apply=_remember), "a call changes attributes of the layer: last"),
        (breach("Taller", apply=_taller), r"images of shape \(7, 12, 16, 3\) come out in shape \(7, 24, 16, 3\)"),
        (breach("InPlace", __call__=_in_place), "the images that it is given are changed in place"),
        (breach("SameForAll", draw=_same_for_all), "all images of a batch get the same draws"),
        (breach("DrawsNothing", draw=_nothing_drawn), "the seeds 0, 1, 2 and 3 all give the same results"),
        (breach("ByTheBatch", apply=_by_the_batch), "in batches of one image, the same seeds give other results"),
        (breach("InInference", transform_images=_in_inference), "`training=False` changes the images"),
        (breach("Config", get_config=_another_width), "made from its configuration, the same seeds give other results"),
        (breach("Floats", transform_segmentation_masks=_floats), "int32, become .*, float32"),
        (breach("Labels", transform_labels=_other_labels), "`labels` must pass through with training=True"),
        (breach("Boxes", transform_bounding_boxes=_no_boxes), "labels of boxes become something else than -1"),
        (breach("OwnSeeds", get_random_transformation=_constant_draw), "the same seeds give other results in a second"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_breach_is_seen(layer, message):
    with pytest.raises(AssertionError, match=message):
        check_layer(layer(0.3))


def test_what_is_no_random_layer():
    with pytest.raises(TypeError, match=r"`layer` must be a RandomLayer\. Received: Standardize"):
        check_layer(Standardize(samplewise_center=True))
