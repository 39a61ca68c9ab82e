"""Computes ONNX files with numpy alone, reading them with Debian's python3-onnx.

usage: onnx_numpy.py MODEL.onnx …
       onnx_numpy.py MODEL.onnx --table TABLE.csv ANSWERS.csv

Each file passes onnx's full check, and gives for the test rows in it what it says of them. With --table the
cells of a table go in as they stand, and what comes out is what `ztilde predict --probabilities` answered.
Exits 0 when all is so.
"""

import csv
import json
import math
import sys

import numpy as np
import onnx
import onnx.numpy_helper

# The exporter's answers are in float, these here in double from the same numbers.
TOLERANCE = 1e-5


def windows(x, kernel, strides):
    """[rows, channels, height', width', kernel, kernel]"""
    view = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(2, 3))
    return view[:, :, :: strides[0], :: strides[1]]


def conv(x, weight, bias=None, *, kernel_shape, strides, pads, group):
    assert pads[:2] == pads[2:] and list(weight.shape[2:]) == list(kernel_shape)
    seen = windows(np.pad(x, ((0, 0), (0, 0), (pads[0],) * 2, (pads[1],) * 2)), kernel_shape, strides)
    parts = [
        np.einsum("nchwij,ocij->nohw", seen_part, weight_part)
        for seen_part, weight_part in zip(np.split(seen, group, axis=1), np.split(weight, group, axis=0))
    ]
    z = np.concatenate(parts, axis=1)
    return z if bias is None else z + bias[:, None, None]


def batch_normalization(x, gamma, beta, mean, variance, *, epsilon, momentum, training_mode):
    assert training_mode == 0
    over = lambda a: a.reshape(-1, *[1] * (x.ndim - 2))
    return over(gamma) * (x - over(mean)) / np.sqrt(over(variance) + epsilon) + over(beta)


def softmax(x, *, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def label_encoder(x, *, keys_strings, values_int64s, default_int64):
    known = dict(zip([key.decode() for key in keys_strings], values_int64s))
    assert len(known) == len(keys_strings), "a key twice"
    return np.array([known.get(text, default_int64) for text in x.ravel()], np.int64).reshape(x.shape)


def reshape(x, shape):
    return x.reshape(shape)


CASTS = {onnx.TensorProto.FLOAT: np.float64, onnx.TensorProto.INT64: np.int64, onnx.TensorProto.INT32: np.int32}
OPERATORS = {
    "Add": lambda x, y: x + y,
    "Sub": lambda x, y: x - y,
    "Mul": lambda x, y: x * y,
    "Div": lambda x, y: x / y,
    "And": lambda x, y: x & y,
    "Equal": lambda x, y: x == y,
    "Less": lambda x, y: x < y,
    "Greater": lambda x, y: x > y,
    "GreaterOrEqual": lambda x, y: x >= y,
    "IsNaN": np.isnan,
    "Where": np.where,
    "Cast": lambda x, *, to: x.astype(CASTS[to]),
    "Gather": lambda x, index, *, axis=0: np.take(x, index, axis),
    "Concat": lambda *parts, axis: np.concatenate(parts, axis),
    "Unsqueeze": lambda x, axes: np.expand_dims(x, tuple(axes)),
    "Squeeze": lambda x, axes: np.squeeze(x, tuple(axes)),
    "ReduceSum": lambda x, axes, *, keepdims: x.sum(tuple(axes), keepdims=bool(keepdims)),
    "Reshape": reshape,
    "Transpose": lambda x, *, perm: x.transpose(perm),
    "Flatten": lambda x: x.reshape(len(x), -1),
    "Gemm": lambda x, w, b=0.0, *, transB: x @ w.T + b,
    "Conv": conv,
    "BatchNormalization": batch_normalization,
    "MaxPool": lambda x, *, kernel_shape, strides: windows(x, kernel_shape, strides).max((4, 5)),
    "AveragePool": lambda x, *, kernel_shape, strides: windows(x, kernel_shape, strides).mean((4, 5)),
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdims=True),
    "Relu": lambda z: np.maximum(z, 0),
    "LeakyRelu": lambda z, *, alpha: np.where(z > 0, z, alpha * z),
    "Sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "Tanh": np.tanh,
    "Erf": np.vectorize(math.erf, otypes=[float]),
    "Softmax": softmax,
    "ArgMax": lambda x, *, axis, keepdims: np.argmax(x, axis),
    "LabelEncoder": label_encoder,
}


def in_double(array):
    return array.astype(np.float64) if array.dtype == np.float32 else array


def run(model, inputs):
    """Every value of the graph by name."""
    values = {t.name: in_double(onnx.numpy_helper.to_array(t)) for t in model.graph.initializer}
    values |= {name: in_double(array) for name, array in inputs.items()}
    with np.errstate(over="ignore", invalid="ignore"):
        for node in model.graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            values[node.output[0]] = OPERATORS[node.op_type](*[values[name] for name in node.input], **attributes)
    return values


def shapes_as_declared(model, values):
    for declared in [*model.graph.output, *model.graph.value_info]:
        dims = declared.type.tensor_type.shape.dim
        found = values[declared.name].shape
        assert len(dims) == len(found), f"{declared.name}: {found}"
        assert all(d.dim_param or d.dim_value == n for d, n in zip(dims, found)), f"{declared.name}: {found}"


def arrays(text):
    def array(entry):
        flat = entry["texts"] if "texts" in entry else np.frombuffer(bytes.fromhex(entry["bytes"]), entry["type"])
        return np.array(flat, object if "texts" in entry else None).reshape(entry["shape"])

    return {name: array(entry) for name, entry in json.loads(text).items()}


def off_by(got, expected):
    assert got.shape == expected.shape, f"{got.shape}, expected {expected.shape}"
    assert np.isfinite(expected).all()
    return np.abs(got - expected).max() / max(np.abs(expected).max(), 1e-30)


def check(path):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 8 and model.producer_name == "ztilde"
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    inputs, expected = arrays(metadata["ztilde.test_inputs"]), arrays(metadata["ztilde.test_outputs"])
    assert list(inputs) == [value.name for value in model.graph.input]
    assert list(expected) == [value.name for value in model.graph.output]
    values = run(model, inputs)
    shapes_as_declared(model, values)
    worst = 0
    for name, array in expected.items():
        if array.dtype.kind == "i":
            assert (values[name] == array).all(), f"{path}: {name} differs"
        else:
            worst = max(worst, off_by(values[name], array))
    rows = len(next(iter(expected.values())))
    print(f"{path}: {rows} test rows, off by {worst:.1e} of the largest")
    assert worst <= TOLERANCE, path
    return model


def check_table(path, table, answers):
    model = check(path)
    cells = list(csv.DictReader(open(table, newline="")))
    answered = list(csv.reader(open(answers, newline="")))
    inputs = {}
    for value in model.graph.input:
        column = [row[value.name] for row in cells]
        if value.type.tensor_type.elem_type != onnx.TensorProto.STRING:
            column = np.array([float(c) if c not in ("", "NA") else math.nan for c in column], np.float32)
        inputs[value.name] = np.array(column, None if isinstance(column, np.ndarray) else object)[:, None]
    values = run(model, inputs)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    outputs = json.loads(metadata["ztilde.onnx"])["outputs"]
    classes = json.loads(metadata["ztilde.classes"])
    assert [classes[label] for label in values[outputs[2]]] == [row[0] for row in answered[1:]]
    expected = np.array([row[1:] for row in answered[1:]], float)
    assert off_by(values[outputs[1]], expected) <= TOLERANCE
    print(f"{path}: {len(cells)} rows of {table} answered alike")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if "--table" in sys.argv:
        check_table(sys.argv[1], *sys.argv[3:])
    else:
        for file in sys.argv[1:]:
            check(file)
