"""Code as users write it, for the type checker of `.ci/run`: it is checked, and not run.

A line with `# pyright: ignore[rule]` is a mistake that has to be found: an ignore that nothing needs is an error, too.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnnecessaryTypeIgnoreComment=true

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras_regen.compat import (
    DataFrameIterator,
    DirectoryIterator,
    ImageDataGenerator,
    NumpyArrayIterator,
    Stateless,
    compare,
    distribute,
    explain,
    image_dataset_from_directory,
    preview,
    to_dataset,
    to_device,
)
from keras_regen.layers import Pipeline, RandomAffine, RandomBrightness, RandomLayer, Standardize, augment, check_layer
from typing_extensions import assert_type

datagen = ImageDataGenerator(
    rotation_range=0.5,
    width_shift_range=[-2, 2],
    height_shift_range=0.1,
    brightness_range=(0.5, 1.5),
    zoom_range=0.2,
    fill_mode="reflect",
    horizontal_flip=True,
    rescale=1 / 255,
    preprocessing_function=lambda image: image - 127.5,
    validation_split=0.2,
    dtype="float32",
)
ImageDataGenerator(rotation=3)  # pyright: ignore[reportCallIssue]
ImageDataGenerator(fill_mode="edge")  # pyright: ignore[reportArgumentType]

train = datagen.flow_from_directory(
    "photos", target_size=(64, 64), class_mode="sparse", subset="training", seed=1, decode="fast", verbose=False
)
assert_type(train, DirectoryIterator)
datagen.flow_from_directory("photos", batchsize=8)  # pyright: ignore[reportCallIssue]
datagen.flow_from_directory("photos", decode="typo")  # pyright: ignore[reportArgumentType]
rows = datagen.flow_from_dataframe(None, "photos", y_col=["a", "b"], class_mode="multi_output", on_error="skip")  # pyright: ignore[reportArgumentType]
assert_type(rows, DataFrameIterator)
x, y = np.zeros((10, 8, 8, 3)), np.arange(10)
arrays = datagen.flow(x, y, batch_size=4, shuffle=False)
assert_type(arrays, NumpyArrayIterator)
assert_type(datagen.flow((x, [y]), y, workers=2), NumpyArrayIterator)
images, labels = next(train)
assert_type(train.class_indices, dict[str, int])
assert_type(train.filepaths, list[str])
assert_type(datagen.get_random_transform((8, 8, 3)), dict[str, Any])

dataset = to_dataset(train, cache="folder", class_weight={0: 1.0, 1: 3.0}, repeat=2)
assert_type(dataset.class_names, list[str])
assert_type(dataset.file_paths, Sequence[str] | None)
assert_type(dataset.skipped, Mapping[str, str] | None)
to_dataset(zip(train, train, strict=False), masks=[1])
to_dataset({"left": train, "right": arrays}, draws=Stateless(seed=1, shards=2, shard=0))
to_dataset(train, draws="random")  # pyright: ignore[reportArgumentType]
halves, layer = to_device(train, training=False)
model = layer.in_front_of(keras.Sequential([keras.layers.Flatten()]))
model.fit(halves.prefetch(2))
model.fit(distribute(train, "localhost:5000"))

pipeline = datagen.to_layers()
assert_type(pipeline, Pipeline)
chain = Pipeline(
    [RandomAffine(rotation=(-9, 9), seed=1), RandomBrightness(0.2, mode="8bit"), keras.layers.Rescaling(1)]
)
RandomAffine(20, fill_mode="mirror")  # pyright: ignore[reportArgumentType]
RandomAffine(20, sed=1)  # pyright: ignore[reportCallIssue]
standardize = Standardize(featurewise_center=True, dtype="float64")
standardize.adapt(x)
dataset.apply(augment(chain, seed=1)).batch(2)
loaded = image_dataset_from_directory("photos", augment=chain, seed=1)
said: str = explain(train)
preview(train, path="preview.png").savefig("again.png")
compare(datagen, pipeline, x, rows=2)


class Dimming(RandomLayer):
    uniforms = ("dimming",)

    def draw(self, uniforms: dict[str, Any], height: Any, width: Any, ops: Any) -> dict[str, Any]:
        return {"dimming": uniforms["dimming"]}

    def apply(self, images: Any, transformation: Any, ops: Any) -> Any:
        return ops.cast(images, self.precision) * transformation["dimming"][:, None, None, None]


check_layer(Dimming(seed=1, dtype="uint8"), x)
check_layer(3)  # pyright: ignore[reportArgumentType]
