"""`keras-regen check`: what is wrong with a folder of images, before training finds out."""

import collections
import contextlib
import functools
import hashlib
import itertools
import json
import multiprocessing.pool
import os
import re
import sys
import warnings
from dataclasses import asdict, dataclass, fields

from PIL import Image, UnidentifiedImageError

from .data.decoding import import_plugins
from .data.files import Joined, open_regular
from .data.listing import known_endings, list_classes, list_directory
from .image.utils import IMAGE_EXTENSIONS
from .progress import counted

SMALLEST, LARGEST, ASPECT_RATIO = 32, 4096, 4  # pixels, pixels, longer over shorter side
_ORIENTATION = 0x0112  # the EXIF tag

_HEADINGS = {
    "unreadable": "Unreadable",
    "truncated": "Truncated or damaged, so not decoded to the end",
    "empty": "Empty files",
    "empty_classes": "Classes without images",
    "single_class": "Classes with images, so that there is nothing to tell apart",
    "without_class": "Directly in the folder, so of no class and left out",
    "left_out": "Left out because of their ending",
    "wrong_extension": "Of another format than the ending says",
    "extreme_size": f"Below {SMALLEST} or above {LARGEST} pixels, or longer than {ASPECT_RATIO} to 1",
    "duplicates": "Groups of files of the same content",
    "deep": "More than 8 bits per channel",
    "cmyk": "CMYK",
    "palette": "With a palette",
    "alpha": "With transparency",
    "animated": "More than one frame, of which the first is read",
    "rotated": "Rotated or mirrored by an EXIF tag, which is ignored when they are read",
}


@dataclass(frozen=True)
class Report:
    """What `check` found in the files that `flow_from_directory` reads and, in two fields, in those that it leaves out.

    Paths are relative to the directory and sorted; where not said otherwise, a dictionary maps a path to a detail.

    Args:
        directory: the folder.
        classes: name of each class, sorted, to its number of images, unreadable ones included.
        unreadable: not opened, with the message of Pillow or of the operating system.
        truncated: opened, but not decoded to the end, with Pillow's message.
        empty: of 0 bytes.
        without_class: tuple of files in the folder itself, which `flow_from_directory` leaves out.
        left_out: ending in lower case ("" for none) to a tuple of files in the class folders that are not read.
        wrong_extension: with the format in Pillow's words where that is not the one of the ending.
        extreme_size: width or height below 32 or above 4096 pixels, or longer than 4 times the shorter side, with both;
            or more pixels than Pillow opens, with its message (these are in `unreadable`, too).
        duplicates: tuple of groups, tuples of files whose bytes have the same SHA-256.
        deep: with 16 bits per channel or more in the file, with the mode that Pillow decodes to.
        cmyk, palette, alpha: of these colours, with Pillow's mode.
        animated: of more than one frame, with their number.
        rotated: with an EXIF orientation other than upright, with its number.
        formats: endings of the files that are read, in lower case without dot.
    """

    directory: str
    classes: dict[str, int]
    unreadable: dict[str, str]
    truncated: dict[str, str]
    empty: dict[str, str]
    without_class: tuple[str, ...]
    left_out: dict[str, tuple[str, ...]]
    wrong_extension: dict[str, str]
    extreme_size: dict[str, str]
    duplicates: tuple[tuple[str, ...], ...]
    deep: dict[str, str]
    cmyk: dict[str, str]
    palette: dict[str, str]
    alpha: dict[str, str]
    animated: dict[str, str]
    rotated: dict[str, str]
    formats: tuple[str, ...]

    @property
    def images(self):
        """Number of files that `flow_from_directory` reads."""
        return sum(self.classes.values())

    @property
    def empty_classes(self):
        """Tuple of the names of classes without images, for which the model has an output all the same."""
        return tuple(name for name, count in self.classes.items() if not count)

    @property
    def single_class(self):
        """Tuple of the name of the class that has all the images; empty if several have some, or none has."""
        filled = tuple(name for name, count in self.classes.items() if count)
        return filled if len(filled) == 1 else ()

    @property
    def imbalance(self):
        """Images of the largest class over those of the smallest that has any; None without images."""
        counts = [count for count in self.classes.values() if count]
        return max(counts) / min(counts) if counts else None

    @property
    def stops_training(self):
        """Whether a file cannot be read, or there is none."""
        return bool(self.unreadable or self.truncated or self.empty or not self.images)


def check(directory, progress=lambda done, total: None, formats=None):
    """Examine every image that `flow_from_directory` would read from a folder, in threads, decoding each to its end.

    Args:
        directory: path (str, bytes or path-like) of a folder with one folder of images per class.
        progress: function that is called with the numbers of files done and of all files, after each.
        formats: the `formats` of `flow_from_directory`.

    Returns:
        A `Report`, the same at any number of threads.

    Raises:
        OSError: the directory is not there, is no directory or cannot be listed. What is wrong with files is reported.
        ValueError: `formats` has an ending that Pillow does not open.
    """
    formats = IMAGE_EXTENSIONS if formats is None else known_endings(formats)
    directory = os.fsdecode(directory)
    classes = list_classes(directory)
    found = {field.name: {} for field in fields(Report) if field.type == dict[str, str]}
    paths, left_out, same = [], {}, {}
    with warnings.catch_warnings():  # of Pillow, file by file, and of the listing: the report tells
        warnings.simplefilter("ignore")
        for path in sorted(itertools.chain(*list_directory(directory, classes, ("",)).files)):  # every ending
            if path.lower().endswith(formats):
                paths.append(path)
            else:
                left_out.setdefault(os.path.splitext(path)[1].lower(), []).append(path)
        import_plugins()  # once, before the threads
        with multiprocessing.pool.ThreadPool(min(os.cpu_count() or 1, 16)) as pool:
            examined = pool.imap(functools.partial(_examine, formats), Joined(directory, paths))
            for done, (path, (digest, findings)) in enumerate(zip(paths, examined, strict=True), 1):
                for kind, detail in findings.items():
                    found[kind][path] = detail
                if digest:
                    same.setdefault(digest, []).append(path)
                progress(done, len(paths))
    images = collections.Counter(path.partition(os.sep)[0] for path in paths)
    return Report(
        directory=directory,
        classes={name: images[name] for name in classes},
        without_class=tuple(sorted(set(os.listdir(directory)) - set(classes))),
        left_out={ending: tuple(left_out[ending]) for ending in sorted(left_out)},
        duplicates=tuple(tuple(group) for group in same.values() if len(group) > 1),
        formats=formats,
        **found,
    )


def print_check(directory, show_all=False, as_json=False, formats=None):
    """Print what `check` finds, with its progress on stderr. See `keras-regen check --help`.

    Args:
        directory: path of a folder with one folder of images per class.
        show_all: whether to print all paths and classes, instead of 5 paths of a kind and 20 classes.
        as_json: whether to print one JSON object instead: the fields and properties of `Report`.
        formats: the `formats` of `flow_from_directory`, or ["all"].

    Returns:
        1 if something would stop training, otherwise 0.

    Raises:
        OSError: the directory is not there, is no directory or cannot be listed.
    """
    report = check(directory, counted("checked {} files"), "all" if formats == ["all"] else formats)
    if as_json:
        properties = ("images", "empty_classes", "imbalance", "stops_training")
        print(json.dumps(asdict(report) | {name: getattr(report, name) for name in properties}))
    else:
        text = "\n".join(_lines(report, *((None, None) if show_all else (5, 20))))
        encoding = sys.stdout.encoding or "utf-8"  # which need not have every letter of a path
        print(text.encode(encoding, "backslashreplace").decode(encoding))
    return int(report.stops_training)


def _examine(formats, path):
    """The SHA-256 of a file, None if it is empty or cannot be read, and a dictionary of findings."""
    digest = hashlib.sha256()
    try:
        with open_regular(path) as file:
            while block := file.read(1 << 20):
                digest.update(block)
            if not file.tell():
                return None, {"empty": "0 bytes"}
            file.seek(0)
            ending = max((ending for ending in formats if path.lower().endswith(ending)), key=len)
            return digest.digest(), _examine_image(file, ending)
    except OSError as error:
        return None, _failure("unreadable", error)


def _examine_image(file, ending):
    """Dictionary of findings in an open file."""
    try:
        image = Image.open(file)
    except Exception as error:  # Pillow's readers raise all kinds
        return _failure("unreadable", error)
    found, mode = {}, image.mode
    # MPO: a JPEG with more of them behind it, as many cameras write.
    if {"MPO": "JPEG"}.get(image.format, image.format) != Image.EXTENSION["." + ending]:
        found["wrong_extension"] = image.format
    if _is_deep(image):
        found["deep"] = mode
    try:
        image.load()
    except Exception as error:
        return found | _failure("truncated", error)
    width, height = image.size
    shorter, longer = sorted(image.size)
    if shorter < SMALLEST or longer > LARGEST or longer > ASPECT_RATIO * shorter:
        found["extreme_size"] = f"{width} wide, {height} high"
    if mode == "CMYK":
        found["cmyk"] = mode
    if mode.startswith("P"):
        found["palette"] = mode
    if image.has_transparency_data:
        found["alpha"] = mode
    with contextlib.suppress(Exception):  # broken metadata, which reading the pixels does not mind
        if (orientation := image.getexif().get(_ORIENTATION)) in range(2, 9):
            found["rotated"] = f"orientation {orientation}"
    with contextlib.suppress(Exception):  # a broken second frame: neither
        if (frames := getattr(image, "n_frames", 1)) > 1:
            found["animated"] = f"{frames} frames"
    return found


def _is_deep(image):
    """Whether the file of a Pillow image, not loaded yet, has more than 8 bits a channel, whatever it is decoded to."""
    codec, _, _, arguments = image.tile[0] if image.tile else ("", None, None, "")
    raw_mode, *rest = arguments if isinstance(arguments, tuple) else (arguments,)
    deep_ppm = codec.startswith("ppm") and max(rest, default=0) > 255  # the value of white
    return image.mode[0] in "IF" or deep_ppm or re.search(";16[BLN]", str(raw_mode)) is not None


def _failure(kind, error):
    """Findings for an exception while reading a file: its message without the file's name, which stands beside."""
    message = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        message = error.strerror
    elif isinstance(error, UnidentifiedImageError):
        message = "cannot identify image file"
    if isinstance(error, Image.DecompressionBombError):
        return {"unreadable": message, "extreme_size": message}
    return {kind: message}


def _lines(report, most_paths, most_classes):
    """The report as text; None for all."""
    sections = {name: heading for name, heading in _HEADINGS.items() if getattr(report, name)}
    stopping = len(report.unreadable | report.truncated | report.empty)
    if not report.images and any(name.lower().endswith(report.formats) for name in report.without_class):
        verdict = "its images are in no class; flow_from_directory takes a folder with one folder of images per class"
    elif not report.images:
        verdict = f"none of the files in its folders ends in {', '.join(report.formats)}"
    elif stopping:
        verdict = f"{stopping:,} would stop training"
    else:
        verdict = "nothing that would stop training" if sections else "nothing wrong"
    images = "1 image" if report.images == 1 else f"{report.images:,} images"
    classes = "1 class" if len(report.classes) == 1 else f"{len(report.classes):,} classes"
    yield f"{images} in {classes} of {_shown(report.directory)}: {verdict}."
    for name, heading in sections.items():
        value, endings = getattr(report, name), ""
        if name == "left_out":
            endings = ", ".join(f"{_shown(end) or 'none'} {len(files):,}" for end, files in value.items())
            entries = [_shown(path) for files in value.values() for path in files]
        elif name == "duplicates":
            entries = [" = ".join(_cut([_shown(path) for path in group], most_paths)) for group in value]
        elif isinstance(value, dict):
            entries = [f"{_shown(path)}: {_shown(detail)}" for path, detail in value.items()]
        else:
            entries = [_shown(path) for path in value]
        count = f"{len(entries):,} ({endings})" if endings else f"{len(entries):,}"
        yield from ["", f"{heading}: {count}", *(f"  {entry}" for entry in _cut(entries, most_paths))]
    if report.images:
        rows = [f"{count:9,}  {_shown(name)}" for name, count in report.classes.items()]
        yield from [
            "",
            f"Images per class, largest to smallest {report.imbalance:.3g} to 1:",
            *_cut(rows, most_classes),
        ]


def _cut(entries, most):
    """The first entries, and how many more there are; None for all."""
    more = len(entries) - len(entries[:most])
    return [*entries[:most], f"... {more:,} more (--all)"] if more else entries


def _shown(text):
    """Text on one line: as it is, or quoted and escaped if something in it cannot be printed."""
    return text if text.isprintable() else repr(text)
