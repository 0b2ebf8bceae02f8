"""The keys of rows: which columns say who a row is, in every form of table."""

import json

import pytest

from mailbatch.errors import InputErrors, RecipientError
from mailbatch.identity import BY_ADDRESS
from mailbatch.job.mapping import load_mapping
from mailbatch.recipients.given import spool_rows
from mailbatch.recipients.plan import plan_recipients
from tests.recipients.workbooks import table, write_workbook

COLUMNS = ("E-Mail", "Order  ID", "child")
ROWS = [
    ("ann@example.com", "A-1", "Tom"),
    ("Ann@Example.com", " A-2 ", "Lea"),
    ("ann@example.com", "a-1", ""),
    ("bob@example.com", "", "Tom"),
]


def in_csv(folder):
    text = "\n".join(",".join(row) for row in (COLUMNS, *ROWS))
    (folder / "people.csv").write_text(text + "\n", encoding="utf-8")
    return {"file": "people.csv"}


def in_json_lines(folder):
    lines = (json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in ROWS)
    (folder / "people.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return {"file": "people.jsonl"}


def in_a_workbook(folder):
    write_workbook(folder / "people.xlsx", {"People": table(COLUMNS, *ROWS)})
    return {"file": "people.xlsx"}


def of_a_program(folder):
    in_csv(folder)
    return {"command": ["cat", "people.csv"]}


def planned(folder, found, **recipients):
    job = {
        "version": 1,
        "name": "news",
        "server": {"host": "smtp.example.com", "username": "App", "password": {"env": "KEY"}},
        "sender": {"from": "news@example.com"},
        "recipients": {"address": "e-mail", **found, **recipients},
        "message": {"subject": "x", "text": "letter.txt"},
    }
    (folder / "letter.txt").write_text("Hello\n", encoding="utf-8")
    return plan_recipients(load_mapping(job, folder), edition="1", variables={})


@pytest.mark.parametrize("made", [in_csv, in_json_lines, in_a_workbook, of_a_program])
def test_a_key_is_the_cell_in_every_form_of_table(tmp_path, made):
    """Found in another case, white space counts as in every name; the cell without that around."""
    plan = planned(tmp_path, made(tmp_path), key="order id")
    assert [" ".join(name.split()) for name in plan.identity.columns] == ["Order ID"]
    rows = list(plan)
    assert [row.key for row in rows] == ["A-1", "A-2", "a-1", ""]
    assert [row.status for row in rows] == ["pending"] * 3 + ["invalid"]
    assert rows[3].reason == f"the key is empty: {plan.identity.columns[0]!r}"


@pytest.mark.parametrize(
    ("recipients", "columns", "by_address", "one_message"),
    [
        ({}, (), True, False),
        ({"key": "E-mail"}, (), True, False),
        ({"group_by": "child"}, (), True, False),
        ({"group_by": "E-Mail"}, (), True, True),
        ({"group_by": ["child", "E-Mail"]}, ("child",), True, True),
        ({"group_by": ["CHILD", "e-mail"]}, ("child",), True, True),
        ({"group_by": ["E-Mail", "child"], "key": "e-mail"}, (), True, False),
        ({"group_by": ["E-Mail", "child"], "key": "order id"}, ("Order ID",), False, False),
        ({"group_by": "E-Mail", "key": ["child", "E-MAIL"]}, ("child",), True, True),
        ({"key": ["order id", "child"]}, ("Order ID", "child"), False, False),
    ],
)
def test_the_identity_follows_from_key_and_groups(
    tmp_path, recipients, columns, by_address, one_message
):
    identity = planned(tmp_path, in_csv(tmp_path), **recipients).identity
    assert (identity.columns, identity.by_address) == (columns, by_address)
    assert identity.one_message is one_message


def test_where_the_address_is_the_key_a_row_needs_none(tmp_path):
    plan = planned(tmp_path, in_csv(tmp_path))
    assert plan.identity == BY_ADDRESS
    assert {row.key for row in plan} == {None}


def test_the_address_in_a_key_is_a_mailbox(tmp_path):
    rows = planned(tmp_path, in_csv(tmp_path), group_by=["E-Mail", "child"])
    assert [row.key for row in rows] == [
        '["ann@example.com","Tom"]',
        '["ann@example.com","Lea"]',
        '["ann@example.com",""]',
        '["bob@example.com","Tom"]',
    ]


def test_an_empty_cell_is_a_value_of_a_group_and_none_of_a_key(tmp_path):
    grouped = planned(tmp_path, in_csv(tmp_path), group_by=["E-Mail", "child"])
    assert {row.status for row in grouped} == {"pending"}
    keyed = list(planned(tmp_path, in_csv(tmp_path), key=["E-Mail", "child"]))
    assert [row.status for row in keyed] == ["pending", "pending", "invalid", "pending"]
    assert keyed[2].reason == "the key is empty: 'child'"


def test_a_row_that_is_left_out_needs_no_key(tmp_path):
    plan = planned(tmp_path, in_csv(tmp_path), key="order id", where="child != 'Tom'")
    assert [row.status for row in plan] == ["filtered", "pending", "pending", "filtered"]


def test_a_list_that_must_be_valid_stops_at_an_empty_key(tmp_path):
    plan = planned(tmp_path, in_csv(tmp_path), key="order id", on_invalid="stop")
    with pytest.raises(InputErrors, match=r"people.csv:5: the key is empty: 'Order ID'"):
        list(plan)


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("order_id", "Did you mean 'Order ID'"),
        ("childs", "Did you mean 'child'"),
        ("number", "E-Mail, Order ID, child"),
    ],
)
def test_a_key_that_is_no_column_is_an_error_with_its_place(tmp_path, key, hint):
    with pytest.raises(RecipientError) as caught:
        planned(tmp_path, in_csv(tmp_path), key=key)
    assert str(caught.value) == f"people.csv:1: no column {key!r}, which recipients.key names"
    assert hint in caught.value.hint


def test_a_key_that_may_be_two_columns_is_an_error(tmp_path):
    (tmp_path / "people.csv").write_text("email,Order,ORDER\nann@example.com,1,2\n")
    with pytest.raises(RecipientError) as caught:
        planned(tmp_path, {"file": "people.csv"}, address="email", key="order")
    assert caught.value.hint == "It could be 'Order' or 'ORDER'."


def test_rows_that_python_gives_have_keys(tmp_path):
    rows = spool_rows([{"email": "ann@example.com", "order": "1"}])
    job = {
        "version": 1,
        "name": "news",
        "server": {"host": "smtp.example.com", "username": "App", "password": {"env": "KEY"}},
        "sender": {"from": "news@example.com"},
        "recipients": {"file": "none.csv", "key": "order"},
        "message": {"subject": "x", "text": "letter.txt"},
    }
    (tmp_path / "letter.txt").write_text("Hello\n", encoding="utf-8")
    plan = plan_recipients(load_mapping(job, tmp_path, table=rows), edition="1", variables={})
    assert [row.key for row in plan] == ["1"]
