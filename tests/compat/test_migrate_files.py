"""`keras-regen migrate` on files as they are found: each is done or named, and nothing of what is theirs is lost."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import socket
import stat
import subprocess
import sys
import time

import pytest

pytest.importorskip("libcst")

from keras_regen.compat.command_line import main
from keras_regen.compat.migrate import files, worker, writing

IMPORT = "from keras.preprocessing.image import ImageDataGenerator"
OURS = "from keras_regen.compat import ImageDataGenerator"


@pytest.fixture(scope="module")
def running():
    with worker.Worker() as one:
        yield one


@pytest.fixture(autouse=True)
def one_worker(running, monkeypatch):
    """Starting the process takes longer than most of what it does here."""
    monkeypatch.setattr(files, "Worker", lambda: contextlib.nullcontext(running))
    monkeypatch.setattr(files, "_AT_ONCE", 1)


def notebook(*sources, **more):
    cells = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": source} for source in sources]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_bytes(f"{IMPORT}\r\nx = tf_keras\r\n".encode())
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.ipynb").write_text(json.dumps(notebook(IMPORT)))
    for hidden in (".git", ".ipynb_checkpoints", "__pycache__"):
        (tmp_path / hidden).mkdir()
        (tmp_path / hidden / "c.py").write_text(IMPORT)
    (tmp_path / "notes.txt").write_text(IMPORT)
    (tmp_path / "fine.py").write_text("import os\n")
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_shows_and_changes_nothing(folder, capsys):
    before = contents(folder)
    assert main(["migrate", "."]) == 0
    assert contents(folder) == before
    out, err = capsys.readouterr()
    assert out.startswith("--- ./a.py\n+++ ./a.py\n@@ -1,2 +1,2 @@\n-from keras.preprocessing.image import")
    assert f"+{OURS}\r\n x = tf_keras\r\n" in out
    assert "+++ ./sub/b.ipynb" in out
    assert err == "2 files to change (--write does), 0 left alone, 0 unreadable.\n"


def test_the_modules_beside_a_file_are_read(folder, capsys):
    (folder / "sub" / "parts").mkdir()
    (folder / "sub" / "parts" / "data.py").write_text("import numpy as np\ndef load():\n    yield np.zeros(3)\n")
    (folder / "sub" / "main.py").write_text("from parts.data import load\nmodel.predict_generator(load(), steps=1)\n")
    main(["migrate", "sub"])
    assert "+model.predict(((x,) for x in load()), steps=1)\n" in capsys.readouterr().out
    callback = "from keras.callbacks import ModelCheckpoint\nModelCheckpoint('net.hdf5')\n"
    for name in ("before.py", "then.py"):
        (folder / "sub" / name).write_text(callback)
    (folder / "sub" / "later.py").write_text("import keras\nmodel.load_weights('net.hdf5')\n")
    assert main(["migrate", "sub", "--write"]) == 0
    assert "load_weights('net.h5')" in (folder / "sub" / "later.py").read_text()


def test_the_diff_is_a_patch(folder, capsys):
    (folder / "end.py").write_text(f"x = 1\n{IMPORT}")
    main(["migrate", "a.py", "end.py"])
    patch = capsys.readouterr().out
    subprocess.run(["git", "apply", "-p0", "-"], input=patch.encode(), check=True)
    assert (folder / "a.py").read_bytes() == f"{OURS}\r\nx = tf_keras\r\n".encode()
    assert (folder / "end.py").read_text() == f"x = 1\n{OURS}"


def test_writes(folder, capsys):
    before = contents(folder)
    os.chmod(folder / "a.py", 0o754)
    assert main(["migrate", ".", "--write"]) == 0
    after = contents(folder)
    assert {path.name for path in after if after[path] != before.get(path)} == {"a.py", "b.ipynb"}
    assert after.keys() == before.keys()  # nothing temporary is left
    assert after[folder / "a.py"] == f"{OURS}\r\nx = tf_keras\r\n".encode()
    assert stat.S_IMODE((folder / "a.py").stat().st_mode) == 0o754
    assert "2 files changed" in capsys.readouterr().err
    assert main(["migrate", ".", "--write"]) == 0
    assert capsys.readouterr().out == ""
    assert contents(folder) == after


def test_a_link_stays_one_and_a_file_is_done_once(folder, capsys):
    (folder / "link.py").symlink_to("a.py")
    assert main(["migrate", "link.py", "a.py", ".", "--write"]) == 0
    assert (folder / "link.py").is_symlink()
    assert (folder / "a.py").read_text().startswith(OURS)
    assert capsys.readouterr().out.count("+++ ") == 2


def test_lists_with_file_and_line(folder, capsys):
    (folder / "c.py").write_text("import keras\n\nmodel.fit_generator(*a)\n")
    assert main(["migrate", "c.py"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == "c.py:3: `fit_generator`: starred arguments may hold any names: left alone"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("bad.py", b"print 'x'  # ImageDataGenerator\n", "bad.py: does not parse as Python 3 (line 1)"),
        ("bad.py", b"\xff\xfe ImageDataGenerator\n", "bad.py: invalid or missing encoding declaration"),
        ("bad.py", b"# coding: nonsense\n", "bad.py: unknown encoding"),
        ("bad.ipynb", b'{"keras.preprocessing": ', "bad.ipynb: Expecting value"),
        ("bad.ipynb", b"\xff", "bad.ipynb: 'utf-8' codec"),
    ],
)
def test_unreadable_files_are_named_and_the_others_done(folder, capsys, name, data, message):
    (folder / name).write_bytes(data)
    assert main(["migrate", ".", "absent.py", "--write"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "absent.py: No such file or directory" in err
    assert err.endswith("2 files changed, 0 left alone, 2 unreadable.\n")
    assert (folder / name).read_bytes() == data
    assert (folder / "a.py").read_text().startswith(OURS)


@pytest.mark.parametrize(
    ("head", "encoding"),
    [("\ufeff", "utf-8"), ("# -*- coding: latin-1 -*-\n", "latin-1"), ("#!/x\n# vim: fileencoding=cp1251\n", "cp1251")],
)
def test_encodings_stay(folder, head, encoding):
    word = "привет" if encoding == "cp1251" else "é"
    text = head + IMPORT + f"\nx = '{word}'  # {word}\n"
    (folder / "a.py").write_bytes(text.encode(encoding))
    assert main(["migrate", "a.py", "--write"]) == 0
    assert (folder / "a.py").read_bytes() == text.replace(IMPORT, OURS).encode(encoding)


def test_a_failure_to_write_leaves_the_file(folder, capsys, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    before = contents(folder)
    monkeypatch.setattr(os, "replace", fail)
    assert main(["migrate", "a.py", "--write"]) == 2
    assert "a.py: No space left on device" in capsys.readouterr().err
    assert contents(folder) == before


def test_target_modern(folder, capsys):
    (folder / "a.py").write_text(f"{IMPORT}\nmodel.fit(ImageDataGenerator().flow_from_directory('a'))\n")
    assert main(["migrate", "a.py", "--write", "--target", "modern"]) == 0
    assert "keras.utils.image_dataset_from_directory(" in (folder / "a.py").read_text()


def test_nothing_of_the_programs_is_run(folder):
    (folder / "a.py").write_text(f"{IMPORT}\nopen('ran', 'w')\nraise SystemExit(3)\n")
    assert main(["migrate", "a.py"]) == 0
    assert not (folder / "ran").exists()


def test_without_libcst(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "libcst", None)
    assert main(["migrate", "a.py"]) == 2
    assert capsys.readouterr().err == "keras-regen migrate: rewriting needs LibCST: pip install 'keras-regen[libcst]'\n"


def test_a_folder_without_programs(folder, capsys):
    (folder / "empty").mkdir()
    (folder / "empty" / "notes.txt").write_text(IMPORT)
    assert main(["migrate", "empty", "a.py"]) == 0
    assert capsys.readouterr().err == (
        "empty: no Python files or notebooks, but for what is left out (see --help)\n"
        "1 file to change (--write does), 0 left alone, 0 unreadable.\n"
    )


# Odd files


@pytest.mark.parametrize(
    "text",
    [
        f"{IMPORT}\nx = {' + '.join(['1'] * 400)}\n",
        f"{IMPORT}\n" + "".join(f"{' ' * k}if x:\n" for k in range(90)) + " " * 90 + "pass\n",
        f"{IMPORT}\nx = a{'.b()' * 120}\n",
        f"{IMPORT}\nx = [{', '.join(['1'] * 600)}]\n",
        f"{IMPORT}\n\fx = 1\n",
        f"{IMPORT}\nif x:\n\f    y = 1\n  \f    z = 2\n",
        f"\f{IMPORT}\n\f\f \f\nx = (1,\n\f    2)\n",
        f'x = """\n\f a"""\ny = 1 + \\\n\f 2\nz = "a\\\n\f"\nw = 1\f+ 2 # \f\n{IMPORT}\n',
        f"{IMPORT}\r\nif x:\r\n\f\ty = 1 + \\\r\n\f 2\r\n",
    ],
)
def test_deep_and_odd_programs_are_done(folder, text):
    compile(text, "odd", "exec")
    (folder / "odd.py").write_bytes(text.encode())
    assert main(["migrate", "odd.py", "--write"]) == 0
    assert (folder / "odd.py").read_bytes().decode() == text.replace(IMPORT, OURS)


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 400 + " * 1.5", "1 / 0", "-(9 * None)"])
def test_what_is_no_number_for_python_is_no_literal(folder, capsys, number):
    text = f"{IMPORT}\nmodel.fit(ImageDataGenerator(zoom_range={number}).flow_from_directory('a'))\n"
    (folder / "a.py").write_text(text)
    assert main(["migrate", "a.py", "--target", "modern"]) == 0
    assert "because its `zoom_range` is not a literal" in capsys.readouterr().err


def test_where_a_form_feed_stands_nothing_is_added_to_it(folder):
    (folder / "a.py").write_text("\ffrom keras.preprocessing import image, timeseries\n")
    assert main(["migrate", "a.py", "--write"]) == 0
    new = (folder / "a.py").read_text()
    assert new == "\ffrom keras.preprocessing import timeseries\nfrom keras_regen.compat import image\n"


def test_the_line_of_an_error_is_counted_as_in_the_file(folder, capsys):
    (folder / "a.py").write_text(f"{IMPORT}\n\fx = 1\n\f\f\nprint 'x'\n")
    assert main(["migrate", "a.py"]) == 2
    assert "a.py: does not parse as Python 3 (line 4): it is Python 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        f"try:\n    {IMPORT}\nexcept ValueError :\n    x = 'é'\n",
        f"def f():\n\tif x:\n        \t{IMPORT}  # é\n        \tm.y(1)\n",
        f"{IMPORT}\nprint(x)\\\n\n",
        f"if a:\n  b\n  \\\n  c\n{IMPORT}\n",
        f"{IMPORT}\nif x: y\n\n\n\n    # end",
        f"!pip install keras\n{IMPORT}\n%matplotlib inline\nfiles = !ls\n",
        f"if x:\n    !ls é\n    {IMPORT}\n",
    ],
)
def test_what_libcst_does_not_read_is_edited_by_its_places(folder, text):
    (folder / "a.py").write_bytes(text.encode())
    assert main(["migrate", "a.py", "--write"]) == 0
    assert (folder / "a.py").read_bytes().decode() == text.replace(IMPORT, OURS)


def test_python_2_is_told_what_to_do(folder, capsys):
    (folder / "a.py").write_text(f"{IMPORT}\nprint 'x'\n")
    assert main(["migrate", "a.py"]) == 2
    assert "a.py: does not parse as Python 3 (line 2): it is Python 2, which `2to3 -w`" in capsys.readouterr().err


ODD = {
    "parentheses.py": (f"{IMPORT}\nx = {'(' * 100_000}1{')' * 100_000}\n".encode(), "is nested too deeply, or too"),
    "hex.py": (b"# coding: hex\nImageDataGenerator\n", "'hex' is not a text encoding"),
    "rot.py": (b"# coding: rot13\nImageDataGenerator\n", "'rot13' is not a text encoding"),
    "nul.py": (f"{IMPORT}\nx = '\0\n".encode(), "does not parse as Python 3"),
    "nested.ipynb": (
        b'{"cells": "ImageDataGenerator", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "nest|notebook",
    ),
    "cells.ipynb": (json.dumps(notebook(cells=[None, IMPORT])).encode(), "format 4: cell 1 is not an object"),
    "source.ipynb": (json.dumps(notebook([1, IMPORT])).encode(), "the source of cell 1 is not text"),
    "number.ipynb": (json.dumps(notebook(IMPORT, 3)).encode(), "the source of cell 2 is not text"),
    "twice.ipynb": (f'{{"cells": [], "cells": 3, "x": "{IMPORT}"}}'.encode(), "is not a notebook of format 4"),
    "bom.ipynb": (b"\xef\xbb\xbf" + json.dumps(notebook(IMPORT)).encode(), "BOM"),
}


def test_each_odd_file_is_named_and_the_others_are_done(folder, capsys):
    for name, (data, _) in ODD.items():
        (folder / name).write_bytes(data)
    with (folder / "sparse.py").open("wb") as file:
        file.truncate(1 << 40)
    os.mkfifo(folder / "pipe.py")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.py")
    (folder / "zero.py").symlink_to("/dev/zero")
    (folder / "nowhere.py").symlink_to("absent.py")
    (folder / "circle.py").symlink_to("circle.py")
    before = {name: (folder / name).read_bytes() for name in ODD}
    assert main(["migrate", ".", "--write"]) == 2
    err = capsys.readouterr().err
    expected = {name: reason for name, (_, reason) in ODD.items()}
    expected |= {"sparse.py": "is larger than", "pipe.py": "is no regular file", "socket.py": "is no regular file"}
    expected |= {"zero.py": "is a link out of", "nowhere.py": "No such file", "circle.py": "Too many levels"}
    for name, reason in expected.items():
        assert re.search(rf"^\./{name}: .*({reason})", err, re.MULTILINE), (name, err)
    assert err.endswith(f"2 files changed, 0 left alone, {len(expected)} unreadable.\n")
    assert {name: (folder / name).read_bytes() for name in ODD} == before
    assert (folder / "a.py").read_text().startswith(OURS)


@pytest.mark.parametrize("name", ["pipe.py", "/dev/zero", "/dev/null", "."])
def test_what_is_no_file_is_not_waited_for(folder, running, name):
    os.mkfifo(folder / "pipe.py")
    with pytest.raises(ValueError, match="is no regular file"):
        running.rewrite(str(folder / name), name, "compat")


@pytest.mark.parametrize(
    "metadata", [None, [], {"language_info": None, "kernelspec": None}, {"kernelspec": {"language": 3}}]
)
def test_notebooks_with_odd_metadata_are_done(folder, metadata):
    book = notebook(IMPORT, metadata=metadata)
    book["cells"] += [{"cell_type": "code"}, {"cell_type": "code", "source": []}, {"source": "x"}]
    (folder / "a.ipynb").write_text(json.dumps(book))
    assert main(["migrate", "a.ipynb", "--write"]) == 0
    book["cells"][0]["source"] = OURS
    assert json.loads((folder / "a.ipynb").read_text()) == book


def test_what_takes_too_long_or_ends_the_process_is_named(folder, capsys, monkeypatch):
    """What the limits do, at smaller values; each time for two files, so that the process is started again."""
    endings = {
        "SECONDS = 1; worker._rewrite = lambda *_: sum(iter(int, 1))": "takes more than 60 seconds",
        "_rewrite = lambda *_: __import__('os').abort()": "is nested too deeply, or too large, to parse (SIGABRT)",
        "GIB = 1; worker._rewrite = lambda *_: bytearray(2 << 30)": "needs more than 1 GiB of memory",
        "_rewrite = lambda *_: 1 / 0": "ZeroDivisionError, please report this: division by zero",
    }
    start = subprocess.Popen

    def start_changed(command, **options):
        return start([*command[:2], command[2].replace("; serve()", f"; {change}; serve()")], **options)

    monkeypatch.setattr(worker.subprocess, "Popen", start_changed)
    monkeypatch.setattr(files, "Worker", worker.Worker)
    for ending, reason in endings.items():
        change = f"from keras_regen.compat.migrate import worker; worker.{ending}"
        assert main(["migrate", "a.py", "fine.py"]) == 2
        assert capsys.readouterr().err.startswith(f"a.py: {reason}\nfine.py: {reason}\n")


# Writing


def test_processes_share_the_files_and_all_are_read_before_one_is_written(folder, capsys, monkeypatch):
    monkeypatch.setattr(files, "Worker", worker.Worker)
    monkeypatch.setattr(files, "_AT_ONCE", 2)
    for k in range(30):
        (folder / f"many{k:02}.py").write_text(IMPORT if k % 3 else "print 'keras.preprocessing'")
    rewrite_file, before = files.rewrite_file, contents(folder)

    def write(path, old, new):
        assert len(used) == 66  # of 33 files, shown first
        assert contents(folder) == {**before, **written}
        rewrite_file(path, old, new)
        written[pathlib.Path(path)] = new

    written, rewrite = {}, worker.Worker.rewrite
    monkeypatch.setattr(files, "rewrite_file", write)
    monkeypatch.setattr(worker.Worker, "rewrite", lambda *arguments: used.append(arguments[0]) or rewrite(*arguments))
    shown, used = [], []
    for options in ([], ["--write"]):
        assert main(["migrate", ".", *options]) == 2
        out, err = capsys.readouterr()
        assert re.findall(r"(?<=\+\+\+ \./)many.*", out) == [f"many{k:02}.py" for k in range(30) if k % 3]
        unread = re.findall(r"^\./(many\d\d)\.py: does not", err, re.MULTILINE)
        assert unread == [f"many{k:02}" for k in range(0, 30, 3)]
        shown.append(out)
    assert shown[0] == shown[1]
    assert len(written) == 22
    assert len(set(used)) == 4


def test_an_edit_made_meanwhile_is_kept(folder, capsys, monkeypatch):
    rewrite_file = files.rewrite_file

    def edit_first(path, *rest):
        with open(path, "a") as file:
            file.write("edited = True\n")
        rewrite_file(path, *rest)

    monkeypatch.setattr(files, "rewrite_file", edit_first)
    before = (folder / "a.py").read_text()
    assert main(["migrate", "a.py", "--write"]) == 2
    assert (folder / "a.py").read_text() == before + "edited = True\n"
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "a.py: was changed meanwhile: left alone\n0 files changed, 0 left alone, 0 unreadable, 1 not written.\n"
    )


def test_an_edit_made_while_the_new_file_is_written_is_kept(folder, monkeypatch):
    put = writing._put

    def edit_meanwhile(descriptor, data):
        put(descriptor, data)
        (folder / "a.py").write_text("edited")

    monkeypatch.setattr(writing, "_put", edit_meanwhile)
    assert main(["migrate", "a.py", "--write"]) == 2
    assert (folder / "a.py").read_text() == "edited"
    assert not list(folder.glob(".keras*"))


def test_links_out_of_the_folder_are_left_alone(folder, capsys):
    (folder / "tree").mkdir()
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "real.py").write_text(IMPORT)
    (folder / "tree" / "file.py").symlink_to("../elsewhere/real.py")
    (folder / "tree" / "folder").symlink_to("../elsewhere")
    (folder / "tree" / "inside.py").write_text(IMPORT)
    (folder / "tree" / "again.py").symlink_to("inside.py")
    assert main(["migrate", "tree", "--write"]) == 2
    assert (folder / "elsewhere" / "real.py").read_text() == IMPORT
    assert (folder / "tree" / "inside.py").read_text() == OURS
    err = capsys.readouterr().err
    assert err == "tree/file.py: is a link out of tree: left alone\n1 file changed, 0 left alone, 1 unreadable.\n"
    assert main(["migrate", "tree/file.py", "--write"]) == 0  # whoever names it means it
    assert (folder / "elsewhere" / "real.py").read_text() == OURS


def test_owner_mode_and_attributes_stay(folder):
    path = folder / "a.py"
    os.chmod(path, 0o640)
    os.setxattr(path, "user.note", b"mine")
    if os.geteuid() == 0:
        os.chown(path, 1234, 2345)
    before = path.stat()
    assert main(["migrate", "a.py", "--write"]) == 0
    after = path.stat()
    assert path.read_text().startswith(OURS)
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert after.st_ino != before.st_ino  # another file, put there at once
    assert os.getxattr(path, "user.note") == b"mine"


@pytest.mark.parametrize("forbidden", ["fchown", "setxattr", "listxattr"])
def test_what_cannot_be_given_to_another_file_stays_with_the_file(folder, monkeypatch, forbidden):
    path = folder / "a.py"
    os.setxattr(path, "user.note", b"mine")
    if forbidden == "listxattr":  # as on macOS
        monkeypatch.delattr(os, "listxattr")
    else:
        if forbidden == "fchown":
            if os.geteuid() != 0:
                pytest.skip("a file of somebody else's is needed")
            os.chown(path, 1234, 2345)

        def refuse(*_):
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, forbidden, refuse)
    before = path.stat()
    assert main(["migrate", "a.py", "--write"]) == 0
    after = path.stat()
    assert (after.st_uid, after.st_gid, after.st_ino) == (before.st_uid, before.st_gid, before.st_ino)
    assert os.getxattr(path, "user.note") == b"mine"
    assert path.read_text().startswith(OURS)
    assert not list(folder.glob(".keras*"))


def test_hard_links_stay_one_file(folder, capsys):
    (folder / "other name.py").hardlink_to(folder / "a.py")
    assert main(["migrate", ".", "--write"]) == 0
    assert (folder / "a.py").stat().st_nlink == 2
    assert (folder / "other name.py").read_bytes() == (folder / "a.py").read_bytes()
    assert (folder / "a.py").read_text().startswith(OURS)
    assert not list(folder.glob(".keras*"))
    assert capsys.readouterr().out.count("+++ ") == 2  # which are one of this file, and the notebook


FULL = """
import resource, sys
from keras_regen.compat.command_line import main
from keras_regen.compat.migrate import files

rewrite_file = files.rewrite_file

def with_less(*arguments):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    rewrite_file(*arguments)

files.rewrite_file = with_less
sys.exit(main(["migrate", sys.argv[1], "--write"]))
"""


def test_a_full_disk_leaves_the_file(folder):
    """In a process that may write so many bytes only; of the linked file as many as it has, which is too few."""
    (folder / "a.py").write_text(f"{IMPORT}\n{'#' * 5000}")
    text = f"from keras.preprocessing import image, timeseries\n{'#' * 5000}"
    (folder / "linked.py").write_text(text)
    (folder / "too.py").hardlink_to(folder / "linked.py")
    before = contents(folder)
    for name, limit in (("a.py", 1000), ("linked.py", len(text))):
        command = [sys.executable, "-c", FULL, name, str(limit)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert done.stderr.startswith(f"{name}: File too large: left alone\n"), done.stderr
        assert contents(folder) == before


def test_what_cannot_be_put_back_is_told(folder, capsys, monkeypatch):
    (folder / "linked.py").hardlink_to(folder / "a.py")
    held = (folder / "a.py").read_bytes()
    put, calls = writing._put, []

    def fail_later(descriptor, data):
        calls.append(data)
        if len(calls) > 1:
            raise OSError(5, "Input/output error")
        put(descriptor, data)

    monkeypatch.setattr(writing, "_put", fail_later)
    assert main(["migrate", "a.py", "--write"]) == 2
    told = re.match(r"a.py: is half written, and what it held is in (.*): left alone", capsys.readouterr().err)
    assert pathlib.Path(told[1]).read_bytes() == held


def test_files_that_are_read_only_stay(folder, capsys):
    os.chmod(folder / "a.py", 0o444)
    before = (folder / "a.py").read_bytes()
    assert main(["migrate", "a.py", "--write"]) == 2
    assert (folder / "a.py").read_bytes() == before
    assert stat.S_IMODE((folder / "a.py").stat().st_mode) == 0o444
    assert capsys.readouterr().err.startswith("a.py: is read-only: left alone\n")
    assert main(["migrate", "a.py"]) == 0  # which shows


def test_installed_packages_and_environments_are_left_out(folder):
    places = [
        "venv",
        ".venv",
        "node_modules",
        "lib/site-packages",
        "lib/dist-packages",
        "sub/.hidden",
        "mine",
        "package",
    ]
    for place in places:
        (folder / place).mkdir(parents=True)
        (folder / place / "c.py").write_text(IMPORT)
    (folder / "mine" / "pyvenv.cfg").touch()
    assert main(["migrate", ".", "--write"]) == 0
    changed = [place for place in places if (folder / place / "c.py").read_text() != IMPORT]
    assert changed == ["package"]


@pytest.mark.parametrize("output", ["closed pipe", "full device", "closed"])
def test_an_output_that_takes_nothing_is_no_fault_of_the_files(folder, output):
    for k in range(100):
        (folder / f"many{k}.py").write_text(IMPORT)
    code = "import sys; from keras_regen.compat.command_line import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "migrate", "."]
    if output == "closed":
        command = ["sh", "-c", '"$@" >&-', "-", *command]
    read, write = os.pipe()
    os.close(read)
    if output == "full device":
        os.close(write)
        write = os.open("/dev/full", os.O_WRONLY)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    if output == "closed":
        assert done.stderr == "102 files to change (--write does), 0 left alone, 0 unreadable.\n"
        assert done.returncode == 0
    else:
        error = "[Errno 32] Broken pipe" if output == "closed pipe" else "[Errno 28] No space left on device"
        assert done.stderr == f"keras-regen migrate: {error}\n"
        assert done.returncode == 2


def test_a_process_may_be_ended_while_it_is_at_a_file(folder):
    """As it is where the output takes no more. Both threads wait for the process then."""
    (folder / "long.py").write_text(IMPORT + "\n" + "x = f(1 + 2, a=[3, 4])\n" * 30_000)
    with concurrent.futures.ThreadPoolExecutor(1) as pool, worker.Worker() as one:
        rewriting = pool.submit(one.rewrite, str(folder / "long.py"), "long.py", "compat")
        while one._process is None:
            time.sleep(0.01)
    assert "SIGKILL" in str(rewriting.exception())


def test_it_loads_neither_tensorflow_nor_keras(folder):
    code = (
        "import sys; from keras_regen.compat.command_line import main; status = main(['migrate', '.'])\n"
        "sys.exit(status or sorted({'tensorflow', 'keras', 'numpy', 'libcst'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
