"""`explain` and `keras-regen explain`: the code that they print runs, and makes the layers of the generator."""

import re
import warnings

import keras
import keras_preprocessing.image
import numpy as np
import pytest
import tensorflow as tf
from keras.src.legacy.preprocessing import image as legacy
from keras_regen.compat import ImageDataGenerator, explain
from keras_regen.compat.command_line import main

from .configurations import generator_arguments


def blocks(text):
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def run(text, **names):
    for block in blocks(text):
        exec(compile(block, "explained", "exec"), names)
    return names


def configs(layers):
    return [(type(layer).__name__, {**layer.get_config(), "name": None}) for layer in layers]


def notes(text):
    """The bullets, each on one line."""
    return [" ".join(note.split()) for note in text.partition("\n- ")[2].split("\n- ") if note]


def random_generator(seed, **more):
    rng = np.random.RandomState(seed)
    arguments = {**generator_arguments(rng, image_size=16), **more}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ImageDataGenerator(**arguments, legacy_axes=bool(rng.randint(2))), arguments


def test_the_layers_are_those_of_the_generator():
    for seed in range(150):
        generator, _ = random_generator(seed)
        code = blocks(explain(generator))[0]
        names = {}
        exec(code, names)
        assert configs(names["pipeline"].layers) == configs(generator.to_layers().layers), code


def test_a_notebook_shows_it_formatted_and_the_prompt_as_it_is():
    text = explain(ImageDataGenerator(rotation_range=20))
    assert isinstance(text, str)
    assert repr(text) == str(text) == text._repr_markdown_()
    assert text.startswith("As layers, for the start of a model:\n\n```python\n")


def test_numbers_are_written_as_they_are():
    code = blocks(
        explain(ImageDataGenerator(height_shift_range=[-3, 3], rescale=np.float32(1 / 255), cval=np.int64(5)))
    )[0]
    assert "width_shift_choices=(-3.0, 3.0)" in code
    assert f"Rescaling({float(np.float32(1 / 255))!r})" in code
    code = blocks(explain(ImageDataGenerator(rotation_range=20, width_shift_range=3, channel_shift_range=5)))[0]
    assert "RandomAffine(rotation=20.0, height_shift_choices=3)," in code
    assert "RandomChannelShift(5.0)," in code


@pytest.mark.filterwarnings("ignore:This ImageDataGenerator specifies")
def test_a_preprocessing_function_comes_between():
    for seed in range(20):
        generator, arguments = random_generator(seed, preprocessing_function=lambda x: x)
        text = explain(generator)
        assert "`preprocessing_function` cannot be a layer" in " ".join(text.split())
        names = {}
        exec(blocks(text)[0], names)
        made = [*names["augmentation"].layers, *names["normalization"].layers]
        plain = ImageDataGenerator(**{**arguments, "preprocessing_function": None}, legacy_axes=generator.legacy_axes)
        assert configs(made) == configs(plain.to_layers().layers)
    generator = ImageDataGenerator(horizontal_flip=True, rescale=1 / 255, preprocessing_function=abs)
    images = np.full((4, 8, 8, 3), 200, "float32")
    dataset = tf.data.Dataset.from_tensor_slices((images, np.arange(4))).batch(2)
    names = run(explain(generator), dataset=dataset, preprocessing_function=lambda x: x - 200 + 51)
    x, y = next(iter(names["dataset"]))
    assert (y.numpy() == [0, 1]).all()
    np.testing.assert_allclose(x, np.full((2, 8, 8, 3), 0.2), rtol=1e-6)


@pytest.mark.parametrize("class_mode", ["categorical", "sparse", "binary", "input", None])
@pytest.mark.parametrize("subset", [None, "training", "validation"])
def test_a_directory(jpeg_directory, class_mode, subset):
    generator = ImageDataGenerator(rotation_range=20, rescale=1 / 255, validation_split=0.3)
    iterator = generator.flow_from_directory(
        jpeg_directory, target_size=(20, 24), batch_size=5, class_mode=class_mode, subset=subset, interpolation="box"
    )
    theirs = next(iter(run(explain(iterator), iterator=iterator)["dataset"]))
    ours = next(iterator)
    assert isinstance(theirs, tuple) == isinstance(ours, tuple)
    for mine, other in zip(tf.nest.flatten(theirs), ours if isinstance(ours, tuple) else [ours], strict=True):
        assert mine.shape == (other.shape if class_mode != "binary" or other.ndim > 1 else (5, 1))
    images = tf.nest.flatten(theirs)[0].numpy()
    assert 0.1 < images.max() <= 1


def test_a_directory_in_order_has_the_same_images(jpeg_directory):
    """But for the decoder: bilinear resizing of Keras's is what `decode="keras"` does."""
    flow = {"target_size": (30, 30), "interpolation": "bilinear", "class_mode": "sparse", "shuffle": False}
    iterator = ImageDataGenerator().flow_from_directory(
        jpeg_directory, classes=["dogs", "cats"], decode="keras", **flow
    )
    text = explain(iterator)
    assert "class_names=['dogs', 'cats']" in text
    assert not any("Order" in note or "JPEG" in note or "Resizing" in note for note in notes(text))
    want, labels = next(iterator)
    images, theirs = next(iter(run(text, iterator=iterator)["dataset"]))
    np.testing.assert_allclose(images, want, atol=0.01)
    np.testing.assert_array_equal(theirs, labels)


def test_arrays_and_dataframes(jpeg_directory):
    pandas = pytest.importorskip("pandas")
    x, y = np.zeros((10, 8, 8, 3)), np.arange(10)
    for arguments in ({}, {"y": y}, {"y": y, "sample_weight": y / 10}):
        iterator = ImageDataGenerator(rescale=2).flow(x, batch_size=4, seed=1, shuffle=False, **arguments)
        got = next(iter(run(explain(iterator), iterator=iterator)["dataset"]))
        want = next(iterator)
        for mine, other in zip(tf.nest.flatten(got), want if isinstance(want, tuple) else [want], strict=True):
            np.testing.assert_array_equal(mine, other)
    frame = pandas.DataFrame({"filename": [f"cats/5_{i}.jpg" for i in range(4)], "class": list("abab")})
    iterator = ImageDataGenerator(rescale=2).flow_from_dataframe(frame, str(jpeg_directory), target_size=(8, 8))
    plain = ImageDataGenerator().flow_from_dataframe(frame, str(jpeg_directory), target_size=(8, 8), shuffle=False)
    text = explain(iterator)
    assert "Keras has no loader for this" in text
    run(text, iterator=iterator)
    from keras_regen.compat import to_dataset

    names = {"dataset": to_dataset(plain)}
    for block in blocks(text)[1:]:
        exec(block, names)
    np.testing.assert_array_equal(next(iter(names["dataset"]))[0], 2 * next(plain)[0])


def test_only_what_applies_is_said(jpeg_directory, mixed_directory):
    def said(source):
        words = (
            "draws",
            "columns",
            "square",
            "wrap",
            "truncates",
            "statistics",
            "JPEGs",
            "leaves out",
            "validation_split",
        )
        return {word for note in notes(explain(source)) for word in words if word in note}

    assert said(ImageDataGenerator(rescale=1 / 255)) == set()
    assert said(ImageDataGenerator(horizontal_flip=True)) == {"draws"}
    assert said(ImageDataGenerator(height_shift_range=3)) == {"draws", "columns"}
    assert said(ImageDataGenerator(height_shift_range=3, rotation_range=3, legacy_axes=False)) == {"draws"}
    assert said(ImageDataGenerator(zoom_range=0.1, fill_mode="wrap")) == {"draws", "square", "wrap"}
    assert said(ImageDataGenerator(brightness_range=(0.5, 1))) == {"draws", "truncates"}
    assert said(ImageDataGenerator(featurewise_center=True)) == {"statistics"}
    assert said(ImageDataGenerator(validation_split=0.1)) == {"validation_split"}
    flow = {"target_size": (8, 8), "seed": 1}
    assert said(ImageDataGenerator(rotation_range=3).flow_from_directory(jpeg_directory, **flow)) == {"draws", "JPEGs"}
    mixed = notes(explain(ImageDataGenerator().flow_from_directory(mixed_directory, **flow)))
    assert any("leaves out 8 of the 27 files" in note for note in mixed)


def test_other_libraries_and_overridden_methods():
    arguments = {"rotation_range": 20, "height_shift_range": 0.2, "rescale": 1 / 255}
    assert explain(legacy.ImageDataGenerator(**arguments)) == explain(ImageDataGenerator(**arguments))
    archived = explain(keras_preprocessing.image.ImageDataGenerator(**arguments))
    assert "RandomAffine(rotation=20.0, height_shift=0.2)" in archived
    assert "`keras_preprocessing` turns and shears" in archived

    class Custom(ImageDataGenerator):
        def standardize(self, x):
            return x

    text = explain(Custom(**arguments))
    assert "`Custom.standardize` is overridden" in text
    assert blocks(text) == blocks(explain(ImageDataGenerator(**arguments)))
    with pytest.raises(TypeError, match=r"`source` must be an ImageDataGenerator, .* Received: int"):
        explain(3)
    with pytest.raises(ValueError, match=r"No layer has `fill_mode=.mirror.`"):
        explain(ImageDataGenerator(fill_mode="mirror", rotation_range=3))


def test_the_source_stays_as_it_is(jpeg_directory):
    iterator = ImageDataGenerator(rotation_range=20).flow_from_directory(jpeg_directory, target_size=(8, 8), seed=1)
    np.random.seed(3)
    before, generator = dict(vars(iterator)), dict(vars(iterator.image_data_generator))
    explain(iterator)
    assert vars(iterator) == before
    assert vars(iterator.image_data_generator) == generator
    assert np.random.random() == np.random.RandomState(3).random()


SCRIPT = """\
from keras.preprocessing.image import ImageDataGenerator as Generator
import danger
danger.strike()
train = Generator(rotation_range=2 * 10, rescale=1. / 255, shear_range=SHEAR,
                  zoom_range=[0.5, -(-1.5)], preprocessing_function=danger.strike)
test = image.ImageDataGenerator(True, **options)
"""


def test_the_command_explains_calls_without_running_them(tmp_path, capsys):
    script = tmp_path / "old.py"
    script.write_text(SCRIPT)
    assert main(["explain", str(script)]) == 0
    printed = capsys.readouterr().out
    first, second = printed.split(f"# {script}, line ")[1:]
    assert first.startswith("4\n")
    assert "RandomAffine(rotation=20.0, zoom=(0.5, 1.5))" in first
    assert "keras.layers.Rescaling(1 / 255)" in first
    assert "Left out, because it is no value in the code: `shear_range=SHEAR`." in first
    assert "`preprocessing_function` cannot be a layer" in first
    assert second.startswith("6\n")
    assert "`**options`" in second
    assert "Standardize(featurewise_center=True)" in second
    assert main(["explain", "ImageDataGenerator(horizontal_flip=True)"]) == 0
    assert "RandomAffine(horizontal_flip=True)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ImageDataGenerator(", r"the code, line 1: '\(' was never closed"),
        ("print(3)", "no call of ImageDataGenerator, .* in the code"),
        ("ImageDataGenerator(rotation=3)", "the code, line 1: .*'rotation'"),
        ("\nImageDataGenerator(zoom_range='x')", "the code, line 2: `zoom_range` must be"),
        ("absent.py", "absent.py"),
    ],
)
def test_the_command_says_what_is_wrong(code, message, capsys):
    assert main(["explain", code]) == 1
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
def test_a_configured_data_format(data_format):
    before = keras.config.image_data_format()
    keras.config.set_image_data_format(data_format)
    try:
        generator = ImageDataGenerator(rotation_range=20, data_format="channels_first")
        names = run(explain(generator), dataset=tf.data.Dataset.from_tensors(np.zeros((1, 3, 8, 8))))
        assert configs(names["pipeline"].layers) == configs(generator.to_layers().layers)
    finally:
        keras.config.set_image_data_format(before)
