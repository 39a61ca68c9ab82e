"""Writes image_trace.json: a residual network of images, done by PyTorch in double precision.

One batch of 16 images of 8 × 8 × 2: outputs, loss, every gradient, then 10 steps of SGD with momentum
on it. Inputs and initial parameters are multiples of 1/64 and 1/256, exact in float.
Run: python make_image_trace.py (see README.md).
"""

import json
import pathlib

import numpy
import torch

import make_traces

STEPS, ROWS, SIDE, CHANNELS, CLASSES = 10, 16, 8, 2, 3
RATE = 0.05


class Residual(torch.nn.Module):
    """Named by ztilde's layers: the first convolution, a block with a projection to half the size, the end."""

    def __init__(self):
        super().__init__()
        conv = lambda *sizes, **more: torch.nn.Conv2d(*sizes, bias=False, **more)
        norm = lambda channels: torch.nn.BatchNorm2d(channels, eps=make_traces.EPSILON, momentum=1 - make_traces.KEEP)
        modules = {0: conv(CHANNELS, 6, 3, padding=1), 1: norm(6)}
        modules |= {3: conv(6, 8, 3, stride=2, padding=1), 4: norm(8), 6: conv(8, 8, 3, padding=1), 7: norm(8)}
        modules |= {9: conv(6, 8, 1, stride=2), 10: norm(8), 15: torch.nn.Linear(8, CLASSES)}
        for index, module in modules.items():
            self.add_module(str(index), module)

    def forward(self, x):
        layer = lambda index, z: getattr(self, str(index))(z)
        relu = torch.nn.functional.relu
        a = relu(layer(1, layer(0, x)))
        block = layer(7, layer(6, relu(layer(4, layer(3, a)))))
        z = relu(layer(10, layer(9, a)) + block)
        return layer(15, torch.nn.functional.max_pool2d(z, 2).mean(dim=(2, 3)))


def network():
    def conv(outputs, **more):
        return {"layer": "conv2d", "outputs": outputs, **more, "bias": False}

    norm = {"layer": "batch_norm", "epsilon": make_traces.EPSILON, "keep": make_traces.KEEP, "running_variance": "unbiased"}
    relu = {"layer": "activation", "kind": "relu"}
    layers = [conv(6), norm, relu]
    layers += [conv(8, stride=2), norm, relu, conv(8), norm]
    layers += [{"layer": "shortcut", "back": 6}, conv(8, kernel=1, stride=2, padding=0), norm, {"layer": "add", "back": 4}, relu]
    layers += [{"layer": "max_pool"}, {"layer": "global_average_pool"}, {"layer": "dense", "outputs": CLASSES}]
    return {"inputs": SIDE * SIDE * CHANNELS, "height": SIDE, "width": SIDE, "layers": layers}


def initial_parameters(model, random):
    values = {}
    for name, tensor in model.named_parameters():
        shape = tuple(tensor.shape)
        if tensor.dim() > 1:
            numbers = random.standard_normal(shape) * (2.0 / (tensor.numel() / shape[0])) ** 0.5
        elif name.endswith("weight"):
            numbers = random.uniform(0.5, 1.5, shape)
        else:
            numbers = random.uniform(-0.25, 0.25, shape)
        values[name] = make_traces.grid(numbers)
    return values


def train(initial, images, classes, dtype):
    model = Residual().to(dtype)
    model.load_state_dict({k: torch.tensor(v, dtype=dtype) for k, v in initial.items()}, strict=False)
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9)
    x = torch.tensor(images.transpose(0, 3, 1, 2), dtype=dtype)
    trace = {"losses": []}
    for step in range(STEPS):
        optimiser.zero_grad()
        outputs = model(x)
        loss = torch.nn.functional.cross_entropy(outputs, torch.tensor(classes))
        loss.backward()
        if step == 0:
            trace["outputs"] = outputs.detach().double().numpy()
            trace["gradients"] = {k: p.grad.double().numpy().copy() for k, p in model.named_parameters()}
        optimiser.step()
        trace["losses"].append(loss.item())
    trace["final"] = {k: v.double().numpy() for k, v in model.state_dict().items() if "num_batches" not in k}
    return trace


def plain(value):
    """Numbers with 12 digits: enough for what float, or a sum in another order, can tell."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, numpy.ndarray)):
        return [float(f"{number:.12g}") for number in numpy.ravel(value).tolist()]
    return value


def main():
    torch.set_num_threads(1)
    random = numpy.random.default_rng(1512)
    classes = numpy.arange(ROWS) % CLASSES
    patterns = random.standard_normal((CLASSES, SIDE, SIDE, CHANNELS))
    noise = random.standard_normal((ROWS, SIDE, SIDE, CHANNELS))
    images = numpy.round((patterns[classes] + noise + [0.5, -1.0]) * 64) / 64
    initial = initial_parameters(Residual(), random)
    trace = train(initial, images, classes, torch.float64)
    in_float = train(initial, images, classes, torch.float32)

    def largest(difference_of):
        return max(float(numpy.abs(in_float[difference_of][k] - v).max()) for k, v in trace[difference_of].items())

    head = {
        "torch": torch.__version__,
        "network": network(),
        "rows": ROWS,
        "steps": STEPS,
        "learning_rate": RATE,
    }
    body = {"inputs": images, "classes": classes.astype(float), "initial": initial} | trace
    fields = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in head.items()]
    fields += [f"{json.dumps(k)}: {json.dumps(plain(v))}" for k, v in body.items()]
    path = pathlib.Path(__file__).parent / "image_trace.json"
    path.write_text("{\n" + ",\n".join(fields) + "\n}\n")
    print(f"{path.stat().st_size} bytes; loss {trace['losses'][0]:.4f} -> {trace['losses'][-1]:.4f}; "
          f"float32: gradients {largest('gradients'):.1e}, final {largest('final'):.1e}")


if __name__ == "__main__":
    main()
