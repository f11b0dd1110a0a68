"""The second half of a pipeline: a layer that applies the rows that came with the images."""

import dataclasses

import keras
import numpy as np

from ...layers.execution import operations, run
from .augmentation import Augmentation, Statistics
from .rows import SPEC, Rows, neutral


@keras.saving.register_keras_serializable(package="keras_regen")
class ApplyRows(keras.layers.Layer):
    """Transform and standardize images on the device of the model, by rows drawn on the host.

    `keras_regen.compat.to_device` makes it. It computes in float32, with coordinates in float32.

    Args:
        augmentation: an `Augmentation`, or the dictionary of its fields.
        statistics: `Statistics`, or the dictionary of their shapes when the layer is loaded.
        image_shape, image_dtype: of an image as it comes in.
    """

    def __init__(self, augmentation, statistics, image_shape, image_dtype, **kwargs):
        super().__init__(autocast=False, **kwargs)
        if isinstance(augmentation, dict):
            augmentation = Augmentation(**augmentation, preprocess=None)
        self.augmentation, self.image_shape, self.image_dtype = augmentation, tuple(image_shape), image_dtype
        if isinstance(statistics, dict):
            statistics = Statistics(**{name: np.zeros(shape) for name, shape in statistics.items()})
        self.shapes = {name: list(np.shape(array)) for name, array in statistics._asdict().items()}
        for name, array in statistics._asdict().items():
            if array.size:
                weight = self.add_weight(name=name, shape=array.shape, dtype="float32", trainable=False, autocast=False)
                weight.assign(array)
                setattr(self, name, weight)

    def call(self, inputs):
        """Transform a batch.

        Args:
            inputs: the dictionary of images and rows that the dataset of `to_device` holds; or images alone, which are
                standardized only.

        Returns:
            The images of the iterator.
        """
        augmentation = self.augmentation
        if not isinstance(inputs, dict):
            augmentation, inputs = augmentation.without_draws(), {"images": inputs}
        images = operations(inputs["images"]).convert_to_tensor(inputs["images"])
        ops = operations(images)
        zeros = ops.cast(0 * ops.arange(ops.shape(images)[0], dtype="int32"), "float32")
        rows = neutral(zeros, ops.convert_to_tensor(np.eye(2, 3, dtype="float32")))
        rows = [ops.convert_to_tensor(inputs.get(name, row)) for name, row in rows._asdict().items()]
        statistics = [
            ops.convert_to_tensor(getattr(self, name) if np.prod(shape) else np.zeros(0, "float32"))
            for name, shape in self.shapes.items()
        ]
        return run(_apply, images, *rows, *statistics, augmentation=augmentation)

    def in_front_of(self, model: keras.Model) -> keras.Model:
        """The model with this layer in front, whose inputs are the dictionary that the dataset holds."""
        inputs = {"images": keras.Input(self.image_shape, dtype=self.image_dtype, name="images")}
        for name, spec in SPEC._asdict().items():
            dtype = "bool" if spec.dtype == "bool" else "float32"
            inputs[name] = keras.Input(spec.shape, dtype=dtype, name=name)
        return keras.Model(inputs, model(self(inputs)))

    def compute_output_spec(self, inputs):
        shape = (inputs["images"] if isinstance(inputs, dict) else inputs).shape
        a = self.augmentation
        if a.input_format != a.data_format:
            shape = (shape[0], shape[3], *shape[1:3])
        return keras.KerasTensor(shape, dtype=a.output_dtype)

    def get_config(self):
        fields = dataclasses.asdict(self.augmentation)
        if fields.pop("preprocess") is not None:
            raise ValueError("A layer with a `preprocessing_function` in it cannot be saved: save the model behind it.")
        config = {"augmentation": fields, "statistics": self.shapes}
        return {**super().get_config(), **config, "image_shape": self.image_shape, "image_dtype": self.image_dtype}


def _apply(images, *tensors, augmentation, ops):
    rows, statistics = Rows(*tensors[:5]), Statistics(*tensors[5:])
    return augmentation(images, rows, statistics, ops)
