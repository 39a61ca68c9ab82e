"""Writes traces.json: 20 training steps of small networks, done by PyTorch in double precision.

Inputs and initial parameters are multiples of 1/256, so that float code starts from the same
numbers. Run: python make_traces.py (see README.md). The same torch version gives the same file.
"""

import json
import pathlib

import numpy
import torch

STEPS, ROWS, INPUTS, HIDDEN = 20, 32, 12, 16
EPSILON, KEEP = 1e-5, 0.9
TARGETS = {
    "softmax_cross_entropy": "classes",
    "binary_cross_entropy": "labels",
    "squared_error": "values",
}


def grid(array):
    return numpy.round(array * 256) / 256


def make_data(random):
    """Columns of different mean and spread; targets that a small network can learn in part."""
    spread = random.uniform(0.5, 3.0, INPUTS)
    mean = random.uniform(-4.0, 4.0, INPUTS)
    x = grid(random.standard_normal((STEPS, ROWS, INPUTS)) * spread + mean)
    teacher = random.standard_normal((INPUTS, 3))
    noise = random.standard_normal((STEPS, ROWS, 3))
    scores = ((x - mean) / spread) @ teacher + noise
    return {
        "inputs": x,
        "classes": scores.argmax(axis=2).astype(float),
        "labels": (scores[:, :, 0] > 0).astype(float),
        "values": grid(numpy.tanh(scores[:, :, 1]) * 2 + 0.5),
    }


def network(activation, outputs, place):
    def norm():
        return {"layer": "batch_norm", "epsilon": EPSILON, "keep": KEEP, "running_variance": "unbiased"}

    layers = []
    for _ in range(2):
        layers.append({"layer": "dense", "outputs": HIDDEN, "bias": place == "after"})
        after_dense = [norm(), {"layer": "activation", "kind": activation}]
        layers += after_dense if place == "before" else after_dense[::-1]
    layers.append({"layer": "dense", "outputs": outputs, "bias": True})
    return {"inputs": INPUTS, "layers": layers}


def build(description, dtype):
    kinds = {"relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh}
    modules, width = [], description["inputs"]
    for layer in description["layers"]:
        if layer["layer"] == "dense":
            modules.append(torch.nn.Linear(width, layer["outputs"], bias=layer["bias"]))
            width = layer["outputs"]
        elif layer["layer"] == "batch_norm":
            modules.append(torch.nn.BatchNorm1d(width, eps=layer["epsilon"], momentum=1 - layer["keep"]))
        else:
            modules.append(kinds[layer["kind"]]())
    return torch.nn.Sequential(*modules).to(dtype)


def initial_parameters(model, random):
    values = {}
    for name, tensor in model.named_parameters():
        shape = tuple(tensor.shape)
        if tensor.dim() == 2:
            values[name] = grid(random.standard_normal(shape) * (2.0 / shape[1]) ** 0.5)
        elif name.endswith("weight"):
            values[name] = grid(random.uniform(0.5, 1.5, shape))
        else:
            values[name] = grid(random.uniform(-0.25, 0.25, shape))
    return values


def optimiser(run, model):
    rate, decay = run["learning_rate"], run["weight_decay"]
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    name = run["optimiser"]
    if name == "sgd":
        return torch.optim.SGD(groups, lr=rate)
    if name in ("momentum", "nesterov"):
        return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=name == "nesterov")
    if name == "rmsprop":
        return torch.optim.RMSprop(groups, lr=rate, alpha=0.99, eps=1e-8)
    kind = torch.optim.Adam if name == "adam" else torch.optim.AdamW
    return kind(groups, lr=rate, betas=(0.9, 0.999), eps=1e-8)


def loss_of(name, output, target):
    if name == "softmax_cross_entropy":
        return torch.nn.functional.cross_entropy(output, target.long())
    if name == "binary_cross_entropy":
        return torch.nn.functional.binary_cross_entropy_with_logits(output[:, 0], target)
    return torch.nn.functional.mse_loss(output[:, 0], target)


def train(run, data, dtype):
    model = build(run["network"], dtype)
    model.load_state_dict({k: torch.tensor(v, dtype=dtype) for k, v in run["initial"].items()}, strict=False)
    steps = optimiser(run, model)
    losses, clipped = [], 0
    for step in range(STEPS):
        x = torch.tensor(data["inputs"][step], dtype=dtype)
        target = torch.tensor(data[TARGETS[run["loss"]]][step], dtype=dtype)
        steps.zero_grad()
        loss = loss_of(run["loss"], model(x), target)
        loss.backward()
        if run["clip_norm"] > 0:
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), run["clip_norm"])
            clipped += int(norm > run["clip_norm"])
        steps.step()
        losses.append(loss.item())
    final = {k: v.double().numpy() for k, v in model.state_dict().items() if "num_batches" not in k}
    return losses, final, clipped


def add_run(runs, data, seed, name, loss="softmax_cross_entropy", activation="relu", place="before",
            optimiser="sgd", rate=0.1, decay=0.0, clip=0.0):
    random = numpy.random.default_rng(seed)
    outputs = 3 if loss == "softmax_cross_entropy" else 1
    run = {
        "name": name,
        "network": network(activation, outputs, place),
        "loss": loss,
        "optimiser": optimiser,
        "learning_rate": rate,
        "weight_decay": decay,
        "clip_norm": clip,
    }
    run["initial"] = initial_parameters(build(run["network"], torch.float64), random)
    run["losses"], run["final"], clipped = train(run, data, torch.float64)
    assert clip == 0 or 0 < clipped < STEPS, f"{name}: {clipped} of {STEPS} steps were clipped"
    losses, final, _ = train(run, data, torch.float32)
    run["float32_error"] = {
        "loss": max(abs(a - b) for a, b in zip(losses, run["losses"])),
        "final": max(float(numpy.abs(final[k] - run["final"][k]).max()) for k in final),
    }
    runs.append(run)


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value.ravel().tolist() if isinstance(value, numpy.ndarray) else value


def main():
    torch.set_num_threads(1)
    data = make_data(numpy.random.default_rng(2015))
    runs = []
    for name, rate in [("sgd", 0.1), ("momentum", 0.05), ("nesterov", 0.05), ("rmsprop", 0.001), ("adam", 0.01)]:
        add_run(runs, data, 1, name, optimiser=name, rate=rate)
    add_run(runs, data, 1, "adamw", optimiser="adamw", rate=0.01, decay=0.01)
    add_run(runs, data, 2, "norm_after_activation", place="after")
    add_run(runs, data, 3, "binary_sigmoid", loss="binary_cross_entropy", activation="sigmoid")
    add_run(runs, data, 4, "regression_tanh", loss="squared_error", activation="tanh", rate=0.05)
    add_run(runs, data, 1, "clipped", clip=1.0)

    head = {"torch": torch.__version__, "steps": STEPS, "rows": ROWS, "columns": INPUTS}
    fields = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in head.items()]
    fields += [f"{json.dumps(k)}: {json.dumps([plain(step) for step in v])}" for k, v in data.items()]
    fields.append('"runs": [\n' + ",\n".join(json.dumps(plain(run)) for run in runs) + "\n]")
    path = pathlib.Path(__file__).parent / "traces.json"
    path.write_text("{\n" + ",\n".join(fields) + "\n}\n")
    for run in runs:
        print(f'{run["name"]:22} {run["losses"][0]:.4f} -> {run["losses"][-1]:.4f}  float32: '
              f'loss {run["float32_error"]["loss"]:.1e}, final {run["float32_error"]["final"]:.1e}')


if __name__ == "__main__":
    main()
