"""Files as they are: read without waiting, and rewritten as a whole or not at all, with all that is theirs."""

import contextlib
import hashlib
import os
import stat
import tempfile

_AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)


def read_regular(path, largest):
    """The bytes of a file.

    Raises:
        ValueError: it is a pipe, a device or a folder, or has more bytes than `largest`.
        OSError: it cannot be read.
    """
    with open(_open_regular(path, os.O_RDONLY), "rb") as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise ValueError(f"is larger than {largest >> 20} MiB")
    return data


def rewrite_file(path, old, new):
    """Put other bytes into a file, if it still holds what it held, and nobody has forbidden to write to it.

    A new file takes its place, at once, where that can have all that the old one has: owner, mode, extended attributes.
    Where it cannot, or the old one has several names (hard links), the bytes themselves are replaced, and put back if
    that fails; a copy of them lies beside the file meanwhile.

    Args:
        path: the file, not a link to it.
        old: SHA-256 of what it should hold.
        new: bytes.

    Raises:
        ValueError: it holds something else, or is no regular file.
        OSError: it cannot be read or written. It holds what it held, or the message tells where that is.
    """
    if not os.access(path, os.W_OK) or not os.stat(path).st_mode & 0o222:  # the superuser may write to all
        raise PermissionError("is read-only")
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    with open(_open_regular(path, flags), "r+b", buffering=0) as file:
        held = file.read()
        descriptor, beside = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".keras-regen-")
        try:
            with open(descriptor, "r+b", buffering=0):
                alike = _make_alike(descriptor, file.fileno())
                _put(descriptor, new if alike else held)
            file.seek(0)
            if hashlib.sha256(held).digest() != old or file.read() != held:
                raise ValueError("was changed meanwhile")
            if alike:
                os.replace(beside, path)
            else:
                _overwrite(file.fileno(), held, new)
                os.unlink(beside)
        except _HalfWritten as error:
            raise OSError(f"is half written, and what it held is in {beside}") from error
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside)
            raise


class _HalfWritten(Exception):
    """Neither the new bytes nor the old ones could be written."""


def _open_regular(path, flags):
    """A descriptor of a file; what is no regular file is not waited for."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # some devices mind being opened
        raise ValueError("is no regular file")
    descriptor = os.open(path, flags | _AT_ONCE)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # another one meanwhile
        os.close(descriptor)
        raise ValueError("is no regular file")
    return descriptor


def _make_alike(copy, file):
    """Give the owner, mode and attributes of an open file to another; whether that one can take its place now."""
    status = os.fstat(file)
    if status.st_nlink > 1 or not hasattr(os, "listxattr"):  # as on Windows and macOS, which have attributes, too
        return False
    try:
        if (status.st_uid, status.st_gid) != (os.fstat(copy).st_uid, os.fstat(copy).st_gid):
            os.fchown(copy, status.st_uid, status.st_gid)
        os.fchmod(copy, stat.S_IMODE(status.st_mode))
        attributes = _attributes(file)
        for name, value in attributes.items():
            os.setxattr(copy, name, value)
        return _attributes(copy) == attributes
    except OSError:
        return False


def _attributes(file):
    return {name: os.getxattr(file, name) for name in os.listxattr(file)}


def _overwrite(file, held, new):
    """Replace the bytes of an open file, or put back what it held."""
    try:
        _put(file, new)
    except BaseException:
        try:
            _put(file, held)
        except OSError as error:
            raise _HalfWritten from error
        raise


def _put(file, data):
    """Let an open file hold some bytes, and no others."""
    os.lseek(file, 0, os.SEEK_SET)
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
    os.ftruncate(file, len(data))
    os.fsync(file)
