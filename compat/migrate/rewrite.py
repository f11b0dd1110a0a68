"""Rewriting the text of one program, or of the cells of one notebook."""

import re

from .calls import rewrite_calls
from .imports import rewrite_imports
from .lost import give_back
from .modern import modernize
from .moved import OTHER_NAMES, TENSORFLOW_1
from .notebooks import Notebook, script_as_python
from .parsing import check, parse
from .program import Program, apply
from .repairs import repair
from .steps import whole_passes
from .texts_and_series import keep_texts_and_series

TARGETS = ("compat", "modern")
_DATA = re.compile(
    r"ImageDataGenerator|\b(?:fit|evaluate|predict)_generator\b|\bflow_from_|keras_regen\.compat|keras_preprocessing|"
    r"(?<!sklearn\.)preprocessing\s*(?:\.\s*(?:image|sequence|text)\b|\bimport\b|\bas\b|[,)]|$)|keras\.preprocessing",
    re.MULTILINE,
)
_FED = re.compile(
    r"\byield\b|\bSequence\b|PyDataset|\b(?:workers|use_multiprocessing|max_queue_size|\w*steps\w*)\s*=|\bzip\(|\.predict\("
)
_TRAINED = re.compile(r"\.(?:fit|evaluate|predict)\(")
"""What takes data that a module beside may make."""
_KERAS = re.compile(r"\bkeras(?:_applications)?\b")
_REPAIRED = re.compile(
    r"\b(?:lr|decay|epsilon|nb_\w+|init|input|output|output_dim|border_mode|subsample|\w+_regularizer|\w_constraint|bias|"
    r"p|mode|period|sigma|class_weight|dim_ordering|show_accuracy|write_grads|"
    r"stride|inner_\w+|dropout_\w)\s*=|"
    r"\.lr\b|\b(?:val_)?acc\b|keras\.(?:layers|legacy|wrappers)\.[a-z]|"
    r"optimizers\.[a-z]|_utils\b|\bbackend\b|\bengine\b|dim_ordering|\bmerge\b|Convolution2D|Conv2D\(\s*\w+\s*,\s*\w+\s*,|"
    r"save_weights|ModelCheckpoint|EarlyStopping|ReduceLROnPlateau|TensorBoard|predict_classes|multi_gpu|HDF5Matrix|print_summary|scikit_learn|"
    r"CuDNN|LocallyConnected|Deconv|Atrous|Maxout|Highway|relu6|DepthwiseConv2D|_obtain_input_shape|keras_applications|Av(?:g|erage)Pool|"
    r"_initializer\s*=\s*(?:lambda|[a-z_]\w*\s*[,)])|objectives|initializations|python\.keras|\b_keras_shape\b|\bsave_model\(|\.save\(|\.(?:in|out)put_shape\b|\.layers:|Separable|"
    r"outputs\s*=\s*\[|\bModel\([^\n)]*,\s*[\[(]|import [^\n]*\b(?:sgd|rmsprop|ada(?:grad|delta|max|m)|nadam)\b|"
    r"batch_input_shape|set_session|learning_phase|\.trainable\b|optimizer\s*=\s*[a-z]\w*\s*[,)]|\.(?:in|out)put\b|"
    r"metrics_names|\b_feed_inputs\b|get_layer\([^)]*_\d|\.compile\((?:[^=()\n]*,){2}\s*[^\s=]+\s*[,)]|"
    r"['\"](?:adadelta|adagrad|adamax|nadam)['\"]|\b[Aa]da(?:delta|grad|max)\(\s*\)|\b[Nn]adam\(\s*\)|validation_data\b\[|layers\.pop|outbound_nodes|reset_states|to_categorical|add_loss|"
    r"load_weights|load_model|model_from_json|clone_model|get_updates|get_(?:in|out)put_at|_make_\w+_function|_weights\s*[=)]|schedule_decay|train\.\w+Optimizer|\bl[12]\(|Enqueuer|probas_to_classes|BaseLogger|metrics\s*=\s*[\['\"]|\by_true\b|loss_weights|input_(?:dim|length)|"
    r"\bMerge\b|preprocess_input\(|add_weight\(\s*['\"]|\.models import|\((?:np|numpy)\.prod\(|\.max\(|"
    r"\[\s*['\"]lr['\"]|disable_(?:eager_execution|v2_behavior)|"
    r"(?:\[|monitor\s*=)\s*['\"](?:val_)?mean_\w+_error['\"]|"
    r"_on_batch\(|,\s*(?:y\s*=\s*)?\{\s*['\"]\w+['\"]\s*:[^:,{}]+\}|\.(?:fit|evaluate|predict)\([^()\n]*\[[\d.-]|\[[\d.]+\]\s*\*|"
    rf"\b(?:{'|'.join(word for *_, names in OTHER_NAMES for word in names)})\b|\btf\.(?:{'|'.join(TENSORFLOW_1)})\b"
)
"""What the repairs look for; a program without any of these is not parsed, which takes the most time."""
_FUNCTIONAL = re.compile(r"\bInput\([\s\S]*\btf\.(?!keras|compat|test|data)[\w.]+\(")
"""The functions of TensorFlow beside a model that is made of tensors."""


_HISTORY = re.compile(r"hist\w*(?:\.history)?\[\s*['\"](?:val_)?acc['\"]")
"""What is Keras's in modules that import nothing of it, and draw what a model has learnt."""


def rewrite(text, target="compat", only_data=False, beside=None):
    """Turn a program that uses the legacy names into one for Keras 3.

    Args:
        text: of a Python module.
        target: "compat": the names are imported from `keras_regen.compat`, and calls that Keras 3 no longer takes are
            those that it does. "modern": besides, generators that are only used for `flow_from_directory` become
            `keras.utils.image_dataset_from_directory` and layers of `keras_regen.layers`. These read the same files and
            labels, augment by the same distributions, and have Keras's decoder, resizing and shuffling: another order
            and other draws. Without augmentation and shuffling, the pixels of 8-bit PNG and BMP are the same where the
            size is that of the files; JPEGs are up to 18 grey levels apart; where images are resized, both take the
            nearest pixel, which rounding makes another one in some pairs of sizes.
        only_data: whether to leave what has nothing to do with the data, as `Adam(lr=)`: see `repairs`.
        beside: function from the dotted name of a module to its text, None if there is none. What the program imports
            is read so, and not changed.

    Returns:
        Pair of the new text and a list of pairs (where, reason) of what was left alone, "where" being a line number.

    Raises:
        ValueError: the text does not parse, or `target` is neither of those.
    """
    if target not in TARGETS:
        raise ValueError(f"`target` must be one of {TARGETS}. Received: {target!r}")
    if not _is_worth_a_look(text, only_data, target):
        return text, []
    try:
        program = Program(text, beside=beside)
    except ValueError:
        program = Program(*script_as_python(text), beside)
    _edited(program, target, only_data)
    new = apply(text.encode(), program.final_edits()).decode()
    if new != text:
        _check(_check_script, new)
    starts = [(text.encode().count(b"\n", 0, offset) + 1, reason) for offset, reason in program.findings]
    return new, [(str(line), reason) for line, reason in sorted(set(starts))]


def rewrite_notebook(text, target="compat", only_data=False, beside=None):
    """The same for the text of a notebook, whose code cells are one program, in their order.

    Lines of IPython (`%`, `!`, `?`) and cells of another language stay. The JSON around the changed lines does, too.

    Args:
        text: of an `.ipynb` file.
        target, only_data, beside: see `rewrite`.

    Returns:
        Pair of the new text and a list of pairs (where, reason), "where" being "cell 3:2", the second line of the third
        cell.

    Raises:
        ValueError: the text is not a notebook in format 4, or `target` is not one of those of `rewrite`.
    """
    if target not in TARGETS:
        raise ValueError(f"`target` must be one of {TARGETS}. Received: {target!r}")
    if not _is_worth_a_look(text, only_data, target):
        return text, []
    notebook = Notebook(text)
    try:
        program = Program(notebook.program, notebook.hidden, beside)
    except ValueError:  # a cell that is Python, but not for LibCST
        notebook = Notebook(text, parse)
        program = Program(notebook.program, notebook.hidden, beside)
    _edited(program, target, only_data)
    new = notebook.edited(program.final_edits())
    if new != text:
        _check(check, Notebook(new).program)
    found = [(*notebook.place(offset), reason) for offset, reason in program.findings]
    found = sorted({*found, *notebook.unparsed})
    return new, [(f"cell {cell}:{line}", reason) for cell, line, reason in found]


def _is_worth_a_look(text, only_data, target):
    if target == "modern" and _TRAINED.search(text):
        return True
    if _DATA.search(text) or (not only_data and _HISTORY.search(text)):
        return True
    return _KERAS.search(text) and (
        _FED.search(text) or (not only_data and (_REPAIRED.search(text) or _FUNCTIONAL.search(text)))
    )


def _edited(program, target, only_data):
    whole = whole_passes(program)
    gone, loaded, wanted, datasets = set(), set(), [], None
    if target == "modern":
        gone, loaded, wanted, datasets = modernize(program, whole)
        keep_texts_and_series(program)
    wanted += rewrite_calls(program, whole, loaded)
    if datasets is not None:
        wanted += datasets.wrap()
    if not only_data:
        wanted += repair(program)
    rewrite_imports(program, gone, wanted)
    give_back(program, only_data)
    return program


def _check_script(text):
    try:
        check(text)
    except ValueError:
        script_as_python(text)


def _check(reading, text):
    try:
        reading(text)
    except ValueError as error:
        raise ValueError(f"the rewritten text would not parse, please report this: {error}") from error
