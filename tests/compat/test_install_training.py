"""What `install` puts back of Keras 2 where models are compiled, trained and taken apart."""

import functools

import keras
import numpy as np
import pytest
from keras_regen import compat

from ..versions import KERAS

TENSORFLOW = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="its own functions and graphs")


@pytest.fixture
def installed():
    compat.install()
    yield
    compat.uninstall()


def dense(*sizes, **kwargs):
    return keras.Sequential([keras.Input((2,)), *(keras.layers.Dense(size, **kwargs) for size in sizes)])


def changed(model, function):
    before = model.get_weights()
    function()
    return [bool((one != other).any()) for one, other in zip(before, model.get_weights(), strict=True)]


def test_what_is_trained_is_said_when_a_model_is_compiled(installed):
    """As in adversarial networks, with one optimizer for both models."""
    optimizer = keras.optimizers.SGD(lr=0.1, decay=0.5)
    critic, maker = dense(1), dense(2)
    critic.compile(optimizer, "mse", metrics=["mae"], run_eagerly=True)
    critic.trainable = False
    both = keras.Model(maker.input, critic(maker.output))
    both.compile(optimizer, "mse", run_eagerly=True)
    x, y = np.ones((4, 2)), np.zeros((4, 1))
    assert changed(critic, lambda: critic.train_on_batch(x, y)) == [True, True]
    assert changed(critic, lambda: both.fit(x, y, verbose=0)) == [False, False]
    assert changed(maker, lambda: both.train_on_batch(x, y)) == [True, True]
    assert not critic.trainable and critic.metrics_names == ["loss", "mae"]
    assert len(critic.train_on_batch(x, y)) == 2
    assert critic.optimizer is optimizer and both.optimizer is not optimizer
    assert float(both.optimizer.learning_rate) == pytest.approx(0.1 / 2)  # after two steps of its own


def test_metrics_come_before_the_weights_of_losses(installed):
    a = keras.Input((2,))
    model = keras.Model(a, [a, 2 * a])
    with pytest.raises(TypeError, match="loss_weights"):
        model.compile("sgd", "mse", ["mae"], [1, 0.5], None, None, "a seventh")
    model.compile("sgd", "mse", ["mae"], [1, 0.5], run_eagerly=True)
    x = np.ones((1, 2), "float32")
    found = model.evaluate(x, [x, x], verbose=0, return_dict=True)
    assert found["loss"] == 0.5 and len([name for name in found if name.endswith("_mae")]) == 2


def test_an_optimizer_is_compiled_again_with_more_to_train(installed):
    model, optimizer = dense(2, 1, kernel_initializer="ones"), keras.optimizers.SGD(0.1)
    x, y = np.ones((4, 2)), np.zeros((4, 1))
    model.layers[0].trainable = False
    model.compile(optimizer, "mse", run_eagerly=True)
    assert changed(model, lambda: model.train_on_batch(x, y)) == [False, False, True, True]
    model.layers[0].trainable = True
    model.compile(optimizer, "mse", run_eagerly=True, sample_weight_mode="temporal")
    assert changed(model, lambda: model.train_on_batch(x, y)) == [True] * 4


@TENSORFLOW
def test_losses_look_at_inner_tensors(installed):
    """As in variational autoencoders: by a function that captured them, by `add_loss` of a model, and of a layer."""
    from tensorflow.keras import backend as K

    a = keras.Input((2,))
    inner = keras.layers.Dense(2, kernel_initializer="ones")(a)
    outer = keras.layers.Dense(2, kernel_initializer="ones")(inner)
    x = np.array([[1, 2], [3, 4]], "float32")  # inside 3 and 7, outside 6 and 14
    y = np.zeros((2, 2), "float32")

    def captured(y_true, y_pred):
        return K.mean(K.square(y_true - y_pred), axis=-1) + K.sum(inner, axis=-1)

    def evaluated(loss, given):
        model = keras.Model(a, outer)
        if loss is None:
            model.add_loss(K.mean(2 * keras.losses.mean_squared_error(a, outer) + K.sum(inner, axis=-1)))
        model.compile("sgd", loss, run_eagerly=True)
        model.compile("sgd", loss, run_eagerly=True)
        assert all(changed(model, lambda: model.fit(x, given, verbose=0, validation_data=(x, given))))
        model.set_weights([np.full_like(w, w.ndim - 1) for w in model.get_weights()])
        return model.evaluate(x, given, verbose=0)

    assert evaluated(captured, y) == pytest.approx((36 + 196) / 2 + (6 + 14) / 2)
    errors = (25 + 16) / 2 + (121 + 100) / 2
    assert evaluated(None, None) == pytest.approx((2 * errors + 6 + 14) / 2)

    class Penalty(keras.layers.Layer):
        def call(self, inputs):
            self.add_loss(K.mean(inputs[1]), inputs=inputs)
            return inputs[0]

    model = keras.Model(a, Penalty()([outer, inner]))
    model.compile("sgd", loss=None, run_eagerly=True)
    model.set_weights([np.full_like(w, w.ndim - 1) for w in model.get_weights()])
    assert model.evaluate(x, verbose=0) == pytest.approx(5)


@TENSORFLOW
def test_functions_of_tensorflow_are_parts_of_models(installed, tmp_path):
    import tensorflow as tf
    from tensorflow.keras import backend as K

    a = keras.Input((2,))
    model = keras.Model(a, tf.concat([a, 2 * K.square(a)], axis=-1) + K.sum(3.0 * a, axis=1, keepdims=True))
    assert model.output.get_shape().as_list() == [None, 4]
    x = np.array([[1, 2]], "float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0), [[10, 11, 11, 17]])
    model.save(tmp_path / "model.h5")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), [[10, 11, 11, 17]])
    loss = K.variable(1.0)
    loss += K.sum(model.output)
    loss *= 2
    value, slope = K.function([a], [loss, *K.gradients(loss, a)])([x])
    assert value == 100 and slope.tolist() == [[34, 42]]
    assert float(K.function([a], [K.variable(2.0) - K.sum(a)])([x])[0]) == -1
    tf.set_random_seed(1)
    assert float(tf.log(1.0)) == 0 and tf.to_int32(2.5).dtype == tf.int32
    compat.uninstall()
    assert not hasattr(tf, "log")
    with pytest.raises(ValueError, match="cannot be used as input to a TensorFlow function"):
        tf.concat([a, a], axis=-1)


@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`")
def test_layers_of_models(installed):
    layers = keras.layers
    model = keras.Sequential()
    model.add(layers.LSTM(np.int64(3), batch_input_shape=(2, 4, 1), stateful=True))
    model.add(layers.Dense(np.prod((1, 2))))
    assert model.input_shape == (2, 4, 1)
    assert keras.Model(model.input, model.output).output_shape == (2, 2)
    a = keras.Input((3,))
    whole = keras.Model(a, layers.Dense(2)(layers.Activation("relu")(a)))
    x = whole.input
    for layer in whole.layers:
        x = layer(x)
    ones = np.ones((1, 3))
    np.testing.assert_array_equal(keras.Model(whole.input, x).predict(ones, verbose=0), whole.predict(ones, verbose=0))
    assert keras.Sequential([layers.Dense(1, batch_input_shape=(None, 5))]).input_shape == (None, 5)
    model.predict(np.ones((2, 4, 1)), verbose=0)
    states = model.layers[0].states
    assert np.asarray(states[0]).any()
    model.reset_states()
    assert not np.asarray(states[0]).any()

    functional = keras.Model(a := keras.Input((2,)), layers.Dense(1, name="last")(layers.Dense(2, name="first")(a)))
    assert functional.layers[0].input is a
    assert functional.layers.pop().name == "last"
    assert [layer.name for layer in functional.layers[1:]] == ["first"]
    assert keras.Model(a, functional.layers[-1].output).output_shape == (None, 2)

    class Scaled(layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight("scale", (shape[-1],), initializer="ones")

        def call(self, x):
            return x * self.scale

    scaled = Scaled(input_shape=(2,))
    assert scaled(np.ones((1, 2))).shape == (1, 2) and scaled.scale.name == "scale"
    found = layers.ThresholdedReLU(theta=0.5)(np.array([[0.5, 0.75]], "float32"))
    np.testing.assert_array_equal(np.asarray(found), [[0, 0.75]])
    metric = keras.metrics.Mean()
    metric.update_state(3.0)
    metric.reset_states()
    assert float(metric.result()) == 0


def test_what_callbacks_and_weights_were(installed):
    class Seen(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.seen = [array.shape for array in self.validation_data]

    model, seen = dense(2, activation="softmax"), Seen()
    model.compile("sgd", "kullback_leibler_divergence", metrics=["cosine_proximity"], run_eagerly=True)
    x, y = np.ones((4, 2)), np.eye(2)[[0, 1, 0, 1]]
    lost = keras.callbacks.ReduceLROnPlateau(monitor="val_acc")
    with pytest.warns(UserWarning) as heard:
        model.fit(x, y, validation_data=(x, y), callbacks=[seen, lost], class_weight=np.array([1.0, 2]), verbose=0)
    messages = [str(one.message) for one in heard]
    assert any("`class_weight` is no dictionary" in one for one in messages)
    assert any("no 'val_acc' to monitor. Received: " in one for one in messages)
    assert seen.seen == [(4, 2), (4, 2), (4,)]


def test_other_names(installed, tmp_path):
    from keras.callbacks.callbacks import EarlyStopping
    from keras.constraints import maxnorm
    from keras.layers.experimental.preprocessing import Rescaling
    from keras.losses import kullback_leibler_divergence, mse
    from keras.models import Input
    from keras.optimizers.legacy import Adam
    from keras.utils.visualize_util import plot

    assert EarlyStopping is keras.callbacks.EarlyStopping and maxnorm is keras.constraints.max_norm
    assert Rescaling is keras.layers.Rescaling and Input is keras.Input and plot is keras.utils.plot_model
    assert mse is keras.losses.mean_squared_error and kullback_leibler_divergence is keras.losses.kl_divergence
    assert isinstance(Adam(lr=0.1), keras.optimizers.Adam)
    assert keras.utils.to_categorical([1, 0], 2, dtype="int8").dtype == np.int8
    path = tmp_path / "grey.png"
    keras.utils.save_img(path, np.full((3, 4, 3), 7.0), scale=False)
    load_img = keras.preprocessing.image.load_img
    assert load_img(path, grayscale=True).mode == load_img(path, True, (5, 6)).mode == "L"
    assert load_img(path, False, target_size=(5, 6)).size == (6, 5)


@TENSORFLOW
def test_eager_execution_stays_where_keras_alone_makes_graphs(installed, tmp_path):
    import tensorflow as tf

    for name in ("disable_eager_execution", "disable_v2_behavior"):
        path = tmp_path / f"{name}.py"
        path.write_text(f"import keras\nimport tensorflow as tf\ntf.compat.v1.{name}()\ntf.{name}()\n")
        with pytest.warns(UserWarning, match=f"`{name}` has no effect in Keras 3") as warned:
            exec(compile(path.read_text(), path, "exec"), {})
        assert [one.filename for one in warned] == [str(path)] * 2
        assert tf.executing_eagerly()


@TENSORFLOW
@pytest.mark.parametrize("program", ["import tensorflow", "import keras\nsession.run(loss)", "import keras\nx.eval()"])
def test_eager_execution_goes_where_a_graph_is_run(installed, tmp_path, program, monkeypatch):
    import tensorflow as tf

    compat.uninstall()
    gone = []
    monkeypatch.setattr(tf.compat.v1, "disable_eager_execution", lambda: gone.append(1))
    compat.install()
    path = tmp_path / "program.py"
    path.write_text(
        "def never():\n    " + program.replace("\n", "\n    ") + "\ntf.compat.v1.disable_eager_execution()\n"
    )
    exec(compile(path.read_text(), path, "exec"), {"tf": tf})
    assert gone == [1]


def test_metrics_have_the_names_of_functions_that_were_given_some_arguments(installed):
    def overlap(factor, y_true, y_pred):
        return factor * keras.ops.mean(y_pred)

    IoU = functools.partial(overlap, 3)
    IoU.__name__ = "IoU_score"
    model = dense(1, kernel_initializer="ones")
    model.compile("sgd", "mse", metrics=IoU, run_eagerly=True)  # one alone, as `tf.keras` took it
    assert model.evaluate(np.ones((1, 2)), np.zeros((1, 1)), verbose=0, return_dict=True) == {"loss": 4, "IoU_score": 6}


def test_targets_of_the_only_output_by_its_name(installed):
    a = keras.Input((2,))
    x, y, weights = np.ones((2, 2)), np.array([[1.0], [3]]), np.array([1.0, 0])
    model = keras.Model(a, keras.layers.Dense(1, kernel_initializer="zeros", name="out")(a))
    model.compile("sgd", {"out": "mse"}, metrics={"out": "mae"}, run_eagerly=True)
    assert model.evaluate(x, {"out": y}, verbose=0, return_dict=True) == {"loss": 5, "mae": 2}
    model.reset_metrics()  # with which `test_on_batch` goes on in older versions
    assert model.test_on_batch(x, {"out": y}, {"out": weights})[0] == pytest.approx(0.5)
    assert model.evaluate(iter([(x, {"out": y})]), steps=1, verbose=0)[0] == 5
    with pytest.raises((TypeError, ValueError, KeyError)):
        model.evaluate(x, {"in": y}, verbose=0)


def test_a_model_of_an_hdf5_file_is_trained_on(installed, tmp_path):
    """Keras 3 does not read "mse" from there, and an optimizer without its variables."""

    def double(y_true, y_pred):
        return 2 * keras.ops.mean(y_pred)

    x, y = np.array([[1.0, 2], [3, 5]]), np.array([[1.0], [2]])
    for loss in ("mse", "mean_squared_error", ["mae"]):
        model = dense(1)
        model.compile(keras.optimizers.SGD(lr=0.01, momentum=0.9), loss, metrics=["mse", double], run_eagerly=True)
        model.fit(x, y, verbose=0)
        model.save(tmp_path / "model.h5")
        model.save(str(tmp_path / "other"), save_format="h5")
        for name in ("model.h5", "other"):
            loaded = keras.models.load_model(tmp_path / name, {"double": double})
            found = loaded.evaluate(x, y, verbose=0, return_dict=True)
            assert found == pytest.approx(model.evaluate(x, y, verbose=0, return_dict=True), rel=1e-5)
            assert found["double"] == pytest.approx(2 * model.predict(x, verbose=0).mean(), rel=1e-5)
        model.fit(x, y, verbose=0)
        loaded.fit(x, y, verbose=0)
        np.testing.assert_allclose(loaded.get_weights()[0], model.get_weights()[0], rtol=1e-5)  # the momentum, too
        assert not keras.models.load_model(tmp_path / "model.h5", compile=False).compiled


def test_a_model_of_a_file_of_keras_3_is_compiled(installed, tmp_path):
    model = dense(1)
    model.compile("sgd", "mse")
    model.save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").compiled


def test_a_model_of_an_hdf5_file_without_training(installed, tmp_path):
    dense(1).save(tmp_path / "model.h5")
    assert not keras.models.load_model(tmp_path / "model.h5").compiled


def test_functions_of_lambdas_are_read_where_they_were_written(installed, tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: 3 * x)])
    model.compile("sgd", "mse")
    model.save(tmp_path / "model.h5")
    x = np.ones((1, 2), "float32")
    for read in (
        lambda: keras.models.load_model(tmp_path / "model.h5"),
        lambda: keras.models.model_from_json(model.to_json()),
        lambda: keras.models.clone_model(model),
        lambda: keras.Sequential.from_config(model.get_config()),
    ):
        assert read().predict(x, verbose=0).tolist() == [[3, 3]]
    with pytest.raises(ValueError, match="Lambda"):
        keras.layers.Lambda.from_config(model.layers[0].get_config(), safe_mode=True)
    text = model.to_json()
    compat.uninstall()
    compat.install()  # as in another process, which wrote none of them
    with pytest.raises(ValueError, match="`Lambda` layer"):
        keras.models.model_from_json(text)
    if KERAS >= (3, 12):  # Keras 3.8 itself runs the code in such a file
        with pytest.raises(ValueError, match="`Lambda` layer"):
            keras.models.load_model(tmp_path / "model.h5")


def test_the_layers_of_a_sequential_model_are_on_the_way_to_its_output(installed):
    """As Grad-CAM needs them; Keras 3 calls all layers anew for each that is added."""
    base = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, kernel_initializer="ones", name="inner")])
    for first in ([keras.Input((2,)), keras.layers.Dense(2, kernel_initializer="ones", name="inner")], [base]):
        model = keras.Sequential()
        for layer in [*first, keras.layers.Dense(1), keras.layers.Dense(1, kernel_initializer="ones")]:
            model.add(layer)
        model.pop()
        model.add(keras.layers.Dense(3, kernel_initializer="ones", name="last"))
        inner = (model.layers[0] if first == [base] else model).get_layer("inner")
        assert [layer.name for layer in model.layers][-1] == "last" and len(model.layers) == 3
        assert len(model.weights) == 6 and model.output_shape == (None, 3)
        after = keras.Model(inner.output, model.output)
        x = np.ones((1, 2), "float32")
        np.testing.assert_allclose(after.predict([[2.0, 2.0]], verbose=0), model.predict(x, verbose=0), rtol=1e-6)
        clone = keras.models.clone_model(model)
        clone.set_weights(model.get_weights())
        np.testing.assert_allclose(clone.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)


@TENSORFLOW
def test_gradients_for_an_inner_layer_of_a_model_that_another_begins_with(installed):
    from keras import backend as K

    base = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, kernel_initializer="ones", name="inner")])
    model = keras.Sequential()
    model.add(base)
    model.add(keras.layers.Dense(1, kernel_initializer="ones"))
    inner = model.layers[0].get_layer("inner").output
    (slope,) = K.gradients(K.square(model.output), inner)
    found = K.function([model.layers[0].input], [slope])([np.ones((1, 2))])[0]
    assert found.tolist() == [[8, 8]]  # twice the sum of 2 and 2


def test_a_layer_that_does_not_fit_is_an_error_as_ever(installed):
    model = dense(2)
    with pytest.raises(ValueError, match=r"conv2d|Conv2D"):
        model.add(keras.layers.Conv2D(3, 3))
