"""What `install` puts back of Keras 1 and 2 for layers, optimizers and names of a program's own."""

import keras
import numpy as np
import pytest
from keras_regen import compat

TENSORFLOW = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="its own functions and graphs")


@pytest.fixture
def installed():
    compat.install()
    yield
    compat.uninstall()


def dense(*sizes, **kwargs):
    return keras.Sequential([keras.Input((2,)), *(keras.layers.Dense(size, **kwargs) for size in sizes)])


@TENSORFLOW
@pytest.mark.parametrize("eager", [True, False])
def test_an_optimizer_of_ones_own_says_what_a_step_does(installed, eager):
    from keras import backend as K
    from keras.legacy import interfaces

    class Falling(keras.optimizers.Optimizer):
        def __init__(self, lr=0.1, momentum=0.5, **kwargs):
            super().__init__(**kwargs)
            with K.name_scope(self.__class__.__name__):
                self.iterations = K.variable(0, dtype="int64", name="iterations")
                self.lr = K.variable(lr, name="lr")
                self.momentum = K.variable(momentum, name="momentum")

        @interfaces.legacy_get_updates_support
        def get_updates(self, loss, params):
            grads = self.get_gradients(loss, params)
            self.updates = [K.update_add(self.iterations, 1)]
            moments = [K.zeros(K.int_shape(p)) for p in params]
            self.weights = [self.iterations, *moments]
            for p, g, moment in zip(params, grads, moments, strict=True):
                v = self.momentum * moment - self.lr * g
                self.updates += [K.update(moment, v), K.update(p, p + v)]
            return self.updates

        def get_config(self):
            return {**super().get_config(), "lr": float(K.get_value(self.lr))}

    x, y = np.array([[1.0, 2], [3, 5], [0, 1]], "float32"), np.array([[1.0], [2], [3]], "float32")
    told = []
    for optimizer in (Falling(lr=0.02), keras.optimizers.SGD(0.02, momentum=0.5)):
        model = dense(2, 1, kernel_initializer="ones", kernel_constraint=keras.constraints.MaxNorm(1.0))
        model.compile(optimizer, "mse", run_eagerly=eager)
        halved = keras.callbacks.LearningRateScheduler(lambda epoch: 0.02 / (epoch + 1))
        model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0, callbacks=[halved])  # two sizes of batches
        assert int(K.get_value(model.optimizer.iterations)) == 4
        told.append(model.get_weights())
    for own, known in zip(*told, strict=True):
        np.testing.assert_allclose(own, known, rtol=1e-5)
    assert Falling(lr=0.5, clipnorm=2).get_config() == {"clipnorm": 2, "lr": 0.5}


@TENSORFLOW
def test_an_optimizer_of_ones_own_that_looks_at_names_is_refused(installed):
    class Named(keras.optimizers.Optimizer):
        def get_updates(self, loss, params):
            return [
                p.assign_sub(g)
                for p, g in zip(params, self.get_gradients(loss, params), strict=True)
                if "kernel" in p.name
            ]

    model = dense(1)
    model.compile(Named(), "mse", run_eagerly=True)
    with pytest.raises(NotImplementedError, match="names of weights"):
        model.train_on_batch(np.ones((1, 2)), np.ones((1, 1)))


def test_decorators_of_the_interfaces_of_keras_1_do_nothing(installed):
    import keras.legacy.interfaces
    from keras.legacy.interfaces import conv2d_args_preprocessor, generate_legacy_interface

    assert keras.legacy.interfaces.legacy_dense_support(max) is max
    assert generate_legacy_interface([], [("p", "rate")], preprocessor=conv2d_args_preprocessor)(max) is max
    with pytest.raises(ImportError, match="nothing_such"):
        from keras.legacy.interfaces import nothing_such  # noqa: F401


def test_weights_are_in_sets(installed):
    model = dense(2, 1)
    assert len(set(model.trainable_weights)) == len({*model.weights, *model.layers[0].weights}) == 4


def test_what_a_layer_gives_where_it_is_called(installed):
    a, b = keras.Input((2,)), keras.Input((3, 2))
    layer = keras.layers.Dense(4)
    found = layer(a), layer(b)
    assert layer.get_input_at(1) is b and [layer.get_output_at(k) for k in (0, 1)] == list(found)
    assert layer.get_output_shape_at(1) == (None, 3, 4) and layer.get_input_shape_at(0) == (None, 2)
    model = keras.Model(a, found[0])
    again = model(a)
    assert model.get_output_at(0) is found[0] and model.get_output_at(1) is again


@TENSORFLOW
def test_layers_of_keras_1_name_their_weights(installed):
    from keras import initializations

    class Scaled(keras.layers.Layer):
        def __init__(self, **kwargs):
            self.init = initializations.get("one")
            super().__init__(**kwargs)

        def build(self, input_shape):
            self.factor = self.init((input_shape[-1],), name="factor")
            self.trainable_weights = [self.factor]

        def call(self, x, mask=None):
            return x * self.factor

    model = keras.Sequential([keras.Input((2,)), Scaled()])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    assert [weight.name for weight in model.trainable_weights] == ["factor"]
    model.train_on_batch(np.array([[1.0, 2]]), np.zeros((1, 2)))
    assert model.get_weights()[0].tolist() == [0.5, -1]  # 1 - 0.5 * x * x
    assert model.predict(np.ones((1, 2)), verbose=0).tolist() == [[0.5, -1]]
    model.set_weights([np.array([3.0, 4])])
    assert model.predict(np.ones((1, 2)), verbose=0).tolist() == [[3, 4]]


def test_names_of_keras_1_and_2_that_are_others_or_do_nothing(installed):
    from keras import backend as K
    from keras.callbacks import BaseLogger
    from keras.engine.base_layer import Node
    from keras.engine.network import Network
    from keras.engine.saving import load_weights_from_hdf5_group
    from keras.engine.topology import Container
    from keras.initializers import normal, one, uniform, zero
    from keras.layers import merge
    from keras.regularizers import l1l2, l2
    from keras.utils import GeneratorEnqueuer
    from keras.utils.np_utils import probas_to_classes

    assert Container is Network is keras.Model and issubclass(BaseLogger, keras.callbacks.Callback)
    assert callable(Node) and callable(load_weights_from_hdf5_group)
    assert (normal, uniform) == (keras.initializers.RandomNormal, keras.initializers.RandomUniform)
    assert float(one()(())) == 1 and float(zero()(())) == 0
    assert l2(l=0.5).l2 == 0.5 and l1l2(0.1, 0.2).l2 == pytest.approx(0.2)
    assert probas_to_classes([[0.1, 0.9], [0.7, 0.3]]).tolist() == [1, 0]
    assert probas_to_classes([[0.1], [0.7]]).tolist() == [0, 1]
    with pytest.raises(NotImplementedError, match="GeneratorEnqueuer"):
        GeneratorEnqueuer(iter([]))
    a = keras.Input((2,))
    doubled = keras.Model(a, merge([a, a], mode=lambda both: both[0] + both[1], output_shape=(2,)))
    doubled._make_predict_function()
    assert doubled.predict(np.ones((1, 2)), verbose=0).tolist() == [[2, 2]]
    keras.optimizers.Nadam(lr=0.1, schedule_decay=0.004)
    with pytest.warns(UserWarning, match=r"`schedule_decay` has no effect .* Received: 0.1"):
        keras.optimizers.Nadam(schedule_decay=0.1)
    assert K.tensorflow_backend._get_available_gpus() == []
    given = K.placeholder((1, 2))
    if keras.backend.backend() == "tensorflow":
        assert K.function([given], [K.sum(given * 2)])([np.ones((1, 2))]) == [4]


def test_losses_without_a_name(installed):
    model = dense(1, kernel_initializer="ones")
    model.compile("sgd", loss=lambda y_true, y_pred: y_pred, metrics=[lambda y_true, y_pred: y_pred])
    assert model.evaluate(np.ones((1, 2)), np.zeros((1, 1)), verbose=0) == [2, 2]


def test_outputs_of_a_model_are_set(installed):
    """As programs of Keras 1 and 2 took the last layer away."""
    model = dense(2, 3, 1)
    model = keras.Model(model.inputs, model.outputs)
    model.layers.pop()
    model.outputs = [model.layers[-1].output]
    assert model.output_shape == (None, 3) and len(model.layers) == 3 and len(model.weights) == 4
    assert model.predict(np.ones((1, 2)), verbose=0).shape == (1, 3)
    last = keras.Model(model.input, keras.layers.Dense(5)(model.output))
    assert last.output_shape == (None, 5)


@TENSORFLOW
def test_optimizers_of_tensorflow_1(installed):
    import tensorflow as tf

    adam = tf.train.AdamOptimizer(0.5, beta1=0.25).get_config()
    assert (adam["learning_rate"], adam["beta_1"], adam["epsilon"]) == (0.5, 0.25, 1e-8)
    rms = tf.train.RMSPropOptimizer(learning_rate=0.5, decay=0.75)
    assert isinstance(rms, keras.optimizers.RMSprop) and rms.rho == 0.75
    model = dense(1)
    model.compile(tf.train.GradientDescentOptimizer(0.25), "mse")
    assert isinstance(model.optimizer, keras.optimizers.SGD) and float(model.optimizer.learning_rate) == 0.25
