"""Bytes of activations, and of gradients on their way down, for each row of a batch: the most that
PyTorch has allocated at one time in a step, against what ztilde's plan allocates for them.

Usage: activation_memory.py PEER_ZTILDE
"""

import subprocess
import sys

import torch

from common import parse_network
from compare import HERE, read_networks
from peer_torch import make_model

ROWS = 4096  # so many that the gradients of the parameters hardly count


def bytes_at_peak(line: str) -> float:
    """The most that forward and backward have allocated at one time."""
    network = parse_network(line)
    model = make_model(network).train()
    x, target = torch.randn(ROWS, network.inputs), torch.randint(network.outputs, (ROWS,))

    def step() -> None:
        outputs = model(x)
        if network.task == "classify":
            loss = torch.nn.functional.cross_entropy(outputs, target)
        else:
            loss = torch.nn.functional.mse_loss(outputs[:, 0], target.float())
        model.zero_grad(set_to_none=True)
        loss.backward()

    step()
    with torch.profiler.profile(profile_memory=True) as profile:
        step()
    allocated = peak = 0
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    for event in sorted(events, key=lambda event: event.start_ns()):
        allocated += event.nbytes()
        peak = max(peak, allocated)
    return peak / ROWS + 4 * network.inputs  # the batch itself, which its first layer keeps


def main() -> None:
    shapes = HERE.parent / "shapes" / "networks.txt"
    ours = subprocess.run([sys.argv[1], "--activation-memory", shapes], check=True, capture_output=True, text=True)
    bytes_of = {name: numbers for name, *numbers in map(str.split, ours.stdout.splitlines())}
    print("| network | ztilde, bytes a row | with all scratch | PyTorch, bytes a row | ratio |\n|---|---|---|---|---|")
    for name, _, line in read_networks([]):
        if name not in bytes_of:
            continue  # of images
        own, scratch = map(float, bytes_of[name])
        other = bytes_at_peak(line)
        print(f"| {name} | {own:,.0f} | {scratch:,.0f} | {other:,.0f} | {own / other:.2f} |")


if __name__ == "__main__":
    main()
