"""Tables that are set without a library."""

from spotkeeper.cli import plain_table


def test_texts_stand_left_and_numbers_right_under_their_titles() -> None:
    rows = [("g5.xlarge", "1", "0.4"), ("m5.large", "1,234", "12.5")]

    assert list(plain_table.lines(("Type", "Rows", "$/h"), rows, left=1)) == [
        "Type        Rows   $/h",
        "──────────────────────",
        "g5.xlarge      1   0.4",
        "m5.large   1,234  12.5",
    ]


def test_a_rule_of_plain_characters() -> None:
    assert list(plain_table.lines(("A",), [("b",)], left=1, rule="-"))[1] == "-"
