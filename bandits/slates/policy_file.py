"""Write a policy file: the TOML that `bandits.slates.config.parse_config` reads back to the same
settings.

Every key is written, the defaults too, so that a file says all that it does and keeps doing it when
defaults change.
"""

from bandits.slates.config import SlateConfig
from bandits.slates.config_table import LEARN, OFF


def dump_config(config: SlateConfig, comment: str = "") -> str:
    """Return the policy file of `config`; `comment` goes on top, line by line.

    Examples
    --------
    >>> from bandits.slates.config import DEFAULT
    >>> from bandits.slates.config_file import parse_config
    >>> parse_config(dump_config(DEFAULT)) == DEFAULT
    True
    """
    diversity, exposure, exploration, priors = (
        config.diversity,
        config.exposure,
        config.exploration,
        config.priors,
    )
    lines = [f"# {line}" for line in comment.splitlines()]
    lines += [
        f"combiner = {_text(config.combiner)}",
        f"half_life_s = {_number(config.half_life_s, OFF)}",
        f"segments = {_text(config.segments)}",
        f"examination = {_list(config.examination)}",
        f"freshness_half_life_s = {_number(config.freshness_half_life_s)}",
        f"exclude = [{', '.join(map(_text, config.exclude))}]",
        f"draws = {config.draws}",
    ]
    for choice in config.policies:
        lines += ["", f"[policies.{choice.name}]", f"weight = {_number(choice.weight)}"]
        lines += [f"{name} = {_number(value)}" for name, value in choice.options]
    lines += [
        "",
        "[objectives]",
        *(f"{name} = {_number(weight)}" for name, weight in config.objectives),
    ]
    lines += [
        "",
        "[priors]",
        *(
            f"{name} = {_number(getattr(priors, name), LEARN)}"
            for name in priors.__dataclass_fields__
        ),
        "",
        "[diversity]",
        f"kind = {_text(diversity.kind)}",
        f"strength = {_number(diversity.strength)}",
        f"shortlist = {_number(diversity.shortlist)}",
        "",
        "[exposure]",
        f"max_per_category = {_number(exposure.max_per_category, OFF)}",
        f"max_share = {_number(exposure.max_share)}",
        f"min_share = {_number(exposure.min_share)}",
        f"min_share_slots = {exposure.min_share_slots}",
        "",
        "[exploration]",
        f"max_slots = {_number(exploration.max_slots, OFF)}",
        f"min_slots = {exploration.min_slots}",
        f"proven_clicks = {_number(exploration.proven_clicks)}",
        f"floor = {_number(exploration.floor)}",
        f"floor_of = {_text(exploration.floor_of)}",
        "",
        "[users]",
        f"learn = {str(config.users.learn).lower()}",
        "",
        "[repeats]",
        f"window_s = {_number(config.repeats.window_s)}",
        f"cap = {_number(config.repeats.cap, OFF)}",
    ]
    return "\n".join(lines) + "\n"


def _list(values: tuple[float, ...] | None) -> str:
    return _text(LEARN) if values is None else f"[{', '.join(map(_number, values))}]"


def _number(value: float | None, none: str = OFF) -> str:
    return _text(none) if value is None else repr(value)


def _text(value: str) -> str:
    """Return a TOML basic string."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return (
        '"'
        + "".join(char if char.isprintable() else f"\\U{ord(char):08X}" for char in escaped)
        + '"'
    )
