"""Reading and rewriting in a process of its own: whatever a file does to it, the other files are done all the same.

LibCST's parser is native code, which ends the process where its stack does, and takes time and memory that grow with
the square of some depths. So the limits are those of a process, and nobody has to know what a file must not hold.
"""

import difflib
import faulthandler
import functools
import hashlib
import io
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import tokenize
from dataclasses import dataclass

from .writing import read_regular

SECONDS, GIB = 60, 4
"""What one file may take, and all of the process."""
_LARGEST = 1 << 27  # bytes of a file
_MOST = 64  # modules beside a file that are looked through
_STACK = 1 << 28  # bytes, for a sum of thousands of terms is as many calls deep


@dataclass(frozen=True)
class Rewritten:
    """A file that was read. `old` is the SHA-256 of its bytes, `new` and `diff` are None where nothing changes."""

    old: bytes
    new: bytes | None
    diff: str | None
    findings: list


class Worker:
    """The process, which is started when it is needed, and again after it was ended. Use it in a `with` statement."""

    def __init__(self):
        self._process = None
        self._in_use = threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        process = self._process
        if process is not None:
            process.kill()
        with self._in_use:  # another thread, which was in `rewrite`, is out of it then
            if self._process is not None:
                self._process.communicate()

    def rewrite(self, path, name, target, only_data=False):
        """What `rewrite` or `rewrite_notebook` makes of a file.

        Args:
            path: the file.
            name: what it is called in the diff.
            target, only_data: see `rewrite`.

        Returns:
            A `Rewritten`.

        Raises:
            ValueError: with the reason.
        """
        with self._in_use:
            if self._process is None:
                self._process = _start()
            try:
                self._process.stdin.write(json.dumps([path, name, target, only_data]).encode() + b"\n")
                self._process.stdin.flush()
                answer = pickle.load(self._process.stdout)
            except (OSError, EOFError, pickle.UnpicklingError):
                process, self._process = self._process, None
                process.communicate()
                raise ValueError(_end(process.returncode)) from None
        if isinstance(answer, str):
            raise ValueError(answer)
        return answer


def serve():
    """Answer the requests on stdin, one a line, on stdout, until there are no more: the whole of the process."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        import resource  # noqa: PLC0415 - not on Windows

        resource.setrlimit(resource.RLIMIT_AS, (GIB << 30, GIB << 30))
    except (ImportError, ValueError, OSError):
        pass  # no limit, then, but the time
    threading.stack_size(_STACK)
    sys.setrecursionlimit(1 << 30)
    thread = threading.Thread(target=_answer_all, args=[answers])
    thread.start()
    thread.join()


def _answer_all(answers):
    for line in sys.stdin.buffer:
        faulthandler.dump_traceback_later(SECONDS, exit=True)  # a thread in C, which needs no lock of Python
        try:
            answer = _rewrite(*json.loads(line))
        except BaseException as error:  # Rust's panics are none of the others
            answer = _reason(error)
        faulthandler.cancel_dump_traceback_later()
        pickle.dump(answer, answers)
        answers.flush()


def _rewrite(path, name, target, only_data):
    from .rewrite import rewrite, rewrite_notebook  # noqa: PLC0415 - what fails here is a reason, too

    data = read_regular(path, _LARGEST)
    text, encoding = _decoded(data, path)
    beside = functools.partial(_module_beside, os.path.dirname(path))
    new, findings = (rewrite_notebook if path.endswith(".ipynb") else rewrite)(text, target, only_data, beside)
    if new == text:
        return Rewritten(hashlib.sha256(data).digest(), None, None, findings)
    return Rewritten(hashlib.sha256(data).digest(), new.encode(encoding), "".join(_diff(name, text, new)), findings)


def _module_beside(folder, name):
    """The text of the module that a program in a folder imports by a name, None if it cannot be read there.

    Where it is not in the folder, it may be in the one around that, which programs are started in, too. "*" is for all
    modules of the folder, one after another.
    """
    if name == "*":
        names = sorted(one[:-3] for one in os.listdir(folder or ".") if one.endswith(".py"))[:_MOST]
        return "\n".join(text for one in names if (text := _module_beside(folder, one)) is not None)
    path = os.path.join(*name.split(".")) + ".py"
    for home in (folder, os.path.join(folder, os.pardir)):
        if os.path.exists(os.path.join(home, path)):
            try:
                return _decoded(read_regular(os.path.join(home, path), _LARGEST >> 7), path)[0]
            except (OSError, ValueError, SyntaxError, LookupError):
                return None
    return None


def _decoded(data, path):
    """The text of a file, line endings as they are, and its encoding."""
    encoding = "utf-8"
    if not path.endswith(".ipynb"):
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    text = data.decode(encoding)
    if text.encode(encoding) != data:
        raise ValueError(f"cannot be written in its encoding, {encoding}, as it is")
    return text, encoding


def _diff(name, old, new):
    old, new = ([line for line in re.split(r"(?<=\n)", text) if line] for text in (old, new))
    for line in difflib.unified_diff(old, new, name, name):
        yield line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"


def _reason(error):
    """The message of an exception, for people."""
    if isinstance(error, MemoryError):
        return f"needs more than {GIB} GiB of memory"
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, (ValueError, SyntaxError, LookupError)):
        return str(error)
    return f"{type(error).__name__}, please report this: {error}"


def _start():
    code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve()"
    # Ctrl-C is for the process that asks, which then ends this one.
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True, **options)


def _end(status):
    """Why there was no answer, from the exit status."""
    if status == 1:
        return f"takes more than {SECONDS} seconds"
    how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    return f"is nested too deeply, or too large, to parse ({how})"
