"""Run by the SAM CLI's own interpreter, which has the translator: a template with SAM in it → CloudFormation, both as JSON.

python sam_transform.py < template.json > processed.json
"""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

from samtranslator.translator.transform import transform  # type: ignore[import-not-found]


def main() -> None:
    json.dump(transform(json.load(sys.stdin), {}, SimpleNamespace(load=dict)), sys.stdout)


if __name__ == "__main__":
    main()
