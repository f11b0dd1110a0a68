"""Two processes of PyTorch, by gloo, and two of JAX: each sample once over both, with the draws of the whole."""

import importlib.util
import json
import os
import pathlib
import socket
import subprocess
import sys

import pytest
from keras_regen.compat import to_grain

from .two_processes import seen, source


@pytest.mark.slow
@pytest.mark.parametrize("kind, others", [("torch", "torch"), ("jax", "grain")])
def test_each_sample_once_over_both(kind, others, jpeg_directory):
    for name in (kind, others, "grain"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    whole = to_grain(source(jpeg_directory), file_names=True)
    want = [seen(whole[epoch * len(whole) + number] for number in range(len(whole))) for epoch in range(2)]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = pathlib.Path(__file__).with_name("two_processes.py")
    processes = [
        subprocess.Popen(
            [sys.executable, script, kind, jpeg_directory, str(rank), str(port)],
            env={**os.environ, "KERAS_BACKEND": kind},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, errors) in zip(processes, outputs, strict=True):
        assert not process.returncode, errors
    found = [json.loads(output.splitlines()[-1]) for output, _ in outputs]
    for way in {*found[0]} - {"gradient"}:
        for epoch in range(2):
            parts = [[tuple(pair) for pair in one[way][epoch]] for one in found]
            assert len(parts[0]) == len(parts[1]) == 17
            assert sorted(parts[0] + parts[1]) == sorted(want[epoch])
    assert found[0].get("gradient") == found[1].get("gradient")
