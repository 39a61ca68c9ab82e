"""Loads a ztilde model file into PyTorch and compares the outputs of its test rows.

usage: model_file_torch.py MODEL

Builds the torch.nn.Sequential that the file's network describes and loads the tensors with
strict=True. Every kind of layer is compared on its own with its formula too, so that a model
without a gelu still tests what this script says a gelu is. Exits 77 where torch is not installed.
"""

import json
import math
import sys

try:
    import torch
except ImportError:
    print("skipped: torch is not installed")
    sys.exit(77)
import numpy as np
from torch import nn

DTYPES = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}

ACTIVATIONS = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.01),
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}


def read(path):
    content = open(path, "rb").read()
    data = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:data])
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        array = np.frombuffer(content[data + begin : data + end], DTYPES[entry["dtype"]])
        tensors[name] = torch.from_numpy(array.reshape(entry["shape"]).copy())
    return metadata, tensors


def floats(hex_digits):
    return torch.from_numpy(np.frombuffer(bytes.fromhex(hex_digits), "<f4").astype(float))


class Encode(nn.Module):
    """The first layer of a table's network, whose tensors are "column.name"."""

    def __init__(self, columns):
        super().__init__()
        self.columns = columns
        for c, column in enumerate(columns):
            of_column = nn.Module()
            slots = column.get("categories", 0) + 1
            sizes = {"frequency": slots} if slots > 1 else {"knots": column.get("knots", 0)}
            if column["kind"] == "numeric":
                sizes["values"] = column.get("knots", 0)
                sizes["fill"] = int(column.get("missing", "none") != "none")
            for name, size in sizes.items():
                if size > 0:
                    of_column.register_buffer(name, torch.zeros(size, dtype=torch.float64))
            if column["kind"] == "embedding":
                of_column.weight = nn.Parameter(torch.zeros(slots, column["width"]))
            self.add_module(str(c), of_column)

    def outputs(self):
        return sum(
            1 + (c.get("missing") == "indicator") if c["kind"] == "numeric" else c.get("width", c["categories"] + 1)
            for c in self.columns
        )

    def forward(self, x):
        values, indicators, one_hots, tables = [], [], [], []
        for c, column in enumerate(self.columns):
            of_column, raw = getattr(self, str(c)), x[:, c]
            if column["kind"] == "embedding":
                tables.append(of_column.weight[raw.long()])
            elif column["kind"] == "one_hot":
                rows = torch.eye(len(of_column.frequency), dtype=x.dtype)
                if of_column.frequency[-1] == 0:
                    rows[-1] = of_column.frequency
                one_hots.append(rows[raw.long()])
            else:
                value = raw
                if column.get("knots", 0) > 0:
                    value = self.through_knots(of_column.knots, of_column.values, raw)
                if column.get("missing", "none") != "none":
                    value = torch.where(raw.isnan(), of_column.fill, value)
                values.append(value[:, None])
                if column.get("missing") == "indicator":
                    indicators.append(raw.isnan()[:, None].to(x.dtype))
        return torch.cat(values + indicators + one_hots + tables, dim=1)

    @staticmethod
    def through_knots(knots, values, x):
        above = torch.searchsorted(knots, x.contiguous(), right=True)
        lower, upper = (above - 1).clamp(min=0), above.clamp(max=len(knots) - 1)
        step = knots[upper] - knots[lower]
        share = torch.where(step > 0, (x - knots[lower]) / step.clamp(min=1e-300), torch.zeros_like(x))
        return values[lower] + (values[upper] - values[lower]) * share


class Layers(nn.Sequential):
    """A Sequential whose add and shortcut layers, which have no tensors, take from earlier outputs."""

    def __init__(self, modules, network):
        super().__init__(*modules)
        self.layers = network["layers"]

    def forward(self, x):
        outputs = []
        for module, layer in zip(self, self.layers):
            kind = layer["layer"]
            earlier = outputs[len(outputs) - layer["back"]] if kind in ("add", "shortcut") else None
            x = x + earlier if kind == "add" else earlier if kind == "shortcut" else module(x)
            outputs.append(x)
        return x


def convolution(inputs, layer):
    return nn.Conv2d(
        inputs,
        layer["outputs"],
        layer["kernel"],
        layer["stride"],
        layer["padding"],
        groups=inputs if layer["depthwise"] else 1,
        bias=layer["bias"],
    )


def image_of(network):
    """Height, width, channels of an input."""
    height, width = network.get("height", 1), network.get("width", 1)
    return height, width, network["inputs"] // (height * width)


def after_windows(size, kernel, stride, padding=0):
    return tuple((length + 2 * padding - kernel) // stride + 1 for length in size)


def sequential(network):
    layers, shapes = [], []  # shapes: height and width of what leaves each, and its channels
    height, width, channels = image_of(network)
    size = (height, width)
    for layer in network["layers"]:
        kind = layer["layer"]
        norm = nn.BatchNorm2d if size != (1, 1) else nn.BatchNorm1d
        if kind == "encode":
            layers.append(Encode(layer["columns"]))
            channels = layers[-1].outputs()
        elif kind == "standardise":
            layers.append(norm(channels, affine=False, eps=0))
        elif kind == "dense":
            layers.append(nn.Linear(channels, layer["outputs"], bias=layer["bias"]))
            channels = layer["outputs"]
        elif kind == "batch_norm":
            layers.append(norm(channels, eps=layer["epsilon"], momentum=1 - layer["keep"]))
        elif kind == "activation":
            layers.append(ACTIVATIONS[layer["kind"]]())
        elif kind == "dropout":
            layers.append(nn.Dropout(layer["probability"]))
        elif kind == "conv2d":
            layers.append(convolution(channels, layer))
            channels = layer["outputs"]
            size = after_windows(size, layer["kernel"], layer["stride"], layer["padding"])
        elif kind in ("max_pool", "average_pool"):
            pool = nn.MaxPool2d if kind == "max_pool" else nn.AvgPool2d
            layers.append(pool(layer["kernel"], layer["stride"]))
            size = after_windows(size, layer["kernel"], layer["stride"])
        elif kind == "global_average_pool":
            layers.append(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
            size = (1, 1)
        elif kind == "flatten":
            layers.append(nn.Flatten())
            channels, size = channels * size[0] * size[1], (1, 1)
        elif kind in ("add", "shortcut"):
            layers.append(nn.Identity())
            if kind == "shortcut":
                size, channels = shapes[len(shapes) - layer["back"]]
        else:
            raise ValueError(f"an unknown layer: {layer}")
        shapes.append((size, channels))
    return Layers(layers, network)


def relative_difference(now, then):
    """The largest |now - then| / max(1, |then|)."""
    assert now.shape == then.shape, f"{tuple(now.shape)} outputs, the file has {tuple(then.shape)}"
    return max(((now - then).abs() / then.abs().clamp(min=1)).flatten().tolist(), default=0.0)


def check_activations():
    formulas = {
        "identity": lambda z: z,
        "relu": lambda z: max(z, 0.0),
        "leaky_relu": lambda z: z if z > 0 else 0.01 * z,
        "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
        "tanh": math.tanh,
        "silu": lambda z: z / (1 + math.exp(-z)),
        "gelu": lambda z: z * 0.5 * math.erfc(-z / math.sqrt(2)),
    }
    z = torch.linspace(-6, 6, 97, dtype=torch.float64)
    for name, formula in formulas.items():
        module = sequential({"inputs": 1, "layers": [{"layer": "activation", "kind": name}]})
        expected = torch.tensor([formula(value) for value in z.tolist()], dtype=torch.float64)
        assert relative_difference(module(z), expected) < 1e-12, name


def main(path):
    check_activations()
    metadata, tensors = read(path)
    network = json.loads(metadata["network"])
    model = sequential(network)
    # The statistics are doubles in the file; without this they would be rounded to float, and a
    # mean of 1.7e9 seconds with them.
    for module in model:
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, Encode)):
            module.double()
    model.load_state_dict(tensors, strict=True)
    model.double().eval()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor.double(), tensors[name].double()), f"{name} changed while loading"

    for index, convention in json.loads(metadata["conventions"]).items():
        module = model[int(index)]
        assert module.eps == convention["epsilon"]
        assert abs(module.momentum - convention["pytorch_momentum"]) < 1e-12

    rows = json.loads(metadata["test_rows"])
    inputs = floats(rows["inputs"]).reshape(-1, network["inputs"])
    then = floats(rows["outputs"]).reshape(len(inputs), -1)
    height, width, channels = image_of(network)
    if height * width > 1:  # PyTorch has the channels of an image first
        inputs = inputs.reshape(-1, height, width, channels).permute(0, 3, 1, 2)
    assert len(inputs) > 0, "the model carries no test rows"
    with torch.no_grad():
        now = model(inputs)
    worst = relative_difference(now, then)
    print(f"{len(inputs)} test rows through {len(model)} layers, largest difference {worst:.1e}")
    assert worst <= 1e-5, f"torch's outputs differ by {worst}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
