"""What Keras 3 has elsewhere, or no longer: the modules, names and arguments that the repairs know of."""

import re

KERAS_1 = {
    "nb_epoch": "epochs",
    "samples_per_epoch": "steps_per_epoch",
    "nb_val_samples": "validation_steps",
    "val_samples": "steps",
    "max_q_size": "max_queue_size",
    "nb_worker": "workers",
    "pickle_safe": "use_multiprocessing",
}
"""What Keras 1 called the arguments. Where it counted images, Keras 2 and 3 count batches."""
COUNTS_OF_IMAGES = ("samples_per_epoch", "nb_val_samples", "val_samples")

KERAS = r"(?:tensorflow(?:_core)?(?:\.(?:compat|v1|v2|python|api|_api))*\.keras|keras)"
"""The beginning of a dotted name of Keras, standalone or TensorFlow's."""

_WORDS_OF_LAYERS = (
    "Activation ActivityRegularization Add AlphaDropout Attention Average AveragePooling1D AveragePooling2D "
    "AveragePooling3D AvgPool1D AvgPool2D AvgPool3D BatchNormalization Bidirectional Concatenate Conv1D "
    "Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM2D Convolution1D Convolution2D "
    "Convolution2DTranspose Convolution3D Convolution3DTranspose Cropping1D Cropping2D Cropping3D Dense "
    "DepthwiseConv2D Dot Dropout ELU Embedding Flatten GRU GRUCell GaussianDropout GaussianNoise "
    "GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D "
    "GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D "
    "GlobalMaxPooling3D Input InputLayer InputSpec LSTM LSTMCell Lambda Layer LayerNormalization LeakyReLU Masking "
    "MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum Multiply PReLU Permute "
    "RNN ReLU RepeatVector Reshape SeparableConv1D SeparableConv2D SeparableConvolution1D SeparableConvolution2D "
    "SimpleRNN SimpleRNNCell Softmax SpatialDropout1D SpatialDropout2D SpatialDropout3D StackedRNNCells Subtract "
    "TimeDistributed UpSampling1D UpSampling2D UpSampling3D Wrapper ZeroPadding1D ZeroPadding2D ZeroPadding3D add "
    "average concatenate dot maximum minimum multiply subtract"
)
LAYERS = frozenset(_WORDS_OF_LAYERS.split())
_WORDS_OF_UTILS = (
    "CustomObjectScope Progbar Sequence custom_object_scope deserialize_keras_object get_custom_objects get_file "
    "get_source_inputs model_to_dot normalize plot_model serialize_keras_object to_categorical"
)
_UTILS = frozenset(_WORDS_OF_UTILS.split())
_MODELS = frozenset(["Model", "Sequential"])

MOVED = (
    (
        r"layers\.(?:advanced_activations|convolutional|convolutional_recurrent|core|cudnn_recurrent|embeddings|local|merge|noise|"
        r"normalization(?:\.batch_normalization)?|pooling|recurrent|wrappers)",
        "layers",
        LAYERS,
    ),
    (r"engine(?:\.(?:base_layer|input_layer|topology|training))?", "layers", LAYERS),
    (r"engine(?:\.(?:sequential|topology|training))?", "models", _MODELS),
    (r"utils\.(?:data_utils|generic_utils|layer_utils|np_utils|vis_utils|visualize_util)", "utils", _UTILS),
    (r"callbacks\.callbacks", "callbacks", None),
    (r"layers\.experimental\.preprocessing", "layers", None),
    (r"optimizers\.legacy", "optimizers", None),
    (r"(?:engine|engine\.topology)", "utils", frozenset(["get_source_inputs"])),
    (r"objectives", "losses", None),
)
"""Module of old, module of today, and the names in it; None where all are."""
ELSEWHERE = ((re.compile(rf"({KERAS})\.models"), "layers", frozenset(["Input"])),)
"""The same for modules that there still are."""
SUBMODULES = tuple((re.compile(rf"({KERAS})\.{old}"), new, names) for old, new, names in MOVED)

_WORDS_OF_OPTIMIZERS = "SGD Adam RMSprop Adagrad Adadelta Adamax Nadam"
PRIVATE_MODULES = (
    *("activations", "applications", "backend", "callbacks", "constraints", "datasets", "initializers", "layers"),
    *("losses", "metrics", "models", "optimizers", "regularizers", "utils"),
)
PRIVATE_NAMES = ("Input", "Model", "Sequential")
"""What `tensorflow.python.keras` had and `tensorflow.keras` has."""

_WORDS_OF_LOSSES = {
    "mean_squared_error": "mse MSE",
    "mean_absolute_error": "mae MAE",
    "mean_absolute_percentage_error": "mape MAPE",
    "mean_squared_logarithmic_error": "msle MSLE",
    "kl_divergence": "kld KLD kullback_leibler_divergence",
    "log_cosh": "logcosh",
    "cosine_similarity": "cosine_proximity cosine",
}
SHORT_LOSSES = {short: name for name, shorts in _WORDS_OF_LOSSES.items() for short in shorts.split()}
_LOSSES_OF_TENSORFLOW = {name: shorts.split()[0] for name, shorts in _WORDS_OF_LOSSES.items() if "cosine" not in name}
_ATROUS = {f"Atrous{name}{n}D": f"Conv{n}D" for name in ("Conv", "Convolution") for n in (1, 2)}
_TENSORFLOW = KERAS.replace("|keras)", ")")
OTHER_NAMES = (
    (KERAS, "layers", {"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU", "ThresholdedReLU": "ReLU", **_ATROUS}),
    (KERAS, "optimizers", {name.lower(): name for name in _WORDS_OF_OPTIMIZERS.split()}),
    (KERAS, "constraints", {"maxnorm": "max_norm", "nonneg": "non_neg", "unitnorm": "unit_norm"}),
    (KERAS, "utils", {"plot": "plot_model"}),
    (KERAS, "initializers", {"normal": "RandomNormal", "uniform": "RandomUniform", "zero": "Zeros", "one": "Ones"}),
    (KERAS, "regularizers", {"l1l2": "l1_l2"}),
    ("keras", "losses", SHORT_LOSSES),
    ("keras", "metrics", SHORT_LOSSES),
    (_TENSORFLOW, "losses", _LOSSES_OF_TENSORFLOW | {"cosine_proximity": "cosine_similarity"}),
    (_TENSORFLOW, "metrics", _LOSSES_OF_TENSORFLOW),
)
"""Names that have others in Keras 3, by their modules: `LSTM` and `GRU` use cuDNN by themselves."""
METRICS = {long: shorts.split()[0] for long, shorts in _WORDS_OF_LOSSES.items() if long.startswith("mean_") and shorts}
"""What metrics that are given by the short name were called in histories before Keras 2.3, and the short name."""
LOSSES = {name: SHORT_LOSSES[name] for name in ("kullback_leibler_divergence", "logcosh", "cosine_proximity")}
"""Names of losses as strings."""

THEANO = ("convert_all_kernels_in_model", "convert_dense_weights_data_format")

_WORDS_OF_LAYERS_GONE = {
    "LocallyConnected1D LocallyConnected2D": "there is none in Keras 3: write a layer of your own",
    "Deconvolution2D Deconv2D": "write `Conv2DTranspose`, without the shape of the output",
    "MaxoutDense Highway": "write it with `Dense`, `maximum` and `multiply`",
}
LAYERS_GONE = {name: how for names, how in _WORDS_OF_LAYERS_GONE.items() for name in names.split()}
GONE = {
    **{rf"layers\.{name}": how for name, how in LAYERS_GONE.items()},
    r"layers\.Merge": "write `Model([a.input, b.input], ...)` with `concatenate`, `dot` ... of `[a.output, b.output]`",
    r"utils\.(?:multi_gpu_utils\.|training_utils\.)?multi_gpu_model": "write `tf.distribute.MirroredStrategy`",
    r"utils\.(?:io_utils\.)?HDF5Matrix": "read the file by h5py",
    rf"utils\.(?:layer_utils\.)?(?:{'|'.join(THEANO)})": "was for the weights of Theano: take it away",
    r"utils\.conv_utils": "was private: write it yourself",
    r"utils\.print_summary": "write `model.summary()`",
    r"wrappers\.scikit_learn": "is in the package scikeras: `scikeras.wrappers`, with `model=` for `build_fn=`",
    r"applications\.imagenet_utils\._obtain_input_shape": "is private and gone: write the shape",
    r"applications\.mobilenet\.(?:relu6|DepthwiseConv2D)": "is in keras.layers: `ReLU(6.0)`, `DepthwiseConv2D`",
    r"legacy\.interfaces": "is gone: take the decorator away",
    r"initializations(?:\.\w+)?": "is `initializers`, of classes: `initializers.RandomNormal(stddev=0.01)`",
    r"utils\.(?:data_utils\.)?(?:Ordered|Generator|Sequence)Enqueuer": "is gone: `fit` loads by itself",
    r"utils\.(?:np_utils\.)?probas_to_classes": "is gone: write `probas.argmax(axis=-1)`",
    r"callbacks\.BaseLogger": "is gone: take it away",
    r"engine\.(?:\w+\.)?(?:Container|Network|Node)": "was private: write `keras.Model` for `Container` and `Network`",
    r"engine\.saving": "was private: write `model.load_weights`",
    r"backend\.tensorflow_backend": "import `keras.backend`, or TensorFlow itself",
    r"backend\.theano_backend": "import `keras.backend`",
}
"""Names without an equal, and what to write."""
GIVEN_BACK = frozenset(
    [
        *(r"layers\.Merge", r"wrappers\.scikit_learn", r"backend\.tensorflow_backend"),
        *(r"applications\.imagenet_utils\._obtain_input_shape", r"initializations(?:\.\w+)?", r"legacy\.interfaces"),
        *(
            r"utils\.(?:data_utils\.)?(?:Ordered|Generator|Sequence)Enqueuer",
            r"utils\.(?:np_utils\.)?probas_to_classes",
        ),
        *(r"callbacks\.BaseLogger", r"engine\.(?:\w+\.)?(?:Container|Network|Node)", r"engine\.saving"),
    ]
)
"""Those that `install` gives back."""

_WORDS_OF_BACKEND = (
    "clear_session epsilon floatx get_uid image_data_format is_float_dtype is_int_dtype is_keras_tensor result_type "
    "set_epsilon set_floatx set_image_data_format standardize_dtype backend"
)
BACKEND = frozenset(_WORDS_OF_BACKEND.split())
"""What `keras.backend` has; what it lost lives on in `tensorflow.keras.backend`, the below excepted."""
BACKEND_GONE = {
    "image_dim_ordering": "write `image_data_format()`: 'channels_first' for 'th', 'channels_last' for 'tf'",
    "set_image_dim_ordering": "write `set_image_data_format('channels_first')` for 'th', 'channels_last' for 'tf'",
    "get_session": "there are no sessions in Keras 3: take it away",
    "set_session": "there are no sessions in Keras 3: take it away",
    "function": "write `keras.Model(inputs, outputs)` and call that",
    "learning_phase": "write `training=` in the call of the layer or model",
    "set_learning_phase": "write `training=` in the call of the layer or model",
    "placeholder": "write `keras.Input`",
    "tf": "import tensorflow",
    "tensorflow_backend": "import tensorflow",
    "manual_variable_initialization": "take it away",
    "pattern_broadcast": "take it away",
    "in_train_phase": "write `training=` in the call of the layer",
    "gradients": "write `tf.GradientTape`",
}
BACKEND_LOST = frozenset(["manual_variable_initialization", "pattern_broadcast", "in_train_phase"])
"""Those that `install` does not give back."""

OPTIMIZERS = {
    "SGD": "0.01",
    "Adam": "0.001",
    "RMSprop": "0.001",
    "Adagrad": "0.01",
    "Adadelta": "1.0",
    "Adamax": "0.002",
    "Nadam": "0.002",
}
"""The optimizers of Keras 2, and their learning rates without an argument."""

_REGULARIZED = {
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
    "init": "kernel_initializer",
}
_CONVOLUTION = _REGULARIZED | {
    "nb_filter": "filters",
    "filter_length": "kernel_size",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "atrous_rate": "dilation_rate",
    "dim_ordering": "data_format",
}
_POOLING = {"border_mode": "padding", "dim_ordering": "data_format", "pool_length": "pool_size", "stride": "strides"}
_RECURRENT = _REGULARIZED | {
    "output_dim": "units",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "U_regularizer": "recurrent_regularizer",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
}
KERAS_1_LAYERS = {
    "Dense": _REGULARIZED | {"output_dim": "units"},
    "Dropout": {"p": "rate"},
    "SpatialDropout2D": {"p": "rate", "dim_ordering": "data_format"},
    "GaussianNoise": {"sigma": "stddev"},
    "GaussianDropout": {"p": "rate"},
    "BatchNormalization": {
        "gamma_init": "gamma_initializer",
        "beta_init": "beta_initializer",
        "gamma_regularizer": "gamma_regularizer",
    },
    "Embedding": {"init": "embeddings_initializer", "W_regularizer": "embeddings_regularizer"},
    "RepeatVector": {},
    **{name: _RECURRENT for name in ("LSTM", "GRU", "SimpleRNN")},
    **{
        f"{name}{n}D": _CONVOLUTION
        for name in ("Conv", "Convolution", "SeparableConv", "SeparableConvolution", "AtrousConv", "AtrousConvolution")
        for n in (1, 2, 3)
    },
    **{f"{name}{n}D": _POOLING for name in ("MaxPooling", "AveragePooling", "AvgPool") for n in (1, 2, 3)},
    **{
        f"{name}{n}D": {"dim_ordering": "data_format"}
        for name in ("UpSampling", "ZeroPadding", "Cropping")
        for n in (2, 3)
    },
    "DepthwiseConv2D": {},
    "ThresholdedReLU": {"theta": "threshold"},
    **{f"Global{name}Pooling2D": {"dim_ordering": "data_format"} for name in ("Max", "Average")},
    "Flatten": {"dim_ordering": "data_format"},
}
"""Layers, and what Keras 1 called their arguments."""
CONVOLUTIONS_2D = ("Conv2D", "Convolution2D", "AtrousConv2D", "AtrousConvolution2D")
VALUES = {"'th'": '"channels_first"', "'tf'": '"channels_last"', '"th"': '"channels_first"', '"tf"': '"channels_last"'}
UNUSED_BY_SEPARABLE = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")
"""What Keras 2 took in separable and depthwise convolutions and never looked at: their kernels have other names."""
MERGE_MODES = {
    **{"concat": "concatenate", "sum": "add", "mul": "multiply", "ave": "average", "max": "maximum"},
    "dot": "dot",
    "cos": "dot",
}

_WORDS_OF_TENSORFLOW_1 = (
    "ConfigProto GPUOptions InteractiveSession Session disable_eager_execution disable_v2_behavior get_default_graph "
    "get_default_session global_variables_initializer local_variables_initializer logging placeholder py_func "
    "reset_default_graph set_random_seed Print div is_nan is_inf lgamma log log1p log_sigmoid matrix_band_part "
    "matrix_diag multinomial random_normal random_shuffle random_uniform rint rsqrt segment_sum sparse_tensor_to_dense "
    "sparse_to_dense to_double to_float to_int32 to_int64 truncated_normal unsorted_segment_sum where_v2 ceil erf "
    "mod cross conj diag diag_part invert_permutation floor_div gfile get_collection get_variable "
    "variable_scope assign assign_add assign_sub count_nonzero depth_to_space space_to_depth "
    "VERSION app flags enable_eager_execution enable_v2_behavior Dimension AUTO_REUSE glorot_normal_initializer "
    "glorot_uniform_initializer truncated_normal_initializer variables_initializer squared_difference check_numerics "
    "extract_image_patches decode_raw read_file parse_single_example string_split reduce_join svd matrix_inverse "
    "matrix_transpose matrix_determinant is_finite global_norm confusion_matrix angle imag real fft ifft fft2d ifft2d "
    "cumprod digamma erfc igamma lbeta polygamma zeta batch_gather div_no_nan floormod dimension_value to_bfloat16 "
    "random_crop random_gamma random_poisson fake_quant_with_min_max_args verify_tensor_all_finite"
)
TENSORFLOW_1 = frozenset(_WORDS_OF_TENSORFLOW_1.split())
"""Names of TensorFlow 1 that programs for Keras use, and that are in `tensorflow.compat.v1` today."""
WITHOUT_EAGER = ("disable_eager_execution", "disable_v2_behavior")
"""Functions of TensorFlow after which Keras 3 can neither build nor train a model."""
OF_GRAPHS = re.compile(
    r"placeholder|\.eval\(|as_default|get_variable|variable_scope|"
    r"\btf(?:\.compat\.v1)?\.(?:layers|gradients|train\.\w*(?:Optimizer|Saver|Session))\b|"
    r"(?<!app)(?<!subprocess)\.run\((?!\s*(?:\w+\.)*(?:global|local)_variables_initializer\(\))"
)
"""What programs write that make a graph of TensorFlow 1 themselves and run it, and not Keras alone."""
TENSORFLOW_1_IMAGES = frozenset(["resize_bicubic", "resize_bilinear", "resize_images", "resize_nearest_neighbor"])
