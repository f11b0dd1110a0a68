"""Run by `test_without_tensorflow`, without TensorFlow, as a plain script: Grain's workers, and training on JAX.

A script as people write them: it loads Keras, and has no `if __name__ == "__main__":`, but for an old Grain.
"""

import importlib.metadata
import os
import sys

import grain
import keras
import numpy as np
from keras_regen.compat import ImageDataGenerator, to_grain
from PIL import Image, ImageFile

ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = True, 12345678
workers_run_this = tuple(map(int, importlib.metadata.version("grain").split(".")[:3])) < (0, 2, 16)
backend = os.environ["KERAS_BACKEND"] if workers_run_this else os.environ.pop("KERAS_BACKEND")
ids = np.zeros((240, 100))  # more than a pipe holds, which is where Python would wait for ever


def source():
    datagen = ImageDataGenerator(rotation_range=20, horizontal_flip=True, rescale=1 / 255)
    return datagen.flow_from_directory(sys.argv[1], target_size=(12, 14), class_mode="sparse", seed=1, batch_size=8)


def loaded(batch):
    assert (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS) == (True, 12345678) and not ids.any()
    assert os.environ["KERAS_BACKEND"] == backend
    heavy = {"tensorflow", "torch", "keras"} & set(sys.modules)  # Grain itself loads JAX where there is one
    return (*batch, np.array(sorted(heavy - ({"keras"} if workers_run_this else set()))))


def main():
    images = to_grain(source())
    workers = grain.MultiprocessingOptions(num_workers=2, per_worker_buffer_size=1)
    passes = to_grain(source()).map(loaded).to_iter_dataset().mp_prefetch(workers)
    for epoch in range(2):
        got = list(passes)
        assert len(got) == len(images)
        for number, (x, y, heavy) in enumerate(got):
            assert not heavy.size, heavy
            want = images[epoch * len(images) + number]
            np.testing.assert_array_equal(x, want[0])
            np.testing.assert_array_equal(y, want[1])
    iterator = iter(passes)
    next(iterator)
    state, following = iterator.get_state(), next(iterator)
    iterator.close()
    fresh = iter(passes)
    fresh.set_state(state)
    np.testing.assert_array_equal(next(fresh)[0], following[0])
    fresh.close()

    model = keras.Sequential([keras.Input((12, 14, 3)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    seen = []
    train = to_grain(source()).map(lambda batch: seen.append(batch[0]) or batch)
    assert np.isfinite(model.fit(train, epochs=2, verbose=0).history["loss"]).all()
    for number in range(2 * len(images)):  # threads take them in any order
        assert any(np.array_equal(x, images[number][0]) for x in seen), number
    assert "tensorflow" not in sys.modules
    print("done")


if __name__ == "__main__" or not workers_run_this:
    main()
