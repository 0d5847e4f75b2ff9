"""A model of ncsn as a pipeline of diffusers: https://huggingface.co/docs/diffusers.

    from diffusers import DiffusionPipeline
    pipeline = DiffusionPipeline.from_pretrained("FOLDER or USER/NAME", trust_remote_code=True)
    images = pipeline(batch_size=4, generator=torch.Generator().manual_seed(1)).images

With the same seed, class and guidance scale, these are the images of `ncsn sample`, which also draws
the same classes if it is not asked for one.
"""

from diffusers import DiffusionPipeline, ImagePipelineOutput

from .sample_onnx import class_number, drawn_classes, image_shape, metadata, sample, score_of


class NcsnPipeline(DiffusionPipeline):
    # Of other pipelines, diffusers does not download .onnx files.
    _is_onnx = True

    def __init__(self, network):
        super().__init__()
        self.register_modules(network=network)

    @property
    def classes(self):
        """The names of the classes, in the order of their numbers; none if the model has none."""
        return [each["name"] for each in metadata(self.network.session, "card").get("classes", [])]

    def __call__(
        self,
        batch_size=1,
        generator=None,
        class_label=None,
        guidance_scale=1.0,
        output_type="pil",
        return_dict=True,
    ):
        """Draws images. The generator gives the seed; the class is a number, a name or a part of one."""
        session = self.network.session
        card = metadata(session, "card")
        seed = 1 if generator is None else generator.initial_seed()
        if class_label is None:
            label = drawn_classes(card, seed, batch_size)
        else:
            label = class_number(card, class_label)
        score = score_of(session, label, guidance_scale)
        table = metadata(session, "step_table")
        shape = (batch_size, *image_shape(session))
        images = sample(score, table, seed, shape).transpose(0, 2, 3, 1)
        if output_type == "pil":
            images = self.numpy_to_pil(images)
        return ImagePipelineOutput(images=images) if return_dict else (images,)
