"""What all peers written in Python share: the network, its rows, and the talk with compare.py."""

import dataclasses
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))
RATE, DECAY = 1e-3, 0.01
KEEP, EPSILON = 0.9, 1e-5
NETWORKS = Path(__file__).resolve().parent.parent.parent / "networks"


@dataclasses.dataclass(frozen=True)
class Network:
    """A line of bench/shapes/networks.txt, or of image_networks.txt: with an image and layers."""

    name: str
    inputs: int
    hidden: tuple[int, ...]
    outputs: int
    activation: str
    batch: int
    task: str
    image: tuple[int, int, int] | None = None  # height, width, channels
    layers: tuple[dict, ...] = ()  # of a file of networks/, without the standardise, instead of hidden widths

    @property
    def widths(self) -> list[int]:
        return [self.inputs, *self.hidden, self.outputs]


def parse_network(line: str) -> Network:
    name, inputs, hidden, outputs, activation, batch, task = line.split()
    if hidden.endswith(".json"):
        height, width, channels = map(int, inputs.split("x"))
        described = json.loads((NETWORKS / hidden).read_text(encoding="utf-8"))["layers"]
        layers = tuple(layer for layer in described if layer["layer"] != "standardise")
        size = height * width * channels
        image = (height, width, channels)
        return Network(name, size, (), int(outputs), activation, int(batch), task, image, layers)
    widths: list[int] = []
    for part in hidden.split(","):
        width, _, count = part.partition("x")
        widths += [int(width)] * int(count or 1)
    return Network(name, int(inputs), tuple(widths), int(outputs), activation, int(batch), task)


@dataclasses.dataclass(frozen=True)
class Rows:
    """Standardised inputs, made ready beforehand, and batches of shuffled row numbers."""

    inputs: np.ndarray  # [rows, columns] float32
    targets: np.ndarray  # [rows] int64 classes or float32 values
    batches: np.ndarray  # [batches, rows of a batch] int64


def read_rows(folder: Path, network: Network) -> Rows:
    classify = network.task == "classify"
    path = folder / f"{network.task}-{network.inputs}"
    raw = np.fromfile(f"{path}.inputs", np.uint8 if classify else np.float32).reshape(-1, network.inputs)
    deviation = raw.std(axis=0, dtype=np.float64)
    inputs = (raw - raw.mean(axis=0, dtype=np.float64)) / np.where(deviation > 0, deviation, 1)
    targets = np.fromfile(f"{path}.targets", np.float32)
    count = len(raw) // network.batch
    order = np.random.default_rng(0).permutation(count * network.batch)
    return Rows(
        np.ascontiguousarray(inputs, np.float32),
        targets.astype(np.int64) if classify else targets,
        order.reshape(count, network.batch),
    )


Work = Callable[[int], None]  # does something that many times and returns when all is done


def seconds_of(work: Work, times: int) -> float:
    begin = time.perf_counter()
    work(times)
    return time.perf_counter() - begin


def repeat(work: Callable[[], object]) -> Work:
    def times(count: int) -> None:
        for _ in range(count):
            work()

    return times


def fastest(candidates: dict[str, Work]) -> tuple[str, Work]:
    """The candidate with the smallest lower quartile, tried in turn, and how much longer the others take.
    Those that fail are left out."""
    calls: dict[str, int] = {}
    for name, work in candidates.items():
        try:
            work(3)
            calls[name] = max(1, int(0.1 / max(seconds_of(work, 2) / 2, 1e-6)))
        except Exception as error:  # whatever a compiler may throw
            print(f"{name}: {error}", file=sys.stderr)
    if not calls:
        raise RuntimeError("no way to run this network works")
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(9 if len(calls) > 1 else 0):
        for name, count in calls.items():
            times[name].append(seconds_of(candidates[name], count) / count)
    quartile = {name: statistics.quantiles(times[name])[0] if times[name] else 0.0 for name in calls}
    best = min(calls, key=quartile.__getitem__)
    others = [f"{name} {quartile[name] / quartile[best]:.2f}" for name in calls if name != best]
    return best + (f" (times its time: {' · '.join(others)})" if others else ""), candidates[best]


class Peer:
    """A system under comparison. prepare sets `train`; predictor makes a Work for so many rows."""

    version = ""
    takes_images = False
    train: Work | None = None

    def prepare(self, network: Network, rows: Rows) -> str:
        raise NotImplementedError

    def predictor(self, count: int) -> tuple[str, Work]:
        raise NotImplementedError


def serve(peer: Peer) -> None:
    """Answers the requests of compare.py; what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    folder = Path(sys.argv[1])
    predictors: dict[int, Work] = {}
    print("ready", peer.version, file=answers)
    for request in sys.stdin:
        verb, _, rest = request.strip().partition(" ")
        try:
            if verb == "prepare":
                network = parse_network(rest)
                if network.layers and not peer.takes_images:
                    raise ValueError("its program here has no networks of images")
                predictors.clear()
                notes = [peer.prepare(network, read_rows(folder, network))]
                for count in () if network.layers else (1, 10_000):  # networks of images: training only
                    note, predictors[count] = peer.predictor(count)
                    notes.append(f"{count} rows: {note}")
                print("ok", "; ".join(note for note in notes if note), file=answers)
                continue
            *rows, warm, times = map(int, rest.split())
            work = predictors[rows[0]] if verb == "predict" else peer.train
            if work is None:
                raise ValueError("does not train")
            work(warm)
            print("seconds", seconds_of(work, times), file=answers)
        except Exception as error:  # reported to compare.py, which leaves this peer out
            print("error", " ".join(str(error).split())[:300], file=answers)
