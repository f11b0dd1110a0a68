"""Run by `test_without_tensorflow`, without TensorFlow: PyTorch's loaders, by fork and spawn, and training."""

import sys

import keras
import numpy as np
from keras_regen.compat import ImageDataGenerator, to_torch


def source():
    datagen = ImageDataGenerator(rotation_range=20, horizontal_flip=True, rescale=1 / 255)
    return datagen.flow_from_directory(sys.argv[1], target_size=(12, 14), class_mode="sparse", seed=1, batch_size=8)


if __name__ == "__main__":
    images = to_torch(source())
    for method in ("fork", "spawn"):
        options = {"num_workers": 2, "multiprocessing_context": method, "persistent_workers": True}
        loader = images.loader(**options)
        assert len(loader) == len(images)
        for epoch in range(2):
            for number, (x, y) in enumerate(loader):
                want = images[epoch * len(images) + number]
                np.testing.assert_array_equal(x, want[0])
                np.testing.assert_array_equal(y, want[1])
            assert number + 1 == len(images)
        del loader
    model = keras.Sequential([keras.Input((12, 14, 3)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    seen = []
    loader = images.loader(collate_fn=lambda batch: seen.append(batch[0]) or batch)
    assert np.isfinite(model.fit(loader, epochs=2, verbose=0).history["loss"]).all()
    for number, x in enumerate(seen[-2 * len(images) :]):  # before, Keras looks at a batch; each epoch is another one
        np.testing.assert_array_equal(x, images[number][0])
    assert "tensorflow" not in sys.modules
    print("done")
