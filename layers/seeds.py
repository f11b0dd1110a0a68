"""A layer's own stream of seeds: each is given once, across threads, replicas and processes."""

import multiprocessing
import numbers
import os
import random
import sys
import threading
import zlib

import keras
import numpy as np

from . import kernels
from .execution import engine, operations, run


class SeedStream(keras.random.SeedGenerator):
    """The seeds (seed, 0), (seed, 1), ...: each is given once, to whichever thread or element of a graph asks first.

    A copy would give the same seeds again. So the replicas of `tf.distribute`, the ranks of
    `torch.distributed`, the workers of a PyTorch `DataLoader` and forked processes fold their own number into them.

    Args:
        seed: int; None for one from Python's generator, which `keras.utils.set_random_seed` seeds.
    """

    def __init__(self, seed):
        self.given = None if seed is None else seed % 2**31  # what every backend takes
        first = self._first()
        super().__init__(first)
        if keras.backend.backend() == "tensorflow":
            self.state = keras.Variable(
                engine(None).seed_state(first), dtype="int64", trainable=False, aggregation="none", name=self.state.name
            )
        self.graph_state = None
        self.process = os.getpid()

    def next(self, ordered=True):
        """The next seed, (2,)."""
        if keras.backend.backend() == "tensorflow":
            return engine(None).next_seed(self.state)
        with _lock():
            return super().next(ordered)

    def next_for(self, images):
        """The next seed, int32 (2,), as a tensor of the kind that the images are."""
        ops, backend = operations(images), engine(None)
        seed = seed_tensor(self.next() if ops is backend.ops else self._next_in_graph(engine(images)), ops)
        for number in (backend.replica(), self._copy()):
            if number is not None:
                seed = run(kernels.fold_in, seed, ops.cast(number, "int32"))
        return seed

    def next_words(self):
        """The next seed for one image, as `seed_words` returns it; None, and nothing drawn, while a graph is traced."""
        backend = engine(None)
        if not backend.known(self.state.value):
            return None
        with _lock():
            seed = backend.next_words(self.state).astype("uint32")
        folded = [int(number) % 2**32 for number in (backend.replica(), self._copy()) if number is not None]
        return seed, np.array(folded, "uint32")

    def _next_in_graph(self, tensorflow):
        """The next seed inside `tf.data`, under another backend."""
        with _lock():
            if self.graph_state is None:
                self.graph_state = tensorflow.in_graph(tensorflow.seed_state(self._first()))
        return tensorflow.next_seed(self.graph_state)

    def _first(self):
        return random.randint(1, 10**9) if self.given is None else self.given

    def _copy(self):
        """A number that tells this process apart from others with a copy of the layer; None where it was made."""
        data = sys.modules.get("torch.utils.data")
        worker = data and data.get_worker_info()
        if worker:
            name = str(worker.seed)  # PyTorch draws it anew for every epoch
        elif self.process != os.getpid():
            name = multiprocessing.current_process().name  # which contains the number of processes started before
        else:
            return None
        return zlib.crc32(name.encode()) - 2**31


def seed_tensor(seed, ops):
    """The seed of a call as int32 (2,) or (batch, 2)."""
    if isinstance(seed, numbers.Integral):
        seed = np.array([int(seed) & 0xFFFFFFFF, (int(seed) >> 32) & 0xFFFFFFFF], "uint32").view("int32")
    seed = ops.convert_to_tensor(seed)
    if len(seed.shape) not in (1, 2) or seed.shape[-1] != 2 or "int" not in str(seed.dtype):
        raise ValueError(
            "`seed` must be None, an int, or an integer tensor of shape (2,) or (batch, 2). "
            f"Received: shape {tuple(seed.shape)}, {seed.dtype}"
        )
    return ops.cast(seed, "int32")


def seed_words(seed):
    """The seed of a call for one image, uint32 (2,), and nothing to fold into it, uint32 (0,); None for any other."""
    if isinstance(seed, numbers.Integral):
        seed = np.array([int(seed) & 0xFFFFFFFF, (int(seed) >> 32) & 0xFFFFFFFF])
    elif not engine(None).known(seed):
        return None
    seed = np.asarray(keras.ops.convert_to_numpy(seed))
    if seed.shape not in ((2,), (1, 2)) or seed.dtype.kind not in "iu":
        return None
    return seed.reshape(2).astype("int64").astype("uint32"), _NOTHING


_NOTHING = np.zeros(0, "uint32")
_locks = {}


def _lock():
    """One for this process: a forked one must not wait for a thread that it does not have."""
    return _locks.setdefault(os.getpid(), threading.RLock())
