"""What the files of sentence-transformers say beside a Hugging Face model: how states become one
vector, and what stands in front of a text.

    modules.json                        the modules in order, each with its type and folder
    <folder of Pooling>/config.json     pooling_mode_*: one of them true
    <folder of Dense>/                  config.json and weights of a linear map behind the pooling
    sentence_bert_config.json           max_seq_length
    config_sentence_transformers.json   prompts by name, default_prompt_name

A model without them is read as the mean of its states, without a prompt.

https://sbert.net/docs/package_reference/sentence_transformer/models.html
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from encoder.serving.artifact import ArtifactError

MEAN, FIRST, LAST, MAX, WEIGHTED = "mean", "cls", "lasttoken", "max", "weightedmean"
# the root of a length is a scale, and vectors are of length 1 in the end
POOLINGS = {
    "pooling_mode_mean_tokens": MEAN,
    "pooling_mode_mean_sqrt_len_tokens": MEAN,
    "pooling_mode_cls_token": FIRST,
    "pooling_mode_lasttoken": LAST,
    "pooling_mode_max_tokens": MAX,
    "pooling_mode_weightedmean_tokens": WEIGHTED,
}
ACTIVATIONS = {"Tanh": nn.Tanh, "Identity": nn.Identity, "ReLU": nn.ReLU, "GELU": nn.GELU}
# of items, in the order in which sentence-transformers looks for them for documents
DOCUMENT_PROMPTS = ("document", "passage", "corpus")


class SentenceFiles(NamedTuple):
    """How a model's states become a vector. `pooling`: one of the module's constants; `dense`: what
    follows it; `prompt`: text in front of every item's; `max_tokens`: None where none is said.
    """

    pooling: str
    dense: nn.Sequential
    prompt: str
    max_tokens: int | None


def read_sentence_files(folder: Path) -> SentenceFiles:
    """Read what lies in a model's folder; the defaults where nothing does.

    Raises
    ------
    ArtifactError
        A pooling, a module or an activation that is not known here.

    """
    pooling, dense = MEAN, []
    for kind, inside in _modules(folder):
        if kind == "Pooling":
            pooling = _pooling(folder / inside)
        elif kind == "Dense":
            dense += _dense(folder / inside)
        elif kind not in ("Transformer", "Normalize"):
            msg = f"{folder}: expected Transformer, Pooling, Dense and Normalize, found {kind}"
            raise ArtifactError(msg)
    prompts = _json(folder / "config_sentence_transformers.json")
    limit = _json(folder / "sentence_bert_config.json").get("max_seq_length")
    longest = None if limit is None else int(limit)
    return SentenceFiles(pooling, nn.Sequential(*dense).eval(), _prompt(prompts), longest)


def pooled(states: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """Vectors (n, dim) of states (n, tokens, dim) under a mask (n, tokens), padding behind."""
    weights = mask.float()
    if pooling == FIRST:
        return states[:, 0]
    if pooling == LAST:
        return states[torch.arange(len(states)), mask.sum(1) - 1]
    if pooling == MAX:
        return states.masked_fill(mask[..., None] == 0, -torch.inf).amax(1)
    if pooling == WEIGHTED:  # by the place, from 1 on
        weights = weights * torch.arange(1, mask.shape[1] + 1, device=mask.device)
    return (states * (weights / weights.sum(1, keepdim=True))[..., None]).sum(1)


def _modules(folder: Path) -> Iterator[tuple[str, str]]:
    """Type, without its module, and folder of each."""
    path = folder / "modules.json"
    if path.is_file():
        for module in json.loads(path.read_text(encoding="utf-8")):
            yield module["type"].rpartition(".")[2], module["path"]
    elif (folder / "1_Pooling").is_dir():
        yield "Pooling", "1_Pooling"


def _pooling(folder: Path) -> str:
    config = _json(folder / "config.json")
    chosen = [mode for mode, asked in config.items() if mode.startswith("pooling_mode") and asked]
    if not chosen:
        return MEAN
    if len(chosen) > 1 or chosen[0] not in POOLINGS:
        msg = f"{folder}: expected one of {', '.join(POOLINGS)}, found {', '.join(chosen)}"
        raise ArtifactError(msg)
    return POOLINGS[chosen[0]]


def _dense(folder: Path) -> list[nn.Module]:
    config = _json(folder / "config.json")
    name = str(config.get("activation_function", "torch.nn.modules.linear.Identity"))
    activation = ACTIVATIONS.get(name.rpartition(".")[2])
    if activation is None:
        msg = f"{folder}: expected an activation among {', '.join(ACTIVATIONS)}, found {name}"
        raise ArtifactError(msg)
    weights = folder / "model.safetensors"
    if weights.is_file():
        state = load_file(str(weights))
    else:
        state = torch.load(folder / "pytorch_model.bin", map_location="cpu", weights_only=True)
    bias = state.get("linear.bias")
    linear = nn.Linear(config["in_features"], config["out_features"], bias=bias is not None)
    linear.load_state_dict({name.removeprefix("linear."): value for name, value in state.items()})
    return [linear, activation()]


def _prompt(config: Mapping[str, Any]) -> str:
    prompts = config.get("prompts") or {}
    named = [*DOCUMENT_PROMPTS, config.get("default_prompt_name")]
    return next((prompts[name] for name in named if prompts.get(name)), "")


def _json(path: Path) -> dict[str, Any]:
    """An object of a JSON file, empty where there is no such file."""
    if not path.is_file():
        return {}
    fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return fields
