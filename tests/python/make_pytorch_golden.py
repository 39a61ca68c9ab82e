"""Writes golden/pytorch_*.safetensors and golden/pytorch_trace.json: modules trained on by PyTorch.

Two modules as people write them, an MLP and a small CNN with batch norm and biases before it, train for 5
steps in float. Their state dicts are saved as safetensors.torch.save_file does; from these, with new
optimisers, 10 more steps are done in double on 5 batches in turn. Inputs are multiples of 1/16, exact in float.
Run: python make_pytorch_golden.py (see golden/README.md).
"""

import copy
import json
import pathlib

import numpy
import torch
from safetensors.torch import save_file
from torch import nn

BEFORE, STEPS, BATCHES, ROWS, CLASSES = 5, 10, 5, 16, 3
OPTIMISERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
}
GOLDEN = pathlib.Path(__file__).parent.parent / "golden"


class Mlp(nn.Module):
    inputs = (12,)

    def __init__(self):
        super().__init__()
        self.fc1, self.bn1 = nn.Linear(12, 16), nn.BatchNorm1d(16)
        self.fc2, self.bn2 = nn.Linear(16, 16), nn.BatchNorm1d(16)
        self.head = nn.Linear(16, CLASSES)

    def forward(self, x):
        x = torch.relu(self.bn1(self.fc1(x)))
        return self.head(torch.relu(self.bn2(self.fc2(x))))


class Cnn(nn.Module):
    inputs = (6, 6, 2)  # channels last, as ztilde has them

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(4, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.classifier = nn.Sequential(
            nn.Linear(54, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, CLASSES))

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x.permute(0, 3, 1, 2)), 1))


NETWORKS = {
    # Without the biases that the modules have, as `ztilde train` would make it: import adds them.
    "mlp": [
        {"layer": "dense", "outputs": 16, "bias": False}, {"layer": "batch_norm"}, {"layer": "activation"},
        {"layer": "dense", "outputs": 16, "bias": False}, {"layer": "batch_norm"}, {"layer": "activation"},
        {"layer": "dense"}],
    "cnn": [
        {"layer": "conv2d", "outputs": 4}, {"layer": "batch_norm"}, {"layer": "activation"}, {"layer": "max_pool"},
        {"layer": "conv2d", "outputs": 6}, {"layer": "batch_norm"}, {"layer": "activation"}, {"layer": "flatten"},
        {"layer": "dense", "outputs": 8}, {"layer": "batch_norm"}, {"layer": "activation"}, {"layer": "dense"}],
}


def train(module, optimiser, inputs, classes, steps):
    dtype = next(module.parameters()).dtype
    losses = []
    for step in range(steps):
        optimiser.zero_grad()
        outputs = module(torch.tensor(inputs[step % BATCHES], dtype=dtype))
        loss = nn.functional.cross_entropy(outputs, torch.tensor(classes[step % BATCHES]))
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def numbers(array):
    return [float(f"{number:.10g}") for number in numpy.ravel(array).tolist()]


def final_of(module):
    return {k: v.double().numpy() for k, v in module.state_dict().items() if v.dim() > 0}


def run(name, module, inputs, classes):
    twin = copy.deepcopy(module)
    module.double()
    losses = train(module, OPTIMISERS[name](module.parameters()), inputs, classes, STEPS)
    in_float = train(twin, OPTIMISERS[name](twin.parameters()), inputs, classes, STEPS)
    final, float_final = final_of(module), final_of(twin)
    error = {k: float(numpy.abs(v - float_final[k]).max() / numpy.abs(v).max()) for k, v in final.items()}
    worst = [f"{e:.1e} in {k}" for k, e in sorted(error.items(), key=lambda item: -item[1])]
    print(f"  {name}: loss {losses[0]:.4f} -> {losses[-1]:.4f}; in float losses are "
          f"{max(abs(a - b) / a for a, b in zip(losses, in_float)):.1e} off, the end {', '.join(worst[:6])}")
    return {"optimiser": name, "losses": numbers(losses), "final": {k: numbers(v) for k, v in final.items()}}


def case(name, kind, random):
    classes = numpy.arange(BATCHES * ROWS).reshape(BATCHES, ROWS) % CLASSES
    patterns = random.standard_normal((CLASSES, *kind.inputs))
    noise = random.standard_normal((BATCHES, ROWS, *kind.inputs))
    inputs = numpy.round((patterns[classes] + 1.5 * noise + 0.5) * 16) / 16
    module = kind()
    train(module, torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9), inputs, classes, BEFORE)
    path = GOLDEN / f"pytorch_{name}.safetensors"
    save_file(module.state_dict(), path)
    path.chmod(0o644)
    module.eval()
    with torch.no_grad():
        outputs = module.double()(torch.tensor(inputs[0])).numpy()
    module.float().train()
    print(name)
    return {
        "name": name,
        "network": {"layers": NETWORKS[name]},
        "learning_rates": {"sgd": 0.05, "momentum": 0.05, "adam": 0.01},
        "rows": ROWS,
        "inputs": [numbers(batch) for batch in inputs],
        "classes": classes.astype(float).tolist(),
        "outputs": numbers(outputs),  # of the first batch, in use
        "runs": [run(optimiser, copy.deepcopy(module), inputs, classes) for optimiser in OPTIMISERS],
    }


def main():
    torch.set_num_threads(1)
    torch.manual_seed(1512)
    random = numpy.random.default_rng(3167)
    cases = [case("mlp", Mlp, random), case("cnn", Cnn, random)]
    head = json.dumps({"torch": torch.__version__, "steps": STEPS})[:-1]
    path = GOLDEN / "pytorch_trace.json"
    path.write_text(head + ', "cases": [\n' + ",\n".join(json.dumps(c) for c in cases) + "\n]}\n")
    print(path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
