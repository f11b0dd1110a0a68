"""Images of one size on disk: a store that only grows, and in which every image proves itself.

A folder with three files:

    lock      held to open the store and for every change
    index     a header of 4096 bytes, in JSON: what the pixels depend on. Then a record for every image
    images    image k is that of record k

A record is written after its pixels and has their checksum, which is checked whenever they are read. What a killed
process, a full disk, a power cut or another program leaves behind is thus an image that is not there, never a wrong
one. Nothing is mapped into memory, so that a file that is too short is no bus error. A store is emptied by making new
files: whoever has the old ones open goes on with them.
"""

import contextlib
import ctypes
import errno
import json
import math
import os
import threading
import weakref

import numpy as np

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

HAS_LOCKS = fcntl is not None
RECORD = np.dtype([("path", "S16"), ("size", "<i8"), ("mtime", "<i8"), ("ctime", "<i8"), ("sum", "<u8")])
"""A digest of the path of a file; its size in bytes and its times in nanoseconds when it was read; the checksum of its
pixels."""
_HEADER, _CHUNK = 4096, 1 << 16


class ImageStore:
    """Images in a folder, which is made if it is not there.

    All methods but `read` are called inside `with store.locked()`.

    Args:
        folder: path.
        origin: dictionary for JSON: what the pixels depend on. A store of another origin is emptied.
        shape, dtype: of an image.

    Attributes:
        writable: whether images can be added.
        count: number of records that were looked at.
        other_origin: that of the images that were there; None if it was this one, or there were none.

    Raises:
        OSError: the folder cannot be made, read or locked; or cannot be written to and is of another origin, or empty.
    """

    def __init__(self, folder, origin, shape, dtype):
        self._folder, self._shape, self._dtype = folder, tuple(shape), np.dtype(dtype)
        self._bytes = math.prod(self._shape) * self._dtype.itemsize
        self.slot_bytes = slot_bytes(shape, dtype)
        words = np.arange(1, self.slot_bytes // 8 + 1, dtype="u8")
        self._weights = words * np.uint64(0x9E3779B97F4A7C15) | np.uint64(1)
        self._header = json.dumps(origin, sort_keys=True).encode().ljust(_HEADER)
        if len(self._header) > _HEADER:
            raise ValueError(f"`origin` must take at most {_HEADER} bytes as JSON. Received: {origin}")
        self._mutex, self._files, self.count, self.other_origin = threading.Lock(), {}, 0, None
        # Not when the interpreter exits: threads of TensorFlow may still read.
        weakref.finalize(self, _close, self._files).atexit = False
        os.makedirs(folder, exist_ok=True)
        paths = [folder, *(os.path.join(folder, name) for name in ("lock", "index", "images"))]
        self.writable = all(os.access(path, os.W_OK) for path in paths if os.path.exists(path))
        try:
            self._open("lock", os.O_CREAT)
            with self.locked():
                self._open_files()
        except FileNotFoundError as error:
            if self.writable:
                raise
            raise PermissionError(errno.EACCES, "The cache cannot be written to, and has no images", folder) from error

    def _open(self, name, flags=0):
        flags = os.O_RDWR | flags if self.writable else os.O_RDONLY
        self._files[name] = os.open(os.path.join(self._folder, name), flags, 0o666)

    def _open_files(self):
        try:
            self._open("index")
            self._open("images")
        except FileNotFoundError:
            if not self.writable:
                raise
            return self.empty()
        header = os.pread(self._files["index"], _HEADER, 0)
        if header == self._header:
            return None
        with contextlib.suppress(ValueError):  # one that was never finished, or is damaged
            self.other_origin = json.loads(header)
        if not self.writable:
            text = f"The cache cannot be written to, and is of another origin: {self.other_origin}"
            raise PermissionError(errno.EACCES, text, self._folder)
        return self.empty()

    @contextlib.contextmanager
    def locked(self):
        """Keep other threads and processes from opening and changing the store."""
        with self._mutex:
            with self._naming_the_folder():
                fcntl.flock(self._files["lock"], fcntl.LOCK_EX if self.writable else fcntl.LOCK_SH)
            try:
                yield
            finally:
                fcntl.flock(self._files["lock"], fcntl.LOCK_UN)

    def empty(self):
        """Begin anew. Not while another thread reads."""
        for name in ("index", "images"):
            if name in self._files:
                os.close(self._files.pop(name))
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self._folder, name))
        for name in ("images", "index"):
            self._open(name, os.O_CREAT | os.O_EXCL)
        self._write("index", self._header, 0)
        self.count = 0

    def reserve(self, count):
        """Take the room on the disk for so many more images.

        Raises:
            OSError: there is not that much room.
        """
        size = count * self.slot_bytes
        with self._naming_the_folder(size):
            try:
                _allocate(self._files["images"], self.count * self.slot_bytes, size)
            except OSError:  # which may have taken what there was
                os.ftruncate(self._files["images"], self.count * self.slot_bytes)
                raise

    def records(self):
        """Yield (number of the first image, array of `RECORD`s), part by part, of what came since the last call."""
        there = (os.fstat(self._files["index"]).st_size - _HEADER) // RECORD.itemsize
        while self.count < there:
            size = min(there - self.count, _CHUNK) * RECORD.itemsize
            content = os.pread(self._files["index"], size, _HEADER + self.count * RECORD.itemsize)
            first, self.count = self.count, self.count + size // RECORD.itemsize
            yield first, np.frombuffer(content, RECORD)

    def add(self, records, images):
        """Add images, after the last of `records` was taken.

        Args:
            records: array (n,) of `RECORD`s, whose checksums are filled in.
            images: array (n, *shape).

        Returns:
            The number of the first of them.

        Raises:
            OSError: no room.
        """
        content = np.zeros((len(images), self.slot_bytes), "u1")
        content[:, : self._bytes] = np.ascontiguousarray(images).reshape(len(images), -1).view("u1")
        records["sum"] = content.view("u8") @ self._weights
        self._write("images", content, self.count * self.slot_bytes)
        self._write("index", records, _HEADER + self.count * RECORD.itemsize)
        first, self.count = self.count, self.count + len(records)
        return first

    def read(self, numbers, sums):
        """Read images.

        Args:
            numbers: array (n,) of their numbers; -1 for those not to read.
            sums: array (n,) of their checksums.

        Returns:
            Images (n, *shape), black where they are not there, and whether they are, bool (n,).
        """
        content, sizes = np.empty((len(numbers), self.slot_bytes), "u1"), np.zeros(len(numbers), int)
        with self._naming_the_folder():
            for place in np.flatnonzero(numbers >= 0):
                sizes[place] = os.preadv(self._files["images"], [content[place]], int(numbers[place]) * self.slot_bytes)
        intact = (sizes == self.slot_bytes) & (content.view("u8") @ self._weights == sums)
        content[~intact] = 0
        return content[:, : self._bytes].view(self._dtype).reshape(len(numbers), *self._shape), intact

    def _write(self, name, content, offset):
        content = memoryview(content).cast("B")
        with self._naming_the_folder(len(content)):
            while content:
                written = os.pwrite(self._files[name], content, offset)
                content, offset = content[written:], offset + written

    @contextlib.contextmanager
    def _naming_the_folder(self, size=0):
        """Name the folder in what the operating system raises inside, and say what is missing of `size` bytes."""
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                disk = os.fstatvfs(self._files["images"])
                raise lack_of_room(self._folder, size, disk.f_bavail * disk.f_frsize, error.errno) from error
            raise OSError(error.errno, error.strerror, self._folder) from error


def slot_bytes(shape, dtype):
    """How many bytes an image takes on the disk: whole words of 64 bits, for the checksum."""
    return -(-math.prod(shape) * np.dtype(dtype).itemsize // 8) * 8


def lack_of_room(folder, size, free, code=errno.ENOSPC):
    """An OSError that names the folder, and how much is missing of `size` bytes where `free` are free."""
    missing = f": {_mib(size - free)} are missing" if size > free else ""
    return OSError(
        code, f"{os.strerror(code)}: the cache needs {_mib(size)} more, {_mib(free)} are free{missing}", folder
    )


def _mib(size):
    return f"{size / 2**20:,.1f} MiB"


def _allocate(file, start, size):
    """What `os.posix_fallocate` does; but nothing where the file system cannot, as that would write to every block."""
    try:
        allocate = ctypes.CDLL(None, use_errno=True).fallocate
    except AttributeError:  # not on Linux
        return
    code = errno.EINTR if size else 0
    while code == errno.EINTR:
        code = allocate(file, 0, ctypes.c_int64(start), ctypes.c_int64(size)) and ctypes.get_errno()
    if code not in (0, errno.EOPNOTSUPP, errno.ENOSYS):
        raise OSError(code, os.strerror(code))


def _close(files):
    while files:
        os.close(files.popitem()[1])
