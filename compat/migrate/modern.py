"""From generators that read directories to Keras's loader and layers, where that changes nothing that matters."""

import ast
import re

import libcst as cst

from .flows import LOADING, arguments, feedings, is_flow, is_generator, resolve
from .names import legacy

_NEW_NAMES = "keras_regen.layers"
_LAYERS = "Layers in place of arguments"
_LOADER = "Staying with Keras's loader"

_CONSTRUCTOR = (
    "featurewise_center",
    "samplewise_center",
    "featurewise_std_normalization",
    "samplewise_std_normalization",
    "zca_whitening",
    "zca_epsilon",
    "rotation_range",
    "width_shift_range",
    "height_shift_range",
    "brightness_range",
    "shear_range",
    "zoom_range",
    "channel_shift_range",
    "fill_mode",
    "cval",
    "horizontal_flip",
    "vertical_flip",
    "rescale",
    "preprocessing_function",
    "data_format",
    "validation_split",
    "interpolation_order",
    "dtype",
)
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
_INTERPOLATIONS = ("nearest", "bilinear", "spline2", "spline3", "spline4", "spline5")
_UNKNOWN = object()


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
        Triple: the names that went, the calls of flows that became datasets, and pairs of an import statement and a
        statement to add after it.
    """
    fed = {}
    for one in feedings(program):
        fed[one.arg.value] = one
    gone, loaded, names = set(), set(), {}
    for call in [call for call in program.of(cst.Call) if is_generator(program, call)]:
        try:
            flows = _flows(program, call)
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
            program.report(call, f"kept, because {kept.reason}")
            if statement := program.statement(call):
                text = f"keras-regen: kept, because {kept.reason}. See migration_guide: {kept.section}."
                program.add_comment(statement, text)
            continue
        text = pipeline.text()
        program.replace(call, text)
        for plan in plans:
            plan.rewrite(text if plan.flow.func.value is call else program.code(plan.flow.func.value))
        root = call.func
        while isinstance(root, cst.Attribute):
            root = root.value
        gone.add(root)
        loaded |= set(flows)
        for place in places:
            names.setdefault(place, set()).update(needed)
    wanted = [(place, text) for place, needed in names.items() for text in _import_lines(program, needed)]
    return gone, loaded, wanted


def _flows(program, call):
    """The calls of `flow_from_directory` of a generator, which must be all that it is used for."""
    target = _target(program, call)
    users = [call] if target is None else program.uses(_origin(program, target))
    flows = []
    for user in users:
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
        raise _Kept("its images are not square, which the legacy code turns about another point", _LAYERS)

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
        if value is _UNKNOWN:
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
                raise _Kept("its iterator is used for more than `fit`", _LOADER)
            if target is not None and len(program.origins(user)) > 1:
                raise _Kept("the variable of its iterator is assigned more than once", _LOADER)
        feeds = [fed[user] for user in users if user in fed]
        if not feeds:
            raise _Kept("its iterator is not used in this file", _LOADER)
        steps = {one.steps and one.number not in self.whole for one in feeds}
        if len(steps) > 1:
            raise _Kept("its iterator is used with a number of steps and without", _LOADER)
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
        given = arguments(call, _CONSTRUCTOR)
        if given is None:
            raise _Kept("starred arguments may hold anything", _LAYERS)
        _refuse_unknown(given, [*_CONSTRUCTOR, "legacy_axes"])
        for name in _REFUSED:
            _refuse(program, given, name)
        self.values, self.texts = {}, {}
        for name, arg in given.items():
            self.values[name] = constant(program, arg.value)
            if self.values[name] is _UNKNOWN:
                raise _Kept(f"its `{name}` is not a literal", _LAYERS)
            code = program.value_code(arg)
            self.texts[name] = repr(self.values[name]) if re.search(r"[\n\r#]", code) else code
        self.notes = []
        self.warps = False
        self.layers = [*self._geometry(), *self._colors(), *self._statistics()]
        self.names = {name for name in (layer.partition("(")[0] for layer in self.layers) if "." not in name}

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

    def _geometry(self):
        values, options = self.values, {}
        if values.get("rotation_range"):
            options["rotation"] = self._distance("rotation_range")
        # The legacy width_shift_range moves rows: the layers do what their arguments say.
        for name, new in (("height_shift_range", "width_shift"), ("width_shift_range", "height_shift")):
            if values.get(name):
                options[new] = self._shift(name)
        if values.get("shear_range"):
            options["shear"] = self._distance("shear_range")
        zoom = values.get("zoom_range", 0)
        if zoom and list(zoom if isinstance(zoom, (list, tuple)) else [zoom]) != [1, 1]:
            options["zoom"] = self._zoom(zoom)
        self.warps = bool(options)
        for name in ("horizontal_flip", "vertical_flip"):
            if values.get(name):
                options[name] = "True"
        if not options:
            return
        if options.get("width_shift") != options.get("height_shift"):
            self.notes.append("# The legacy width_shift_range moves rows, height_shift_range columns.")
        options |= self._filling()
        yield f"RandomAffine({', '.join(f'{name}={text}' for name, text in options.items())})"

    def _filling(self):
        values, options = self.values, {}
        mode, order = values.get("fill_mode", "nearest"), values.get("interpolation_order", 1)
        if mode not in ("nearest", "constant", "reflect", "wrap"):
            raise _Kept(f"no layer has `fill_mode={mode!r}`", _LAYERS)
        if mode != "nearest":
            options["fill_mode"] = self.texts["fill_mode"]
        if mode == "constant" and values.get("cval"):
            options["fill_value"] = self.texts["cval"]
        if order not in range(6):
            raise _Kept(f"no layer has `interpolation_order={order!r}`", _LAYERS)
        if order != 1:
            options["interpolation"] = _quoted(_INTERPOLATIONS[order])
        return options

    def _colors(self):
        if self.values.get("channel_shift_range"):
            yield f"RandomChannelShift({self._distance('channel_shift_range')})"
        factors = self.values.get("brightness_range")
        if factors is not None:
            if not _is_pair(factors) or min(factors) < 0:
                raise _Kept("no layer has its `brightness_range`", _LAYERS)
            text = self.texts["brightness_range"] if list(factors) == sorted(factors) else repr(sorted(factors))
            yield f'RandomBrightness({text}, mode="8bit")'

    def _statistics(self):
        if self.values.get("rescale"):
            yield f"keras.layers.Rescaling({self.texts['rescale']})"
        if self.values.get("samplewise_std_normalization"):
            yield "Standardize(samplewise_center=True, samplewise_std=True)"
        elif self.values.get("samplewise_center"):
            yield "Standardize(samplewise_center=True)"

    def _distance(self, name):
        value = self.values[name]
        if not _is_number(value):
            raise _Kept(f"no layer has its `{name}`", _LAYERS)
        return self.texts[name] if value > 0 else repr(abs(value))

    def _shift(self, name):
        value = self.values[name]
        if isinstance(value, (list, tuple)) and all(map(_is_number, value)):
            return self.texts[name]
        if not _is_number(value) or (isinstance(value, int) and value < 0):
            raise _Kept(f"no layer has its `{name}`", _LAYERS)
        return self.texts[name] if value > 0 else repr(abs(value))

    def _zoom(self, zoom):
        if _is_number(zoom) and abs(zoom) <= 1:
            return self.texts["zoom_range"] if zoom > 0 else repr(abs(zoom))
        if _is_pair(zoom) and min(zoom) >= 0:
            return self.texts["zoom_range"] if list(zoom) == sorted(zoom) else repr(sorted(zoom))
        raise _Kept("no layer has its `zoom_range`", _LAYERS)


def constant(program, expression, depth=0):
    """The value of a literal, of arithmetic with literals, or of a variable assigned one; `_UNKNOWN` otherwise."""
    if isinstance(expression, (cst.Integer, cst.Float, cst.SimpleString)):
        try:
            return ast.literal_eval(program.code(expression))
        except SyntaxError:  # an integer of more digits than Python reads
            return _UNKNOWN
    if isinstance(expression, cst.Name):
        if expression.value in ("True", "False", "None"):
            return ast.literal_eval(expression.value)
        origins = program.origins(expression)
        value = program.value(origins[0]) if len(origins) == 1 and depth < 4 else None
        return _UNKNOWN if value is None else constant(program, value, depth + 1)
    if isinstance(expression, (cst.Tuple, cst.List)):
        values = [constant(program, element.value, depth) for element in expression.elements]
        starred = any(isinstance(element, cst.StarredElement) for element in expression.elements)
        if starred or any(value is _UNKNOWN for value in values):
            return _UNKNOWN
        return tuple(values) if isinstance(expression, cst.Tuple) else values
    if isinstance(expression, cst.UnaryOperation) and isinstance(expression.operator, cst.Minus):
        value = constant(program, expression.expression, depth)
        return -value if _is_number(value) else _UNKNOWN
    if isinstance(expression, cst.BinaryOperation):
        left, right = (constant(program, side, depth) for side in (expression.left, expression.right))
        if not _is_number(left) or not _is_number(right):
            return _UNKNOWN
        try:
            if isinstance(expression.operator, cst.Multiply):
                return left * right
            if isinstance(expression.operator, cst.Divide):
                return left / right
        except ArithmeticError:
            return _UNKNOWN
    return _UNKNOWN


def _refuse(program, given, name):
    """Refuse an argument that is given and is not off."""
    if name in given:
        value = constant(program, given[name].value)
        if value is not True if name == "legacy_axes" else value not in (None, False, 0):
            raise _Kept(f"of `{name}`: {_REFUSED[name]}", _LAYERS if name in _CONSTRUCTOR else _LOADER)


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


def _origin(program, target):
    scope = program.scope(target)
    found = [assignment for assignment in scope[target.value] if getattr(assignment, "node", None) is target]
    if len(found) != 1 or len(list(scope[target.value])) > 1:
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


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_pair(value):
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(map(_is_number, value))
