"""Run by `test_without_tensorflow` in a process that cannot import TensorFlow."""

import pathlib
import sys

import keras
import keras_regen.compat
import numpy as np
import pandas as pd
from keras_regen.compat import ImageDataGenerator, compare, explain, image, preview
from keras_regen.compat.check import check as check_folder
from keras_regen.compat.image import batches
from keras_regen.layers import RandomAffine, augment

from tests.compat.configurations import kinds
from tests.compat.test_differential import check

directory, folder, every = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])


def raised(kind, function):
    try:
        function()
    except kind as error:
        return str(error)
    raise AssertionError("nothing was raised")


# The batches of the legacy module, by SciPy and by the kernels of the backend.
check(range(0, 600, 10 * every), directory)
batches.COMPILE_AFTER_SECONDS = 0.0
check([142, *list(kinds(600).values())[::every]], directory)  # 142: hardly anything is left of a pixel

# Models train.
datagen = ImageDataGenerator(rotation_range=20, horizontal_flip=True, rescale=1 / 255, featurewise_center=True)
files = {"target_size": (12, 14), "class_mode": "sparse", "seed": 1, "batch_size": 8}
flow = datagen.flow_from_directory(directory, **files)
datagen.fit(flow)
model = keras.Sequential([keras.Input((12, 14, 3)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
model.compile("sgd", "sparse_categorical_crossentropy")
assert np.isfinite(model.fit(flow, epochs=2, validation_data=flow, verbose=0).history["val_loss"]).all()
frame = pd.DataFrame({"filename": flow.filepaths, "class": [name.split("/")[0] for name in flow.filenames]})
rows = datagen.flow_from_dataframe(frame, **files)
np.testing.assert_array_equal(rows[0][1], flow.classes[rows.index_array[:8]])
assert model.predict(rows, verbose=0).shape == (len(frame), 3)

# Layers, pictures, sentences, functions.
whole = keras.Sequential([keras.Input((12, 14, 3)), datagen.to_layers(), model])
assert whole.predict(np.zeros((2, 12, 14, 3)), verbose=0).shape == (2, 3)
preview(flow, rows=1, columns=2, path=folder / "preview.png")
compare(datagen, datagen.to_layers(), np.zeros((1, 9, 9, 3)), path=folder / "compare.png")
assert "RandomAffine" in str(explain(flow))
assert sum(check_folder(directory).classes.values()) == flow.n
image.save_img(folder / "a.png", image.random_rotation(np.zeros((5, 5, 3)), 9, 0, 1, 2))
assert image.load_img(folder / "a.png").size == (5, 5)
keras_regen.compat.install()
from keras.preprocessing.image import ImageDataGenerator as patched  # noqa: E402

assert patched is ImageDataGenerator
assert "`fit` of a zip" in raised(ImportError, lambda: model.fit(zip(flow, flow, strict=True), steps_per_epoch=2))
keras_regen.compat.uninstall()

# What needs it says so, and what to use instead.
for name in ("to_dataset", "distribute"):
    said = raised(ImportError, lambda name=name: getattr(keras_regen.compat, name))
    assert said.startswith(f"`{name}` needs TensorFlow") and "to_grain" in said, said
assert "format='grain'" in raised(ImportError, lambda: keras_regen.compat.to_device(flow))
assert "batches" in raised(ImportError, lambda: augment(RandomAffine(9), 1))
said = raised(ImportError, lambda: datagen.flow_from_directory("gs://bucket/photos"))
assert "'gs://bucket/photos', needs TensorFlow" in said and "mount" in said, said
assert "decode='pillow'" in raised(ImportError, lambda: datagen.flow_from_directory(directory, decode="keras"))
assert "tensorflow" not in sys.modules
print("done")
