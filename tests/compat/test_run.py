"""`keras-regen run`: a program as `python` runs it, and the old imports in all of its processes."""

import importlib.util
import os
import subprocess
import sys
import zipfile

import pytest

RUN = [sys.executable, "-c", "import sys; from keras_regen.compat.command_line import main; sys.exit(main())", "run"]
LOADED = "keras_regen.compat.image.image_data_generator"


def started(command, **options):
    """The command without the settings of the tests."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, **options)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


DUMP = """\
import re, sys
print(sys.argv, sys.path[0], sys.modules["__main__"].__dict__ is globals())
for name in sorted(name for name in globals() if name.startswith("__")):
    print(name, re.sub("0x[0-9a-f]+", "", repr(globals()[name])))
print(getattr(__loader__, "name", None), getattr(__loader__, "path", None))
"""


@pytest.fixture
def programs(folder):
    (folder / "dump.py").write_text(DUMP)
    (folder / "package" / "inner").mkdir(parents=True)
    for name in ("package/__init__.py", "package/inner/__init__.py", "package/broken.py"):
        (folder / name).write_text("")
    (folder / "package" / "broken.py").write_text("import absent_module")
    for name in ("package/module.py", "package/__main__.py", "package/inner/__main__.py", "elsewhere.py"):
        (folder / name).write_text(DUMP)
    (folder / "links").mkdir()
    (folder / "links" / "link.py").symlink_to("../dump.py")
    with zipfile.ZipFile(folder / "zipped.zip", "w") as file:
        file.writestr("__main__.py", DUMP)
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["dump.py", "a", "-m", "b", "--write", "--", "-c"],
        ["./dump.py"],
        ["package/../dump.py", "-h"],
        ["links/link.py"],
        ["package", "x"],
        ["package/"],
        ["zipped.zip"],
        ["-m", "package", "-x", "1"],
        ["-m", "package.module", "script.py", "-m"],
        ["-m", "package.inner"],
        ["-c", DUMP, "-c", "a b"],
    ],
    ids=" ".join,
)
def test_the_program_finds_what_python_gives_it(programs, arguments):
    wanted = started([sys.executable, *arguments])
    found = started([*RUN, *arguments])
    assert wanted.returncode == found.returncode == 0, found.stderr
    assert wanted.stdout.count("\n") > 8
    assert found.stdout == wanted.stdout
    assert found.stderr == ""


def test_a_compiled_script(programs):
    import py_compile

    py_compile.compile("dump.py", "dump.pyc")
    assert started([*RUN, "dump.pyc"]).stdout == started([sys.executable, "dump.pyc"]).stdout != ""


FAILURES = [
    "import sys; print(1); sys.exit(7)",
    "raise SystemExit('a message')",
    "def f():\n    1 / 0\nf()",
    "raise OSError('of the program')",
    "raise ValueError('of the program')",
    "raise KeyError('a') from TypeError('b')",
    "x = (\n",
    "raise GeneratorExit",
    "import absent_module",
    "import package.broken",
    "import sys; sys.excepthook = lambda *error: print(error[0], error[2].tb_lineno)\n1 / 0",
    "import atexit; atexit.register(lambda: print(__import__('__main__').x))\nx = 5\nraise OSError",
]


def test_the_program_ends_as_under_python(programs):
    for k, text in enumerate(FAILURES):
        (programs / f"fail{k}.py").write_text(text)
        wanted = started([sys.executable, f"fail{k}.py"])
        found = started([*RUN, f"fail{k}.py"])
        assert (found.stdout, found.stderr, found.returncode) == (wanted.stdout, wanted.stderr, wanted.returncode)


def test_an_interrupt_ends_with_130_and_the_traceback_of_the_program(folder):
    (folder / "wait.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nprint('not reached')\n")
    wanted, found = started([sys.executable, "wait.py"]), started([*RUN, "wait.py"])
    assert found.returncode == 130
    assert (found.stdout, found.stderr) == ("", wanted.stderr)
    assert wanted.stderr.endswith("KeyboardInterrupt\n")


def test_what_cannot_be_run(folder):
    absent = started([*RUN, "absent.py"])
    assert absent.returncode == 2
    assert f"No such file or directory: '{folder / 'absent.py'}'" in absent.stderr
    module = started([*RUN, "-m", "absent.module"])
    assert (module.returncode, module.stderr) == (1, "keras-regen run: there is no module 'absent.module' to run\n")
    (folder / "empty").mkdir()
    assert "There is no __main__.py in" in started([*RUN, "empty"]).stderr
    for arguments in ([], ["-m"], ["-c"]):
        nothing = started([*RUN, *arguments])
        assert nothing.returncode == 2
        assert "a script, -m module or -c code is needed" in nothing.stderr


OLD = """\
import multiprocessing, os, sys
assert __name__ != "__main__" or not {"keras", "tensorflow", "keras_regen.compat.image"} & set(sys.modules)
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # before the import, as programs do
import neighbour
from keras.preprocessing.image import ImageDataGenerator
import keras_preprocessing.image
import keras

def work(number):
    return number, ImageDataGenerator.__module__, neighbour.VALUE, __name__

if __name__ == "__main__":
    assert keras.__spec__.loader is keras.__loader__ and "SourceFileLoader" in repr(keras.__loader__)
    assert keras_preprocessing.image.ImageDataGenerator is ImageDataGenerator
    assert hasattr(keras.Model, "fit_generator")
    os.chdir("/")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(work(0), pool.map(work, [1, 2]))
    sys.exit(7)
"""


def test_old_imports_in_the_program_and_in_spawned_processes_and_nothing_on_stderr(folder):
    (folder / "neighbour.py").write_text("VALUE = 5")
    (folder / "old.py").write_text(OLD)
    done = started([*RUN, "old.py"], timeout=300)
    here, there = ((k, LOADED, 5, name) for k, name in ((0, "__main__"), (1, "__mp_main__")))
    assert (done.stdout, done.stderr) == (f"{here} {[there, (2, *there[1:])]}\n", "")
    assert done.returncode == 7


ALL_KINDS = """\
import importlib.util, multiprocessing, os, subprocess, sys

def loader(_=None):
    return type(importlib.util.find_spec("keras").loader).__module__, os.path.dirname(__file__)

if __name__ == "__main__":
    os.chdir("/")
    print(loader())
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(pool.map(loader, [0])[0])
    code = "import importlib.util, sys; print(importlib.util.find_spec('keras').loader, 'sitecustomize' in sys.modules)"
    print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip())
    isolated = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True).stdout
    print("on_import" in isolated)
    for library in sys.argv[1:]:
        executor = __import__(library).get_reusable_executor(1)
        print(list(executor.map(loader, [0]))[0])
"""


def test_every_kind_of_child_has_the_old_imports(folder):
    """Asked without the import itself, which takes seconds: which loader would load Keras?"""
    (folder / "kinds.py").write_text(ALL_KINDS)
    libraries = [name for name in ("loky",) if importlib.util.find_spec(name)]
    done = started([*RUN, "kinds.py", *libraries], timeout=300)
    assert done.returncode == 0, done.stderr
    own = str(("keras_regen.compat.installing.on_import", str(folder)))
    first, *lines = done.stdout.splitlines()
    assert first == own
    assert lines[:3] == [own] * 3
    assert lines[3].startswith("<keras_regen.compat.installing.on_import._Loader object")
    assert lines[4] == "False"  # an isolated Python is left alone
    assert lines[5:] == [own] * len(libraries)
    module = started([*RUN, "-m", "kinds", *libraries], timeout=300)
    assert module.stdout == done.stdout.replace(lines[3], module.stdout.splitlines()[4])


def test_the_sitecustomize_of_others_is_loaded_all_the_same(folder, monkeypatch):
    (folder / "sitecustomize.py").write_text("print('theirs')")
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    code = (
        "import subprocess, sys, os; print(os.environ['PYTHONPATH'].split(os.pathsep)[1]); sys.stdout.flush(); "
        "subprocess.run([sys.executable, '-c', 'import sitecustomize, sys; print(sitecustomize.__file__, sys.path)'])"
    )
    lines = started([*RUN, "-c", code]).stdout.splitlines()
    assert lines[:3] == ["theirs", str(folder), "theirs"]
    assert lines[3].startswith(f"{folder / 'sitecustomize.py'} ['', '{folder}'")
    assert "children" not in lines[3]


def test_an_import_that_fails_can_be_tried_again(folder):
    (folder / "keras.py").write_text("import os\nif os.environ.pop('BROKEN', None):\n    raise ImportError('broken')")
    code = (
        "import os, sys; from keras_regen.compat.installing import on_import\n"
        "on_import._install = lambda: print('installed')\n"
        "os.environ['BROKEN'] = '1'\n"
        "for _ in range(3):\n"
        "    try:\n"
        "        import keras\n"
        "        print(keras.__file__)\n"
        "    except ImportError as error:\n"
        "        print(error)\n"
    )
    assert started([*RUN, "-c", code]).stdout.splitlines() == ["broken", "installed", *[str(folder / "keras.py")] * 2]
