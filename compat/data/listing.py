"""List image files below a directory, in the legacy order."""

import os
from collections import Counter
from typing import NamedTuple

from PIL import Image

from .decoding import import_plugins
from .files import is_remote, overlapped, scan
from .messages import warn


class Listing(NamedTuple):
    """The files below a directory."""

    files: list
    """For each class, a list of the paths of its images relative to the directory."""
    left_out: Counter
    """How many files of other endings there are, by ending in lower case; "" for those without."""


def known_endings(formats):
    """The endings of image files that `formats` names.

    Args:
        formats: sequence of endings in lower case without dot, or "all" for those of all formats that Pillow opens.

    Returns:
        Tuple of endings.

    Raises:
        ValueError: `formats` is something else, or has an ending of no format that Pillow opens.
    """
    import_plugins()
    known = sorted(end[1:] for end, name in Image.registered_extensions().items() if name in Image.OPEN)
    endings = known if isinstance(formats, str) and formats == "all" else formats
    if isinstance(endings, str) or not endings or not set(endings) <= set(known):
        raise ValueError(
            f"`formats` must be None, 'all' or a sequence of endings that Pillow {Image.__version__} opens: "
            f"{', '.join(known)}. Received: {formats!r}"
        )
    return tuple(endings)


def list_classes(directory):
    """Names of the folders in `directory`, sorted by code point: hidden and empty ones, and links to folders, too."""
    return sorted(scan(directory, ()).folders)


def list_directory(directory, classes, extensions, split=None, follow_links=False):
    """List the images of each class.

    Folders that cannot be read and classes without a folder are left out, with a warning.

    Args:
        directory: path of a folder with one folder per class.
        classes: names of these folders.
        extensions: tuple of endings in lower case.
        split: (start, stop), fractions of each class's files to keep, or None.
        follow_links: whether to follow links to folders below the class folders. A folder that contains itself is
            entered once, with a warning.

    Returns:
        A `Listing`. Folders are in the order of their paths, files by name.

    Raises:
        KeyError: a class name is a path with images to keep: a class is a folder of `directory` itself. (So it is in
            the legacy code, but for `["apples", "pears/apples"]`, where that reads the files of `apples` twice.)
    """
    notes = {kind: [] for kind in (*_WARNINGS, "left out")}
    links = follow_links and not is_remote(directory)
    files = overlapped(lambda name: _list_class(directory, name, extensions, links, notes), classes)
    where = repr(os.fspath(directory))
    for kind, message in _WARNINGS.items():
        if folders := sorted(notes[kind]):  # the threads may have mixed them
            more = f" and {len(folders) - 10} more" if len(folders) > 10 else ""
            warn(message.format(where=where, folders=f"{folders[:10]}{more}"))
    if split:
        files = [found[slice(*(int(part * len(found)) for part in split))] for found in files]
    for name, found in zip(classes, files, strict=True):
        if found and os.path.basename(name) != name:
            raise KeyError(f"`classes` must name folders of {where} itself. Received: {name!r}")
    return Listing(files, sum(notes["left out"], Counter()))


_WARNINGS = {
    "absent": "`classes`: no folder in {where} for {folders}: no images.",
    "unreadable": "Folders in {where} that cannot be read, so that their images are missing: {folders}.",
    "cyclic": "Links in {where} to a folder that they lie in, which is not listed again: {folders}.",
    "tiff": '".tiff" files with multiple bands will be distorted. Please verify your output.',
}


def _list_class(directory, name, endings, follow_links, notes):
    """Paths of the images of class `name`, relative to `directory`; what else there is to say goes into `notes`."""
    scans, pending = {}, [("", ())]
    while pending:
        below, ancestors = pending.pop()
        folder = os.path.join(directory, name, below)
        try:
            if follow_links:
                status = os.stat(folder)
                if (status.st_dev, status.st_ino) in ancestors:
                    notes["cyclic"].append(os.path.join(name, below))
                    continue
                ancestors += ((status.st_dev, status.st_ino),)
            scans[below] = scan(folder, endings, follow_links, os.path.join(name, below, ""))
        except OSError as error:
            if not below and isinstance(error, (FileNotFoundError, NotADirectoryError)):
                notes["absent"].append(name)
            else:
                notes["unreadable"].append(f"{os.path.join(name, below).rstrip(os.sep)}: {error.strerror}")
        else:
            pending += [(os.path.join(below, child), ancestors) for child in scans[below].folders]
    files = []
    for below in sorted(scans):
        names, _, others = scans[below]
        if ".tiff\0" in "\0".join([*names, ""]).lower():  # no name has a 0
            notes["tiff"].append(name)
        if others:
            notes["left out"].append(others)
        names.sort()
        files += names
    return files
