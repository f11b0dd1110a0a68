"""What `install` puts back of Keras 1 and 2 where models are put together, and given lists."""

import keras
import numpy as np
import pytest
from keras_regen import compat


@pytest.fixture
def installed():
    compat.install()
    yield
    compat.uninstall()


@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`")
def test_first_layers_tell_the_shape_in_the_words_of_keras_2(installed):
    layers = keras.layers
    shapes = {
        (None, 5, 3): layers.LSTM(2, input_dim=3, input_length=5),
        (None, None, 3): layers.GRU(output_dim=2, input_dim=3),
        (None, 6, 3): layers.Conv1D(2, 2, input_dim=3, input_length=6),
        (None, 7): layers.Embedding(9, 2, input_length=7),
    }
    for shape, layer in shapes.items():
        model = keras.Sequential()
        model.add(layer)
        model.add(layers.Activation("relu"))
        assert model.input_shape == shape and model.model is model and layer.get_weights()
    layer.set_weights([np.full((9, 2), 3)])
    np.testing.assert_array_equal(model.predict_on_batch(np.ones((1, 7))), np.full((1, 7, 2), 3))
    assert not hasattr(model, "models")


def test_weights_begin_as_the_functions_of_keras_1_say(installed):
    from keras.initializations import normal, orthogonal, uniform

    def counted(shape, name):
        return np.arange(np.prod(shape)).reshape(shape)

    layer = keras.layers.Dense(3, init=counted)
    layer.build((None, 2))
    np.testing.assert_array_equal(layer.get_weights()[0], np.arange(6.0).reshape(2, 3))
    assert layer.kernel.dtype == "float32"
    for function, largest in ((lambda shape: uniform(shape, scale=0.01), 0.01), (normal, 1), (uniform, 0.05)):
        layer = keras.layers.Dense(30, init=function, dtype="float16")
        layer.build((None, 40))
        weights = layer.get_weights()[0]
        assert weights.dtype == "float16" and largest / 20 < np.abs(weights).max() <= largest + 1e-4
    np.testing.assert_allclose(np.std(normal((200, 200), scale=3)), 3, rtol=0.02)
    for scale, arguments in ((1.1, {}), (2, {"scale": 2})):
        turned = np.asarray(orthogonal((4, 4), **arguments))
        np.testing.assert_allclose(turned @ turned.T, scale**2 * np.eye(4), atol=1e-5)


@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`")
def test_merge_is_the_first_layer_of_a_model_of_several(installed, tmp_path):
    """As for the pairs of words and contexts that `skipgrams` makes."""

    def branch():
        return keras.Sequential([keras.layers.Embedding(9, 2, input_length=1), keras.layers.Reshape((2,))])

    branches = [branch(), branch()]
    model = keras.Sequential()
    model.add(keras.layers.Merge(branches, mode="dot"))
    model.add(keras.layers.Dense(1, init="ones"))
    assert model.input_shape == [(None, 1), (None, 1)] and model.output_shape == (None, 1)
    pair = np.array([[1], [3]]), np.array([[2], [4]])
    vectors = [one.layers[0].get_weights()[0] for one in branches]
    wanted = np.sum(vectors[0][pair[0][:, 0]] * vectors[1][pair[1][:, 0]], axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_on_batch([*pair]), wanted, rtol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict_on_batch([*pair]), wanted, rtol=1e-5)
    assert not model._is_compiled
    model.compile("sgd", "mse", run_eagerly=True)
    assert model._is_compiled and model._feed_inputs == model.inputs
    before = model.get_weights()
    model.train_on_batch([*pair], [1, 0])
    assert all((one != other).any() for one, other in zip(before, model.get_weights(), strict=True))


def test_lists_of_numbers_are_arrays(installed):
    x = [[1, 2.5], [3, 4]]
    one = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
    one.compile("sgd", "mse", run_eagerly=True)
    np.testing.assert_array_equal(one.predict(x, verbose=0), [[3.5], [7]])
    np.testing.assert_array_equal(one.predict_on_batch(x), [[3.5], [7]])
    assert one.evaluate(x, [3.5, 9], verbose=0) == one.test_on_batch(np.array(x), [3.5, 9]) == 2
    one.compile("sgd", "mse", metrics=["mse"], run_eagerly=True)
    history = one.fit(x, [3.5, 9], validation_data=(x, [3, 9]), verbose=0).history
    assert history["mean_squared_error"] == history["mse"] and history["val_mean_squared_error"] == history["val_mse"]
    a, b = keras.Input((2,)), keras.Input((2,))
    two = keras.Model([a, b], [keras.layers.add([a, b]), keras.layers.Dense(1)(b)])
    two.compile("sgd", "mse", run_eagerly=True)
    wanted = two.predict([np.array(x), np.array(x)], verbose=0)
    for one, other in zip(two.predict([x, x], verbose=0), wanted, strict=True):
        np.testing.assert_array_equal(one, other)
    assert two.evaluate([np.array(x), np.array(x)], [x, [[0], [1]]], verbose=0)


def test_models_are_estimators_of_scikit_learn(installed):
    model_selection = pytest.importorskip("sklearn.model_selection")
    from keras.wrappers.scikit_learn import KerasClassifier, KerasRegressor

    def classes(units=1, loss="binary_crossentropy"):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units, "sigmoid", kernel_initializer="ones")])
        model.compile("sgd", loss, metrics=["accuracy"], run_eagerly=True)
        return model

    def numbers():
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
        model.compile(keras.optimizers.SGD(0.0), "mse", run_eagerly=True)
        return model

    x, y = np.array([[-2, 0], [3, 1], [-4, 0], [5, 2]]), np.array(["no", "yes", "no", "yes"])
    search = model_selection.GridSearchCV(
        KerasClassifier(build_fn=classes, nb_epoch=1, verbose=0), {"batch_size": [2]}, cv=2, refit=False
    )
    assert search.fit(x, y).cv_results_["mean_test_score"].tolist() == [1]
    one = KerasClassifier(classes, units=2, loss="categorical_crossentropy", verbose=0)
    assert len(one.fit(x, y, epochs=2).epoch) == 2
    assert one.predict(x).shape == (4,) and one.predict_proba(x).shape == (4, 2) and 0 <= one.score(x, y) <= 1
    binary = KerasClassifier(classes, verbose=0)
    binary.fit(x, y)
    assert binary.predict(x)[:, 0].tolist() == y.tolist() and binary.score(x, y) == 1
    np.testing.assert_allclose(binary.predict_proba(x).sum(axis=1), 1, rtol=1e-6)
    other = KerasRegressor(numbers, verbose=0)
    other.fit(x, x.sum(axis=1))
    np.testing.assert_array_equal(other.predict(x), x.sum(axis=1))
    assert other.score(x, x.sum(axis=1) + 2) == -4
    with pytest.raises(ValueError, match="unit is not a legal parameter"):
        KerasClassifier(classes, unit=2)
