"""Chooses which tiers of ELAN and Praat, or controls of Label Studio, hold labels."""

import re
from collections.abc import Sequence
from pathlib import Path

from emodal_data.core.errors import InputError

_LABEL_TIER = re.compile("emotion|label", re.IGNORECASE)


def label_tiers(path: Path, tiers: Sequence[tuple[str, str, bool]], kind: str = "tier") -> list[int]:
    """The places of the tiers that hold labels. tiers: name, name and type, and whether there are annotations in it.

    kind: what the format calls a tier, for messages.
    Raises InputError if several have annotations, and none says that it is one.
    """
    if named := [index for index, (_, said, _) in enumerate(tiers) if _LABEL_TIER.search(said)]:
        return named
    used = [index for index, (_, _, is_used) in enumerate(tiers) if is_used]
    if len(used) > 1:
        names = ", ".join(tiers[index][0] for index in used)
        raise InputError(
            f"{path}: which {kind} holds the labels: {names}? Put 'emotion' or 'label' into its name or its type"
        )
    return used
