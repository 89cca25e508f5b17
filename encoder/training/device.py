"""Where a training computes, and in which number format."""

import time

import torch


def chosen_device(name: str) -> torch.device:
    """The device of this name; `auto` is a GPU where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def half_pays() -> bool:
    """Whether this CPU multiplies bfloat16 faster than float32; some that have instructions for it
    take longer.
    """
    seconds = []
    for dtype in (torch.float32, torch.bfloat16):
        rows, columns = torch.ones(4096, 384, dtype=dtype), torch.ones(384, 1536, dtype=dtype)
        tried = []
        for _ in range(5):
            began = time.perf_counter()
            _ = rows @ columns
            tried.append(time.perf_counter() - began)
        seconds.append(min(tried))
    return seconds[1] < seconds[0]
