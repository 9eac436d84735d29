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


def test_the_columns_stand_closer_where_there_is_no_room_for_them() -> None:
    titles, rows = ("Type", "Rows", "$/h"), [("g5.xlarge", "1", "0.4")]
    assert plain_table.width(titles, rows) == 9 + 2 + 4 + 2 + 3
    assert plain_table.least_width(titles, rows) == 9 + 1 + 4 + 1 + 3
    roomy = list(plain_table.lines(titles, rows, left=1, room=20))
    assert list(plain_table.lines(titles, rows, left=1)) == roomy
    assert list(plain_table.lines(titles, rows, left=1, room=19)) == [
        "Type      Rows $/h",
        "──────────────────",
        "g5.xlarge    1 0.4",
    ]
