"""The scripts that need a device run on a CPU, with small sizes."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_gpu(backend):
    pytest.importorskip(backend)
    command = [sys.executable, "-m", "tests.benchmarks.gpu", "--batch", "4", "--size", "32", "--rounds", "1"]
    environment = {**os.environ, "KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": ""}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    names = [line.split(" | ")[0].removeprefix("| ") for line in run.stdout.splitlines() if line.startswith("| ")]
    for name in ("Keras's five layers", "`RandomAffine`, all five", "the device's half of `to_device`, all five"):
        assert names.count(name) == 2, run.stdout
