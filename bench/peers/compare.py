"""Runs ztilde and its peers in turn, one process each, and prints how many times as fast ztilde is.

Each round lets every peer run one short chunk while the others are stopped; a ratio is that of two
chunks of one round, so that both met about the same neighbours on the machine.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from peer_process import WITHOUT_NORM, PeerFailure, PeerProcess, start_peers

HERE = Path(__file__).resolve().parent
PEERS = ["ztilde", "torch", "jax", "keras", "onnxruntime", "dlib"]
PREPARE_SECONDS, CHUNK_SECONDS_LIMIT = 900, 120


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def spread(values: list[float]) -> dict[str, float]:
    return {name: quantile(values, share) for name, share in (("p10", 0.1), ("median", 0.5), ("p90", 0.9))}


def read_networks(names: list[str]) -> Iterator[tuple[str, int, str]]:
    """Name, batch and line of each network asked for."""
    lists = [HERE.parent / "shapes" / name for name in ("networks.txt", "image_networks.txt")]
    lines = "".join(path.read_text(encoding="utf-8") for path in lists).splitlines()
    found = {line.split()[0]: line for line in lines if line and not line.startswith("#")}
    for name in names or found:
        if name not in found:
            sys.exit(f"error: no network {name}; known are {', '.join(found)}")
        yield name, int(found[name].split()[5]), found[name]


def calls_in_a_chunk(peer: PeerProcess, request: str, chunk_seconds: float) -> int:
    """How many steps or predictions last about a chunk, judged by the quickest of a few tries."""
    count = 1
    seconds = min(peer.seconds(f"{request} 1 1", CHUNK_SECONDS_LIMIT) for _ in range(3))
    while seconds < chunk_seconds / 4:
        count *= 4
        seconds = peer.seconds(f"{request} 1 {count}", CHUNK_SECONDS_LIMIT)
    return max(1, round(chunk_seconds * count / seconds))


def measure(peers: list[PeerProcess], request: str, options: argparse.Namespace) -> dict[str, dict]:
    """Seconds of one call, by peer: one figure a round. Peers that fail are left out; of a peer's
    variants the faster counts."""
    calls: dict[str, int] = {}
    times: dict[str, list[float]] = {}
    for peer in peers:
        try:
            calls[peer.name] = calls_in_a_chunk(peer, request, options.chunk_seconds)
            times[peer.name] = []
        except PeerFailure as failure:
            if str(failure) != "does not train":
                print(f"{peer.name}: {request}: {failure}", file=sys.stderr)
    if "ztilde" not in calls:
        sys.exit("error: ztilde itself failed, as said above")
    taking_part = [peer for peer in peers if peer.name in calls]
    rounds = options.rounds
    while rounds * min(calls.values()) < options.steps:
        rounds += 1
    for number in range(rounds):
        shift = number % len(taking_part)
        for peer in taking_part[shift:] + taking_part[:shift]:
            count = calls[peer.name]
            warm = 2 if count > 2 else 1
            try:
                seconds = peer.seconds(f"{request} {warm} {count}", CHUNK_SECONDS_LIMIT)
            except PeerFailure as failure:
                print(f"{peer.name}: {request}: {failure}", file=sys.stderr)
                taking_part = [other for other in taking_part if other is not peer]
                del times[peer.name]
                continue
            times[peer.name].append(seconds / count)
    if "ztilde" not in times:
        sys.exit("error: ztilde itself failed, as said above")
    measured: dict[str, dict] = {}
    for name in sorted(times, key=lambda name: statistics.median(times[name])):
        figures = {"ran_as": name, "calls_a_chunk": calls[name], "seconds": times[name]}
        measured.setdefault(name.partition("/")[0], figures)
    return measured


def summarise(measured: dict[str, dict], rows: int) -> dict:
    own = measured["ztilde"]["seconds"]
    summary = {}
    for name, figures in measured.items():
        seconds = figures["seconds"]
        ratios = [other / ours for other, ours in zip(seconds, own)]
        summary[name] = {
            "ran_as": figures["ran_as"],
            "rows_per_second": rows / statistics.median(seconds),
            "ztilde_is_faster_by": spread(ratios),
            "in_quiet_moments": quantile(seconds, 0.1) / quantile(own, 0.1),
            "calls": figures["calls_a_chunk"] * len(seconds),
            "seconds_a_call": spread(seconds),
        }
    return summary


def compare_network(peers: list[PeerProcess], line: str, batch: int, options: argparse.Namespace) -> dict:
    notes, ready = {}, []
    for peer in peers:
        try:
            notes[peer.name] = peer.ask(f"prepare {line}", PREPARE_SECONDS).removeprefix("ok").strip()
            ready.append(peer)
        except PeerFailure as failure:
            notes[peer.name] = f"left out: {failure}"
    result: dict = {"how": notes, "load_average": os.getloadavg()[0], "kinds": {}}
    kinds = [("train", "train", batch)]
    if ".json" not in line:  # networks of images: training only
        kinds += [("predict 1 row", "predict 1", 1), ("predict 10,000 rows", "predict 10000", 10_000)]
    for kind, request, rows in kinds:
        taking_part = [peer for peer in ready if kind == "train" or peer.name != WITHOUT_NORM]
        result["kinds"][kind] = summarise(measure(taking_part, request, options), rows)
    return result


def cell(summary: dict, peer: str) -> str:
    if peer not in summary:
        return "–"
    ratio = summary[peer]["ztilde_is_faster_by"]
    quiet = summary[peer]["in_quiet_moments"]
    return f"{ratio['median']:.2f} ({ratio['p10']:.2f}–{ratio['p90']:.2f}) {quiet:.2f}"


def print_tables(results: dict, peers: list[str]) -> None:
    """Markdown: one row for each network and kind of work, one column for each peer."""
    others = [name for name in peers if name not in ("ztilde", WITHOUT_NORM)]
    print("\nTimes as fast as the peer: median (10th–90th percentile) in quiet moments")
    print("\n| network | work | ztilde, rows/s | " + " | ".join(others) + " | best peer |")
    print("|---|---|---|" + "---|" * (len(others) + 1))
    best_of: dict[str, list[float]] = {}
    for network, result in results.items():
        for kind, summary in result["kinds"].items():
            taking_part = [name for name in others if name in summary]
            ratios = {name: summary[name]["ztilde_is_faster_by"]["median"] for name in taking_part}
            best = "–"
            if ratios:
                peer = min(ratios, key=ratios.__getitem__)
                quiet = min(summary[name]["in_quiet_moments"] for name in taking_part)
                best_of.setdefault(kind, []).append(ratios[peer])
                best_of.setdefault(f"{kind}, in quiet moments", []).append(quiet)
                best = f"{ratios[peer]:.2f} {peer}; {quiet:.2f} in quiet"
            cells = " | ".join(cell(summary, name) for name in others)
            own = f"{summary['ztilde']['rows_per_second']:,.0f}"
            print(f"| {network} | {kind} | {own} | {cells} | {best} |")
    for kind, ratios in best_of.items():
        mean = statistics.geometric_mean(ratios)
        print(f"\nGeometric mean over the best peer of each network, {kind}: {mean:.2f}")
    print_norm_shares(results)
    loads = [result["load_average"] for result in results.values()]
    print(f"\nLoad average: {min(loads):.1f} to {max(loads):.1f}; about 1 to 2 when nothing else runs")
    print("\nHow each peer ran:")
    for network, result in results.items():
        for name, note in result["how"].items():
            print(f"- {network}, {name}: {note}")


def print_norm_shares(results: dict) -> None:
    """How much of ztilde's step the same network without batch norm does not need."""
    shares = []
    for network, result in results.items():
        without = result["kinds"]["train"].get(WITHOUT_NORM)
        if without:
            share = {name: 1 - ratio for name, ratio in without["ztilde_is_faster_by"].items()}
            shares.append(f"{network} {share['median']:.0%} ({share['p90']:.0%} to {share['p10']:.0%})")
    if shares:
        print(f"\nShare of batch norm in ztilde's training step: {'; '.join(shares)}")


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def parse_options() -> argparse.Namespace:
    names = lambda text: [name for name in text.split(",") if name]
    parser = argparse.ArgumentParser(prog="scripts/bench-peers", description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=names, default=[], help="of bench/shapes/*networks.txt, by commas")
    parser.add_argument("--peers", type=names, default=PEERS, help=f"by commas; all: {','.join(PEERS)}")
    parser.add_argument("--steps", type=int, default=40, help="timed calls of each peer, at least (40)")
    parser.add_argument("--rounds", type=int, default=41, help="chunks of each peer, at least (41)")
    parser.add_argument("--chunk-seconds", type=float, default=0.05, help="length of a chunk (0.05)")
    parser.add_argument("--threads", type=int, default=2, help="threads and cores of each (2)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--quick", action="store_true", help="few short rounds: does everything work?")
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.steps, options.rounds, options.chunk_seconds = 5, 5, 0.02
    options.peers = ["ztilde", *[name for name in options.peers if name != "ztilde"]]
    unknown = set(options.peers) - set(PEERS)
    if unknown:
        parser.error(f"unknown peers {', '.join(unknown)}; known are {', '.join(PEERS)}")
    return options


def main() -> None:
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no stopped process stays behind
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    networks = list(read_networks(options.networks))
    peers, left_out = start_peers([*options.peers, WITHOUT_NORM], options)
    if not peers or peers[0].name != "ztilde":
        sys.exit(f"error: ztilde itself does not start: {left_out.get('ztilde')}")
    report = {
        "processor": processor(),
        "threads": options.threads,
        "versions": {peer.name: peer.version for peer in peers},
        "left_out": left_out,
        "networks": {},
    }
    print(f"Processor: {report['processor']}, {options.threads} threads")
    print("Versions: ztilde " + "; ".join(dict.fromkeys(report["versions"].values())))
    for name, why in left_out.items():
        print(f"Left out: {name}: {why}")
    try:
        for name, batch, line in networks:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            report["networks"][name] = compare_network(peers, line, batch, options)
            if options.json:
                options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    finally:
        for peer in peers:
            peer.end()
    print_tables(report["networks"], list(dict.fromkeys(peer.name.partition("/")[0] for peer in peers)))


if __name__ == "__main__":
    main()
