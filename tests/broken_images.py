"""Small image files of every kind, and ways to break them that are the same for the same seed."""

import collections
import functools
import io
import itertools
import tempfile
import zlib
from pathlib import Path

import numpy as np
import skimage.data
import tifffile
from PIL import Image

from .png_files import png_chunk, write_png


@functools.cache
def originals():
    """(format, name) -> content of a good file, small, for every kind of file that there is."""
    photo = [Image.fromarray(getattr(skimage.data, name)()[..., :3]) for name in ("astronaut", "coffee", "chelsea")]
    rgb, large, small = photo[0].resize((64, 48)), photo[1].resize((150, 100)), photo[2].resize((40, 30))
    grey, palette, one, cmyk = rgb.convert("L"), rgb.quantize(17), rgb.convert("1"), rgb.convert("CMYK")
    rgba = rgb.copy()
    rgba.putalpha(grey)
    deep = np.asarray(grey).astype("uint16") * 257
    turned = Image.Exif()
    turned[0x0112] = 6
    frames = {"save_all": True, "append_images": [small.resize(rgb.size), rgb.rotate(180)]}
    saved = {
        "jpeg": {
            "baseline": (rgb, {}),
            "large": (large, {"optimize": True}),
            "progressive": (rgb, {"progressive": True, "quality": 90}),
            "full colour": (small, {"subsampling": 0}),
            "grey": (grey, {}),
            "grey progressive": (grey, {"progressive": True}),
            "cmyk": (cmyk, {}),
            "stored as rgb": (rgb, {"keep_rgb": True}),
            "restarts": (rgb, {"restart_marker_blocks": 2}),
            "turned": (rgb, {"exif": turned}),
        },
        "png": {
            "rgb": (rgb, {}),
            "large": (large, {}),
            "grey": (grey, {}),
            "palette": (palette, {}),
            "one bit": (one, {}),
            "la": (rgba.convert("LA"), {}),
            "rgba": (rgba, {}),
            "grey 16": (Image.fromarray(deep), {}),
            "palette, marked": (palette, {"transparency": bytes(range(0, 170, 10))}),
            "rgb, marked": (rgb, {"transparency": rgb.getpixel((5, 5))}),
            "grey, marked": (grey, {"transparency": grey.getpixel((5, 5))}),
            "turned": (small, {"exif": turned, "dpi": (300, 300), "icc_profile": b"x" * 200}),
            "animated": (rgb, frames),
        },
        "bmp": {
            "rgb": (rgb, {}),
            "grey": (grey, {}),
            "palette": (palette, {}),
            "one bit": (one, {}),
            "rgba": (rgba, {}),
        },
        "gif": {
            "palette": (palette, {}),
            "grey": (grey, {"interlace": 0}),
            "transparent": (palette, {"transparency": 3}),
            "animated": (rgb, {**frames, "disposal": 2, "duration": 50, "loop": 0}),
        },
        "webp": {
            "lossy": (rgb, {}),
            "lossless": (large, {"lossless": True}),
            "alpha": (rgba, {}),
            "lossless alpha": (rgba, {"lossless": True}),
            "turned": (rgb, {"exif": turned}),
            "animated": (rgb, frames),
        },
        "tiff": {
            "plain": (rgb, {}),
            "lzw": (rgb, {"compression": "tiff_lzw"}),
            "deflate": (large, {"compression": "tiff_adobe_deflate"}),
            "jpeg": (rgb, {"compression": "jpeg"}),
            "packbits": (grey, {"compression": "packbits"}),
            "fax": (one, {"compression": "group4"}),
            "palette": (palette, {"compression": "tiff_lzw"}),
            "rgba": (rgba, {}),
            "cmyk": (cmyk, {}),
            "strips": (rgb, {"compression": "tiff_lzw", "tiffinfo": {278: 8}}),
            "grey 16": (Image.fromarray(deep), {}),
            "float": (Image.fromarray(deep.astype("float32") / 3), {}),
            "turned": (rgb, {"exif": turned}),
            "pages": (rgb, frames),
        },
    }
    made = {}
    for form, variants in saved.items():
        for name, (image, options) in variants.items():
            file = io.BytesIO()
            image.save(file, form, **options)
            made[form, name] = file.getvalue()
    for name, pixels, options in [
        ("tiles", np.asarray(rgb), {"tile": (16, 32)}),
        ("tiles, deflate", np.asarray(rgb), {"tile": (16, 32), "compression": "zlib"}),
        ("planes", np.moveaxis(np.asarray(rgb), -1, 0), {"photometric": "rgb", "planarconfig": "separate"}),
        ("big endian 16", deep, {"byteorder": ">"}),
        ("bigtiff", np.asarray(rgb), {"bigtiff": True}),
    ]:
        file = io.BytesIO()
        tifffile.imwrite(file, pixels, **options)
        made["tiff", name] = file.getvalue()
    made["bmp", "run lengths"] = _run_lengths(made["bmp", "palette"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.png"
        write_png(path, np.asarray(rgb), 8, 2, interlaced=True)
        made["png", "interlaced"] = path.read_bytes()
        write_png(path, np.asarray(rgb).reshape(48, 32, 6), 16, 2)
        made["png", "rgb 16"] = path.read_bytes()
    return made


def _run_lengths(bmp):
    """A BMP of 8 bits, compressed, which Pillow does not write."""
    start, width = int.from_bytes(bmp[10:14], "little"), int.from_bytes(bmp[18:22], "little")
    rows = [bmp[at : at + width] for at in range(start, len(bmp), (width + 3) // 4 * 4)]
    runs = [b"".join(bytes((len(list(run)), value)) for value, run in itertools.groupby(row)) for row in rows]
    return bmp[:30] + b"\1\0\0\0" + bmp[34:start] + b"\0\0".join(runs) + b"\0\0\0\1"


# ---------------------------------------------------------------------------------------------------------------------
# The mutations
# ---------------------------------------------------------------------------------------------------------------------


class Field(collections.namedtuple("Field", "at bytes order")):
    """Where a number lies in a file."""

    def read(self, content):
        return int.from_bytes(content[self.at : self.at + self.bytes], self.order)

    def write(self, content, value):
        value &= (1 << 8 * self.bytes) - 1
        content[self.at : self.at + self.bytes] = value.to_bytes(self.bytes, self.order)


@functools.cache
def fields(form, name):
    """The fields of an original that say sizes and kinds of pixels, and those that say lengths and places."""
    content = originals()[form, name]
    return {"jpeg": _in_jpeg, "png": _in_png, "bmp": _in_bmp, "gif": _in_gif, "webp": _in_webp, "tiff": _in_tiff}[form](
        content
    )


def _in_jpeg(content):
    sizes, lengths, at = [], [], 2
    while True:
        marker = content[at + 1]
        lengths.append(Field(at + 2, 2, "big"))
        if marker in (0xC0, 0xC1, 0xC2):
            sizes += [
                Field(at + 5, 2, "big"),
                Field(at + 7, 2, "big"),
                Field(at + 4, 1, "big"),
                Field(at + 9, 1, "big"),
            ]
        if marker == 0xDA:
            return sizes, lengths
        at += 2 + lengths[-1].read(content)


def _png_chunks(content):
    at = 8
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        yield at, length
        at += 12 + length


def _in_png(content):
    sizes, lengths = [Field(at, size, "big") for at, size in ((16, 4), (20, 4), (24, 1), (25, 1), (28, 1))], []
    for at, _ in _png_chunks(content):
        lengths.append(Field(at, 4, "big"))
        if content[at + 4 : at + 8] == b"fcTL":
            sizes += [Field(at + 8 + place, 4, "big") for place in (4, 8, 12, 16)]
        if content[at + 4 : at + 8] == b"acTL":
            lengths.append(Field(at + 8, 4, "big"))
    return sizes, lengths


def _with_checksums(content):
    """A PNG with right checksums, so that what else is wrong gets past them."""
    content = bytearray(content)
    for at, length in _png_chunks(content):
        end = at + 8 + length
        if end + 4 <= len(content):
            content[end : end + 4] = zlib.crc32(content[at + 4 : end]).to_bytes(4, "big")
    return bytes(content)


def _in_bmp(content):
    sizes = [Field(at, size, "little") for at, size in ((18, 4), (22, 4), (28, 2), (30, 4))]
    return sizes, [Field(at, 4, "little") for at in (2, 10, 14, 34, 46)]


def _in_gif(content):
    def table(at):  # bytes of the colour table that the flags at `at` announce
        return 3 << (content[at] & 7) + 1 if content[at] & 0x80 else 0

    sizes, lengths = [Field(6, 2, "little"), Field(8, 2, "little"), Field(10, 1, "little")], []
    at = 13 + table(10)
    while content[at] != 0x3B:
        if content[at] == 0x2C:
            sizes += [Field(at + place, 2, "little") for place in (5, 7, 1, 3)]
            at += 10 + table(at + 9)
            sizes.append(Field(at, 1, "little"))  # bits of a code
            at += 1
        else:
            at += 2
        while content[at]:
            lengths.append(Field(at, 1, "little"))
            at += content[at] + 1
        at += 1
    return sizes, lengths


def _in_webp(content):
    sizes, lengths, at = [], [Field(4, 4, "little")], 12
    while at < len(content):
        kind, length = content[at : at + 4], Field(at + 4, 4, "little")
        lengths.append(length)
        places = {b"VP8X": ((4, 3), (7, 3), (0, 1)), b"VP8 ": ((6, 2), (8, 2)), b"VP8L": ((1, 4),)}
        places[b"ANMF"] = ((6, 3), (9, 3), (0, 3), (3, 3))
        sizes += [Field(at + 8 + place, size, "little") for place, size in places.get(kind, ())]
        if kind == b"ANMF":  # chunks inside
            at += 24
        else:
            at += 8 + length.read(content) + length.read(content) % 2
    return sizes, lengths


def _in_tiff(content):
    order = "big" if content[:2] == b"MM" else "little"
    big = content[2:4] == (43).to_bytes(2, order)
    wide, entry, head = (8, 20, 8) if big else (4, 12, 2)
    sizes, lengths = [], [Field(8 if big else 4, wide, order)]
    while directory := lengths[-1].read(content):
        lengths.append(Field(directory, head, order))
        for i in range(lengths[-1].read(content)):
            at = directory + head + i * entry
            tag, kind = (Field(place, 2, order).read(content) for place in (at, at + 2))
            value = Field(at + 4 + wide, 2 if kind == 3 else wide, order)
            # width, height, bits, compression, photometric, samples, planes, predictor, tile
            is_size = tag in (256, 257, 258, 259, 262, 277, 278, 284, 317, 322, 323)
            (sizes if is_size else lengths).append(value)
            lengths.append(Field(at + 4, wide, order))
        lengths.append(Field(at + entry, wide, order))
    return sizes, lengths


def _lie(content, where, rng):
    content = bytearray(content)
    several = rng.permutation(len(where))[: rng.integers(1, 4)]
    if rng.random() < 0.5:  # height and width
        several = range(min(2, len(where)))
    for i in several:
        old = where[i].read(content)
        extreme = [0, 1, 2, 3, 8, 255, 4096, 13_000, 16_383, 40_000, 65_535, 2**31 - 1, 2**31, 2**32 - 1, 2**64 - 1]
        others = [old + 1, old - 1, old * 2, old // 2, old * 100, len(content), -old, 1 << int(rng.integers(32))]
        value = [*extreme, *others][rng.integers(len(extreme) + len(others))]
        where[i].write(content, value)
    return bytes(content)


def _flip(content, rng):
    content = bytearray(content)
    end = min(len(content), int(rng.choice([64, 200, len(content)], p=[0.25, 0.25, 0.5])))
    for at in rng.integers(end, size=int(rng.choice([1, 2, 5, 20]))):
        content[at] ^= 1 << int(rng.integers(8))
    return bytes(content)


def _slice(content, rng, longest=400):
    start = int(rng.integers(len(content)))
    return start, min(len(content), start + int(rng.integers(1, longest)))


def _cut(content, rng):
    return content[: rng.integers(len(content))]


def _remove(content, rng):
    start, end = _slice(content, rng)
    return content[:start] + content[end:]


def _double(content, rng):
    start, end = _slice(content, rng)
    return content[:end] + content[start:]


def _insert(content, rng):
    start, end = _slice(content, rng)
    return content[:start] + rng.bytes(end - start) + content[start:]


def _blank(content, rng):
    start, end = _slice(content, rng)
    return content[:start] + (bytes(end - start), rng.bytes(end - start))[rng.integers(2)] + content[end:]


def _other_head(content, rng):
    all_of_them = [*originals().values()]
    other, end = all_of_them[rng.integers(len(all_of_them))], int(rng.integers(2, 300))
    return other[:end] + content[end:]


def _inside_png(content, rng):
    """Other pixels, or chunks in another order, left out, twice or of another file, with nothing else wrong."""
    chunks = [(content[at + 4 : at + 8], content[at + 8 : at + 8 + length]) for at, length in _png_chunks(content)]
    i, j = rng.integers(1, len(chunks), size=2)
    kind, inside = chunks[i]
    if rng.random() < 0.4:
        rows = bytearray(zlib.decompress(b"".join(inside for kind, inside in chunks if kind == b"IDAT")))
        rows = (_flip, _blank, _cut, _double, _remove)[rng.integers(5)](rows, rng)
        chunks[:] = [(kind, zlib.compress(rows) if kind == b"IDAT" else inside) for kind, inside in chunks]
    elif rng.random() < 0.3 and inside:
        chunks[i] = kind, (_flip, _blank, _cut, _double, _remove)[rng.integers(5)](inside, rng)
    elif rng.random() < 0.5:
        others = [content for (form, _), content in originals().items() if form == "png"]
        other = others[rng.integers(len(others))]
        chunks[i:i] = [(other[at + 4 : at + 8], other[at + 8 : at + 8 + length]) for at, length in _png_chunks(other)][
            1:-1
        ]
    else:
        chunks[i:i] = chunks[j : j + 1]
        chunks[j : j + 1] = chunks[j : j + 1] * rng.integers(2)
    return content[:8] + b"".join(png_chunk(*chunk) for chunk in chunks)


_ANYWHERE = {
    "bits": _flip,
    "cut": _cut,
    "removed": _remove,
    "doubled": _double,
    "inserted": _insert,
    "blanked": _blank,
    "other head": _other_head,
}


def mutated(seed, number):
    """One broken file: its format, what it was and was done to it, and its content."""
    rng = np.random.default_rng((seed, number))
    names = [*originals()]
    form = ("jpeg", "png", "bmp", "gif", "webp", "tiff")[number % 6]
    name = [name for kind, name in names if kind == form][rng.integers(sum(kind == form for kind, _ in names))]
    content, done = originals()[form, name], []
    kinds = ["sizes", "lengths", *_ANYWHERE]
    chances = np.array([6, 3, 5, 2, 2, 1, 1, 2, 2])
    kind = kinds[rng.choice(len(kinds), p=chances / chances.sum())]
    if form == "png" and rng.random() < 0.4:
        return form, f"{name}: inside", _inside_png(content, rng)
    if kind in ("sizes", "lengths"):
        content, done = _lie(content, fields(form, name)[kind == "lengths"], rng), [kind]
    if not done or rng.random() < 0.2:
        kind = kind if not done else [*_ANYWHERE][rng.integers(len(_ANYWHERE))]
        content = _ANYWHERE[kind](content, rng)
        done.append(kind)
    if form == "png" and rng.random() < (0.9 if done[0] == "sizes" else 0.5):
        content = _with_checksums(content)
        done.append("checksums")
    return form, f"{name}: {' + '.join(done)}", content
