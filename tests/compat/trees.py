"""Folders of files to list."""

import functools
import os
import pathlib

import numpy as np
from PIL import Image

FILES = [
    "1.jpg",
    "a.PNG",
    "10.png",
    "2.png",
    "ü.jpeg",
    "jpg",
    "notes.txt",
    "deep.TIFF",
    ".jpg",
    "a b.bmp",
    "n\n.ppm",
    "none",
]


def grow(root, paths):
    """Empty files at these paths below `root`; a path that ends in a slash is a folder."""
    for path in paths:
        target = pathlib.Path(root, path)
        (target if path.endswith("/") else target.parent).mkdir(parents=True, exist_ok=True)
        if not path.endswith("/"):
            target.touch()


def image(seed=0, mode="RGB"):
    return Image.fromarray(np.random.RandomState(seed).randint(0, 256, (6, 7, 3)).astype("uint8")).convert(mode)


def listed(module, directory, generator=None, **arguments):
    return module.ImageDataGenerator(**generator or {}).flow_from_directory(directory, target_size=(6, 7), **arguments)


def forbid(monkeypatch, *paths):
    """Let nobody look into these folders, root included."""

    def guarded(function):
        @functools.wraps(function)
        def guard(path, *args, **kwargs):
            if not isinstance(path, int) and os.path.normpath(os.fsdecode(path)) in map(str, paths):
                raise PermissionError(13, "Permission denied", path)
            return function(path, *args, **kwargs)

        return guard

    scandir = guarded(os.scandir)
    monkeypatch.setattr(os, "supports_fd", {*os.supports_fd, scandir} if os.scandir in os.supports_fd else set())
    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "listdir", guarded(os.listdir))
    monkeypatch.setattr(os, "open", guarded(os.open))
