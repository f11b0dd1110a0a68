"""The code cells of a notebook as one program, and edits of it brought back into the file."""

import bisect
import json
import re

from .parsing import check, parse
from .program import apply

_SPACE = re.compile(r"[ \t\r\n]*")
_ASSIGNED = re.compile(rb"(\s*[\w.,\[\]'\" ]+=\s*)([!%].*)", re.DOTALL)
_LEGACY = re.compile(
    r"preprocessing(\.image| import .*\bimage)\b|\bImageDataGenerator\b|\b(?:fit|evaluate|predict)_generator\b"
)
_PYTHON_CELLS = ("time", "timeit", "capture", "prun")


class Notebook:
    """A notebook of format 4.

    Args:
        text: the JSON text.
        parses: function that raises a ValueError for the text of a cell that does not parse.

    Attributes:
        program: the text of all code cells, each followed by a newline, where what is not Python is masked by Python of
            the same length in bytes.
        unparsed: list of (number of the cell, line in it, reason) of what is masked and perhaps should not be.
        hidden: set of the words in what is masked.

    Raises:
        ValueError: the text is not a notebook of format 4.
    """

    def __init__(self, text, parses=check):
        language = _language(json.loads(text))
        self._text, self._ascii = text, text.isascii()
        self.unparsed, self.hidden = [], set()
        self._cells = []  # (number, start and end in the JSON text, source)
        if language.lower() in ("python", "ipython", "python3"):
            self._cells = list(_sources(text))
        self._starts, masked, offset = [], [], 0
        for number, _, _, source in self._cells:
            data = _as_python(source, parses)
            if data is None:
                if _LEGACY.search(source):
                    self.unparsed.append((number, 1, "the cell does not parse as Python 3"))
                data = _blank(source.encode("utf-8", "replace"))
                self.hidden.update(re.findall(r"\w+", source))
            else:
                self._note_masked(number, source.split("\n"), data.decode().split("\n"))
            self._starts.append(offset)
            masked.append(data)
            offset += len(data) + 1
        self.program = b"".join(data + b"\n" for data in masked).decode()

    def _note_masked(self, number, lines, masked):
        for k, (line, python) in enumerate(zip(lines, masked, strict=True), 1):
            if line != python:
                self.hidden.update(re.findall(r"\w+", line))
                if _LEGACY.search(line):
                    self.unparsed.append((number, k, "a line that is not Python uses legacy names: left alone"))

    def place(self, offset):
        """Number of the cell and of the line in it, from 1, of an offset in the program."""
        k = self._cell(offset)
        number, _, _, source = self._cells[k]
        return number, source.encode().count(b"\n", 0, offset - self._starts[k]) + 1

    def edited(self, edits):
        """The JSON text after edits of the program."""
        changes = {}
        for start, end, new in edits:
            k = self._cell(start)
            changes.setdefault(k, []).append((start - self._starts[k], end - self._starts[k], new))
        parts, done = [], 0
        for k, (_, begin, end, source) in enumerate(self._cells):
            if k in changes:
                changed = apply(source.encode(), changes[k]).decode()
                parts += [self._text[done:begin], self._literal(self._text[begin:end], changed)]
                done = end
        return "".join([*parts, self._text[done:]])

    def _cell(self, offset):
        return bisect.bisect_right(self._starts, offset) - 1

    def _literal(self, old, source):
        """The JSON of a source, in the manner of the old one."""
        if old[0] == '"':
            return json.dumps(source, ensure_ascii=self._ascii)
        items = list(_members(old, 0))
        kept = {value: old[start:end] for _, value, start, end in items}
        lines = re.findall(r"[^\n]*\n|[^\n]+", source)
        literals = [kept.get(line) or json.dumps(line, ensure_ascii=self._ascii) for line in lines]
        first, last = items[0][2], items[-1][3]
        gap = old[items[0][3] : items[1][2]] if len(items) > 1 else f",{old[1:first]}"
        return old[:first] + gap.join(literals) + old[last:]


def _language(notebook):
    """The language of a notebook; a ValueError for what is none."""
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise ValueError("is not a notebook of format 4")
    for number, cell in enumerate(notebook["cells"], 1):
        if not isinstance(cell, dict):
            raise ValueError(f"is not a notebook of format 4: cell {number} is not an object")
        source = cell.get("source", "")
        if not isinstance(source, str) and not (isinstance(source, list) and all(isinstance(s, str) for s in source)):
            raise ValueError(f"is not a notebook of format 4: the source of cell {number} is not text")
    metadata = notebook.get("metadata")
    for part, key in (("language_info", "name"), ("kernelspec", "language")):
        found = metadata.get(part) if isinstance(metadata, dict) else None
        if isinstance(found, dict) and isinstance(found.get(key), str):
            return found[key]
    return "python"


def _sources(text):
    """Yield number, start and end of the JSON of the source, and the source, of every code cell."""
    places = {key: start for key, _, start, _ in _members(text, _SPACE.match(text).end())}
    for number, (_, cell, begin, _) in enumerate(_members(text, places["cells"]), 1):
        if cell.get("cell_type") != "code" or not cell.get("source"):
            continue
        value, first, last = {name: found for name, *found in _members(text, begin)}["source"]
        if source := "".join(value):  # of a list of lines, or of one string
            yield number, first, last, source


def _members(text, start):
    """Yield key (None in a list), value, start and end of what a JSON object or list at `start` holds."""
    decode, keyed = json.JSONDecoder().raw_decode, text[start] == "{"
    at = _SPACE.match(text, start + 1).end()
    while text[at] not in "]}":
        key = None
        if keyed:
            key, at = decode(text, at)
            at = _SPACE.match(text, _SPACE.match(text, at).end() + 1).end()
        value, end = decode(text, at)
        yield key, value, at, end
        at = _SPACE.match(text, end).end()
        if text[at] == ",":
            at = _SPACE.match(text, at + 1).end()


def script_as_python(text):
    """The text of a `.py` file with the lines of IPython masked, as notebooks are exported with them, and their words.

    Raises:
        ValueError: it does not parse, with them or without.
    """
    try:
        parse(text)
        return text, frozenset()
    except ValueError:
        masked = _mask(text.encode()).decode()
        if masked == text or "%%" in text:
            raise
    parse(masked)
    pairs = zip(text.split("\n"), masked.split("\n"), strict=True)
    return masked, frozenset(word for line, python in pairs if line != python for word in re.findall(r"\w+", line))


def _as_python(source, parses):
    """The source of a cell with what is IPython's masked by Python of the same length, None if it is not Python."""
    try:
        data = source.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return None
    for candidate in (data, _mask(data)):
        try:
            parses(candidate.decode())
            return candidate
        except ValueError:
            pass  # the other one, or none
    return None


def _mask(data):
    masked, goes_on, begun = [], False, False
    for line in re.findall(rb"[^\n]*\n|[^\n]+", data):
        code = line.strip()
        indentation = line[: len(line) - len(line.lstrip())]
        rest = line[len(indentation) : len(indentation) + len(code)]
        ending = line[len(indentation) + len(rest) :]
        if not begun and code.startswith(b"%%") and code[2:].split()[:1] not in [[n.encode()] for n in _PYTHON_CELLS]:
            return _blank(data)
        begun = begun or bool(code)
        if goes_on:
            goes_on = rest.endswith(b"\\")
            rest = b"#" * len(rest)
        elif code[:1] in (b"%", b"!", b"?") or (code.endswith(b"?") and b"#" not in code):
            goes_on = rest.endswith(b"\\")
            rest = b"0" + b"#" * (len(rest) - 1)
        elif match := _ASSIGNED.fullmatch(rest):
            goes_on = rest.endswith(b"\\")
            rest = match[1] + b"0" + b"#" * (len(match[2]) - 1)
        masked.append(indentation + rest + ending)
    return b"".join(masked)


def _blank(data):
    return re.sub(rb"[^\r\n]", b" ", data)
