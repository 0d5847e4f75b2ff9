"""The network of the pipeline, a component of diffusers that ONNX Runtime executes."""

from pathlib import Path

import onnxruntime


class Network:
    def __init__(self, session):
        self.session = session

    @classmethod
    def from_pretrained(cls, folder, **_):
        """Opens the file in the component's folder, as diffusers asks for it."""
        file = str(Path(folder, "model.onnx"))
        return cls(onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]))
