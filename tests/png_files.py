"""PNG files of every kind, made of their bytes."""

import struct
import zlib


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def write_png(path, pixels, depth, colour, chunks=(), interlaced=False):
    """Write rows of already packed bytes; Pillow cannot write every kind of PNG that it reads."""
    height, width = pixels.shape[:2]
    grid = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    passes = [pixels[top::down, left::right] for top, left, down, right in grid] if interlaced else [pixels]
    rows = b"".join(b"\0" + row.tobytes() for part in passes if part.size for row in part)
    if depth < 8:
        width = width * 8 // depth
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    body = b"".join(png_chunk(kind, content) for kind, content in chunks)
    data = png_chunk(b"IHDR", header) + body + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
