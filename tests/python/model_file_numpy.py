"""Opens a ztilde model file with nothing but numpy and the standard library.

usage: model_file_numpy.py MODEL

Checks the tensors against the network and the checksum against the bytes, computes the embedded
test rows' outputs in double, and prints every tensor. Exits 0 when all is as docs/model-file.md says.
"""

import json
import math
import sys
import zlib

import numpy as np

DTYPES = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}


def read(path):
    """The metadata (text by key) and the tensors (array by name)."""
    content = open(path, "rb").read()
    data = 8 + int.from_bytes(content[:8], "little")
    assert data % 64 == 0, "the data start at a multiple of 64"
    header = json.loads(content[8:data])
    metadata = header.pop("__metadata__")

    end = 0
    tensors = {}
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, stop = entry["data_offsets"]
        assert begin == end, f"{name}: a hole or an overlap at {begin}"
        end = stop
        raw = np.frombuffer(content[data + begin : data + stop], DTYPES[entry["dtype"]])
        tensors[name] = raw.reshape(entry["shape"])
    assert data + end == len(content), "bytes after the last tensor"

    digits = content.index(b'"checksum":"crc32:') + len(b'"checksum":"crc32:')
    zeroed = content[:digits] + b"00000000" + content[digits + 8 :]
    assert metadata["checksum"] == f"crc32:{zlib.crc32(zeroed):08x}", "the checksum"
    return metadata, tensors


def expected_tensors(network):
    """Name -> (dtype, shape), as torch.nn.Sequential.state_dict() has them."""
    expected = {}
    channels = network["inputs"]
    for i, layer in enumerate(network["layers"]):
        kind = layer["layer"]
        if kind == "encode":
            assert len(layer["columns"]) == channels, "a column for each input"
            channels = 0
            for c, column in enumerate(layer["columns"]):
                slots = column.get("categories", 0) + 1
                if column["kind"] == "numeric":
                    channels += 1 + (column.get("missing") == "indicator")
                    if column.get("missing", "none") != "none":
                        expected[f"{i}.{c}.fill"] = ("float64", (1,))
                    if column.get("knots", 0) > 0:
                        expected[f"{i}.{c}.knots"] = ("float64", (column["knots"],))
                        expected[f"{i}.{c}.values"] = ("float64", (column["knots"],))
                else:
                    expected[f"{i}.{c}.frequency"] = ("float64", (slots,))
                    channels += column.get("width", slots)
                if column["kind"] == "embedding":
                    expected[f"{i}.{c}.weight"] = ("float32", (slots, column["width"]))
        if kind == "dense":
            expected[f"{i}.weight"] = ("float32", (layer["outputs"], channels))
            channels = layer["outputs"]
            if layer["bias"]:
                expected[f"{i}.bias"] = ("float32", (channels,))
        if kind == "batch_norm":
            expected[f"{i}.weight"] = expected[f"{i}.bias"] = ("float32", (channels,))
        if kind in ("batch_norm", "standardise"):
            expected[f"{i}.running_mean"] = expected[f"{i}.running_var"] = ("float64", (channels,))
            expected[f"{i}.num_batches_tracked"] = ("int64", ())
    return expected, channels


ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "silu": lambda z: z / (1 + np.exp(-z)),
    "gelu": lambda z: z * 0.5 * np.vectorize(math.erfc, otypes=[float])(-z / math.sqrt(2)),
}


def encode(columns, of_layer, x):
    """Raw columns to features: values, missing indicators, one-hot columns, table rows."""
    values, indicators, one_hots, tables = [], [], [], []
    for c, column in enumerate(columns):
        raw = x[:, c]
        if column["kind"] == "numeric":
            value = raw
            if column.get("knots", 0) > 0:
                value = through_knots(of_layer[f"{c}.knots"], of_layer[f"{c}.values"], raw)
            if column.get("missing", "none") != "none":
                value = np.where(np.isnan(raw), of_layer[f"{c}.fill"], value)
            values.append(value[:, None])
            if column.get("missing") == "indicator":
                indicators.append(np.isnan(raw)[:, None].astype(float))
            continue
        slot = raw.astype(int)
        if column["kind"] == "embedding":
            tables.append(of_layer[f"{c}.weight"][slot])
            continue
        frequency = of_layer[f"{c}.frequency"]
        rows = np.eye(len(frequency))
        if frequency[-1] == 0:
            rows[-1] = frequency
        one_hots.append(rows[slot])
    return np.concatenate(values + indicators + one_hots + tables, axis=1)


def through_knots(knots, values, x):
    above = np.searchsorted(knots, x, side="right")
    lower, upper = np.clip(above - 1, 0, len(knots) - 1), np.clip(above, 0, len(knots) - 1)
    step = knots[upper] - knots[lower]
    share = np.where(step > 0, (x - knots[lower]) / np.where(step > 0, step, 1), 0)
    return values[lower] + (values[upper] - values[lower]) * share


def forward(network, tensors, x):
    for i, layer in enumerate(network["layers"]):
        of_layer = {n.split(".", 1)[1]: t for n, t in tensors.items() if n.split(".")[0] == str(i)}
        if layer["layer"] == "encode":
            x = encode(layer["columns"], of_layer, x)
        elif layer["layer"] == "dense":
            x = x @ of_layer["weight"].T.astype(float) + of_layer.get("bias", 0)
        elif layer["layer"] in ("batch_norm", "standardise"):
            inv_std = 1 / np.sqrt(of_layer["running_var"] + layer.get("epsilon", 0))
            x = (x - of_layer["running_mean"]) * inv_std * of_layer.get("weight", 1) + of_layer.get("bias", 0)
        elif layer["layer"] == "activation":
            x = ACTIVATIONS[layer["kind"]](x)
        else:
            assert layer["layer"] == "dropout", f"an unknown layer: {layer}"
    return x


def main(path):
    metadata, tensors = read(path)
    assert metadata["format"] == "ztilde" and metadata["format_version"] == "1"
    network = json.loads(metadata["network"])
    expected, outputs = expected_tensors(network)
    found = {name: (str(tensor.dtype), tensor.shape) for name, tensor in tensors.items()}
    assert found == expected, f"tensors {found}, expected {expected}"

    columns = json.loads(metadata["columns"])
    assert (columns if isinstance(columns, int) else len(columns)) == network["inputs"]
    classes = json.loads(metadata["classes"])
    assert outputs == (1 if metadata["task"] == "regress" or len(classes) == 2 else len(classes))

    for name, tensor in tensors.items():
        assert np.isfinite(tensor).all(), f"{name}: a number that is not finite"
        if name.endswith("running_var"):
            assert (tensor >= 0).all(), f"{name}: a negative variance"
        shape = ", ".join(map(str, tensor.shape))
        print(f"{name:24} {tensor.dtype} [{shape}]", np.array2string(tensor.ravel()[:4], precision=6))

    rows = json.loads(metadata["test_rows"])
    inputs = np.frombuffer(bytes.fromhex(rows["inputs"]), "<f4").reshape(-1, network["inputs"])
    then = np.frombuffer(bytes.fromhex(rows["outputs"]), "<f4").reshape(-1, outputs)
    with np.errstate(over="ignore"):
        now = forward(network, tensors, inputs.astype(float))
    worst = np.max(np.abs(now - then) / np.maximum(1, np.abs(then)), initial=0)
    print(f"{len(then)} test rows, largest difference {worst:.1e}")
    # Floats multiplied and added over a few layers; a wrong layout is off by far more.
    assert now.shape == then.shape and worst <= 1e-4


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
