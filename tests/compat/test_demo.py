"""The command `keras-regen demo`."""

import re

import pytest
from keras_regen.compat.command_line import main
from PIL import Image


@pytest.mark.filterwarnings("ignore")
def test_demo_on_a_directory(jpeg_directory, tmp_path, capsys):
    picture = tmp_path / "made" / "picture.png"
    assert main(["demo", str(jpeg_directory), "--picture", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert "batches agree with those of the legacy module" in printed
    assert re.search(r"Validation accuracy: \d+%", printed)
    speeds = dict(re.findall(r"^  (.+?) +([\d,]+) +[\d.]+ x$", printed, re.MULTILINE))
    assert list(speeds) == ["legacy module", "drop-in, next(iterator)", "to_dataset(iterator)"]
    assert Image.open(picture).size == (8 * 128, 4 * 128)


@pytest.mark.filterwarnings("ignore")
def test_a_broken_file_is_named(jpeg_directory, tmp_path, capsys):
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        for path in sorted((jpeg_directory / name).iterdir())[:5]:
            (tmp_path / name / path.name).symlink_to(path)
    (tmp_path / "dogs" / "z_broken.jpg").write_bytes(b"no JPEG")
    assert main(["demo", str(tmp_path), "--picture", str(tmp_path / "picture.png")]) == 1
    err = capsys.readouterr().err
    assert err.startswith("keras-regen demo: ")
    assert str(tmp_path / "dogs" / "z_broken.jpg") in err
    assert "Traceback" not in err


@pytest.mark.filterwarnings("ignore")
def test_demo_says_what_is_wrong_with_a_directory(tmp_path, capsys):
    assert main(["demo", str(tmp_path / "absent")]) == 1
    assert "absent" in capsys.readouterr().err
    assert main(["demo", str(tmp_path)]) == 1
    assert "at least two folders of images" in capsys.readouterr().err


def test_help(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["demo", "--help"])
    assert stop.value.code == 0
    assert "directory" in capsys.readouterr().out
