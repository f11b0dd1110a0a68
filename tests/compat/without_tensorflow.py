"""Run by `test_without_tensorflow` in a process that cannot import TensorFlow."""

import importlib.util
import pathlib
import sys

import keras
import keras_regen.compat
import numpy as np
import pandas as pd
from keras_regen.compat import ImageDataGenerator, compare, explain, image, image_dataset_from_directory, preview
from keras_regen.compat.check import check as check_folder
from keras_regen.compat.demo import make_folder
from keras_regen.compat.image import batches
from keras_regen.compat.installing import methods
from keras_regen.layers import RandomAffine, augment

from tests.compat.blocks_without_tensorflow import run_blocks
from tests.compat.configurations import kinds
from tests.compat.differential import check
from tests.documents import PAGES

directory, photos, folder, every = (*map(pathlib.Path, sys.argv[1:4]), int(sys.argv[4]))


def raised(kind, function):
    try:
        function()
    except kind as error:
        return str(error)
    raise AssertionError("nothing was raised")


# The batches of the legacy module, by SciPy and by the kernels of the backend.
check(range(0, 600, 10 * every), directory)
batches.COMPILE_AFTER_SECONDS = 0.0
check([142, *kinds(600)[::every]], directory)  # 142: hardly anything is left of a pixel

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
counted = datagen.flow_from_directory(directory, **files)
model.fit_generator(counted, steps_per_epoch=2, epochs=3, verbose=0, validation_data=rows, validation_steps=1)
assert counted.total_batches_seen >= 6
images, masks = (datagen.flow_from_directory(directory, **{**files, "class_mode": None}) for _ in range(2))
passes, steps = methods._in_passes(zip(images, masks, strict=True), None, False)
replay = datagen.flow_from_directory(directory, **{**files, "class_mode": None})
for _ in range(2 * steps):
    for one, other in zip(next(passes), [next(replay)] * 2, strict=True):
        np.testing.assert_array_equal(one, other)
keras_regen.compat.uninstall()

# Keras's loaders, for Grain.
if importlib.util.find_spec("grain"):
    make_folder(folder / "shapes", 2)
    arguments = {"image_size": (12, 14), "seed": 1, "batch_size": 3, "verbose": False, "format": "grain"}
    weights = {"class_weight": {0: 1.0, 1: 2.0, 2: 3.0}, "augment": lambda x: x + 1}
    loaded, plain = (image_dataset_from_directory(folder / "shapes", **arguments, **more) for more in (weights, {}))
    for (x, y, weight), (clean, _) in zip(loaded, plain, strict=True):
        np.testing.assert_array_equal(x, clean + 1)
        np.testing.assert_array_equal(weight, y + 1)
    (folder / "texts" / "a").mkdir(parents=True)
    (folder / "texts" / "a" / "0.txt").write_text("text")
    texts = keras_regen.compat.text_dataset_from_directory(folder / "texts", format="grain", verbose=False)
    assert [text.tolist() for text, _ in texts] == [["text"]]

# The README's and the guide's blocks.
chosen = PAGES if every == 1 else [page for page in PAGES if page.name in ("README.md", "grain.md")]
chosen = chosen if every == 1 or keras.backend.backend() == "torch" else []
ran = {str(page): run_blocks(page, photos, folder / f"page {k}") for k, page in enumerate(chosen)}
assert not chosen or ran[str(PAGES[0])] == 2, ran

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
