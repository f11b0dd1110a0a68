"""LibCST's tree of a text, for texts that LibCST does not quite take, too."""

import ast
import re
import warnings

import libcst as cst

from .patterns import children
from .resolving import written

_FORM_FEEDS = re.compile(r"^(?<!\\\n)(?<!\\\r\n)[ \t]*\f[ \t\f]*", re.MULTILINE)
"""At the start of a line that does not go on from the one before."""


def check(text):
    """Raise a ValueError where a text does not parse. Python's own parser, which is faster, is asked before `parse`."""
    try:
        _python_parses(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        parse(text)


def _python_parses(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the program's strings
        ast.parse(text)


def parse(text):
    """LibCST's tree of a text, where its nodes are, and the text that they are in, None if that is the text itself.

    LibCST knows no spaces before the colon of `except ValueError :`, no tabs after spaces, and more such: what it makes
    of a text may then have other white space, and nothing else.

    Raises:
        ValueError: the text does not parse.
    """
    # Python does not count what stands before a form feed as indentation. Nor what stands on another line.
    masked = _FORM_FEEDS.sub(lambda match: match[0].replace("\f", "\n"), text).replace("\f", " ")
    masked = masked.rstrip()  # LibCST drops lines of white space at the end
    try:
        module = cst.parse_module(masked)
    except (cst.ParserSyntaxError, UnicodeError) as error:
        try:
            module = cst.parse_module(_plain(masked))
        except (cst.ParserSyntaxError, UnicodeError):
            raise ValueError(_why(text, masked, error)) from error
    code, spans = written(module)
    if code == masked:
        return module, spans, None
    if _inked(code.encode()) != _inked(masked.encode()):
        raise ValueError("LibCST does not give the text back as it was")
    return module, spans, code


def _plain(text):
    """A text with spaces for tabs at the beginning of lines, as Python counts them, and no backslash at its end."""
    text = re.sub(r"^[ \t]+", lambda match: match[0].expandtabs(8), text, flags=re.MULTILINE)
    return re.sub(r"\\(?:\Z|\r?\n(?=[ \t]*(?:\r?\n|\Z)))", "\n", text)


def _why(text, masked, error):
    if not isinstance(error, cst.ParserSyntaxError):
        return f"does not parse as Python 3 ({error})"
    start = len("".join(masked.splitlines(keepends=True)[: error.raw_line - 1]))
    line = _line_of_python(text) or text.count("\n", 0, start) + 1
    old = re.search(r"^\s*(?:print|exec)\s+[^\s(=]|^\s*except\s+[\w.]+\s*,|^\s*raise\s+\w+\s*,", text, re.MULTILINE)
    old = old or re.search(r"lambda\s*\(|(?<![\w.'\"])0\d", text.split("\n")[line - 1])
    how = ": it is Python 2, which `2to3 -w` (in Python up to 3.12) or `fissix -w` rewrites" if old else ""
    return f"does not parse as Python 3 (line {line}){how}"


def _line_of_python(text):
    """The line in which Python's own parser stops, None if it does not."""
    try:
        _python_parses(text)
    except SyntaxError as error:
        return error.lineno
    except (ValueError, RecursionError, MemoryError):
        return None
    return None


def _inked(data):
    """Where a text has something else than white space and continuations, and what."""
    kept = _BLANK.sub(lambda match: b" " * len(match[0]), data)
    return bytes(kept).translate(None, b" ")


_BLANK = re.compile(rb"\\(?:\r?\n|\Z)|[ \t\r\n\f]")


def moved(spans, parsed, data):
    """The spans of nodes in another text, which differs in white space alone."""
    places = [match.start() for match in re.finditer(rb"[^ ]", _BLANK.sub(lambda m: b" " * len(m[0]), data))]
    before, count = [], 0
    for byte in _BLANK.sub(lambda m: b" " * len(m[0]), parsed):
        before.append(count)
        count += byte != 32
    before.append(count)
    moved, count_of_bytes = {}, len(before) - 1
    for node, span in spans.items():
        first, last = (before[min(at, count_of_bytes)] for at in span)
        start = places[first] if first < len(places) else len(data)
        end = places[last - 1] + 1 if last > first else start
        moved[node] = start, end
    return moved


def family(module):
    """The parents of nodes, and the nodes of each type but those inside of imports: LibCST's visitors are slower."""
    parents, nodes, stack = {}, {}, [(module, True)]
    while stack:
        node, counts = stack.pop()
        kind = type(node)
        if counts:
            nodes.setdefault(kind, []).append(node)
        counts = counts and kind not in (cst.Import, cst.ImportFrom)
        for child in children(node):
            parents[child] = node
            stack.append((child, counts))
    return parents, nodes
