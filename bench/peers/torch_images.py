"""The networks of images of networks/*.json as a PyTorch module, channels_last."""

import torch
from torch import nn

from common import EPSILON, KEEP, Network

WITHOUT_TENSORS = {
    "max_pool": lambda layer: nn.MaxPool2d(layer.get("kernel", 2), layer.get("stride", 2)),
    "global_average_pool": lambda _: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "flatten": lambda _: nn.Flatten(),
    "add": lambda _: nn.Identity(),
    "shortcut": lambda _: nn.Identity(),
}


def convolution(inputs: int, layer: dict) -> nn.Conv2d:
    sizes = [layer.get(name, default) for name, default in (("kernel", 3), ("stride", 1), ("padding", 1))]
    groups = inputs if layer.get("depthwise", False) else 1
    return nn.Conv2d(inputs, layer["outputs"], *sizes, groups=groups, bias=layer.get("bias", True))


class ImageModel(nn.Sequential):
    """Takes flat rows, as all peers get them, whose numbers lie channels last."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.image, self.layers = network.image, network.layers
        height, width, channels = network.image
        size, sizes, flat = (height, width), [], False  # sizes: pixels and channels that leave each layer
        for index, layer in enumerate(network.layers):
            kind = layer["layer"]
            if kind == "shortcut":
                size, channels = sizes[index - layer["back"]]
            if kind == "conv2d":
                module = convolution(channels, layer)
                channels = layer["outputs"]
                size = tuple((n + 2 * module.padding[0] - module.kernel_size[0]) // module.stride[0] + 1 for n in size)
            elif kind == "dense":
                outputs = layer.get("outputs", network.outputs)
                module, channels = nn.Linear(channels, outputs, bias=layer.get("bias", True)), outputs
            elif kind == "batch_norm":
                norm = nn.BatchNorm1d if flat else nn.BatchNorm2d
                module = norm(channels, eps=EPSILON, momentum=1 - KEEP)
            elif kind == "activation":
                module = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}[layer["kind"]]()
            else:
                module = WITHOUT_TENSORS[kind](layer)
            if kind == "max_pool":
                size = tuple((n - module.kernel_size) // module.stride + 1 for n in size)
            if kind in ("flatten", "global_average_pool"):
                channels, flat = channels * (size[0] * size[1] if kind == "flatten" else 1), True
            sizes.append((size, channels))
            self.append(module)
        self.to(memory_format=torch.channels_last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width, channels = self.image
        x = x.reshape(-1, height, width, channels).permute(0, 3, 1, 2)  # channels_last in memory
        outputs: list[torch.Tensor] = []
        for module, layer in zip(self, self.layers):
            if layer["layer"] == "shortcut":
                x = outputs[len(outputs) - layer["back"]]
            elif layer["layer"] == "add":
                x = x + outputs[len(outputs) - layer["back"]]
            else:
                x = module(x)
            outputs.append(x)
        return x
