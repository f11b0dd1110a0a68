"""What a layer says of itself: its arguments that are not the defaults."""

import keras
import pytest
from keras_regen import layers

SAID = {
    "RandomAffine()": layers.RandomAffine,
    "RandomAffine(rotation=(-20.0, 20.0), horizontal_flip=True, fill_mode='wrap', seed=1)": lambda: layers.RandomAffine(
        20, horizontal_flip=True, fill_mode="wrap", seed=1
    ),
    "RandomZoom(zoom=(0.8, 1.2), dtype='uint8')": lambda: layers.RandomZoom((0.8, 1.2), dtype="uint8"),
    "RandomFlip(horizontal_flip=True, data_format='channels_first')": lambda: layers.RandomFlip(
        data_format="channels_first"
    ),
    "RandomBrightness(brightness=(0.5, 1.5), value_range=(0.0, 1.0))": lambda: layers.RandomBrightness(
        (0.5, 1.5), value_range=(0, 1)
    ),
    "Standardize(samplewise_center=True)": lambda: layers.Standardize(samplewise_center=True),
    "ZCAWhitening()": layers.ZCAWhitening,
    "Pipeline([RandomShear(shear=(-9.0, 9.0)), RandomChannelShift(channel_shift=(-3.0, 3.0))])": lambda: (
        layers.Pipeline([layers.RandomShear(9), layers.RandomChannelShift(3)])
    ),
}


@pytest.mark.parametrize("said", SAID)
def test_a_representation_is_the_arguments(said):
    if keras.config.image_data_format() == "channels_last":
        assert repr(SAID[said]()) == said


def test_a_representation_makes_the_layer():
    for said in SAID:
        layer = eval(said, vars(layers))
        assert repr(layer) == said
