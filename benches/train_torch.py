"""A PyTorch twin of the default U-Net's training step, for `cargo xtask bench train`.

Uses the same network, loss, clipping, Adam, moving average, batch and images as
`benches/train.rs`, and prints the same line. Further arguments: `bf16` turns on PyTorch's mixed
precision, `cuda` trains on a GPU, `compile` compiles the network first. Whatever PyTorch has fused
(group norm, attention, Adam) is used.
"""

import math
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

GROUPS, HEADS, EMBEDDING, PATCH = 8, 4, 128, 2
MEAN, DEVIATION = 0.1307, 0.3081


class Block(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(EMBEDDING, 2 * outputs)
        self.norm2 = nn.GroupNorm(GROUPS, outputs, affine=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x, embedding):
        scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, dim=1)
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.norm2(h) * (scale + 1) + shift
        return self.conv2(F.silu(h)) + self.shortcut(x)


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width)
        self.qkv = nn.Conv2d(width, 3 * width, 1)
        self.out = nn.Conv2d(width, width, 1)

    def forward(self, x):
        n, width, h, w = x.shape
        qkv = self.qkv(self.norm(x)).reshape(n, 3, HEADS, width // HEADS, h * w).transpose(3, 4)
        mixed = F.scaled_dot_product_attention(qkv[:, 0], qkv[:, 1], qkv[:, 2])
        return x + self.out(mixed.transpose(2, 3).reshape(n, width, h, w))


class UNet(nn.Module):
    def __init__(self, fine=48, coarse=96, pixels=PATCH * PATCH):
        super().__init__()
        self.embedding = nn.Sequential(
            nn.Linear(EMBEDDING, EMBEDDING), nn.SiLU(), nn.Linear(EMBEDDING, EMBEDDING), nn.SiLU()
        )
        self.stem = nn.Conv2d(pixels, fine, 3, padding=1)
        self.down_fine = Block(fine, fine)
        self.downsample = nn.Conv2d(4 * fine, coarse, 1)
        self.down_coarse = Block(coarse, coarse)
        self.down_attention = Attention(coarse)
        self.middle = Block(coarse, coarse)
        self.up_coarse = Block(2 * coarse, coarse)
        self.up_attention = Attention(coarse)
        self.upsample = nn.Conv2d(coarse, 4 * fine, 1)
        self.up_fine = Block(2 * fine, fine)
        self.head_norm = nn.GroupNorm(GROUPS, fine)
        self.head = nn.Conv2d(fine, pixels, 3, padding=1)

    def forward(self, x, sigma):
        variance = sigma**2 + DEVIATION**2
        column = lambda v: v[:, None, None, None]
        frequencies = 0.25 * 64.0 ** torch.linspace(0, 1, EMBEDDING // 2)
        angles = sigma.log()[:, None] * frequencies
        embedding = self.embedding(torch.cat([angles.sin(), angles.cos()], dim=1))

        centered = x - MEAN
        h = self.stem(F.pixel_unshuffle(centered * column(variance.rsqrt()), PATCH))
        fine = self.down_fine(h, embedding)
        h = self.downsample(F.pixel_unshuffle(fine, 2))
        coarse = self.down_attention(self.down_coarse(h, embedding))
        h = self.middle(coarse, embedding)
        h = self.up_attention(self.up_coarse(torch.cat([h, coarse], dim=1), embedding))
        h = F.pixel_shuffle(self.upsample(h), 2)
        h = self.up_fine(torch.cat([h, fine], dim=1), embedding)
        raw = F.pixel_shuffle(self.head(F.silu(self.head_norm(h))), PATCH)
        return raw * column(DEVIATION / (sigma * variance.sqrt())) - centered / column(variance)


def main(batch, steps, threads, words):
    if threads:
        torch.set_num_threads(threads)
    narrow, device = "bf16" in words, "cuda" if "cuda" in words else "cpu"
    torch.set_default_device(device)
    torch.manual_seed(0)
    network = UNet()
    average = [p.detach().clone() for p in network.parameters()]
    assert sum(p.numel() for p in network.parameters()) == 957_028
    adam = torch.optim.Adam(network.parameters(), lr=1e-4, betas=(0.9, 0.99), eps=1e-5, fused=True)
    run = torch.compile(network) if "compile" in words else network
    images = torch.randint(0, 256, (4096, 1, 28, 28), dtype=torch.uint8)

    def step():
        x = images[torch.randint(0, len(images), (batch,))].float() / 255
        sigma = (math.log(0.4) + 1.5 * torch.randn(batch)).exp().clamp(0.01, 20.0)
        z = torch.randn_like(x)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=narrow):
            score = run(x + sigma[:, None, None, None] * z, sigma).float()
        error = score * sigma[:, None, None, None] + z
        loss = 0.5 * error.square().flatten(1).sum(1) * (1 + (sigma / DEVIATION) ** 2)
        adam.zero_grad()
        loss.mean().backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, list(network.parameters()), 1e-3)

    def wait():
        if device == "cuda":
            torch.cuda.synchronize()

    for _ in range(3):
        step()
    wait()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    wall, cpu = time.perf_counter(), usage.ru_utime + usage.ru_stime
    for _ in range(steps):
        step()
    wait()
    wall = time.perf_counter() - wall
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime - cpu
    print(f"wall {wall / steps:.6f} cpu {cpu / steps:.6f} batch {batch}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:4]), sys.argv[4:])
