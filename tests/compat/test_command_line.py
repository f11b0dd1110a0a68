"""What all commands share: they load what they use, keep TensorFlow's notices to themselves, and end with Ctrl-C."""

import importlib.metadata
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from keras_regen.compat import command_line
from keras_regen.compat.command_line import main

COMMAND = [sys.executable, "-c", "import sys; from keras_regen.compat.command_line import main; sys.exit(main())"]


def run_python(code, **environment):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "", **environment}
    environment = {name: value for name, value in environment.items() if value}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, env=environment)


def test_names_are_loaded_when_they_are_used():
    code = """if True:
        import sys, keras_regen.compat as compat
        from keras_regen.compat.command_line import main
        assert {*compat.__all__, "image"} <= set(dir(compat))
        assert not hasattr(compat, "absent") and hasattr(compat, "__path__")
        try:
            main(["--help"])
        except SystemExit as stop:
            assert stop.code == 0
        try:
            main(["--version"])
        except SystemExit as stop:
            assert stop.code == 0
        assert not {"tensorflow", "keras", "numpy", "PIL", "libcst"} & set(sys.modules)
    """
    done = run_python(code)
    assert done.returncode == 0, done.stderr.decode()
    assert b"migrate" in done.stdout
    assert f"keras-regen {importlib.metadata.version('keras-regen')}".encode() in done.stdout


def test_every_name_is_there():
    from keras_regen import compat

    names = {}
    exec("from keras_regen.compat import *", names)
    for name in compat.__all__:
        assert names[name] is getattr(compat, name)
        assert names[name].__name__ == name
    assert compat.image.ImageDataGenerator is compat.ImageDataGenerator
    assert compat.__version__ == importlib.metadata.version("keras-regen")
    with pytest.raises(AttributeError, match=r"module 'keras_regen.compat' has no attribute 'ImageDataGenerators'"):
        compat.ImageDataGenerators  # noqa: B018 - that is the test


# Notices: those of TensorFlow 2.16 to 2.21 on machines with a GPU and without

NOTICES = rb"""WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795275432.726803   20560 port.cc:153] oneDNN custom operations are on. You may see slightly different
I0000 00:00:1795275432.727182   20560 cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU will not be
2026-11-21 10:00:00.123456: I tensorflow/core/util/port.cc:153] oneDNN custom operations are on.
2026-11-21 10:00:00.123456: E external/local_xla/xla/stream_executor/cuda/cuda_dnn.cc:9261] Unable to register cuDNN \
factory: Attempting to register factory for plugin cuDNN when one has already been registered
E0000 00:00:1795275432.7 20560 cuda_blas.cc:1] Unable to register cuBLAS factory: Attempting to register factory
W0000 00:00:1795275432.7 20560 computation_placer.cc:177] computation placer already registered. Please check linkage
2026-11-21 10:00:00.123456: W tensorflow/compiler/tf2tensorrt/utils/py_utils.cc:38] TF-TRT Warning: Could not find \
TensorRT
To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow with the appropriate compiler \
flags.
E0000 00:00:1795275436.475296   20560 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed call to \
cuInit: UNKNOWN ERROR (303)
2026-11-21 10:00:00.1: E external/x/cuda_driver.cc:266] failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable
""".replace(b"\\\n", b"")
NEWS = b"""Traceback (most recent call last):
I am no notice
2026-11-21 10:00:00.123456: W tensorflow/core/common_runtime/gpu/gpu_device.cc:2343] Cannot dlopen some GPU libraries.
E0000 00:00:1795275436.475296   20560 cuda_platform.cc:52] failed call to cuInit: INTERNAL: UNKNOWN ERROR (803)
F0000 00:00:1795275436.475296   20560 cpu_feature_guard.cc:1] TensorFlow was compiled to use AVX instructions
/x/y.py:1: UserWarning: something
no line ending"""
WRITE = f"""
import os, subprocess, sys, time
from keras_regen.compat import notices
with notices.without_notices():
    os.write(2, {NOTICES!r})
    os.write(2, {NEWS!r})
    if "abort" in sys.argv:
        os.abort()
print("afterwards", file=sys.stderr)
"""


def test_notices_are_left_out_and_all_else_is_passed_on():
    assert run_python(WRITE).stderr == NEWS + b"afterwards\n"
    assert run_python(WRITE, TF_CPP_MIN_LOG_LEVEL="3").stderr == NEWS + b"afterwards\n"
    assert run_python(WRITE, TF_CPP_MIN_LOG_LEVEL="0").stderr == NOTICES + NEWS + b"afterwards\n"


def test_the_last_words_of_a_process_arrive():
    done = run_python(f"import sys; sys.argv.append('abort')\n{WRITE}")
    assert done.returncode == -signal.SIGABRT
    assert done.stderr == NEWS


def test_what_holds_stderr_is_not_waited_for():
    code = """if True:
        import subprocess, sys
        from keras_regen.compat import notices
        notices._PATIENCE = 0.1
        with notices.without_notices():
            held = subprocess.Popen(["sleep", "60"])
        print(held.poll(), file=sys.stderr)
        held.kill()
        held.wait()
    """
    assert run_python(code).stderr == b"None\n"


# Ctrl-C


@pytest.mark.skipif(not pathlib.Path("/proc/self/maps").exists(), reason="looks into /proc for what is loaded")
def test_ctrl_c_at_the_start_ends_at_once_and_without_a_word(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    command = [*COMMAND, "bench", str(tmp_path)]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    maps = pathlib.Path(f"/proc/{started.pid}/maps")
    while started.poll() is None and "tensorflow" not in maps.read_text():
        time.sleep(0.01)
    started.send_signal(signal.SIGINT)
    assert started.communicate(timeout=60) == (b"", b"")
    assert started.returncode == 130


def test_ctrl_c_in_a_command_is_its_exit_status(monkeypatch, capsys):
    def interrupted(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "_load", lambda _: interrupted)
    for command in (["bench", "x"], ["check", "x"], ["demo"], ["explain", "x"], ["migrate", "x"]):
        assert main(command) == 130
    assert capsys.readouterr() == ("", "")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


class Loses:
    """Has what C code has when it calls back: nobody to pass an exception on to."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_that_is_lost_in_a_callback_comes_again(monkeypatch, capsys):
    def command(**_):
        lost = Loses()
        del lost
        time.sleep(30)

    monkeypatch.setattr(command_line, "_PATIENCE", 0.05)
    monkeypatch.setattr(command_line, "_load", lambda _: command)
    hook = sys.unraisablehook
    begun = time.monotonic()
    assert main(["demo"]) == 130
    assert time.monotonic() - begun < 20  # not the end of the sleep
    assert capsys.readouterr() == ("", "")
    assert sys.unraisablehook is hook
    time.sleep(0.1)  # and not once more


def test_a_handler_of_somebody_else_stays(monkeypatch):
    monkeypatch.setattr(command_line, "_load", lambda _: lambda **_: signal.raise_signal(signal.SIGINT))
    got = []
    before = signal.signal(signal.SIGINT, lambda *_: got.append(1))
    try:
        assert main(["demo"]) == 0
    finally:
        signal.signal(signal.SIGINT, before)
    assert got == [1]


def test_every_file_beside_the_packages_is_shipped():
    tomllib = pytest.importorskip("tomllib")  # Python 3.11
    root = pathlib.Path(command_line.__file__).parents[1]
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent for path in root.glob("compat/**/__init__.py")}
    beside = [path for path in root.glob("compat/**/*.py") if path.parent not in folders]
    assert [str(path.relative_to(root / "compat/installing")) for path in beside] == [
        *settings["package-data"]["keras_regen.compat.installing"]
    ]
