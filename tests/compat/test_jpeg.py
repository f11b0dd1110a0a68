"""JPEGs by simplejpeg against Pillow: photographs, all kinds of files, and broken ones."""

import io
import sys

import numpy as np
import pytest
from keras_regen.compat import ImageDataGenerator, to_dataset, to_device
from keras_regen.compat.data import decoding as decoding_module
from keras_regen.compat.data import jpeg
from keras_regen.compat.data.decoding import Decoding, decode_with_pillow, load_batch
from keras_regen.compat.data.jpeg import nearest_pixels
from keras_regen.compat.image import batches
from PIL import Image

from ..broken_images import mutated
from ..image_kinds import kinds, photo

pytest.importorskip("simplejpeg")
SIZE = (29, 37)
SCALED = (14, 18)
"""To which the photographs are scaled down by two first, with decode="fast"."""
LEFT_TO_PILLOW = {
    *("jpeg cmyk", "jpeg cmyk photo", "jpeg ycck", "jpeg cmyk, zeros behind"),
    *("jpeg grey", "jpeg grey progressive", "jpeg grey, sampled"),
    "jpeg 4:1:0 upright",  # of which libjpeg says that its data end too early
}


def outcome(content, may_be_whole, decoder, size):
    """The image of a size, or the kind of the error and what it says; and whether the image came in another size."""
    try:
        image = decode_with_pillow("file", Decoding(*size, decoder=decoder), content, may_be_whole)
    except Exception as error:
        return (type(error), str(error)), False
    rows, columns = (nearest_pixels(*pair) for pair in zip(image.shape[:2], size, strict=True))
    return image[rows[:, None], columns], image.shape[:2] != size


def assert_same(content, what, decoder="pillow", size=SIZE):
    """And return whether simplejpeg was used."""
    (got, used), (want, _) = (outcome(content, may_be_whole, decoder, size) for may_be_whole in (True, False))
    assert type(got) is type(want), what
    np.testing.assert_equal(got, want, err_msg=what)
    return used


@pytest.mark.parametrize("decoder", ["pillow", "fast"])
@pytest.mark.parametrize("size", [SIZE, SCALED], ids=str)
def test_every_kind_of_file(decoder, size):
    used = {name for name, content in kinds().items() if assert_same(content, name, decoder, size)}
    assert used == {name for name in kinds() if name.startswith("jpeg ")} - LEFT_TO_PILLOW


def test_scaled_down_as_pillow_does():
    """Photographs of many sizes, down to a few pixels, at which several scales have the same size."""
    rng, scales = np.random.RandomState(0), set()
    small = [(length, length) for length in range(1, 20) for _ in range(3)]
    for number, (width, height) in enumerate([*small, *np.exp(rng.uniform(1, np.log(300), (99, 2))).astype(int)]):
        size = tuple(max(1, int(length) // 2 ** (number % 4)) for length in (height, width))
        file = io.BytesIO()
        noise = rng.randint(0, 256, (height, width, 3)).astype("uint8")
        image = Image.fromarray(noise) if width < 20 else photo((int(width), int(height)))
        image.save(file, "JPEG", subsampling=number % 3, progressive=bool(number % 2))
        if assert_same(file.getvalue(), f"{width}x{height} to {size}", "fast", size):
            image = decode_with_pillow("file", Decoding(*size, decoder="fast"), file.getvalue(), may_be_whole=True)
            scales.add(-(-height // image.shape[0]))
    assert scales == {2, 4, 8}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("decoder", ["pillow", "fast"])
def test_broken_files(decoder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2_000_000)
    rng, used = np.random.RandomState(0), 0
    plain = [content for name, content in kinds().items() if name.startswith("jpeg ")]
    for number in range(900):
        content = bytearray(plain[rng.randint(len(plain))])
        match number % 3:
            case 0:
                for _ in range(rng.randint(1, 4)):
                    content[rng.randint(len(content))] = rng.randint(256)
            case 1:
                content = content[: rng.randint(2, len(content))]
            case 2:  # another process of coding, which the one may know and the other not
                frames = [i for i in range(len(content) - 1) if content[i] == 0xFF and content[i + 1] & 0xF0 == 0xC0]
                content[frames[rng.randint(len(frames))] + 1] = 0xC0 + rng.randint(16)
        used += assert_same(bytes(content), f"number {number}", decoder, SCALED)
    for number in range(900):
        form, what, content = mutated(3, number)
        used += form == "jpeg" and assert_same(content, f"{number}, {what}", decoder, SCALED)
    assert used > 100


def test_nearest_pixels_are_those_of_pillow():
    rng = np.random.RandomState(0)
    for _ in range(40):
        (height, width), (h, w) = rng.randint(1, 700, 2), rng.randint(1, 300, 2)
        image = rng.randint(0, 256, (height, width, 3)).astype("uint8")
        want = np.asarray(Image.fromarray(image).resize((w, h), Image.Resampling.NEAREST))
        taken = image[nearest_pixels(int(height), int(h))[:, None], nearest_pixels(int(width), int(w))]
        np.testing.assert_array_equal(taken, want)


@pytest.mark.parametrize(
    "other",
    [
        *({"color_mode": "rgba"}, {"color_mode": "grayscale"}, {"interpolation": "bilinear"}),
        *({"keep_aspect_ratio": True}, {"exif_transpose": True}),
    ],
    ids=str,
)
def test_what_else_is_asked_is_left_to_pillow(other, tmp_path):
    photo().save(tmp_path / "a.jpg")
    assert decode_with_pillow(tmp_path / "a.jpg", Decoding(*SIZE), may_be_whole=True).shape == (48, 64, 3)
    decoding = Decoding(*SIZE, **other)
    np.testing.assert_array_equal(
        decode_with_pillow(tmp_path / "a.jpg", decoding, may_be_whole=True),
        decode_with_pillow(tmp_path / "a.jpg", decoding),
    )


@pytest.fixture
def folder(tmp_path):
    for i in range(7):
        (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        photo((60 + 9 * i, 40 + 5 * i), ("astronaut", "coffee")[i % 2]).save(tmp_path / "ab"[i % 2] / f"{i}.jpg")
    photo((31, 30)).save(tmp_path / "a" / "other.png")
    (tmp_path / "b" / "broken.jpg").write_bytes((tmp_path / "b" / "1.jpg").read_bytes()[:500])
    return tmp_path


@pytest.fixture
def decoded(monkeypatch):
    """How many images simplejpeg decoded."""
    counted = []
    decode = jpeg._decoder()

    def counting(content, **options):
        pixels = decode(content, **options)
        counted.append(pixels.shape)
        return pixels

    monkeypatch.setattr(jpeg, "_decoder", lambda: counting)
    monkeypatch.setattr(batches, "COMPILE_AFTER_SECONDS", 0.0)
    return counted


def test_flows_of_photographs_of_many_sizes(folder, decoded, monkeypatch):
    """`next` and `to_dataset`, with numba: the same batches to the bit as when Pillow decodes."""
    pytest.importorskip("numba")

    def flow(**options):
        generator = ImageDataGenerator(rotation_range=40, shear_range=9, horizontal_flip=True, rescale=1 / 255)
        found = generator.flow_from_directory(
            folder, target_size=(50, 45), batch_size=3, seed=5, on_error="skip", verbose=False, **options
        )
        return found

    with monkeypatch.context() as patched:
        patched.setattr(jpeg, "_decoder", lambda: None)
        it = flow()
        want = [next(it) for _ in range(len(it))]
    assert not decoded
    it = flow()
    got = [next(it) for _ in range(len(it))]
    assert len(set(decoded)) == 7
    made = [(x.numpy(), y.numpy()) for x, y in to_dataset(flow())]
    assert len(decoded) == 14
    for batch, other, wanted in zip(got, made, want, strict=True):
        for mine in (batch, other):
            np.testing.assert_array_equal(mine[0], wanted[0])
            np.testing.assert_array_equal(mine[1], wanted[1])


@pytest.mark.parametrize("ways", ["to_device", "brightness"])
def test_datasets_that_only_resize(ways, folder, decoded, monkeypatch):
    """Where the device or XLA transforms: the same batches to the bit as when Pillow decodes."""
    pytest.importorskip("numba")
    generator = ImageDataGenerator(rotation_range=40, brightness_range=(0.5, 2) if ways == "brightness" else None)

    def made():
        options = {"target_size": (50, 45), "batch_size": 3, "seed": 5, "on_error": "skip", "verbose": False}
        flow = generator.flow_from_directory(folder, **options)
        dataset = to_device(flow)[0] if ways == "to_device" else to_dataset(flow)
        return [[x["images"] if isinstance(x, dict) else x, y] for x, y in dataset.as_numpy_iterator()]

    got = made()
    assert len(decoded) == 7
    with monkeypatch.context() as patched:
        patched.setattr(jpeg, "_decoder", lambda: None)
        want = made()
    assert len(decoded) == 7 and sum(len(x) for x, _ in got) == 8
    for batch, wanted in zip(got, want, strict=True):
        for mine, of_pillow in zip(batch, wanted, strict=True):
            np.testing.assert_array_equal(mine, of_pillow)


def test_on_many_cores_too(folder, decoded, monkeypatch):
    """Where TensorFlow decodes everything else."""
    asked = []
    monkeypatch.setattr(decoding_module, "agreeing_formats", lambda: asked.append(None) or ())
    images = {}
    paths = [folder / "a" / "0.jpg", folder / "a" / "2.jpg"]
    load_batch(paths, Decoding(*SIZE), use_tensorflow=True, then=images.__setitem__)
    assert len(decoded) == 2 and not asked
    load_batch([*paths, folder / "a" / "other.png"], Decoding(*SIZE), use_tensorflow=True, then=images.__setitem__)
    load_batch(paths, Decoding(*SIZE), use_tensorflow=True)
    assert len(asked) == 2


@pytest.fixture
def anew(monkeypatch):
    """Whether simplejpeg is there, and agrees, is asked anew."""
    jpeg._decoder.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    jpeg._decoder.cache_clear()


def test_other_pixels_leave_it_to_pillow_with_one_warning(anew):
    simplejpeg = sys.modules["simplejpeg"]
    decode = simplejpeg.decode_jpeg
    anew.setattr(simplejpeg, "decode_jpeg", lambda *content, **options: decode(*content, **options) // 2 * 2)
    file = io.BytesIO()
    photo().save(file, "JPEG")
    with pytest.warns(RuntimeWarning, match=r"simplejpeg .* decode the same JPEG to different pixels") as warned:
        for _ in range(2):
            assert not assert_same(file.getvalue(), "")
    assert len(warned) == 1


def test_without_simplejpeg(anew):
    anew.setitem(sys.modules, "simplejpeg", None)
    file = io.BytesIO()
    photo().save(file, "JPEG")
    assert not assert_same(file.getvalue(), "")
    assert not jpeg.decodes(["a.jpg"])


def test_a_simplejpeg_that_cannot_be_imported_is_told_of_once(anew):
    class Broken:
        def find_spec(self, name, *_):
            if name == "simplejpeg":
                raise ImportError("built for another NumPy")

    anew.delitem(sys.modules, "simplejpeg")
    anew.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.warns(
        RuntimeWarning, match="does without simplejpeg, which is slower: built for another NumPy"
    ) as warned:
        for _ in range(2):
            assert not jpeg.decodes(["a.jpg"])
    assert len(warned) == 1
