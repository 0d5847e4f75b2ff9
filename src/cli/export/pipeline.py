"""A model of ncsn as a pipeline of diffusers: https://huggingface.co/docs/diffusers.

    from diffusers import DiffusionPipeline
    pipeline = DiffusionPipeline.from_pretrained("FOLDER or USER/NAME", trust_remote_code=True)
    images = pipeline(batch_size=4, generator=torch.Generator().manual_seed(1)).images

With the same seed and class, these are the images of `ncsn sample`.
"""

import json

import numpy as np
from diffusers import DiffusionPipeline, ImagePipelineOutput, OnnxRuntimeModel

from .sample_onnx import sample


class NcsnPipeline(DiffusionPipeline):
    def __init__(self, network: OnnxRuntimeModel):
        super().__init__()
        self.register_modules(network=network)

    @property
    def classes(self):
        """The names of the classes, in the order of their numbers; none if the model has none."""
        return [each["name"] for each in self._metadata("card").get("classes", [])]

    def __call__(
        self, batch_size=1, generator=None, class_label=None, output_type="pil", return_dict=True
    ):
        """Draws images. The generator gives the seed; the class is a number or a name."""
        session = self.network.model
        labels = {}
        if any(each.name == "class" for each in session.get_inputs()):
            classes = self.classes
            label = len(classes) if class_label is None else class_label  # the last one is none
            label = classes.index(label) if isinstance(label, str) else label
            labels["class"] = np.array([label], np.int64)
        elif class_label is not None:
            raise ValueError("this model has no classes")

        def score(x, sigma):
            return session.run(["score"], {"x": x, "sigma": sigma.reshape(1), **labels})[0]

        [x] = [each for each in session.get_inputs() if each.name == "x"]
        seed = 1 if generator is None else generator.initial_seed()
        shape = (batch_size, *x.shape[1:])
        images = sample(score, self._metadata("step_table"), seed, shape).transpose(0, 2, 3, 1)
        if output_type == "pil":
            images = self.numpy_to_pil(images)
        return ImagePipelineOutput(images=images) if return_dict else (images,)

    def _metadata(self, name):
        return json.loads(self.network.model.get_modelmeta().custom_metadata_map[name])
