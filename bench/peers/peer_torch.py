"""PyTorch: eager or compiled, AdamW fused or foreach, one thread or all, the fastest for the network."""

import itertools

import torch
import torch._inductor.config
from torch import nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from common import DECAY, EPSILON, KEEP, RATE, THREADS, Network, Peer, Rows, Work, fastest, repeat, serve
from torch_images import ImageModel

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}


def make_model(network: Network) -> nn.Sequential:
    torch.manual_seed(0)
    if network.layers:
        return ImageModel(network)
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(network.widths[:-1]):
        layers += [
            nn.Linear(inputs, outputs, bias=False),
            nn.BatchNorm1d(outputs, eps=EPSILON, momentum=1 - KEEP),
            ACTIVATIONS[network.activation](),
        ]
    return nn.Sequential(*layers, nn.Linear(network.widths[-2], network.outputs))


def fold(model: nn.Sequential) -> nn.Sequential:
    """The same network for prediction, batch norm in the weights."""
    layers: list[nn.Module] = []
    for layer in model.eval():
        if isinstance(layer, nn.BatchNorm1d):
            layers[-1] = fuse_linear_bn_eval(layers[-1], layer)
        else:
            layers.append(layer)
    return nn.Sequential(*layers)


def on_one_thread(work: Work) -> Work:
    def times(count: int) -> None:
        torch.set_num_threads(1)
        work(count)
        torch.set_num_threads(THREADS)

    return times


class Torch(Peer):
    version = f"PyTorch {torch.__version__}"
    takes_images = True

    def prepare(self, network: Network, rows: Rows) -> str:
        torch._dynamo.reset()
        self.network = network
        self.inputs = torch.from_numpy(rows.inputs)
        self.targets = torch.from_numpy(rows.targets)
        self.batches = list(torch.from_numpy(rows.batches))
        eager, compiled = self.trainer(compiled=False, fused=True), self.trainer(compiled=True, fused=True)
        ways = {
            "eager, fused AdamW": eager,
            "eager, foreach AdamW": self.trainer(compiled=False, fused=False),
            "compiled, fused AdamW": compiled,
        }
        if not network.layers:  # a step of images has work for all threads
            ways["eager, fused AdamW, 1 thread"] = on_one_thread(eager)
            ways["compiled, fused AdamW, 1 thread"] = on_one_thread(compiled)
        name, self.train = fastest(ways)
        return name

    def trainer(self, *, compiled: bool, fused: bool) -> Work:
        self.model = model = make_model(self.network).train()
        kind = {"fused": fused, "foreach": not fused}
        optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY, **kind)
        batches = itertools.cycle(self.batches)

        def loss_of(x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            if self.network.task == "classify":
                return nn.functional.cross_entropy(model(x), target)
            return nn.functional.mse_loss(model(x)[:, 0], target)

        if compiled:
            loss_of = torch.compile(loss_of, dynamic=False)

        def step() -> None:
            rows = next(batches)
            loss = loss_of(self.inputs.index_select(0, rows), self.targets.index_select(0, rows))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()

        return repeat(step)

    def predictor(self, count: int) -> tuple[str, Work]:
        model = fold(make_model(self.network))
        x = self.inputs[:count].clone()
        torch._inductor.config.freezing = True
        with torch.inference_mode():
            compiled = torch.compile(model, dynamic=False)

        def of(run: nn.Module) -> Work:
            def times(repeats: int) -> None:
                with torch.inference_mode():
                    for _ in range(repeats):
                        run(x)

            return times

        try:
            return fastest({"eager, folded": of(model), "compiled, folded": of(compiled)})
        finally:
            torch._inductor.config.freezing = False


if __name__ == "__main__":
    torch.set_num_threads(THREADS)
    serve(Torch())
