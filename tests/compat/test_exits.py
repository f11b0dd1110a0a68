"""The interpreter ends while iterators of datasets are alive."""

import os
import subprocess
import sys

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
KINDS = ("files", "keras", "arrays", "split", "stateless", "iterators", "sequence", "series", "iterable")


def run(directory, cases, times=1):
    """How many of the runs of each case end, two at a time."""
    waiting, running, ended = [case for case in cases for _ in range(times)], [], dict.fromkeys(cases, 0)
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    while waiting or running:
        while waiting and len(running) < 2:
            kind, place = case = waiting.pop()
            command = [sys.executable, "-W", "ignore", "-c", BEGIN + PLACES[place], str(directory), kind, place]
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            running.append((case, process))
        case, process = running.pop(0)
        try:
            _, said = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        else:
            assert process.returncode == 0, (case, said.decode()[-2000:])
            ended[case] += 1
    return ended


def test_the_interpreter_ends(jpeg_directory):
    cases = [("files", "global"), ("keras", "global"), ("iterators", "cycle"), ("sequence", "thread")]
    assert run(jpeg_directory, cases) == dict.fromkeys(cases, 1)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_interpreter_always_ends(kind, place, jpeg_directory):
    assert run(jpeg_directory, [(kind, place)], times=10) == {(kind, place): 10}
