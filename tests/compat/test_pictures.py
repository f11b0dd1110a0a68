"""`preview` and `compare`: the pixels in the pictures are those that they say they are."""

import errno
import io
import sys

import keras
import numpy as np
import pytest
from keras.src.legacy.preprocessing import image as legacy
from keras_regen import layers
from keras_regen.compat import ImageDataGenerator, compare, pictures, preview
from keras_regen.compat.command_line import main
from PIL import Image

pytest.importorskip("matplotlib")

ARGUMENTS = {"rotation_range": 30, "width_shift_range": 0.2, "zoom_range": 0.2, "horizontal_flip": True}


@pytest.fixture
def images(photos):
    return np.stack([photo[100:132, 100:132] for photo in photos])


def pixels(figure, columns):
    cells = [np.asarray(ax.images[0].get_array()) for ax in figure.axes]
    return [cells[k : k + columns] for k in range(0, len(cells), columns)]


def captions(figure, columns):
    texts = [" ".join(ax.get_xlabel().split()) for ax in figure.axes]
    return [texts[k : k + columns] for k in range(0, len(texts), columns)]


@pytest.mark.parametrize("module", [legacy, None])
def test_preview_of_a_generator(images, module):
    generator = (module.ImageDataGenerator if module else ImageDataGenerator)(**ARGUMENTS)
    np.random.seed(11)
    figure = preview(generator, images, rows=3, columns=4, seed=5)
    assert np.random.random() == np.random.RandomState(11).random()
    grid, texts = pixels(figure, 4), captions(figure, 4)
    assert len(grid) == 3
    for k in range(3):
        np.random.seed(5 + k)
        for i in range(3):
            row = generator.get_random_transform((32, 32, 3))
            want = generator.apply_transform(images[i].astype("float32"), row) / 255
            np.testing.assert_allclose(grid[i][1 + k], want, atol=1e-6)
            words = texts[i][1 + k].split(", ")
            assert f"θ {row['theta']:.3g}" in words
            assert f"zx {row['zx']:.3g}" in words
            assert ("flip h" in words) == row["flip_horizontal"]
            assert not any(word.startswith(("shear", "tx", "flip v", "channel", "brightness")) for word in words)
    np.testing.assert_allclose([row[0] for row in grid], images[:3] / 255)
    assert {row[0] for row in texts} == {""}


def test_preview_of_an_iterator(jpeg_directory):
    generator = ImageDataGenerator(**ARGUMENTS, rescale=1 / 255)
    iterator = generator.flow_from_directory(jpeg_directory, target_size=(24, 20), seed=3)
    before = dict(vars(iterator))
    grid = pixels(preview(iterator, rows=2, columns=3), 3)
    assert vars(iterator) == before
    for row, path in zip(grid, (iterator.filepaths[0], iterator.filepaths[-1]), strict=True):
        want = keras.utils.img_to_array(keras.utils.load_img(path, target_size=(24, 20))) / 255
        np.testing.assert_allclose(row[0], want, atol=1e-6)
        assert all(np.abs(version - want).max() > 0.01 for version in row[1:])
        assert all(0.02 < version.max() <= 1 for version in row[1:])


def test_preview_of_arrays_of_another_library(images):
    iterator = legacy.ImageDataGenerator(data_format="channels_first", zoom_range=0.3).flow(
        images.transpose(0, 3, 1, 2), seed=1
    )
    grid = pixels(preview(iterator, rows=4, columns=2), 2)
    np.testing.assert_allclose([row[0] for row in grid], images / 255, atol=1e-6)
    assert grid[0][1].shape == (32, 32, 3)


@pytest.mark.parametrize("pipeline", [True, False])
def test_preview_of_a_layer(images, pipeline):
    layer = layers.RandomAffine(rotation=30, horizontal_flip=True)
    if pipeline:
        layer = layers.Pipeline([layer, layers.RandomBrightness(0.3), keras.layers.Rescaling(1 / 255)])
    figure = preview(layer, images, columns=3, seed=7)
    grid, texts = pixels(figure, 3), captions(figure, 3)
    for k in range(2):
        want = keras.ops.convert_to_numpy(layer(images.astype("float32"), seed=7 + k))
        np.testing.assert_allclose([row[1 + k] for row in grid], want if pipeline else want / 255, atol=1e-5)
        assert all(row[1 + k].startswith("θ ") and ("brightness" in row[1 + k]) == pipeline for row in texts)
        assert not any("height" in row[1 + k] for row in texts)


def test_other_values_are_stretched(images):
    grey = images[..., :1]
    grid = pixels(preview(ImageDataGenerator(samplewise_center=True), grey, columns=2), 2)
    centred = grey[..., 0] - grey.mean(axis=(1, 2, 3), keepdims=True)[..., 0]
    want = (centred - centred.min()) / (centred.max() - centred.min())
    np.testing.assert_allclose([row[1] for row in grid], want, atol=1e-5)


def test_compare(images):
    theirs, mine = legacy.ImageDataGenerator(**ARGUMENTS), ImageDataGenerator(**ARGUMENTS)
    np.random.seed(11)
    figure = compare(theirs, mine, images, seed=2)
    assert np.random.random() == np.random.RandomState(11).random()
    assert "max 0," in figure.get_suptitle() or float(figure.get_suptitle().split("max ")[1].split(",")[0]) < 1e-3
    darker = ImageDataGenerator(**ARGUMENTS, rescale=0.9)
    figure = compare(mine, darker, images, rows=2, seed=2)
    grid = pixels(figure, 3)
    for i, (left, right, apart) in enumerate(grid):
        np.testing.assert_allclose(right, 0.9 * left, atol=1e-6)
        np.testing.assert_allclose(apart, left / max(row[0].max() for row in grid), atol=1e-5)
        want = 255 * 0.1 * left
        assert figure.axes[3 * i + 2].get_title() == f"max {want.max():.3g}, mean {want.mean():.3g}"
    largest = 255 * 0.1 * max(row[0].max() for row in grid)
    assert f"max {largest:.3g}, " in figure.get_suptitle()
    assert f"drawn {255 / largest:.3g} times as strong" in figure.get_suptitle()
    assert [ax.get_title() for ax in figure.axes[:2]] == ["ImageDataGenerator", "ImageDataGenerator"]


def test_compare_gives_a_layer_the_rows_of_a_generator(images):
    generator = ImageDataGenerator(**ARGUMENTS, channel_shift_range=20, rescale=1 / 255)
    for sources in ((generator, generator.to_layers()), (generator.to_layers(), generator)):
        grid = pixels(compare(*sources, images), 3)
        for left, right, _ in grid:
            np.testing.assert_allclose(left, right, atol=2e-3)
        assert max(np.abs(row[0] - image / 255).max() for row, image in zip(grid, images, strict=True)) > 0.1
    other = pixels(compare(layers.RandomRotation(30), layers.RandomAffine(rotation=30), images), 3)
    assert max(apart.max() for _, _, apart in other) == 0
    scaled = compare(keras.layers.Rescaling(1 / 255), keras.layers.RandomFlip("horizontal", seed=1), images)
    np.testing.assert_allclose(pixels(scaled, 3)[0][0], images[0] / 255 / 255, atol=1e-6)


def test_a_file_and_no_pyplot(images, tmp_path):
    loaded = "matplotlib.pyplot" in sys.modules
    preview(ImageDataGenerator(**ARGUMENTS), images, path=tmp_path / "preview.png")
    compare(ImageDataGenerator(), ImageDataGenerator(), images, path=tmp_path / "compare.png")
    for name in ("preview.png", "compare.png"):
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 300
    assert ("matplotlib.pyplot" in sys.modules) == loaded


def test_a_file_that_cannot_be_written_is_named(images, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")  # without its name, as matplotlib has it

    from keras_regen.compat import picture

    monkeypatch.setattr(picture.Picture, "savefig", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*full\.png'"):
        preview(ImageDataGenerator(), images, path=tmp_path / "full.png")


def test_a_notebook_shows_the_picture(images):
    for figure in (preview(ImageDataGenerator(**ARGUMENTS), images), compare(*[ImageDataGenerator()] * 2, images)):
        shown = np.asarray(Image.open(io.BytesIO(figure._repr_png_())))
        assert shown.shape[0] > 300 and shown.std() > 10


def test_errors(images, monkeypatch):
    generator = ImageDataGenerator(**ARGUMENTS)
    with pytest.raises(TypeError, match="`images` must be given for a ImageDataGenerator"):
        preview(generator)
    with pytest.raises(TypeError, match=r"`images` are those of the iterator, .* NumpyArrayIterator"):
        preview(generator.flow(images), images)
    with pytest.raises(TypeError, match=r"must be an ImageDataGenerator or a layer. Received: int"):
        preview(3, images)
    with pytest.raises(TypeError, match=r"must be an ImageDataGenerator or a layer. Received: int"):
        compare(generator, 3, images)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'keras-regen\[matplotlib\]'"):
        preview(generator, images)


def test_the_command(jpeg_directory, tmp_path, capsys, monkeypatch):
    """The picture is that of `preview` for the first call in the code, which is not run."""
    seen = []
    monkeypatch.setattr(pictures, "_saved", lambda figure, path: seen.append((figure, path)))
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit\nd = ImageDataGenerator(rotation_range=40, zoom_range=scale)\n")
    options = ["--size", "24", "20", "--rows", "2", "--columns", "3", "--seed", "7", "--output", "out.png"]
    assert main(["preview", str(jpeg_directory), str(script), *options]) == 0
    printed = capsys.readouterr()
    assert printed.out == "out.png: ImageDataGenerator(rotation_range=40, zoom_range=scale)\n"
    assert printed.err == "Left out, because it is no value in the code: `zoom_range=scale`.\n"
    (figure, path) = seen.pop()
    assert path == "out.png"
    flow = ImageDataGenerator(rotation_range=40).flow_from_directory(jpeg_directory, target_size=(24, 20))
    preview(flow, rows=2, columns=3, seed=7)
    for row, expected in zip(pixels(figure, 3), pixels(seen.pop()[0], 3), strict=True):
        np.testing.assert_array_equal(row, expected)


def test_the_command_writes_a_file_and_says_what_is_wrong(jpeg_directory, tmp_path, capsys, monkeypatch):
    output, folder = str(tmp_path / "picture.png"), str(jpeg_directory)
    call = "ImageDataGenerator(horizontal_flip=True)"
    assert main(["preview", folder, call, "--output", output, "--rows", "1", "--columns", "2", "--size", "8", "8"]) == 0
    with Image.open(output) as picture:
        assert min(picture.size) > 100
    capsys.readouterr()
    (tmp_path / "empty").mkdir()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for arguments, message in {
        (folder, "nothing"): "There is no call of ImageDataGenerator in the code.",
        (folder, "ImageDataGenerator(zoom_range='wide')"): "the code, line 1: `zoom_range`",
        (folder, "ImageDataGenerator(turns=3)"): "the code, line 1: ",
        (str(tmp_path / "absent"), call): "absent",
        (folder, call): "pip install 'keras-regen[matplotlib]'",
    }.items():
        assert main(["preview", *arguments]) == 1
        assert message in capsys.readouterr().err
    with pytest.warns(UserWarning, match="No image was found"):
        assert main(["preview", str(tmp_path / "empty"), call]) == 1
    assert "`directory` must hold folders of images" in capsys.readouterr().err
