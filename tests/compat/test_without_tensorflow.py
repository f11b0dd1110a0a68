"""The iterators where TensorFlow is not installed: the batches of the legacy module, on JAX and on PyTorch."""

import os
import pathlib
import subprocess
import sys

import pytest

BLOCK = """
import sys

class Without:
    '''A finder of modules, as if these were not installed.'''

    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ("tensorflow", "tf_keras"):
            return self.finder.find_spec(name, path, target)

sys.meta_path[:] = map(Without, sys.meta_path)
"""


def run(script, backend, *arguments):
    pytest.importorskip(backend)
    environment = {**os.environ, "KERAS_BACKEND": backend, "MPLBACKEND": "agg"}
    command = [sys.executable, "-W", "error::UserWarning:keras_regen", "-c", BLOCK + script, *map(str, arguments)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert not result.returncode, result.stderr
    return result.stdout


SCRIPT = pathlib.Path(__file__).with_name("without_tensorflow.py")


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_all_but_tf_data_works(backend, mixed_directory, jpeg_directory, tmp_path):
    every = 1 if os.environ.get("KERAS_REGEN_EVERY") else 9
    assert run(SCRIPT.read_text(), backend, mixed_directory, jpeg_directory, tmp_path, every).endswith("done\n")


@pytest.mark.parametrize("name, backend", [("grain", "jax"), ("torch", "torch")])
def test_workers_of_grain_and_of_pytorch(name, backend, jpeg_directory, tmp_path):
    """In a script, which PyTorch's workers begun by spawn import anew, and Grain's do not."""
    pytest.importorskip(name)
    pytest.importorskip(backend)
    script = tmp_path / "script.py"
    script.write_text(BLOCK + SCRIPT.with_name(f"{name}_workers.py").read_text())
    environment = {**os.environ, "KERAS_BACKEND": backend}
    command = [sys.executable, script, jpeg_directory]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert result.stdout.endswith("done\n"), result.stderr


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_it_is_not_imported_before_it_is_needed(backend):
    """Where it is installed, too."""
    code = (
        "import sys; from keras_regen.compat import ImageDataGenerator, preview, explain; import keras_regen.layers; "
    )
    code += "ImageDataGenerator(rotation_range=9).to_layers(); assert 'tensorflow' not in sys.modules"
    pytest.importorskip(backend)
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "KERAS_BACKEND": backend}, check=True)
