"""The command `keras-regen demo`."""

import importlib
import os
import re
import subprocess
import sys

import pytest
from keras_regen.compat.command_line import main
from PIL import Image


@pytest.mark.filterwarnings("ignore")
def test_demo_on_a_directory(jpeg_directory, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(importlib.import_module("keras_regen.compat.demo"), "EPOCHS", 1)
    picture = tmp_path / "made" / "picture.png"
    assert main(["demo", str(jpeg_directory), "--picture", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert "batches agree with those of the legacy module" in printed
    assert re.search(r"Validation accuracy: \d+%", printed)
    speeds = dict(re.findall(r"^  (.+?) +([\d,]+) +[\d.]+ x$", printed, re.MULTILINE))
    assert list(speeds) == ["legacy module", "drop-in, next(iterator)", "to_dataset(iterator)"]
    assert Image.open(picture).size == (8 * 128, 4 * 128)


def test_a_broken_file_is_named_and_nothing_else_said(jpeg_directory, tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        for path in sorted((jpeg_directory / name).iterdir())[:5]:
            (tmp_path / name / path.name).symlink_to(path)
    broken = tmp_path / "dogs" / "z_broken.jpg"
    broken.write_bytes(b"no JPEG")
    run = "import sys; from keras_regen.compat.command_line import main; sys.exit(main())"
    command = [sys.executable, "-c", run, "demo", tmp_path, "--picture", tmp_path / "picture.png"]
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert re.fullmatch(rf"keras-regen demo: {re.escape(str(broken))}: .*\n", done.stderr), done.stderr


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


def test_a_folder_to_try_things_on(tmp_path, capsys):
    assert main(["demo", "--make", str(tmp_path / "new" / "photos")]) == 0
    assert capsys.readouterr().out.startswith(f"Made {tmp_path / 'new' / 'photos'}: 3 x 80 JPEGs")
    files = sorted(path.relative_to(tmp_path / "new/photos").as_posix() for path in tmp_path.rglob("*.jpg"))
    assert files == [f"{name}/{k:03}.jpg" for name in ("circle", "cross", "square") for k in range(80)]
    assert main(["demo", "--make", str(tmp_path / "new" / "photos")]) == 1
    assert "File exists" in capsys.readouterr().err
    assert main(["demo", str(tmp_path), "--make", str(tmp_path / "other")]) == 1
    assert "`--make` takes no other directory" in capsys.readouterr().err
