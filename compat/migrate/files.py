"""`keras-regen migrate`: show or write what rewriting changes in files."""

import concurrent.futures
import contextlib
import importlib.util
import os
import queue
import sys
import time

from .worker import Worker
from .writing import rewrite_file

_SKIPPED = ("__pycache__", "dist-packages", "node_modules", "site-packages", "venv")
_QUIET = 2.0  # seconds until progress is shown
_AT_ONCE = min(os.cpu_count() or 1, 8)  # processes, each of which may take some gigabytes
_ENVIRONMENT = "pyvenv.cfg"
"""A file in the folder of every virtual environment, whatever its name."""


def migrate(paths, write=False, target="compat", only_data=False):
    """Print a unified diff of what `rewrite` changes in files, and on stderr what it left alone.

    Nothing of the programs is run. Each file is done in bounded time and memory, or named with the reason why not; the
    others are done all the same. See `keras-regen migrate --help`.

    Args:
        paths: files, and folders whose `.py` and `.ipynb` files are taken, but for those in hidden folders, virtual
            environments and installed packages, and for links to files elsewhere.
        write: whether to write the changes. See `rewrite_file` for what stays.
        target: "compat" or "modern": see `rewrite`.
        only_data: whether to leave what has nothing to do with the data: see `rewrite`.

    Returns:
        2 if a file could not be read, parsed or written, otherwise 0.

    Raises:
        ValueError: LibCST is not installed.
        OSError: stdout is closed or full. The files until then are done.
    """
    if importlib.util.find_spec("libcst") is None:
        raise ValueError("rewriting needs LibCST: pip install 'keras-regen[libcst]'")
    changed, findings, errors, unwritten = 0, [], [], []
    files = list(_files(paths, errors))
    with contextlib.closing(_rewritten(files, target, only_data)) as rewritten:
        # What stands in a file may depend on the files beside it: all are read before one is written.
        for name, path, found in list(rewritten) if write else rewritten:
            if isinstance(found, ValueError):
                errors.append(f"{name}: {found}")
                continue
            findings += [f"{name}:{where}: {reason}" for where, reason in found.findings]
            if found.new is None:
                continue
            if write:
                try:
                    rewrite_file(path, found.old, found.new)
                except (OSError, ValueError) as error:
                    unwritten.append(f"{name}: {getattr(error, 'strerror', None) or error}: left alone")
                    continue
            changed += 1
            _print(found.diff, sys.stdout)
    for line in (*findings, *errors, *unwritten):
        _print(line + "\n", sys.stderr)
    done = "changed" if write else "to change (--write does)"
    files = "1 file" if changed == 1 else f"{changed} files"
    more = f", {len(unwritten)} not written" if unwritten else ""
    _print(f"{files} {done}, {len(findings)} left alone, {len(errors)} unreadable{more}.\n", sys.stderr)
    return 2 if errors or unwritten else 0


def _rewritten(files, target, only_data):
    """Yield the name and path of each file, in order, and what `Worker.rewrite` says of it, or its ValueError."""
    shown, started = sys.stderr is not None and sys.stderr.isatty(), time.monotonic()
    idle = queue.SimpleQueue()

    def rewrite(file):
        worker, (name, path) = idle.get(), file
        try:
            return name, path, worker.rewrite(path, name, target, only_data)
        except ValueError as error:
            return name, path, error
        finally:
            idle.put(worker)

    with contextlib.ExitStack() as stack:
        for _ in range(_AT_ONCE):
            idle.put(stack.enter_context(Worker()))
        pool = concurrent.futures.ThreadPoolExecutor(_AT_ONCE)
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)  # before the processes end
        for k, done in enumerate(pool.map(rewrite, files), 1):
            if shown:
                _print("\r\033[K", sys.stderr)  # the diff may be on the same terminal
            yield done
            if shown and time.monotonic() - started > _QUIET:
                _print(f"\r\033[K{k} of {len(files)} files", sys.stderr)
    if shown:
        _print("\r\033[K", sys.stderr)


def _files(paths, errors):
    """Yield pairs of the name to show and the real path of the files, each once, folders in the order of names."""
    seen = set()
    for path in paths:
        if os.path.isdir(path):
            found = list(_below(path, errors))
            if not found:
                _print(f"{path}: no Python files or notebooks, but for what is left out (see --help)\n", sys.stderr)
        else:
            found = [(os.fspath(path), os.path.realpath(path))]
        for name, real in found:
            if (identity := _identity(real)) not in seen:
                seen.add(identity)
                yield name, real


def _identity(path):
    """What is the same for all names of a file."""
    with contextlib.suppress(OSError):  # which reading it will tell
        status = os.stat(path)
        if status.st_nlink > 1:
            return status.st_dev, status.st_ino
    return path


def _below(folder, errors):
    def report(error):
        errors.append(f"{error.filename}: {error.strerror}")

    inside = os.path.join(os.path.realpath(folder), "")
    for root, folders, names in os.walk(folder, onerror=report):
        folders[:] = sorted(name for name in folders if not _is_left_out(root, name))
        for name in sorted(names):
            if not name.endswith((".py", ".ipynb")):
                continue
            path = os.path.join(root, name)
            real = os.path.realpath(path)
            if real.startswith(inside):
                yield path, real
            else:
                errors.append(f"{path}: is a link out of {folder}: left alone")


def _is_left_out(root, name):
    hidden = name.startswith(".") or name in _SKIPPED
    return hidden or os.path.exists(os.path.join(root, name, _ENVIRONMENT))


def _print(text, stream):
    if stream is None:  # closed before Python began
        return
    encoding = stream.encoding or "utf-8"  # which need not have every letter
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
