"""`install` and `uninstall`: old code as it is."""

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
    assert load_img is keras.utils.load_img
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
