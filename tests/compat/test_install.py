"""`install` and `uninstall`: old code as it is."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras.src.legacy.preprocessing import image as legacy
from keras_regen import compat

PATHS = """
from keras.preprocessing.image import ImageDataGenerator as found
import keras.preprocessing.image as y; found = y.ImageDataGenerator
from keras.preprocessing import image; found = image.ImageDataGenerator
import keras; found = keras.preprocessing.image.ImageDataGenerator
from tensorflow.keras.preprocessing.image import ImageDataGenerator as found
import tensorflow.keras.preprocessing.image as y; found = y.ImageDataGenerator
import tensorflow.keras.preprocessing.image; found = tensorflow.keras.preprocessing.image.ImageDataGenerator
from tensorflow.keras.preprocessing import image; found = image.ImageDataGenerator
from tensorflow import keras; found = keras.preprocessing.image.ImageDataGenerator
import tensorflow as tf; found = tf.keras.preprocessing.image.ImageDataGenerator
import tensorflow.compat.v1 as tf; found = tf.keras.preprocessing.image.ImageDataGenerator
from keras._tf_keras.keras.preprocessing.image import ImageDataGenerator as found
import keras._tf_keras.keras.preprocessing.image as y; found = y.ImageDataGenerator
from keras.src.legacy.preprocessing.image import ImageDataGenerator as found
from keras.src.legacy.preprocessing import image; found = image.ImageDataGenerator
from keras.src.preprocessing.image import ImageDataGenerator as found
import keras.src.preprocessing.image as y; found = y.ImageDataGenerator
from tensorflow.python.keras.preprocessing.image import ImageDataGenerator as found
import tensorflow.python.keras.preprocessing.image as y; found = y.ImageDataGenerator
from tensorflow.python.keras.preprocessing import image; found = image.ImageDataGenerator
from keras_preprocessing.image import ImageDataGenerator as found
import keras_preprocessing.image as y; found = y.ImageDataGenerator
import keras_preprocessing.image; found = keras_preprocessing.image.ImageDataGenerator
from keras_preprocessing import image; found = image.ImageDataGenerator
from keras_preprocessing.image.image_data_generator import ImageDataGenerator as found
import keras_preprocessing.image.image_data_generator as y; found = y.ImageDataGenerator
"""

# `keras_preprocessing` is hidden in the second round: it need not be installed.
WALK = f"""
import importlib, importlib.util, pickle, sys
import keras, tensorflow
import keras._tf_keras.keras.preprocessing.image  # Keras 3.8 does not by itself
from keras_regen.compat import ImageDataGenerator, install, uninstall
from keras_regen.compat.image import list_pictures
from keras_regen.compat import sequence, text
kept = "pad_sequences"
sequence.TimeseriesGenerator  # is loaded when it is first asked for

def state():
    watched = ["keras", "keras.src", "tensorflow.python.keras"]
    watched += [name for name in sys.modules if "preprocessing" in name]
    return dict(sys.modules), {{name: dict(vars(sys.modules[name])) for name in watched}}, dict(vars(keras.Model))

before = state()
install()
install()
uninstall()
uninstall()
assert state() == before

for hidden in (False, True):
    if hidden:
        find = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *rest: None if name == "keras_preprocessing" else find(name, *rest)
    install()
    for statement in {PATHS.strip().splitlines()!r}:
        names = {{}}
        exec(statement, names)
        assert names["found"] is ImageDataGenerator, statement
    for root in ("keras", "tensorflow.keras", "keras.src", "keras.src.legacy", "tensorflow.python.keras"):
        for child, module in (("text", text), ("sequence", sequence)):
            found = importlib.import_module(f"{{root}}.preprocessing.{{child}}")
            assert all(getattr(found, name) is getattr(module, name) for name in module.__all__ if name != kept), root
    assert importlib.import_module("keras.preprocessing.sequence").pad_sequences is keras.utils.pad_sequences
    from keras.preprocessing import sequence as found, text as words
    assert found.TimeseriesGenerator is sequence.TimeseriesGenerator
    assert tensorflow.keras.preprocessing.text.Tokenizer is words.Tokenizer is text.Tokenizer
    from keras_preprocessing.sequence import _remove_long_seq, pad_sequences
    assert pad_sequences is sequence.pad_sequences
    for home in ("keras.preprocessing.text", "keras.src.preprocessing.text", "keras_preprocessing.text"):
        pickled = pickle.dumps(text.Tokenizer(9), 0).replace(b"keras_regen.compat.text.tokenizer", home.encode())
        assert home.encode() in pickled
        assert type(pickle.loads(pickled)) is text.Tokenizer
        assert pickle.loads(pickled).num_words == 9
    from keras.preprocessing.image import load_img, random_rotation
    assert load_img.__wrapped__ is keras.utils.load_img
    assert random_rotation.__module__.startswith("keras_regen")
    from keras_preprocessing.image.utils import list_pictures as found
    assert found is list_pictures
    assert hasattr(sys.modules["keras.src.legacy.preprocessing.image"], "BatchFromFilesMixin")
    uninstall()
    for name, module in before[0].items():
        assert sys.modules[name] is module, name
    for name, attributes in before[1].items():
        assert dict(vars(sys.modules[name])) == attributes, name
    assert dict(vars(keras.Model)) == before[2]
    # What was imported meanwhile finds the modules of before, too.
    assert "keras_preprocessing" not in sys.modules
    from tensorflow.keras.preprocessing import image
    assert image.ImageDataGenerator is not ImageDataGenerator
    assert tensorflow.keras.preprocessing.image.ImageDataGenerator is image.ImageDataGenerator
    assert not hasattr(keras.preprocessing.image, "ImageDataGenerator")
"""


@pytest.fixture
def installed():
    compat.install()
    yield
    compat.uninstall()


def run_python(*arguments, **options):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, **options)


def test_every_import_path_and_back():
    done = run_python("-c", WALK)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_legacy_module_itself_is_not_touched(installed):
    x = np.zeros((4, 8, 8, 3), "float32")
    assert isinstance(legacy.ImageDataGenerator().flow(x), legacy.NumpyArrayIterator)


def test_keras_2_is_left_alone(monkeypatch):
    tensorflow_path = "tensorflow.keras.preprocessing.image"
    before = sys.modules.get(tensorflow_path)
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    compat.install()
    try:
        from keras.preprocessing.image import ImageDataGenerator

        assert ImageDataGenerator is compat.ImageDataGenerator
        assert sys.modules.get(tensorflow_path) is before
    finally:
        compat.uninstall()


def small_model(outputs=2):
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(outputs)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def small_flow(count=10, batch_size=4, **arguments):
    rng = np.random.RandomState(0)
    x, y = rng.rand(count, 8, 8, 3).astype("float32"), rng.rand(count, 2).astype("float32")
    return compat.ImageDataGenerator(horizontal_flip=True).flow(x, y, batch_size=batch_size, seed=1, **arguments)


class Count(keras.callbacks.Callback):
    """The number of training and of test batches in each epoch."""

    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append([0, 0])

    def on_train_batch_end(self, batch, logs=None):
        self.epochs[-1][0] += 1

    def on_test_batch_end(self, batch, logs=None):
        self.epochs[-1][1] += 1


def test_the_methods_of_keras_2(installed):
    model, count = small_model(), Count()
    history = model.fit_generator(
        small_flow(),
        steps_per_epoch=10 / 4,
        epochs=3,
        verbose=0,
        callbacks=[count],
        validation_data=small_flow(),
        validation_steps=2,
        workers=2,
        max_queue_size=5,
    )
    assert count.epochs == [[3, 2]] * 3
    assert len(history.history["val_loss"]) == 3
    flow = small_flow()
    flow.image_data_generator.horizontal_flip = False
    assert model.evaluate_generator(flow, workers=2) == pytest.approx(model.evaluate(flow.x, flow.y, verbose=0))
    assert model.predict_generator(small_flow(), steps=2).shape == (8, 2)
    assert model.predict_generator(small_flow()).shape == (10, 2)


@pytest.mark.filterwarnings("error:Your input ran out of data", "error:`shuffle=True` was passed")
def test_steps_do_not_cut_epochs_short(installed):
    """Keras 3 stops every other epoch after what is left of the iterator."""
    count = Count()
    small_model().fit(small_flow(), steps_per_epoch=2, epochs=4, verbose=0, callbacks=[count])
    assert [steps for steps, _ in count.epochs] == [2] * 4
    count = Count()
    small_model().fit(small_flow(), steps_per_epoch=5, epochs=2, verbose=0, callbacks=[count])
    assert [steps for steps, _ in count.epochs] == [5] * 2


def test_fit_takes_the_queue_of_keras_2_for_that_call(installed):
    seen = {}

    class Flow(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            seen.update(workers=self.workers, max_queue_size=self.max_queue_size)
            return np.zeros((4, 8, 8, 3)), np.zeros((4, 2))

    flow = Flow()
    small_model().fit(flow, verbose=0, workers=3, use_multiprocessing=False, max_queue_size=7)
    assert seen == {"workers": 3, "max_queue_size": 7}
    assert (flow.workers, flow.max_queue_size) == (1, 10)
    small_model().predict(np.zeros((4, 8, 8, 3)), verbose=0, workers=3)


def test_fit_takes_a_zip_of_iterators(installed):
    x = np.random.RandomState(0).rand(10, 8, 8, 3).astype("float32")
    flows = [compat.ImageDataGenerator(rotation_range=20).flow(x, batch_size=4, seed=3) for _ in range(2)]
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(3, 1)])
    model.compile("sgd", "mse")
    model.layers[0].set_weights([np.eye(3).reshape(1, 1, 3, 3), np.zeros(3)])
    count = Count()
    history = model.fit(zip(*flows, strict=True), epochs=2, verbose=0, callbacks=[count])
    assert history.history["loss"] == pytest.approx([0, 0], abs=1e-9)  # both had the same transformations
    assert [steps for steps, _ in count.epochs] == [3, 3]
    assert model.evaluate(zip(*flows, strict=True), steps=5, verbose=0) == pytest.approx(0, abs=1e-9)


def test_without_install_there_are_none_of_them():
    assert not hasattr(keras.Model, "fit_generator")
    with pytest.raises(TypeError, match="workers"):
        small_model().fit(small_flow(), workers=2)


# What Keras 1 took


def test_numbers_of_images_become_numbers_of_batches(installed):
    count = Count()
    model = small_model()
    model.fit_generator(small_flow(), samples_per_epoch=20, nb_epoch=2, verbose=0, callbacks=[count], nb_worker=1)
    model.fit_generator(small_flow(), 9, 1, 0, [count], small_flow(), 8, max_q_size=2, pickle_safe=False)
    assert count.epochs == [[5, 0], [5, 0], [3, 2]]
    assert model.predict_generator(small_flow(), val_samples=10).shape == (10, 2)
    flow = small_flow()
    assert len(model.evaluate(flow, show_accuracy=True, verbose=0)) == 2
    assert model.predict_generator(flow, flow.nb_sample).shape == (flow.n, 2)
    own = iter([(np.zeros((5, 8, 8, 3)), np.zeros((5, 2)))] * 4)
    count = Count()
    model.fit_generator(own, samples_per_epoch=20, nb_epoch=1, verbose=0, callbacks=[count])
    assert count.epochs == [[4, 0]]
    zipped = zip(
        *[compat.ImageDataGenerator().flow(np.zeros((8, 8, 8, 3)), batch_size=4) for _ in range(2)], strict=True
    )
    fed = installed_methods()._in_batches(zipped, 9)
    assert fed == (zipped, 3)
    with pytest.raises(ValueError, match=r"needs data that come in batches of a known size. Received: <class 'int'>"):
        installed_methods()._in_batches(3, 9)
    with pytest.raises(TypeError, match="multiple values for argument 'epochs'"):
        model.fit_generator(small_flow(), 3, 2, epochs=3)
    with pytest.raises(TypeError, match="misses the argument 'generator'"):
        model.evaluate_generator(steps=3)


def installed_methods():
    from keras_regen.compat.installing import methods

    return methods


def of_two():
    inputs = [keras.Input((2,)), keras.Input((2,))]
    model = keras.Model(inputs, [keras.layers.Dense(1)(one) for one in inputs])
    model.compile("sgd", "mse")
    return model


class Own:
    """An iterator that is no generator."""

    def __init__(self, batch):
        self.batch = batch

    def __next__(self):
        return self.batch


class Pairs(keras.utils.Sequence):
    def __init__(self, batch):
        super().__init__()
        self.batch, self.ended = batch, 0

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.batch

    def on_epoch_end(self):
        self.ended += 1


def test_own_generators_hand_out_lists(installed):
    x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    model = of_two()
    batch = [x, 2 * x], [y, y]
    model.fit((batch for _ in range(2)), steps_per_epoch=2, verbose=0)
    model.fit(Own(batch), steps_per_epoch=2, verbose=0)
    model.fit_generator(Own([*batch]), 2, verbose=0, validation_data=Own(batch), validation_steps=1)
    sequence = Pairs(batch)
    model.fit(sequence, epochs=3, verbose=0)
    plain = Pairs(((x, 2 * x), (y, y)))
    keras.Model.fit.__wrapped__(model, plain, epochs=3, verbose=0)
    assert sequence.ended == plain.ended > 0
    wanted = model.predict([x, 2 * x], verbose=0)
    for data in (Own([x, 2 * x]), Pairs([x, 2 * x])):
        found = model.predict_generator(data, 1)
        np.testing.assert_allclose([part[:4] for part in found], wanted, rtol=1e-6)
    one = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    one.compile("sgd", "mse")
    np.testing.assert_allclose(one.predict_generator(Own(x), 1), one.predict(x, verbose=0), rtol=1e-6)
    one.fit(Own([[x], [y]]), steps_per_epoch=1, verbose=0)


# What has nothing to do with the data


def test_models_in_files_of_any_name(installed, tmp_path):
    from tensorflow.keras.models import load_model, save_model

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    for name in ("fine-tuned.model", "model", "model.keras"):
        model.save(tmp_path / name) if name == "model" else save_model(model, str(tmp_path / name))
        loaded = load_model(str(tmp_path / name))
        np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fine-tuned.model", "model", "model.keras"]


def test_images_are_preprocessed_in_a_mode(installed):
    from keras.applications.vgg16 import preprocess_input

    x = np.full((1, 2, 2, 3), 255.0)
    np.testing.assert_array_equal(preprocess_input(x.copy(), mode="tf"), np.ones_like(x))
    np.testing.assert_allclose(
        preprocess_input(x.copy(), dim_ordering="tf")[0, 0, 0], 255 - np.array([103.939, 116.779, 123.68])
    )


def test_modules_that_moved(installed):
    from keras import backend as K
    from keras.engine.topology import Layer
    from keras.layers.core import Dense
    from keras.objectives import binary_crossentropy
    from keras.preprocessing.image import ImageDataGenerator
    from keras.utils import np_utils
    from keras.utils.np_utils import to_categorical
    from keras_applications.imagenet_utils import _obtain_input_shape
    from tensorflow.compat.v1.keras.backend import set_session
    from tensorflow.keras.applications.vgg16 import preprocess_input
    from tensorflow.keras.layers import CuDNNGRU, Merge
    from tensorflow.keras.layers.merge import concatenate
    from tensorflow.keras.optimizers import adam
    from tensorflow.keras.utils import to_categorical as of_tensorflow

    assert Dense is keras.layers.Dense
    assert CuDNNGRU is keras.layers.GRU and Merge is keras.layers.Merge and adam is keras.optimizers.Adam
    assert of_tensorflow is keras.utils.to_categorical
    np.testing.assert_array_equal(preprocess_input(np.full((1, 2, 2, 3), 255.0), mode="tf"), np.ones((1, 2, 2, 3)))
    with pytest.warns(UserWarning, match="`set_session` has no effect in Keras 3"):
        set_session(None)
    assert Layer is keras.layers.Layer
    assert concatenate is keras.layers.concatenate
    assert np_utils.to_categorical is to_categorical is keras.utils.to_categorical
    assert binary_crossentropy is keras.losses.binary_crossentropy
    assert K.image_dim_ordering() == "tf"
    assert ImageDataGenerator(dim_ordering="th", rescale=2).data_format == "channels_first"
    assert _obtain_input_shape((40, 50, 3), 32, 8, "channels_last", require_flatten=False) == (40, 50, 3)
    assert to_categorical([1], nb_classes=3).tolist() == [[0, 1, 0]]
    assert keras.Input((4, 5, 3))._keras_shape == (None, 4, 5, 3)
    assert float(K.sum(np.ones(3))) == 3
    optimizer = keras.optimizers.SGD(0.5)
    K.set_value(optimizer.lr, 0.25)
    assert float(optimizer.learning_rate) == 0.25


def test_the_private_copy_of_keras_2_is_keras_3(installed):
    from tensorflow.python.keras import Model, backend
    from tensorflow.python.keras.applications.resnet50 import preprocess_input
    from tensorflow.python.keras.engine import Layer
    from tensorflow.python.keras.layers.core import Dense
    from tensorflow.python.keras.models import Sequential
    from tensorflow.python.keras.optimizers import Adam

    model = Sequential([keras.Input((2,)), Dense(1, kernel_initializer="ones")])
    model.compile(Adam(lr=0.5), "mse")
    assert isinstance(model, Model) and issubclass(Dense, Layer)
    np.testing.assert_array_equal(model.predict(np.array([[2.0, 3]]), verbose=0), [[5]])
    assert float(backend.sum(np.ones(3))) == 3
    np.testing.assert_allclose(preprocess_input(np.zeros((1, 1, 1, 3))), [[[[-103.939, -116.779, -123.68]]]])


def test_functions_and_gradients_of_the_backend(installed):
    from keras import backend as K
    from keras.backend.tensorflow_backend import set_session

    x = keras.Input((4, 4, 1))
    inner = keras.layers.Conv2D(2, 1, kernel_initializer="ones", name="inner")(x)
    kept = keras.layers.Dropout(0.5)(inner)
    y = keras.layers.GlobalAveragePooling2D()(keras.layers.add([kept, keras.layers.ReLU()(-3 * inner)]))
    model = keras.Model(x, y)
    image = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    score = model.output[:, 1]
    grads = K.gradients(score, model.get_layer("inner").output)[0]
    pooled = K.mean(grads, axis=(0, 1, 2))
    iterate = K.function([model.input], [pooled, model.get_layer("inner").output[0]])
    weights, activation = iterate([image])
    np.testing.assert_allclose(weights, [0, 1 / 16], atol=1e-6)
    np.testing.assert_array_equal(activation, np.repeat(image[0], 2, axis=-1))
    (of_kernel,) = K.gradients(K.sum(K.square(score)), [model.get_layer("inner").kernel])
    np.testing.assert_allclose(K.function([x], [of_kernel])([image])[0].ravel(), [0, 2 * 7.5 * 7.5], rtol=1e-5)
    dropped = K.function([x, K.learning_phase()], [kept])
    np.testing.assert_array_equal(dropped([image, 0])[0], np.repeat(image, 2, axis=-1))
    assert (dropped([image, 1])[0] == 0).sum() > (dropped([image, 0])[0] == 0).sum()
    with pytest.warns(UserWarning, match="`set_session` has no effect in Keras 3"):
        set_session(None)
    with pytest.warns(UserWarning, match="`set_learning_phase` has no effect in Keras 3. Received: 1"):
        K.set_learning_phase(1)
    assert K.tf.__name__ == "tensorflow"
    K.get_session().run(K.tf.global_variables_initializer())
    session = K.tf.Session(config=K.tf.ConfigProto())
    with pytest.raises(NotImplementedError, match="There are no graphs in Keras 3 that a session could run"):
        session.run(K.tf.constant(1))
    session.close()
    with K.tf.Graph().as_default(), K.tf.Session() as session:
        assert session.run(K.tf.constant(1)) == 1
    with pytest.raises(NotImplementedError, match="`updates`"):
        K.function([x], [y], updates=[1])


def test_what_was_for_theano(installed):
    from keras.utils.conv_utils import conv_output_length, normalize_data_format
    from keras.utils.layer_utils import convert_all_kernels_in_model

    assert [conv_output_length(9, 3, padding, 2) for padding in ("valid", "same", "full")] == [4, 5, 6]
    assert conv_output_length(None, 3, "same", 1) is None and conv_output_length(9, 3, "valid", 1, 2) == 5
    assert normalize_data_format(None) == "channels_last" and normalize_data_format("channels_first") != "th"
    with pytest.raises(ValueError, match="`data_format` must be one of"):
        normalize_data_format("th")
    assert keras.applications.imagenet_utils._obtain_input_shape(None, 224, 32, "channels_last", True) == (224, 224, 3)
    with pytest.raises(NotImplementedError, match="Theano"):
        convert_all_kernels_in_model(None)


def test_optimizers_take_lr_and_decay(installed):
    optimizer = keras.optimizers.SGD(lr=0.5, decay=0.1)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(optimizer, "mse")
    weight = 1.0
    for step in range(3):
        model.train_on_batch(np.ones((1, 1)), np.zeros((1, 1)))
        weight -= 0.5 / (1 + 0.1 * step) * 2 * weight
    assert model.get_weights()[0][0, 0] == pytest.approx(weight, abs=1e-6)
    optimizer.lr = 0.25
    assert float(optimizer.lr) == 0.25
    assert float(optimizer.learning_rate) == pytest.approx(0.25 / 1.3)
    assert float(keras.optimizers.adam(lr=0.1, epsilon=None).learning_rate) == pytest.approx(0.1)


def test_arguments_of_keras_1(installed):
    layers = keras.layers
    convolution = layers.Convolution2D(4, 3, 5, border_mode="same", subsample=(2, 2), dim_ordering="th", bias=False)
    assert isinstance(convolution, layers.Convolution2D)
    config = convolution.get_config()
    wanted = {"filters": 4, "kernel_size": (3, 5), "padding": "same", "strides": (2, 2), "use_bias": False}
    assert {name: config[name] for name in wanted} == wanted
    assert config["data_format"] == "channels_first"
    assert layers.Conv2D(4, 3, 2).strides == (2, 2)
    assert layers.Conv2D(4, 3, 3).kernel_size == (3, 3)  # in a program of Keras 1
    assert layers.Conv2D(4, 3, 3).strides == (1, 1)
    assert layers.Convolution2D(nb_filter=4, nb_row=1, nb_col=2).kernel_size == (1, 2)
    assert layers.Dense(output_dim=3, init="ones").units == 3
    assert layers.Dropout(p=0.25).rate == 0.25
    assert layers.AveragePooling2D().pool_size == (2, 2)
    assert layers.AveragePooling1D(strides=3).pool_size == (2,)
    assert layers.AveragePooling2D(3).pool_size == layers.AveragePooling2D(pool_size=3).pool_size == (3, 3)
    assert layers.BatchNormalization(mode=0, axis=1).axis == 1
    a = keras.Input((2,))
    model = keras.models.Model(input=a, output=[layers.merge([a, a], mode="concat"), layers.merge([a, a], mode="mul")])
    assert model.output_shape == [(None, 4), (None, 2)]
    x = np.array([[2, 3]], "float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0)[1], x * x)
    np.testing.assert_array_equal(layers.merge([x, x], mode="dot", dot_axes=1), [[13]])
    with pytest.raises(ValueError, match="`mode` must be one of"):
        layers.merge([a, a], mode="sine")
    np.testing.assert_allclose(layers.merge([x, 2 * x], mode="cos", dot_axes=1), [[1]], rtol=1e-6)
    separable = layers.SeparableConv2D(4, 3, kernel_regularizer="l2", depthwise_regularizer="l2")
    assert separable.depthwise_regularizer is not None and separable.pointwise_regularizer is None
    assert layers.DepthwiseConv2D(3, kernel_initializer="ones", depthwise_initializer="zeros").depth_multiplier == 1
    assert layers.CuDNNLSTM is layers.LSTM and layers.CuDNNGRU is layers.GRU
    atrous = layers.AtrousConvolution2D(4, 3, 5, atrous_rate=(2, 2))
    assert atrous.kernel_size == (3, 5) and atrous.dilation_rate == (2, 2)
    with pytest.raises(NotImplementedError, match="LocallyConnected2D` is not in Keras 3: there is none"):
        layers.LocallyConnected2D(4, 3)


def test_metrics_are_for_all_outputs_and_take_integers(installed):
    import tensorflow as tf

    def difference(y_true, y_pred):
        return tf.reduce_mean(tf.abs(y_pred - y_true))

    a = keras.Input((2,))
    first = keras.layers.Dense(1, kernel_initializer="ones", name="first")
    model = keras.Model(a, [first(a), keras.layers.Dense(1, kernel_initializer="zeros", name="second")(a)])
    assert first.input_shape == (None, 2) and first.output_shape == (None, 1)
    assert model.output_shape == [(None, 1), (None, 1)]
    difference.__name__ = "DIFFerence"
    model.compile("sgd", "mse", metrics=[difference, "mae"])
    y = np.array([[7], [9]], "uint8")
    found = model.evaluate(np.array([[2.0, 3], [4, 5]]), [y, y], verbose=0, return_dict=True)
    wanted = {"first_DIFFerence": 1.0, "first_mae": 1.0, "second_DIFFerence": 8.0, "second_mae": 8.0}
    assert {name: found[name] for name in wanted} == wanted
    for weights in ([1, 0.5], {"first": 1, "second": 0.5}):
        model.compile("sgd", "mae", loss_weights=weights, run_eagerly=True)
        assert model.evaluate(np.array([[2.0, 3], [4, 5]]), [y, y], verbose=0, return_dict=True)["loss"] == 2 * 0.5 + 4
    with pytest.raises(NotImplementedError, match="Received: gpus=2"):
        keras.utils.multi_gpu_model(model, gpus=2)


def test_acc_and_files_of_any_name(installed, tmp_path):
    x, y = np.eye(4, 3, dtype="float32"), np.array([[1.0], [0], [0], [0]])
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    heard = []
    paths = [tmp_path / "w.{epoch}-{val_acc:.0f}.hdf5", tmp_path / "best"]
    checkpoint = keras.callbacks.ModelCheckpoint
    callbacks = [
        checkpoint(str(paths[0]), "val_acc", 0, False, True, period=2),
        checkpoint(str(paths[1]), monitor=["acc"], save_weights_only=True, mode="max"),
        keras.callbacks.EarlyStopping(monitor="val_acc", patience=9),
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: heard.append((logs["acc"], logs.get("val_acc")))
        ),
    ]
    history = model.fit(x, y, nb_epoch=3, verbose=0, validation_data=(x, y), callbacks=callbacks).history
    assert history["acc"] == history["accuracy"] == [acc for acc, _ in heard]
    assert history.get("val_acc") == history["val_accuracy"] == [acc for _, acc in heard]
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert "acc" in history
    with pytest.raises(KeyError):
        history["recall"]
    assert sorted(path.name[:4] for path in tmp_path.iterdir()) == ["best", "w.2-"]
    wanted = model.get_weights()
    model.save_weights(str(tmp_path / "first.h5"))
    layer = keras.layers.Dense(1, name=model.layers[0].name)
    other = keras.Sequential([keras.Input((3,)), layer, keras.layers.Dense(2)])
    model.save_weights(str(tmp_path / "second"))
    for name in ("first.h5", "second"):
        layer.set_weights([0 * weight for weight in wanted])
        other.load_weights(str(tmp_path / name), by_name=True)
        for weight, right in zip(layer.get_weights(), wanted, strict=True):
            np.testing.assert_array_equal(weight, right)
    with pytest.raises(ValueError, match="layer"):
        other.load_weights(str(tmp_path / "first.h5"))
    for name in ("first.h5", "best"):
        model.set_weights([0 * weight for weight in wanted])
        model.load_weights(str(tmp_path / name))
        for weight, other in zip(model.get_weights(), wanted, strict=True):
            np.testing.assert_array_equal(weight, other)
    scores = model.predict(x, verbose=0)
    np.testing.assert_array_equal(model.predict_classes(x), scores > 0.5)
    np.testing.assert_array_equal(model.predict_proba(x, verbose=0), scores)
    assert os.listdir(tmp_path).count("first.h5") == 1


@pytest.mark.parametrize("name, best", [("fmeasure", "highest"), ("jaccard_distance", "highest"), ("dice", "lowest")])
def test_what_is_better_by_the_name_of_a_metric(installed, name, best):
    """As in Keras 2, which took every name that holds "acc" for an accuracy."""
    metric = lambda y_true, y_pred: keras.ops.mean(y_pred)  # noqa: E731
    metric.__name__ = name
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(-0.1), "mse", metrics=[metric], run_eagerly=True)  # it grows
    stopping = keras.callbacks.EarlyStopping(monitor=name, patience=2)
    with pytest.warns(UserWarning, match=f"The {best} '{name}' is taken for the best, as in Keras 2"):
        history = model.fit(np.ones((4, 3)), np.zeros((4, 1)), nb_epoch=9, verbose=0, callbacks=[stopping]).history
    assert len(history[name]) == (9 if best == "highest" else 3)


def test_what_a_callback_adds_to_the_logs_is_for_those_after_it(installed, tmp_path):
    class Doubled(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_double"] = 2 * logs["loss"]

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    callbacks = [
        keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1)),
        Doubled(),
        keras.callbacks.ModelCheckpoint(str(tmp_path / "{val_double:.9f}.h5"), "val_double", mode="min"),
    ]
    history = model.fit(np.ones((4, 3)), np.ones((4, 1)), epochs=2, verbose=0, callbacks=callbacks).history
    assert history["val_double"] == [2 * loss for loss in history["loss"]]
    assert history["lr"] == history["learning_rate"] == pytest.approx([0.1, 0.05])
    assert {path.stem for path in tmp_path.iterdir()} == {f"{value:.9f}" for value in history["val_double"]}


def test_the_end_of_a_batch_is_told_at_the_end_of_an_epoch(installed):
    """With JAX and PyTorch a thread of its own tells it, whenever it comes to that."""
    heard = []

    class Late(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            told.on_train_batch_end(7, {})

        def on_train_batch_end(self, batch, logs=None):
            heard.append(batch)

    told = keras.callbacks.CallbackList([Late()], add_history=False)
    told.on_epoch_end(0, {})
    assert heard == [7]


def test_only_data_leaves_the_rest():
    compat.install(only_data=True)
    try:
        assert hasattr(keras.Model, "fit_generator")
        assert not hasattr(keras.Model, "predict_classes")
        with pytest.raises(ValueError, match="lr"):
            keras.optimizers.SGD(lr=0.1)
        assert "keras.layers.core" not in sys.modules
    finally:
        compat.uninstall()
