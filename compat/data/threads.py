"""Threads of Python's own. They are daemons: none of them keeps the interpreter from ending."""

import atexit
import functools
import gc
import os
import queue
import sys
import threading
import time

import numpy as np

from .needing_tensorflow import tensorflow_if_loaded

PATIENCE = 3.0
"""Seconds that foreign code is given to finish when the interpreter ends."""

_process = os.getpid()

drawing = threading.RLock()
"""Held while NumPy's global generator, which is one for all iterators and threads, is drawn from, or set back."""

MOST_AT_ONCE = min(32, os.cpu_count() or 1)
"""How many calls of `at_once` run at a time."""


def watched(function):
    """What a function without arguments returns, and whether it drew from NumPy's global generator, which is set back
    if so."""
    with drawing:
        state = np.random.get_state()
        result = function()
        draws = not same_state(np.random.get_state(), state)
        if draws:
            np.random.set_state(state)
    return result, draws


def same_state(a, b):
    """Whether two states of NumPy's global generator are one."""
    return a[2:] == b[2:] and np.array_equal(a[1], b[1])


def forked():
    """Whether this process is a fork of the one that imported this module: TensorFlow hangs in it."""
    return os.getpid() != _process


class Ended(Exception):
    """The interpreter is ending, and no more work is taken on."""


class Gate:
    """Threads are inside, in a `with` block, while they may be in TensorFlow or in foreign code.

    Before the interpreter ends, it lets nobody in any more, waits for them, and ends the iterators of `tf.data`, whose
    threads would come again. Otherwise a thread of TensorFlow would die of asking for the lock of an interpreter that
    is gone, and its iterator would wait for it for ever, or a thread of Python would come back to it from TensorFlow,
    which takes the process down. The main thread, which ends the interpreter, walks by, as does a fork, which has none
    of the threads.
    """

    def __init__(self):
        self._changed, self._inside, self._closed = threading.Condition(), 0, False
        self._end_iterators, self._no_iterators = threading.Event(), threading.Event()

    def __enter__(self):
        if _walks_by():
            return
        with self._changed:
            _close_at_exit()
            if self._closed:
                raise Ended("The interpreter ends.")
            self._inside += 1

    def __exit__(self, *raised):
        if not _walks_by():
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def close(self):
        """Let nobody in any more, and wait until all are out and their iterators gone, for `PATIENCE` seconds each."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._inside, PATIENCE)
        self._end_iterators.set()
        self._no_iterators.wait(PATIENCE)
        # A thread of TensorFlow returns from here to code of Keras, which it has to leave, too.
        deadline, since = time.monotonic() + PATIENCE, time.monotonic()
        while since + 0.01 > time.monotonic() < deadline:
            time.sleep(0.001)
            if _python_in_foreign_threads():
                since = time.monotonic()

    def end_iterators(self):
        """When told to, take from all iterators of `tf.data` what keeps their threads going, and wait for these."""
        self._end_iterators.wait()
        tf = tensorflow_if_loaded()
        for iterator in [thing for thing in gc.get_objects() if tf and tf.data.Iterator in type(thing).__mro__]:
            while vars(iterator):
                vars(iterator).popitem()  # the iterator in TensorFlow before the dataset, of which it calls functions
        self._no_iterators.set()


gate = Gate()


def gated(function):
    """The function, called inside the gate: for TensorFlow, which calls it in its own threads."""

    def call(*arguments):
        with gate:
            return function(*arguments)

    return call


def gated_passes(begin):
    """The function, which returns an iterator, as one whose elements are made inside the gate."""

    def one_pass():
        pull = gated(functools.partial(next, iter(gated(begin)()), _NOTHING))
        while (element := pull()) is not _NOTHING:
            yield element

    return one_pass


_NOTHING = object()


def _python_in_foreign_threads():
    """Whether a thread that Python did not start is running Python code."""
    own = {thread.ident for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)}
    return not own >= sys._current_frames().keys()


def _walks_by():
    return forked() or threading.get_ident() == threading.main_thread().ident


@functools.cache
def _close_at_exit():
    # A thread, as what an iterator waits for may never come; begun now, as none can begin when the interpreter ends.
    threading.Thread(target=gate.end_iterators, daemon=True).start()
    atexit.register(lambda: forked() or gate.close())


def at_once(work, count):
    """Call a function without arguments `count` times at once, and wait for all calls.

    They share what there is to do, so that in a call of another such function it is called once, in the same thread.

    Raises:
        BaseException: what the first call that failed raised.
    """
    if getattr(_of_thread, "works", False):  # what waits for tasks in one of the threads that do them may wait for ever
        work()
        return
    tasks, done = _tasks(os.getpid()), queue.SimpleQueue()

    def task():
        try:
            done.put(work())
        except BaseException as error:
            done.put(error)

    for _ in range(count):
        tasks.put(task)
    for result in [done.get() for _ in range(count)]:
        if isinstance(result, BaseException):
            raise result


_of_thread = threading.local()


@functools.lru_cache(maxsize=1)
def _tasks(process):
    """The tasks of the threads of this process. A fork inherits the object but not the threads, so it makes its own."""
    tasks = queue.SimpleQueue()

    def work():
        _of_thread.works = True
        while True:
            tasks.get()()

    for _ in range(MOST_AT_ONCE):
        threading.Thread(target=work, daemon=True, name=f"keras_regen_{process}").start()
    return tasks
