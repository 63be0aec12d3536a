from __future__ import annotations

from pathlib import Path

import pytest

from local.aws_tables import BadTemplate, TableSpec, load_tables

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Conditions:
  IsLive: !Equals [!Ref Stage, live]
Resources:
  CoreTable:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: !If [IsLive, Retain, Delete]
    Properties:
      TableName: !Sub "pokea-${Stage}-core"
      BillingMode: PAY_PER_REQUEST
      DeletionProtectionEnabled: !Ref DeletionProtection
      SSESpecification: {SSEEnabled: true}
      TimeToLiveSpecification: {AttributeName: expires_at, Enabled: true}
      AttributeDefinitions:
        - {AttributeName: pk, AttributeType: S}
        - {AttributeName: gsi1pk, AttributeType: S}
      KeySchema:
        - {AttributeName: pk, KeyType: HASH}
      GlobalSecondaryIndexes:
        - IndexName: gsi1
          KeySchema: [{AttributeName: gsi1pk, KeyType: HASH}]
          Projection: {ProjectionType: ALL}
  CallRecordsTable:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Voice:
    Type: AWS::Serverless::Function
    Properties:
      Role: !GetAtt Role.Arn
      Handler: app.handler
"""


def tables_of(folder: Path, text: str) -> tuple[TableSpec, ...]:
    path = folder / "template.yaml"
    path.write_text(text)
    return load_tables(path)


def test_every_table_of_the_template_is_found_with_its_keys(tmp_path: Path) -> None:
    core, records = tables_of(tmp_path, TEMPLATE)
    assert (core.name, core.setting, core.ttl_attribute) == ("pokea-core", "POKEA_CORE_TABLE", "expires_at")
    assert (records.name, records.setting, records.ttl_attribute) == (
        "pokea-call-records",
        "POKEA_CALL_RECORDS_TABLE",
        None,
    )
    assert core.create["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert core.create["BillingMode"] == "PAY_PER_REQUEST"
    assert records.create["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}


def test_what_only_aws_can_do_is_left_out(tmp_path: Path) -> None:
    core, _ = tables_of(tmp_path, TEMPLATE)
    assert set(core.create) == {
        "TableName",
        "BillingMode",
        "AttributeDefinitions",
        "KeySchema",
        "GlobalSecondaryIndexes",
    }


def test_a_table_with_other_keys_or_indexes_does_not_match(tmp_path: Path) -> None:
    core, records = tables_of(tmp_path, TEMPLATE)
    assert core.matches({**core.create, "ItemCount": 7})
    assert not core.matches({"KeySchema": core.create["KeySchema"]})
    assert not core.matches(records.create)


@pytest.mark.parametrize("text", ["", "Resources: {}", "a: [", "- 1", TEMPLATE.replace("CoreTable", "table")])
def test_a_template_without_usable_tables_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadTemplate):
        tables_of(tmp_path, text)


def test_a_missing_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadTemplate, match=r"template\.yaml"):
        load_tables(tmp_path / "template.yaml")
