"""ONNX Runtime: prediction only, of the network exported from PyTorch."""

import io

import numpy as np
import onnxruntime
import torch

from common import THREADS, Network, Peer, Rows, Work, fastest, repeat, serve
from peer_torch import fold, make_model


def export(model: torch.nn.Module, x: np.ndarray) -> bytes:
    file = io.BytesIO()
    names = {"input_names": ["x"], "output_names": ["y"]}
    torch.onnx.export(model.eval(), torch.from_numpy(x), file, dynamo=False, **names)
    return file.getvalue()


def session_of(model: bytes, threads: int, spin: bool) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spin else "0")
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class OnnxRuntime(Peer):
    version = f"ONNX Runtime {onnxruntime.__version__}"

    def prepare(self, network: Network, rows: Rows) -> str:
        self.network = network
        self.bound: list[np.ndarray] = []  # sessions hold addresses only
        self.inputs = rows.inputs
        return ""

    def predictor(self, count: int) -> tuple[str, Work]:
        x = np.ascontiguousarray(self.inputs[:count])
        y = np.empty((count, self.network.outputs), np.float32)
        self.bound += [x, y]

        def of(model: bytes, threads: int = THREADS, spin: bool = True) -> Work:
            session = session_of(model, threads, spin)
            binding = session.io_binding()
            binding.bind_cpu_input("x", x)
            binding.bind_output("y", "cpu", 0, np.float32, y.shape, y.ctypes.data)
            return repeat(lambda: session.run_with_iobinding(binding))

        plain, folded = export(make_model(self.network), x), export(fold(make_model(self.network)), x)
        candidates = {
            "as exported": of(plain),
            "folded": of(folded),
            "folded, without spinning": of(folded, spin=False),
        }
        if count == 1:
            candidates["folded, 1 thread"] = of(folded, threads=1)
        return fastest(candidates)


if __name__ == "__main__":
    serve(OnnxRuntime())
