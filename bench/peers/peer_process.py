"""A peer as a process of its own, stopped whenever it is not asked something."""

import argparse
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
START_SECONDS = 300
JEMALLOC = ["/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", "/usr/lib/aarch64-linux-gnu/libjemalloc.so.2"]


class PeerFailure(Exception):
    """What the peer said, or that it ended or took too long."""


class PeerProcess:
    """`name` is the peer's, with "/variant" where it runs in more than one environment."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.name = name
        self._log = log.open("w", encoding="utf-8")
        self._process = subprocess.Popen(
            command,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self.version = self._answer(START_SECONDS).removeprefix("ready ")
        self._process.send_signal(signal.SIGSTOP)

    def ask(self, request: str, limit: float) -> str:
        if self._process.poll() is not None:
            raise PeerFailure(f"ended with code {self._process.returncode}")
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.stdin.write(request.encode() + b"\n")
            self._process.stdin.flush()
            answer = self._answer(limit)
        except BrokenPipeError as error:
            raise PeerFailure("ended") from error
        self._process.send_signal(signal.SIGSTOP)
        if answer.startswith("error"):
            raise PeerFailure(answer.removeprefix("error").strip())
        return answer

    def seconds(self, request: str, limit: float) -> float:
        return float(self.ask(request, limit).removeprefix("seconds"))

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _answer(self, limit: float) -> str:
        ready, _, _ = select.select([self._process.stdout], [], [], limit)
        line = self._process.stdout.readline().decode() if ready else ""
        if not line.endswith("\n"):
            self._process.kill()
            self._process.wait()
            why = f"ended with code {self._process.returncode}" if ready else f"no answer in {limit:.0f} s"
            raise PeerFailure(f"{why}; see {self._log.name}")
        return line.strip()


# ztilde again, training the same networks without their batch norms: what those cost.
WITHOUT_NORM = "ztilde without batch norm"

# PyTorch's OpenMP threads spin while they wait, which is best on cores of one's own, or sleep at once,
# which is best where others want the cores. Both are run; the faster counts.
VARIANTS = {"torch": {"torch/spinning": {}, "torch/sleeping": {"OMP_WAIT_POLICY": "passive"}}}


def environment_of(peer: str, options: argparse.Namespace) -> dict[str, str]:
    threads = str(options.threads)
    environment = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    if peer == "torch":
        environment["TORCHINDUCTOR_CACHE_DIR"] = str(options.rows.resolve() / "inductor")
        allocator = next((path for path in JEMALLOC if Path(path).exists()), None)
        if allocator:
            environment |= {"LD_PRELOAD": allocator, "MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1"}
    if peer == "dlib" and " avx512f " in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        # OpenBLAS takes older kernels on processors that it does not know.
        environment["OPENBLAS_CORETYPE"] = "SkylakeX"
    return environment


def command_of(peer: str, options: argparse.Namespace) -> list[str]:
    if peer == WITHOUT_NORM:
        return [*command_of("ztilde", options), "--without-norm"]
    if peer in ("ztilde", "dlib"):
        command = [str(options.build / "bench" / f"peer_{peer}"), str(options.rows)]
        return command + (["--threads", str(options.threads)] if peer == "ztilde" else [])
    return [sys.executable, "-W", "ignore", str(HERE / f"peer_{peer}.py"), str(options.rows)]


def start_peers(names: list[str], options: argparse.Namespace) -> tuple[list[PeerProcess], dict[str, str]]:
    """Those that start, in the order asked for, and why the others do not."""
    peers, left_out = [], {}
    for peer in names:
        for name, extra in VARIANTS.get(peer, {peer: {}}).items():
            log = options.rows / f"{name.replace('/', '-').replace(' ', '-')}.log"
            try:
                environment = environment_of(peer, options) | extra
                peers.append(PeerProcess(name, command_of(peer, options), environment, log))
            except (OSError, PeerFailure) as failure:
                left_out[name] = str(failure)
    return peers, left_out
