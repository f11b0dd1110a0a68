"""What the migration guide says: its table of arguments, its pictures and its numbers."""

import difflib
import inspect
import math
import os
import pathlib
import re
import sys

import keras
import numpy as np
import pytest
from keras_regen import layers
from keras_regen.compat import DataFrameIterator, DirectoryIterator, ImageDataGenerator, NumpyArrayIterator
from keras_regen.compat.image.convention import COLUMNS
from keras_regen.layers import RandomAffine, RandomBrightness, RandomFlip, RandomShift, RandomZoom
from PIL import Image

from .versions import KERAS

GUIDE = pathlib.Path(__file__).parent.parent / "migration_guide"
sys.path.insert(0, str(GUIDE))
try:
    import gallery
    import measurements
    import pictures
    import reference
finally:
    sys.path.remove(str(GUIDE))


def names_of(function):
    return {
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD and name != "self"
    }


def names_in_table(section):
    """The arguments in the first column of the table below a heading."""
    text = (GUIDE / "arguments.md").read_text()
    _, _, below = text.partition(f"\n## `{section}(...)`")
    assert below, section
    names = set()
    for row in below.partition("\n## ")[0].splitlines():
        if row.startswith("| `"):
            names.update(re.findall(r"`(\w+)(?:=[^`]*)?`", row.split(" | ")[0]))
    return names


QUEUE = names_of(keras.utils.PyDataset.__init__)
GIVEN_BY_THE_GENERATOR = {"image_data_generator", "data_format", "dtype"}


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ("ImageDataGenerator", names_of(ImageDataGenerator)),
        ("fit", names_of(ImageDataGenerator.fit)),
        (
            "flow",
            names_of(ImageDataGenerator.flow) | names_of(NumpyArrayIterator) - GIVEN_BY_THE_GENERATOR | QUEUE,
        ),
        (
            "flow_from_directory",
            names_of(ImageDataGenerator.flow_from_directory)
            | names_of(DirectoryIterator) - GIVEN_BY_THE_GENERATOR
            | QUEUE,
        ),
        (
            "flow_from_dataframe",
            names_of(ImageDataGenerator.flow_from_dataframe)
            # It never handed this one on: a keyword that it does not know is ignored.
            | names_of(DataFrameIterator) - GIVEN_BY_THE_GENERATOR - {"keep_aspect_ratio"}
            | {"has_ext", "sort", "drop_duplicates"}
            | QUEUE,
        ),
    ],
)
def test_the_table_has_every_argument(section, names):
    assert names_in_table(section) == names


def test_the_operations_of_own_layers_are_named():
    from keras_regen.layers.backends.tensorflow import ops

    _, _, below = (GUIDE / "recipes.md").read_text().partition("under the names of `keras.ops`: ")
    assert re.findall(r"`([a-z_]+)[.a-z]*`", below.partition(". These")[0]) == sorted(vars(ops))


def words(text):
    return " ".join(text.replace("\n> ", "\n").split())


@pytest.mark.parametrize("page", measurements.SENTENCES)
def test_measured_sentences_stand_on_their_page(page):
    text = words((GUIDE / page).read_text())
    for function in measurements.SENTENCES[page]:
        if function is measurements.flips and keras.backend.backend() != "tensorflow":
            continue
        assert function() in text


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_pictures_are_what_their_script_makes(name):
    """The panels, whatever the font and the version of the JPEG encoder; and the sentence below them."""
    picture = pictures.PICTURES[name]()
    with Image.open(GUIDE / "pictures" / name) as file:
        stored = np.asarray(file.convert("RGB")).astype(int)
    for (title, panel), left in zip(picture.panels, pictures.places(picture.panels), strict=True):
        height, width = panel.shape[:2]
        part = stored[pictures.TITLE : pictures.TITLE + height, left : left + width]
        assert part.shape == panel.shape, title
        assert np.abs(part - panel).mean() < 6, title
    page = words((GUIDE / "differences.md").read_text())
    assert f"(pictures/{name})" in page
    assert f"*{picture.caption}*" in page


@pytest.mark.skipif(KERAS < (3, 15), reason="it quotes what Keras says of its own functions")
def test_the_reference_is_that_of_the_docstrings():
    made, stored = reference.page(), (GUIDE / "api.md").read_text()
    different = [line for line in difflib.unified_diff(stored.splitlines(), made.splitlines(), "api.md", "docstrings")]
    assert not different, "python migration_guide/reference.py makes it anew:\n" + "\n".join(different[:40])


def test_the_gallery_is_what_its_script_makes(uncompiled_kernels):
    """The page to the letter, and the pictures but for the JPEG encoder and the font."""
    assert (GUIDE / "gallery.md").read_text() == gallery.page()
    made = gallery.gallery()
    assert {path.name for path in (GUIDE / "gallery").iterdir()} == {f"{name}.jpg" for name in made}
    for name, function in made.items():
        picture = function()
        with Image.open(GUIDE / "gallery" / f"{name}.jpg") as file:
            stored = np.asarray(file.convert("RGB")).astype(int)
        for (title, panel), left in zip(picture.panels, pictures.places(picture.panels), strict=True):
            part = stored[pictures.TITLE : pictures.TITLE + panel.shape[0], left : left + panel.shape[1]]
            assert np.abs(part - panel).mean() < 8, (name, title)


def test_the_gallery_shows_every_layer_and_each_number_that_it_draws():
    shown = [row.layer for section in gallery.SECTIONS.values() for row in section.rows.values()]
    drawing = {value for name, value in vars(layers).items() if name in layers.__all__ and isinstance(value, type)}
    others = {layers.RandomLayer, layers.Pipeline, layers.Standardize, layers.ZCAWhitening}
    assert {type(layer) for layer in shown} == drawing - others
    columns = {row.column for section in gallery.SECTIONS.values() for row in section.rows.values()}
    single = {name for column in columns for name in ([column] if isinstance(column, str) else column)}
    assert single >= {*COLUMNS}


def test_pictures_are_small_and_all_made():
    files = [*(GUIDE / "pictures").iterdir(), *(GUIDE / "gallery").iterdir()]
    assert {file.name for file in (GUIDE / "pictures").iterdir()} == {*pictures.PICTURES, "preview.jpg"}
    sizes = [file.stat().st_size for file in files]
    assert max(sizes) < 60_000
    assert sum(sizes) < 800_000


# What the tables say of Keras. A newer Keras that differs turns these red, and then the table is to be changed.


def drawn(layer, **keys):
    """What a layer of Keras draws for eight images."""
    return layer.get_random_transformation(np.zeros((8, 32, 32, 3), "float32"), **keys)


@pytest.mark.parametrize("name", ["RandomRotation", "RandomTranslation", "RandomShear", "RandomZoom"])
def test_claim_fill_mode_of_keras_is_reflect(name):
    assert inspect.signature(getattr(keras.layers, name)).parameters["fill_mode"].default == "reflect"
    assert RandomAffine().fill_mode == ImageDataGenerator().fill_mode == "nearest"


def test_claim_zoom_of_keras():
    one, two = drawn(keras.layers.RandomZoom(0.3, seed=1)), drawn(keras.layers.RandomZoom(0.3, 0.3, seed=1))
    assert np.array_equal(one["height_zoom"], one["width_zoom"])
    assert not np.array_equal(two["height_zoom"], two["width_zoom"])
    keras.layers.RandomZoom((0.0, 1.0))
    with pytest.raises(ValueError):
        keras.layers.RandomZoom((0.0, 1.1))
    for zoom, out in ((1.3, True), (0.7, False)):  # a square of white
        image = np.zeros((1, 32, 32, 1), "float32")
        image[:, 8:24, 8:24] = 255
        theirs = keras.layers.RandomZoom((zoom - 1, zoom - 1), (zoom - 1, zoom - 1))(image, training=True)
        for result in (theirs, RandomZoom((zoom, zoom))(image)):
            assert (np.sum(result) < image.sum()) == out


def test_claim_shear_of_keras():
    layer = keras.layers.RandomShear(x_factor=(0.3, 0.3))
    image = pictures.photograph("coffee", 32, 32)[None].astype("float32")
    sheared = np.asarray(layer(image, training=True))
    np.testing.assert_allclose(sheared[:, 0], image[:, 0], atol=1e-3)
    assert np.abs(sheared - image)[:, 31].max() > 50
    with pytest.raises(ValueError):
        keras.layers.RandomShear(x_factor=1.1)
    factors = np.asarray(drawn(keras.layers.RandomShear(x_factor=math.sin(math.radians(10)), seed=1))["shear_factor"])
    assert factors.min() < 0 < factors.max()


def test_claim_brightness_of_keras_adds():
    image = np.full((1, 8, 8, 3), 100, "float32")
    assert np.allclose(keras.layers.RandomBrightness((0.2, 0.2))(image, training=True), 151)
    assert np.allclose(RandomBrightness((1.2, 1.2))(image), 120)


def test_claim_our_names_in_the_table():
    image = np.zeros((1, 8, 8, 3), "float32")
    image[:, 1, 2] = 255
    flipped = RandomFlip(horizontal_flip=False, vertical_flip=True).transform_images(image, {"flip_vertical": [True]})
    assert np.array_equal(flipped, image[:, ::-1])
    assert "ty" in RandomShift(height_shift=0.1).get_random_transformation(image)
    moved = ImageDataGenerator(width_shift_range=0.1).get_random_transform((8, 8, 3))
    assert moved["ty"] and not moved["tx"]


def test_claim_normalization_of_keras():
    x = np.random.RandomState(0).uniform(0, 255, (20, 8, 8, 3)).astype("float32") * np.array([1, 0.5, 0.1], "float32")
    layer = keras.layers.Normalization(axis=-1)
    layer.adapt(x)
    datagen = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
    datagen.fit(x)
    np.testing.assert_allclose(layer(x), datagen.standardize(x.copy()), atol=1e-4)
    centre = keras.layers.Normalization(axis=-1, mean=x.mean((0, 1, 2)), variance=np.ones(3))
    np.testing.assert_allclose(centre(x), x - x.mean((0, 1, 2)), atol=1e-3)
    layer = keras.layers.LayerNormalization(axis=(1, 2, 3), center=False, scale=False, epsilon=1e-12)
    datagen = ImageDataGenerator(samplewise_center=True, samplewise_std_normalization=True)
    expected = np.stack([datagen.standardize(image.copy()) for image in x])
    np.testing.assert_allclose(layer(x), expected, atol=1e-4)


@pytest.fixture
def folder(tmp_path):
    """Ten images in two classes, a hidden folder, and formats that one of the two does not read."""
    for name in (f"{animal}/{k}.png" for animal in ("cats", "dogs") for k in range(5)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    for name in (".hidden/0.png", "cats/a.tif", "cats/b.ppm", "dogs/c.gif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    return tmp_path


def load(folder, **arguments):
    return keras.utils.image_dataset_from_directory(folder, image_size=(8, 8), verbose=False, **arguments)


def test_claim_labels_and_values_of_the_loader(folder):
    images, labels = next(iter(load(folder)))
    assert images.dtype == "float32" and labels.dtype == "int32" and labels.shape == (11,)
    assert next(iter(load(folder, label_mode="binary")))[1].shape == (11, 1)
    flow = ImageDataGenerator().flow_from_directory(folder, (8, 8), classes=["cats", "dogs"], class_mode="binary")
    assert next(flow)[1].shape == (12,)
    assert inspect.signature(keras.utils.image_dataset_from_directory).parameters["interpolation"].default == "bilinear"


def test_claim_files_of_the_loader(folder):
    endings = {os.path.splitext(path)[1] for path in load(folder).file_paths}
    assert endings == {".png", ".gif"}
    assert load(folder).class_names == ["cats", "dogs"]
    flow = ImageDataGenerator().flow_from_directory(folder, (8, 8))
    assert {os.path.splitext(path)[1] for path in flow.filenames} == {".png", ".tif", ".ppm"}
    assert list(flow.class_indices) == [".hidden", "cats", "dogs"]


def test_claim_classes_and_split_of_the_loader(folder):
    with pytest.raises(ValueError, match="class_names"):
        load(folder, class_names=["cats", "dogs", "cows"])
    with pytest.raises(ValueError, match="seed"):
        load(folder, validation_split=0.2, subset="training")
    last = load(folder, validation_split=0.2, subset="validation", shuffle=False)
    assert {os.path.basename(os.path.dirname(path)) for path in last.file_paths} == {"dogs"}


def test_claim_fit_takes_no_workers():
    assert not {"workers", "use_multiprocessing", "max_queue_size"} & names_of(keras.Model.fit)
    assert not any(hasattr(keras.Model, name) for name in ("fit_generator", "evaluate_generator", "predict_generator"))
