"""Decoded images, kept from one epoch to the next, and on disk from one run to the next."""

import dataclasses
import errno
import json
import logging
import os
import shutil
import sys
import threading
import time
import zlib
from hashlib import blake2b

import numpy as np
import PIL
import tensorflow as tf
from PIL import Image, ImageFile, features

from . import decoding as decoding_module
from .decoding import naming
from .files import file_states, is_remote
from .image_store import HAS_LOCKS, RECORD, ImageStore, lack_of_room, slot_bytes

_TAG = (
    b"Signature: 8a477f597d28d172789f06886806bc55\n# Images that keras-regen decoded. It may be deleted at any time.\n"
)
"""What is in the file CACHEDIR.TAG: by it a folder is known to be ours, and programs that make backups leave it out."""
_TAG_NAME = "CACHEDIR.TAG"
_COARSE = 2_000_000_000  # ns: times this close are the same on the coarsest file system, FAT
_PART = 1 << 16  # paths that are joined at a time
_made = set()  # folders that this process has made
_log = logging.getLogger(__name__)


def cached(files, place):
    """A function of indices, like `files.read`, that decodes each file once.

    Args:
        files: `Files`.
        place: True for memory, or the path of a folder; see `to_dataset`. Nothing is written before the first call.

    Raises:
        ValueError: `place` is something else, remote, or among the folders that are classes; the state of remote files
            is not known.
        MemoryError: there is too little memory for all images.
        OSError: `place` is no folder, not ours, or cannot be made; there is too little room on the disk.
    """
    if place is True:
        return _InMemory(files)
    if not isinstance(place, (str, os.PathLike)) or not os.fspath(place):
        raise ValueError(f"`cache` must be None, True or the path of a folder. Received: cache={place!r}")
    return _OnDisk(files, place)


class _InMemory:
    def __init__(self, files):
        count, shape, dtype = len(files.paths), files.decoding.shape, files.decoding.dtype
        size = count * slot_bytes(shape, dtype)
        if size > (left := _memory_left()):
            raise MemoryError(
                f"`cache=True` needs {size / 2**30:,.1f} GiB for {count:,} images of {shape}, and "
                f"{left / 2**30:,.1f} GiB are left. A path keeps them on disk."
            )
        self._read, self._lock = files.read, threading.Lock()
        self._there, self._good = np.zeros(count, bool), np.zeros(count, bool)
        self._images = np.empty((count, *shape), dtype)

    def __call__(self, indices):
        missing = np.unique(indices[~self._there[indices]])
        if len(missing):
            images, good = self._read(missing)
            with self._lock:
                new = ~self._there[missing]  # another thread may read what is there
                self._images[missing[new]] = images[new]
                self._good[missing[new]] = good[new]
                self._there[missing[new]] = True
        return self._images[indices], self._good[indices]


def _memory_left():
    """How many bytes of memory may still be taken, as far as the system tells."""
    left = []
    if os.path.exists("/proc/meminfo"):
        with open("/proc/meminfo") as lines:
            known = dict(line.split(":") for line in lines)
        left.append(sum(int(known[name].split()[0]) for name in ("MemAvailable", "SwapFree")) * 1024)
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        if os.path.exists(path):
            with open(path) as file:
                left += [int(limit) for limit in file if limit.strip().isdigit()]  # or "max"
    return min(left, default=sys.maxsize)


class _OnDisk:
    """The images of `Files` in an `ImageStore` that others use, too.

    An image is taken from there if the file has the path, size and times of its record.
    """

    def __init__(self, files, place):
        if is_remote(place) or not HAS_LOCKS:
            where = "on this machine" if HAS_LOCKS else "on a system with POSIX locks, or True"
            raise ValueError(f"`cache` must be a folder {where}. Received: cache={place!r}")
        self._files, self._folder = files, os.path.abspath(place)
        if files.listed is not None and not is_remote(files.listed) and _lies_in(self._folder, files.listed):
            raise ValueError(
                f"`cache` must lie outside of {os.fspath(files.listed)!r}, in which every folder is a class. "
                f"Received: cache={place!r}"
            )
        decoding = files.decoding
        self._pixels = {
            **dataclasses.asdict(decoding),
            "height": int(decoding.height),
            "width": int(decoding.width),
            "dtype": decoding.dtype.str,
        }
        digest = zlib.crc32(json.dumps(self._pixels).encode())
        self._name = f"{decoding.height}x{decoding.width}-{decoding.color_mode}-{decoding.interpolation}-{digest:08x}"
        self._mutex, self._store = threading.Lock(), None
        file_states(files.paths[:1])
        _refuse_foreign(self._folder)
        self._refuse_without_room()

    def _refuse_without_room(self):
        """An OSError if the disk has no room for the missing images, or nothing can be made in the folder above."""
        above = self._folder
        while not os.path.exists(above):
            above = os.path.dirname(above)
        if above != self._folder and not (os.path.isdir(above) and os.access(above, os.W_OK | os.X_OK)):
            raise OSError(errno.EACCES if os.path.isdir(above) else errno.ENOTDIR, "`cache` cannot be made in", above)
        images = os.path.join(self._folder, self._name, "images")
        there = os.path.getsize(images) if os.path.exists(images) else 0
        disk = shutil.disk_usage(above)
        each = slot_bytes(self._files.decoding.shape, self._files.decoding.dtype)
        if disk.total and len(self._files.paths) * each - there > disk.free:  # 0 in all: it does not say
            size = len(set(self._files.paths[:])) * each - there  # a file may be listed more than once
            if size > disk.free:
                raise lack_of_room(self._folder, size, disk.free)

    def __call__(self, indices):
        with self._mutex:
            if self._store is None:
                self._open()
            files = self._file_of[indices]
            if (self._numbers[files] < 0).any():
                with self._store.locked():
                    self._take(self._store)  # what others have added
        images, good = self._stored(files)
        missing = np.unique(files[~good & ~self._unreadable[files]])
        if len(missing):
            read, readable = self._read(missing)
            new = np.isin(files, missing)
            places = np.searchsorted(missing, files[new])
            images[new], good[new] = read[places], readable[places]
        return images, good

    def _open(self):
        if _claim(self._folder):
            _made.add(self._folder)
        paths = self._files.paths
        parts = (paths[start : start + _PART] for start in range(0, len(paths), _PART))
        keys, states = zip(*((_keys(part), file_states(part)) for part in parts), strict=True)
        self._keys, self._first, self._file_of = np.unique(np.concatenate(keys), return_index=True, return_inverse=True)
        self._states, count = np.concatenate(states)[self._first], len(self._keys)
        self._numbers, self._sums = np.full(count, -1), np.zeros(count, "u8")
        self._unreadable = np.zeros(count, bool)
        folder, origin = os.path.join(self._folder, self._name), _origin(self._pixels)
        store = ImageStore(folder, origin, self._files.decoding.shape, self._files.decoding.dtype)
        with store.locked():
            recorded = self._take(store)
            changed = np.unique(recorded[self._numbers[recorded] < 0])
            there = np.count_nonzero(self._numbers >= 0)
            if 2 * (len(recorded) - there) > store.count and store.writable:  # most of it is of no use
                store.empty()
                self._numbers[:], there = -1, 0
            if store.writable:
                store.reserve(count - there)
        if not there and not store.writable:
            raise PermissionError(errno.EACCES, "The cache cannot be written to, and has none of the images", folder)
        self._report(store, there, changed, origin)
        self._store = store

    def _take(self, store):
        """Look at the new records of the store, which is locked; returns the file of each that is of one of ours."""
        recorded = [np.zeros(0, int)]
        for first, records in store.records():
            files = np.searchsorted(self._keys, records["path"]).clip(max=len(self._keys) - 1)
            ours = self._keys[files] == records["path"]
            states = np.stack([records[name] for name in ("size", "mtime", "ctime")], axis=1)
            same = ours & (self._states[files] == states).all(axis=1)
            self._numbers[files[same]] = first + np.flatnonzero(same)  # the last one of several
            self._sums[files[same]] = records["sum"][same]
            recorded.append(files[ours])
        return np.concatenate(recorded)

    def _report(self, store, there, changed, origin):
        notes, old = "", store.other_origin
        if old:
            differ = [name for name in {**old, **origin} if old.get(name) != origin.get(name)]
            notes += "; those that were are of another origin: "
            notes += ", ".join(f"{name} {old.get(name)}, now {origin.get(name)}" for name in differ)
        if len(changed):
            path = self._files.paths[self._first[changed].min()]
            more = ", ..." if len(changed) > 1 else ""
            notes += f"; changed since, or just written when they were read: {len(changed)} ({path}{more})"
        others = sorted(name for name in os.listdir(self._folder) if name not in (self._name, _TAG_NAME))
        if others and not there:
            notes += f"; there are {', '.join(others)}"
        if there < len(self._keys) and not store.writable:
            notes += "; it cannot be written to, so that the others are decoded in each pass"
        level = logging.WARNING if there < len(self._keys) and self._folder not in _made else logging.INFO
        text = "Cache %s: %d of %d images are there as %s%s."
        _log.log(level, text, self._folder, there, len(self._keys), self._name, notes)

    def _stored(self, files):
        """The images of files, by their places in `_keys`, and whether they are there, bool (n,)."""
        with self._mutex:
            numbers, sums = self._numbers[files], self._sums[files]
        images, intact = self._store.read(numbers, sums)
        damaged = (numbers >= 0) & ~intact
        if damaged.any():
            with self._mutex:
                files, numbers = files[damaged], numbers[damaged]
                self._numbers[files[self._numbers[files] == numbers]] = -1
            path = self._files.paths[self._first[files[0]]]
            _log.warning("Cache %s: an image is damaged, and decoded again: %s", self._folder, path)
        return images, intact

    def _read(self, missing):
        """Decode files, by their places in `_keys`, and store those that are good and stay as they are meanwhile."""
        indices = self._first[missing]
        paths = [self._files.paths[index] for index in indices]
        now, before = time.time_ns(), file_states(paths)
        images, good = self._files.read(indices)
        steady = (before == file_states(paths)).all(axis=1)
        steady &= _keys(paths) == self._keys[missing]  # of relative paths, if the working directory is another now
        self._unreadable[missing[~good]] = True
        records = np.zeros(len(missing), RECORD)
        records["path"] = self._keys[missing]
        records["size"], records["mtime"], records["ctime"] = before.T
        # A file this new may change once more without its times showing it: its record is of no use to other runs.
        records["ctime"][before[:, 2] > now - _COARSE] = -1
        with self._mutex, self._store.locked():
            self._states[missing] = before
            self._take(self._store)
            new = good & steady & (self._numbers[missing] < 0) & self._store.writable
            if new.any():
                added = records[new]
                first = self._store.add(added, images[new])
                self._sums[missing[new]] = added["sum"]
                self._numbers[missing[new]] = first + np.arange(len(added))
        return images, good


def _keys(paths):
    """A digest of each absolute path, as bytes of length 16."""
    digests = []
    for path in map(os.fsencode, paths):
        here = b"" if path.startswith(b"/") or is_remote(path) else os.path.join(os.getcwdb(), b"")
        digests.append(blake2b(here + path, digest_size=16).digest())
    return np.frombuffer(b"".join(digests), "S16")


def _origin(pixels):
    """What the pixels of a file depend on, besides its content, as a dictionary for JSON."""
    codecs = ("jpg", "libjpeg_turbo", "jpg_2000", "libtiff", *({"webp", "avif"} & set(features.modules)))
    openers = {factory.__module__.partition(".")[0] for factory, _ in Image.OPEN.values()} - {"PIL"}
    source = decoding_module.__spec__.loader.get_data(decoding_module.__file__)
    return {
        **pixels,
        "decoding.py": zlib.crc32(source),
        "Pillow": PIL.__version__,
        **{codec: features.version(codec) for codec in sorted(codecs)},
        **{name: getattr(sys.modules.get(name), "__version__", "") for name in sorted(openers)},
        "TensorFlow": tf.__version__ if pixels["decoder"] == "keras" else None,
        "LOAD_TRUNCATED_IMAGES": ImageFile.LOAD_TRUNCATED_IMAGES,
        "MAX_IMAGE_PIXELS": Image.MAX_IMAGE_PIXELS,
    }


def _lies_in(path, folder):
    path, folder = os.path.realpath(path), os.path.realpath(folder)
    return os.path.commonpath([path, folder]) == folder


def _refuse_foreign(folder):
    """An error if something is there but an empty folder or one of ours."""
    if not os.path.lexists(folder):
        return
    if not os.path.isdir(folder):
        text = "`cache` must be a folder (the .npy file of an earlier version may be deleted), and this is none"
        raise FileExistsError(errno.EEXIST, text, folder)
    names, tag = os.listdir(folder), b""
    if _TAG_NAME in names:
        with open(os.path.join(folder, _TAG_NAME), "rb") as file:
            tag = file.read()
    if names and tag != _TAG and not (names == [_TAG_NAME] and _TAG.startswith(tag)):  # the last: cut short
        text = f"`cache` must be a new or an empty folder, or a cache, and this has other files, such as {min(names)!r}"
        raise FileExistsError(errno.EEXIST, text, folder)


def _claim(folder):
    """Make a folder, or make sure that it is ours; returns whether it was not before."""
    os.makedirs(folder, exist_ok=True)
    _refuse_foreign(folder)
    tag = os.path.join(folder, _TAG_NAME)
    if os.path.exists(tag) and os.path.getsize(tag) == len(_TAG):
        return False
    with naming(tag):
        file = os.open(tag, os.O_WRONLY | os.O_CREAT, 0o666)  # if several do so at once, all write the same
        try:
            rest = _TAG  # of which a nearly full disk takes a part without a word, and then raises
            while rest:
                rest = rest[os.write(file, rest) :]
        finally:
            os.close(file)
    return True
