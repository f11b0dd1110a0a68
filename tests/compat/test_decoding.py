"""Every file is decoded to exactly the pixels of `load_img` and `img_to_array`, by whichever route, or raises and says
which file."""

import io
import os
import re
import subprocess
import sys
import threading
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras_regen.compat.data import decoding as module
from keras_regen.compat.data import tensorflow_decoders
from keras_regen.compat.data.decoding import Decoding, decode_with_pillow, load_batch
from keras_regen.compat.data.decoding_in_graph import decode_in_graph
from keras_regen.compat.data.tensorflow_decoders import FORMATS
from PIL import Image, UnidentifiedImageError

from ..image_kinds import photo
from ..png_files import write_png

MODES = ("rgb", "rgba", "grayscale")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
SIZE = (67, 45)  # width, height of most files


def reference(path, decoding):
    image = keras.utils.load_img(
        path,
        color_mode=decoding.color_mode,
        target_size=(decoding.height, decoding.width),
        interpolation=decoding.interpolation,
        keep_aspect_ratio=decoding.keep_aspect_ratio,
    )
    return keras.utils.img_to_array(image, data_format="channels_last")


def make_jpegs(folder):
    rgb = photo(SIZE)
    saved = {
        "orientation.jpg": (rgb, {"exif": exif_orientation(6)}),
        "progressive.jpg": (rgb, {"progressive": True, "quality": 70}),
        "optimized.jpeg": (rgb, {"optimize": True}),
        "grey.jpg": (rgb.convert("L"), {}),
        "grey progressive.jpg": (rgb.convert("L"), {"progressive": True}),
        "keep_rgb.jpg": (rgb, {"keep_rgb": True}),
        "restart.jpg": (rgb, {"restart_marker_blocks": 3}),
        "restart_rows.jpg": (rgb, {"restart_marker_rows": 1, "progressive": True}),
        "icc.jpg": (rgb, {"icc_profile": b"x" * 70_000}),
        "UPPER.JPG": (rgb, {}),
        "with space.jpg": (rgb, {}),
        "smörgås 图像.jpg": (rgb, {}),
        "1x1.jpg": (photo((1, 1)), {}),
        "1x37.jpg": (photo((37, 1)), {}),
        "tall.jpg": (photo((13, 301), "coffee"), {}),
        "500x375.jpg": (photo((500, 375), "chelsea"), {"quality": 90}),
        "dark.jpg": (photo(SIZE, "rocket"), {}),
    }
    for subsampling in (0, 1, 2):
        for quality in (1, 30, 75, 95, 100):
            saved[f"s{subsampling}q{quality}.jpg"] = (photo((61, 47)), {"quality": quality, "subsampling": subsampling})
    for name, (image, options) in saved.items():
        image.save(folder / name, "JPEG", **options)
    return list(saved)


def exif_orientation(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def make_pngs(folder):
    """Returns the names of all, and of those in which a colour is marked as transparent."""
    rgb = photo(SIZE)
    alpha = Image.fromarray(np.tile(np.linspace(0, 255, SIZE[0]).astype("uint8"), (SIZE[1], 1)))
    rgba = rgb.copy()
    rgba.putalpha(alpha)
    value = rgb.getpixel((5, 5))
    saved = {
        "rgb.png": (rgb, {}),
        "rgb best.png": (rgb, {"compress_level": 9, "dpi": (300, 300)}),
        "grey.png": (rgb.convert("L"), {}),
        "grey1.png": (rgb.convert("1"), {}),
        "rgb_trns.png": (rgb, {"transparency": value}),
        "grey_trns.png": (rgb.convert("L"), {"transparency": rgb.convert("L").getpixel((5, 5))}),
        "rgba.png": (rgba, {}),
        "la.png": (rgba.convert("LA"), {}),
    }
    for name, (image, options) in saved.items():
        image.save(folder / name, **options)
    noise = np.random.RandomState(0).randint(0, 256, (19, 16)).astype("uint8")
    for depth in (2, 4):
        write_png(folder / f"grey{depth}.png", noise, depth, 0)
        write_png(folder / f"grey{depth}_trns.png", noise, depth, 0, [(b"tRNS", b"\0\1")])
    names = [*saved, "grey2.png", "grey4.png", "grey2_trns.png", "grey4_trns.png"]
    return names, [name for name in names if "trns" in name]


def make_others(folder):
    """Returns the names of all, and of those that Pillow must decode."""
    rgb, grey = photo(SIZE), photo(SIZE).convert("L")
    deep = np.asarray(grey).astype("uint16") * 257 + 3
    noise = np.random.RandomState(1).randint(0, 256, (23, 31, 3)).astype("uint8")
    palette = rgb.quantize(17)
    saved = {
        "cmyk.jpg": (rgb.convert("CMYK"), {}),
        "palette.png": (rgb.convert("P"), {}),
        "palette17.png": (palette, {}),
        "palette_trns.png": (palette, {"transparency": bytes(range(0, 170, 10))}),
        "palette_trns1.png": (palette, {"transparency": 3}),
        "palette2.png": (rgb.quantize(2), {}),
        "grey16.png": (Image.fromarray(deep), {}),
        "rgb.bmp": (rgb, {}),
        "grey.bmp": (grey, {}),
        "one.bmp": (rgb.convert("1"), {}),
        "rgb.ppm": (rgb, {}),
        "grey.pgm": (grey, {}),
        "rgb.tif": (rgb, {"compression": "tiff_lzw"}),
        "grey16.tif": (Image.fromarray(deep), {}),
        "grey32.tif": (Image.fromarray(deep.astype("int32") * 99), {}),
        "float.tif": (Image.fromarray(np.asarray(grey).astype("float32") * 1.7), {}),
        "rgb.gif": (palette, {}),
        **({"rgb.webp": (rgb, {"lossless": True})} if "WEBP" in FORMATS else {}),
    }
    for name, (image, options) in saved.items():
        image.save(folder / name, **options)
    height, width = deep.shape
    (folder / "grey16.pgm").write_bytes(b"P5 %d %d 65535\n" % (width, height) + deep.astype(">u2").tobytes())
    # YCCK: four components and an Adobe segment that says so.
    ycck = (folder / "cmyk.jpg").read_bytes()
    at = ycck.index(b"Adobe") + 11
    (folder / "ycck.jpg").write_bytes(ycck[:at] + b"\2" + ycck[at + 1 :])
    jpeg = io.BytesIO()
    rgb.save(jpeg, "JPEG")
    (folder / "trailing.jpg").write_bytes(jpeg.getvalue() + b"trailing bytes \xff\xd8\xff")
    rgb.save(folder / "two.mpo", "MPO", save_all=True, append_images=[photo(SIZE, "rocket")])
    (folder / "mpo trailing.jpg").write_bytes((folder / "two.mpo").read_bytes() + b"\0\0")
    write_png(folder / "interlaced.png", noise, 8, 2, interlaced=True)
    write_png(folder / "rgb16.png", noise[:, :30].repeat(2, 1).reshape(23, -1, 6), 16, 2)
    write_png(folder / "palette_short.png", noise[..., 0] % 5, 8, 3, [(b"PLTE", bytes(range(15)))])
    rgb.save(folder / "bmp really.jpg", "BMP")
    palette.save(folder / "gif really.png", "GIF")
    made = [
        "grey16.pgm",
        "ycck.jpg",
        "trailing.jpg",
        "mpo trailing.jpg",
        "interlaced.png",
        "rgb16.png",
        "palette_short.png",
    ]
    foreign = [
        *("cmyk.jpg", "ycck.jpg", "grey16.png", "rgb16.png", "one.bmp", "rgb.ppm", "grey.pgm", "grey16.pgm", "rgb.tif"),
        *("grey16.tif", "grey32.tif", "float.tif", "rgb.gif", "gif really.png"),
    ]
    return [*saved, *made, "bmp really.jpg", "gif really.png"], foreign


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    photo(SIZE).save(folder / "jpeg really.png", "JPEG")
    photo(SIZE).save(folder / "png really.jpg", "PNG")
    pngs, marked = make_pngs(folder)
    others, foreign = make_others(folder)
    path = {name: str(folder / name) for name in [*make_jpegs(folder), *pngs, *others]}
    path |= {name: str(folder / name) for name in ("jpeg really.png", "png really.jpg")}
    native = [whole for name, whole in path.items() if name not in foreign]
    to_rgba = [whole for name, whole in path.items() if name not in {*foreign, *marked}]
    return {"rgb": native, "grayscale": native, "rgba": to_rgba, "all": list(path.values())}


@pytest.fixture
def pillow_calls(monkeypatch):
    """Paths that Pillow decodes, in any thread."""
    calls, lock, original = [], threading.Lock(), module.decode_with_pillow

    def counting(path, *more, **options):
        with lock:
            calls.append(os.fsdecode(path))
        return original(path, *more, **options)

    monkeypatch.setattr(module, "decode_with_pillow", counting)
    return calls


def load_native(paths, decoding):
    """By TensorFlow where it gives the same pixels, whatever the number of cores of this machine."""
    return load_batch(paths, decoding, use_tensorflow=True)


def assert_same(images, paths, decoding, route):
    assert images.dtype == decoding.dtype
    assert images.shape == (len(paths), *decoding.shape)
    for path, image in zip(paths, images, strict=True):
        wanted = reference(path, decoding)
        worst = np.abs(image.astype("float64") - wanted).max()
        assert np.array_equal(image, wanted), f"{route}, {decoding}: {path} differs by up to {worst}"


SIZES = [(45, 67), (20, 33), (224, 224), (1, 9), (5, 7)]
CASES = [
    *[Decoding(*size, "rgb") for size in SIZES],
    *[Decoding(*size, "rgb", keep_aspect_ratio=True) for size in [(45, 67), (33, 20), (90, 90), (1, 9)]],
    *[Decoding(*size, mode) for mode in MODES if mode != "rgb" for size in [(20, 33), (1, 9)]],
    *[Decoding(45, 67, mode, keep_aspect_ratio=True) for mode in MODES if mode != "rgb"],
    *[Decoding(31, 20, mode, interpolation) for mode in MODES for interpolation in INTERPOLATIONS[1:]],
    *[Decoding(45, 67, "rgb", interpolation, True) for interpolation in INTERPOLATIONS[1:]],
    *[Decoding(50, 80, "grayscale", interpolation, True) for interpolation in INTERPOLATIONS[1:]],
]


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
@pytest.mark.parametrize("decoding", CASES, ids=lambda case: "-".join(map(str, vars(case).values())))
def test_pixels_equal_load_img(files, decoding, pillow_calls):
    paths = files["all"]
    assert_same(load_native(paths, decoding), paths, decoding, "load_batch")
    wanted = set() if decoding.interpolation != "nearest" else set(files[decoding.color_mode])
    # A file that should be native but is not, and one that should not be but is, are both mistakes.
    assert set(paths) - set(pillow_calls) == wanted
    if decoding.height == 20:
        assert_same(load_batch(paths, decoding, use_tensorflow=False), paths, decoding, "load_batch with Pillow")


@pytest.mark.parametrize("color_mode", MODES)
def test_plain_files_never_reach_pillow(files, color_mode, pillow_calls):
    paths, decoding = files[color_mode], Decoding(32, 24, color_mode)
    assert len(paths) > 30
    load_native(paths, decoding)
    assert pillow_calls == []


def test_resized_indices_are_pillows_in_a_graph():
    """Compiled, not eager: the optimizer of graphs once turned the division into a multiplication."""
    rng = np.random.RandomState(0)
    lengths = [*range(1, 64), *rng.randint(64, 3000, 12)]
    for size in (1, 2, 3, 5, 6, 7, 10, 49, 150, 224, 299, 1000):
        indices = tf.function(
            lambda start, length, size=size: tensorflow_decoders._nearest_indices(start, length, size),
            input_signature=[tf.TensorSpec([], tf.int64)] * 2,
        )
        for length in lengths:
            for start in (0, int(rng.randint(1, 200))):
                column = Image.fromarray(np.arange(start + length, dtype="int32")[:, None])
                box = (0, start, 1, start + length)
                wanted = np.asarray(column.resize((1, size), Image.Resampling.NEAREST, box=box))[:, 0]
                if size == length:  # Pillow crops instead
                    wanted = np.arange(start, start + length)
                found = indices(tf.constant(start, tf.int64), tf.constant(length, tf.int64))
                assert np.array_equal(found, wanted), (start, length, size)


def test_random_sizes_and_crops(tmp_path):
    rng = np.random.RandomState(1)
    paths = []
    for k in range(30):
        width, height = rng.randint(1, 130, 2)
        path = tmp_path / f"{k}.{('jpg', 'png')[k % 2]}"
        photo((int(width), int(height))).save(path)
        paths.append(str(path))
    for k in range(6):
        height, width = map(int, rng.randint(1, 90, 2))
        decoding = Decoding(height, width, MODES[k % 3], keep_aspect_ratio=bool(k % 2))
        assert_same(load_native(paths, decoding), paths, decoding, "load_batch")


def test_load_batch_is_writable_traced_once_and_takes_any_path(files, tmp_path):
    decoding = Decoding(13, 17)
    for use_tensorflow in (True, False):
        images = load_batch(files["rgb"][:3], decoding, use_tensorflow)
        images += 1
        assert load_batch([], decoding, use_tensorflow).shape == (0, 13, 17, 3)
    path = tmp_path / "a.jpg"
    photo(SIZE).save(path)
    for count in range(1, 5):
        load_native([path, str(path), os.fsencode(path), path][:count], decoding)
    compiled = module._compiled(decoding, module.agreeing_formats(), Image.MAX_IMAGE_PIXELS)
    assert compiled.experimental_get_tracing_count() == 1


def test_pillow_alone_never_runs_tensorflow(files, monkeypatch):
    """A forked child process may not touch TensorFlow."""
    monkeypatch.setattr(module, "tensorflow_if_loaded", None)
    decoding = Decoding(10, 10)
    assert_same(load_batch(files["rgb"][:5], decoding, use_tensorflow=False), files["rgb"][:5], decoding, "Pillow")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_pillow_alone_works_in_a_forked_child(files):
    decoding, paths = Decoding(10, 10), files["rgb"][:5]
    wanted = load_batch(paths, decoding, use_tensorflow=False)  # starts the parent's threads
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of forking with threads
        child = os.fork()
    if child == 0:
        same = np.array_equal(load_batch(paths, decoding, use_tensorflow=False), wanted)
        os._exit(0 if same else 1)
    timer = threading.Timer(20, os.kill, (child, 9))
    timer.start()
    _, status = os.waitpid(child, 0)
    timer.cancel()
    assert status == 0


def broken_files(folder):
    """name -> (content or None for no file, exception type)."""
    jpeg, png = io.BytesIO(), io.BytesIO()
    photo(SIZE).save(jpeg, "JPEG")
    photo(SIZE).save(png, "PNG")
    jpeg, png = jpeg.getvalue(), png.getvalue()
    return {
        "missing.jpg": (None, FileNotFoundError),
        "empty.jpg": (b"", UnidentifiedImageError),
        "one byte.png": (b"\x89", UnidentifiedImageError),
        "text.jpg": (b"this is no image", UnidentifiedImageError),
        "text.bmp": (b"this is no image", UnidentifiedImageError),
        "jpeg start.jpg": (jpeg[:3], UnidentifiedImageError),
        "jpeg half.jpg": (jpeg[: len(jpeg) // 2], OSError),
        "jpeg no end.jpg": (jpeg[:-2], OSError),
        "png start.png": (png[:20], OSError),
        "png half.png": (png[: len(png) // 2], OSError),
    }


def test_errors_have_the_type_and_name_the_file(files, tmp_path):
    good = files["rgb"][:3]
    for name, (content, kind) in broken_files(tmp_path).items():
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        for decoding in (Decoding(8, 8), Decoding(8, 8, "grayscale", "bilinear")):
            with pytest.raises(kind, match=re.escape(str(path))) as raised:
                load_native([*good, path], decoding)
            assert type(raised.value) is kind
            with pytest.raises(kind, match=re.escape(str(path))):
                load_batch([*good, path], decoding, use_tensorflow=False)
            with pytest.raises(kind, match=re.escape(str(path))):
                decode_with_pillow(path, decoding)


def test_first_broken_file_is_the_one_named(tmp_path):
    paths = [tmp_path / f"{k}.jpg" for k in range(4)]
    with pytest.raises(FileNotFoundError, match=re.escape(str(paths[0]))):
        load_native(paths, Decoding(8, 8))


def test_bombs_are_pillows_to_judge(tmp_path, monkeypatch):
    path = tmp_path / "large.jpg"
    photo(SIZE).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", SIZE[0] * SIZE[1] // 3)
    with pytest.raises(Image.DecompressionBombError, match=re.escape(str(path))):
        load_native([path], Decoding(8, 8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", SIZE[0] * SIZE[1] - 1)
    with pytest.warns(Image.DecompressionBombWarning):
        load_native([path], Decoding(8, 8))


def test_truncated_files_are_judged_as_pillow_does(tmp_path):
    """At every cut either both raise, or both give the same pixels."""
    decoding = Decoding(9, 11)
    path = tmp_path / "cut"
    for form, options in (("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {})):
        content = io.BytesIO()
        photo((24, 17)).save(content, form, **options)
        content = content.getvalue()
        for end in [*range(0, len(content), max(1, len(content) // 60)), *range(len(content) - 16, len(content) + 1)]:
            path.write_bytes(content[:end])
            try:
                wanted = decode_with_pillow(path, decoding)
            except Exception as error:  # whatever Pillow raises
                with pytest.raises(type(error)):
                    load_native([path], decoding)
            else:
                assert np.array_equal(load_native([path], decoding)[0], wanted), (form, end)


def test_pillow_takes_over_what_tensorflow_refuses(tmp_path):
    """Pillow does not check the checksum of the pixels."""
    content = io.BytesIO()
    photo(SIZE).save(content, "PNG")
    content = bytearray(content.getvalue())
    content[-13] ^= 1  # the last byte before IEND
    path = tmp_path / "checksum.png"
    path.write_bytes(content)
    decoding = Decoding(20, 20)
    with pytest.raises(tf.errors.OpError):
        tf.io.decode_png(bytes(content))
    assert_same(load_native([path], decoding), [str(path)], decoding, "load_batch")


def test_disagreeing_decoders_leave_it_to_pillow_with_one_warning(files, pillow_calls, monkeypatch):
    decode_jpeg = tf.io.decode_jpeg
    monkeypatch.setattr(tf.io, "decode_jpeg", lambda *a, dct_method: decode_jpeg(*a, dct_method="INTEGER_FAST"))
    module._agrees.cache_clear()
    module._compiled.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="JPEG files are left to Pillow") as caught:
            for _ in range(3):
                load_native(files["rgb"][-2:], Decoding(8, 8))  # a JPEG and a PNG
        assert len(caught) == 1
        assert module.agreeing_formats() == tuple(name for name in tensorflow_decoders.FORMATS if name != "JPEG")
        assert [os.path.basename(path) for path in pillow_calls] == 3 * ["jpeg really.png"]
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"jpeg really\.png"):
            decode_in_graph(tf.constant(files["rgb"][-2:]), Decoding(8, 8))
    finally:
        module._agrees.cache_clear()
        module._compiled.cache_clear()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"height": 0}, "`height` must be an integer of at least 1. Received: 0"),
        ({"width": 2.5}, "`width` must be an integer of at least 1. Received: 2.5"),
        ({"color_mode": "bgr"}, "`color_mode` must be one of ('grayscale', 'rgb', 'rgba'). Received: 'bgr'"),
        ({"interpolation": "cubic"}, "`interpolation` must be one of"),
    ],
)
def test_arguments_are_checked_at_construction(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Decoding(**{"height": 1, "width": 1, **arguments})


def test_decoding_describes_itself():
    assert hash(Decoding(2, 3)) == hash(Decoding(2, 3, "rgb", "nearest", False))
    described = [(Decoding(2, 3, mode).channels, Decoding(2, 3, mode).dtype) for mode in MODES]
    assert described == [(3, np.uint8), (4, np.uint8), (1, np.float32)]


def test_the_usual_formats_are_tried_first():
    """As if a file had been opened before: Pillow would otherwise offer a JPEG to those before it in the alphabet."""
    code = "from PIL import Image; from keras_regen.compat.data.decoding import import_plugins; import_plugins(); "
    code += "print(*Image.ID)"
    formats = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"BMP", "GIF", "JPEG", "PNG"} <= set(formats[:6]) and len(formats) > 20
