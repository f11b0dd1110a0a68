"""The command `keras-regen check`: a folder with one of each defect, and every finding by path."""

import io
import json
import os
import struct
import sys
import zlib

import numpy as np
import pytest
from keras_regen.compat.check import Report, check
from keras_regen.compat.command_line import main
from keras_regen.compat.image import ImageDataGenerator
from PIL import Image

ODD = "a b\nü☃.png"


def noise(seed, height=40, width=50, mode="RGB"):
    """Every seed another content: nothing is a duplicate by chance."""
    pixels = np.random.RandomState(seed).randint(0, 256, (height, width, 3)).astype("uint8")
    return Image.fromarray(pixels).convert(mode)


def png_of_16_bits(path):
    """An RGB PNG of 16 bits a channel, which Pillow does not write."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = b"".join(b"\0" + os.urandom(40 * 6) for _ in range(40))
    header = struct.pack(">IIBBBBB", 40, 40, 16, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    root = tmp_path_factory.mktemp("clean")
    for i, name in enumerate(
        ["cats/1.jpg", "cats/2.JPEG", "cats/deeper/3.png", "dogs/1.bmp", "dogs/2.ppm", "dogs/3.tif"]
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        noise(i).save(root / name)
    return root


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """Classes a and b of defects, c of good images, "empty" of none."""
    root = tmp_path_factory.mktemp("broken images")
    for name in ("a", "b/deeper", "c", "empty"):
        (root / name).mkdir(parents=True)
    a, b, c = root / "a", root / "b", root / "c"
    (a / "text.jpg").write_text("no JPEG")
    (a / "nowhere.png").symlink_to("absent.png")
    os.mkfifo(a / "pipe.png")
    (a / "empty.bmp").touch()
    (a / "empty_too.bmp").touch()
    for name in ("cut.jpg", "cut.png"):
        noise(1).save(a / name)
        (a / name).write_bytes((a / name).read_bytes()[:-900])
    noise(2).save(a / "is_png.jpg", "PNG")
    noise(3).save(a / "is_webp.png", "WEBP")
    noise(4).save(a / "left.webp")
    noise(5).save(a / "left.GIF")
    noise(6).save(a / "left_too.gif")
    (a / "notes").write_text("no ending")
    noise(7).save(root / "loose.jpg")
    (root / "labels.csv").touch()
    noise(8, 31, 60).save(b / "low.png")
    noise(9, 60, 31).save(b / "narrow.png")
    noise(10, 1030, 4097).save(b / "wide.png")
    noise(11, 40, 161).save(b / "long.png")
    noise(12, 40, 160).save(b / "not_too_long.png")
    grey = np.asarray(noise(13, mode="L")).astype("uint16") * 257
    Image.fromarray(grey).save(b / "grey16.png")
    Image.fromarray(grey).save(b / "grey16.tif", compression="tiff_lzw")
    (b / "rgb16.ppm").write_bytes(b"P6 40 40 65535\n" + os.urandom(9600))
    (b / "bits.ppm").write_bytes(b"P1 32 32\n" + b"1 0 " * 512)
    png_of_16_bits(b / "rgb16.png")
    noise(14, mode="CMYK").save(b / "cmyk.jpg")
    noise(15, mode="P").save(b / "palette.png")
    noise(16, mode="RGBA").save(b / "alpha.png")
    noise(17, mode="P").save(b / "both.png", transparency=3)
    noise(18).save(b / "animated.png", save_all=True, append_images=[noise(19)])
    noise(20).save(b / "pages.tif", save_all=True, append_images=[noise(21), noise(22)])
    noise(23).save(b / "camera.jpg", "MPO", save_all=True, append_images=[noise(24)])
    turned = Image.Exif()
    turned[0x0112] = 6
    noise(25).save(b / "turned.jpg", exif=turned)
    noise(25).save(b / "turned.tif", exif=turned)  # Pillow turns it back
    upright = Image.Exif()
    upright[0x0112] = 1
    noise(26).save(b / "upright.jpg", exif=upright)
    noise(27).save(b / "deeper" / "one.png")
    for name in ("b/two.png", "c/one.png"):
        (root / name).write_bytes((b / "deeper" / "one.png").read_bytes())
    noise(28).save(c / ODD)
    noise(29).save(os.fsencode(c) + b"/\xff.png", "PNG")
    return root


@pytest.fixture(scope="module")
def report(broken):
    return check(broken)


def test_what_cannot_be_read(report):
    assert report.unreadable == {
        "a/nowhere.png": "No such file or directory",
        "a/pipe.png": "Not a regular file",
        "a/text.jpg": "cannot identify image file",
    }
    assert list(report.truncated) == ["a/cut.jpg", "a/cut.png"]
    assert "truncated" in report.truncated["a/cut.jpg"]
    assert report.empty == {"a/empty.bmp": "0 bytes", "a/empty_too.bmp": "0 bytes"}
    assert report.stops_training


def test_names(report):
    assert report.wrong_extension == {"a/is_png.jpg": "PNG", "a/is_webp.png": "WEBP"}
    assert report.left_out == {"": ("a/notes",), ".gif": ("a/left.GIF", "a/left_too.gif"), ".webp": ("a/left.webp",)}
    assert list(report.left_out) == ["", ".gif", ".webp"]
    assert report.without_class == ("labels.csv", "loose.jpg")


def test_pictures(report):
    assert report.extreme_size == {
        "b/long.png": "161 wide, 40 high",
        "b/low.png": "60 wide, 31 high",
        "b/narrow.png": "31 wide, 60 high",
        "b/wide.png": "4097 wide, 1030 high",
    }
    assert sorted(report.deep) == ["b/grey16.png", "b/grey16.tif", "b/rgb16.png", "b/rgb16.ppm"]
    assert report.deep["b/rgb16.png"] == "RGB" and report.deep["b/grey16.tif"] == "I;16"
    assert report.cmyk == {"b/cmyk.jpg": "CMYK"}
    assert report.palette == {"b/both.png": "P", "b/palette.png": "P"}
    assert report.alpha == {"b/alpha.png": "RGBA", "b/both.png": "P"}
    assert report.animated == {"b/animated.png": "2 frames", "b/camera.jpg": "2 frames", "b/pages.tif": "3 frames"}
    assert report.rotated == {"b/turned.jpg": "orientation 6"}


def test_duplicates(report):
    assert report.duplicates == (("b/deeper/one.png", "b/two.png", "c/one.png"),)


@pytest.mark.filterwarnings("ignore")
def test_classes_are_those_of_flow_from_directory(report, broken):
    flow = ImageDataGenerator().flow_from_directory(broken)
    assert list(report.classes) == list(flow.class_indices) == ["a", "b", "c", "empty"]
    assert list(report.classes.values()) == np.bincount(flow.classes, minlength=4).tolist() == [9, 22, 3, 0]
    assert report.images == flow.n == 34
    assert report.empty_classes == ("empty",)
    assert report.imbalance == 22 / 3


def test_everything_is_sorted_and_the_same_again(report, broken):
    for name in ("unreadable", "truncated", "extreme_size", "deep", "animated"):
        paths = list(getattr(report, name))
        assert paths == sorted(paths)
    assert check(os.fsencode(broken)) == report
    assert repr(check(str(broken))) == repr(report)
    with pytest.raises(AttributeError):
        report.classes = {}


def test_decompression_bombs(clean, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 999)  # half of what an image has
    found = check(clean)
    assert len(found.unreadable) == 6 and found.stops_training
    assert found.unreadable == found.extreme_size
    assert "2000 pixels" in found.unreadable["cats/1.jpg"]


def test_progress(clean, capsys):
    calls = []
    check(clean, lambda *numbers: calls.append(numbers))
    assert calls == [(i, 6) for i in range(1, 7)]
    assert capsys.readouterr() == ("", "")


def test_clean_folder(clean, capsys):
    assert main(["check", str(clean)]) == 0
    printed = capsys.readouterr()
    assert printed.out == (
        f"6 images in 2 classes of {clean}: nothing wrong.\n\n"
        "Images per class, largest to smallest 1 to 1:\n        3  cats\n        3  dogs\n"
    )
    assert printed.err.splitlines()[-1] == "checked 6 of 6 files"


def test_findings_that_do_not_stop_training(clean, tmp_path, capsys):
    (tmp_path / "photos").symlink_to(clean / "cats")
    (tmp_path / "none").mkdir()
    assert main(["check", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert ": nothing that would stop training.\n" in out
    assert "Classes without images: 1\n  none\n" in out


def test_text(broken, capsys):
    assert main(["check", str(broken)]) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"34 images in 4 classes of {broken}: 7 would stop training.\n\nUnreadable: 3\n")
    assert "\n  a/text.jpg: cannot identify image file\n" in out
    assert "\nLeft out because of their ending: 4 (none 1, .gif 2, .webp 1)\n  a/notes\n" in out
    assert "\n  b/deeper/one.png = b/two.png = c/one.png\n" in out
    assert out.endswith("7.33 to 1:\n        9  a\n       22  b\n        3  c\n        0  empty\n")


def test_all_shows_all(tmp_path, capsys):
    (tmp_path / "a").mkdir()
    for i in range(7):
        (tmp_path / "a" / f"{i}.jpg").touch()
    for i in range(30):
        (tmp_path / f"class {i}").mkdir()
    assert main(["check", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "a/4.jpg: 0 bytes\n  ... 2 more (--all)\n" in out and "a/5.jpg" not in out
    assert out.endswith("\n... 11 more (--all)\n")
    assert main(["check", str(tmp_path), "--all"]) == 1
    out = capsys.readouterr().out
    assert "more (--all)" not in out
    assert all(f"  a/{i}.jpg: 0 bytes\n" in out for i in range(7))
    assert all(f"        0  class {i}\n" in out for i in range(30))


def test_json(broken, report, capsys):
    assert main(["check", str(broken), "--json"]) == 1
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    found = json.loads(out)
    assert set(found) == {*Report.__dataclass_fields__, "images", "empty_classes", "imbalance", "stops_training"}
    for name, value in found.items():
        expected = getattr(report, name)
        assert value == json.loads(json.dumps(expected)), name
    assert found["classes"]["b"] == 22 and found["stops_training"] is True


@pytest.mark.parametrize(("encoding", "snowman"), [("utf-8", "☃".encode()), ("ascii", rb"\u2603")])
def test_odd_names(tmp_path, monkeypatch, encoding, snowman):
    """On an output that is strict, and once has no snowman."""
    odd = os.fsencode(tmp_path) + b"/class \xfe"
    os.mkdir(odd)
    for name in (os.fsencode(ODD), b"\xff.jpg", "☃.png".encode()):
        with open(odd + b"/" + name, "wb"):
            pass

    def printed(*options):
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding, "strict"))
        assert main(["check", str(tmp_path), *options]) == 1
        sys.stdout.flush()
        return sys.stdout.buffer.getvalue()

    text, listed = printed(), printed("--json")
    assert rb"  'class \udcfe/\udcff.jpg': 0 bytes" in text
    assert rb"'class \udcfe/a b\n" in text and snowman + b".png': 0 bytes\n" in text
    paths = [os.fsencode(path) for path in json.loads(listed)["empty"]]
    assert sorted(paths) == sorted(b"class \xfe/" + name for name in os.listdir(odd))


def test_formats(broken, capsys):
    found = check(broken, formats=("webp", "gif", "png"))
    assert found.left_out.keys() == {"", ".bmp", ".jpg", ".tif", ".ppm"}
    assert {"a/is_webp.png"} == found.wrong_extension.keys()
    assert found.formats == ("webp", "gif", "png")
    assert found.classes["c"] == 3
    everything = check(broken, formats="all")
    assert everything.left_out == {"": ("a/notes",)}
    assert main(["check", str(broken), "--json", "--formats", "all"]) == 1
    assert json.loads(capsys.readouterr().out)["images"] == everything.images == 34 + 3
    assert main(["check", str(broken), "--formats", "webp", "gif"]) == 0
    assert f"3 images in 4 classes of {broken}" in capsys.readouterr().out
    assert main(["check", str(broken), "--formats", "ico"]) == 1
    assert "none of the files in its folders ends in ico.\n" in capsys.readouterr().out
    assert main(["check", str(broken), "--formats", "xyz"]) == 2
    assert "`formats` must be None, 'all' or" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["absent", "file"])
def test_no_directory_is_a_usage_error(tmp_path, name, capsys):
    (tmp_path / "file").touch()
    assert main(["check", str(tmp_path / name)]) == 2
    printed = capsys.readouterr()
    assert str(tmp_path / name) in printed.err and not printed.out
    with pytest.raises(OSError, match=name):
        check(tmp_path / name)


def test_other_usage_errors(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["check"])
    assert stop.value.code == 2
    assert "directory" in capsys.readouterr().err


def test_a_folder_without_images_is_not_fine(tmp_path, capsys):
    noise(1).save(tmp_path / "flat.webp")
    assert main(["check", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert f"0 images in 0 classes of {tmp_path}: none of the files in its folders ends in jpg, " in out
    assert "\n  flat.webp\n" in out
    assert check(tmp_path).imbalance is None


def test_a_folder_without_classes(clean, capsys):
    assert main(["check", str(clean / "cats" / "deeper")]) == 1
    out = capsys.readouterr().out
    assert out.startswith("0 images in 0 classes of ")
    assert (
        "its images are in no class; flow_from_directory takes a folder with one folder of images per class.\n" in out
    )
    assert "Directly in the folder, so of no class and left out: 1\n  3.png\n" in out


def test_a_single_class_and_a_single_image(clean, tmp_path, capsys):
    (tmp_path / "photos").symlink_to(clean / "cats" / "deeper")
    assert main(["check", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"1 image in 1 class of {tmp_path}: nothing that would stop training.\n")
    assert "\nClasses with images, so that there is nothing to tell apart: 1\n  photos\n" in out
    assert check(clean).single_class == ()
