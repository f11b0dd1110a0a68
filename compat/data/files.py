"""Files and folders on this machine, and on remote file systems, whose paths begin with a scheme, by `tf.io.gfile`."""

import contextlib
import errno
import itertools
import multiprocessing.pool
import operator
import os
import re
import stat
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .needing_tensorflow import tensorflow, tensorflow_if_loaded

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9.+-]*://")
_FEW, _MANY = 8, 4
"""`unusable` lists a folder if at least `_FEW` names are in it, and reads at most `_MANY` entries per name. An entry
takes a third of the time of a look at one file here, and far less on a network."""
_LARGEST = 1 << 32
"""Bytes of a file that is read. BMP, WebP, WAV and classic TIFF have no room for more."""
_OF_THE_FILE = {
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.ELOOP, errno.ENAMETOOLONG),  # no such regular file
    *(errno.EACCES, errno.EPERM, errno.EFBIG),
}


def is_remote(path):
    """Whether a path (str, bytes or path-like) begins with a scheme, as "gs://bucket/a.jpg" does."""
    return _SCHEME.match(path if isinstance(path, str) else os.fsdecode(path)) is not None


def _without_waiting(name, flags):
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))  # Windows has neither this nor such pipes


def open_regular(path):
    """Open a file of this machine, if its content ends. A pipe would be waited for, and a device might never end.

    Nor is a regular file safe: those of /proc say that they are empty, and some wait for more, or hold terabytes.

    Args:
        path: str, bytes or path-like.

    Returns:
        A file object to read bytes from.

    Raises:
        OSError (FileNotFoundError, PermissionError, IsADirectoryError, ...): the file cannot be opened, is no regular
            one, or is larger than 4 GiB; the error has its name.
    """
    name = os.fsdecode(path)
    file = open(name, "rb", 0, opener=_without_waiting)  # noqa: SIM115 - the caller closes it
    try:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or (not status.st_size and not _is_empty(file)):
            raise OSError(errno.ENXIO, "Not a regular file", name)
        if status.st_size > _LARGEST:
            raise OSError(errno.EFBIG, f"File too large, of {status.st_size:,} bytes", name)
    except OSError:
        file.close()
        raise
    return file


def _is_empty(file):
    try:
        return file.read(1) == b""
    except OSError:
        return False


def read_bytes(path):
    """The content of a file.

    Args:
        path: str, bytes or path-like; with a scheme it is read by `tf.io.gfile`.

    Returns:
        bytes.

    Raises:
        OSError (FileNotFoundError, PermissionError, ...): the file cannot be read, or is not a regular one; the error
            has its name.
    """
    if not is_remote(path):
        with open_regular(path) as file:
            return file.read()
    with _remote(path) as gfile, gfile.GFile(os.fsencode(path), "rb") as file:
        return file.read()


def blames_file(error):
    """Whether what was raised while a file was read and decoded is due to the file alone.

    Otherwise it is due to the process, the machine or the network, and the next file may meet the same: descriptors or
    memory run out, a server does not answer, warnings are errors.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _OF_THE_FILE
    tf = tensorflow_if_loaded()
    if tf is not None and isinstance(error.__cause__, tf.errors.OpError):
        return isinstance(error.__cause__, tf.errors.InvalidArgumentError)
    by_a_codec = "out of memory error" in str(error)  # as Pillow's say
    return not isinstance(error, (MemoryError, Warning)) and not by_a_codec


def refused(paths):
    """Which of many paths lead to what `open_regular` refuses for what it is: found by listing their folders.

    TensorFlow, which reads files in graphs, would wait for them, or take all memory. Of a file in its place in a folder
    the size is not looked at, which would take longer than all else.

    Args:
        paths: sequence of str.

    Returns:
        Dictionary from the place in `paths` to the OSError.

    Raises:
        OSError: a folder or a file cannot be looked into, for another reason than what it is.
    """
    directory, names = split_paths(paths)
    odd = set()
    for folder in {name[: name.rfind(os.sep) + 1] for name in names}:
        place = os.path.join(directory, folder)
        try:
            if not is_remote(place):
                with _entries(place or ".", ()) as entries:
                    odd.update(folder + entry.name for entry in entries if not _is_plain(entry))
        except OSError as error:  # of a folder that is not there or not permitted, reading will tell
            if not blames_file(error):
                raise
    errors = {}
    for place in [place for place, name in enumerate(names) if name in odd] if odd else ():
        try:
            open_regular(paths[place]).close()
        except OSError as error:
            if not blames_file(error):
                raise
            errors[place] = error
    return errors


def _is_plain(entry):
    """Whether an entry of a folder is a regular file; of one behind a link, whether its size is that of a file."""
    if not entry.is_symlink():
        return entry.is_file()
    try:
        status = entry.stat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and 0 < status.st_size <= _LARGEST


def split_paths(paths):
    """The folder of a sequence of paths (str), "" if they have none in common, and the names in it, unjoined."""
    return (os.fsdecode(paths.directory), paths.names) if isinstance(paths, Joined) else ("", paths)


def is_file(path):
    """`os.path.isfile`, for remote paths, too."""
    if not is_remote(path):
        return os.path.isfile(path)
    with _remote(path) as gfile:
        return gfile.exists(path) and not gfile.isdir(path)


def file_states(paths):
    """What tells that files have not changed.

    Args:
        paths: sequence of str, bytes or path-like.

    Returns:
        int64 array (n, 3): the size of each in bytes, and in nanoseconds when its content and when anything of it last
        changed; -1 where there is none.

    Raises:
        ValueError: a remote file system does not say when.
    """
    size = min(256, 1 + len(paths) // 64)  # so that there are some for each thread
    parts = [paths[start : start + size] for start in range(0, len(paths), size)]
    states = overlapped(lambda part: np.array([_file_state(path) for path in part], "int64"), parts)
    return np.concatenate([np.zeros((0, 3), "int64"), *states])


def _file_state(path):
    try:
        if not is_remote(path):
            status = os.stat(path)
            return status.st_size, status.st_mtime_ns, status.st_ctime_ns
        with _remote(path) as gfile:
            status = gfile.stat(os.fsencode(path))
    except (OSError, ValueError):  # a path with a zero byte is a ValueError
        return -1, -1, -1
    if not status.mtime_nsec:
        raise ValueError(
            "A file system that does not say when a file has changed, so that it can be kept in memory alone, with "
            f"`cache=True`: {os.fsdecode(path)}"
        )
    return status.length, status.mtime_nsec, status.mtime_nsec


class Joined(Sequence):
    """Paths of files, each joined when it is asked for, so that they take no memory. A slice is a list.

    Args:
        directory: path of a folder.
        names: paths relative to it; whole paths stay as they are.
    """

    def __init__(self, directory, names):
        self.directory = directory
        self.names = tuple(names)  # the caller may change a list

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [os.path.join(self.directory, name) for name in self.names[index]]
        return os.path.join(self.directory, self.names[index])

    def __eq__(self, other):
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(operator.eq, self, other))

    __hash__ = None

    def __repr__(self):
        return repr(self[:])


class Scan(NamedTuple):
    """What lies in a folder, in no order."""

    files: list
    """Names of the files that end as asked for."""
    folders: list
    """Names of the folders."""
    others: Counter
    """How many other files there are of each ending in lower case."""


def scan(folder, endings, follow_links=True, prefix=""):
    """Look into a folder, without a look at each file.

    Args:
        folder: path. In a remote folder, whatever ends as asked for is taken for a file.
        endings: tuple of endings of files in lower case.
        follow_links: whether links to folders are folders. Otherwise they are nothing at all.
        prefix: what to put before the name of each file.

    Returns:
        A `Scan`. Whatever is no folder is a file: a broken link, too.

    Raises:
        OSError: the folder cannot be read.
    """
    files, folders, others = [], [], Counter()
    with _entries(folder, endings) as entries:
        for entry in entries:
            try:
                is_folder = entry.is_dir()
            except OSError:  # a link to itself, say
                is_folder = False
            name = entry.name
            if is_folder:
                if follow_links or not entry.is_symlink():
                    folders.append(name)
            elif name.endswith(endings) or name.lower().endswith(endings):
                files.append(prefix + name)
            else:
                others[os.path.splitext(name)[1].lower()] += 1
    return Scan(files, folders, others)


def unusable(directory, names, endings):
    """Find the names that are no image files, mostly by one look into each folder.

    Args:
        directory: path of the folder that the names are relative to. It may be "".
        names: paths relative to it, or whole.
        endings: tuple of endings of image files in lower case. In a remote folder, what ends so is taken for a file.

    Returns:
        Two sets: the names that end otherwise, and those of the others that are no file, as `os.path.isfile` has it.
    """
    others, unmet, folders = set(), [], defaultdict(list)
    for name in names:
        folders[name.rpartition("/")[0]].append(name)

    def sort_out(folder):
        unseen = set(folders[folder])
        if not all(map(str.endswith, folders[folder], itertools.repeat(endings))):  # capitals, slower to see, are rare
            ending_otherwise = {name for name in unseen if not name.lower().endswith(endings)}
            others.update(ending_otherwise)
            unseen -= ending_otherwise
        if len(unseen) >= _FEW:
            prefix = folder and f"{folder}/"
            path = os.path.join(directory, prefix) or "."
            most = None if is_remote(path) else _MANY * len(unseen)  # remote ones are listed as a whole
            with contextlib.suppress(OSError, ValueError), _entries(path, endings) as entries:
                some = itertools.islice(entries, most)
                unseen.difference_update(prefix + entry.name for entry in some if entry.is_file())
        unmet.extend(unseen)

    overlapped(sort_out, folders)
    # Spelled in another way, behind what was looked at, in a folder that cannot be listed, or not there.
    there = overlapped(lambda name: is_file(os.path.join(directory, name)), unmet)
    return others, {name for name, found in zip(unmet, there, strict=True) if not found}


def overlapped(function, items):
    """`[function(item) for item in items]`, in threads as soon as the time goes into waiting, as on a network.

    Where it does not, threads would slow each other down by half. Waiting for a busy processor looks the same, so a lot
    of waiting is needed before threads start.
    """
    items, results = iter(items), []
    wall, computing = time.perf_counter(), time.thread_time()
    for item in items:
        results.append(function(item))
        computed = time.thread_time() - computing
        if time.perf_counter() - wall > 6 * computed + 0.1:
            with multiprocessing.pool.ThreadPool(32) as pool:
                results += pool.map(function, items)
    return results


@contextlib.contextmanager
def _entries(folder, endings):
    """The entries of a folder, as `os.scandir` gives them."""
    if is_remote(folder):
        with _remote(folder) as gfile:
            # Some object stores list the folder itself, as an object without a name.
            yield (_RemoteEntry(folder, name, endings) for name in gfile.listdir(folder) if name.strip("/"))
    elif os.scandir in os.supports_fd:  # a third faster, as no entry gets a path
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with os.scandir(descriptor) as entries:
                yield entries
        finally:
            os.close(descriptor)
    else:
        with os.scandir(folder) as entries:
            yield entries


class _RemoteEntry(NamedTuple):
    """An `os.DirEntry` of a remote folder; `listed` may end in a slash, as some file systems mark folders."""

    folder: str
    listed: str
    endings: tuple

    @property
    def name(self):
        return self.listed.rstrip("/")

    def is_dir(self):
        if self.listed.endswith("/"):
            return True
        if self.name.lower().endswith(self.endings):  # to ask for each image would take hours
            return False
        with _remote(self.folder) as gfile:
            return gfile.isdir(os.path.join(self.folder, self.listed))

    def is_file(self):
        return not self.is_dir()

    def is_symlink(self):
        return False


@contextlib.contextmanager
def _remote(path):
    """TensorFlow's `gfile`; what it raises of a path is raised as the operating system would."""
    tf = tensorflow(f"A path with a scheme, {os.fsdecode(path)!r},", "Copy or mount the files to a path without one.")
    try:
        yield tf.io.gfile
    except tf.errors.OpError as error:
        codes = {
            tf.errors.NotFoundError: errno.ENOENT,
            tf.errors.PermissionDeniedError: errno.EACCES,
            tf.errors.DeadlineExceededError: errno.ETIMEDOUT,
            tf.errors.ResourceExhaustedError: errno.ENOMEM,
        }
        code = codes.get(type(error), errno.EIO)  # by which OSError becomes FileNotFoundError, say
        raise OSError(code, error.message or os.strerror(code), os.fsdecode(path)) from error
