"""Ctrl-C while numbers are drawn, and forks while threads draw."""

import os
import subprocess
import sys

import numpy as np
import pytest
from keras_regen.compat import ImageDataGenerator
from keras_regen.compat.image.iterator import plan_epoch

X = np.random.RandomState(0).uniform(0, 255, (22, 6, 6, 3)).astype("float32")


def flow(**arguments):
    return ImageDataGenerator(horizontal_flip=True).flow(X, np.arange(22), batch_size=4, shuffle=True, **arguments)


@pytest.mark.parametrize("function", ["seed", "permutation"])
@pytest.mark.parametrize("pull", [next, lambda iterator: iterator[0]], ids=["next", "[0]"])
def test_an_interrupted_draw_can_be_repeated(function, pull, monkeypatch):
    iterator, twin = flow(seed=3), flow(seed=3)

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np.random, function, interrupt)
        with pytest.raises(KeyboardInterrupt):
            pull(iterator)
    assert (iterator.batch_index, iterator.total_batches_seen) == (0, 0)
    for _ in range(8):
        for got, wanted in zip(pull(iterator), pull(twin), strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_an_interrupted_plan_leaves_no_trace(monkeypatch):
    iterator, calls, seed = flow(seed=3), [], np.random.seed
    next(iterator)
    before = (iterator.batch_index, iterator.total_batches_seen, iterator.index_array.copy())

    def interrupt(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        seed(*arguments)

    monkeypatch.setattr(np.random, "seed", interrupt)
    with pytest.raises(KeyboardInterrupt):
        plan_epoch([iterator])
    assert (iterator.batch_index, iterator.total_batches_seen) == before[:2]
    np.testing.assert_array_equal(iterator.index_array, before[2])


FORKS = """
import os, signal, threading
import numpy as np
from keras_regen.compat import ImageDataGenerator
flow = ImageDataGenerator(horizontal_flip=True).flow(np.zeros((64, 4, 4, 3)), batch_size=2, seed=1)
def draw():
    while True:
        next(flow)
for _ in range(3):
    threading.Thread(target=draw, daemon=True).start()
for _ in range(60):
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # ends a child that waits for ever
        next(flow), flow[0]
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_fork_while_threads_draw():
    run = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, timeout=200, check=False)
    assert run.returncode == 0, run.stderr.decode()[-2000:]
