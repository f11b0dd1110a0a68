"""A short form of `python -m tests.fuzz`: broken files end in an image or in an error that names them."""

import itertools
import traceback

import numpy as np
import pytest
import tensorflow as tf
from keras_regen.compat.data.decoding import Decoding, decode_with_pillow, load_batch
from keras_regen.compat.data.decoding_in_graph import decode_in_graph
from PIL import Image

from ..broken_images import fields, mutated, originals
from ..fuzz import BATCH, PILLOW_S, Native, check_batch, decode_all, decode_one, fault, ways

SEED = 1
SMALL = 2_000_000  # pixels: headers that lie shall cost an error, not seconds


@pytest.fixture
def low_limit(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", SMALL)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "batches",
    # Each of one colour mode, so that one graph of each kind is built.
    [range(1), *[pytest.param(range(first, 12, 3), marks=pytest.mark.slow) for first in range(3)]],
    ids=str,
)
def test_an_image_or_an_error_that_names_the_file(batches, tmp_path, low_limit, monkeypatch):
    """And TensorFlow's pixels are Pillow's, and skipping leaves out exactly what raises otherwise."""
    by_tensorflow, faults, images = Native(monkeypatch.setattr), [], 0
    for batch in batches:
        in_graph = {way: of for way, of in ways(batch).items() if of[1] == "graph"}
        one_by_one = {way: of for way, of in ways(batch).items() if way not in in_graph}
        paths, whats, alone = [], [], {way: [] for way in ways(batch)}
        for number in range(batch * BATCH, (batch + 1) * BATCH):
            form, what, content = mutated(SEED, number)
            path = tmp_path / f"{number}.{form}"
            path.write_bytes(content)
            paths.append(str(path))
            whats.append(what)
            for way, (decoding, how) in one_by_one.items():
                by_tensorflow()
                got = decode_one(paths[-1], decoding, how)
                alone[way].append(got)
                if way == "TensorFlow":
                    promised = by_tensorflow() and isinstance(got, np.ndarray)
                native = way in PILLOW_S or (way == "TensorFlow" and promised)
                wrong = fault(paths[-1], got, native, alone["Pillow"][-1])
                faults += [f"{way}: {path}, {what}: {wrong}"] * (wrong is not None)
        for way, (decoding, _) in in_graph.items():
            alone[way] = decode_all(paths, decoding)
            for path, what, got, reference in zip(paths, whats, alone[way], alone["Pillow"], strict=True):
                wrong = fault(path, got, way == "graph", reference)
                faults += [f"{way}: {path}, {what}: {wrong}"] * (wrong is not None)
        faults += check_batch(paths, one_by_one, alone)
        images += sum(isinstance(got, np.ndarray) for got in itertools.chain(*alone.values()))
    assert not faults, "\n".join(faults)
    assert images > 60 * len(batches)  # of 400 each: not everything is beyond reading


@pytest.mark.parametrize("form", ["jpeg", "png", "bmp", "gif", "webp", "tiff"])
def test_the_originals_are_good(form, tmp_path):
    """What is mutated is an image at first, and its fields are where the sizes are."""
    for (kind, name), content in originals().items():
        if kind == form:
            (tmp_path / "a").write_bytes(content)
            decode_with_pillow(tmp_path / "a", Decoding(8, 8))
            if (form, name) not in {("webp", "lossless"), ("webp", "lossless alpha")}:  # packed into one number
                with Image.open(tmp_path / "a") as image:
                    width_and_height = {field.read(content) for field in fields(kind, name)[0]}
                    assert {image.width, image.height} <= width_and_height | {value + 1 for value in width_and_height}


# What the long runs found, and what a closer look at it did.


def refusals(paths, decoding):
    """By way of decoding, whether each file was refused, by name."""
    errors = {}
    load_batch(paths, decoding, errors=errors)
    assert all(str(paths[i]) in str(error) for i, error in errors.items())
    _, good = decode_in_graph(tf.constant([*map(str, paths)], tf.string), decoding, skip=True)
    return [i in errors for i in range(len(paths))], [*~good.numpy()]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("decoder", ["pillow", "keras"])
def test_bombs_that_do_not_look_it(decoder, tmp_path, monkeypatch):
    image, paths, decoding = Image.new("RGB", (300, 200)), [], Decoding(8, 8, decoder=decoder)
    for name, options in {
        "lossy.webp": {},
        "lossless.webp": {"lossless": True},
        "canvas.webp": {"exif": b"Exif\0\0"},
        "plain.gif": {},
        "commented.gif": {"comment": b"x" * 600},
    }.items():
        if name.endswith("webp") and not hasattr(tf.io, "decode_webp"):
            continue  # an older TensorFlow, which refuses them all
        if name.endswith("gif") and decoder == "pillow":
            continue  # which a graph leaves to Pillow, whatever their size
        paths.append(tmp_path / name)
        image.save(paths[-1], **options)
        if name.endswith("gif"):  # a screen smaller than the frame on it
            content = paths[-1].read_bytes()
            paths[-1].write_bytes(content[:6] + b"\4\0\4\0" + content[10:])
    for limit, refused in ((30_000, False), (29_999, True)):  # Pillow refuses at twice the limit
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        assert refusals(paths, decoding) == ([refused] * len(paths), [refused] * len(paths))


@pytest.mark.parametrize("decoder", ["pillow", "keras"])
def test_what_pillow_does_not_know_and_tiny_files_of_half_a_billion_pixels(decoder, tmp_path):
    """JPEG XL, whose size is not at a fixed place, and a grey JPEG, for which TensorFlow takes 1.6 GB."""
    large = bytearray(originals()["jpeg", "grey"])
    for field, size in zip(fields("jpeg", "grey")[0], (8_000, 65_000), strict=False):
        field.write(large, size)
    contents = b"\xff\x0a" + bytes(50), b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), large
    paths = [tmp_path / f"{i}.jpg" for i in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    assert refusals(paths, Decoding(8, 8, decoder=decoder)) == ([True] * 3, [True] * 3)


def test_every_file_of_a_batch_is_named(tmp_path, capfd):
    paths = [str(tmp_path / f"{i}.png") for i in range(20)]
    for path in paths:
        (tmp_path / path).write_bytes(b"no image")
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        decode_in_graph(tf.constant(paths), Decoding(8, 8))
    decode_in_graph(tf.constant(paths), Decoding(8, 8), skip=True)
    printed = capfd.readouterr().err
    assert all(path in str(raised.value) and path in printed for path in paths)


def test_an_error_keeps_no_image_alive(tmp_path):
    """A batch of small files that say that they are large took as much memory as all of them at once."""
    (tmp_path / "a.png").write_bytes(originals()["png", "large"][:-100])
    errors = {}
    load_batch([tmp_path / "a.png"], Decoding(8, 8), use_tensorflow=False, errors=errors)
    error = errors[0]
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            assert not any(isinstance(value, Image.Image) for value in frame.f_locals.values())
        error = error.__cause__ or error.__context__
