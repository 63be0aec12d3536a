"""The DynamoDB tables that template.yaml declares, as the local AWS creates them.

The template is read as data: CloudFormation's tags (!Ref, !Sub …) are kept as one-key mappings and never resolved, because nothing
that a local table needs depends on them. Encryption, recovery and protection are AWS's business and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.template_file import plain


class BadTemplate(RuntimeError):
    """The template is not there, cannot be read, or declares a table that cannot be made locally."""


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One table: `CoreTable` in the template is `pokea-core` locally and `POKEA_CORE_TABLE` in the environment."""

    logical_id: str
    name: str
    setting: str
    create: Mapping[str, Any]  # arguments of CreateTable
    ttl_attribute: str | None

    def matches(self, description: Mapping[str, Any]) -> bool:
        """Whether a table that exists already has the keys and indexes that the template asks for."""
        same_keys = description.get("KeySchema") == self.create["KeySchema"]
        return same_keys and _index_keys(description) == _index_keys(self.create)


def load_tables(template: Path) -> tuple[TableSpec, ...]:
    """Every AWS::DynamoDB::Table of the template, in its order. Raises BadTemplate."""
    try:
        document = plain(template)
    except (OSError, yaml.YAMLError) as problem:
        raise BadTemplate(f"{template}: {problem}") from None
    resources = document.get("Resources", {}) if isinstance(document, dict) else {}
    tables = [
        _table_spec(logical_id, resource.get("Properties", {}))
        for logical_id, resource in resources.items()
        if resource.get("Type") == "AWS::DynamoDB::Table"
    ]
    if not tables:
        raise BadTemplate(f"{template}: declares no AWS::DynamoDB::Table")
    return tuple(tables)


def _table_spec(logical_id: str, properties: Mapping[str, Any]) -> TableSpec:
    words = re.findall(r"[A-Z][a-z0-9]*", logical_id.removesuffix("Table"))
    if not words or not properties.get("KeySchema"):
        raise BadTemplate(f"{logical_id}: a table needs a name in CamelCase and a KeySchema")
    name = "-".join(["pokea", *words]).lower()
    kept = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
    create: dict[str, Any] = {"TableName": name, "BillingMode": "PAY_PER_REQUEST"}
    create |= {member: properties[member] for member in kept if member in properties}
    if stream := properties.get("StreamSpecification"):
        create["StreamSpecification"] = {"StreamEnabled": True, **stream}
    ttl = properties.get("TimeToLiveSpecification", {})
    setting = "_".join(["POKEA", *words, "TABLE"]).upper()
    return TableSpec(logical_id, name, setting, create, ttl.get("AttributeName") if ttl.get("Enabled") else None)


def _index_keys(table: Mapping[str, Any]) -> dict[str, Any]:
    indexes = [*table.get("GlobalSecondaryIndexes", ()), *table.get("LocalSecondaryIndexes", ())]
    return {index["IndexName"]: index["KeySchema"] for index in indexes}
