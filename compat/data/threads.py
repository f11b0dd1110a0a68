"""Threads of Python's own. They are daemons: none of them keeps the interpreter from ending."""

import atexit
import functools
import os
import queue
import sys
import threading
import time

PATIENCE = 3.0
"""Seconds that foreign code is given to finish when the interpreter ends."""

_process = os.getpid()

MOST_AT_ONCE = min(32, os.cpu_count() or 1)
"""How many calls of `at_once` run at a time."""


def forked():
    """Whether this process is a fork of the one that imported this module: TensorFlow hangs in it."""
    return os.getpid() != _process


class Ended(Exception):
    """The interpreter is ending, and no more work is taken on."""


class Gate:
    """Threads are inside, in a `with` block, while they may be in TensorFlow or in foreign code.

    Before the interpreter ends, it waits for them and then lets nobody in. Otherwise a thread of TensorFlow would wait
    for the lock of an interpreter that is gone, or a thread of Python would come back to it from TensorFlow, which
    takes the process down. The main thread, which ends the interpreter, walks by, as does a fork, which has none of
    the threads.
    """

    def __init__(self):
        self._changed, self._inside, self._closed = threading.Condition(), 0, False

    def __enter__(self):
        if _walks_by():
            return
        _close_at_exit()
        with self._changed:
            if self._closed:
                raise Ended("The interpreter ends.")
            self._inside += 1

    def __exit__(self, *raised):
        if not _walks_by():
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def close(self):
        """Let nobody in any more, and wait until all are out, for `PATIENCE` seconds at most."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._inside, PATIENCE)
        # A thread of TensorFlow returns from here to code of Keras, which it has to leave, too.
        deadline, since = time.monotonic() + PATIENCE, time.monotonic()
        while since + 0.01 > time.monotonic() < deadline:
            time.sleep(0.001)
            if _python_in_foreign_threads():
                since = time.monotonic()


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
    atexit.register(lambda: forked() or gate.close())


def at_once(work, count):
    """Call a function without arguments `count` times at once, and wait for all calls.

    Raises:
        BaseException: what the first call that failed raised.
    """
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


@functools.lru_cache(maxsize=1)
def _tasks(process):
    """The tasks of the threads of this process. A fork inherits the object but not the threads, so it makes its own."""
    tasks = queue.SimpleQueue()

    def work():
        while True:
            tasks.get()()

    for _ in range(MOST_AT_ONCE):
        threading.Thread(target=work, daemon=True, name=f"keras_regen_{process}").start()
    return tasks
