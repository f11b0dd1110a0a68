"""Small good files of every kind that cameras, telephones, scanners and programs write. Pillow decodes them all."""

import functools
import io
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, features

from .broken_images import originals
from .png_files import png_chunk, write_png

JPEG_END = b"\xff\xd9"


@functools.cache
def kinds():
    """name -> content; the first word of a name is the format."""
    made = {f"{form} {name}": content for (form, name), content in originals().items()}
    for maker in (_jpegs, _pngs, _bmps, _gifs, _webps, _others):
        made |= maker()
    return made


def photo(size=(64, 48), name="astronaut"):
    return Image.fromarray(getattr(skimage.data, name)()[..., :3]).resize(size, Image.Resampling.BICUBIC)


def _saved(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _sampled(content, *factors):
    """A JPEG whose chroma is sampled in another way; of the same number of blocks, or it would be broken."""
    content, at = bytearray(content), 2
    while content[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    content[at + 11 : at + 11 + 3 * len(factors) : 3] = bytes(factors)
    return bytes(content)


def _jpegs():
    rgb = photo()
    plain, progressive = _saved(rgb, "JPEG", quality=90), _saved(rgb, "JPEG", progressive=True)
    thumbnail = Image.Exif()
    thumbnail[0x010F] = "maker"
    exif = thumbnail.tobytes() + _saved(photo((16, 12)), "JPEG")  # whose end marker comes before that of the image
    with_thumbnail = _saved(rgb, "JPEG", exif=exif)
    cmyk = _saved(Image.merge("CMYK", [*photo(name="coffee").split(), rgb.convert("L")]), "JPEG", quality=95)
    adobe = cmyk.index(b"Adobe") + 11
    wide, square = (_saved(rgb, "JPEG", subsampling=kind) for kind in (1, 2))
    several = {"save_all": True, "append_images": [photo(name="coffee")]}
    frame = plain.index(b"\xff\xc0")
    made = {
        "zeros behind": plain + bytes(300),
        "one byte behind": plain + b"\n",
        "half a marker behind": plain + b"\xff",
        "a start behind": plain + b"trailing bytes \xff\xd8\xff",
        "a film behind": plain + b"\0\0\0\x18ftypmp42" + np.random.RandomState(0).bytes(3000),
        "another behind": plain + _saved(photo(name="coffee"), "JPEG"),
        "half another behind": plain + _saved(photo(name="coffee"), "JPEG")[:600],
        "an end behind": plain + JPEG_END,
        "progressive, zeros behind": progressive + bytes(9),
        "thumbnail": with_thumbnail,
        "thumbnail, zeros behind": with_thumbnail + bytes(17),
        "thumbnail, progressive": _saved(rgb, "JPEG", exif=exif, progressive=True) + b"end",
        "mpo": _saved(rgb, "MPO", **several),
        "mpo, zeros behind": _saved(rgb, "MPO", **several) + bytes(2),
        "comment with an end": _saved(rgb, "JPEG", comment=b"x" + JPEG_END) + b"\0",
        "filled markers": plain[:2] + b"\xff\xff" + plain[2:] + b"\0",
        "profile": _saved(rgb, "JPEG", icc_profile=bytes(70_000)),
        "extended": plain[:frame] + b"\xff\xc1" + plain[frame + 2 :],
        "4:4:0": _sampled(wide, 0x12),
        "4:1:1": _sampled(square, 0x41),
        "4:1:0 upright": _sampled(square, 0x14),
        "4:4:0 progressive": _sampled(_saved(rgb, "JPEG", subsampling=1, progressive=True), 0x12),
        "grey, sampled": _sampled(_saved(rgb.convert("L"), "JPEG"), 0x22),
        "best": _saved(rgb, "JPEG", quality=100, subsampling=0),
        "worst": _saved(rgb, "JPEG", quality=1),
        "cmyk photo": cmyk,
        "ycck": cmyk[:adobe] + b"\2" + cmyk[adobe + 1 :],
        "cmyk, zeros behind": cmyk + bytes(3),
        "one pixel": _saved(photo((1, 1)), "JPEG"),
        "one row": _saved(photo((37, 1)), "JPEG"),
    }
    return {f"jpeg {name}": content for name, content in made.items()}


def _png(pixels, depth, colour, *chunks, interlaced=False):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.png"
        write_png(path, pixels, depth, colour, chunks, interlaced)
        return path.read_bytes()


def _pngs():
    rng, rgb = np.random.RandomState(2), photo()
    noise = rng.randint(0, 256, (19, 16)).astype("uint8")
    deep = rng.randint(0, 256, (19, 96)).astype("uint8")
    palette = lambda n: (b"PLTE", rng.randint(0, 256, 3 * n).astype("uint8").tobytes())  # noqa: E731
    made = {}
    for depth in (1, 2, 4, 8):
        made[f"grey {depth}"] = _png(noise, depth, 0)
        made[f"grey {depth}, marked"] = _png(noise, depth, 0, (b"tRNS", b"\0\1"))
        made[f"palette {depth}"] = _png(noise, depth, 3, palette(2**depth))
        made[f"palette {depth}, marked"] = _png(noise, depth, 3, palette(2**depth), (b"tRNS", b"\7\xff"))
        made[f"palette {depth}, short"] = _png(noise, depth, 3, palette(2**depth - 1))
        made[f"palette {depth}, interlaced"] = _png(noise[:, : depth or 1], 8, 3, palette(256), interlaced=True)
    for name, colour, channels in (("grey", 0, 1), ("rgb", 2, 3), ("la", 4, 2), ("rgba", 6, 4)):
        made[f"{name} 16 of noise"] = _png(deep.reshape(19, -1, 2 * channels), 16, colour)
    made |= {
        "rgb 16, marked": _png(deep.reshape(19, -1, 6), 16, 2, (b"tRNS", bytes(6))),
        "rgb, marked beyond 8 bits": _png(deep.reshape(19, -1, 3), 8, 2, (b"tRNS", b"\1" + bytes(5))),
        "rgb, marked": _png(deep.reshape(19, -1, 3), 8, 2, (b"tRNS", bytes(b for v in deep[0, :3] for b in (0, v)))),
        "grey, marked beyond 8 bits": _png(noise, 8, 0, (b"tRNS", b"\1" + noise[0, :1].tobytes())),
        "palette, suggested": _png(deep.reshape(19, -1, 3), 8, 2, palette(9)),
        "gamma": _png(noise, 8, 0, (b"gAMA", struct.pack(">I", 22222)), (b"sRGB", b"\0"), (b"bKGD", b"\0\x80")),
        "significant bits": _png(deep.reshape(19, -1, 3), 8, 2, (b"sBIT", b"\5\6\5")),
        "text": _saved(rgb, "PNG", icc_profile=bytes(500), dpi=(72, 72)),
        "la, interlaced": _png(deep.reshape(19, -1, 2), 8, 4, interlaced=True),
        "rgba, interlaced": _png(deep.reshape(19, -1, 4), 8, 6, interlaced=True),
        "16, interlaced": _png(deep.reshape(19, -1, 6), 16, 2, interlaced=True),
        "bytes behind": _saved(rgb, "PNG") + b"behind",
        "a marker called tRNS": _png(noise, 8, 0, (b"teXt", b"tRNS IDAT")),
    }
    body = _saved(rgb, "PNG")
    at = body.index(b"IDAT") - 4
    data = zlib.compress(zlib.decompress(body[at + 8 : at + 8 + int.from_bytes(body[at : at + 4], "big")]))
    pieces = b"".join(png_chunk(b"IDAT", data[i : i + 100]) for i in range(0, len(data), 100))
    made["in pieces"] = body[:at] + pieces + png_chunk(b"IEND", b"")
    return {f"png {name}": content for name, content in made.items()}


def _bmp(pixels, bits, header=40, compression=0, height=None, extra=b"", gap=0):
    """A BMP of rows of bytes, whose length is a multiple of four, from the lowest row to the highest."""
    rows, length = pixels.shape
    width = length * 8 // bits
    start = 14 + header + len(extra) + gap
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height or rows, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, height or rows, 1, bits, compression, pixels.size, 0, 0, 0, 0)
    info += bytes(header - len(info))
    return b"BM" + struct.pack("<IHHI", start + pixels.size, 0, 0, start) + info + extra + bytes(gap) + pixels.tobytes()


def _bmps():
    rng = np.random.RandomState(3)
    rows = lambda length: rng.randint(0, 256, (13, length)).astype("uint8")  # noqa: E731
    colours = lambda n: rng.randint(0, 256, (n, 4)).astype("uint8").tobytes()  # noqa: E731
    grey = bytes(b for value in range(256) for b in (value, value, value, 0))
    masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    wide = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    made = {
        "1 bit": _bmp(rows(4), 1, extra=colours(2)),
        "4 bits": _bmp(rows(8), 4, extra=colours(16)),
        "8 bits": _bmp(rows(20), 8, extra=colours(256)),
        "8 bits, grey": _bmp(rows(20), 8, extra=grey),
        "16 bits": _bmp(rows(24), 16),
        "16 bits, 565": _bmp(rows(24), 16, compression=3, extra=masks),
        "24 bits": _bmp(rows(36), 24),
        "24 bits, top down": _bmp(rows(36), 24, height=-13),
        "24 bits, version 4": _bmp(rows(36), 24, header=108),
        "24 bits, version 5": _bmp(rows(36), 24, header=124),
        "24 bits, OS/2": _bmp(rows(36), 24, header=12),
        "24 bits, a gap": _bmp(rows(36), 24, gap=10),
        "24 bits, bytes behind": _bmp(rows(36), 24) + b"behind",
        "32 bits": _bmp(rows(40), 32),
        "32 bits, alpha": _bmp(rows(40), 32, header=124, compression=3)[:54] + wide + bytes(68) + rows(40).tobytes(),
    }
    return {f"bmp {name}": content for name, content in made.items()}


def _gifs():
    palette = photo().quantize(17)
    frames = [photo(name=name).quantize(64) for name in ("astronaut", "coffee", "chelsea")]
    plain = _saved(palette, "GIF")
    screen = bytearray(_saved(photo((32, 24)).quantize(9), "GIF"))
    screen[6:10] = struct.pack("<HH", 64, 48)  # larger than the frame on it
    made = {
        "colour tables of their own": _saved(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "transparent, animated": _saved(
            frames[0], "GIF", save_all=True, append_images=frames[1:], transparency=5, disposal=2
        ),
        "interlaced": _saved(palette, "GIF", interlace=1),
        "a frame on a larger screen": bytes(screen),
        "one bit": _saved(photo().convert("1"), "GIF"),
        "comment": _saved(palette, "GIF", comment=b"x" * 600),
        "bytes behind": plain + b"behind",
    }
    return {f"gif {name}": content for name, content in made.items()}


def _webps():
    rgba = photo()
    rgba.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, 64).astype("uint8"), (48, 1))))
    frames = {"save_all": True, "append_images": [rgba.rotate(90), photo(name="coffee").convert("RGBA")]}
    made = {
        "profile": _saved(photo(), "WEBP", icc_profile=bytes(300)),
        "exact": _saved(rgba, "WEBP", lossless=True, exact=True),
        "alpha, profile": _saved(rgba, "WEBP", icc_profile=bytes(300)),
        "alpha, animated": _saved(rgba, "WEBP", **frames),
        "opaque alpha": _saved(photo().convert("RGBA"), "WEBP", lossless=True),
        "worst": _saved(photo(), "WEBP", quality=0),
        "bytes behind": _saved(photo(), "WEBP") + b"behind",
    }
    return {f"webp {name}": content for name, content in made.items()}


def _others():
    rgb, grey = photo((32, 24)), photo((32, 24)).convert("L")
    deep = np.asarray(grey).astype(">u2") * 257
    bits = grey.convert("1")
    text = " ".join(map(str, np.asarray(rgb).ravel())).encode()
    made = {
        "ppm bits": _saved(bits, "PPM"),
        "ppm grey": _saved(grey, "PPM"),
        "ppm rgb": _saved(rgb, "PPM"),
        "ppm text": b"P3\n32 24\n255\n" + text,
        "ppm deep": b"P5 32 24 65535\n" + deep.tobytes(),
        "icon": _saved(rgb, "ICO"),
        "sgi": _saved(rgb, "SGI"),
        "dds": _saved(rgb, "DDS"),
    }
    for form, codec in (("JPEG2000", "jpg_2000"), ("AVIF", "avif")):
        if codec in features.get_supported():
            made[form.lower()] = _saved(rgb, form)
    return made
