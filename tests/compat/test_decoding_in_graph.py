"""The graph of stateless draws: Pillow's pixels, or an error that names the file and the way out. No other pixels."""

import os
import re

import numpy as np
import pytest
import tensorflow as tf
from keras_regen.compat import ImageDataGenerator, to_dataset
from keras_regen.compat.data.decoding import Decoding, decode_with_pillow, load_batch
from keras_regen.compat.data.decoding_in_graph import decode_in_graph, paths_for_graph
from keras_regen.compat.data.tensorflow_decoders import FORMATS

from ..image_kinds import kinds, photo

MODES = ("rgb", "rgba", "grayscale")


def is_foreign(name, mode):
    """Whether TensorFlow decodes a kind of file to other pixels than Pillow, or not at all."""
    if name.split()[0] in ("gif", "tiff", "ppm", "icon", "sgi", "dds", "jpeg2000", "avif"):
        return True
    if mode == "rgba" and re.fullmatch(r"png (rgb|grey).*, marked.*", name):
        return True
    webp = ("webp animated", "webp alpha, animated") if "WEBP" in FORMATS else ("webp",)
    return name.startswith(("jpeg cmyk", "jpeg ycck", *webp)) or name in {
        *("png grey 16", "png rgb 16", "png rgb 16, marked", "png 16, interlaced"),
        *(f"png {channels} 16 of noise" for channels in ("grey", "rgb", "la", "rgba")),
        *("bmp one bit", "bmp run lengths", "bmp 1 bit", "bmp 4 bits", "bmp 16 bits", "bmp 16 bits, 565"),
        *("bmp 24 bits, OS/2", "bmp 32 bits, alpha"),
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """name -> path of a file of every kind. No ending tells what it is."""
    folder = tmp_path_factory.mktemp("kinds")
    for place, content in enumerate(kinds().values()):
        (folder / f"{place:03}.img").write_bytes(content)
    return {name: str(folder / f"{place:03}.img") for place, name in enumerate(kinds())}


@pytest.mark.parametrize("mode", MODES)
def test_every_kind_has_pillows_pixels_or_is_refused_by_name(mode, files):
    assert len(files) > 150
    foreign = [path for name, path in files.items() if is_foreign(name, mode)]
    known = {name: path for name, path in files.items() if path not in foreign}
    assert len(known) > 70
    decoding = Decoding(29, 37, mode)
    images, good = decode_in_graph(tf.constant([*known.values()]), decoding)
    assert good.numpy().all()
    wanted = load_batch([*known.values()], decoding, use_tensorflow=False)
    different = [name for name, a, b in zip(known, images.numpy(), wanted, strict=True) if not np.array_equal(a, b)]
    assert different == []
    for skip in (False, True):  # nothing is wrong with them, so that they are not left out
        with pytest.raises(tf.errors.InvalidArgumentError, match="let draws be replay") as raised:
            decode_in_graph(tf.constant([*files.values()]), decoding, skip)
        assert [path for path in files.values() if path in str(raised.value)] == foreign
    # The same routing where there is Python: Pillow takes the others.
    np.testing.assert_array_equal(
        load_batch([*files.values()], decoding, use_tensorflow=True),
        load_batch([*files.values()], decoding, use_tensorflow=False),
    )


@pytest.mark.filterwarnings("ignore:.*malformed MPO:UserWarning")  # of older versions of Pillow
def test_a_cut_jpeg_is_refused_where_pillow_refuses_it_and_where_its_end_is_missing(tmp_path):
    """With and without bytes behind: the end marker of a thumbnail, or of another image, is not that of the image.

    Pillow takes what may stand in for the last pixels of all, in a JPEG that is not progressive.
    """
    paths, ended = [], []
    for name in ("jpeg baseline", "jpeg progressive", "jpeg thumbnail", "jpeg grey", "jpeg restarts", "jpeg mpo"):
        content = kinds()[name]
        end = content.rindex(b"\xff\xd9") if name != "jpeg mpo" else content.index(b"\xff\xd9\xff\xd8")
        for cut in (*range(end - 4, end + 3), 2, 30, end // 2, end // 3):
            for behind in (b"", bytes(20), b"\xff", kinds()["jpeg grey"]):
                paths.append(str(tmp_path / f"{len(paths)}.jpg"))
                ended.append(cut >= end + 2 or behind == kinds()["jpeg grey"])
                (tmp_path / paths[-1]).write_bytes(content[:cut] + behind)
    decoding, errors = Decoding(9, 11), {}
    wanted = load_batch(paths, decoding, use_tensorflow=False, errors=errors)
    images, good = (result.numpy() for result in decode_in_graph(tf.constant(paths), decoding, skip=True))
    assert 50 < len(errors) < len(paths) - 50
    assert [i for i, fine in enumerate(good) if not fine] == [
        i for i in range(len(paths)) if i in errors or not ended[i]
    ]
    np.testing.assert_array_equal(images[good], wanted[good])
    assert not images[~good].any()


@pytest.mark.parametrize(
    ("interpolation", "mode"), [("bilinear", "rgb"), ("bicubic", "grayscale"), ("box", "grayscale"), ("lanczos", "rgb")]
)
def test_other_interpolations_are_close_and_warned_of(interpolation, mode, tmp_path):
    """Enlarging in one direction, and reducing in the other."""
    paths = [str(tmp_path / f"{name}.png") for name in ("astronaut", "coffee", "chelsea")]
    for path, name in zip(paths, ("astronaut", "coffee", "chelsea"), strict=True):
        photo((60, 40), name).save(path)
    decoding = Decoding(29, 50, mode, interpolation, keep_aspect_ratio=mode == "rgb")
    said = rf"interpolation='{interpolation}' with draws='stateless'.*draws='replay'"
    with pytest.warns(UserWarning, match=said):
        images, _ = decode_in_graph(tf.constant(paths_for_graph(paths, decoding)), decoding)
    difference = np.abs(images.numpy().astype(int) - load_batch(paths, decoding, use_tensorflow=False))
    assert difference.max() <= 2 * (interpolation != "box")
    assert difference.mean() < 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"interpolation": "hamming"}, r"interpolation='hamming' .*draws='replay'"),
        ({"interpolation": "bilinear", "color_mode": "rgba"}, r"interpolation='bilinear' with color_mode='rgba'"),
        ({"exif_transpose": True}, r"exif_transpose=True is Pillow's"),
        ({"decode": "fast"}, r"decode='fast' is Pillow's"),
    ],
)
def test_what_arguments_tell_is_refused_when_the_dataset_is_built(arguments, message, tmp_path):
    (tmp_path / "a").mkdir()
    photo().save(tmp_path / "a" / "1.png")
    flow = ImageDataGenerator().flow_from_directory(tmp_path, **arguments)
    with pytest.raises(ValueError, match=message):
        to_dataset(flow, draws="stateless")


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_what_endings_tell_is_refused_when_the_dataset_is_built(on_error, tmp_path):
    (tmp_path / "a").mkdir()
    for k in range(3):
        photo().save(tmp_path / "a" / f"{k}.png")
    photo().save(tmp_path / "a" / "4.TIF", "JPEG")
    (tmp_path / "a" / "5.tif").write_bytes(b"no image")
    flow = lambda: ImageDataGenerator().flow_from_directory(  # noqa: E731
        tmp_path, target_size=(9, 9), class_mode=None, on_error=on_error
    )
    if on_error == "skip":  # a JPEG is a JPEG, and what is broken shows when it is read
        assert sum(len(x) for x in to_dataset(flow(), draws="stateless")) == 4
    photo().save(tmp_path / "a" / "6.tif")
    message = r"reads JPEG, PNG, BMP and WebP. Received: .*6\.tif, in TIFF, among 3 of 6 .*draws='replay'"
    with pytest.raises(ValueError, match=message):
        to_dataset(flow(), draws="stateless")


def test_what_is_skipped_is_what_is_wrong_with_a_file(tmp_path, capfd):
    good, odd = tmp_path / "good [1].png", os.fsencode(tmp_path) + b"/\xff*.png"
    for path in (good, odd):
        photo().save(path)
    whole = good.read_bytes()
    for name, content in {"text": b"no image", "empty": b"", "cut": whole[:-30], "short": whole[:25]}.items():
        (tmp_path / name).write_bytes(content)
    bad = [tmp_path / name for name in ("text", "empty", "cut", "short", "absent", "text/below")]
    paths = [os.fsencode(path) for path in (good, *bad, odd)]
    images, fine = decode_in_graph(tf.constant(paths), Decoding(8, 8), skip=True)
    assert fine.numpy().tolist() == [True] + [False] * len(bad) + [True]
    np.testing.assert_array_equal(images[-1], decode_with_pillow(odd, Decoding(8, 8)))
    assert not images[1:-1].numpy().any()
    printed = capfd.readouterr().err
    assert all(str(path) in printed for path in bad)
    with pytest.raises(tf.errors.NotFoundError, match="absent; No such file or directory"):
        decode_in_graph(tf.constant(paths), Decoding(8, 8))
    with pytest.raises(tf.errors.OpError, match=r"absent://bucket/1\.png"):  # nobody knows whether such a place answers
        decode_in_graph(tf.constant(["absent://bucket/1.png"]), Decoding(8, 8), skip=True)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user whom modes keep out")
def test_a_file_that_is_not_permitted_is_an_error_in_a_graph(tmp_path):
    photo().save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(tf.errors.PermissionDeniedError, match=r"a\.png"):
        decode_in_graph(tf.constant([str(tmp_path / "a.png")]), Decoding(8, 8), skip=True)
