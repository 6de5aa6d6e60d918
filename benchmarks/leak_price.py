"""Runs the leakage audit on a dataset and measures its cost.

python benchmarks/leak_price.py DATASET [--out docs/benchmarks]
"""

import argparse
import time
from pathlib import Path

from sheet import finish, machine

from emodal_data.dataset.folder import read_manifest
from emodal_data.dataset.split.leak_price import format_price, leak_price


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    films = len(read_manifest(asked.dataset)["films"])
    before_s = time.process_time()
    price = leak_price(asked.dataset)
    cpu_s = time.process_time() - before_s
    if price is None:
        raise SystemExit(f"{asked.dataset}: fewer than two classes on the training side")
    body = f"""{machine("scikit-learn")}; `emodal leak-price` on a dataset of {films} films: {cpu_s:.1f} CPU-s.

```
{format_price(price)}
```

Accuracy of two simple models on the training side, every part held out once (docs/split.md). The first row holds out
samples although copies of the same clips are trained on; the last ones hold out what a user will bring: other films
and other people.
"""
    finish("leak-price", "The price of a leak", body, asked.out)


if __name__ == "__main__":
    main()
