"""The layers at the front of models: trained, compiled by XLA, saved, loaded elsewhere, and described truly."""

import json
import os
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
from keras_regen import layers

from .conftest import BACKEND, array, tf

SHAPE = (12, 10, 3)
LAYERS = {
    "affine": (
        layers.RandomAffine,
        {
            "rotation": 20, "height_shift": 0.2, "width_shift_choices": (1, 2), "shear": (-3, 5), "zoom": 0.3,
            "uniform_zoom": True, "horizontal_flip": True, "vertical_flip": True, "fill_mode": "constant",
            "fill_value": 9, "mask_fill_value": 255, "interpolation": "spline3", "bounding_box_format": "rel_xyxy",
            "seed": 4, "name": "front", "trainable": False,
        },
    ),
    "rotation": (layers.RandomRotation, {"rotation": (5, 10), "fill_mode": "reflect"}),
    "shift": (layers.RandomShift, {"height_shift_choices": 3, "width_shift": [0.1, 0.2], "seed": 2**31 - 1}),
    "shear": (layers.RandomShear, {"shear": 5}),
    "zoom": (layers.RandomZoom, {"zoom": (0.5, 1), "uniform_zoom": True, "interpolation": "nearest"}),
    "flip": (layers.RandomFlip, {"vertical_flip": True}),
    "channel shift": (layers.RandomChannelShift, {"channel_shift": (-3, 30.5), "seed": 1}),
    "brightness": (layers.RandomBrightness, {"brightness": 0.3, "value_range": (-1, 1)}),
    "8-bit brightness": (layers.RandomBrightness, {"brightness": (0.5, 1.2), "mode": "8bit"}),
    "standardize": (
        layers.Standardize,
        {
            "samplewise_center": True, "samplewise_std": True, "featurewise_center": True, "featurewise_std": True,
            "epsilon": 0.1,
        },
    ),
    "whitening": (layers.ZCAWhitening, {"epsilon": 0.5}),
}  # fmt: skip
DTYPES = ["float16", "float32", "float64", "uint8", "mixed_float16"]


def pipeline(**arguments):
    parts = [kind(**{**given, **arguments}) for kind, given in LAYERS.values()]
    return layers.Pipeline([*parts, keras.layers.Rescaling(1 / 255, offset=0.5)], name="preprocessing")


def made(name, **arguments):
    if name == "pipeline":
        return pipeline(**arguments)
    kind, given = LAYERS[name]
    return kind(**{**given, **arguments})


every_layer = pytest.mark.parametrize("name", [*LAYERS, "pipeline"])


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (16, *SHAPE)).astype("uint8")


@pytest.fixture(scope="module")
def labels():
    return np.arange(16) % 2


def front(images, **arguments):
    """What such a model has in front, adapted."""
    standardize = layers.Standardize(featurewise_center=True, featurewise_std=True)
    standardize.adapt(images)
    affine = layers.RandomAffine(rotation=90, width_shift=0.2, horizontal_flip=True, seed=1)
    color = [layers.RandomChannelShift(30, seed=2), layers.RandomBrightness(0.3, seed=3)]
    return layers.Pipeline([affine, *color, standardize, keras.layers.Rescaling(0.5)], **arguments)


def network(*first, learning_rate=0.01, **arguments):
    keras.utils.set_random_seed(0)
    behind = [keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input(SHAPE), *first, *behind])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(learning_rate), loss, **arguments)
    return model


@pytest.fixture(scope="module")
def trained(images, labels):
    """A model compiled by XLA where the backend has it, and trained."""
    model = network(front(images), jit_compile=BACKEND != "torch")
    model.fit(images, labels, batch_size=8, epochs=2, verbose=0)
    return model


def test_inference_is_that_of_the_model_behind_it(trained, images, labels):
    """Neither predicting nor evaluating augments: the rest of the model on standardized images gives the same."""
    behind = keras.Sequential([keras.Input(SHAPE), *trained.layers[1:]])
    wide = images.astype("float64")
    expected = 0.5 * (wide - wide.mean(axis=(0, 1, 2))) / wide.std(axis=(0, 1, 2))
    prediction = behind.predict(expected.astype("float32"), verbose=0)
    np.testing.assert_allclose(trained.predict(images, verbose=0), prediction, rtol=1e-4, atol=1e-4)
    logits = prediction.astype("float64")
    loss = np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(16), labels])
    np.testing.assert_allclose(trained.evaluate(images, labels, verbose=0), loss, rtol=1e-4)


def test_training_draws_anew_for_every_batch(images, labels):
    """With nothing learnt, the loss of one batch changes with what is drawn alone; the same seeds, the same losses."""

    def losses():
        model = network(front(images), learning_rate=0.0)
        return [float(model.train_on_batch(images, labels)) for _ in range(4)], float(
            model.test_on_batch(images, labels)
        )

    drawn, still = losses()
    assert len({round(loss, 5) for loss in (*drawn, still)}) == 5
    np.testing.assert_allclose(losses()[0], drawn, rtol=1e-5)


def test_saved_and_loaded_here_and_elsewhere(trained, images, tmp_path):
    expected = trained.predict(images, verbose=0)
    path, inputs, outputs = (str(tmp_path / name) for name in ("model.keras", "images.npy", "predictions.npy"))
    trained.save(path)
    loaded = keras.saving.load_model(path)
    np.testing.assert_allclose(loaded.predict(images, verbose=0), expected, rtol=1e-6, atol=1e-6)
    for one, other in zip(loaded.layers[0].get_weights(), trained.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(loaded.layers[0].get_weights()[0], images.mean(axis=(0, 1, 2)), rtol=1e-6)
    np.save(inputs, images)
    code = (
        "import sys, numpy as np, keras, keras_regen.layers; path, inputs, outputs = sys.argv[1:]; "
        "np.save(outputs, keras.saving.load_model(path).predict(np.load(inputs), verbose=0))"
    )
    environment = {**os.environ, "KERAS_BACKEND": BACKEND}
    arguments = [sys.executable, "-c", code, path, inputs, outputs]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_allclose(np.load(outputs), expected, rtol=1e-6, atol=1e-6)


def test_a_loaded_layer_draws_what_the_saved_one_would(images, tmp_path):
    """With a seed: its stream begins where it began."""
    model = keras.Sequential([keras.Input(SHAPE), layers.RandomAffine(rotation=30, seed=5)])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = array(layers.RandomAffine(rotation=30, seed=5)(images))
    np.testing.assert_array_equal(array(loaded.layers[0](images)), expected)


@every_layer
def test_every_layer_leaves_xla_on(name):
    layer = made(name)
    assert layer.supports_jit
    assert all(part.supports_jit for part in layer._flatten_layers())


def test_models_stay_compiled_where_those_with_the_layers_of_keras_do_not(images):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert network(front(images), jit_compile=True).jit_compile is True
    with pytest.warns(UserWarning, match="Model doesn't support `jit_compile=True`"):
        assert network(keras.layers.RandomRotation(0.1), jit_compile=True).jit_compile is False
    # By itself Keras compiles on JAX, and on TensorFlow where there is a GPU.
    assert network(front(images), jit_compile="auto").jit_compile is network(jit_compile="auto").jit_compile
    if BACKEND == "jax":
        assert network(front(images), jit_compile="auto").jit_compile is True


@every_layer
def test_a_config_survives_json(name):
    layer = made(name, dtype="float16")
    config = layer.get_config()
    twin = type(layer).from_config(json.loads(json.dumps(config)))
    assert twin.get_config() == config
    serialized = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    assert serialized["registered_name"] == f"keras_regen>{type(layer).__name__}"
    assert keras.saving.deserialize_keras_object(serialized).get_config() == config


PAIRS = ("rotation", "height_shift", "width_shift", "shear", "zoom", "brightness")  # are kept of one number


def test_every_argument_is_in_the_config():
    for name, (kind, given) in LAYERS.items():
        config = made(name).get_config()
        for argument, value in given.items():
            assert argument in config, (name, argument)
            if not isinstance(value, (list, tuple)) and argument not in PAIRS:
                assert config[argument] == value, (name, argument)
        assert isinstance(kind.from_config(config), kind)


def test_the_twin_draws_and_computes_the_same(images):
    for name in ("affine", "shift", "zoom", "brightness"):
        layer = made(name)
        twin = type(layer).from_config(json.loads(json.dumps(layer.get_config())))
        np.testing.assert_array_equal(array(layer(images, seed=3)), array(twin(images, seed=3)))


@every_layer
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_output_is_as_announced(name, dtype, images):
    if dtype == "float64" and BACKEND == "jax":
        pytest.skip("JAX has no float64")
    layer = made(name, dtype=dtype)
    spec = layer.compute_output_spec(keras.KerasTensor((None, *SHAPE), "uint8"))
    assert spec.shape == (None, *SHAPE)
    expected = "float32" if name == "pipeline" else dtype.removeprefix("mixed_")  # the dtype of the last one, Rescaling
    assert spec.dtype == expected
    symbolic = layer(keras.Input(SHAPE, dtype="uint8"))
    assert (symbolic.shape, symbolic.dtype) == (spec.shape, spec.dtype)
    for training in (True, False):
        result = layer(images[:2], training=training)
        assert tuple(result.shape) == (2, *SHAPE)
        assert keras.backend.standardize_dtype(result.dtype) == spec.dtype
    assert layer.compute_output_shape((None, *SHAPE)) == (None, *SHAPE)


def dictionary(images, boxes="float32"):
    """Images and all that may belong to them, a key of the user's included."""
    count, rng = len(images), np.random.default_rng(0)
    corners = np.sort(rng.uniform(0, 10, (count, 3, 2, 2)), axis=2).reshape(count, 3, 4)
    return {
        "images": images,
        "segmentation_masks": rng.integers(0, 3, (count, 6, 5, 1)).astype("uint8"),
        "labels": np.arange(count, dtype="int32"),
        "bounding_boxes": {"boxes": corners.astype(boxes), "labels": np.ones((count, 3), "int32")},
        "weights": rng.uniform(0, 1, count).astype("float16"),
    }


def inputs_like(data, name="{}"):
    """Symbolic tensors named by their keys, as Keras asks for at the top; no name twice."""
    return {
        key: inputs_like(x, "box_{}")
        if isinstance(x, dict)
        else keras.Input(x.shape[1:], dtype=x.dtype.name, name=name.format(key))
        for key, x in data.items()
    }


FOR_DICTIONARIES = {
    "affine": lambda: layers.RandomAffine(rotation=90, horizontal_flip=True, bounding_box_format="xyxy", seed=1),
    "bytes": lambda: layers.RandomFlip(True, True, bounding_box_format="xywh", seed=1, dtype="uint8"),
    "brightness": lambda: layers.RandomBrightness(0.5, seed=1, dtype="float16"),
    "standardize": lambda: layers.Standardize(samplewise_center=True),
    "pipeline": lambda: layers.Pipeline(
        [
            layers.RandomRotation(90, bounding_box_format="xyxy", seed=1),
            layers.RandomZoom(0.3, bounding_box_format="xyxy", seed=2),
            layers.RandomChannelShift(30, seed=3),
            keras.layers.Rescaling(0.5),
        ]
    ),
}


@pytest.mark.parametrize("boxes", ["float32", "int32"])
@pytest.mark.parametrize("name", FOR_DICTIONARIES)
def test_a_functional_model_gives_what_the_layer_gives(name, boxes, images, tmp_path):
    """Every part of a dictionary, in the dtype announced, of the model as it was built, cloned and loaded."""
    data, layer = dictionary(images[:4], boxes), FOR_DICTIONARIES[name]()
    inputs = inputs_like(data)
    outputs = layer(inputs)
    keras.tree.map_structure(lambda one, other: one is not other or pytest.fail("an input came out"), outputs, inputs)
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for training in (True, False):
        expected = FOR_DICTIONARIES[name]()(data, training=training)
        for each in (model, loaded) if training else (model,):
            result = each(data, training=training)
            keras.tree.map_structure(lambda x, y: np.testing.assert_array_equal(array(x), array(y)), result, expected)
            dtypes = keras.tree.map_structure(lambda x: keras.backend.standardize_dtype(x.dtype), result)
            assert dtypes == keras.tree.map_structure(lambda x: x.dtype, outputs)
            assert keras.tree.map_structure(lambda x: tuple(x.shape)[1:], result) == keras.tree.map_structure(
                lambda x: tuple(x.shape)[1:], outputs
            )


@keras.saving.register_keras_serializable(package="tests")
class PixelLoss(keras.layers.Layer):
    """Adds the cross-entropy of logits and masks to the loss of the model."""

    def call(self, logits, masks):
        masks = keras.ops.cast(masks, logits.dtype)
        self.add_loss(keras.ops.mean(keras.ops.softplus(logits) - masks * logits))
        return logits


def test_a_segmentation_model_learns_from_masks_that_move_with_their_images(tmp_path):
    """From its inputs alone: bright is foreground, which holds in the augmented image only if the mask moves along."""
    rng = np.random.default_rng(0)
    masks = np.kron(rng.integers(0, 2, (16, 3, 3, 1)), np.ones((1, 4, 4, 1))).astype("uint8")
    data = {"images": (masks * 200 + rng.integers(0, 40, masks.shape)).astype("uint8"), "segmentation_masks": masks}
    keras.utils.set_random_seed(0)
    inputs = inputs_like(data)
    moved = layers.RandomAffine(
        rotation=180, width_shift=0.2, horizontal_flip=True, vertical_flip=True, interpolation="nearest", seed=1
    )(inputs)
    logits = keras.layers.Conv2D(1, 1)(keras.layers.Rescaling(1 / 50, offset=-2.0)(moved["images"]))
    model = keras.Model(inputs, PixelLoss()(logits, moved["segmentation_masks"]))
    model.compile(keras.optimizers.Adam(0.2), jit_compile=BACKEND != "torch")
    losses = model.fit(data, batch_size=8, epochs=15, verbose=0).history["loss"]
    assert losses[0] > 0.1 and losses[-1] < 0.05
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.evaluate(data, verbose=0), model.evaluate(data, verbose=0), rtol=1e-5)
    found = loaded.predict(data, verbose=0) > 0
    np.testing.assert_array_equal(found, masks == 1)
    assert loaded.fit(data, batch_size=8, epochs=1, verbose=0).history["loss"][0] < 0.05


def test_symbolic_boxes_that_do_not_fit_are_refused():
    layer = layers.RandomFlip(bounding_box_format="xyxy")
    for boxes, message in (
        ({"boxes": keras.Input((3, 5)), "labels": keras.Input((3,))}, r"'boxes' .* Received: shape \(None, 3, 5\)"),
        ({"boxes": keras.Input((3, 4)), "labels": keras.Input((1,))}, r"'labels' .* Received: shape \(None, 1\)"),
        (keras.Input((3, 4)), r"`bounding_boxes` must be a dictionary of 'boxes' and 'labels'\. Received: KerasTensor"),
    ):
        with pytest.raises(ValueError, match=message):
            layer({"images": keras.Input(SHAPE), "bounding_boxes": boxes})


def test_a_functional_model_and_its_clone(images):
    """Of an unknown batch size; in inference each layer is the identity, but for the dtype."""
    inputs = keras.Input(SHAPE, dtype="uint8")
    x = inputs
    for name in ("affine", "flip", "channel shift", "8-bit brightness"):
        x = made(name)(x)
    model = keras.Model(inputs, x)
    assert model.output_shape == (None, *SHAPE)
    for each in (model, keras.models.clone_model(model), keras.Model.from_config(model.get_config())):
        for batch_size in (5, 16):
            np.testing.assert_array_equal(each.predict(images, batch_size=batch_size, verbose=0), images)
        drawn = array(each(images, training=True))
        assert np.all(np.any(drawn != images, axis=(1, 2, 3)))


def test_bytes_out(images):
    model = keras.Sequential([keras.Input(SHAPE, dtype="uint8"), made("affine", dtype="uint8")])
    result = model.predict(images, verbose=0)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, images)


def test_a_call_augments_and_a_model_for_serving_does_not(images, tmp_path):
    """`training` is true unless something says otherwise, and an export calls the model: so the guide wraps it."""
    first = [layers.RandomAffine(rotation=90, horizontal_flip=True), layers.Standardize(samplewise_center=True)]
    model = keras.Sequential([keras.Input(SHAPE), *first, keras.layers.Flatten(), keras.layers.Dense(2)])
    batch = images[:3].astype("float32")
    expected = model.predict(batch, verbose=0)
    np.testing.assert_allclose(array(model(batch, training=False)), expected, rtol=1e-4, atol=1e-3)
    assert np.abs(array(model(batch)) - expected).max() > 1

    inputs = keras.Input(SHAPE)
    served = keras.Model(inputs, model(inputs, training=False))
    served.save(tmp_path / "served.keras")
    for each in (served, keras.saving.load_model(tmp_path / "served.keras")):
        np.testing.assert_allclose(array(each(batch)), expected, rtol=1e-4, atol=1e-3)
    if BACKEND == "torch" or tf is None:
        return  # Keras 3.15 exports no model at all from PyTorch 2.13
    for name, each in (("served", served), ("model", model)):
        each.export(tmp_path / name, verbose=False)
        exported = tf.saved_model.load(tmp_path / name)
        apart = np.abs(array(exported.serve(batch)) - expected).max()
        assert apart < 0.01 if name == "served" else apart > 1


@every_layer
def test_a_batch_without_images(name, images):
    """Trained and not; some data sets end with one."""
    layer = made(name)
    layer(images[:2])
    for training in (True, False):
        result = layer(images[:0], training=training)
        assert tuple(result.shape) == (0, *SHAPE)
        assert keras.backend.standardize_dtype(result.dtype) == "float32"


@pytest.fixture
def mixed_policy():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


def test_mixed_precision(mixed_policy, images, labels):
    """Images come out in half precision, computed and standardized in single precision."""
    pipe = front(images)
    model = network(pipe)
    model.fit(images, labels, batch_size=8, verbose=0)
    assert np.all(np.isfinite(model.predict(images, verbose=0)))
    result = keras.Sequential([keras.Input(SHAPE), pipe]).predict(images, verbose=0)
    assert result.dtype == np.float16
    wide = images.astype("float64")
    expected = 0.5 * (wide - wide.mean(axis=(0, 1, 2))) / wide.std(axis=(0, 1, 2))
    np.testing.assert_allclose(result, expected, atol=2.0**-10)
    assert pipe.get_weights()[0].dtype == np.float32


def test_a_summary_counts_the_statistics(trained):
    lines = []
    trained.summary(print_fn=lambda text, line_break=False: lines.append(text))
    row = next(line for text in lines for line in text.splitlines() if "Pipeline" in line)
    assert "(None, 12, 10, 3)" in row and " 6 " in row
