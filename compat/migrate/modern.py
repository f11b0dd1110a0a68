"""From generators that read directories to Keras's loader and layers, where that changes nothing that matters."""

import re

import libcst as cst

from ..equivalents import ARGUMENTS, Given, NoLayer, layers_of
from .constants import UNKNOWN, constant
from .fed_datasets import FedDatasets
from .flows import LOADING, arguments, feedings, is_flow, is_generator, resolve
from .keras_1 import batch_size
from .names import legacy
from .steps import is_counted
from .texts_and_series import keep

_NEW_NAMES = "keras_regen.layers"
_LAYERS = "Layers in place of arguments"
_LOADER = "Staying with Keras's loader"

_FLOW = (
    "directory",
    "target_size",
    "color_mode",
    "classes",
    "class_mode",
    "batch_size",
    "shuffle",
    "seed",
    "save_to_dir",
    "save_prefix",
    "save_format",
    "follow_links",
    "subset",
    "interpolation",
    "keep_aspect_ratio",
)
_MEASURED = ("featurewise_center", "featurewise_std_normalization", "zca_whitening")
_RENAMED = {
    "target_size": "image_size",
    "classes": "class_names",
    "class_mode": "label_mode",
    "keep_aspect_ratio": "crop_to_aspect_ratio",
}
_LABEL_MODES = {"sparse": "int", "binary": "binary", "categorical": "categorical", None: None}
_DROPPED = {"save_to_dir", "save_prefix", "save_format", "subset", *LOADING}
_REFUSED = {
    "featurewise_center": "its statistics are measured by `adapt` of a layer",
    "featurewise_std_normalization": "its statistics are measured by `adapt` of a layer",
    "zca_whitening": "its statistics are measured by `adapt` of a layer",
    "preprocessing_function": "a function is not a layer",
    "data_format": "Keras's loader follows the configuration",
    "validation_split": "Keras's loader splits into other files",
    "dtype": "Keras's loader has one",
    "legacy_axes": "it has no equal",
    "subset": "Keras's loader splits into other files",
    "save_to_dir": "nothing saves images there",
}


class _Kept(Exception):
    """Why a generator stays."""

    def __init__(self, reason, section):
        super().__init__(reason)
        self.reason, self.section = reason, section


def modernize(program, whole):
    """Turn generators that are only used for `flow_from_directory` into layers, and their flows into Keras's loader.

    The new datasets hold the same files and labels under the same augmentation; order and draws are others.

    Args:
        program: a `Program`, which takes the edits and findings.
        whole: arguments of `fit` that other edits take away.

    Returns:
        The names that went; the calls of flows that became datasets; pairs of an import statement and a statement to
        add after it; and the `FedDatasets` of the generators that stay.
    """
    fed = {}
    for one in feedings(program):
        fed[one.arg.value] = one
    gone, loaded, names, kept_calls = set(), set(), {}, {}
    for call in [call for call in program.of(cst.Call) if is_generator(program, call)]:
        idle = []
        try:
            flows = _flows(program, call, idle)
            plans = [_Flow(program, flow, fed, whole) for flow in flows]
            pipeline = _Pipeline(program, call)
            for plan in plans:
                plan.check_shape(pipeline.warps)
            needed = {"keras", "Pipeline", "augment", *pipeline.names}
            places = program.places(program.roots(call.func))
            if not places:
                raise _Kept("its import is not found", _LAYERS)
            for name in sorted(needed):
                if _is_taken(program, name):
                    raise _Kept(f"`{name}` is another name in this file", _LAYERS)
        except _Kept as kept:
            kept_calls[call] = kept
            continue
        text = pipeline.text()
        program.replace(call, text)
        for line in idle:
            program.remove_line(line)
        for plan in plans:
            plan.rewrite(text if plan.flow.func.value is call else program.code(plan.flow.func.value))
        root = call.func
        while isinstance(root, cst.Attribute):
            root = root.value
        gone.add(root)
        loaded |= set(flows)
        for place in places:
            names.setdefault(place, set()).update(needed)
    datasets = FedDatasets(program, kept_calls, whole)
    for call, kept in kept_calls.items():
        if call in datasets.generators:
            program.report(call, f"fed by `to_dataset`, because {kept.reason}")
        else:
            keep(program, call, kept.reason, kept.section)
    wanted = [(place, text) for place, needed in names.items() for text in _import_lines(program, needed)]
    return gone, loaded | datasets.flows, wanted, datasets


def _idle_fit(program, call, user):
    """The line of `generator.fit(x)`, where that measures nothing, as the generator has no statistics; else None."""
    attribute = program.parents[user]
    fit = program.parents[attribute]
    if not isinstance(attribute, cst.Attribute) or attribute.attr.value != "fit" or not isinstance(fit, cst.Call):
        return None
    if fit.func is not attribute or not isinstance(program.parents[fit], cst.Expr):
        return None
    if any(not isinstance(arg.value, (cst.Name, cst.Attribute)) for arg in fit.args):
        return None  # what it is given may do something
    given = arguments(call, ARGUMENTS)
    if given is None or any(
        name in given and constant(program, given[name].value) not in (None, False, 0) for name in _MEASURED
    ):
        return None
    line = program.parents[program.parents[fit]]
    block = program.parents[line]
    alone = isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 and len(getattr(block, "body", ())) > 1
    return line if alone else None


def _flows(program, call, idle):
    """The calls of `flow_from_directory` of a generator, which must be all that it is used for but for `idle` lines."""
    target = _target(program, call)
    users = [call] if target is None else program.uses(_origin(program, target))
    flows = []
    for user in users:
        if target is not None and (line := _idle_fit(program, call, user)):
            idle.append(line)
            continue
        attribute = program.parents[user]
        method = attribute.attr.value if isinstance(attribute, cst.Attribute) else None
        flow = program.parents[attribute]
        if method != "flow_from_directory" or not isinstance(flow, cst.Call) or flow.func is not attribute:
            reason = f"`{method}` of it is used" if method else "it is used in other ways than `flow_from_directory`"
            raise _Kept(reason, _LAYERS)
        if not is_flow(program, flow) or len(resolve(program, user, is_generator)) > 1:
            raise _Kept("its variable is assigned more than once", _LAYERS)
        flows.append(flow)
    if not flows:
        raise _Kept("it is not used in this file", _LAYERS)
    return flows


class _Flow:
    """A call of `flow_from_directory`, and what feeds on it."""

    def __init__(self, program, flow, fed, whole):
        self.program, self.flow, self.whole = program, flow, whole
        given = arguments(flow, _FLOW)
        if given is None or not flow.args:
            raise _Kept("starred arguments may hold anything", _LOADER)
        if "#" in program.code(flow.func):
            raise _Kept("there is a comment before its `flow_from_directory`", _LOADER)
        self.given = {name: arg for name, arg in given.items()}
        _refuse_unknown(given, [*_FLOW, *LOADING])
        for name in ("save_to_dir", "subset"):
            _refuse(program, given, name)
        class_mode = self._constant("class_mode", "categorical")
        if class_mode not in _LABEL_MODES:
            raise _Kept("its `class_mode` has no equal in Keras's loader", _LOADER)
        if class_mode is None and self._constant("classes", None) is not None:
            raise _Kept("Keras's loader takes no `class_names` without labels", _LOADER)
        self.label_mode = _LABEL_MODES[class_mode]
        if self._constant("interpolation", "nearest") != "nearest":
            raise _Kept("only the nearest pixel is the same in Pillow and in Keras's loader", _LOADER)
        seed = given.get("seed")
        if seed is not None and not isinstance(seed.value, (cst.Name, cst.Integer)):
            raise _Kept("its `seed` is neither a number nor a name", _LOADER)
        self.seed = "None" if seed is None else program.value_code(seed)
        self.repeat = self._steps(fed)

    def check_shape(self, warps):
        """Refuse sizes that are not square for what turns about the wrong point on those."""
        size = self.given.get("target_size")
        if size is None or not warps:
            return
        value = constant(self.program, size.value)
        elements = getattr(size.value, "elements", ())
        same = len(elements) == 2 and len({self.program.code(element.value) for element in elements}) == 1
        if same or (isinstance(value, (tuple, list)) and len(value) == 2 and value[0] == value[1]):
            return
        if isinstance(value, (tuple, list)):
            raise _Kept("its images are not square, which the legacy code turns about another point", _LAYERS)
        raise _Kept(
            "it is not seen that its images are square; others the legacy code turns about another point", _LAYERS
        )

    def rewrite(self, pipeline):
        """Make the edits."""
        program, flow = self.program, self.flow
        program.replace(flow.func, "keras.utils.image_dataset_from_directory")
        removed = []
        for name, arg in self.given.items():
            if name in _DROPPED:
                removed.append(arg)
                continue
            if name == "class_mode":
                program.replace(arg.value, _quoted(self.label_mode))
            new = _RENAMED.get(name, name)
            if arg.keyword is None:
                if name != "directory":
                    program.insert(program.span(arg)[0], f"{new}=")
            elif new != name:
                program.replace(arg.keyword, new)
        added = [] if "class_mode" in self.given else ['label_mode="categorical"']
        added += [] if "interpolation" in self.given else ['interpolation="nearest"']
        if removed:
            program.remove(flow.args, removed)
        if added:
            program.add_arguments(flow, added, removed)
        end = program.span(flow)[1]
        repeat = ".repeat()" if self.repeat else ""
        program.insert(end, f".apply(augment({pipeline}, seed={self.seed})){repeat}")

    def _constant(self, name, default):
        arg = self.given.get(name)
        value = default if arg is None else constant(self.program, arg.value)
        if value is UNKNOWN:
            raise _Kept(f"its `{name}` is not a literal", _LOADER)
        return value if not isinstance(value, list) else tuple(value)

    def _steps(self, fed):
        """Whether it is to go on without end, for a number of steps."""
        program = self.program
        target = _target(program, self.flow)
        users = [self.flow] if target is None else program.uses(_origin(program, target))
        for user in users:
            if user not in fed and self._goes(user):
                continue
            if user not in fed:
                parent = program.parents[user]
                if isinstance(parent, cst.Attribute):
                    raise _Kept(f"`{parent.attr.value}` of its iterator is used", _LOADER)
                while isinstance(parent, (cst.Element, cst.Tuple)):
                    parent = program.parents[parent]
                if isinstance(parent, cst.Return):
                    raise _Kept("its iterator is given back by a function", _LOADER)
                raise _Kept("its iterator is used for more than `fit`", _LOADER)
            if target is not None and len(program.origins(user)) > 1:
                raise _Kept("the variable of its iterator is assigned more than once", _LOADER)
        if target is not None and _is_imported(program, target):
            raise _Kept("another file imports its iterator", _LOADER)
        feeds = [fed[user] for user in users if user in fed]
        if not feeds:
            raise _Kept("its iterator is not used in this file", _LOADER)
        if any(one.counts_images and not (batch_size(program, one) or "").isdecimal() for one in feeds):
            raise _Kept("a call of Keras 1 counts images, in batches of a size that is no literal", _LOADER)
        steps = {is_counted(program, one, self.whole) for one in feeds}
        if len(steps) > 1:
            raise _Kept("its iterator is used with a number of steps and without", _LOADER)
        if None in steps:
            raise _Kept("its number of steps may be None, for a pass over all images", _LOADER)
        return steps.pop()

    def _goes(self, node):
        """Whether a node is in an argument that is taken away."""
        while node is not None and node not in self.whole:
            node = self.program.parents.get(node)
        return node is not None


class _Pipeline:
    """The layers in place of an `ImageDataGenerator(...)`."""

    def __init__(self, program, call):
        self.program, self.call = program, call
        given = arguments(call, ARGUMENTS)
        if given is None:
            raise _Kept("starred arguments may hold anything", _LAYERS)
        _refuse_unknown(given, [*ARGUMENTS, "legacy_axes"])
        for name in _REFUSED:
            _refuse(program, given, name)
        self.values, self.texts = {}, {}
        for name, arg in given.items():
            self.values[name] = constant(program, arg.value)
            if self.values[name] is UNKNOWN:
                raise _Kept(f"its `{name}` is not a literal", _LAYERS)
            code = program.value_code(arg)
            self.texts[name] = repr(self.values[name]) if re.search(r"[\n\r#]", code) else code
        try:
            equivalents = list(layers_of(self.values))
        except NoLayer as error:
            raise _Kept(f"no layer has its `{error.argument}`", _LAYERS) from None
        self.warps = any(one.warps for one in equivalents)
        self.layers = [self._code(one) for one in equivalents]
        self.names = {one.name for one in equivalents if "." not in one.name}
        shifts = [{self._code_of(one, side) for one in equivalents} for side in ("width_shift", "height_shift")]
        moved = shifts[0] != shifts[1]
        self.notes = ["# The legacy width_shift_range moves rows, height_shift_range columns."] if moved else []

    def text(self):
        """The source of the pipeline: on one line if the call was and there is nothing to remark."""
        program = self.program
        start, end = program.span(self.call)
        inside = [c for c in program.of(cst.Comment) if start < program.span(c)[0] < end]
        notes = [*self.notes, *(comment.value for comment in inside)]
        line = f"Pipeline([{', '.join(self.layers or ['keras.layers.Rescaling(1.0)'])}])"
        if not notes and len(line) <= 80:
            return line
        before = program.between(program.line_start(start), start)
        base = before[: len(before) - len(before.lstrip(" \t"))]
        unit = "\t" if "\t" in base else "    "
        newline = program.newline(start)
        lines = ["Pipeline(", f"{unit}[", *(f"{unit * 2}{note}" for note in notes)]
        lines += [f"{unit * 2}{layer}," for layer in self.layers or ["keras.layers.Rescaling(1.0)"]]
        return (newline + base).join([*lines, f"{unit}]", ")"])

    def _code(self, equivalent):
        """The call that makes a layer, with the values as the program spells them."""
        arguments = [] if equivalent.first is None else [self._text(equivalent.first)]
        arguments += [f"{name}={self._text(given)}" for name, given in equivalent.options.items()]
        return f"{equivalent.name}({', '.join(arguments)})"

    def _code_of(self, equivalent, side):
        """What a layer has of the shifts along one side."""
        given = (equivalent.options.get(name) for name in (side, f"{side}_choices"))
        return tuple(value and self._text(value) for value in given)

    def _text(self, given):
        if isinstance(given, Given):
            unchanged = given.value is self.values.get(given.source)
            return self.texts[given.source] if unchanged else repr(given.value)
        return _quoted(given) if isinstance(given, str) else repr(given)


def _refuse(program, given, name):
    """Refuse an argument that is given and is not off."""
    if name in given:
        value = constant(program, given[name].value)
        if value is not True if name == "legacy_axes" else value not in (None, False, 0):
            raise _Kept(f"of `{name}`: {_REFUSED[name]}", _LAYERS if name in ARGUMENTS else _LOADER)


def _refuse_unknown(given, names):
    for name in given:
        if name not in names:
            raise _Kept(f"of `{name}`, which has no equal", _LAYERS)


def _target(program, value):
    """The variable that a value is assigned to, None if it is used right away."""
    targets = [name for name, assigned in program.values.items() if assigned is value]
    if len(targets) > 1:
        raise _Kept("it has several names", _LAYERS)
    if targets and targets[0].value in program.hidden:
        raise _Kept(f"`{targets[0].value}` is used in a line that is not Python", _LAYERS)
    return targets[0] if targets else None


def _is_imported(program, target):
    """Whether a file beside the program imports a name, from there or from somewhere else."""
    scope, name = program.scope(target), re.escape(target.value)
    pattern = rf"\bimport[ \t]+(?:[^\n(]*[ ,])?{name}\b|\bimport[ \t]*\([^)]*\b{name}\b"
    return scope is scope.globals and re.search(pattern, program.beside("*") or "") is not None


def _origin(program, target):
    scope = program.scope(target)
    found = [assignment for assignment in scope[target.value] if getattr(assignment, "node", None) is target]
    if len(found) != 1:
        raise _Kept(f"`{target.value}` is assigned more than once", _LAYERS)
    return found[0]


def _right_targets(name):
    return ("keras", "tensorflow.keras") if name == "keras" else (f"{_NEW_NAMES}.{name}",)


def _is_taken(program, name):
    """Whether a name is used for something else, anywhere."""
    if any(b.name == name and b.target not in _right_targets(name) for b in program.bindings):
        return True
    imported = {b.statement for b in program.bindings}
    return any(getattr(a, "node", None) not in imported for a in program.assignments(name))


def _import_lines(program, needed):
    bound = {b.name for b in program.bindings if b.is_global and legacy(b.loads) is None}
    new = needed - bound
    if "keras" in new:
        yield "import keras"
    if layers := sorted(new - {"keras"}):
        yield f"from {_NEW_NAMES} import {', '.join(layers)}"


def _quoted(value):
    return "None" if value is None else f'"{value}"'
