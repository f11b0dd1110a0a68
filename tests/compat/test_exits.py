"""The interpreter ends while iterators of datasets are alive."""

import collections
import os
import subprocess
import sys
import textwrap
import time

import pytest

BEGIN = """
import sys, threading
import numpy as np
from keras_regen.compat import ImageDataGenerator, to_dataset, to_device
from keras_regen.compat.sequence import TimeseriesGenerator

folder, kind, place = sys.argv[1:]
generator = ImageDataGenerator(rotation_range=20, horizontal_flip=True)

def files(generator=generator, **arguments):
    return generator.flow_from_directory(folder, target_size=(20, 24), batch_size=4, seed=1, **arguments)

def batches():
    while True:
        yield np.zeros((4, 3))

if kind == "files":
    dataset = to_dataset(files(), repeat=True)
elif kind == "flow":
    dataset = files()
elif kind == "keras":
    dataset = to_dataset(files(decode="keras"), repeat=True)
elif kind == "arrays":
    dataset = to_dataset(generator.flow(np.zeros((999, 8, 8, 3), "float32"), batch_size=4), repeat=True)
elif kind == "split":
    dataset = to_device(files(), repeat=True)[0]
elif kind == "stateless":
    dataset = to_dataset(files(), draws="stateless", repeat=True)
elif kind == "iterators":
    noisy = ImageDataGenerator(preprocessing_function=lambda x: x + np.random.random())
    dataset = to_dataset(files(noisy), repeat=True)
elif kind == "sequence":
    dataset = to_dataset([np.zeros((4, 3))] * 999)
elif kind == "series":
    series = np.zeros((40, 3))
    dataset = to_dataset(TimeseriesGenerator(series, series, 4, shuffle=True, batch_size=4), repeat=True)
elif kind == "own":  # beside one of ours, of which this asks that no thread of it is in Python any more
    import atexit, os, time
    import tensorflow as tf

    def quiet():
        before = len(calls)
        time.sleep(0.2)
        if len(calls) > before:
            os._exit(3)

    calls = []
    atexit.register(quiet)  # called last, as it is registered first
    ours = iter(to_dataset(generator.flow(np.zeros((9, 8, 8, 3), "float32"), batch_size=4), repeat=True))
    next(ours)
    call = lambda number: tf.numpy_function(calls.append, [number], [])
    dataset = tf.data.Dataset.range(10**7).map(lambda number: (call(number), number)[1]).prefetch(10**7)
else:
    dataset = to_dataset(batches)
"""
PLACES = {
    "global": "iterator = iter(dataset)\nnext(iterator)\n",
    "cycle": "cycle = [iter(dataset)]\ncycle.append(cycle)\nnext(cycle[0])\ndel cycle\n",
    "thread": """
def pull(begun):
    for _ in dataset:
        begun.set()
begun = threading.Event()
threading.Thread(target=pull, args=(begun,), daemon=True).start()
begun.wait()
""",
    "sys.exit": "iterator = iter(dataset)\nnext(iterator)\nsys.exit(0)\n",
}
KINDS = ("files", "flow", "keras", "arrays", "split", "stateless", "iterators", "sequence", "series", "iterable", "own")


FORKS = """
# What takes seconds is imported once. Each case is a fork that goes on as a program, to the end of its interpreter.
import os, sys, time
import keras, numpy, tensorflow

folder, at_once, patience, *cases = sys.argv[1:]
running = {}

def wait_for_one():
    while True:
        for process, (case, deadline) in [*running.items()]:
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended or time.monotonic() > deadline:
                if not ended:
                    os.kill(process, 9)
                    os.waitpid(process, 0)
                del running[process]
                print(case, os.waitstatus_to_exitcode(status) if ended else "hangs", flush=True)
                return
        time.sleep(0.01)

while cases or running:
    if not cases or len(running) == int(at_once):
        wait_for_one()
        continue
    case = cases.pop()
    process = os.fork()
    if process == 0:
        break
    running[process] = case, time.monotonic() + float(patience)
else:
    sys.exit()
kind, place = case.split("/")
sys.argv = ["", folder, kind, place]
"""


def outcomes(directory, cases):
    """How often each outcome of each case: 0 where a program ended well, else its exit code, or that it hangs."""
    ends = "".join(f"if place == {place!r}:\n{textwrap.indent(code, '    ')}\n" for place, code in PLACES.items())
    command = [sys.executable, "-W", "ignore", "-c", FORKS + BEGIN + ends, str(directory), "2", "120", *cases]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=3600, check=False)
    found = collections.Counter(line for line in run.stdout.splitlines() if line.split(" ")[0] in cases)
    assert sum(found.values()) == len(cases), run.stderr[-2000:]
    return found, run.stderr[-2000:]


def test_the_interpreter_ends(jpeg_directory):
    cases = ["files/global", "keras/global", "iterators/cycle", "sequence/thread", "own/sys.exit"]
    found, said = outcomes(jpeg_directory, cases)
    assert found == dict.fromkeys([f"{case} 0" for case in cases], 1), said


RUNS = 10
"""How often each program is run, at four places each: of one kind 4 programs of 110 hung when they did."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_interpreter_always_ends(kind, jpeg_directory):
    cases = [f"{kind}/{place}" for place in PLACES]
    found, said = outcomes(jpeg_directory, RUNS * cases)
    assert found == dict.fromkeys([f"{case} 0" for case in cases], RUNS), said


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["files", "stateless", "flow"])
def test_kernels_of_notebooks_are_interrupted_and_restarted(kind, jpeg_directory):
    """An interrupt ends the cell and leaves the iterator, and a restart, which kills after five seconds, need not."""
    jupyter = pytest.importorskip("jupyter_client", reason="pip install jupyter_client ipykernel")
    begin = f"import sys\nsys.argv = ['', {str(jpeg_directory)!r}, {kind!r}, '']\n{BEGIN}{PLACES['global']}"
    for _ in range(RUNS):
        manager = jupyter.KernelManager()
        manager.start_kernel()
        kernel = manager.client()
        kernel.start_channels()
        kernel.wait_for_ready(60)
        assert kernel.execute_interactive(begin, timeout=60)["content"]["status"] == "ok"
        looping = kernel.execute("while True:\n    next(iterator)")
        time.sleep(0.2)
        manager.interrupt_kernel()
        reply = kernel.get_shell_msg(timeout=60)
        assert (reply["parent_header"]["msg_id"], reply["content"]["ename"]) == (looping, "KeyboardInterrupt")
        assert kernel.execute_interactive("next(iterator)", timeout=60)["content"]["status"] == "ok"
        process = manager.provisioner.process
        kernel.shutdown(restart=True)
        assert process.wait(60) == 0
        kernel.stop_channels()
        manager.cleanup_resources()
