"""List image files below a directory, in the legacy order."""

import multiprocessing.pool
import os
import warnings


def list_classes(directory):
    """Names of the folders in `directory`, sorted by code point: hidden and empty ones, and links to folders, too."""
    return sorted(name for name in os.listdir(directory) if os.path.isdir(os.path.join(directory, name)))


def _list_class(directory, name, extensions, split, follow_links):
    """Paths of the images of class `name`, relative to `directory`."""
    folder, files = os.path.join(directory, name), []
    for root, _, names in sorted(os.walk(folder, followlinks=follow_links), key=lambda entry: entry[0]):
        files += [os.path.join(root, file) for file in sorted(names) if file.lower().endswith(extensions)]
    if split:
        start, stop = (int(part * len(files)) for part in split)
        files = files[start:stop]
    return [name + path[len(folder) :] for path in files]


def list_directory(directory, classes, extensions, split=None, follow_links=False):
    """List the images of each class.

    Args:
        directory: path of a folder with one folder a class.
        classes: names of these folders. One that does not exist has no images, which is warned of.
        extensions: tuple of endings in lower case.
        split: (start, stop), fractions of each class's files to keep, or None.
        follow_links: whether to go down links to folders below the class folders.

    Returns:
        A list for each class, of paths relative to `directory`. Folders are in the order of their paths, files by name.

    Raises:
        KeyError: a class name is a path with images in it: a class is a folder of `directory` itself.
    """
    absent = [name for name in classes if not os.path.isdir(os.path.join(directory, name))]
    if absent:
        warnings.warn(f"`classes`: no folder in {os.fspath(directory)!r} for {absent}: no images.", stacklevel=5)
    with multiprocessing.pool.ThreadPool() as pool:
        files = pool.starmap(_list_class, [(directory, name, extensions, split, follow_links) for name in classes])
    for name, found in zip(classes, files, strict=True):
        if found and os.path.basename(name) not in classes:
            raise KeyError(f"`classes` must name folders of {os.fspath(directory)!r} itself. Received: {name!r}")
    if any(name.lower().endswith(".tiff") for found in files for name in found):
        warnings.warn('".tiff" files with multiple bands will be distorted. Please verify your output.', stacklevel=5)
    return files
