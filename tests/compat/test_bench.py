"""The command `keras-regen bench`."""

import math
import re
import shutil
import types

import pytest
from keras_regen.compat import bench, timing
from keras_regen.compat.command_line import main
from keras_regen.compat.timing import in_turns

ROWS = [
    "legacy `next(iterator)`",
    "`next(iterator)`",
    "`to_dataset(iterator)`",
    "`image_dataset_from_directory` and Keras's layers",
    "`image_dataset_from_directory` and `augment(RandomAffine)`",
    "`to_dataset(iterator, cache=True)`, from the second epoch on",
    "decoding and resizing alone",
]
SMALL = ["--rounds", "1", "--size", "32", "32", "--batch", "8"]


def rows(printed):
    """The rows of the table: name to (images a second, ratio)."""
    found = re.findall(r"^\| (.+?) \| ([\d,]+) \| ([\d.]+) \|$", printed, re.MULTILINE)
    return {name: (float(speed.replace(",", "")), float(ratio)) for name, speed, ratio in found}


@pytest.mark.filterwarnings("ignore")
def test_bench_on_a_directory(jpeg_directory, capsys):
    assert main(["bench", str(jpeg_directory), *SMALL]) == 0
    printed = capsys.readouterr()
    assert re.match(r"\d+ cores, Python .+ TensorFlow .+ Keras .+ Pillow .+ SciPy .+, numba \d", printed.out)
    assert "keras-regen[fast]" not in printed.out
    assert f"| 34 images of `{jpeg_directory}` to 32x32, batch 8 | images/s | ratio |" in printed.out
    speeds = rows(printed.out)
    assert list(speeds) == ROWS
    legacy, ratio = speeds[ROWS[0]]
    assert ratio == 1
    for speed, ratio in speeds.values():
        assert math.isfinite(speed) and speed > 0
        # Both figures and the ratio are rounded.
        assert (speed - 0.5) / (legacy + 0.5) - 0.005 <= ratio <= (speed + 0.5) / (legacy - 0.5) + 0.005
    which, decoding, cached = re.search(
        r"What limits `to_dataset` is (.+?): decoding alone takes (\d+)% .+ images (\d+)%\.", printed.out
    ).groups()
    assert which == ("decoding" if int(decoding) > int(cached) else "the augmentation") or decoding == cached
    assert printed.err.count("round 1 of 1: ") == len(ROWS)


@pytest.mark.filterwarnings("ignore")
def test_limit_takes_files_evenly(jpeg_directory, monkeypatch, capsys):
    used = []
    monkeypatch.setattr(bench, "decoding_alone", lambda paths, *_: used.extend(paths) or [])
    assert main(["bench", str(jpeg_directory), *SMALL, "--limit", "17"]) == 0
    assert "| 17 of 34 images of " in capsys.readouterr().out
    assert [sum(name in path for path in used) for name in ("/cats/", "/dogs/")] == [10, 7]


@pytest.mark.filterwarnings("ignore")
def test_without_the_legacy_generator(jpeg_directory, monkeypatch, capsys):
    monkeypatch.setattr(bench, "legacy_generator", lambda: None)
    monkeypatch.setattr(bench, "_version", lambda package: None)
    assert main(["bench", str(jpeg_directory), *SMALL]) == 0
    printed = capsys.readouterr().out
    speeds = rows(printed)
    assert printed.endswith(
        "Not installed, though all is faster with them: numba, simplejpeg. pip install 'keras-regen[fast]'\n"
    )
    assert list(speeds) == ROWS[1:]
    assert speeds[ROWS[1]][1] == 1


@pytest.mark.filterwarnings("ignore")
def test_files_that_the_loader_of_keras_cannot_read(mixed_directory, tmp_path, capsys):
    for i, tiff in enumerate(sorted(mixed_directory.glob("**/*.tif"))):
        (tmp_path / "a").mkdir(exist_ok=True)
        shutil.copy(tiff, tmp_path / "a" / f"{i}.jpg")  # Pillow looks at the content
    assert main(["bench", str(tmp_path), *SMALL]) == 0
    printed = capsys.readouterr().out
    assert "Without `image_dataset_from_directory`, which fails: " in printed
    assert list(rows(printed)) == ROWS[:3] + ROWS[5:]


@pytest.mark.filterwarnings("ignore")
def test_bench_says_what_is_wrong_with_a_directory(tmp_path, capsys):
    assert main(["bench", str(tmp_path / "absent")]) == 1
    assert str(tmp_path / "absent") in capsys.readouterr().err
    assert main(["bench", str(tmp_path)]) == 1
    assert f"must hold folders of images, one per class. Received: '{tmp_path}', empty" in capsys.readouterr().err
    (tmp_path / "a").mkdir()
    for name in ("broken.jpg", "other.jpg"):
        (tmp_path / "a" / name).write_bytes(b"no JPEG")
    assert main(["bench", str(tmp_path)]) == 1
    assert "broken.jpg" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")
def test_one_image_is_not_measured_and_a_few_are_not_judged(jpeg_directory, tmp_path, capsys):
    (tmp_path / "a").mkdir()
    first, second, *_ = sorted((jpeg_directory / "cats").iterdir())
    (tmp_path / "a" / "1.jpg").symlink_to(first)
    assert main(["bench", str(tmp_path), *SMALL]) == 1
    assert "`directory` must hold more than one image to measure." in capsys.readouterr().err
    (tmp_path / "a" / "2.jpg").symlink_to(second)
    assert main(["bench", str(tmp_path), *SMALL]) == 0
    out = capsys.readouterr().out
    assert list(rows(out)) == ROWS
    assert out.endswith(
        "\nFewer images than a batch of 8: these figures say how long a pass takes to begin, and no more.\n"
    )
    assert "What limits" not in out


def test_options_are_checked(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["bench", str(tmp_path), "--rounds", "0"])
    assert stop.value.code == 2
    assert "--rounds: must be at least 1, not 0" in capsys.readouterr().err


def test_in_turns_warms_up_and_takes_the_median(monkeypatch):
    clock, order = [0.0], []

    def contender(name, durations):
        def run():
            order.append(name)
            clock[0] += durations.pop(0)

        return run

    monkeypatch.setattr(timing, "time", types.SimpleNamespace(perf_counter=lambda: clock[0]))
    contenders = {"a": (contender("a", [100, 1, 2, 9]), 10), "b": (contender("b", [0, 4, 4, 4]), 20)}
    assert in_turns(contenders, 3) == {"a": 5, "b": 5}
    assert order == ["a", "b"] * 4
